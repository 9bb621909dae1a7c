/* Main.cpp - accepts clients, and what is done with their bytes: the handlers. */
#include "Overlapped.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- accepting ---- */

/* Out of handles or buffers is said once and waited out: clients that leave give them back. */
static void accept_failed(int error, int *last_error)
{
    if (error == WSAECONNRESET) return; /* that client is gone again, the next may be here already */
    if (error == WSAENOTCONN) return;   /* the same, as Wine puts it */
    if (error != *last_error) log_error(error, "accept failed, trying again");
    *last_error = error;
    Sleep(ACCEPT_PAUSE_MS);
}

static void accept_client(LPServer server, SOCKET sock, const SOCKADDR_STORAGE *caddr)
{
    LPSession session = session_create(server, sock, caddr);

    if (session && !proactor_add(server, session)) {
        session_close(session, "no Proactor for it", 0);
        session_free(session);
    }
}

static void accept_clients(LPServer server)
{
    int last_error = 0;

    while (!console_interrupted()) {
        SOCKADDR_STORAGE caddr;
        int length = sizeof caddr;
        SOCKET sock;
        int error;

        TRACE(WAIT_BEGIN, NULL, NULL, "accept() ...");
        sock = accept(server->listen_sock, (struct sockaddr *)&caddr, &length);
        error = sock == INVALID_SOCKET ? WSAGetLastError() : 0;
        TRACE(WAIT_END, NULL, NULL,
              !error                  ? "-> a client's socket"
              : console_interrupted() ? "-> INVALID_SOCKET: the listening socket was closed"
                                      : "-> INVALID_SOCKET");
        if (!error) {
            last_error = 0;
            accept_client(server, sock, &caddr);
        } else if (!console_interrupted()) {
            accept_failed(error, &last_error);
        }
    }
}

int main(void)
{
    static Server server;

    options_read(&server.options);
    server.handler = server.options.chat ? &chat_handler : &echo_handler;
    if (!server_start(&server)) return 1;
    accept_clients(&server);
    return server_stop(&server) ? 0 : 1;
}

/* ---- echo: what comes goes back ----
 *
 * One operation at a time: the next receive is posted when the send is complete. A client that does
 * not read is simply not read from, and its own TCP connection holds it back. */

static void echo_opened(LPSession session)
{
    session_recv(session, 0);
}

static void echo_received(LPSession session, ULONG bytes)
{
    if (bytes == 0) { /* half-close: all that came before has been sent back by now */
        session_finish(session, "closed by the client");
        return;
    }
    session->swsa[0].buf = session->rbuf;
    session->swsa[0].len = bytes;
    session_send(session);
}

static void echo_sent(LPSession session)
{
    session_recv(session, 0);
}

static void echo_woken(LPSession session)
{
    if (session->proactor->stopping && !session->sending) session_finish(session, "the server is stopping");
}

static void echo_closed(LPSession session)
{
    (void)session;
}

const Handler echo_handler = { "echo", echo_opened, echo_received, echo_sent, echo_woken, echo_closed };

/* ---- full: one line, and good-bye ---- */

static void full_opened(LPSession session)
{
    session->swsa[0].buf = (char *)session->refusal; /* sent, never written to */
    session->swsa[0].len = (ULONG)strlen(session->refusal);
    session_send(session);
    session_finish(session, "refused");
}

static void full_nothing(LPSession session)
{
    (void)session;
}

static void full_received(LPSession session, ULONG bytes)
{
    (void)session;
    (void)bytes;
}

const Handler full_handler = { "full", full_opened, full_received, full_nothing, full_nothing, full_nothing };

/* ---- chat: one room, a log of it, and a cursor into the log for each session ----
 *
 * A message is written once, however many read it. A session that has nothing on the way to its
 * client takes all that is new behind its cursor into one WSASend. A slow reader so costs nobody
 * anything: when the log laps its cursor, it is cut off. */

