/* check.js - tests of docs/replay.html in a real browser. `node check.js WORD` runs only those with WORD in their name. */
'use strict';

const assert = require('assert'),
    fs = require('fs'),
    path = require('path');
const {
    browser_open,
    page_open,
    page_load,
    page_problem,
    page_step,
    page_shown_at,
    page_press,
    pictures_differ,
    top,
} = require('./browser.js');
const { Expectation } = require('./expect.js');
const traces = require('./traces.js');
const { recorded } = require('./record.js');

const html = fs.readFileSync(path.join(top, 'docs/replay.html'), 'utf8');
const tests = [...require('./live_check.js').tests];
const test = (name, body) => tests.push({ name, body });

/* ---- every state, recomputed ---- */

function lesson_of(name) {
    return html.split(`id="lesson-${name}">`)[1].split('</script>')[0];
}

async function same_as_expected(page, text, every) {
    const expectation = new Expectation(text),
        steps = [];
    assert.strictEqual(await page.evaluate(() => Number(document.body.dataset.steps)), expectation.steps);
    for (let step = 0; step <= expectation.steps; step += every) steps.push(step);
    const shown = await page_shown_at(page, steps);
    steps.forEach((step, i) => {
        const expected = expectation.at(step);
        assert.ok(
            shown[i].line.includes(expected.line),
            `step ${step}: the line is "${shown[i].line}", not "${expected.line}"`,
        );
        assert.deepStrictEqual({ ...shown[i], line: '' }, { ...expected, line: '' }, `step ${step}: ${expected.line}`);
    });
    return steps.length;
}

for (const name of ['echo', 'chat']) {
    test(`the lesson ${name}: every state is the one recomputed from its trace`, async (browser) => {
        const page = await page_open(browser, { hash: `#lesson=${name}` });
        await same_as_expected(page, lesson_of(name), 1);
        return page;
    });
}

test('20 chat clients: the states are those recomputed from the trace', async (browser) => {
    const page = await page_open(browser),
        text = traces.chat_20();
    await page_load(page, text);
    assert.strictEqual(await page_problem(page), '');
    await same_as_expected(page, text, 13);
    return page;
});

/* ---- the real server, just now ---- */

const count_of = (expectation, pattern) => expectation.events.filter((e) => pattern.test(e.step)).length;

/* A step takes one message, or a range of messages. */
const took = (e, message) =>
    e.step === 'taken' && e.message <= message && message <= (e.last || e.message);

test('the real server, 20 chat clients: every message said is taken, and the states are those recomputed', async (browser) => {
    const page = await page_open(browser),
        text = await recorded.chat_20(),
        expectation = new Expectation(text);
    await page_load(page, text);
    assert.strictEqual(await page_problem(page), '');
    await same_as_expected(page, text, 29);
    const said = expectation.events.filter((e) => e.step === 'said');
    assert.deepStrictEqual(
        said.map((e) => e.message),
        said.map((_, i) => i + 1),
    );
    const readers = ({ message, session }) =>
        new Set(expectation.events.filter((e) => took(e, message) && e.session !== session).map((e) => e.session)).size;
    said.slice(20, 80).forEach((e) => assert.strictEqual(readers(e), 19, `message ${e.message}`));
    const by_operator = said.filter((e) => !e.session);
    assert.strictEqual(by_operator.length, 1);
    assert.strictEqual(readers(by_operator[0]), 20);
    await page_shown_at(page, [expectation.ends.findIndex((end) => expectation.events[end - 1] === by_operator[0])]);
    assert.match(await page.locator('#why').textContent(), /from the operator/);
    return { page, said: `${expectation.events.length} events, ${said.length} messages` };
});

