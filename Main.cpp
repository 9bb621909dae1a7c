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
    if (error == WSAECONNRESET || error == WSAENOTCONN) return; /* that client is gone again; the latter from Wine */
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
        TRACE(WAIT_END, NULL, NULL, error ? "-> INVALID_SOCKET (%d)" : "-> a client's socket", error);
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

static void nothing_to_do(LPSession session)
{
    (void)session;
}

const Handler echo_handler = { "echo", echo_opened, echo_received, echo_sent, echo_woken, nothing_to_do };

/* ---- full: one line, and good-bye ---- */

static void full_opened(LPSession session)
{
    session->swsa[0].buf = (char *)session->refusal; /* sent, never written to */
    session->swsa[0].len = (ULONG)strlen(session->refusal);
    session_send(session);
    session_finish(session, "refused");
}

static void full_received(LPSession session, ULONG bytes)
{
    (void)session, (void)bytes;
}

const Handler full_handler = { "full", full_opened, full_received, nothing_to_do, nothing_to_do, nothing_to_do };

/* ---- chat: one room, a log of it, and a cursor into the log for each session ----
 *
 * A message is written once, however many read it. A session that has nothing on the way to its client takes all that
 * is new behind its cursor into one WSASend. Nobody waits for a slow reader: when the log laps its cursor, it is cut
 * off. Authors are paced instead: time is cut into ticks, a tick does not end before every Proactor has had nothing
 * left to do, and all who talk get the same share of a tick. Inside, text is UTF-8 that cannot steer a terminal.
 *
 * The sections stand in the order in which a line travels: bytes, line, command or message, room, news, send. */

static Room room;

static Member *member_of(LPSession session)
{
    return (Member *)session->state;
}

/* What the sections call of those behind them. */
static void line_end(LPSession session, bool split);
static void line_put(LPSession session, unsigned char c);
static void line_erase(LPSession session);
static void line_show(LPSession session);
static void line_hide(LPSession session);
static void command_run(LPSession session, char *line);
static void room_broadcast(LPSession author, bool talk, const char *format, ...);
static void room_leave(LPSession session, const char *message);
static void chat_leave(LPSession session, const char *why, bool close_room);
static void reply(LPSession session, const char *format, ...);
static void reply_add(LPSession session, const char *bytes, ULONG length);

/* ---- bytes: telnet's commands are taken out (RFC 854, 855, 857, 858, 1143) ---- */

static void telnet_answer(LPSession session, int verb, unsigned char option)
{
    unsigned char answer[] = { IAC, 0, 0 };

    answer[1] = (unsigned char)verb;
    answer[2] = option;
    reply_add(session, (const char *)answer, sizeof answer);
}

/* The server echoes from now on, or does not any more. What is typed already may stand on the terminal: it is written
 * over with the same. */
static void telnet_echo(LPSession session)
{
    Member *member = member_of(session);

    member->drawn = member->row = member->column = 0;
    if (member->line > 0 && member->echo != OFF) reply_add(session, "\r", 1);
    line_show(session);
}

/* The client's first input are keys: it has to be told that the server will echo, and is shown what it typed. One
 * that has not negotiated anything is taken for Windows' telnet, which uses the code page; but not if what came can
 * hardly be anything but UTF-8. */
static void telnet_offer(LPSession session)
{
    Member *member = member_of(session);

    if (!member->negotiates && text_utf8(session->rbuf, member->line) < 3) {
        member->page = (UINT)session->server->options.codepage;
    }
    if (member->echo != OFF) return;
    telnet_answer(session, WILL, ECHO_OPTION);
    member->echo = OFFERED;
    if (member->suppress == OFF) {
        telnet_answer(session, WILL, SUPPRESS_GO_AHEAD);
        member->suppress = OFFERED;
    }
    telnet_echo(session);
}

/* DO and DONT ask for an option of the server's. What changes nothing is not answered, or two sides could answer each
 * other for ever (RFC 1143). */
