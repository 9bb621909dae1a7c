/* lessons.js - plays the lessons with the real server and writes their traces into docs/replay.html. */
'use strict';

const fs = require('fs'),
    path = require('path'),
    { recorded } = require('./record.js');

const page = path.join(__dirname, '../../docs/replay.html');

/* "<" would end the script element that holds the lesson. */
function lesson_put(html, name, text) {
    const begin = `<script type="application/json" id="lesson-${name}">\n`,
        at = html.indexOf(begin);
    if (at < 0) throw new Error(`docs/replay.html has no place for the lesson ${name}`);
    const end = html.indexOf('</' + 'script>', at);
    return html.slice(0, at + begin.length) + text.trim().replace(/</g, '\\u003c') + '\n' + html.slice(end);
}

async function main() {
    let html = fs.readFileSync(page, 'utf8');
    for (const name of ['echo', 'chat']) html = lesson_put(html, name, await recorded[name]());
    fs.writeFileSync(page, html);
}

main();