test('the real server, 32 busy clients: all echoes are right, and no event is lost', async (browser) => {
    const page = await page_open(browser),
        { text, messages } = await recorded.busy_32(),
        expectation = new Expectation(text);
    assert.ok(messages > 300, `${messages} messages`);
    assert.strictEqual(count_of(expectation, /^send_end$/), messages);
    assert.strictEqual(count_of(expectation, /^send_(pending|at_once)$/), messages);
    assert.strictEqual(count_of(expectation, /^recv_end$/), messages + 32);
    assert.strictEqual(count_of(expectation, /^session_out$/), 32);
    await page_load(page, text);
    assert.strictEqual(await page_problem(page), '');
    await same_as_expected(page, text, Math.ceil(expectation.steps / 40));
    return { page, said: `${messages} messages, ${expectation.events.length} events` };
});

test('the real server, 90 busy clients: sessions migrate, and no slot is wrong', async (browser) => {
    const page = await page_open(browser),
        text = await recorded.busy_90(),
        expectation = new Expectation(text);
    assert.ok(count_of(expectation, /^session_moved$/) > 0);
    assert.strictEqual(count_of(expectation, /^gap$/), 0, 'the disk was too slow: events are missing from the trace');
    await page_load(page, text);
    assert.strictEqual(await page_problem(page), '');
    await same_as_expected(page, text, Math.ceil(expectation.steps / 25));
    return { page, said: `${expectation.events.length} events, ${count_of(expectation, /^session_moved$/)} migrated` };
});

test('sessions that migrate among three groups: the states are those recomputed from the trace', async (browser) => {
    const page = await page_open(browser),
        text = traces.groups_3();
    assert.ok(text.includes('session_moved'));
    await page_load(page, text);
    await same_as_expected(page, text, 1);
    return page;
});

test('10,000 events load in under a second, and the states are those recomputed from the trace', async (browser) => {
    const page = await page_open(browser),
        text = traces.events_10000(),
        times = [];
    assert.strictEqual(text.trim().split('\n').length, 10002);
    for (let i = 0; i < 3; i++) {
        /* the machine may be busy with other things */
        await page_load(page, text);
        times.push(await page.evaluate(() => Number(document.body.dataset.loadMs)));
    }
    assert.ok(Math.min(...times) < 1000, `it took ${times} ms`);
    await same_as_expected(page, text, 211);
    return { page, said: `${Math.min(...times)} ms` };
});

/* Runs only when TRACE=FILE names a real trace, as server.exe wrote it. */
if (process.env.TRACE) {
    test('the trace that TRACE names: the states are those recomputed from it', async (browser) => {
        const page = await page_open(browser),
            text = fs.readFileSync(process.env.TRACE, 'utf8');
        await page_load(page, text);
        assert.strictEqual(await page_problem(page), '');
        const steps = new Expectation(text).steps;
        await same_as_expected(page, text, Math.ceil(steps / 500));
        return page;
    });
}

/* ---- files that are not as they should be ---- */

function told(lines) {
    return lines.filter((line) => /"(call|result)":/.test(line)).length;
}

test('a file that was cut off is played up to the cut, and the page says where that is', async (browser) => {
    const page = await page_open(browser),
        text = traces.lesson_chat(),
        hangul = Buffer.from(text).indexOf('안녕');
    const buffer = Buffer.from(text);
    for (const length of [
        buffer.length - 2,
        buffer.length - 20,
        Math.floor(buffer.length / 2),
        hangul + 1,
        hangul + 4,
        3000,
    ]) {
        const cut = buffer.subarray(0, length),
            lines = cut.toString().trimEnd().split('\n');
        const whole = lines[lines.length - 1].endsWith('}') || lines[lines.length - 1].endsWith('},');
        await page_load(page, cut);
        const steps = told(whole ? lines : lines.slice(0, -1)),
            problem = await page_problem(page);
        assert.strictEqual(await page.evaluate(() => Number(document.body.dataset.steps)), steps);
        assert.ok(
            problem.includes(
                whole ? `All ${steps} steps are played` : `in line ${lines.length}. The ${steps} steps before`,
            ),
            problem,
        );
        await page.keyboard.press('End');
        assert.strictEqual(await page_step(page), steps);
    }
    return page;
});

