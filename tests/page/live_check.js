/* live_check.js - tests of docs/replay.html as it follows a file. check.js runs them. */
'use strict';

const assert = require('assert'),
    fs = require('fs'),
    path = require('path');
const { page_open, page_load, page_problem, page_step, page_shown_at, page_press, page_shown, top } = require('./browser.js');
const { Expectation } = require('./expect.js');
const traces = require('./traces.js');
const { recorded } = require('./record.js');
const live = require('./live.js');
const { pause, page_live, page_reaches } = live;

const tests = [];
const test = (name, body) => tests.push({ name, body });

/* Runs `body` with a page that follows a growing file, and then removes the file. */
async function looking_on(browser, name, body, options) {
    const page = await page_open(browser, options),
        growing = new live.Growing(name);
    try {
        const said = await body(page, growing);
        return { page, said };
    } finally {
        growing.remove();
    }
}

function same(shown, expected) {
    assert.ok(shown.line.includes(expected.line), `step ${shown.step}: "${shown.line}", not "${expected.line}"`);
    assert.deepStrictEqual({ ...shown, line: '' }, { ...expected, line: '' }, `step ${shown.step}`);
}

/* Compares some of the states that the page has kept with those worked out from the whole trace. */
async function same_at_many(page, expectation, many) {
    const every = Math.max(1, Math.floor(expectation.steps / many)),
        steps = [];
    for (let step = 0; step <= expectation.steps; step += every) steps.push(step);
    (await page_shown_at(page, steps)).forEach((shown) => same(shown, expectation.at(shown.step)));
}

/* ---- a class that talks ---- */

/* Only a server that writes version 2 writes its file while it runs. */
const server_flushes = fs.readFileSync(path.join(top, 'server.exe')).includes('trace_version');
const SECONDS = Number(process.env.LIVE_SECONDS) || (server_flushes ? 20 : 8);

/* Returns when the trace's clock was 0. Clients say the time, and no receive can come before its text was sent, so each
 * gives an earliest start; the latest of these is the most accurate. */
function clock_start(expectation) {
    const heard = expectation.events.filter((e) => e.step === 'recv_end' && /^\d{13}/.test(e.preview));
    return Math.max(...heard.map((e) => Number(e.preview.slice(0, 13)) - e.ts / 1000));
}

/* Reads now and then what the page shows; it is compared when the whole trace is there. */
async function look_now_and_then(page, going) {
    const shown = [];
    while (going.on) {
        shown.push(await page_shown(page));
        await pause(400);
    }
    return shown;
}

test(`LIVE: 20 real clients talk for ${SECONDS} s, each step is shown within a second of its time`, (browser) =>
    looking_on(browser, 'class', async (page, growing) => {
        const going = { on: true };
        let looks, start, text;
        const begin = async (file) => {
            await live.page_drop(page, file);
            assert.ok((await page_live(page)).startsWith('LIVE'));
            await live.page_watch(page);
            looks = look_now_and_then(page, going);
        };
        if (server_flushes) text = await recorded.talking_20(SECONDS, begin, growing.file);
        else {
            text = await recorded.talking_20(SECONDS);
            await begin(growing.file);
            start = await live.play_lines(growing, live.lines_of(text));
            growing.end();
        }
        const expectation = new Expectation(text);
        await page_reaches(page, expectation.steps);
        going.on = false;
        const times = expectation.ends.slice(1).map((end) => expectation.events[end - 1].ts / 1000),
            late = await live.page_lateness(page, times, start || clock_start(expectation)),
            most = late[Math.floor(late.length * 0.95)];
        assert.strictEqual(late.length, expectation.steps, 'every step is shown, or one after it');
        assert.ok(most < 1000, `95 % of the steps within ${most} ms`);
        for (const shown of await looks) same(shown, expectation.at(shown.step));
        await page.waitForFunction(() => document.getElementById('live').dataset.live === 'ended');
        await same_at_many(page, expectation, 60);
        return `${expectation.steps} steps, 95 % within ${Math.round(most)} ms, the last within ${Math.round(late.at(-1))} ms`;
    }));

/* ---- stepping back and going on ---- */

