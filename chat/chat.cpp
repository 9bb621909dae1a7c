/* chat.cpp - the chat handler: lines, commands, what is sent. */
#include "chat.h"
#include "../support/buffer.h"
#include "../support/console.h"
#include "../support/options.h"
#include "../support/trace.h"
#include "command.h"
#include "room.h"
#include "terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void chat_leave(LPSession session, const char *why, bool close_room);
static void line_end(LPSession session, bool split);
static void line_put(LPSession session, unsigned char c);

/* A byte of what the client's user typed. */
static void text_byte(LPSession session, unsigned char c)
{
    Terminal *terminal = terminal_of(session);
    bool after_cr = terminal->cr, letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '~';

    terminal->cr = c == '\r';
    if (after_cr && (c == '\n' || c == '\0')) return;
    if (terminal->escape && c >= 0x20 && c < 0x7F) {
        /* From ESC to the next letter or ~ nothing is kept; behind ESC O stands one more, for a function key. */
        terminal->escape = letter && !(terminal->escape == 0x1B && c == 'O') ? 0 : c;
        return;
    }
    terminal->escape = c == 0x1B ? c : 0;
    if (c == '\r' || c == '\n') {
        line_end(session, false);
    } else if (c == 0x08 || c == 0x7F) {
        line_erase(session);
    } else if (c == '\t' || (c >= 0x20 && c != 0xFF)) {
        line_put(session, c == '\t' ? ' ' : c);
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
    int longest = utf8_longest(session->rbuf, length);
    char text[3 * SAY_BYTES + 1], *piece = text, next;
    bool whole = !member->terminal.continued;

    if (longest == 0) member->terminal.page = (UINT)session->server->options->codepage;
    if (longest >= 3) member->terminal.page = CP_UTF8;
    if (!text_decode(member->terminal.page, session->rbuf, length, text) && !member->terminal.warned) {
        member->terminal.warned = true;
        reply(session, "! some of that was neither UTF-8 nor code page %u, and is lost", member->terminal.page);
    }
    while (*piece && !member->why) {
        ULONG bytes = (ULONG)strlen(piece);
        if (bytes > SAY_BYTES) bytes = text_complete(CP_UTF8, piece, SAY_BYTES);
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
    ULONG length =
        split ? text_complete(member->terminal.page, session->rbuf, member->terminal.line) : member->terminal.line;

    if (length > 0) member->terminal.known = true;
    if (member->terminal.echo != NO) reply_add(session, "\r\n", 2);
    member->terminal.line -= length;
    member->terminal.drawn = member->terminal.row = member->terminal.column = 0;
    line_finish(session, length);
    memmove(session->rbuf, session->rbuf + length, member->terminal.line);
    member->terminal.continued = split;
    member->charged = 0;
}

static void line_put(LPSession session, unsigned char c)
{
    Terminal *terminal = terminal_of(session);

    if (terminal->line == SAY_BYTES) line_end(session, true);
    session->rbuf[terminal->line++] = (char)c;
    line_show(session);
}

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
        if (telnet_byte(session, (unsigned char)c)) text_byte(session, (unsigned char)c);
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
