/* chat.cpp - the chat handler: what is received, and what is sent. */
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

static void chat_leave(LPSession session, const char *why, bool close_room);

/* Copies what is new into sbuf, in the client's code page; without news, makes that small again. Returns the bytes. */
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
 * the unfinished one is taken away, and shown again below. False if there is nothing to send. */
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
    member_of(session)->why = why;
    room_last_news(session, close_room);
}

/* Goes through what was received. A client that does not read its replies, or talks too much, waits: sent() or
 * notified() goes on here, and meanwhile its own TCP connection holds it back. */
static void chat_parse(LPSession session)
{
    Member *member = member_of(session);
    ULONG replied;

    while (member->next_byte < member->bytes_end && !member->why && session->phase == OPEN) {
        char c = session->rbuf[member->next_byte];
        if (member->terminal.reply_len >= REPLY_FULL || (session->sending && member->terminal.reply_out)) return;
        if ((c == '\r' || c == '\n' || member->terminal.line == SAY_BYTES || member->uncharged >= CHARGE_BYTES)
            && !rate_allows(session)) {
            return;
        }
        replied = member->terminal.reply_len;
        member->next_byte++;
        if (telnet_byte(session, (unsigned char)c)) line_byte(session, (unsigned char)c);
        member->uncharged += 1 + member->terminal.reply_len - replied;
    }
    if (member->why || session->phase != OPEN) return;
    if (!member->terminal.known && member->terminal.line > 0) {
        member->terminal.known = true;
        if (member->terminal.line < KEYS_BYTES) telnet_offer(session);
    }
    if (session->eof) {
        chat_leave(session, "closed by the client", false);
    } else {
        session_recv(session, member->terminal.line);
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
    reply(session, "*** welcome, you are %s (%d here)", member->nick, here);
    reply(session, "*** /nick NAME, /who, /me ACTION, /quit, /help; all else is said to the room");
    room_broadcast(session, false, "*** %s joined (%d here)", member->nick, here);
    chat_pump(session);
}

static void chat_received(LPSession session, ULONG bytes)
{
    Member *member = member_of(session);

    member->next_byte = member->terminal.line;
    member->bytes_end = member->terminal.line + bytes;
    escape_received(session);
    if (bytes == 0) { /* the end of all ends the last line too */
        member->terminal.telnet = DATA;
        if (member->terminal.line) session->rbuf[member->bytes_end++] = '\n';
    }
    chat_pump(session);
}

/* A quiet session is to cost what it cost before its burst. */
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
    if (member->inside) room_leave(session, "");
    buffer_free(member->terminal.reply, member->terminal.reply_size);
    free(member);
}

const Handler chat_handler = { "chat", chat_opened, chat_received, chat_sent, chat_pump, chat_closed };
