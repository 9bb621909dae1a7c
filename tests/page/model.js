/* model.js - a model of the server that writes trace files as server.exe --trace-file does.
 *
 * The page's tests need traces of every kind, the same each time, without Wine. So this file plays the server: Main
 * and the Proactors are generators that stop after each event, a scheduler goes on with one of them, drawn from a
 * seed, and a small kernel completes receives and sends and signals events. The format is described in
 * docs/replay.html.
 */
'use strict';

const GROUP_SESSIONS = 62,
    SLOT_SEND = 0,
    SLOT_WAKE = 1,
    SLOT_FIRST = 2,
    PREVIEW_CHARS = 24;

/* ---- the trace file ---- */

class Trace {
    constructor() {
        this.lines = [];
        this.now = 300;
        this.meta('trace_version', 1, 0, { version: 2 });
        this.meta('process_name', 1, 0, { name: 'threads' });
        this.meta('process_name', 2, 0, { name: 'sessions: what is pending' });
        this.meta('thread_name', 1, 0, { name: 'main' });
    }

    meta(name, pid, tid, args) {
        this.lines.push(JSON.stringify({ ph: 'M', name, pid, tid, args }));
    }

    /* Adds one event, in the thread's lane or, with `lane`, in a session's. */
    event(ph, step, thread, text, args, lane) {
        const event = { ph, ts: this.now, pid: lane === undefined ? 1 : 2, tid: lane === undefined ? thread : lane };
        if (ph !== 'E') event.name = (text || step).replace(/\(.*/s, '');
        if (ph === 'i') event.s = 't';
        event.args = { step, ...args };
        if (text) event.args[ph === 'E' ? 'result' : 'call'] = text;
        this.lines.push(JSON.stringify(event));
        this.now += 4 + ((this.lines.length * 7) % 40);
    }

    text() {
        return '[\n' + this.lines.join(',\n') + '\n]\n';
    }
}

function preview(text) {
    const shown = text.replace(/[\u0000-\u001f\u007f]/g, (c) => ({ '\r': '\\r', '\n': '\\n' })[c] || '.');
    return shown.length > PREVIEW_CHARS ? shown.slice(0, PREVIEW_CHARS) + '...' : shown;
}

const count_of = (n, what) => `${n} ${what}${n === 1 ? '' : 's'}`;
const bytes_of = (text) => Buffer.byteLength(text);

/* ---- the server ---- */

class Model {
    constructor({ chat = false, seed = 1, group_sessions = GROUP_SESSIONS } = {}) {
        Object.assign(this, {
            chat,
            group_sessions,
            trace: new Trace(),
            coming: [],
            groups: [],
            threads: [],
            backlog: [],
        });
        Object.assign(this, { sessions: new Map(), ids: 0, log: [], random: seed, stopping: false });
        this.start();
    }

    /* Returns a pseudo-random number from 0 to n - 1, by Park and Miller's generator. */
    draw(n) {
        this.random = (this.random * 48271) % 2147483647;
        return this.random % n;
    }

    start() {
        this.trace.event('i', 'step', 0, 'WSASocketW(AF_INET6, WSA_FLAG_OVERLAPPED) -> a socket for overlapped I/O');
        this.trace.event('i', 'step', 0, 'bind(port 9000) -> 0');
        this.group_open();
        this.trace.event('i', 'step', 0, 'listen(SOMAXCONN) -> 0: clients can connect');
        this.threads.push({ run: this.main(), ready: () => true });
    }

    group_open() {
        const number = this.groups.length + 1;
        const group = { number, slots: [{ on: false }, { on: false }], word: false, news: false, sending: false };
        this.groups.push(group);
        this.trace.event('i', 'group_open', 0, `_beginthreadex(): proactor ${number} will wait for group ${number}`, {
            group: number,
        });
        this.trace.meta('thread_name', 1, number, { name: `proactor ${number}` });
        group.thread = { run: this.proactor(group), ready: () => true };
        this.threads.push(group.thread);
        return group;
    }

    /* Lets the threads go on, one event at a time, until all of them wait. */
    settle() {
        for (;;) {
            if (this.coming.length > 0 && --this.coming[0].events <= 0) this.coming.shift().action();
            const ready = this.threads.filter((thread) => !thread.ended && thread.ready());
            if (ready.length === 0 && this.coming.length === 0) return;
            if (ready.length === 0) continue;
            const thread = ready[this.draw(ready.length)];
            const { value, done } = thread.run.next();
            thread.ended = done;
            thread.ready = value || (() => true);
        }
    }

    /* ---- what clients do: each call is followed by the server's answer ---- */

    connect() {
        const client = { inbox: [], room: 65536, ended: false };
        this.backlog.push(client);
        this.pass(400);
        return client;
    }