static void telnet_asked(LPSession session, bool wanted, unsigned char option, OptionState *ours)
{
    OptionState before = *ours;

    *ours = wanted ? ON : OFF;
    if (wanted && before == OFF) telnet_answer(session, WILL, option);
    if (!wanted && before == ON) telnet_answer(session, WONT, option);
    if (option == ECHO_OPTION && (!wanted || before == OFF)) telnet_echo(session);
}

static void telnet_option(LPSession session, unsigned char verb, unsigned char option)
{
    Member *member = member_of(session);
    bool suppress = option == SUPPRESS_GO_AHEAD;

    member->negotiates = true;
    if (verb == DO || verb == DONT) {
        if (suppress || option == ECHO_OPTION) {
            telnet_asked(session, verb == DO, option, suppress ? &member->suppress : &member->echo);
        } else if (verb == DO) {
            telnet_answer(session, WONT, option);
        }
    } else if (!suppress) { /* WILL and WONT tell of an option of the client's */
        if (verb == WILL) telnet_answer(session, DONT, option);
    } else if (member->they_suppress != (verb == WILL)) {
        member->they_suppress = verb == WILL;
        telnet_answer(session, verb == WILL ? DO : DONT, option);
    }
}

static void telnet_command(LPSession session, unsigned char c)
{
    Member *member = member_of(session);

    if (c == SB) {
        member->telnet = SUBNEGOTIATION;
        member->sub_bytes = 0;
    } else if (c >= WILL && c <= DONT) {
        member->telnet = OPTION;
        member->verb = c;
    } else if (c == AYT) {
        line_hide(session);
        reply(session, "*** yes, the server is here");
        line_show(session);
    }
}

/* A byte of what the client's user typed. */
static void text_byte(LPSession session, unsigned char c)
{
    Member *member = member_of(session);
    bool after_cr = member->cr, letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '~';

    member->cr = c == '\r';
    if (after_cr && (c == '\n' || c == '\0')) return;
    if (member->escape && c >= 0x20 && c < 0x7F) {
        /* From ESC to the next letter or ~ nothing is kept; behind ESC O stands one more, for a function key. */
        member->escape = letter && !(member->escape == 0x1B && c == 'O') ? 0 : c;
        return;
    }
    member->escape = c == 0x1B ? c : 0;
    if (c == '\r' || c == '\n') {
        line_end(session, false);
    } else if (c == 0x08 || c == 0x7F) {
        line_erase(session);
    } else if (c == '\t' || (c >= 0x20 && c != 0xFF)) {
        line_put(session, c == '\t' ? ' ' : c);
    }
}

/* A byte from the wire. Commands may be cut anywhere. */
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
    case COMMAND: telnet_command(session, c); break; /* IAC IAC is a byte 255, which is no text */
    case OPTION: telnet_option(session, member->verb, c); break;
    case SUBNEGOTIATION:
        if (++member->sub_bytes < SUB_BYTES) member->telnet = c == IAC ? SUB_COMMAND : SUBNEGOTIATION;
        break;
    case SUB_COMMAND: member->telnet = c == SE ? DATA : SUBNEGOTIATION; break;
    }
}

/* ---- line: kept as it is received, at the front of rbuf, and echoed to clients that type key by key ---- */

/* Echoes what was not yet: whole characters only, the rest of one is still coming. In a new row, if this one has no
 * room for the next. */
static void line_show(LPSession session)
{
    Member *member = member_of(session);
    ULONG bytes, columns;

    while (member->echo != OFF && member->drawn < member->line) {
        const char *at = session->rbuf + member->drawn;
        unsigned long character;

        bytes = text_next(member->page, at, member->line - member->drawn, &character);
        if (bytes == 0) return;
        columns = text_columns(member->page, character, bytes);
        if (member->column + columns > TERMINAL_COLUMNS) {
            reply_add(session, "\r\n", 2);
            member->row++;
            member->column = 0;
        }
        if (!text_steers(character)) reply_add(session, character == TEXT_INVALID ? "?" : at, bytes);
        member->column += columns;
        member->drawn += bytes;
    }
}