enum {
    LOG_BYTES = 1024 * 1024,
    LOG_HALF = LOG_BYTES / 2,
    RECENT = 20, /* lines that a newcomer is shown */
    NICK_CHARS = 20,
    NICK_BYTES = 4 * NICK_CHARS + 1,
    SAY_BYTES = 4095,                         /* a longer line goes out in continued of this size */
    TEXT_BYTES = SAY_BYTES + NICK_BYTES + 32, /* a whole message: name, text, line end */
    SBUF_KEPT = 2 * 1024,                     /* sbuf in quiet times ... */
    SBUF_MAX = 16 * 1024,                     /* ... and in a burst */
    REPLY_FULL = 2 * 1024,                    /* with so many bytes for the client unsent, its next line waits */
    HOLD_MS = 10,                             /* a flooder's next line waits, and is tried again after this time */
    PATIENCE_MS = 500                         /* how long the room waits, all in all, for one that falls behind */
};

typedef enum TelnetState { DATA, COMMAND, OPTION, SUBNEGOTIATION, SUB_COMMAND } TelnetState;
typedef enum EscapeState { PLAIN, ESCAPE, CSI, STRING, STRING_ESCAPE } EscapeState;

/* What chat knows of a session. All but the fields marked so is the owner's alone. */
typedef struct Member {
    struct Member *next;       /* in the room's list; guarded by cs */
    char nick[NICK_BYTES];     /* guarded by cs; the owner may read it without */
    unsigned long long cursor; /* guarded by cs: the log before it was sent, or is being sent */
    ULONGLONG late;            /* guarded by cs: since when it is half a log behind; 0: it is not */
    bool inside;               /* in the list */
    bool heard;                /* the server is stopping, and all it said is in the log */

    ULONG line;                 /* bytes of the unfinished line at the front of rbuf */
    bool continued;             /* the front of that line went out already */
    ULONG next_byte, bytes_end; /* what of rbuf was received and not looked at yet */
    TelnetState telnet;
    unsigned char verb; /* of the telnet option that is coming: DO, DONT, WILL, WONT */
    EscapeState escape;
    bool cr;         /* the last byte was CR: a LF or NUL belongs to it */
    bool echo;       /* the server shows what is typed */
    const char *why; /* it is leaving, or NULL */
    char *reply;     /* what is said to this client alone */
    ULONG reply_len, reply_size;
    ULONG reply_out; /* bytes of it that are being sent: until then it must stay as it is */
} Member;

typedef struct Record {
    ULONG length;         /* of the text behind it */
    unsigned long author; /* a session's id; it is not shown its own messages */
} Record;

/* Guarded by the server's cs. */
static struct Room {
    char log[LOG_BYTES];           /* a ring: byte n of all that was ever said is log[n % LOG_BYTES] */
    unsigned long long head;       /* where the next record goes */
    unsigned long long free_until; /* up to here writing laps nobody who is worth waiting for */
    unsigned long long recent[RECENT];
    unsigned long messages;
    Member *members;
    int here;
    volatile LONG unheard; /* members not `heard`; only by Interlocked functions */
} room;

static Member *member_of(LPSession session)
{
    return (Member *)session->state;
}

/* ---- the log; cs is held ---- */

static void room_append(const void *bytes, ULONG length)
{
    ULONG at = (ULONG)(room.head % LOG_BYTES), first = LOG_BYTES - at;

    if (first > length) first = length;
    memcpy(room.log + at, bytes, first);
    memcpy(room.log, (const char *)bytes + first, length - first);
    room.head += length;
}

static void room_read(unsigned long long from, void *bytes, ULONG length)
{
    ULONG at = (ULONG)(from % LOG_BYTES), first = LOG_BYTES - at;

    if (first > length) first = length;
    memcpy(bytes, room.log + at, first);
    memcpy((char *)bytes + first, room.log, length - first);
}

/* Where a newcomer begins to read: RECENT messages back, or as far as the log reaches. */
static unsigned long long room_recent(void)
{
    unsigned long first = room.messages > RECENT ? room.messages - RECENT : 0;

    while (first < room.messages && room.head - room.recent[first % RECENT] > LOG_BYTES) first++;
    return first < room.messages ? room.recent[first % RECENT] : room.head;
}

/* Copies the messages behind the member's cursor, without its own, to `buf` as far as they fit, and moves the
 * cursor. */
static ULONG room_take(Member *member, unsigned long reader, char *buf, ULONG size)
{
    ULONG used = 0;
    Record record;

    while (member->cursor < room.head) {
        room_read(member->cursor, &record, sizeof record);
        if (record.author != reader) {
            if (record.length > size - used) break;
            room_read(member->cursor + sizeof record, buf + used, record.length);
            used += record.length;
        }
        member->cursor += sizeof record + record.length;
    }
    return used;
}