test('foreign files get one clear sentence, and what was shown stays', async (browser) => {
    const page = await page_open(browser, { hash: '#step=20' });
    const before = await page.locator('#stage').innerHTML();
    const foreign = [
        ['', 'The file is empty'],
        ['   \n', 'The file is empty'],
        ['hello', 'it is not JSON'],
        ['<html></html>', 'it is not JSON'],
        [Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 255, 254]), 'it is not JSON'],
        ['[', 'The file is empty'],
        ['[[[', 'it is not JSON'],
        ['{}', 'not a list of events'],
        ['null', 'not a list'],
        ['[]', 'The file is empty'],
        ['[1, "two", null]', 'not a list of events'],
        ['{"traceEvents": 5}', 'not a list of events'],
        ['[{"ph":"X","ts":1,"pid":1,"tid":1,"name":"cc::Draw","args":{"frame":7}}]', 'not one from this server.exe'],
    ];
    for (const [text, sentence] of foreign) {
        await page_load(page, text || Buffer.alloc(0));
        const problem = await page_problem(page);
        assert.ok(problem.includes(sentence), `"${problem}" for ${JSON.stringify(text)}`);
        assert.strictEqual(await page.locator('#stage').innerHTML(), before);
    }
    return page;
});

test('events that cannot be are named, and those before them are played', async (browser) => {
    const page = await page_open(browser),
        lines = traces.lesson_echo().trim().split('\n').slice(0, 40),
        good = told(lines);
    const event = (args, more) =>
        JSON.stringify({ ph: 'i', ts: 1, pid: 1, tid: 1, name: 'x', args: { call: 'x', ...args }, ...more });
    const wrong = [
        [event({ step: 'event_reset', slot: 64 }), 'slot is 64'],
        [event({ step: 'event_reset' }), 'slot is undefined'],
        [event({ step: 'event_reset', slot: 9 }), 'e_arr[9]'],
        [event({ step: 'closed', session: 77 }), '#77'],
        [event({ step: 'wake_set', group: 9 }), 'group 9'],
        [event({ step: 'dance' }), 'args.step is "dance"'],
        [event({ step: 'toString' }), 'args.step is "toString"'],
        [event({ step: 'wait_begin', first: 0, count: 1e9 }), 'count is 1000000000'],
        [event({ step: 'wait_end', slot: 2, events: '01x' }), 'events is "01x"'],
        [event({ step: 'session_out', session: 1, group: 1, slot: 3 }), '#1, s_arr[3]'],
        [event({ step: 'recv_pending' }, { pid: 2, tid: 'x' }), 'session is null'],
        [event({ step: 'sweep_begin' }, { tid: 1e9 }), 'group 1000000000'],
        [event({ step: 'sweep_begin' }, { tid: null }), 'group null'],
    ];
    for (const [line, what] of wrong) {
        await page_load(page, `${lines.join('\n')}\n${line},\n${lines[5].replace(/,$/, '')}\n]\n`);
        const problem = await page_problem(page);
        assert.ok(
            problem.includes(what) && problem.includes(`The ${good} steps before it`),
            `"${problem}" for ${line}`,
        );
    }
    return page;
});

test('the other form of the format, and a byte order mark, are read too', async (browser) => {
    const page = await page_open(browser),
        text = traces.lesson_echo();
    for (const form of [`{"traceEvents":${text}}`, `\uFEFF${text}`, text.replace(/\n/g, '\r\n')]) {
        await page_load(page, form);
        assert.strictEqual(await page_problem(page), '');
        assert.strictEqual(await page.evaluate(() => Number(document.body.dataset.steps)), new Expectation(text).steps);
    }
    return page;
});

test('what clients send is shown as text, whatever it is', async (browser) => {
    const page = await page_open(browser),
        evil = '<img src=x onerror=console.error(1)></script><b>';
    await page_load(
        page,
        traces.lesson_echo().replace(/"preview":"hello[^"]*"/g, `"preview":${JSON.stringify(evil)}`),
        '<b>name</b>.json',
    );
    await page.keyboard.press('End');
    await page_press(page, 'ArrowLeft', 200);
    await page_press(page, 'ArrowRight', 25);
    assert.ok((await page.locator('#groups').textContent()).includes(evil));
    assert.strictEqual(await page.locator('img, #stage b b').count(), 0);
    return page;
});