/* Takes the line off the terminal, to be shown again below what comes. */
static void line_hide(LPSession session)
{
    Member *member = member_of(session);

    if (member->drawn == 0) return;
    reply_add(session, "\r", 1);
    for (; member->row > 0; member->row--) reply_add(session, "\033[A", 3); /* one row up */
    reply_add(session, "\033[J", 3);                                        /* all below is cleared */
    member->drawn = member->column = 0;
}

/* Takes back the last character that has a place on the screen, and the marks on it. */
static void line_erase(LPSession session)
{
    Member *member = member_of(session);
    ULONG columns, last = text_last(member->page, session->rbuf, member->line, &columns);

    member->spent += member->line; /* long lines are paid for, or this would be a cheap way to keep a window busy */
    member->line = last;
    if (member->drawn <= last) return;
    if (columns <= member->column) {
        member->drawn = last;
        member->column -= columns;
        while (columns-- > 0) reply_add(session, "\b \b", 3);
    } else { /* it stands at the end of the row above */
        line_hide(session);
        line_show(session);
    }
}

/* Lines of which nothing can be seen are not said. */
static void line_said(LPSession session, char *text, bool whole)
{
    if (whole && text[0] == '/' && text[1] != '/') {
        command_run(session, text);
    } else if (text_visible(text)) {
        room_broadcast(session, true, "%s: %s", member_of(session)->nick, whole && text[0] == '/' ? text + 1 : text);
    }
}

/* The first `length` bytes of the line are one. What is not UTF-8 is taken for the code page, and from then on the
 * client is sent that too; a line of UTF-8 turns it back. A character of three bytes must be in it for that, as Hangul
 * are: those of two are syllables of code page 949 as well. Too much for one message goes out in pieces. */
static void line_finish(LPSession session, ULONG length)
{
    Member *member = member_of(session);
    int longest = text_utf8(session->rbuf, length);
    char text[3 * SAY_BYTES + 1], *piece = text, next;
    bool whole = !member->continued;

    if (longest == 0) member->page = (UINT)session->server->options.codepage;
    if (longest >= 3) member->page = CP_UTF8;
    if (!text_decode(member->page, session->rbuf, length, text) && !member->told) {
        member->told = true;
        reply(session, "! some of that was neither UTF-8 nor code page %u, and is lost", member->page);
    }
    while (*piece && !member->why) {
        ULONG bytes = (ULONG)strlen(piece);
        if (bytes > SAY_BYTES) bytes = text_whole(CP_UTF8, piece, SAY_BYTES);
        next = piece[bytes];
        piece[bytes] = '\0';
        line_said(session, piece, whole);
        piece += bytes;
        *piece = next;
        whole = false;
    }
}

/* The line ends, or is too long for one message: then what is there goes out, but for an unfinished character. */
static void line_end(LPSession session, bool split)
{
    Member *member = member_of(session);
    ULONG length = split ? text_whole(member->page, session->rbuf, member->line) : member->line;

    if (length > 0) member->known = true;
    if (member->echo != OFF) reply_add(session, "\r\n", 2);
    member->line -= length;
    member->drawn = member->row = member->column = 0;
    line_finish(session, length);
    memmove(session->rbuf, session->rbuf + length, member->line);
    member->continued = split;
    member->paid = 0;
}

static void line_put(LPSession session, unsigned char c)
{
    Member *member = member_of(session);

    if (member->line == SAY_BYTES) line_end(session, true);
    session->rbuf[member->line++] = (char)c;
    line_show(session);
}

/* ---- command or message ---- */

