/* sim_chat.c - what the clients of the chat server say, and what they must get: every line of the others once and
 * whole, each author's lines in order, and all lines in the same order for everybody. */
#include "sim_client.h"

enum { MAX_SPEAKERS = 256, MAX_LINES = 400, MAX_MESSAGES = 20000, LINE_BYTES = 8192, TIME_TO_FINISH = 800000 };

typedef struct Speaker {
    char *script; /* all it will send */
    int lines;
    size_t ends[MAX_LINES];      /* the offset after each line */
    uint64_t said_at[MAX_LINES]; /* when its last byte went out; 0: not yet */
    int lengths[MAX_LINES];
    bool wild;   /* sends bytes that are not our lines */
    bool keys;   /* asks the server to echo */
    bool korean; /* sends code page 949, and gets it from then on */

    uint64_t welcome_at; /* 0: not yet */
    bool goodbye;
    int first[MAX_SPEAKERS], last[MAX_SPEAKERS]; /* the lines of each other client that it got; 0: none */
    int previous;                                /* the message it got last, as an index; -1: none */
    int since[MAX_SPEAKERS]; /* the last line that it had received from the other when both had begun */
    char line[LINE_BYTES];
    size_t used;
    int telnet; /* bytes of a command that is being received */
} Speaker;

/* For each message, those that some client got immediately before it: the order that all must agree on. */
typedef struct Edge {
    int from, to;
} Edge;

static int message_index[MAX_SPEAKERS][MAX_LINES]; /* 0: nobody got it yet */
static int message_count;
static Edge *edges;
static size_t edge_count, edge_room;
static bool any_wild;

static Speaker *speaker_of(const Client *client)
{
    return (Speaker *)client->state;
}

/* ---- what a client says ---- */

/* Writes the text of a line, as the others must get it. */
static void line_text(int id, int number, int length, char *text)
{
    static const char *const words[] = { "alpha", "b", "\xED\x95\x9C\xEA\xB8\x80", "/x", "d:e", "\xC3\xA9t\xC3\xA9" };
    int used = text_write(text, LINE_BYTES, "c%dm%d ", id, number);

    for (uint64_t i = (uint64_t)(id * 31 + number); used < length; i = i * 25214903917u + 11)
        used += text_write(text + used, (size_t)(LINE_BYTES - used), "%s.", words[i / 65536 % 6]);
}

/* Does the same, after conversion to the author's code page and back. */
static void author_text(int id, int number, char *text)
{
    const Speaker *author = speaker_of(clients[id - 1]);
    char korean[LINE_BYTES];
    int length;

    line_text(id, number, author->lengths[number], text);
    if (!author->korean) return;
    length = korean_encode(text, korean);
    text[korean_decode(korean, (size_t)length, text)] = '\0';
}

static void script_add(char *script, size_t *used, const char *bytes, size_t count)
{
    memcpy(script + *used, bytes, count);
    *used += count;
}

/* Adds telnet commands, and letters that are erased again. */
static void script_noise(char *script, size_t *used, bool korean)
{
    static const char *const noise[] = {
        "\xFF\xFE\x01", "\xFF\xF1", "zz\b\x7F", "\x1B[2J", "\xFF\xFA\x18\x01\xFF\xF0", "\x1B]0;x\x07", "\xED\x95\x9C\b"
    };
    const char *bytes = noise[rnd(korean ? 6 : 7)];

    script_add(script, used, bytes, strlen(bytes));
}

static void script_line(Client *client, size_t *used, int length)
{
    static const char ends[][3] = { "\n", "\r\n", "\r", "\r" };
    Speaker *me = speaker_of(client);
    char text[LINE_BYTES], korean[LINE_BYTES];
    uint64_t end = rnd(4);
    int number = ++me->lines;

    if (chance(50)) script_add(me->script, used, "/who\n", 5);
    if (chance(20)) script_add(me->script, used, "/help\n", 6);
    if (chance(20)) script_add(me->script, used, "/nick guest1\n", 13);
    if (chance(50)) {
        char nick[32];
        int size = text_write(nick, sizeof nick, "/nick n%d_%d\n", client->id, number);
        script_add(me->script, used, nick, (size_t)size);
    }
    if (chance(100)) script_add(me->script, used, "/me ", 4);
    me->lengths[number] = length;
    line_text(client->id, number, length, text);
    if (me->korean) {
        script_add(me->script, used, korean, (size_t)korean_encode(text, korean));
    } else {
        script_add(me->script, used, text, strlen(text));
    }
    if (chance(100)) script_noise(me->script, used, me->korean);
    script_add(me->script, used, ends[end], strlen(ends[end]));
    if (end == 3) script_add(me->script, used, "", 1);
    me->ends[number] = *used;
}