test('LIVE: a step back and the space bar stop at a step, the file is read on, and L, End and the button go back', (browser) =>
    looking_on(browser, 'back', async (page, growing) => {
        const text = traces.chat_20(),
            lines = live.lines_of(text),
            expectation = new Expectation(text),
            told = (n) => lines.slice(0, n).filter((line) => /"(call|result)":/.test(line)).length;
        let n = 0;
        const more = async (count) => {
            growing.add(lines.slice(n, (n += count)));
            await page_reaches(page, told(n));
        };
        await live.page_drop(page, growing.file);
        assert.strictEqual(await page_live(page), 'LIVE');
        await more(300);
        assert.strictEqual(await page_step(page), told(300));
        for (const [stop, back] of [
            [() => page_press(page, 'ArrowLeft', 12), () => page.keyboard.press('l')],
            [() => page.keyboard.press('Space'), () => page.keyboard.press('End')],
            [() => page.locator('#back').click(), () => page.locator('#live').click()],
            [() => page.keyboard.press('Home'), () => page.evaluate(() =>
                document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'ㅣ', code: 'KeyL', bubbles: true })))],
        ]) {
            await stop();
            const step = await page_step(page);
            await more(500);
            assert.strictEqual(await page_step(page), step);
            assert.ok((await page_live(page)).startsWith(`${told(n) - step} steps behind`), await page_live(page));
            same(await page_shown(page), expectation.at(step));
            await back();
            assert.strictEqual(await page_live(page), 'LIVE');
            assert.strictEqual(await page_step(page), told(n));
            await more(100);
            assert.strictEqual(await page_step(page), told(n));
        }
        await page_press(page, 'ArrowLeft', 30);
        await page.locator('#speed').selectOption('100');
        await page.keyboard.press('Space'); /* plays on until it has caught up */
        await page.waitForFunction(() => document.getElementById('live').dataset.live === 'live');
        await more(lines.length - n);
        growing.end();
        await page.waitForFunction(() => document.getElementById('live').dataset.live === 'ended');
        await same_at_many(page, expectation, 100);
    }));

/* ---- what happens to files ---- */

test('LIVE: the server starts again, the file is deleted, the disk is full', (browser) =>
    looking_on(browser, 'again', async (page, growing) => {
        const first = live.lines_of(traces.lesson_chat()),
            second = live.lines_of(traces.lesson_echo()),
            later = first.map((line) => line.replace(/"ts":(\d+)/, (_, ts) => `"ts":${Number(ts) + 7}`)),
            told = (lines) => lines.filter((line) => /"(call|result)":/.test(line)).length;
        growing.add(first);
        await live.page_drop(page, growing.file);
        await page_reaches(page, told(first));
        growing.begin(); /* shorter */
        growing.add(second.slice(0, 40));
        await page_reaches(page, told(second.slice(0, 40)));
        assert.strictEqual(await page_live(page), 'LIVE');
        growing.begin(); /* longer from the start: only its head shows that it is new */
        growing.add(later);
        await page_reaches(page, told(later));
        same(await page_shown(page), new Expectation(`[${later.join(',')}]`).at(told(later)));
        await page.keyboard.press('ArrowLeft'); /* a user who looks at an old step stays there */
        const step = await page_step(page);
        growing.begin();
        growing.add(first.slice(0, 50));
        await page.waitForFunction(() => document.getElementById('live').dataset.live === 'again');
        assert.strictEqual(await page_step(page), step);
        assert.strictEqual(await page.evaluate(() => Number(document.body.dataset.steps)), told(later));
        await page.keyboard.press('l');
        await page_reaches(page, told(first.slice(0, 50)));
        growing.remove();
        await page.waitForFunction(() => /is gone/.test(document.getElementById('problem').textContent));
        assert.strictEqual(await page_step(page), told(first.slice(0, 50)));
        growing.begin();
        growing.add(second.slice(0, 30));
        await page_reaches(page, told(second.slice(0, 30)));
        await page.waitForFunction(() => document.getElementById('problem').hidden);
        fs.appendFileSync(growing.file, `,\n${second[30].slice(0, 40)}`); /* a disk is full: the server cuts and closes */
        await pause(400);
        fs.truncateSync(growing.file, fs.statSync(growing.file).size - 42);
        fs.appendFileSync(growing.file, '\n]\n');
        await page.waitForFunction(() => document.getElementById('live').dataset.live === 'ended');
        assert.strictEqual(await page_step(page), told(second.slice(0, 30)));
        assert.strictEqual(await page_problem(page), '');
    }));