/* ---- the room ---- */

/* Says a line to everyone but its author. */
static void room_broadcast(LPSession author, const char *format, ...)
{
    LPServer server = author->server;
    char text[TEXT_BYTES];
    Record record;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text - 2, format, args);
    va_end(args);
    log_line("%s", text);
    strcat(text, "\r\n");
    record.length = (ULONG)strlen(text);
    record.author = author->id;

    EnterCriticalSection(&server->cs);
    room.recent[room.messages++ % RECENT] = room.head;
    room_append(&record, sizeof record);
    room_append(text, record.length);
    LeaveCriticalSection(&server->cs);
    proactor_wake_all(server, author->proactor);
}

/* Says what happened to a member, and how many are here then. */
static void room_tell(LPSession author, const char *what, int here)
{
    room_broadcast(author, "* %s %s (%d here)", member_of(author)->nick, what, here);
}

/* Puts a member into the room, with what it may still read of it. Returns how many are here then. */
static int room_enter(LPSession session)
{
    LPServer server = session->server;
    Member *member = member_of(session);
    int here;

    EnterCriticalSection(&server->cs);
    snprintf(member->nick, sizeof member->nick, "guest%lu", session->id);
    member->cursor = room_recent();
    member->next = room.members;
    room.members = member;
    here = ++room.here;
    LeaveCriticalSection(&server->cs);
    InterlockedIncrement(&room.unheard);
    member->inside = true;
    return here;
}

static int room_leave(LPSession session)
{
    LPServer server = session->server;
    Member *member = member_of(session), **at = &room.members;
    int here;

    EnterCriticalSection(&server->cs);
    while (*at != member) at = &(*at)->next;
    *at = member->next;
    here = --room.here;
    LeaveCriticalSection(&server->cs);
    member->inside = false;
    return here;
}

/* True while the next line would have to wait: somebody is half a log behind, and has not used up our patience.
 * Without this a flooder on a fast line would lap readers who do nothing wrong. */
static bool room_crowded(LPServer server)
{
    ULONGLONG now = GetTickCount64();
    unsigned long long slowest;
    bool crowded = false;

    EnterCriticalSection(&server->cs);
    slowest = room.head;
    for (Member *member = room.head < room.free_until ? NULL : room.members; member; member = member->next) {
        if (room.head - member->cursor <= LOG_HALF) {
            member->late = 0;
        } else if (!member->late) {
            member->late = now;
        }
        if (member->late && now - member->late >= PATIENCE_MS) continue;
        if (member->late) crowded = true;
        if (member->cursor < slowest) slowest = member->cursor;
    }
    if (!crowded && room.head >= room.free_until) room.free_until = slowest + LOG_HALF;
    LeaveCriticalSection(&server->cs);
    return crowded;
}

/* Bytes of the log that the member has not been sent. */
static unsigned long long room_behind(LPSession session)
{
    unsigned long long behind;

    EnterCriticalSection(&session->server->cs);
    behind = room.head - member_of(session)->cursor;
    LeaveCriticalSection(&session->server->cs);
    return behind;
}

/* Called when the server is stopping and all that this member said is in the log. A good-bye is the last line only
 * once that holds for everybody. */
static void room_heard(LPSession session)
{
    if (member_of(session)->heard) return;
    member_of(session)->heard = true;
    if (InterlockedDecrement(&room.unheard) == 0) proactor_wake_all(session->server, session->proactor);
}

/* ---- sending: replies and news in one WSASend ---- */

/* Makes `*buf` hold `wanted` bytes, doubling from `least`. False when there is no memory: the session is closed. */
static bool buffer_fit(LPSession session, char **buf, ULONG *bufsize, ULONG least, ULONG wanted)
{
    ULONG size = *bufsize ? *bufsize : least;

    while (size < wanted) size *= 2;
    if (size <= *bufsize || buffer_resize(buf, bufsize, size)) return true;
    session_close(session, "out of memory", 0);
    return false;
}

/* Adds to what is said to this client alone. chat_parse() sees to it that it is not being sent just now. */
static void reply_add(LPSession session, const char *bytes, ULONG length)
{
    Member *member = member_of(session);

    if (!buffer_fit(session, &member->reply, &member->reply_size, 64, member->reply_len + length)) return;
    memcpy(member->reply + member->reply_len, bytes, length);
    member->reply_len += length;
}