static void script_wild(Speaker *me, size_t *used)
{
    static const char *const soup[] = { "\xFF",     "\xFB",     "\x1B", "[",      "]",        "\r",       "\n",
                                        "\b",       "/nick ",   "/me ", "/x",     "\xC2\x9B", "\xED\x95", "/who",
                                        "\xFF\xFA", "\xFF\xF0", " ",    "guest1", "\x9B" };

    any_wild = me->wild = true;
    if (chance(300))
        for (uint64_t i = rnd_between(4000, 9000); i; i--)
            script_add(me->script, used, i % 7 ? "w" : "\xED\x95\x9C", i % 7 ? 1 : 3);
    for (uint64_t count = rnd_between(1, 2000); count; count--) {
        char byte = (char)rnd(256);
        const char *bytes = soup[rnd(sizeof soup / sizeof *soup)];
        if (chance(500))
            script_add(me->script, used, &byte, 1);
        else
            script_add(me->script, used, bytes, strlen(bytes));
    }
}

static void chat_prepare(Client *client)
{
    Speaker *me = (Speaker *)arena(sizeof *me);
    int most = plan.clients > 40 ? 3 : plan.bulk ? MAX_LINES - 1 : 20;
    int longest = plan.bulk ? 3000 : plan.clients > 40 ? 60 : 500;
    size_t used = 0;
    int lines = plan.flood && client->id < 3 ? MAX_LINES - 1 : (int)rnd((uint64_t)most + 1);

    if (plan.lulls) lines = client->id == 1 ? 2 : 1; /* no later message would reveal that the last line was lost */
    client->state = me;
    if (plan.attack) any_wild = true; /* the hostile clients send lines that are not ours */
    me->previous = -1;
    me->script = (char *)arena((size_t)(lines + 1) * (size_t)(longest + 120) + 40000);
    me->korean = plan.codepage && chance(300);
    me->keys = !plan.flood && !me->korean && chance(80);
    if (me->keys) script_add(me->script, &used, "\xFF\xFD\x01", 3);
    if (chance(60) && !client_prompt(client))
        script_wild(me, &used);
    else
        for (int i = 0; i < lines; i++)
            script_line(client, &used, plan.flood || plan.lulls ? longest : (int)rnd_between(12, (uint64_t)longest));
    if (client->manner == POLITE && chance(300)) script_add(me->script, &used, "/quit bye\n", 10);
    client->total = used;
    if (!client_prompt(client)) return;
    client->cut = 8192; /* it reads everything, and soon, as a client must in a crowd */
    client->pace = rnd_between(1, 1000);
}

static size_t chat_say(Client *client, char *bytes, size_t room)
{
    uint64_t left = client->total - client->sent;
    size_t count = left < room ? (size_t)left : room;

    if (client->sent == 0 && !speaker_of(client)->wild) { /* half a line would be taken for keys */
        for (count = 0; count < left; count++) {
            char c = speaker_of(client)->script[count];
            if (c == '\r' || c == '\n') break;
        }
        if (count < left) count++;
        if (count > 8192) count = 8192;
    }
    memcpy(bytes, speaker_of(client)->script + client->sent, count);
    return count;
}

static void chat_spoke(Client *client)
{
    Speaker *me = speaker_of(client);

    for (int i = me->lines; i > 0 && !me->said_at[i]; i--) {
        if (client->sent >= me->ends[i]) me->said_at[i] = now;
    }
}

/* ---- what it gets ---- */

static void edge_add(int from, int to)
{
    if (edge_count == edge_room) {
        Edge *more = (Edge *)arena((edge_room * 2 + 1024) * sizeof *more);
        if (edge_count) memcpy(more, edges, edge_count * sizeof *more);
        edge_room = edge_room * 2 + 1024;
        edges = more;
    }
    edges[edge_count++] = (Edge){ from, to };
}

/* Two talk without end: from the time when both have begun until one is done, they get the same share. Only the tokens
 * of a full bucket may all go to one of them. */
static void check_shares(const Client *client)
{
    enum { AT_ONCE = 400 * 1024 }; /* bytes: bucket and reserve of the room, and a line */
    Speaker *me = speaker_of(client);
    int lines[2];

    if (!plan.flood || client->id < 3 || !me->last[1] || !me->last[2]) return;
    for (int i = 0; i < 2; i++) {
        const Client *talker = clients[i];
        if (!client_prompt(talker) || talker->conn.excused || me->last[i + 1] >= speaker_of(talker)->lines - 1) return;
        if (!me->since[i + 1]) me->since[i + 1] = me->last[i + 1];
        lines[i] = me->last[i + 1] - me->since[i + 1];
    }
    for (int i = 0; i < 2; i++) {
        if ((lines[i] - lines[1 - i]) * 3000 > AT_ONCE)
            violation("client %d heard %d lines of client %d and %d of client %d in the same time", client->id,
                      lines[i], i + 1, lines[1 - i], 2 - i);
    }
}