/* Nobody else may have the name, in whatever case. "guest" and a number are for the server to give. */
static void command_nick(LPSession session, const char *text)
{
    Member *me = member_of(session);
    WCHAR wide[NICK_CHARS + 1] = { 0 };
    char nick[NICK_BYTES], old[NICK_BYTES];
    bool taken;
    int here;

    if (!text_name(text, wide, nick)) {
        reply(session, "! /nick NAME: a name has 1 to %d letters or digits, and - _ . if you like", NICK_CHARS);
        return;
    }
    taken = _strnicmp(nick, "guest", 5) == 0 && nick[5] && nick[5 + strspn(nick + 5, "0123456789")] == '\0';
    EnterCriticalSection(&session->server->cs);
    for (Member *member = room.members; member && !taken; member = member->next) {
        taken = member != me && CompareStringOrdinal(member->wide_nick, -1, wide, -1, TRUE) == CSTR_EQUAL;
    }
    strcpy(old, me->nick);
    if (!taken) strcpy(me->nick, nick);
    if (!taken) memcpy(me->wide_nick, wide, sizeof wide);
    here = room.here;
    LeaveCriticalSection(&session->server->cs);
    if (taken) {
        reply(session, "! /nick %s: that name is taken, please choose another", nick);
        return;
    }
    room_broadcast(session, false, "*** %s is now %s (%d here)", old, nick, here);
    reply(session, "*** you are now %s", nick);
}

static void command_who(LPSession session, const char *nothing)
{
    char names[SAY_BYTES - 64];
    size_t used = 0;
    int here, named = 0;

    (void)nothing;
    EnterCriticalSection(&session->server->cs);
    here = room.here;
    for (Member *member = room.members; member && used + NICK_BYTES + 20 < sizeof names; member = member->next) {
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", named++ ? ", " : "", member->nick);
    }
    LeaveCriticalSection(&session->server->cs);
    if (named < here) snprintf(names + used, sizeof names - used, " and %d more", here - named);
    reply(session, "*** %d here: %s", here, names);
}

static void command_me(LPSession session, const char *action)
{
    if (text_visible(action)) {
        room_broadcast(session, true, "* %s %s", member_of(session)->nick, action);
    } else {
        reply(session, "! /me ACTION: an action is missing, as in /me waves");
    }
}

static void command_quit(LPSession session, const char *message)
{
    room_leave(session, message);
    chat_leave(session, "said /quit", false);
}

