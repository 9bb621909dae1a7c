/* fuzz.c - libFuzzer's target: the bytes that a chat client may send.
 *
 * The chat handler runs here without sockets: this file stands in for Proactor.cpp and plays two sessions, one that
 * sends the fuzzer's bytes and one that reads. The same bytes are played twice, cut in two ways; the reader must get
 * the same both times, whole lines only, and nothing that steers a terminal. Clients are sent well-formed UTF-8 only,
 * except those that use a code page: they are sent characters of the page, none that steers a terminal, and no single
 * byte 255. The first byte of the input selects the options: 1: the author types keys, and is echoed; 2: code page 949;
 * 4: everything is traced to a file, which must be JSON. */
#include "chat/chat.h"
#include "chat/room.cpp"
#include "support/buffer.h"

#include "sim.h"

extern ULONG trace_file_bytes; /* of each buffer for the trace file */

enum { AUTHOR, READER, SESSIONS, OUT_BYTES = 8 << 20, MAX_ROUNDS = 100000 };

typedef struct Player {
    Session session;
    bool notified;
    char *out;
    size_t count;
} Player;

static Options fuzz_options;
static Server fuzz_server;
static Proactor fuzz_proactor;
static Player players[SESSIONS];
static unsigned cut_state;
static bool cut_behind_escape;

/* ---- Proactor.cpp's part ---- */

static Player *player_of(LPSession session)
{
    return session == &players[AUTHOR].session ? &players[AUTHOR] : &players[READER];
}

void session_recv(LPSession session, ULONG kept)
{
    if (session->phase != OPEN || session->receiving) return;
    if (session->received == session->rwsa.len && session->rsize < RBUF_MAX)
        buffer_resize(&session->rbuf, &session->rsize, 2 * session->rsize);
    if (kept + 1 >= session->rsize) violation("a receive of no bytes: %u kept of %u", kept, session->rsize);
    session->rwsa.buf = session->rbuf + kept;
    session->rwsa.len = session->rsize - 1 - kept;
    session->receiving = PENDING;
}

void session_send(LPSession session)
{
    Player *player = player_of(session);

    if (session->phase != OPEN) return;
    if (session->sending) violation("a send while one is pending");
    for (int i = 0; i < 2; i++) {
        if (player->count + session->swsa[i].len > OUT_BYTES) violation("no end of output");
        if (session->swsa[i].len) memcpy(player->out + player->count, session->swsa[i].buf, session->swsa[i].len);
        player->count += session->swsa[i].len;
    }
    session->sending = PENDING;
    if (fuzz_options.trace_file) trace_posted(session, &session->sover, 0);
}

void session_finish(LPSession session, const char *why)
{
    session->why = why;
    session->phase = FINISHING;
}

void session_close(LPSession session, const char *why, int error)
{
    (void)error;
    session->why = why;
    session->phase = CLOSED;
}

void proactor_wake_all(LPServer server, LPProactor self)
{
    (void)server;
    (void)self;
    for (int i = 0; i < SESSIONS; i++) players[i].notified = true;
}

void session_notify_at(LPSession session, ULONGLONG time)
{
    if (!session->deadline || time < session->deadline) session->deadline = time;
}

ULONGLONG session_stop_time(LPSession session)
{
    (void)session;
    return 0;
}

/* run.c refers to it, but the fuzzer never calls it. */
int server_main(void);
int server_main(void)
{
    return 1;
}

/* ---- playing ---- */

static bool player_step(Player *player)
{
    LPSession session = &player->session;
    bool wake_at = session->deadline != 0;

    if (session->phase != OPEN) return false;
    if (session->sending) {
        session->sending = IDLE;
        session->handler->sent(session);
        return true;
    }
    if (!player->notified && !wake_at) return false;
    if (wake_at) now += 20000;
    session->deadline = 0;
    player->notified = false;
    session->handler->notified(session);
    return true;
}

static void play_until_quiet(void)
{
    for (int round = 0; player_step(&players[AUTHOR]) | player_step(&players[READER]); round++) {
        if (round == MAX_ROUNDS) violation("the sessions never come to rest");
    }
}

static ULONG cut(size_t left, ULONG room)
{
    ULONG most = left < room ? (ULONG)left : room;

    cut_state = cut_state * 1103515245u + 12345u;
    return 1 + (cut_state >> 16) % (cut_state & 0x8000u ? most : most < 4 ? most : 4);
}