static void reply(LPSession session, const char *format, ...)
{
    char text[TEXT_BYTES];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text - 2, format, args);
    va_end(args);
    strcat(text, "\r\n");
    reply_add(session, text, (ULONG)strlen(text));
}

static const char wipe[] = "\r\033[K"; /* to the first column, and clear the line */

/* Copies what is new into sbuf. A line that is being typed is wiped, and drawn again below. Returns the bytes. */
static ULONG news_take(LPSession session, unsigned long long behind)
{
    Member *member = member_of(session);
    ULONG typed = member->echo ? member->line : 0, before = typed ? sizeof wipe - 1 : 0;
    ULONG news = behind < (ULONG)SBUF_MAX ? (ULONG)behind : (ULONG)SBUF_MAX, used = 0;

    if (!buffer_fit(session, &session->sbuf, &session->ssize, SBUF_KEPT, before + news + typed)) return 0;
    EnterCriticalSection(&session->server->cs);
    if (room.head - member->cursor <= LOG_BYTES) {
        used = room_take(member, session->id, session->sbuf + before, session->ssize - before - typed);
    }
    LeaveCriticalSection(&session->server->cs);
    if (used == 0) return 0;
    memcpy(session->sbuf, wipe, before);
    memcpy(session->sbuf + before + used, session->rbuf, typed);
    return before + used + typed;
}

/* Gathers the replies and `news` bytes of sbuf into one WSASend. False if there is nothing to send. */
static bool chat_send(LPSession session, ULONG news)
{
    Member *member = member_of(session);

    if (member->reply_len + news == 0) return false;
    session->swsa[0].buf = member->reply;
    session->swsa[0].len = member->reply_out = member->reply_len;
    session->swsa[1].buf = session->sbuf;
    session->swsa[1].len = news;
    session_send(session);
    return true;
}

/* The log has lapped the member's cursor: it is told, if anything can still be sent to it. */
static void chat_cut_off(LPSession session, unsigned long long behind)
{
    log_line("#%lu %s is cut off: %llu bytes behind the room", session->id, member_of(session)->nick, behind);
    if (session->sending) {
        session_close(session, "too slow", 0);
    } else {
        reply(session, "! you are too slow: %llu bytes behind the room. Good-bye.", behind);
        chat_send(session, 0);
        session_finish(session, "too slow");
    }
}

/* When the server stops, everybody leaves once all were heard, or half of the time is over. */
static bool chat_leaving(LPSession session)
{
    Member *member = member_of(session);

    if (!member->why && session->proactor->stopping
        && (InterlockedCompareExchange(&room.unheard, 0, 0) == 0
            || GetTickCount64() + FINISH_MS / 2 >= session->proactor->finish_at)) {
        member->why = "the server is stopping";
    }
    return member->why != NULL;
}

/* Sends what there is to send, unless a send is pending, and at the very end the good-bye. */
static void chat_pump(LPSession session)
{
    unsigned long long behind = room_behind(session);

    if (session->phase != OPEN) return;
    if (behind > LOG_BYTES) {
        chat_cut_off(session, behind);
    } else if (!session->sending && !chat_send(session, news_take(session, behind)) && chat_leaving(session)) {
        reply(session, "* good-bye");
        chat_send(session, 0);
        session_finish(session, member_of(session)->why);
    }
}

/* ---- names ---- */

/* 1 to NICK_CHARS characters of UTF-8; none is a space, takes no place on the screen or turns the line around. */
static bool nick_valid(const char *nick)
{
    static const WCHAR hidden[][2] = { { 0, 0x20 },        { 0x7F, 0xA0 },     { 0xAD, 0xAD },     { 0x115F, 0x1160 },
                                       { 0x180B, 0x180F }, { 0x2000, 0x200F }, { 0x2028, 0x202F }, { 0x205F, 0x206F },
                                       { 0x3000, 0x3000 }, { 0x3164, 0x3164 }, { 0xFE00, 0xFE0F }, { 0xFEFF, 0xFEFF },
                                       { 0xFFA0, 0xFFA0 }, { 0xFFF0, 0xFFFB } };
    WCHAR wide[2 * NICK_CHARS + 1];
    int size = (int)(sizeof wide / sizeof *wide), characters = 0;
    int units = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, nick, -1, wide, size);

    for (int i = 0; i + 1 < units; i++) {
        for (size_t k = 0; k < sizeof hidden / sizeof *hidden; k++) {
            if (wide[i] >= hidden[k][0] && wide[i] <= hidden[k][1]) return false;
        }
        if (wide[i] < 0xDC00 || wide[i] > 0xDFFF) characters++; /* not the second half of a surrogate pair */
    }
    return characters > 0 && characters <= NICK_CHARS;
}