/* ---- stepping and playing ---- */

test('steps back show the same picture as steps forth', async (browser) => {
    const page = await page_open(browser);
    await page_load(page, traces.groups_3());
    const picture = async () => (await page.screenshot({ animations: 'disabled' })).toString('base64');
    const forth = [];
    assert.ok(
        (await pictures_differ(page, [await picture(), (await page.keyboard.press('End'), await picture())])) > 1000,
    );
    await page.keyboard.press('Home');
    for (let i = 0; i < 12; i++) {
        await page_press(page, 'ArrowRight', 61);
        forth.push(await picture());
    }
    await page.keyboard.press('End');
    await page_press(page, 'ArrowLeft', (await page_step(page)) - 12 * 61);
    for (let i = 11; i >= 0; i--) {
        assert.strictEqual(
            await pictures_differ(page, [await picture(), forth[i]]),
            0,
            `at step ${await page_step(page)}`,
        );
        await page_press(page, 'ArrowLeft', 61);
    }
    return page;
});

test('steps back and forth make the same boxes, at every step', async (browser) => {
    const page = await page_open(browser);
    await page_load(page, traces.groups_3());
    const different = await page.evaluate(() => {
        const key = (name) => document.body.dispatchEvent(new KeyboardEvent('keydown', { key: name, bubbles: true }));
        const shown = () => {
            const parts = ['stage', 'narration', 'where'].map((id) => document.getElementById(id).cloneNode(true));
            parts[0].dataset.scrolled = document.getElementById('groups').scrollTop;
            return parts;
        };
        const all = Number(document.body.dataset.steps),
            forth = [];
        key('Home');
        for (let step = 0; step < all; step++, key('ArrowRight')) forth.push(shown());
        for (let step = all - 1; step >= 0; step--) {
            key('ArrowLeft');
            if (!shown().every((part, i) => part.isEqualNode(forth[step][i]))) return step;
        }
        return -1;
    });
    assert.strictEqual(different, -1);
    return page;
});

test('no event changes the state before it', async (browser) => {
    const page = await page_open(browser);
    for (const name of ['groups_3', 'chat_20']) {
        /* In strict mode a write to a frozen object throws. The names are those of the page's own script. */
        const events = await page.evaluate((text) => {
            const freeze = (value) => {
                if (value && typeof value === 'object' && !Object.isFrozen(value))
                    Object.values(Object.freeze(value)).forEach(freeze);
                return value;
            };
            const trace = trace_make(text);
            trace.events.reduce((state, event) => freeze(state_next(state, event)), freeze(state_first));
            return trace.events.length;
        }, traces[name]());
        assert.ok(events > 1000);
    }
    return page;
});

test('the keyboard: space, arrows, Home, End, Shift with arrows, Escape', async (browser) => {
    const page = await page_open(browser),
        all = await page.evaluate(() => Number(document.body.dataset.steps));
    const press = async (key, step) => {
        await page.keyboard.press(key);
        assert.strictEqual(await page_step(page), step, `after ${key}`);
    };
    await press('End', all);
    await press('ArrowRight', all);
    await press('ArrowLeft', all - 1);
    await press('Home', 0);
    await press('ArrowLeft', 0);
    await press('ArrowRight', 1);
    await page.locator('#follow').selectOption('s2');
    await page.locator('#follow').blur();
    await page.keyboard.press('Shift+ArrowRight');
    assert.ok((await page.locator('#line').textContent()).includes('#2'));
    const first = await page_step(page);
    await page.keyboard.press('Shift+ArrowRight');
    await press('Shift+ArrowLeft', first);
    await page.keyboard.press('Escape');
    await press('Shift+ArrowRight', first);
    return page;
});