/* ESC as a segment's last byte is the key Esc; otherwise it begins a sequence. So no cut is made after it if there is
 * room for more. */
static ULONG cut_not_behind_escape(const uint8_t *bytes, size_t count, ULONG room)
{
    ULONG part = cut(count, room);

    while (part < count && part < room && bytes[part - 1] == 0x1B) part++;
    while (part < count && part > 1 && bytes[part - 1] == 0x1B) part--;
    return part;
}

static void play_bytes(const uint8_t *bytes, size_t count)
{
    LPSession session = &players[AUTHOR].session;

    while (count && session->phase == OPEN && !member_of(session)->why) {
        ULONG part;
        if (!session->receiving) violation("a session that is open does not receive");
        part = cut_not_behind_escape(bytes, count, session->rwsa.len);
        memcpy(session->rwsa.buf, bytes, part);
        session->rwsa.buf[part] = '\0';
        session->receiving = IDLE;
        session->received = part;
        if (terminal_of(session)->escape == ESCAPE_FIRST) cut_behind_escape = true;
        terminal_of(session)->received_at = GetTickCount64(); /* a pause would end an escape sequence */
        trace_result(session, &session->over, part, 0);
        session->handler->received(session, part);
        bytes += part;
        count -= part;
        play_until_quiet();
    }
}

static void player_open(Player *player, unsigned long id)
{
    LPSession session = &player->session;

    memset(session, 0, sizeof *session);
    session->server = &fuzz_server;
    session->proactor = &fuzz_proactor;
    session->handler = &chat_handler;
    session->id = id;
    session->phase = OPEN;
    buffer_resize(&session->rbuf, &session->rsize, RBUF_MIN);
    player->count = 0;
    session->handler->opened(session);
    play_until_quiet();
}

static void player_close(Player *player)
{
    LPSession session = &player->session;

    session->handler->closed(session);
    buffer_free(session->rbuf, session->rsize);
    buffer_free(session->sbuf, session->ssize);
}

static void check_console(void)
{
    if (!text_is_utf8(console_out.bytes, console_out.count)) violation("no UTF-8 on the console");
    for (size_t i = 0; i < console_out.count; i++) {
        unsigned char c = (unsigned char)console_out.bytes[i];
        if ((c < 0x20 && c != '\n') || c == 0x7F) violation("control character %d on the console", c);
    }
    console_out.count = console_out.lines = 0;
}

/* Checks that the reader got whole lines, without anything that steers a terminal. */
static void check_reader(const Player *reader)
{
    for (size_t i = 0; i < reader->count; i++) {
        unsigned char c = (unsigned char)reader->out[i], before = i ? (unsigned char)reader->out[i - 1] : 0;
        if ((c < 0x20 && c != '\r' && c != '\n') || c == 0x7F) violation("control character %d for the reader", c);
        if (before == 0xC2 && c >= 0x80 && c < 0xA0) violation("control character U+%04X for the reader", c);
        if ((c == '\n') != (before == '\r')) violation("CR and LF are torn apart");
    }
    if (reader->count && reader->out[reader->count - 1] != '\n') violation("the last line is torn");
    if (!text_is_utf8(reader->out, reader->count)) violation("the reader is sent what is not UTF-8");
}

/* Removes telnet's commands from the author's output; a byte 255 belongs to the text only as a pair. Returns how many
 * bytes of text are left, and sets `echo` if the server has offered to echo. */
static size_t take_commands_out(char *out, size_t count, bool *echo)
{
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        unsigned char c = (unsigned char)out[i], verb = i + 1 < count ? (unsigned char)out[i + 1] : 0;
        if (c == IAC && verb == IAC) {
            i++;
        } else if (c == IAC) {
            if (i + 2 >= count || verb < WILL || verb > DONT) violation("a byte 255 that begins no command");
            if (verb == WILL && out[i + 2] == ECHO_OPTION) *echo = true;
            c = '\n'; /* where the echo ends, the rest of the row may be in another encoding */
            i += 2;
        }
        out[used++] = (char)c;
    }
    return used;
}

/* The only controls that the author is sent are line ends, a carriage return and, with echo, those that erase
 * characters and rows. */