static void command_help(LPSession session, const char *nothing)
{
    (void)nothing;
    reply(session, "*** /nick NAME   be called NAME         /who             who is here\r\n"
                   "*** /me ACTION   say what you do        /quit [MESSAGE]  leave\r\n"
                   "*** /help        show this              //text           say /text, which is no command");
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

/* ---- pace: who may talk ---- */

/* True when every Proactor has had nothing left to do since the tick began, or has nothing now. cs is held. */
static bool pace_rested(LPServer server)
{
    for (int i = 0; i < server->windows && !server->stopping; i++) {
        LPProactor proactor = &server->proactors[i];
        if (!InterlockedCompareExchange(&proactor->rested, 0, 0)
            && InterlockedCompareExchange(&proactor->wake_state, 0, 0) != ASLEEP) {
            return false;
        }
    }
    return true;
}

/* Begins the next tick, if it is time. While somebody waits, a tick brings the same however long it takes: a server
 * with too much to do would get more to do otherwise. cs is held. */
static void pace_tick(LPServer server, ULONGLONG now)
{
    ULONGLONG ticks = (now - room.tick_at) / TICK_MS;

    if (ticks == 0 || !pace_rested(server)) return;
    if (room.waiting) ticks = 1;
    room.tokens = ticks < BUCKET / TICK_BYTES ? room.tokens + (long long)ticks * TICK_BYTES : (long long)BUCKET;
    if (room.tokens > BUCKET) room.tokens = BUCKET;
    room.share = room.tokens / (room.talkers ? room.talkers : 1);
    if (room.share < 1) room.share = 1; /* one without a debt can talk in every tick */
    room.talkers = 0;
    room.waiting = false;
    room.tick_at = now;
    room.tick++;
    for (int i = 0; i < server->windows; i++) InterlockedExchange(&server->proactors[i].rested, 0);
}

/* True if the member may say something. It gets its share of each tick, but cannot save more than one. A line is never
 * cut for this: who overdraws the share has a debt, which the next ones pay. So does the room as a whole. If the member
 * has to wait, woken() comes. */
static bool pace_allows(LPSession session)
{
    Member *member = member_of(session);
    ULONGLONG now = GetTickCount64();
    bool allowed;

    EnterCriticalSection(&session->server->cs);
    pace_tick(session->server, now);
    if (member->tick != room.tick) {
        member->allowance += (long long)(room.tick - member->tick) * room.share;
        if (member->allowance > room.share) member->allowance = room.share;
        member->tick = room.tick;
        room.talkers++;
    }
    member->allowance -= member->spent;
    room.tokens -= member->spent;
    member->paid += member->spent;
    member->spent = 0;
    allowed = member->allowance > 0 && room.tokens > -RESERVE;
    if (!allowed) {
        room.waiting = true;
        session->wake_at = room.tick_at + TICK_MS;
        if (session->wake_at < now + ASK_AGAIN_MS) session->wake_at = now + ASK_AGAIN_MS;
    }
    LeaveCriticalSection(&session->server->cs);
    return allowed;
}

/* ---- room ---- */

/* Says a line to everyone but its author. `talk`: a person says it, and newcomers are shown it too. */
static void room_broadcast(LPSession author, bool talk, const char *format, ...)
{
    Member *member = member_of(author);
    char text[TEXT_BYTES], *at;
    Record record;
    long long cost;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text - 2, format, args);
    va_end(args);
    log_line("%s", text);
    strcat(text, "\r\n");
    record.length = (ULONG)strlen(text);
    record.talk = talk;
    record.author = author->id;

    EnterCriticalSection(&author->server->cs);
    if (!room.closed) {
        record.number = ++room.messages;
        if (talk) room.talk[room.talks++ % RECENT] = room.head;
        at = room.log + room.head % LOG_BYTES;
        memcpy(at, &record, sizeof record);
        memcpy(at + sizeof record, text, record.length);
        room.head += sizeof record + record.length;
        TRACE(SAID, author->proactor, author, "message %lu is in the log\tmessage=%lu", record.number, record.number);
    }
    cost = (long long)sizeof record + record.length - member->paid;
    if (cost < 0) cost = 0;
    member->allowance -= cost;
    room.tokens -= cost;
    LeaveCriticalSection(&author->server->cs);
    if (trace_on) trace_pause();
    proactor_wake_all(author->server, author->proactor);
}

/* Puts a member into the room, with the last lines of talk to read, as far as they are not old. Returns how many are
 * here then. */
static int room_enter(LPSession session)
{
    Member *member = member_of(session);
    int here;

    snprintf(member->nick, sizeof member->nick, "guest%lu", session->id);
    for (int i = 0; member->nick[i]; i++) member->wide_nick[i] = (WCHAR)member->nick[i];
    EnterCriticalSection(&session->server->cs);
    member->joined = member->cursor = room.head;
    for (unsigned long i = room.talks > RECENT ? room.talks - RECENT : 0; i < room.talks; i++) {
        unsigned long long at = room.talk[i % RECENT];
        if (room.head - at <= LOG_BYTES / 2 && at < member->cursor) member->cursor = at;
    }
    member->next = room.members;
    room.members = member;
    here = ++room.here;
    LeaveCriticalSection(&session->server->cs);
    member->inside = true;
    return here;
}

/* Takes a member out of the room and says so, with its message, which may be empty. */
static void room_leave(LPSession session, const char *message)
{
    Member *member = member_of(session), **at = &room.members;
    int here;

    EnterCriticalSection(&session->server->cs);
    while (*at != member) at = &(*at)->next;
    *at = member->next;
    here = --room.here;
    LeaveCriticalSection(&session->server->cs);
    member->inside = false;
    if (!session->proactor->stopping) /* else all leave */
        room_broadcast(session, false, "*** %s left%s%s (%d here)", member->nick, *message ? ": " : "", message, here);
}

/* ---- news ---- */

/* Bytes of the log that the member has not been sent; 0 when it is leaving and has got all that is still for it. */
static unsigned long long news_behind(LPSession session)
{
    const Member *member = member_of(session);
    unsigned long long behind;

    EnterCriticalSection(&session->server->cs);
    behind = member->until && member->cursor >= member->until ? 0 : room.head - member->cursor;
    LeaveCriticalSection(&session->server->cs);
    return behind;
}

