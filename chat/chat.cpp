/* chat.cpp - the chat handler: what is received, and what is sent.
 *
 * A message is written once, to the room's ring buffer, however many read it. A session that has no send pending copies
 * the messages after its cursor and posts one WSASend for them, with its private replies in front. Nobody waits for a
 * slow reader: it is cut off when the ring buffer laps its cursor. Talkers are made to wait instead, by the room's rate
 * limit. */
#include "chat.h"
#include "../support/buffer.h"
#include "../support/console.h"
#include "../support/trace.h"
#include "line.h"
#include "room.h"
#include "terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Copies new messages to sbuf, in the client's encoding, or shrinks sbuf if there are none. Returns the number of
 * bytes. */
static ULONG chat_fill(LPSession session, unsigned long long behind)
{
    Terminal *terminal = terminal_of(session);
    ULONG wanted = behind < (ULONG)SBUF_MAX ? (ULONG)behind : (ULONG)SBUF_MAX, used = 0;

    if (wanted == 0 && session->ssize > SBUF_KEPT) buffer_resize(&session->sbuf, &session->ssize, SBUF_KEPT);
    if (wanted == 0 || !buffer_reserve(session, &session->sbuf, &session->ssize, SBUF_KEPT, wanted)) return 0;
    used = room_read(session, session->sbuf, session->ssize);
    if (used) trace_pause();
    return text_encode(terminal->page, session->sbuf, used);
}

/* Sends the replies and `news` bytes of sbuf. A message that comes while a line is being typed gets a line of its own:
 * the unfinished line is hidden, and shown again below. Returns false if there is nothing to send. */
static bool chat_send(LPSession session, ULONG news)
{
    Terminal *terminal = terminal_of(session);

    if (news > 0 && terminal->drawn > 0) {
        line_hide(session);
        reply_add(session, session->sbuf, news);
        line_show(session);
        news = 0;
    }
    if (terminal->reply_len + news == 0) return false;
    session->swsa[0].buf = terminal->reply;
    session->swsa[0].len = terminal->reply_out = terminal->reply_len;
    session->swsa[1].buf = session->sbuf;
    session->swsa[1].len = news;
    session_send(session);
    return true;
}

/* Cuts off a session whose cursor the ring buffer has lapped. Tells the client why, if anything can still be sent to
 * it. */
static void chat_cut_off(LPSession session, unsigned long long behind)
{
    log_line("#%lu %s is cut off: %llu bytes behind the room", session->id, member_of(session)->in_room.nick, behind);
    if (session->sending) {
        session_close(session, "too slow", 0);
    } else {
        line_hide(session);
        reply(session, "! you are too slow: %llu bytes behind the room", behind);
        chat_send(session, 0);
        session_finish(session, "too slow");
    }
}

/* Removes the session for the operator. The room hears of it at once. The client gets the reason after the pending
 * send, or is disconnected if it does not read that in time. */
static void chat_remove(LPSession session, const char *reason)
{
    static const char why[] = "removed by the operator";
    Member *member = member_of(session);
    ULONGLONG time = GetTickCount64();

    if (!member->remove_at) {
        member->remove_at = time + REMOVE_MS;
        room_leave(session, why);
    }
    if (!session->sending) {
        line_hide(session);
        reply(session, "! you were removed by the operator%s%s", *reason ? ": " : "", reason);
        chat_send(session, 0);
        session_finish(session, why);
    } else if (time >= member->remove_at) {
        session_close(session, why, 0);
    } else {
        session_notify_at(session, member->remove_at);
    }
}

/* ---- the handler ---- */

/* Begins the session's end: nothing more is taken from the client, which still gets the messages up to now. */
static void chat_leave(LPSession session, const char *why, bool close_room)
{
    member_of(session)->why = why;
    room_last_news(session, close_room);
}

/* Returns what the next byte costs, in bytes of work: a line end broadcasts the line or runs a command, and a control
 * character or a telnet command may redraw the whole line. */
static ULONG chat_cost(LPSession session, unsigned char c)
{
    const Terminal *terminal = terminal_of(session);

    if (terminal->line == 0) return 1;
    if (c == '\r' || c == '\n' || terminal->line == SAY_BYTES) return LINE_COST;
    return c < 0x20 || c == 0x7F || terminal->telnet != DATA ? 1 + terminal->line : 1;
}

/* Charges `cost` in advance and, for a command, the longest reply; any excess counts toward the next charge. Returns
 * false when the session must wait. */