    say(client, text) {
        client.inbox.push(text);
        this.kernel_receive(client.session);
        this.pass(300);
    }

    /* Says the text `events` events later, while the server is busy with other things. */
    say_later(client, text, events) {
        const action = () => {
            client.inbox.push(text);
            this.kernel_receive(client.session);
        };
        this.coming.push({ events, action });
    }

    /* The client reads what was held back, and a pending send completes. */
    read(client) {
        client.room = 65536;
        if (client.session && client.session.send === 'pending') {
            client.session.send_over = true;
            client.session.group.slots[SLOT_SEND].on = true;
        }
        this.pass(200);
    }

    leave(client) {
        client.ended = true;
        this.kernel_receive(client.session);
        this.pass(250);
    }

    pass(milliseconds) {
        this.trace.now += milliseconds * 1000 + this.draw(9000);
        this.settle();
    }

    /* ---- the kernel ---- */

    kernel_receive(session) {
        if (!session || session.recv !== 'pending' || session.recv_over) return;
        if (session.client.inbox.length === 0 && !session.client.ended) return;
        session.recv_over = true;
        session.slot.on = true;
    }

    /* ---- Main ---- */

    *main() {
        for (;;) {
            this.trace.event('B', 'wait_begin', 0, 'accept() ...');
            yield () => this.backlog.length > 0 || this.stopping;
            if (this.backlog.length === 0) break;
            this.trace.event('E', 'wait_end', 0, "-> a client's socket");
            yield;
            yield* this.welcome(this.backlog.shift());
        }
        this.trace.event('E', 'wait_end', 0, '-> INVALID_SOCKET: the listening socket was closed');
        for (const group of this.groups) yield* this.wake(0, group);
        for (const group of this.groups) {
            yield () => group.thread.ended;
            const text = `WaitForSingleObject() -> proactor ${group.number} has ended`;
            this.trace.event('i', 'group_end', 0, text, { group: group.number });
        }
    }

    *welcome(client) {
        const id = ++this.ids,
            from = `127.0.0.1:${50000 + id}`,
            handler = this.chat ? 'chat' : 'echo';
        const session = { id, client, from, handler, recv: 'idle', send: 'idle', fresh: true, cursor: 0, line: '' };
        client.session = session;
        this.sessions.set(id, session);
        this.trace.meta('thread_name', 2, 2 * id, { name: `#${id} ${from} receive` });
        this.trace.meta('thread_name', 2, 2 * id + 1, { name: `#${id} ${from} send` });
        this.trace.event('i', 'session_new', 0, `WSACreateEvent() -> its event; a session for ${from}, ${handler}`, {
            session: id,
            from,
            handler,
        });
        yield;
        const group = this.emptiest();
        session.group = group;
        session.slot = { on: false, session };
        group.slots.push(session.slot);
        const slot = group.slots.length - 1;
        this.trace.event(
            'i',
            'session_in',
            0,
            `s_arr[${slot}] = #${id}, e_arr[${slot}] = its event: group ${group.number}`,
            { session: id, group: group.number, slot },
        );
        yield;
        yield* this.wake(0, group);
    }

    emptiest() {
        const group = this.groups.reduce((a, b) => (b.slots.length < a.slots.length ? b : a));
        return group.slots.length < SLOT_FIRST + this.group_sessions ? group : this.group_open();
    }

    *wake(thread, group) {
        if (group.word) return;
        group.word = group.slots[SLOT_WAKE].on = true;
        this.trace.event('i', 'wake_set', thread, `WSASetEvent(wake of group ${group.number})`, {
            group: group.number,
        });
        yield;
    }

    /* ---- a Proactor ---- */

    *proactor(group) {
        while (!this.stopping || group.slots.length > SLOT_FIRST) {
            yield* this.wait(group);
            do {
                if (group.word) ((group.word = false), (group.news = true));
            } while (yield* this.sweep(group));
        }
    }

    *wait(group) {
        const first = group.sending ? SLOT_SEND : SLOT_WAKE,
            count = group.slots.length - first;
        this.trace.event(
            'B',
            'wait_begin',
            group.number,
            `WSAWaitForMultipleEvents(${count_of(count, 'event')}: ` +
                `${first === SLOT_SEND ? 'send + ' : ''}wake + ${count_of(group.slots.length - SLOT_FIRST, 'session')}) ...`,
            { first, count },
        );
        const covered = group.slots.slice(first);
        yield () => covered.some((slot) => slot.on);
        const slot = first + covered.findIndex((one) => one.on),
            session = group.slots[slot].session;
        const events = group.slots.map((one) => (one.on ? '1' : '0')).join('');
        const whose = session
            ? `so s_arr[${slot}]: #${session.id}`
            : slot === SLOT_SEND
              ? 'the send event'
              : 'the wake event';
        this.trace.event(
            'E',
            'wait_end',
            group.number,
            `-> WSA_WAIT_EVENT_0 + ${slot - first}: e_arr[${slot}], ${whose}`,
            { slot, events },
        );
        yield;
        if (slot >= SLOT_FIRST) return;
        group.slots[slot].on = false;
        this.trace.event(
            'i',
            'event_reset',
            group.number,
            `WSAResetEvent(${slot ? 'wake' : 'send'}): first reset, then look`,
            { slot },
        );
        yield;
    }