/* Copies the messages behind the member's cursor to `buf` as far as they fit, and moves the cursor: without its own,
 * and of what was before it came, only the talk. cs is held. */
static ULONG news_copy(LPSession session, char *buf, ULONG size)
{
    Member *member = member_of(session);
    unsigned long long end = member->until ? member->until : room.head;
    ULONG used = 0;

    while (member->cursor < end) {
        const char *at = room.log + member->cursor % LOG_BYTES;
        Record record;

        memcpy(&record, at, sizeof record);
        if (record.author != session->id && (record.talk || member->cursor >= member->joined)) {
            if (record.length > size - used) break;
            memcpy(buf + used, at + sizeof record, record.length);
            used += record.length;
            TRACE(TAKEN, session->proactor, session, "takes message %lu\tmessage=%lu", record.number, record.number);
        }
        member->cursor += sizeof record + record.length;
    }
    return used;
}

/* Makes `*buf` hold `wanted` bytes, doubling from `least`. False when there is no memory: the session is closed. */
static bool buffer_fit(LPSession session, char **buf, ULONG *bufsize, ULONG least, ULONG wanted)
{
    ULONG size = *bufsize ? *bufsize : least;

    while (size < wanted) size *= 2;
    if (size <= *bufsize || buffer_resize(buf, bufsize, size)) return true;
    session_close(session, "out of memory", 0);
    return false;
}

/* Copies what is new into sbuf, in the client's code page; without news, makes that small again. Returns the bytes. */
static ULONG news_take(LPSession session, unsigned long long behind)
{
    Member *member = member_of(session);
    ULONG wanted = behind < (ULONG)SBUF_MAX ? (ULONG)behind : (ULONG)SBUF_MAX, used = 0;

    if (wanted == 0 && session->ssize > SBUF_KEPT) buffer_resize(&session->sbuf, &session->ssize, SBUF_KEPT);
    if (wanted == 0 || !buffer_fit(session, &session->sbuf, &session->ssize, SBUF_KEPT, wanted)) return 0;
    EnterCriticalSection(&session->server->cs);
    if (room.head - member->cursor <= LOG_BYTES) used = news_copy(session, session->sbuf, session->ssize);
    LeaveCriticalSection(&session->server->cs);
    if (trace_on && used) trace_pause();
    return text_encode(member->page, session->sbuf, used);
}

/* ---- send: replies and news in one WSASend ---- */

/* Adds to what is said to this client alone. chat_parse() sees to it that it is not being sent just now. */
static void reply_add(LPSession session, const char *bytes, ULONG length)
{
    Member *member = member_of(session);

    if (!buffer_fit(session, &member->reply, &member->reply_size, REPLY_KEPT, member->reply_len + length)) return;
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
    reply_add(session, text, text_encode(member_of(session)->page, text, (ULONG)strlen(text)));
}

/* Sends the replies and `news` bytes of sbuf. A message that comes while a line is being typed gets a line of its own:
 * the unfinished one is taken away, and shown again below. False if there is nothing to send. */
static bool chat_send(LPSession session, ULONG news)
{
    Member *member = member_of(session);

    if (news > 0 && member->drawn > 0) {
        line_hide(session);
        reply_add(session, session->sbuf, news);
        line_show(session);
        news = 0;
    }
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
        line_hide(session);
        reply(session, "! you are too slow: %llu bytes behind the room. Good-bye.", behind);
        chat_send(session, 0);
        session_finish(session, "too slow");
    }
}

/* ---- the handler ---- */

/* From now on nothing is heard from the client. It gets the news up to now, and no more, and the good-bye. */
static void chat_leave(LPSession session, const char *why, bool close_room)
{
    Member *member = member_of(session);

    member->why = why;
    EnterCriticalSection(&session->server->cs);
    if (close_room) room.closed = true;
    member->until = room.head;
    LeaveCriticalSection(&session->server->cs);
}

