/* record.js - the real server.exe under Wine with --trace-file, and real clients that talk to it. */
'use strict';

const fs = require('fs'),
    net = require('net'),
    path = require('path'),
    { spawn } = require('child_process');

const top = path.join(__dirname, '../..');
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/* A client that keeps what it hears. */
class Client {
    constructor(port) {
        this.heard = '';
        this.socket = net.connect(port, '127.0.0.1');
        this.socket.setEncoding('utf8');
        this.socket.on('data', (data) => (this.heard += data));
        this.ended = new Promise((done) => this.socket.on('close', done));
    }

    say(text) {
        this.socket.write(text);
    }

    /* Waits until it has heard `part`. */
    async hears(part) {
        for (let tries = 0; !this.heard.includes(part); tries++) {
            if (tries > 1000) throw new Error(`a client did not hear ${part}, but ${this.heard}`);
            await pause(10);
        }
        this.heard = this.heard.slice(this.heard.indexOf(part) + part.length);
    }

    async leave() {
        this.socket.end();
        await this.ended;
    }
}

let records = 0;

/* Starts the server and plays: play(connect, file, type), where type(text) is the operator's typing. Returns the text
 * of the trace file once the server has ended. */
async function record(options, play, name) {
    const file = name || path.join(top, 'build/page', `record-${process.pid}-${++records}.json`);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    const argv = ['tests/scripts/wine.sh', './server.exe', '--port', '0', '--trace-file', `Z:${file}`, ...options];
    const server = spawn('sh', argv, { cwd: top, stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = new Promise((done) => server.on('exit', done));
    let told = '';
    server.stdout.on('data', (data) => (told += data));
    for (let tries = 0; !/listening on .*:\d+ \(/.test(told); tries++) {
        if (tries > 6000) throw new Error(`the server does not listen: ${told}`);
        await pause(10);
    }
    const port = Number(told.match(/listening on .*:(\d+) \(/)[1]);
    try {
        await play(() => new Client(port), file, (text) => server.stdin.write(text));
    } finally {
        server.kill('SIGINT');
    }
    if ((await ended) !== 0) throw new Error('the server did not end well');
    const text = fs.readFileSync(file, 'utf8');
    if (!name) fs.unlinkSync(file); /* somebody may still be reading a file that has a name */
    return text;
}

const PAUSE_MS = 60; /* between two things that clients do, so that the server sleeps */

/* Plays one message and its answer; then two clients that both write at once. */
async function play_echo(connect) {
    const one = connect();
    await pause(PAUSE_MS);
    one.say('hello\r\n');
    await one.hears('hello');
    await pause(PAUSE_MS);
    const two = connect();
    await pause(PAUSE_MS);
    two.say('안녕하세요\r\n');
    await two.hears('안녕하세요');
    await pause(PAUSE_MS);
    one.say('one\r\n');
    two.say('two\r\n');
    await Promise.all([one.hears('one'), two.hears('two')]);
    await pause(PAUSE_MS);
    await one.leave();
    await two.leave();
    await pause(PAUSE_MS);
}

/* Puts three into the room; one writes, and the others read it. */
async function play_chat(connect) {
    const all = [];
    for (let i = 0; i < 3; i++) {
        all.push(connect());
        await all[i].hears('welcome');
        await pause(PAUSE_MS);
    }
    const [one, two, three] = all;
    one.say('안녕하세요\r\n');
    await Promise.all([two.hears('안녕하세요'), three.hears('안녕하세요')]);
    await pause(PAUSE_MS);
    two.say('hello\r\n');
    await Promise.all([one.hears('hello'), three.hears('hello')]);
    await pause(PAUSE_MS);
    await three.leave();
    await pause(PAUSE_MS);
    await two.leave();
    await one.leave();
    await pause(PAUSE_MS);
}

/* Puts 20 into the room; all of them talk, and a few leave. */
async function play_chat_20(connect, file, type) {
    const all = Array.from({ length: 20 }, () => connect());
    await Promise.all(all.map((client) => client.hears('welcome')));
    for (let n = 0; n < 3; n++) {
        all.forEach((client, i) => client.say(`line ${n} of ${i}: "quoted" \\ 안녕 <b>\r\n`));
        await pause(100);
    }
    for (let i = 0; i < 20; i++) await all[i].hears(`line 2 of ${i ? 0 : 19}:`);
    type('to all of you\n');
    await Promise.all(all.map((client) => client.hears('*** operator: to all of you')));
    await Promise.all(all.slice(0, 5).map((client) => client.leave()));
}

/* Lets this many clients send and wait for their answers for a second. Every echo must be right. Returns the number of
 * echoes. */
async function play_busy(connect, clients) {
    const until = Date.now() + 1000;
    let messages = 0;
    const talk = async (client, i) => {
        for (let n = 0; Date.now() < until; n++) {
            client.say(`${i}, ${n}\r\n`);
            while (!client.heard.endsWith('\n')) await new Promise((done) => client.socket.once('data', done));
            if (client.heard !== `${i}, ${n}\r\n`) throw new Error(`${client.heard} is no echo of ${i}, ${n}`);
            client.heard = '';
            messages++;
        }
        await client.leave();
    };
    await Promise.all(Array.from({ length: clients }, (_, i) => talk(connect(), i)));
    return messages;
}

/* Puts 20 into the room for this many seconds; each says the time every second or two. Calls begin(file) before the
 * first comes. */
async function play_talking(connect, seconds, file, begin) {
    if (begin) await begin(file);
    const all = Array.from({ length: 20 }, () => connect()),
        until = Date.now() + seconds * 1000;
    await Promise.all(all.map((client) => client.hears('welcome')));
    const talk = async (client, i) => {
        for (let n = 0; Date.now() < until; n++) {
            await pause(500 + ((i * 397 + n * 211) % 1500));
            client.say(`${Date.now()} ${i}\r\n`);
            client.heard = '';
        }
        await client.leave();
    };
    await Promise.all(all.map(talk));
}

const recorded = {
    talking_20: (seconds, begin, name) =>
        record(['--chat', '--quiet'], (connect, file) => play_talking(connect, seconds, file, begin), name),
    echo: () => record(['--echo', '--quiet'], play_echo),
    chat: () => record(['--chat', '--quiet'], play_chat),
    chat_20: () => record(['--chat', '--quiet'], play_chat_20),
    busy_32: async () => {
        let messages = 0;
        const text = await record(['--echo', '--quiet'], async (connect) => {
            messages = await play_busy(connect, 32);
        });
        return { text, messages };
    },
    busy_90: () => record(['--echo', '--quiet'], (connect) => play_busy(connect, 90)),
};
module.exports = { recorded };