test('space plays and stops, up and down change the speed, and the end stops it', async (browser) => {
    const page = await page_open(browser);
    for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowUp');
    await page.locator('#next').click(); /* the space bar must not go to the button that was clicked */
    await page.keyboard.press('Space');
    assert.ok((await page.locator('#play').textContent()).startsWith('Pause'));
    await page.waitForFunction(() => Number(document.body.dataset.step) >= 6);
    await page.keyboard.press('Space');
    const stopped = await page_step(page);
    await page.waitForTimeout(300);
    assert.strictEqual(await page_step(page), stopped);
    assert.ok((await page.locator('#play').textContent()).startsWith('Play'));
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    await page.locator('#play').click();
    await page.waitForFunction(() => document.body.dataset.step === document.body.dataset.steps);
    assert.ok((await page.locator('#play').textContent()).startsWith('Play'));
    return page;
});

test('the strip of time: a click goes there, by steps and by time', async (browser) => {
    const page = await page_open(browser),
        box = await page.locator('#strip').boundingBox(),
        all = await page.evaluate(() => Number(document.body.dataset.steps));
    await page.mouse.click(box.x + box.width / 2, box.y + 20);
    assert.strictEqual(await page_step(page), Math.round(all / 2));
    await page.locator('#axis').click();
    await page.mouse.click(box.x + box.width / 2, box.y + 20);
    const time = Number((await page.locator('#where').textContent()).match(/([\d.]+) s$/)[1]);
    const ends = new Expectation(lesson_of('echo')).events.map((e) => e.ts / 1e6);
    assert.ok(time <= ends[ends.length - 1] / 2 + 0.01 && time > ends[ends.length - 1] / 4, `${time}`);
    return page;
});

test('a file can be dropped on the page', async (browser) => {
    const page = await page_open(browser),
        text = traces.chat_20();
    await page.evaluate((content) => {
        const data = new DataTransfer();
        data.items.add(new File([content], 'dropped.json'));
        document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
    }, text);
    await page.waitForFunction((steps) => Number(document.body.dataset.steps) === steps, new Expectation(text).steps);
    assert.ok((await page.locator('#lesson').textContent()).includes('dropped.json'));
    await page.locator('#lesson').selectOption('echo');
    assert.strictEqual(
        await page.evaluate(() => Number(document.body.dataset.steps)),
        new Expectation(lesson_of('echo')).steps,
    );
    return page;
});

/* ---- following ---- */

