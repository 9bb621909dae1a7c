/* traces.js - the traces of the page's tests, made by the model of the server. */
'use strict';

const { Model } = require('./model.js');

/* Makes the first lesson: one message comes and goes back, then two clients at once. */
function lesson_echo() {
    const model = new Model({ seed: 7 });
    const one = model.connect();
    model.say(one, 'hello\r\n');
    const two = model.connect();
    model.say(two, '안녕하세요\r\n');
    two.inbox.push('one\r\n');
    model.kernel_receive(two.session);
    model.say(one, 'two\r\n');
    two.room = 4;
    model.say(two, 'a long answer\r\n');
    model.say(one, 'still here\r\n');
    model.read(two);
    model.leave(one);
    model.leave(two);
    return model.stop();
}

/* Makes the second lesson: what one says reaches the others. */
function lesson_chat() {
    const model = new Model({ chat: true, seed: 3 });
    const [one, two, three] = [model.connect(), model.connect(), model.connect()];
    model.say(one, 'hello\r\n');
    model.say(two, '안녕하세요, 반갑습니다\r\n');
    model.say(three, 'who is there?\r\n');
    model.leave(three);
    model.say(one, 'bye\r\n');
    model.leave(one);
    model.leave(two);
    return model.stop();
}

function chat_of(clients, lines, seed) {
    const model = new Model({ chat: true, seed });
    const all = Array.from({ length: clients }, () => model.connect());
    for (let i = 0; i < lines; i++) {
        if (model.draw(5) === 0) all[model.draw(clients)].room = 10; /* a slow reader: its next send stays pending */
        model.say_later(all[model.draw(clients)], `another, ${i}\r\n`, model.draw(40));
        model.say(
            all[model.draw(clients)],
            `line ${i}: ${['hello', '안녕', 'éà', '"quoted" \\ <b>&amp;'][model.draw(4)]}\r\n`,
        );
        if (model.draw(2) === 0) all.filter((client) => client.room < 65536).forEach((client) => model.read(client));
    }
    all.forEach((client) => model.read(client));
    all.slice(clients / 2).forEach((client) => model.leave(client));
    return model;
}

/* Makes a trace of two or more groups: sessions migrate when others have left. */
function echo_groups(clients, rounds, seed, group_sessions) {
    const model = new Model({ seed, group_sessions });
    const all = Array.from({ length: clients }, () => model.connect());
    all.splice(0, Math.floor(clients / 3)).forEach((client) => model.leave(client));
    for (let i = 0; i < rounds; i++) {
        const talkers = new Set(Array.from({ length: 3 }, () => all[model.draw(all.length)]));
        for (const client of talkers) model.say_later(client, `round ${i}\r\n`, model.draw(12));
        model.pass(20);
    }
    return model;
}

/* Returns the trace, cut to `events` lines. */
function events_of(model, events) {
    model.trace.lines.length = Math.min(model.trace.lines.length, events);
    return model.trace.text();
}

module.exports = {
    lesson_echo,
    lesson_chat,
    chat_20: () => chat_of(20, 12, 5).stop(),
    room_62: () => chat_of(62, 3, 9).stop(),
    groups_3: () => echo_groups(14, 40, 11, 5).stop(),
    events_10000: () => events_of(echo_groups(70, 260, 13), 10000),
};

/* node traces.js NAME: prints the trace. */
if (require.main === module) process.stdout.write(module.exports[process.argv[2]]());
