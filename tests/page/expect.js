/* expect.js - what the page must show after a step, worked out from the trace on its own.
 *
 * The page goes forward through the events and keeps a state. This file looks back instead: for each thing that is
 * shown it finds the last event that says something about it. Two methods that agree are unlikely to be wrong in the
 * same place. */
'use strict';

const SLOT_FIRST = 2;

/* A trace may come without previews. */
const quoted = (preview) => (preview ? ` "${preview}"` : '');

/* Version 1 says "window" where version 2 says "group". */
function fields_of({ window: group, to_window: to_group, ...args }) {
    if (group !== undefined) Object.assign(args, { group });
    if (to_group !== undefined) Object.assign(args, { to_group });
    return { ...args, step: args.step.replace(/^window_/, 'group_') };
}

function events_of(text) {
    return JSON.parse(text)
        .filter((raw) => raw.ph !== 'M')
        .map((raw) => ({
            ...fields_of(raw.args),
            ts: raw.ts,
            name: raw.name,
            told: Boolean(raw.args.call || raw.args.result),
            line: raw.args.call || raw.args.result,
            events: raw.args.events || '', /* none after a time-out */
            session: raw.pid === 2 ? Math.floor(raw.tid / 2) : raw.args.session,
            thread: raw.pid === 1 ? raw.tid : undefined,
        }));
}

/* Returns, for each event, the sessions of each group after it, in the order of their slots. */
function places_of(events) {
    let now = [];
    return events.map((e) => {
        if (!['group_open', 'session_in', 'session_moved', 'session_out'].includes(e.step)) return now;
        now = now.map((group) => [...group]);
        if (e.step === 'group_open') now[e.group] = [];
        if (e.step === 'session_out' || e.step === 'session_moved') {
            const group = now[e.group],
                last = group.pop();
            if (last !== e.session) group[group.indexOf(e.session)] = last;
        }
        if (e.step === 'session_in') now[e.group].push(e.session);
        if (e.step === 'session_moved') now[e.to_group].push(e.session);
        return now;
    });
}

class Expectation {
    constructor(text) {
        this.events = events_of(text);
        this.places = places_of(this.events);
        this.ends = [0];
        this.events.forEach((e, n) => {
            if (e.thread === undefined)
                e.thread = this.places[n].findIndex((group) => group && group.includes(e.session));
            if (e.told) this.ends.push(n + 1);
        });
    }

    get steps() {
        return this.ends.length - 1;
    }

    /* Returns the last of the first `end` events for which `test` holds, or undefined. */
    last(end, test) {
        for (let n = end - 1; n >= 0; n--) if (test(this.events[n], n)) return { ...this.events[n], n };
        return undefined;
    }

    /* Returns the number of a session's slot after event n. */
    slot_of(n, group, session) {
        const at = this.places[n][group] ? this.places[n][group].indexOf(session) : -1;
        return at < 0 ? -1 : at + SLOT_FIRST;
    }

    doing(end, thread) {
        const about = /^(wait|sweep|handler)_(begin|end)$/;
        const e = this.last(
            end,
            (one) =>
                (one.thread === thread && about.test(one.step)) || (one.step === 'group_end' && one.group === thread),
        );
        if (!e) return 'start';
        if (e.step === 'handler_begin') return e.name;
        if (e.step === 'handler_end') {
            return this.last(end, (one) => one.thread === thread && /^sweep/.test(one.step)).step === 'sweep_begin'
                ? 'sweep'
                : 'awake';
        }
        return { wait_begin: 'wait', wait_end: 'awake', sweep_begin: 'sweep', sweep_end: 'awake', group_end: 'ended' }[
            e.step
        ];
    }

    serving(end, thread) {
        const e = this.last(
            end,
            (one) =>
                one.thread === thread &&
                (/^(wait_begin|sweep_begin|sweep_end)$/.test(one.step) || (one.session && !/^session_/.test(one.step))),
        );
        return e && e.session && !/^(wait|sweep)/.test(e.step) ? e.session : 0;
    }

    wait(end, thread) {
        const begin = this.last(end, (one) => one.thread === thread && one.step === 'wait_begin');
        const over = this.last(end, (one) => one.thread === thread && one.step === 'wait_end');
        if (!begin || this.doing(end, thread) === 'ended') return { covers: () => false, returned: -1 };
        const returned = over && over.n > begin.n;
        return {
            covers: (slot) => !returned && slot >= begin.first && slot < begin.first + begin.count,
            returned: returned && over.slot !== undefined ? over.slot : -1,
        };
    }