/* "guest" and a number are for the server to give. */
static bool nick_reserved(const char *nick)
{
    return _strnicmp(nick, "guest", 5) == 0 && nick[5] && nick[5 + strspn(nick + 5, "0123456789")] == '\0';
}

/* Gives the session its name unless somebody else has it. Writes the old one to `old`; returns how many are here, 0
 * if the name is taken. */
static int room_rename(LPSession session, const char *nick, char old[NICK_BYTES])
{
    Member *me = member_of(session);
    bool taken = nick_reserved(nick);
    int here;

    EnterCriticalSection(&session->server->cs);
    for (Member *member = room.members; member && !taken; member = member->next) {
        taken = member != me && _stricmp(member->nick, nick) == 0;
    }
    strcpy(old, me->nick);
    if (!taken) strcpy(me->nick, nick);
    here = taken ? 0 : room.here;
    LeaveCriticalSection(&session->server->cs);
    return here;
}

/* ---- commands ---- */

static void command_nick(LPSession session, const char *nick)
{
    char old[NICK_BYTES];
    int here;

    if (!nick_valid(nick)) {
        reply(session, "! /nick NAME: a name has 1 to %d visible characters and no space", NICK_CHARS);
        return;
    }
    here = room_rename(session, nick, old);
    if (here == 0) {
        reply(session, "! /nick %s: that name is taken, please choose another", nick);
        return;
    }
    room_broadcast(session, "* %s is now %s (%d here)", old, nick, here);
    reply(session, "* you are now %s", nick);
}

static void command_who(LPSession session, const char *nothing)
{
    char names[SAY_BYTES - 64];
    size_t used = 0;
    int here, named = 0;

    (void)nothing;
    EnterCriticalSection(&session->server->cs);
    here = room.here;
    for (Member *member = room.members; member && used + NICK_BYTES + 2 < sizeof names; member = member->next) {
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", named++ ? ", " : "", member->nick);
    }
    LeaveCriticalSection(&session->server->cs);
    if (named < here) {
        reply(session, "* %d here: %s and %d more", here, names, here - named);
    } else {
        reply(session, "* %d here: %s", here, names);
    }
}

static void command_me(LPSession session, const char *action)
{
    if (*action) {
        room_broadcast(session, "* %s %s", member_of(session)->nick, action);
    } else {
        reply(session, "! /me ACTION: an action is missing, as in /me waves");
    }
}

static void command_quit(LPSession session, const char *message)
{
    int here = room_leave(session);

    room_broadcast(session, "* %s left%s%s (%d here)", member_of(session)->nick, *message ? ": " : "", message, here);
    member_of(session)->why = "said /quit";
}

static void command_help(LPSession session, const char *nothing)
{
    (void)nothing;
    reply(session, "* /nick NAME       be called NAME\r\n"
                   "* /who             who is here\r\n"
                   "* /me ACTION       say what you do\r\n"
                   "* /quit [MESSAGE]  leave\r\n"
                   "* /help            show this\r\n"
                   "* //text           say a line that begins with a slash");
}

static void command_run(LPSession session, char *line)
{
    static const struct {
        const char *name;
        void (*run)(LPSession session, const char *argument);
    } commands[] = { { "/nick", command_nick },
                     { "/who", command_who },
                     { "/me", command_me },
                     { "/quit", command_quit },
                     { "/help", command_help } };
    char *argument = line + strcspn(line, " "), *end = line + strlen(line);

    while (end > argument && end[-1] == ' ') *--end = '\0';
    if (*argument) *argument++ = '\0';
    argument += strspn(argument, " ");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(line, commands[i].name) == 0) {
            commands[i].run(session, argument);
            return;
        }
    }
    reply(session, "! %s: no such command, /help lists them", line);
}

/* ---- input: bytes become lines, in place at the front of rbuf ---- */

/* Bytes of the last character of `text`, which has `length` > 0: more than one if it is the end of a UTF-8
 * character. */