/* Returns true if the text is as it was said, or the same in the listener's code page. */
static bool is_said(const Client *client, const char *text, const char *expected)
{
    char korean[LINE_BYTES];
    size_t length;

    if (strcmp(text, expected) == 0) return true;
    if (!speaker_of(client)->korean) return false;
    length = (size_t)korean_encode(expected, korean);
    return length == strlen(text) && memcmp(text, korean, length) == 0;
}

static void check_text(const Client *client, int id, int number, const char *text)
{
    char expected[LINE_BYTES];

    author_text(id, number, expected);
    if (is_said(client, text, expected)) return;
    for (size_t i = 0; strcmp(text, expected) != 0; i++) {
        if (text[i] == expected[i]) continue;
        if (!text[i] && clients[id - 1]->manner == HASTY) break; /* it closed in the middle of the line */
        if (clients[id - 1]->manner == HASTY && (speaker_of(client)->korean || speaker_of(clients[id - 1])->korean))
            break;
        violation("client %d: line %d of client %d is torn at byte %zu of %zu: '%.40s' for '%.40s'", client->id, number,
                  id, i, strlen(expected), text + i, expected + i);
    }
}

static void hear_message(Client *client, int id, int number, const char *text)
{
    Speaker *me = speaker_of(client);
    const Speaker *author;

    if (id < 1 || id > client_count || number < 1 || number > speaker_of(clients[id - 1])->lines)
        violation("client %d got a line that nobody said: %s", client->id, text);
    author = speaker_of(clients[id - 1]);
    if (id == client->id) violation("client %d got its own line: %s", client->id, text);
    check_text(client, id, number, text);
    if (clients[id - 1]->manner != HASTY && clients[id - 1]->sent + 1 < author->ends[number])
        violation("client %d got line %d of client %d before it was said", client->id, number, id);
    if (me->last[id] && number != me->last[id] + 1)
        violation("client %d got line %d of client %d after line %d", client->id, number, id, me->last[id]);
    if (!me->first[id]) me->first[id] = number;
    me->last[id] = number;
    if (!message_index[id][number]) message_index[id][number] = ++message_count;
    if (me->previous >= 0) edge_add(me->previous, message_index[id][number]);
    me->previous = message_index[id][number];
    check_shares(client);
}

static void hear_line(Client *client, const char *line)
{
    Speaker *me = speaker_of(client);
    int id, number;

    if (strncmp(line, "*** welcome, ", 13) == 0) me->welcome_at = now;
    if (plan.trace && strncmp(line, "! you are too slow", 18) == 0)
        client->conn.excused = true; /* narration takes time */
    me->goodbye = strcmp(line, "*** good-bye") == 0;
    for (const char *at = strstr(line, " c"); at; at = strstr(at + 1, " c")) {
        if (sscanf(at, " c%dm%d ", &id, &number) == 2) {
            hear_message(client, id, number, at + 1);
            return;
        }
    }
    if (strncmp(line, "*** ", 4) != 0 && strncmp(line, "! ", 2) != 0 && !any_wild)
        violation("client %d got a line that is none: %s", client->id, line);
}

/* With echo and redrawing, checks only that output continues, and that it is UTF-8 where it must be. */
static void hear_loosely(Client *client, unsigned char c)
{
    Speaker *me = speaker_of(client);

    if (me->telnet > 0 || c == 0xFF) {
        me->telnet = (me->telnet + 1) % 3;
        return;
    }
    if (me->used < LINE_BYTES) me->line[me->used++] = (char)c;
    if (c != '\n') return;
    if (me->used < LINE_BYTES && !(me->wild && plan.codepage) && !text_is_utf8(me->line, me->used))
        violation("client %d got what is not UTF-8", client->id);
    me->used = 0;
}

static void chat_hear(Client *client, const char *bytes, size_t count)
{
    Speaker *me = speaker_of(client);

    for (size_t i = 0; i < count; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (me->keys || me->wild) {
            if (!me->welcome_at) me->welcome_at = now;
            hear_loosely(client, c);
            continue;
        }
        if ((c < 0x20 && c != '\r' && c != '\n') || c == 0x7F)
            violation("client %d got the control character %d", client->id, c);
        if (me->used == LINE_BYTES) violation("client %d got a line without end", client->id);
        me->line[me->used++] = bytes[i];
        if (c != '\n') continue;
        if (me->used < 2 || me->line[me->used - 2] != '\r')
            violation("client %d got a line that does not end in CR LF", client->id);
        if (!me->korean && !text_is_utf8(me->line, me->used))
            violation("client %d got a line that is not UTF-8", client->id);
        me->line[me->used - 2] = '\0';
        me->used = 0;
        hear_line(client, me->line);
    }
}