    /* Returns true if the send or wake event is signaled. */
    own_event_on(end, group, slot) {
        const e = this.last(
            end,
            (one) =>
                (one.thread === group &&
                    ((one.step === 'wait_end' && slot < one.events.length) ||
                        (one.step === 'event_reset' && one.slot === slot) ||
                        (slot === 0 && /^send_(pending|at_once)$/.test(one.step)))) ||
                (slot === 1 && one.step === 'wake_set' && one.group === group),
        );
        if (!e) return false;
        return e.step === 'wait_end' ? e.events[slot] === '1' : e.step === 'wake_set' || e.step === 'send_at_once';
    }

    /* Returns true if a session's event was signaled according to the last trace event about it. The slot is the one
     * that the session had at that time. */
    event_on(end, session) {
        const e = this.last(
            end,
            (one, n) =>
                (one.session === session && /^(recv_|session_in)/.test(one.step)) ||
                (/^(wait_end|event_reset)$/.test(one.step) && one.thread > 0 && this.says(one, n, session)),
        );
        if (e.step === 'wait_end') return e.events[this.slot_of(e.n, e.thread, session)] === '1';
        if (e.step !== 'recv_end') return e.step === 'recv_at_once';
        return this.receive(e.n, session) === 'pending' || this.event_on(e.n, session);
    }

    says(e, n, session) {
        const slot = this.slot_of(n, e.thread, session);
        return slot > 0 && (e.step === 'event_reset' ? e.slot === slot : slot < e.events.length);
    }

    receive(end, session) {
        const e = this.last(end, (one) => one.session === session && /^recv_/.test(one.step));
        if (!e || e.step === 'recv_end') return 'idle';
        if (e.step === 'recv_at_once') return 'done';
        const seen = this.last(
            end,
            (one, n) =>
                n > e.n &&
                one.step === 'wait_end' &&
                one.thread > 0 &&
                this.says(one, n, session) &&
                one.events[this.slot_of(n, one.thread, session)] === '1',
        );
        return seen ? 'done' : 'pending';
    }

    sending(end, session) {
        const e = this.last(end, (one) => one.session === session && /^send_/.test(one.step));
        return !e || e.step === 'send_end' ? 'idle' : e.step === 'send_at_once' ? 'done' : 'pending';
    }

    bytes(end, session, step) {
        return this.events
            .slice(0, end)
            .reduce((sum, e) => sum + (e.session === session && e.step === step ? e.bytes || 0 : 0), 0);
    }

    session(end, id) {
        const come = this.last(end, (one) => one.session === id && one.step === 'recv_end');
        const gone = this.last(end, (one) => one.session === id && /^send_(pending|at_once)$/.test(one.step));
        return {
            session: id,
            recv: this.receive(end, id),
            send: this.sending(end, id),
            in: this.bytes(end, id, 'recv_end'),
            out: this.bytes(end, id, 'send_end'),
            came: come && come.bytes ? `▲ ${come.bytes} B${quoted(come.preview)}` : '▲',
            went: gone ? `▼ ${gone.bytes} B${quoted(gone.preview)}` : '▼',
        };
    }

    slot(end, group, slot, wait, session) {
        const on = session ? this.event_on(end, session) : this.own_event_on(end, group, slot),
            returned = wait.returned === slot;
        return {
            slot,
            event: on ? 'on' : 'off',
            word: returned ? 'returned' : on ? 'signaled' : 'not signaled',
            wait: wait.covers(slot),
            returned,
            ...(session ? this.session(end, session) : { session: 0 }),
        };
    }

    group(end, number, sessions) {
        const wait = this.wait(end, number);
        return {
            number,
            doing: this.doing(end, number),
            serving: this.serving(end, number),
            noc: sessions.length,
            slots: [0, 0, ...sessions].map((session, slot) => this.slot(end, number, slot, wait, session)),
        };
    }

    at(step) {
        const end = this.ends[step],
            places = end ? this.places[end - 1] : [];
        const noc = this.events
            .slice(0, end)
            .reduce((n, e) => n + (e.step === 'session_new') - (e.step === 'session_out'), 0);
        return {
            step,
            line: step ? this.events[end - 1].line : '',
            main: this.doing(end, 0),
            noc,
            groups: places.flatMap((sessions, number) => (sessions ? [this.group(end, number, sessions)] : [])),
        };
    }
}

module.exports = { Expectation };