test('a chat message is followed from client to client', async (browser) => {
    const page = await page_open(browser, { hash: '#lesson=chat' }),
        events = new Expectation(lesson_of('chat'));
    const said = events.ends.findIndex(
        (end) => end && events.events[end - 1].step === 'said' && events.events[end - 1].message === 4,
    );
    const author = events.events[events.ends[said] - 1].session;
    await page.locator('#follow').selectOption('m4');
    const places = await page.locator('#path button').allTextContents();
    assert.deepStrictEqual(places.slice(0, 2), [`#${author} received`, 'in the log']);
    assert.deepStrictEqual(
        places.slice(2).sort(),
        [1, 2, 3].filter((id) => id !== author).map((id) => `→ #${id}`),
    );
    for (const place of await page.locator('#path button').all()) {
        await place.click();
        const line = await page.locator('#line').textContent(),
            [, who] = (await place.textContent()).match(/#(\d+)/) || [0, author];
        assert.ok(line.includes(`#${who}`), `${line} at ${await place.textContent()}`);
        assert.strictEqual(await place.evaluate((button) => button.className), 'past');
    }
    assert.strictEqual(await page.locator('.slot.followed').count(), 3);
    return page;
});

test('the readers of every message are those that took it', async (browser) => {
    const page = await page_open(browser),
        text = traces.chat_20();
    await page_load(page, text);
    const events = new Expectation(text).events,
        said = events.filter((e) => e.step === 'said');
    assert.ok(said.length > 20);
    for (const { message, session } of said) {
        const takes = events.filter(
            (e) => took(e, message) && e.session !== session,
        );
        await page.locator('#follow').selectOption(`m${message}`);
        const places = await page.locator('#path button').allTextContents();
        assert.deepStrictEqual(
            places.filter((place) => place.startsWith('→')),
            takes.map((e) => `→ #${e.session}`),
            `message ${message}`,
        );
    }
    return page;
});

test('a click on a session follows it, and one on its bytes the message', async (browser) => {
    const page = await page_open(browser, { hash: '#lesson=chat' });
    await page.keyboard.press('End');
    await page_press(page, 'ArrowLeft', 120);
    await page.locator('.slot[data-session="2"] .session').click();
    assert.strictEqual(await page.locator('#follow').inputValue(), 's2');
    await page.locator('#before').click();
    assert.ok((await page.locator('#line').textContent()).includes('#2'));
    await page.locator('.slot[data-session="2"] .session').click();
    assert.strictEqual(await page.locator('#follow').inputValue(), '');
    await page.locator('.slot[data-session="1"] .flow.in').click();
    assert.match(await page.locator('#follow').inputValue(), /^m\d+$/);
    assert.ok(await page.locator('#path').isVisible());
    return page;
});

/* ---- languages and colors ---- */

test('English and Korean, by the browser and by the switch', async (browser) => {
    for (const [locale, first, second] of [
        ['ko-KR', '재생', 'replay'],
        ['en-GB', 'replay', '재생'],
        ['fr', 'replay', '재생'],
    ]) {
        const page = await page_open(browser, { locale });
        assert.ok((await page.title()).includes(first), await page.title());
        await page.locator('#language').click();
        assert.ok((await page.locator('h1').textContent()).includes(second));
        assert.deepStrictEqual(page.complaints, []);
        await page.reload();
        assert.ok((await page.locator('h1').textContent()).includes(second), 'the choice is remembered');
        await page.context().close();
    }
});

test('every word of the page is there in both languages', async (browser) => {
    const page = await page_open(browser);
    const [one, other] = await page.evaluate(() => {
        const names = (value, path = '') =>
            value && typeof value === 'object'
                ? Object.keys(value).flatMap((key) => names(value[key], `${path}.${key}`))
                : [`${path} ${typeof value}`];
        return [names(english).sort(), names(korean).sort()];
    });
    assert.deepStrictEqual(one, other);
    return page;
});

test('every step is explained in both languages, in whole sentences', async (browser) => {
    const page = await page_open(browser);
    for (const name of ['lesson_echo', 'chat_20', 'groups_3']) {
        await page_load(page, traces[name]());
        for (const language of ['en', 'ko']) {
            const bad = await page.evaluate(async (lang) => {
                location.hash = `lang=${lang}&step=0`;
                await new Promise((done) => setTimeout(done, 50));
                const wrong = [];
                for (let step = 1; step <= Number(document.body.dataset.steps); step++) {
                    document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }));
                    const why = document.getElementById('why').textContent,
                        line = document.getElementById('line').textContent;
                    const good = /[.]$/.test(why) && !/undefined|null|NaN|\$/.test(why);
                    if (!good || /[가-힣]/.test(why) !== (lang === 'ko')) wrong.push(`${line} / ${why}`);
                }
                return wrong;
            }, language);
            assert.deepStrictEqual(bad, []);
        }
    }
    return page;
});

/* Runs in the page. Returns the contrast of an element's text with what is behind it, as WCAG 2 defines it. */
function contrast_of(node) {
    const rgb = (text) => text.match(/[\d.]+/g).map(Number);
    const light = ([r, g, b]) =>
        [r, g, b]
            .map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4))
            .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    let behind = node;
    while (behind.parentElement && rgb(getComputedStyle(behind).backgroundColor)[3] === 0)
        behind = behind.parentElement;
    const [a, b] = [
        light(rgb(getComputedStyle(node).color)),
        light(rgb(getComputedStyle(behind).backgroundColor)),
    ].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
}