    *sweep(group) {
        const woken = group.news;
        let completions = 0,
            busy = false;
        group.news = group.sending = false;
        this.trace.event('B', 'sweep_begin', group.number, '');
        yield;
        const sessions = group.slots.length - SLOT_FIRST;
        for (let slot = SLOT_FIRST; slot < group.slots.length;) {
            const session = group.slots[slot].session,
                before = completions;
            completions += yield* this.serve(session, woken);
            if (completions > before) busy = true;
            if (session.send !== 'idle') group.sending = true;
            if (yield* this.take_out(group, session, slot)) busy = true;
            else slot++;
        }
        this.trace.event(
            'E',
            'sweep_end',
            group.number,
            `sweep: ${count_of(sessions, 'session')}, ${count_of(completions, 'completion')}`,
        );
        yield;
        return busy || group.news;
    }

    /* Takes the session out of the group if it has ended or migrates. */
    *take_out(group, session, slot) {
        if (session.closed && session.recv === 'idle' && session.send === 'idle') {
            yield* this.session_free(group, session, slot);
            return true;
        }
        if (!session.leaving) return false;
        yield* this.migrate(group, session, slot);
        return true;
    }

    slot_vacate(group, slot) {
        const last = group.slots.pop();
        if (slot < group.slots.length) group.slots[slot] = last;
    }

    *session_free(group, session, slot) {
        yield* this.handler(session, 'closed', '', function* () {
            if (this.chat && !this.stopping) yield* this.room_say(session, `*** guest${session.id} left`);
        });
        this.slot_vacate(group, slot);
        this.sessions.delete(session.id);
        this.trace.event(
            'i',
            'session_out',
            group.number,
            `WSACloseEvent(), the session is freed; the last one of group ${group.number} moves to slot ${slot}`,
            { session: session.id, group: group.number, slot },
        );
        yield;
    }

    *migrate(group, session, slot) {
        const to = session.leaving;
        session.leaving = null;
        this.slot_vacate(group, slot);
        to.slots.push(session.slot);
        session.group = to;
        const to_slot = to.slots.length - 1;
        this.trace.event(
            'i',
            'session_moved',
            group.number,
            `migrated: group ${group.number}, slot ${slot} -> group ${to.number}, slot ${to_slot}`,
            { session: session.id, group: group.number, slot, to_group: to.number, to_slot },
        );
        yield;
        session.moved = true;
        yield* this.wake(group.number, to);
    }

    /* Returns how many completions were taken. */
    *serve(session, woken) {
        let taken = 0;
        if (session.fresh) {
            session.fresh = false;
            yield* this.handler(session, 'opened', '', this.opened);
            taken++;
        }
        if (session.moved) {
            session.moved = false;
            yield* this.recv_post(session);
            taken++;
        }
        if (session.send_over) {
            yield* this.send_taken(session);
            taken++;
        }
        if (session.recv_over) {
            yield* this.recv_taken(session);
            taken++;
        }
        if (woken && !taken && !session.closed) {
            yield* this.handler(session, 'woken', '', this.chat ? this.chat_send : function* () {});
            if (session.send !== 'idle') taken++;
        }
        if (!taken && session.recv === 'idle' && session.slot.on && !session.closed) yield* this.recv_reset(session);
        return taken;
    }

    /* A session that took a receive and posted no other would keep the wait from sleeping. */
    *recv_reset(session) {
        const slot = session.group.slots.indexOf(session.slot);
        session.slot.on = false;
        this.trace.event(
            'i',
            'event_reset',
            session.group.number,
            'WSAResetEvent(): its receive was taken, no other is posted yet',
            { slot },
        );
        yield;
    }

    /* ---- operations ---- */

    *recv_post(session) {
        const lane = 2 * session.id,
            at_once = session.client.inbox.length > 0 || session.client.ended;
        session.recv = at_once ? 'done' : 'pending';
        session.recv_over = session.slot.on = at_once;
        this.trace.event(
            'B',
            at_once ? 'recv_at_once' : 'recv_pending',
            session.group.number,
            at_once
                ? 'WSARecv(len=2047) -> 0: finished at once'
                : 'WSARecv(len=2047) -> WSA_IO_PENDING (997): posted, not finished yet',
            {},
            lane,
        );
        yield;
    }

