/* terminal.cpp - telnet, the echo of the line that is being typed, replies. */
#include "terminal.h"
#include "../support/buffer.h"
#include "../support/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Makes `*buf` hold `wanted` bytes, doubling from `least`. False when there is no memory: the session is closed. */
bool buffer_reserve(LPSession session, char **buf, ULONG *bufsize, ULONG least, ULONG wanted)
{
    ULONG size = *bufsize ? *bufsize : least;

    while (size < wanted) size *= 2;
    if (size <= *bufsize || buffer_resize(buf, bufsize, size)) return true;
    session_close(session, "out of memory", 0);
    return false;
}

/* Adds to what is said to this client alone. chat_parse() sees to it that it is not being sent just now. */
void reply_add(LPSession session, const char *bytes, ULONG length)
{
    Terminal *terminal = terminal_of(session);

    if (!buffer_reserve(session, &terminal->reply, &terminal->reply_size, REPLY_KEPT, terminal->reply_len + length))
        return;
    memcpy(terminal->reply + terminal->reply_len, bytes, length);
    terminal->reply_len += length;
}

void reply(LPSession session, const char *format, ...)
{
    char text[TEXT_BYTES];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text - 2, format, args);
    va_end(args);
    strcat(text, "\r\n");
    reply_add(session, text, text_encode(terminal_of(session)->page, text, (ULONG)strlen(text)));
}

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
    Terminal *terminal = terminal_of(session);

    terminal->drawn = terminal->row = terminal->column = 0;
    if (terminal->line > 0 && terminal->echo != NO) reply_add(session, "\r", 1);
    line_show(session);
}

/* The client's first input are keys: it has to be told that the server will echo, and is shown what it typed. One
 * that has not negotiated anything is taken for Windows' telnet, which uses the code page; but not if what came can
 * hardly be anything but UTF-8. */
void telnet_offer(LPSession session)
{
    Terminal *terminal = terminal_of(session);

    if (!terminal->negotiates && utf8_longest(session->rbuf, terminal->line) < 3) {
        terminal->page = (UINT)session->server->options->codepage;
    }
    if (terminal->echo != NO) return;
    telnet_answer(session, WILL, ECHO_OPTION);
    terminal->echo = WANTYES;
    if (terminal->our_sga == NO) {
        telnet_answer(session, WILL, SUPPRESS_GO_AHEAD);
        terminal->our_sga = WANTYES;
    }
    telnet_echo(session);
}

/* DO and DONT ask for an option of the server's. What changes nothing is not answered, or two sides could answer each
 * other for ever (RFC 1143). */
static void telnet_asked(LPSession session, bool wanted, unsigned char option, OptionState *ours)
{
    OptionState before = *ours;

    *ours = wanted ? YES : NO;
    if (wanted && before == NO) telnet_answer(session, WILL, option);
    if (!wanted && before == YES) telnet_answer(session, WONT, option);
    if (option == ECHO_OPTION && (!wanted || before == NO)) telnet_echo(session);
}

static void telnet_option(LPSession session, unsigned char verb, unsigned char option)
{
    Terminal *terminal = terminal_of(session);
    bool suppress = option == SUPPRESS_GO_AHEAD;

    terminal->negotiates = true;
    if (verb == DO || verb == DONT) {
        if (suppress || option == ECHO_OPTION) {
            telnet_asked(session, verb == DO, option, suppress ? &terminal->our_sga : &terminal->echo);
        } else if (verb == DO) {
            telnet_answer(session, WONT, option);
        }
    } else if (!suppress) { /* WILL and WONT tell of an option of the client's */
        if (verb == WILL) telnet_answer(session, DONT, option);
    } else if (terminal->peer_sga != (verb == WILL)) {
        terminal->peer_sga = verb == WILL;
        telnet_answer(session, verb == WILL ? DO : DONT, option);
    }
}

static void telnet_command(LPSession session, unsigned char c)
{
    Terminal *terminal = terminal_of(session);

    if (c == SB) {
        terminal->telnet = SUBNEGOTIATION;
        terminal->sub_bytes = 0;
    } else if (c >= WILL && c <= DONT) {
        terminal->telnet = OPTION;
        terminal->verb = c;
    } else if (c == AYT) {
        line_hide(session);
        reply(session, "*** yes, the server is here");
        line_show(session);
    }
}

/* A byte from the wire. Commands may be cut anywhere. */
bool telnet_byte(LPSession session, unsigned char c)
{
    Terminal *terminal = terminal_of(session);
    TelnetState state = terminal->telnet;

    terminal->telnet = DATA;
    switch (state) {
    case DATA:
        if (c != IAC) return true;
        terminal->telnet = COMMAND;
        break;
    case COMMAND: telnet_command(session, c); break; /* IAC IAC is a byte 255, which is no text */
    case OPTION: telnet_option(session, terminal->verb, c); break;
    case SUBNEGOTIATION:
        if (++terminal->sub_bytes < SUB_BYTES) terminal->telnet = c == IAC ? SUB_COMMAND : SUBNEGOTIATION;
        break;
    case SUB_COMMAND: terminal->telnet = c == SE ? DATA : SUBNEGOTIATION; break;
    }
    return false;
}

/* ---- line: kept as it is received, at the front of rbuf, and echoed to clients that type key by key ---- */

/* Echoes what was not yet: whole characters only, the rest of one is still coming. In a new row, if this one has no
 * room for the next. */
void line_show(LPSession session)
{
    Terminal *terminal = terminal_of(session);
    ULONG bytes, columns;

    while (terminal->echo != NO && terminal->drawn < terminal->line) {
        const char *at = session->rbuf + terminal->drawn;
        unsigned long character;

        bytes = text_next(terminal->page, at, terminal->line - terminal->drawn, &character);
        if (bytes == 0) return;
        columns = text_columns(terminal->page, character, bytes);
        if (terminal->column + columns > TERMINAL_COLUMNS) {
            reply_add(session, "\r\n", 2);
            terminal->row++;
            terminal->column = 0;
        }
        if (!text_is_unsafe(character)) reply_add(session, character == TEXT_INVALID ? "?" : at, bytes);
        terminal->column += columns;
        terminal->drawn += bytes;
    }
}

/* Takes the line off the terminal, to be shown again below what comes. */
void line_hide(LPSession session)
{
    Terminal *terminal = terminal_of(session);

    if (terminal->drawn == 0) return;
    reply_add(session, "\r", 1);
    for (; terminal->row > 0; terminal->row--) reply_add(session, "\033[A", 3); /* one row up */
    reply_add(session, "\033[J", 3);                                            /* all below is cleared */
    terminal->drawn = terminal->column = 0;
}

/* Takes back the last character that has a place on the screen, and the marks on it. */
void line_erase(LPSession session)
{
    Terminal *terminal = terminal_of(session);
    ULONG columns, last = text_last_glyph(terminal->page, session->rbuf, terminal->line, &columns);

    terminal->line = last;
    if (terminal->drawn <= last) return;
    if (columns <= terminal->column) {
        terminal->drawn = last;
        terminal->column -= columns;
        while (columns-- > 0) reply_add(session, "\b \b", 3);
    } else { /* it stands at the end of the row above */
        line_hide(session);
        line_show(session);
    }
}