static void check_controls(const char *out, size_t count, bool echo)
{
    for (size_t i = 0; i < count; i++) {
        unsigned char c = (unsigned char)out[i];
        if ((c >= 0x20 && c != 0x7F) || c == '\r' || c == '\n') continue;
        if (echo && c == '\b') continue;
        if (echo && c == 0x1B && i + 2 < count && out[i + 1] == '[' && (out[i + 2] == 'A' || out[i + 2] == 'J'))
            continue;
        violation("control character %d for the author", c);
    }
}

/* Text in a code page is whole: each of its characters is one of the page, and none steers a terminal. */
static void check_korean(const char *out, size_t count)
{
    unsigned long character;

    for (ULONG at = 0, bytes; at < count; at += bytes) {
        bytes = text_next(949, out + at, (ULONG)count - at, &character);
        if (bytes == 0 || character == TEXT_INVALID) violation("the author is sent what is not of the code page");
        if (character >= 0x7F && text_is_unsafe(character)) violation("U+%04lX for the author", character);
    }
}

static void check_author(Player *author, bool korean)
{
    bool echo = false;
    size_t used = take_commands_out(author->out, author->count, &echo), begin = 0;

    check_controls(author->out, used, echo);
    for (size_t end = 0; end < used; end++) { /* the encoding may change with each line */
        if (author->out[end] != '\n' && end + 1 < used) continue;
        if (!text_is_utf8(author->out + begin, end + 1 - begin)) {
            if (!korean) violation("the author is sent what is not UTF-8");
            check_korean(author->out + begin, end + 1 - begin);
        }
        begin = end + 1;
    }
}

static void play_end(void)
{
    LPSession author = &players[AUTHOR].session;

    if (author->phase == OPEN) {
        author->receiving = IDLE;
        author->eof = true;
        author->handler->received(author, 0);
        play_until_quiet();
    }
    if (author->phase == OPEN) violation("the session does not end");
    player_close(&players[AUTHOR]);
    play_until_quiet();
}

/* Returns the hash of what the reader got. The first line comes whole: if cut, it would be taken for keys. */
static uint64_t play(const uint8_t *bytes, size_t count, unsigned cuts, unsigned options)
{
    static const uint8_t line[] = "a\r\n", keys[] = "\xFF\xFD\x01";

    memset(&room, 0, sizeof room);
    sched_begin_again();
    trace_file_bytes = 16 * 1024;
    fuzz_options.trace_file = options & 4 ? "trace.json" : NULL;
    if (!trace_open(&fuzz_options)) violation("there is no trace");
    fuzz_options.codepage = options & 2 ? 949 : CP_UTF8;
    cut_state = cuts;
    player_open(&players[READER], 2);
    player_open(&players[AUTHOR], 1);
    if (options & 1) play_bytes(keys, 3);
    memcpy(players[AUTHOR].session.rwsa.buf, line, 3);
    players[AUTHOR].session.receiving = IDLE;
    players[AUTHOR].session.handler->received(&players[AUTHOR].session, 3);
    play_until_quiet();
    play_bytes(bytes, count);
    play_end();
    check_reader(&players[READER]);
    check_author(&players[AUTHOR], options & 2);
    check_console();
    player_close(&players[READER]);
    if (!trace_close()) violation("the trace file is not whole");
    file_begin_again();
    memory_check();
    return bytes_hash(players[READER].out, players[READER].count);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void fuzz_start(void)
{
    static Stats fuzz_stats;

    stats = &fuzz_stats;
    violation_aborts = true;
    plan.tick = 1000;
    plan.reuse = true;
    plan.mode = "fuzz";
    sched_init();
    console_init();
    InitializeCriticalSectionAndSpinCount(&fuzz_server.cs, 0);
    fuzz_options.max_clients = 10;
    fuzz_server.options = &fuzz_options;
    fuzz_server.handler = &chat_handler;
    for (int i = 0; i < SESSIONS; i++) players[i].out = (char *)arena(OUT_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static bool started;

    if (!started) fuzz_start();
    started = true;
    if (count == 0) return 0;
    cut_behind_escape = false;
    if (play(bytes + 1, count - 1, bytes[0], bytes[0]) != play(bytes + 1, count - 1, 77u + bytes[0], bytes[0])
        && !cut_behind_escape)
        violation("the same bytes, cut in another way, became other lines");
    return 0;
}
