/* line.cpp - the line that a client sends or types, from its first byte to what is done with it. */
#include "line.h"
#include "../support/options.h"
#include "command.h"
#include "room.h"
#include "terminal.h"

#include <string.h>

enum { CTRL_U = 0x15, DELETE_KEY = 0x7F };

static const char byte_order_mark[] = "\xEF\xBB\xBF";

ULONG line_mark(LPSession session)
{
    const Terminal *terminal = terminal_of(session);
    ULONG bytes = 0;

    while (bytes < terminal->line && bytes < 3 && session->rbuf[bytes] == byte_order_mark[bytes]) bytes++;
    return terminal->continued ? 0 : bytes;
}

/* Runs the command in the text, or says the text to the room, unless nothing in it is visible. */
static void line_said(LPSession session, char *text, bool whole)
{
    if (whole && text[0] == '/' && text[1] != '/') {
        command_run(session, text);
    } else if (text_visible(text)) {
        room_broadcast(session, true, "%s: %s", member_of(session)->in_room.nick,
                       whole && text[0] == '/' ? text + 1 : text);
    }
}

/* Handles the first `length` bytes of rbuf as one line, ignoring a byte order mark in front. A line that is too long
 * for one message goes out in pieces. */
static void line_finish(LPSession session, ULONG length)
{
    Member *member = member_of(session);
    UINT page = member->terminal.page;
    char text[3 * SAY_BYTES + 1], *piece = text, next;
    bool whole = !member->terminal.continued;

    if (!text_decode(page, session->rbuf, length, text) && !member->terminal.warned) {
        member->terminal.warned = true;
        reply(session, "! some of that was neither UTF-8 nor code page %u, and is lost", page);
    }
    if (whole && strncmp(text, byte_order_mark, 3) == 0) piece += 3;
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

/* Ends the line or, with `split`, the part of it that fills one message, up to its last whole character. The line
 * determines the encoding in which the client is read and answered from now on. */
static void line_end(LPSession session, bool split)
{
    Terminal *terminal = terminal_of(session);
    UINT codepage = (UINT)session->server->options->codepage;
    ULONG length = terminal->line;

    terminal->page = text_guess(terminal->page, codepage, session->rbuf, length, split);
    if (split) length = text_complete(terminal->page, session->rbuf, length);
    if (length > 0) terminal->known = true;
    if (terminal->echo != NO) line_leave(session);
    terminal->line -= length;
    line_finish(session, length);
    memmove(session->rbuf, session->rbuf + length, terminal->line);
    terminal->continued = split;
}

static void line_put(LPSession session, unsigned char c)
{
    Terminal *terminal = terminal_of(session);

    if (terminal->line == SAY_BYTES) line_end(session, true);
    session->rbuf[terminal->line++] = (char)c;
    line_show(session);
}

void line_byte(LPSession session, unsigned char c)
{
    Terminal *terminal = terminal_of(session);
    bool after_cr = terminal->cr;

    terminal->cr = c == '\r';
    if (after_cr && (c == '\n' || c == '\0')) return;
    if (escape_byte(session, c)) return;
    switch (c) {
    case '\r':
    case '\n': line_end(session, false); break;
    case '\b':
    case DELETE_KEY: line_erase(session); break;
    case CTRL_U: line_kill(session); break;
    case '\t':
    case '\v':
    case '\f': line_put(session, ' '); break;
    default:
        if (c >= 0x20) line_put(session, c);
    }
}
