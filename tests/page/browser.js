/* browser.js - docs/replay.html in a real headless Chromium, and what the tests ask of it. */
'use strict';

const fs = require('fs'),
    path = require('path'),
    { pathToFileURL } = require('url');

const top = path.join(__dirname, '../..');
const { chromium } = require(path.join(top, 'build/page/node_modules/playwright-core'));
const page_url = pathToFileURL(path.join(top, 'docs/replay.html')).href;
const chromium_paths = [
    process.env.CHROMIUM,
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
];

/* Chromium refuses its sandbox to root, and must not phone home. The profile is new each time. */
const chromium_options = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
];

function browser_open() {
    return chromium.launch({
        executablePath: chromium_paths.find((file) => file && fs.existsSync(file)),
        args: chromium_options,
    });
}

/* Opens a fresh page. Whatever it writes to the console or asks of the network counts as a complaint. */
async function page_open(browser, { hash = '', locale = 'en-US', dark = false, width = 1280, height = 720 } = {}) {
    const context = await browser.newContext({
        locale,
        colorScheme: dark ? 'dark' : 'light',
        reducedMotion: 'reduce',
        viewport: { width, height },
    });
    const page = await context.newPage();
    page.complaints = [];
    page.on('console', (message) => page.complaints.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => page.complaints.push(error.stack));
    page.on(
        'request',
        (request) =>
            request.url().startsWith('file:') ||
            request.url().startsWith('data:') ||
            page.complaints.push(`asks for ${request.url()}`),
    );
    await page.goto(page_url + hash);
    return page;
}

/* Chooses a file as a user does, and waits until the page has shown it or has said why not. */
async function page_load(page, text, name = 'trace.json') {
    await page.evaluate(() => {
        delete document.body.dataset.loadMs;
        document.getElementById('problem').hidden = true;
    });
    await page.setInputFiles('#file', { name, mimeType: 'application/json', buffer: Buffer.from(text) });
    await page.waitForFunction(
        () => document.body.dataset.loadMs || !document.getElementById('problem').hidden,
        undefined,
        { timeout: 30000 },
    );
}

async function page_problem(page) {
    const problem = page.locator('#problem');
    return (await problem.isVisible()) ? await problem.locator('span').textContent() : '';
}

function page_step(page) {
    return page.evaluate(() => Number(document.body.dataset.step));
}

/* Runs in the page. Returns what it shows, read from its boxes and words. */
function read_shown() {
    const slot_of = (box) => {
        const session = Number(box.dataset.session),
            text = (name) => box.querySelector(name).textContent;
        const slot = {
            slot: Number(box.dataset.slot),
            event: box.dataset.event,
            word: text('.word'),
            wait: box.dataset.wait === '1',
            returned: box.dataset.returned === '1',
            session,
        };
        if (!session) return slot;
        return {
            ...slot,
            recv: box.dataset.recv,
            send: box.dataset.send,
            in: Number(box.dataset.in),
            out: Number(box.dataset.out),
            came: text('.in'),
            went: text('.out'),
        };
    };
    const group_of = (panel) => ({
        number: Number(panel.dataset.group),
        doing: panel.dataset.doing,
        serving: Number(panel.dataset.serving),
        noc: Number(panel.querySelector('.noc').textContent.replace('noc = ', '')),
        slots: [...panel.querySelectorAll('.slot')].map(slot_of),
    });
    return {
        step: Number(document.body.dataset.step),
        line: document.getElementById('line').textContent,
        main: document.getElementById('main').dataset.doing,
        noc: Number(document.querySelector('#main .noc').textContent.replace('noc = ', '')),
        groups: [...document.querySelectorAll('.group')].map(group_of),
    };
}

/* Returns what the page shows now. */
function page_shown(page) {
    return page.evaluate((source) => new Function(`return (${source})()`)(), read_shown.toString());
}

/* Goes to each of these steps by link and reads what is shown there. */
async function page_shown_at(page, steps) {
    await page.evaluate((source) => {
        window.read_shown = new Function(`return (${source})()`);
    }, read_shown.toString());
    return page.evaluate(async (all) => {
        const shown = [];
        for (const step of all) {
            location.hash = `step=${step}`;
            window.dispatchEvent(new HashChangeEvent('hashchange'));
            shown.push(window.read_shown());
        }
        return shown;
    }, steps);
}

/* Presses a key `times` times, fast, from inside the page. */
function page_press(page, key, times) {
    return page.evaluate(
        ([name, count]) => {
            for (let i = 0; i < count; i++)
                document.body.dispatchEvent(new KeyboardEvent('keydown', { key: name, bubbles: true }));
        },
        [key, times],
    );
}

/* Returns how many pixels of two screenshots differ visibly. Chromium smooths rounded corners a little differently each
 * time. */
function pictures_differ(page, pictures) {
    return page.evaluate(async (all) => {
        const pixels = await Promise.all(
            all.map(async (picture) => {
                const image = new Image();
                image.src = `data:image/png;base64,${picture}`;
                await image.decode();
                const draw = new OffscreenCanvas(image.width, image.height).getContext('2d');
                draw.drawImage(image, 0, 0);
                return draw.getImageData(0, 0, image.width, image.height).data;
            }),
        );
        return pixels[0].reduce((sum, value, i) => sum + (Math.abs(value - pixels[1][i]) > 24), 0);
    }, pictures);
}

module.exports = {
    browser_open,
    page_open,
    page_load,
    page_problem,
    page_step,
    page_shown,
    page_shown_at,
    page_press,
    pictures_differ,
    top,
};