    *recv_taken(session) {
        const text = session.client.inbox.length ? session.client.inbox.shift() : '',
            bytes = bytes_of(text);
        session.recv = 'idle';
        session.recv_over = false;
        this.trace.event(
            'E',
            'recv_end',
            session.group.number,
            bytes
                ? `WSAGetOverlappedResult -> TRUE, ${bytes} bytes received`
                : 'WSAGetOverlappedResult -> TRUE, 0 bytes: the client will send no more',
            { bytes, preview: preview(text) },
            2 * session.id,
        );
        yield;
        yield* this.handler(session, 'received', `${bytes} bytes`, function* () {
            yield* this.received(session, text);
        });
    }

    *send_post(session, text) {
        const bytes = bytes_of(text),
            at_once = bytes <= session.client.room;
        session.client.room -= bytes;
        session.send = at_once ? 'done' : 'pending';
        session.send_over = at_once;
        session.group.slots[SLOT_SEND].on = at_once;
        session.sbytes = bytes;
        this.trace.event(
            'B',
            at_once ? 'send_at_once' : 'send_pending',
            session.group.number,
            `WSASend(${bytes} bytes in 1 WSABUF) -> ${
                at_once ? '0: finished at once, it is buffered' : 'WSA_IO_PENDING (997): posted, not finished yet'
            }`,
            { bytes, preview: preview(text) },
            2 * session.id + 1,
        );
        yield;
    }

    *send_taken(session) {
        session.send = 'idle';
        session.send_over = false;
        this.trace.event(
            'E',
            'send_end',
            session.group.number,
            `WSAGetOverlappedResult -> TRUE, ${session.sbytes} bytes sent`,
            { bytes: session.sbytes },
            2 * session.id + 1,
        );
        yield;
        if (!session.closed) yield* this.handler(session, 'sent', '', this.sent);
    }

    /* ---- handlers ---- */

    *handler(session, what, detail, body) {
        this.trace.event('B', 'handler_begin', session.group.number, `${session.handler}_${what}(${detail})`, {
            session: session.id,
        });
        yield;
        yield* body.call(this, session);
        this.trace.event('E', 'handler_end', session.group.number, '');
        yield;
    }

    *opened(session) {
        if (this.chat) {
            session.cursor = Math.max(0, this.log.length - 20);
            yield* this.room_say(session, `*** guest${session.id} joined`);
            session.reply = `*** welcome, you are guest${session.id}\r\n`;
        }
        yield* this.recv_post(session);
        if (this.chat) yield* this.chat_send(session);
    }

    *received(session, text) {
        if (text === '') yield* this.close(session);
        else if (!this.chat) yield* this.send_post(session, text);
        else {
            yield* this.room_say(session, `guest${session.id}: ${text.trimEnd()}`);
            yield* this.recv_post(session);
            yield* this.chat_send(session);
        }
    }

    *sent(session) {
        if (this.chat) yield* this.chat_send(session);
        else if (this.unfair(session)) session.leaving = this.emptiest();
        else yield* this.recv_post(session);
    }

    /* Returns true if the session should migrate: its group has at least two more sessions than the emptiest one. */
    unfair(session) {
        const least = Math.min(...this.groups.map((group) => group.slots.length));
        return session.group.slots.length >= least + 2 && !session.client.ended;
    }

    *close(session) {
        this.trace.event('i', 'half_closed', session.group.number, 'shutdown(SD_SEND) -> 0: half-closed', {
            session: session.id,
        });
        yield;
        session.closed = true;
        this.trace.event('i', 'closed', session.group.number, 'closesocket() -> 0', { session: session.id });
        yield;
    }

    /* ---- chat ---- */

    *room_say(session, text) {
        this.log.push({ author: session.id, text: text + '\r\n' });
        this.trace.event(
            'i',
            'said',
            session.group.number,
            `message ${this.log.length} is written into the room's log`,
            { session: session.id, message: this.log.length },
        );
        yield;
        for (const group of this.groups) {
            if (group === session.group) group.news = true;
            else yield* this.wake(session.group.number, group);
        }
    }

    *chat_send(session) {
        if (session.send !== 'idle' || session.closed) return;
        const news = [];
        while (session.cursor < this.log.length) {
            const record = this.log[session.cursor++];
            if (record.author !== session.id) news.push({ ...record, message: session.cursor });
        }
        const text = (session.reply || '') + news.map((record) => record.text).join('');
        session.reply = '';
        for (const { message } of news) {
            const fields = { session: session.id, message };
            this.trace.event('i', 'taken', session.group.number, `takes message ${message}`, fields);
            yield;
        }
        if (text) yield* this.send_post(session, text);
    }

    /* Ends the server: all clients leave first. */
    stop() {
        this.stopping = true;
        this.pass(100);
        return this.trace.text();
    }
}

module.exports = { Model };
