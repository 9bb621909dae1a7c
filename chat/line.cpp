/* line.cpp - the line that a client sends or types, from its first byte to what is done with it. */
#include "line.h"
#include "../support/options.h"
#include "command.h"
#include "room.h"
#include "terminal.h"

#include <string.h>

/* Lines of which nothing can be seen are not said. */
static void line_said(LPSession session, char *text, bool whole)
{
    if (whole && text[0] == '/' && text[1] != '/') {
        command_run(session, text);
    } else if (text_visible(text)) {
        room_broadcast(session, true, "%s: %s", member_of(session)->in_room.nick,
                       whole && text[0] == '/' ? text + 1 : text);
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
}

static void line_put(LPSession session, unsigned char c)
{
    Terminal *terminal = terminal_of(session);

    if (terminal->line == SAY_BYTES) line_end(session, true);
    session->rbuf[terminal->line++] = (char)c;
    line_show(session);
}

/* A byte of what the client's user typed. */
void line_byte(LPSession session, unsigned char c)
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
