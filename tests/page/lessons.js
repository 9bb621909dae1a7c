/* lessons.js - writes the lessons into docs/replay.html: node lessons.js [echo=TRACE.json] [chat=TRACE.json]
 *
 * A lesson for which no recorded trace is named comes from the model of the server. */
'use strict';

const fs = require('fs'),
    path = require('path'),
    traces = require('./traces.js');

const page = path.join(__dirname, '../../docs/replay.html');
const recorded = Object.fromEntries(process.argv.slice(2).map((argument) => argument.split('=')));

/* "<" would end the script element that holds the lesson. */
function lesson_text(name) {
    const text = recorded[name] ? fs.readFileSync(recorded[name], 'utf8') : traces[`lesson_${name}`]();
    JSON.parse(text);
    return text.trim().replace(/</g, '\\u003c');
}

function lesson_put(html, name) {
    const begin = `<script type="application/json" id="lesson-${name}">\n`,
        at = html.indexOf(begin);
    if (at < 0) throw new Error(`docs/replay.html has no place for the lesson ${name}`);
    const end = html.indexOf('</' + 'script>', at);
    return html.slice(0, at + begin.length) + lesson_text(name) + '\n' + html.slice(end);
}

fs.writeFileSync(page, ['echo', 'chat'].reduce(lesson_put, fs.readFileSync(page, 'utf8')));