test('dark and light, by the system and by the switch, with enough contrast', async (browser) => {
    for (const dark of [true, false]) {
        const page = await page_open(browser, { dark, hash: '#lesson=chat&step=150' });
        const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
        assert.strictEqual(await theme(), dark ? 'dark' : 'light');
        for (const what of [
            '#line',
            '#why',
            '.word',
            '.name',
            '.session b',
            '.flow',
            '.client',
            '.state.pending',
            '.state',
            '.group .doing',
            '#main .doing',
            '#play',
            '.who',
            '.thread',
        ]) {
            for (const node of await page.locator(what).all()) {
                if (!(await node.isVisible())) continue;
                const contrast = await node.evaluate(contrast_of);
                assert.ok(contrast >= 4.5, `${what} ${await node.textContent()}: ${contrast.toFixed(2)}, dark ${dark}`);
            }
        }
        await page.locator('#theme').click();
        assert.strictEqual(await theme(), dark ? 'light' : 'dark');
        await page.reload();
        assert.strictEqual(await theme(), dark ? 'light' : 'dark', 'the choice is remembered');
        assert.deepStrictEqual(page.complaints, []);
        await page.context().close();
    }
});

test('the lessons fit a projector of 1280 x 720 and one of 1024 x 768, without scrolling', async (browser) => {
    for (const [width, height] of [
        [1280, 720],
        [1024, 768],
        [1920, 1080],
    ]) {
        for (const locale of ['en', 'ko']) {
            const page = await page_open(browser, { width, height, locale, hash: '#lesson=chat&step=150' });
            const over = await page.evaluate(() =>
                ['body', '#groups', '#narration', '#controls'].filter((name) => {
                    const node = document.querySelector(name);
                    return node.scrollHeight > node.clientHeight + 1 || node.scrollWidth > node.clientWidth + 1;
                }),
            );
            assert.deepStrictEqual(over, [], `${width} x ${height} ${locale}`);
            const size = await page.locator('#line').evaluate((node) => parseFloat(getComputedStyle(node).fontSize));
            assert.ok(size >= height / 36, `the line's letters are ${size} pixels high on ${height}`);
            await page.context().close();
        }
    }
});

test('the file stands alone: no address, no library, below 200 KiB', async () => {
    assert.ok(!/https?:|\bimport\b|<link[^>]*stylesheet|src=/.test(html.replace(/<!--[^]*?-->/, '')));
    assert.ok(html.length < 200 * 1024, `${html.length} bytes`);
});

/* ---- running ---- */

async function run(browser, { name, body }) {
    try {
        const result = await body(browser),
            page = result && (result.page || result);
        if (page) {
            assert.deepStrictEqual(page.complaints, [], 'on the console or the network');
            await page.context().close();
        }
        console.log(`ok      ${name}${result && result.said ? ` (${result.said})` : ''}`);
        return true;
    } catch (error) {
        console.log(`FAILED  ${name}\n        ${String(error.stack).split('\n').slice(0, 40).join('\n        ')}`);
        return false;
    }
}

async function main() {
    const browser = await browser_open(),
        chosen = tests.filter(({ name }) => name.includes(process.argv[2] || ''));
    let passed = 0;
    const run_all = async (list) => {
        for (const one of list) {
            const good = await run(browser, one);
            passed += good;
        }
    };
    /* Tests that measure time run alone; those that wait for files run beside the others. */
    const is_timed = ({ name }) => /within a second/.test(name),
        is_slow = (one) => one.name.startsWith('LIVE') && !is_timed(one);
    await run_all(chosen.filter(is_timed));
    await Promise.all([
        run_all(chosen.filter(is_slow)),
        run_all(chosen.filter((one) => !is_timed(one) && !is_slow(one))),
    ]);
    await browser.close();
    console.log(`${passed} passed, ${chosen.length - passed} failed`);
    process.exitCode = chosen.length > 0 && passed === chosen.length ? 0 : 1;
}

main();