static ULONG last_character(const char *text, ULONG length)
{
    for (ULONG n = 1; n <= 4 && n <= length; n++) {
        unsigned char c = (unsigned char)text[length - n];
        if (c >= 0xC0) return n <= (c >= 0xF0 ? 4u : c >= 0xE0 ? 3u : 2u) ? n : 1;
        if (c < 0x80) break;
    }
    return 1;
}

static void line_end(LPSession session)
{
    Member *member = member_of(session);
    char *line = session->rbuf;
    bool whole = !member->continued;

    line[member->line] = '\0';
    member->line = 0;
    member->continued = false;
    if (member->echo) reply_add(session, "\r\n", 2);
    if (whole && line[0] == '/' && line[1] != '/') {
        command_run(session, line);
    } else if (line[0]) {
        room_broadcast(session, "%s: %s", member->nick, whole && line[0] == '/' ? line + 1 : line);
    }
}

/* The line is too long for one message: what is there of it goes out, but for a character that is still coming. */
static void line_piece(LPSession session, unsigned char next)
{
    Member *member = member_of(session);
    ULONG rest = (next & 0xC0) == 0x80 ? last_character(session->rbuf, member->line) : 0;
    char kept[4];

    memcpy(kept, session->rbuf + member->line - rest, rest);
    session->rbuf[member->line - rest] = '\0';
    room_broadcast(session, "%s: %s", member->nick, session->rbuf);
    memcpy(session->rbuf, kept, rest);
    member->line = rest;
    member->continued = true;
}

static void line_put(LPSession session, unsigned char c)
{
    Member *member = member_of(session);

    if (member->line == SAY_BYTES) line_piece(session, c);
    session->rbuf[member->line++] = (char)c;
    if (member->echo) reply_add(session, (const char *)&c, 1);
}

static void line_erase(LPSession session)
{
    Member *member = member_of(session);
    ULONG bytes;

    if (member->line == 0) return;
    bytes = last_character(session->rbuf, member->line);
    member->line -= bytes;
    if (!member->echo) return;
    if (bytes == 1) {
        reply_add(session, "\b \b", 3);
    } else { /* who knows how many columns it took: the whole line is drawn again */
        reply_add(session, wipe, sizeof wipe - 1);
        reply_add(session, session->rbuf, member->line);
    }
}

/* Inside an escape sequence, of which nothing is kept. */
static EscapeState escape_next(EscapeState state, unsigned char c)
{
    switch (state) {
    case CSI: return c >= 0x40 && c <= 0x7E ? PLAIN : c == 0x1B ? ESCAPE : CSI;
    case STRING: return c == 0x07 ? PLAIN : c == 0x1B ? STRING_ESCAPE : STRING;
    case STRING_ESCAPE:
        if (c == '\\') return PLAIN;
        break;
    default: break;
    }
    if (c == '[') return CSI;
    if (c == 'O') return CSI; /* SS3, the function keys: one more byte */
    if (c != 0 && strchr("]PX^_", c)) return STRING;
    return c == 0x1B || (c >= 0x20 && c < 0x30) ? ESCAPE : PLAIN;
}

/* A byte of what the client's user typed. */
static void text_byte(LPSession session, unsigned char c)
{
    Member *member = member_of(session);
    bool after_cr = member->cr;

    member->cr = c == '\r';
    if (after_cr && (c == '\n' || c == '\0')) return;
    if (c == '\r' || c == '\n') {
        member->escape = PLAIN;
        line_end(session);
    } else if (member->escape != PLAIN) {
        member->escape = escape_next(member->escape, c);
    } else if (c == 0x1B) {
        member->escape = ESCAPE;
    } else if (c == 0x08 || c == 0x7F) {
        line_erase(session);
    } else if (c >= 0x80 && c < 0xA0 && member->line && (unsigned char)session->rbuf[member->line - 1] == 0xC2) {
        line_erase(session); /* a control character of C1 in UTF-8, that would steer terminals */
    } else if (c >= 0x20 || c == '\t') {
        line_put(session, c == '\t' ? ' ' : c);
    }
}

enum {
    SE = 240,
    SB = 250,
    WILL = 251,
    WONT = 252,
    DO = 253,
    DONT = 254,
    IAC = 255,
    ECHO_OPTION = 1,
    SUPPRESS_GO_AHEAD = 3
};

