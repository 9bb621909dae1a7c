/* hour.js [SECONDS [SPEED]] - an hour of a class of 60, compressed: the file grows 30 times as fast, and the page follows.
 * It must keep up (what is shown is at most 2 s old), and its memory must stay below 300 MB. Not part of the gate. */
'use strict';

const fs = require('fs');
const { browser_open, page_open, page_problem } = require('./browser.js');
const { Model } = require('./model.js');
const { Growing, page_drop, page_live, pause } = require('./live.js');

const SECONDS = Number(process.argv[2]) || 3600,
    SPEED = Number(process.argv[3]) || 30,
    MEMORY_MB = 300,
    BEHIND_MS = 2000;

/* Returns the private memory of the browser's largest renderer, the page's, in MB. */
async function memory_mb(devtools) {
    const { processInfo } = await devtools.send('SystemInfo.getProcessInfo');
    const of = ({ id }) => Number(fs.readFileSync(`/proc/${id}/status`, 'utf8').match(/RssAnon:\s*(\d+)/)[1]) / 1024;
    return Math.max(...processInfo.filter(({ type }) => type === 'renderer').map(of));
}

/* Lets the class go on for about a second: somebody writes, and the others read it. Returns the events. */
function class_goes_on(model, all) {
    const end = model.trace.now + 1e6,
        lines = [];
    model.say(all[model.draw(all.length)], `line at ${Math.round(model.trace.now / 1e6)} s: 안녕하세요\r\n`);
    while (model.trace.now < end) model.pass(100);
    lines.push(...model.trace.lines);
    model.trace.lines.length = 0;
    return lines;
}

async function main() {
    const browser = await browser_open(),
        page = await page_open(browser),
        devtools = await browser.newBrowserCDPSession(),
        growing = new Growing('hour');
    const model = new Model({ chat: true, seed: 3 }),
        all = Array.from({ length: 60 }, () => model.connect());
    let events = 0,
        told = 0,
        memory = 0,
        behind = 0;
    await page_drop(page, growing.file);
    const first = model.trace.now,
        start = Date.now(),
        clock = () => (model.trace.now - first) / 1e6;
    const written = []; /* [when, steps]: to see how old the shown step is */
    for (let next = start; clock() < SECONDS; ) {
        const lines = class_goes_on(model, all);
        growing.add(lines);
        events += lines.length;
        told += lines.filter((line) => /"(call|result)":"./.test(line)).length;
        written.push([Date.now(), told]);
        await pause(Math.max(0, start + (clock() * 1000) / SPEED - Date.now()));
        if (Date.now() < next) continue;
        next = Date.now() + 2000;
        const steps = await page.evaluate(() => Number(document.body.dataset.step));
        while (written.length && written[0][1] <= steps) written.shift();
        behind = Math.max(behind, written.length ? Date.now() - written[0][0] : 0);
        memory = Math.max(memory, await memory_mb(devtools));
        if (Math.round(clock()) % 10 === 0 || process.env.TELL)
            console.log(`${Math.round(clock())} s: ${events} events, ${Math.round(memory)} MB, at most ${behind} ms behind`);
    }
    await page.waitForFunction((steps) => Number(document.body.dataset.step) === steps, told, { timeout: 10000 });
    const good =
        memory < MEMORY_MB && behind < BEHIND_MS && (await page_live(page)) === 'LIVE' && !(await page_problem(page));
    console.log(`${good ? 'ok      ' : 'FAILED  '}${Math.round(clock())} s of a class, ${events} events in ` +
            `${Math.round((Date.now() - start) / 1000)} s: ${Math.round(memory)} MB, at most ${behind} ms behind; ` +
            `one can step from ${await page.evaluate(() => document.body.dataset.oldest)} on`);
    growing.remove();
    await browser.close();
    process.exitCode = good && page.complaints.length === 0 ? 0 : 1;
    if (page.complaints.length) console.log(page.complaints.slice(0, 3));
}

main();