/* ---- what is due ---- */

/* Returns true for a client that reads and does not disconnect early: it is heard to the end. */
static bool heard(const Client *client)
{
    return (client->manner == POLITE || client->manner == STAYER) && !client->conn.excused
           && speaker_of(client)->welcome_at && !speaker_of(client)->wild && !speaker_of(client)->keys;
}

/* Finds the first and last line of `author` that `reader` must have received by now; last 0: none. */
static void due(const Client *reader, const Client *author, int *first, int *last)
{
    const Speaker *speaker = speaker_of(author);

    *first = *last = 0;
    for (int i = 1; i <= speaker->lines && speaker->said_at[i]; i++) {
        if (!*first && speaker->said_at[i] > speaker_of(reader)->welcome_at) *first = i;
        if (*first) *last = i;
    }
}

static bool chat_content(const Client *client)
{
    const Speaker *me = speaker_of(client);

    if (client->manner != STAYER || client->refused || me->keys) return true;
    if (!me->welcome_at) return false;
    for (int i = 0; i < client_count; i++) {
        int first, last;
        if (clients[i] == client || !heard(clients[i])) continue;
        due(client, clients[i], &first, &last);
        if (last && me->last[i + 1] < last) {
            if (now - client->last > 19000000)
                tell("client %d misses lines %d to %d of client %d", client->id, me->last[i + 1] + 1, last, i + 1);
            return false;
        }
        if (last && me->first[i + 1] > first)
            violation("client %d got the lines of client %d from %d on, not from %d", client->id, i + 1,
                      me->first[i + 1], first);
    }
    return true;
}

static void chat_ended(Client *client)
{
    const Speaker *me = speaker_of(client);

    if (!client->eof || client->conn.excused || !client_prompt(client) || me->keys || me->wild) return;
    /* A thread that Windows does not schedule may miss the server's own time limit. */
    if (!me->goodbye && plan.stall_rate && interrupt_time() != NEVER && now - interrupt_time() > TIME_TO_FINISH) return;
    if (!me->goodbye && faults_loose-- > 0) { /* there was no memory for it */
        client->conn.excused = true;
        return;
    }
    if (!me->goodbye) violation("client %d was let go without good-bye", client->id);
    if (me->used) violation("client %d: the last line is torn", client->id);
    if (interrupt_time() == NEVER && client->manner != POLITE)
        violation("client %d was let go without a reason", client->id);
}

/* ---- the end ---- */

/* Every client's order is part of one order: a topological sort uses up all messages. */
static void check_order(void)
{
    int *before = (int *)arena((size_t)(message_count + 1) * sizeof *before), sorted = 0;
    bool *gone = (bool *)arena((size_t)message_count + 1), any = true;
    bool *dead = (bool *)arena(edge_count + 1);

    for (size_t i = 0; i < edge_count; i++) before[edges[i].to]++;
    while (any) {
        any = false;
        for (int i = 1; i <= message_count; i++) {
            if (gone[i] || before[i]) continue;
            gone[i] = any = true;
            sorted++;
        }
        for (size_t i = 0; i < edge_count; i++) {
            if (dead[i] || !gone[edges[i].from]) continue;
            dead[i] = true;
            before[edges[i].to]--;
        }
    }
    if (sorted < message_count) violation("two clients got the same lines in different orders");
}

/* When the server stops, all who read get the same last line of each author. */
static void check_last_lines(void)
{
    for (int author = 1; author <= client_count; author++) {
        int most = 0;
        for (int round = 0; round < 2; round++) {
            for (int i = 0; i < client_count; i++) {
                const Client *client = clients[i];
                int last = speaker_of(client)->last[author];
                if (!speaker_of(client)->goodbye || client->manner != STAYER || client->conn.excused || !last) continue;
                if (round == 0 && last > most) most = last;
                if (round == 1 && last < most)
                    violation("client %d got the lines of client %d to %d, others to %d", client->id, author, last,
                              most);
            }
        }
    }
}

static void chat_finish(void)
{
    check_order();
    check_last_lines();
}

const Model chat_model = {
    "chat", chat_prepare, chat_say, chat_spoke, chat_hear, chat_content, chat_ended, chat_finish
};