/* A byte from the wire: telnet commands are taken out, wherever they were cut. */
static void telnet_byte(LPSession session, unsigned char c)
{
    Member *member = member_of(session);
    TelnetState state = member->telnet;

    member->telnet = DATA;
    switch (state) {
    case DATA:
        if (c == IAC) {
            member->telnet = COMMAND;
        } else {
            text_byte(session, c);
        }
        break;
    case COMMAND:
        member->verb = c;
        if (c == IAC) {
            text_byte(session, c);
        } else if (c == SB) {
            member->telnet = SUBNEGOTIATION;
        } else if (c >= WILL) {
            member->telnet = OPTION;
        }
        break;
    case OPTION:
        if (member->verb == DONT && c == ECHO_OPTION) member->echo = false;
        break;
    case SUBNEGOTIATION: member->telnet = c == IAC ? SUB_COMMAND : SUBNEGOTIATION; break;
    case SUB_COMMAND: member->telnet = c == SE ? DATA : SUBNEGOTIATION; break;
    }
}

/* Goes through what was received. A client that does not read its replies, or floods the room, waits: sent() or
 * woken() goes on here, and meanwhile its own TCP connection holds it back. */
static void chat_parse(LPSession session)
{
    Member *member = member_of(session);

    while (member->next_byte < member->bytes_end && !member->why && session->phase == OPEN) {
        if (member->reply_len >= REPLY_FULL || (session->sending && member->reply_out)) return;
        if ((member->line == 0 || member->line == SAY_BYTES) && room_crowded(session->server)) {
            session->wake_at = GetTickCount64() + HOLD_MS;
            return;
        }
        telnet_byte(session, (unsigned char)session->rbuf[member->next_byte++]);
    }
    if (member->why) return;
    if (session->eof) {
        member->why = "closed by the client";
    } else {
        session_recv(session, member->line);
    }
}

/* ---- the handler ---- */

static void chat_opened(LPSession session)
{
    static const char offer[] = { (char)IAC, (char)WILL, ECHO_OPTION, (char)IAC, (char)WILL, SUPPRESS_GO_AHEAD };
    Member *member = (Member *)calloc(1, sizeof *member);
    int here;

    if (!member) {
        session_close(session, "out of memory", 0);
        return;
    }
    session->state = member;
    here = room_enter(session);
    member->echo = false;
    if (member->echo) reply_add(session, offer, sizeof offer);
    reply(session, "* welcome, you are %s (%d here)", member->nick, here);
    reply(session, "* /nick NAME, /who, /me ACTION, /quit, /help are the commands; all else is "
                   "said to the room");
    room_tell(session, "joined", here);
    session_recv(session, 0);
    chat_pump(session);
}

static void chat_received(LPSession session, ULONG bytes)
{
    Member *member = member_of(session);

    member->next_byte = member->line;
    member->bytes_end = member->line + bytes;
    if (bytes == 0 && member->line) { /* the end of all ends the last line too */
        member->telnet = DATA;
        session->rbuf[member->bytes_end++] = '\n';
    }
    chat_parse(session);
    chat_pump(session);
}

static void chat_sent(LPSession session)
{
    Member *member = member_of(session);

    if (member->reply_out) member->reply_len = member->reply_out = 0;
    if (session->ssize > SBUF_KEPT && room_behind(session) == 0)
        buffer_resize(&session->sbuf, &session->ssize, SBUF_KEPT);
    if (member->next_byte < member->bytes_end) chat_parse(session);
    chat_pump(session);
}

static void chat_woken(LPSession session)
{
    Member *member = member_of(session);

    if (session->proactor->stopping) {
        ULONGLONG half = session->proactor->finish_at - FINISH_MS / 2;
        if (session->receiving) room_heard(session);
        if (!session->wake_at && GetTickCount64() < half) session->wake_at = half;
    }
    if (member->next_byte < member->bytes_end) chat_parse(session);
    chat_pump(session);
}

static void chat_closed(LPSession session)
{
    Member *member = member_of(session);

    if (!member) return;
    if (member->inside) {
        int here = room_leave(session);
        if (!session->proactor->stopping) room_tell(session, "left", here);
    }
    room_heard(session);
    buffer_free(member->reply, member->reply_size);
    free(member);
}

const Handler chat_handler = { "chat", chat_opened, chat_received, chat_sent, chat_woken, chat_closed };