test('LIVE: a read that fails because the file changed is tried again, and events come in any pieces', (browser) =>
    looking_on(browser, 'pieces', async (page, growing) => {
        const text = traces.lesson_chat(),
            bytes = Buffer.from(text),
            expectation = new Expectation(text);
        await live.page_drop(page, growing.file);
        await page.evaluate(() => {
            /* every third read finds that the file has changed */
            const read = Blob.prototype.arrayBuffer;
            let count = 0;
            Blob.prototype.arrayBuffer = function () {
                return ++count % 3 ? read.call(this) : Promise.reject(new DOMException('changed', 'NotReadableError'));
            };
        });
        for (let n = 0; n < bytes.length; n += 977) {
            fs.appendFileSync(growing.file, bytes.subarray(n, n + 977));
            if (n % 5) await pause(20);
        }
        await page_reaches(page, expectation.steps);
        assert.strictEqual(await page_problem(page), '');
        await same_at_many(page, expectation, 200);
    }));

test('LIVE: a page in the background reads on, draws nothing, and shows the newest step when it is seen again', (browser) =>
    looking_on(browser, 'background', async (page, growing) => {
        const lines = live.lines_of(traces.chat_20()),
            told = lines.filter((line) => /"(call|result)":/.test(line)).length;
        growing.add(lines.slice(0, 100));
        await live.page_drop(page, growing.file);
        await page.evaluate(() => {
            /* as browsers do: no picture is drawn, and timers fire once a second */
            const timer = window.setTimeout;
            window.asked = [];
            window.requestAnimationFrame = (draw) => window.asked.push(draw);
            window.setTimeout = (body) => timer(body, 1000);
        });
        const before = await page_step(page);
        for (let n = 100; n < lines.length; n += 800) {
            growing.add(lines.slice(n, n + 800));
            await pause(100);
        }
        await page.waitForFunction((steps) => trace_last(live.trace) === steps, told, { polling: 100 });
        assert.strictEqual(await page_step(page), before);
        assert.strictEqual(await page.evaluate(() => window.asked.length), 1, 'one picture is due');
        await page.evaluate(() => window.asked.pop()());
        assert.strictEqual(await page_step(page), told);
        assert.strictEqual(await page_live(page), 'LIVE');
    }));

test('LIVE: the oldest steps are let go, and the page says from where on it can step', (browser) =>
    looking_on(browser, 'bounded', async (page, growing) => {
        const text = traces.events_10000(),
            lines = live.lines_of(text),
            expectation = new Expectation(text);
        growing.add(lines.slice(0, 900));
        await live.page_drop(page, growing.file);
        await page.evaluate(() => (live.trace.kept = 2000));
        for (let n = 900; n < lines.length; n += 1000) growing.add(lines.slice(n, n + 1000)), await pause(50);
        await page_reaches(page, expectation.steps);
        const kept = await page.evaluate(() => [live.trace.events.length, live.trace.snapshots.length]);
        assert.ok(kept[0] <= 2500 && kept[1] < 50, `${kept}`);
        await page.keyboard.press('Home');
        const oldest = await page_step(page);
        assert.ok(oldest > expectation.steps / 2);
        assert.ok((await page.locator('#where').textContent()).includes(`from ${oldest} on`));
        const steps = [oldest, oldest + 1, oldest + 77, expectation.steps - 1, expectation.steps];
        (await page_shown_at(page, steps)).forEach((shown) => same(shown, expectation.at(shown.step)));
    }));

test('without a handle the file is shown as it is, and one line says what to do for LIVE', async (browser) => {
    const page = await page_open(browser),
        lines = live.lines_of(traces.lesson_echo()).slice(0, 50);
    await page_load(page, `[\n${lines.join(',\n')}`);
    assert.match(await page_problem(page), /drop the file on this page in Chrome or Edge/);
    assert.strictEqual(await page_live(page), '');
    await page.evaluate(() => delete DataTransferItem.prototype.getAsFileSystemHandle); /* as in Firefox */
    const growing = new live.Growing('firefox');
    growing.add(lines);
    await live.page_drop(page, growing.file);
    growing.remove();
    assert.match(await page_problem(page), /drop the file on this page in Chrome or Edge/);
    assert.strictEqual(await page_live(page), '');
    return page;
});