/* Goes through what was received. A client that does not read its replies, or talks too much, waits: sent() or
 * woken() goes on here, and meanwhile its own TCP connection holds it back. */
static void chat_parse(LPSession session)
{
    Member *member = member_of(session);
    ULONG replied;

    while (member->next_byte < member->bytes_end && !member->why && session->phase == OPEN) {
        char c = session->rbuf[member->next_byte];
        if (member->reply_len >= REPLY_FULL || (session->sending && member->reply_out)) return;
        if ((c == '\r' || c == '\n' || member->line == SAY_BYTES || member->spent >= ASK_BYTES)
            && !pace_allows(session)) {
            return;
        }
        replied = member->reply_len;
        member->next_byte++;
        telnet_byte(session, (unsigned char)c);
        member->spent += 1 + member->reply_len - replied;
    }
    if (member->why || session->phase != OPEN) return;
    if (!member->known && member->line > 0) {
        member->known = true;
        if (member->line < KEYS_BYTES) telnet_offer(session);
    }
    if (session->eof) {
        chat_leave(session, "closed by the client", false);
    } else {
        session_recv(session, member->line);
    }
}

/* For half of the time that a stop takes all are heard out. Then the room closes: nobody says anything any more, and
 * all get the same last line before the good-bye. */
static void chat_stop(LPSession session)
{
    ULONGLONG close_at = session->proactor->finish_at - FINISH_MS / 2;

    if (GetTickCount64() >= close_at) {
        chat_leave(session, "the server is stopping", true);
    } else if (!session->wake_at || session->wake_at > close_at) {
        session->wake_at = close_at;
    }
}

/* Does what there is to do: reads on, sends what is new unless a send is pending, and at the very end the good-bye. */
static void chat_pump(LPSession session)
{
    Member *member = member_of(session);
    unsigned long long behind;

    if (!member || session->phase != OPEN) return;
    if (session->proactor->stopping && !member->why) chat_stop(session);
    chat_parse(session);
    if (session->phase != OPEN) return;
    behind = news_behind(session);
    if (behind > LOG_BYTES) {
        chat_cut_off(session, behind);
    } else if (!session->sending && !chat_send(session, news_take(session, behind)) && member->why) {
        reply(session, "*** good-bye");
        chat_send(session, 0);
        session_finish(session, member->why);
    }
}

static void chat_opened(LPSession session)
{
    Member *member = (Member *)calloc(1, sizeof *member);
    int here;

    if (!member) {
        session_close(session, "out of memory", 0);
        return;
    }
    session->state = member;
    member->page = CP_UTF8;
    here = room_enter(session);
    reply(session, "*** welcome, you are %s (%d here)", member->nick, here);
    reply(session, "*** /nick NAME, /who, /me ACTION, /quit, /help; all else is said to the room");
    room_broadcast(session, false, "*** %s joined (%d here)", member->nick, here);
    chat_pump(session);
}

static void chat_received(LPSession session, ULONG bytes)
{
    Member *member = member_of(session);

    member->next_byte = member->line;
    member->bytes_end = member->line + bytes;
    if (bytes == 0) { /* the end of all ends the last line too */
        member->telnet = DATA;
        if (member->line) session->rbuf[member->bytes_end++] = '\n';
    }
    chat_pump(session);
}

/* A quiet session is to cost what it cost before its burst. */
static void chat_sent(LPSession session)
{
    Member *member = member_of(session);

    if (member->reply_out) member->reply_len = member->reply_out = 0;
    if (!member->reply_len && member->reply_size > REPLY_KEPT)
        buffer_resize(&member->reply, &member->reply_size, REPLY_KEPT);
    chat_pump(session);
}

static void chat_closed(LPSession session)
{
    Member *member = member_of(session);

    if (!member) return;
    if (member->inside) room_leave(session, "");
    buffer_free(member->reply, member->reply_size);
    free(member);
}

const Handler chat_handler = { "chat", chat_opened, chat_received, chat_sent, chat_pump, chat_closed };
