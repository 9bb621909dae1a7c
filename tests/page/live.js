/* live.js - a trace file that grows while the page looks on. */
'use strict';

const fs = require('fs'),
    path = require('path');
const { top } = require('./browser.js');

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/* A trace file in build/page that grows piece by piece, as a server's does: the newline after an event comes only with
 * the next one. */
class Growing {
    constructor(name) {
        this.file = path.join(top, 'build/page', `${name}-${process.pid}.json`);
        this.begin();
    }

    begin() {
        fs.writeFileSync(this.file, '');
        this.lines = 0;
    }

    /* Adds events, which are lines without a comma. */
    add(lines) {
        if (lines.length === 0) return;
        fs.appendFileSync(this.file, (this.lines ? ',\n' : '[\n') + lines.join(',\n'));
        this.lines += lines.length;
    }

    end() {
        fs.appendFileSync(this.file, '\n]\n');
    }

    remove() {
        fs.rmSync(this.file, { force: true });
    }
}

/* Returns the events of a trace's text, each a line. */
function lines_of(text) {
    return text
        .trim()
        .split('\n')
        .map((line) => line.replace(/,$/, ''))
        .filter((line) => line !== '[' && line !== ']');
}

const time_of = (line) => Number((line.match(/"ts":(\d+)/) || [0, 0])[1]) / 1000;

/* Adds a trace's events to the file at the times given in them, in a batch every 100 ms. Returns when the trace's clock
 * was 0. */
async function play_lines(growing, lines) {
    const start = Date.now() - Math.max(0, time_of(lines.find((line) => /"ts":/.test(line))));
    for (let n = 0; n < lines.length; await pause(100)) {
        const from = n;
        while (n < lines.length && time_of(lines[n]) <= Date.now() - start) n++;
        growing.add(lines.slice(from, n));
    }
    return start;
}

/* Drops a file on the page, as the mouse does. The second dragOver goes to the element that the first one has brought
 * into view. */
async function page_drop(page, file) {
    const devtools = await page.context().newCDPSession(page),
        data = { items: [], files: [file], dragOperationsMask: 1 };
    await page.evaluate(() => delete document.body.dataset.loadMs);
    for (const type of ['dragEnter', 'dragOver', 'dragOver', 'drop'])
        await devtools.send('Input.dispatchDragEvent', { type, x: 400, y: 300, data });
    await page.waitForFunction(() => document.body.dataset.loadMs);
    await devtools.detach();
}

/* Records from now on which step is shown, and when. */
function page_watch(page) {
    return page.evaluate(() => {
        window.seen = [];
        const note = () => window.seen.push([Date.now(), Number(document.body.dataset.step)]);
        new MutationObserver(note).observe(document.body, { attributeFilter: ['data-step'] });
    });
}

/* Returns how late each step was shown, in ms, sorted. `times` are those of the trace's clock, which was 0 at
 * `start`. */
async function page_lateness(page, times, start) {
    const seen = await page.evaluate(() => window.seen),
        late = [];
    let next = 1;
    for (const [at, step] of seen) for (; next <= step; next++) late.push(at - start - times[next - 1]);
    return late.sort((a, b) => a - b);
}

function page_live(page) {
    return page.evaluate(() => {
        const button = document.getElementById('live');
        return button.hidden ? '' : button.textContent;
    });
}

/* Waits until the page has exactly this many steps. */
function page_reaches(page, steps) {
    return page.waitForFunction((all) => Number(document.body.dataset.steps) === all, steps, { timeout: 30000 });
}

module.exports = { Growing, lines_of, play_lines, page_drop, page_watch, page_lateness, page_live, page_reaches, pause };