test('LIVE: a file that is complete is shown from its first step; a foreign one gets its sentence', (browser) =>
    looking_on(browser, 'whole', async (page, growing) => {
        growing.add(live.lines_of(traces.lesson_echo()));
        growing.end();
        await live.page_drop(page, growing.file);
        assert.strictEqual(await page_step(page), 1);
        assert.strictEqual(await page.locator('#live').getAttribute('data-live'), 'ended');
        for (const [text, sentence] of [
            ['hello', 'it is not JSON'],
            ['{}', 'not a list'],
            ['[[[', 'it is not JSON'],
            ['[{"ph":"X","ts":1,"pid":1,"tid":1,"name":"cc::Draw","args":{}}]', 'not one from this server.exe'],
        ]) {
            fs.writeFileSync(growing.file, text);
            await page.evaluate(() => (document.getElementById('problem').hidden = true));
            live.page_drop(page, growing.file).catch(() => {});
            await page.waitForFunction(() => !document.getElementById('problem').hidden);
            assert.ok((await page_problem(page)).includes(sentence), `${text}: ${await page_problem(page)}`);
        }
    }));

/* ---- versions and gaps ---- */

test('version 1 says window; of another version what is understood is shown', async (browser) => {
    const page = await page_open(browser),
        text = traces.groups_3(),
        lines = live.lines_of(text);
    const old = lines.slice(1).map((line) => line.replace(/"(to_)?group(_open|_end)?"/g, '"$1window$2"'));
    await page_load(page, `[\n${old.join(',\n')}\n]\n`);
    assert.strictEqual(await page_problem(page), '');
    await same_at_many(page, new Expectation(text), 50);
    const coming = lines.map((line) => line.replace('"version":2', '"version":3'));
    coming.splice(200, 0, '{"ph":"i","ts":1,"pid":1,"tid":0,"name":"x","args":{"step":"dance","call":"a dance"}}');
    coming.splice(300, 0, '{"ph":"i","ts":1,"pid":1,"tid":0,"name":"x","args":{"step":"wake_set","group":"many"}}');
    await page_load(page, `[\n${coming.join(',\n')}\n]\n`);
    assert.match(await page_problem(page), /version 3; the page reads versions 1, 2.*: 1 event is left out/);
    const steps = new Expectation(text).steps;
    const [end] = await page_shown_at(page, [steps + 1]);
    same({ ...end, step: steps }, new Expectation(text).at(steps));
    return page;
});

/* Checks that after a gap the page shows what it would show without the gap, except where it says "unknown". Returns
 * how many fields of slots are unknown. */
function true_or_unknown(shown, truth) {
    const about = `step ${shown.step}, in the whole trace ${truth.step}`;
    let unknown = 0;
    assert.ok(shown.line.includes(truth.line), about);
    assert.strictEqual(shown.noc, truth.noc, about);
    shown.groups.forEach((group, i) => {
        const of_truth = truth.groups[i],
            doing = group.doing !== 'unknown';
        for (const name of ['number', 'noc', ...(doing ? ['doing'] : [])])
            assert.strictEqual(group[name], of_truth[name], `${about}: ${name}`);
        group.slots.forEach((slot, at) => {
            for (const name of ['slot', 'session', 'event', 'recv', 'send']) {
                if (slot[name] === 'unknown') unknown++;
                else assert.strictEqual(slot[name], of_truth.slots[at][name], `${about}: slot ${at}, ${name}`);
            }
            for (const name of ['came', 'went'])
                if (slot[name] && slot[name].length > 1) assert.strictEqual(slot[name], of_truth.slots[at][name], about);
        });
    });
    return unknown;
}

for (const name of ['chat_20', 'groups_3']) {
    test(`a gap in ${name} is shown as one, and what follows it is right`, async (browser) => {
        const page = await page_open(browser),
            text = traces[name](),
            lines = live.lines_of(text),
            whole = new Expectation(text);
        const from = Math.floor(lines.length * 0.4),
            to = Math.floor(lines.length * 0.55),
            event_of = (n) => lines.slice(0, n).filter((line) => !line.startsWith('{"ph":"M"')).length;
        const args = [{ step: 'gap', missing: to - from }];
        whole.places[event_of(to) - 1].forEach((sessions, group) => args.push({ step: 'snapshot', group, sessions }));
        const put = args.map((one) => JSON.stringify({ ph: 'i', ts: 1, pid: 1, tid: 0, name: one.step, s: 't', args: one }));
        await page_load(page, `[\n${[...lines.slice(0, from), ...put, ...lines.slice(to)].join(',\n')}\n]\n`);
        assert.strictEqual(await page_problem(page), '');
        const told = (n) => whole.ends.filter((end) => end > 0 && end <= event_of(n)).length,
            gap = told(from) + 1,
            shift = told(to) - gap,
            all = whole.steps - shift;
        const [at_gap] = await page_shown_at(page, [gap]);
        assert.ok(at_gap.line.includes(`gap: ${to - from} events`), at_gap.line);
        assert.match(await page.locator('#why').textContent(), new RegExp(`${to - from} events are missing`));
        assert.deepStrictEqual(
            at_gap.groups.map((group) => group.slots.slice(2).map((slot) => slot.session)),
            whole.places[event_of(to) - 1].filter(Boolean),
        );
        const steps = [];
        for (let step = gap + 1; step <= all; step += 3) steps.push(step);
        const unknown = (await page_shown_at(page, steps)).map((shown) =>
            true_or_unknown(shown, whole.at(shown.step + shift)),
        );
        assert.ok(unknown[0] > 0 && unknown.at(-1) < unknown[0] / 4, `unknown: ${unknown[0]}, ${unknown.at(-1)}`);
        return { page, said: `unknown at first ${unknown[0]}, at last ${unknown.at(-1)}` };
    });
}