static bool chat_prepay(LPSession session, ULONG cost)
{
    Member *member = member_of(session);
    LONG missing = (LONG)cost - member->prepaid;

    if (cost >= LINE_COST && session->rbuf[line_mark(session)] == '/') missing += (LONG)room_names_bytes(session);
    if (missing <= 0) return true;
    if (missing < CHARGE_BYTES) missing = CHARGE_BYTES;
    if (!rate_charge(session, (ULONG)missing)) return false;
    member->prepaid += missing;
    return true;
}

/* Parses the received bytes. A client that does not read its replies, or talks too much, has to wait: sent() or
 * notified() continues here, and meanwhile its own TCP connection holds it back. */
static void chat_parse(LPSession session)
{
    Member *member = member_of(session);
    Terminal *terminal = &member->terminal;

    while (member->next_byte < member->bytes_end && !member->why && session->phase == OPEN) {
        unsigned char c = (unsigned char)session->rbuf[member->next_byte];
        ULONG replied = terminal->reply_len, cost = chat_cost(session, c);
        if (replied >= REPLY_FULL || (session->sending && terminal->reply_out)) return;
        if (!chat_prepay(session, cost)) return;
        member->next_byte++;
        if (telnet_byte(session, c)) line_byte(session, c);
        member->prepaid -= (LONG)(cost + terminal->reply_len - replied);
    }
    if (member->why || session->phase != OPEN) return;
    if (!terminal->known && terminal->line > line_mark(session)) {
        terminal->known = true;
        if (terminal->line < KEYS_BYTES) telnet_offer(session);
    }
    if (session->eof) {
        chat_leave(session, "closed by the client", false);
    } else {
        session_recv(session, terminal->line);
    }
}

/* Leaves because the server is stopping. For half of the grace period, clients may finish what they are saying; then
 * the room closes, so that all get the same last message. */
static void chat_stop(LPSession session)
{
    ULONGLONG close_at = session_stop_time(session) - FINISH_MS / 2;

    if (GetTickCount64() >= close_at) {
        chat_leave(session, "the server is stopping", true);
    } else {
        session_notify_at(session, close_at);
    }
}

/* Does whatever can be done now: continues parsing, sends what is new unless a send is pending, and at the end says
 * goodbye. The functions of the handler end by calling it. */
static void chat_pump(LPSession session)
{
    Member *member = member_of(session);
    unsigned long long behind;
    char reason[REASON_BYTES];

    if (!member || session->phase != OPEN) return;
    if (room_removes(session, reason)) {
        chat_remove(session, reason);
        return;
    }
    if (session_stop_time(session) && !member->why) chat_stop(session);
    room_announce(session, false);
    chat_parse(session);
    if (session->phase != OPEN) return;
    behind = room_backlog(session);
    if (behind > LOG_BYTES) {
        chat_cut_off(session, behind);
    } else if (!session->sending && !chat_send(session, chat_fill(session, behind)) && member->why) {
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
    member->terminal.page = CP_UTF8;
    here = room_enter(session);
    reply(session, "*** welcome, you are %s (%d here)", member->in_room.nick, here);
    reply(session, "*** /nick NAME, /who, /me ACTION, /quit, /help; all else is said to the room");
    chat_pump(session);
}

static void chat_received(LPSession session, ULONG bytes)
{
    Member *member = member_of(session);

    member->next_byte = member->terminal.line;
    member->bytes_end = member->terminal.line + bytes;
    escape_received(session);
    if (bytes == 0) { /* the end of the stream ends the last line too */
        member->terminal.telnet = DATA;
        if (member->terminal.line) session->rbuf[member->bytes_end++] = '\n';
    }
    chat_pump(session);
}

/* Shrinks the reply buffer after a burst, so that a quiet session costs as little as before. */
static void chat_sent(LPSession session)
{
    Terminal *terminal = terminal_of(session);

    if (terminal->reply_out) terminal->reply_len = terminal->reply_out = 0;
    if (!terminal->reply_len && terminal->reply_size > REPLY_KEPT)
        buffer_resize(&terminal->reply, &terminal->reply_size, REPLY_KEPT);
    chat_pump(session);
}

static void chat_closed(LPSession session)
{
    Member *member = member_of(session);

    if (!member) return;
    room_leave(session, "");
    buffer_free(member->terminal.reply, member->terminal.reply_size);
    free(member);
}

const Handler chat_handler = { "chat", chat_opened, chat_received, chat_sent, chat_pump, chat_closed };