/* ---- a room full of people ---- */

test('the view for a room: 62 sessions fit 1280 x 720 and 1920 x 1080, are large, and are found by number', async (browser) => {
    for (const [width, height, locale] of [
        [1280, 720, 'en'],
        [1280, 720, 'ko'],
        [1920, 1080, 'ko'],
    ]) {
        const page = await page_open(browser, { width, height, locale });
        await page_load(page, traces.room_62());
        await page.evaluate(() => {
            let step = trace_last(shown.trace);
            while (state_at(shown.trace, step).noc < 62) step--;
            step_to(step);
        });
        await page.keyboard.press('r');
        const found = await page.evaluate(() => {
            const over = ['body', '#groups', 'header', '#controls'].filter((name) => {
                const node = document.querySelector(name);
                return node.scrollHeight > node.clientHeight + 1 || node.scrollWidth > node.clientWidth + 1;
            });
            const seen = [...document.querySelectorAll('.slot[data-session]:not([data-session="0"])')].filter((slot) => {
                const box = slot.getBoundingClientRect(),
                    parts = [...slot.querySelectorAll('h3 b, .flow')].map((part) => part.getBoundingClientRect());
                return (
                    box.bottom <= innerHeight && box.right <= innerWidth &&
                    parts.every((part) => part.top >= box.top - 1 && part.bottom <= box.bottom + 1 && part.height > 0)
                );
            });
            const size = (name) => parseFloat(getComputedStyle(document.querySelector(name)).fontSize);
            return { over, seen: seen.length, number: size('.session h3 b'), bytes: size('.flow'), line: size('#line') };
        });
        assert.deepStrictEqual(found.over, []);
        assert.strictEqual(found.seen, 62);
        assert.ok(found.number >= height / 28 && found.bytes >= height / 46 && found.line >= height / 36, JSON.stringify(found));
        await page.keyboard.type('37');
        await page.keyboard.press('Enter');
        assert.strictEqual(await page.locator('.slot.followed').getAttribute('data-session'), '37');
        assert.match(await page.locator('#found').textContent(), /#37: (group 1, slot 38|그룹 1, 38번 슬롯)/);
        await page.keyboard.type('99');
        assert.match(await page.locator('#found').textContent(), /^#99/);
        await page.keyboard.press('Escape');
        assert.strictEqual(await page.locator('.slot.followed').count(), 0);
        if (process.env.PICTURE) await page.screenshot({ path: `${process.env.PICTURE}-${width}-${locale}.png` });
        assert.deepStrictEqual(page.complaints, []);
        await page.context().close();
    }
});

test('one key hides what people type, everywhere, and the bytes stay', async (browser) => {
    const page = await page_open(browser, { hash: '#lesson=chat' }),
        secret = /안녕하세요|hello|welcome/;
    await page.keyboard.press('h');
    await page.evaluate(() => (location.hash = 'step=0'));
    let bytes = false;
    const steps = await page.evaluate(() => Number(document.body.dataset.steps));
    for (let step = 0; step < steps; step++) {
        await page_press(page, 'ArrowRight', 1);
        const text = await page.evaluate(() => {
            document.getElementById('follow').dispatchEvent(new Event('focus'));
            return ['narration', 'stage', 'controls'].map((id) => document.getElementById(id).outerHTML).join();
        });
        assert.ok(!secret.test(text), `step ${step + 1}`);
        bytes = bytes || /▲ 17 B/.test(text);
    }
    assert.ok(bytes);
    await page.keyboard.press('h');
    await page_press(page, 'ArrowLeft', 120);
    assert.match(await page.locator('#groups').textContent(), secret);
    return page;
});

module.exports = { tests };
