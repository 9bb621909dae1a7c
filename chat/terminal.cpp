/* terminal.cpp - telnet, the echo of the line that is being typed, replies. */
#include "terminal.h"
#include "../support/buffer.h"
#include "../support/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Makes `*buf` hold `wanted` bytes, doubling from `least`. Returns false, with the session closed, when there is no
 * memory. */
bool buffer_reserve(LPSession session, char **buf, ULONG *bufsize, ULONG least, ULONG wanted)
{
    ULONG size = *bufsize ? *bufsize : least;

    while (size < wanted) size *= 2;
    if (size <= *bufsize || buffer_resize(buf, bufsize, size)) return true;
    session_close(session, "out of memory", 0);
    return false;
}

/* Appends to this client's private replies. chat_parse() makes sure that none are being sent. */
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

/* ---- bytes: telnet's commands are removed (RFC 854, 855, 857, 858, 1143) ---- */

static void telnet_answer(LPSession session, int verb, unsigned char option)
{
    unsigned char answer[] = { IAC, 0, 0 };

    answer[1] = (unsigned char)verb;
    answer[2] = option;
    reply_add(session, (const char *)answer, sizeof answer);
}

/* Redraws the line because the server's echo was turned on or off. Text that was already typed may be on the terminal:
 * it is overwritten with the same text. */
static void telnet_echo(LPSession session)
{
    Terminal *terminal = terminal_of(session);

    terminal->drawn = terminal->row = terminal->column = 0;
    if (terminal->line > 0 && terminal->echo != NO) reply_add(session, "\r", 1);
    line_show(session);
}

/* Asks how wide the terminal is: a server that echoes must know where a line wraps. */
static void telnet_ask_width(LPSession session)
{
    Terminal *terminal = terminal_of(session);

    if (terminal->peer_naws != NO) return;
    telnet_answer(session, DO, NAWS);
    terminal->peer_naws = WANTYES;
}

/* Tells a client that types key by key that the server will echo, and shows what it typed. A client that has not
 * negotiated anything is taken for Windows' telnet, which uses the code page, unless its bytes can hardly be anything
 * but UTF-8. */
void telnet_offer(LPSession session)
{
    Terminal *terminal = terminal_of(session);
    UINT codepage = (UINT)session->server->options->codepage;

    if (!terminal->negotiates) terminal->page = text_guess(codepage, codepage, session->rbuf, terminal->line, true);
    if (terminal->echo != NO) return;
    telnet_answer(session, WILL, ECHO_OPTION);
    terminal->echo = WANTYES;
    if (terminal->our_sga == NO) {
        telnet_answer(session, WILL, SUPPRESS_GO_AHEAD);
        terminal->our_sga = WANTYES;
    }
    telnet_ask_width(session);
    telnet_echo(session);
}

/* Returns the state of an option of the server's or of the client's; NULL for one that is not wanted. */
static OptionState *telnet_state(Terminal *terminal, bool ours, unsigned char option)
{
    switch (option) {
    case BINARY: return ours ? &terminal->our_binary : &terminal->peer_binary;
    case SUPPRESS_GO_AHEAD: return ours ? &terminal->our_sga : &terminal->peer_sga;
    case ECHO_OPTION: return ours ? &terminal->echo : NULL;
    case NAWS: return ours ? NULL : &terminal->peer_naws;
    default: return NULL;
    }
}

/* Negotiates an option. DO and DONT concern an option of the server's, WILL and WONT one of the client's. Answers only
 * requests that change something and are not themselves answers: otherwise, two sides could answer each other forever
 * (RFC 1143). */
static void telnet_option(LPSession session, unsigned char verb, unsigned char option)
{
    Terminal *terminal = terminal_of(session);
    bool ours = verb == DO || verb == DONT, yes = verb == DO || verb == WILL;
    int agree = ours ? WILL : DO, refuse = ours ? WONT : DONT;
    OptionState *state = telnet_state(terminal, ours, option), before = state ? *state : NO;

    terminal->negotiates = true;
    if (state) *state = yes ? YES : NO;
    if (yes && before == NO) telnet_answer(session, state ? agree : refuse, option);
    if (!yes && before == YES) telnet_answer(session, refuse, option);
    if (option == ECHO_OPTION && ours) {
        if (!yes || before == NO) telnet_echo(session);
        if (yes) telnet_ask_width(session);
    }
    if (option == NAWS && !yes && !ours) terminal->width = 0;
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
    } else if (c == EC) {
        line_erase(session);
    } else if (c == EL) {
        line_kill(session);
    } else if (c == AYT) {
        line_hide(session);
        reply(session, "*** yes, the server is here");
        line_show(session);
    }
}

static void telnet_sub_byte(Terminal *terminal, unsigned char c)
{
    if (terminal->sub_bytes < sizeof terminal->sub) terminal->sub[terminal->sub_bytes] = c;
    if (++terminal->sub_bytes < SUB_BYTES) terminal->telnet = SUBNEGOTIATION;
}

/* Acts on a complete sub-negotiation: NAWS gives columns and rows, two bytes each. A line that takes more than one row,
 * or would now, is redrawn. */
static void telnet_sub_end(LPSession session)
{
    Terminal *terminal = terminal_of(session);
    ULONG width = terminal->sub[1] * 256u + terminal->sub[2];

    if (terminal->sub_bytes != 5 || terminal->sub[0] != NAWS || terminal->peer_naws != YES) return;
    if (width < COLUMNS_LEAST || width > COLUMNS_MOST || width == terminal->width) return;
    if (terminal->row > 0 || terminal->column >= width) line_hide(session);
    terminal->width = width;
    line_show(session);
}

/* Receives may split commands anywhere. IAC IAC is a byte 255, in text and in a sub-negotiation; any other command ends
 * a sub-negotiation. */
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
    case COMMAND:
        if (c == IAC) return true;
        telnet_command(session, c);
        break;
    case OPTION: telnet_option(session, terminal->verb, c); break;
    case SUBNEGOTIATION:
        if (c == IAC) {
            terminal->telnet = SUB_COMMAND;
        } else {
            telnet_sub_byte(terminal, c);
        }
        break;
    case SUB_COMMAND:
        if (c == IAC) {
            telnet_sub_byte(terminal, c);
        } else if (c == SE) {
            telnet_sub_end(session);
        } else {
            telnet_command(session, c);
        }
        break;
    }
    return false;
}

/* ---- escape sequences: keys that write nothing, and a terminal's answers (ECMA-48, 5.3 to 5.6) ---- */

void escape_received(LPSession session)
{
    Terminal *terminal = terminal_of(session);
    ULONGLONG now = GetTickCount64(), pause = now - terminal->received_at;

    terminal->received_at = now;
    if (pause > ESCAPE_MS) terminal->escape = ESCAPE_NONE;
    if (terminal->escape == ESCAPE_FIRST) terminal->escape = ESCAPE_ALONE;
}

/* Returns the state after a byte from 20 to 7E of a sequence. Three cases deviate from the standard: rxvt's keys with
 * Shift end in "$", the Linux console's F1 to F5 are ESC [ [ and a letter, and old keys have numbers after ESC O. */
static EscapeState escape_next(EscapeState state, unsigned char c)
{
    bool digit = c >= '0' && c <= '9';

    switch (state) {
    case ESCAPE_STRING_END:
    case ESCAPE_ALONE:
    case ESCAPE_FIRST:
        if (c == '[') return ESCAPE_CONTROL;
        if (c == 'O') return ESCAPE_KEY;
        if (strchr("]PX^_", c)) return ESCAPE_STRING;
        return c < 0x30 ? ESCAPE_CHARSET : ESCAPE_NONE;
    case ESCAPE_CHARSET: return c < 0x30 ? ESCAPE_CHARSET : ESCAPE_NONE;
    case ESCAPE_KEY: return digit || c == ';' ? ESCAPE_KEY : ESCAPE_NONE;
    case ESCAPE_CONTROL:
        if (c == '[') return ESCAPE_LINUX;
        if (digit) return ESCAPE_NUMBER;
        return c < 0x40 ? ESCAPE_REST : ESCAPE_NONE;
    case ESCAPE_NUMBER:
        if (digit) return ESCAPE_NUMBER;
        return c < 0x40 && c != '$' ? ESCAPE_REST : ESCAPE_NONE;
    case ESCAPE_REST: return c < 0x40 ? ESCAPE_REST : ESCAPE_NONE;
    default: return ESCAPE_NONE;
    }
}

bool escape_byte(LPSession session, unsigned char c)
{
    Terminal *terminal = terminal_of(session);
    EscapeState state = terminal->escape;

    if (c == 0x1B) {
        terminal->escape = state == ESCAPE_STRING ? ESCAPE_STRING_END : ESCAPE_FIRST;
        return true;
    }
    if (state == ESCAPE_NONE) return false;
    if (state == ESCAPE_STRING && c != '\r' && c != '\n') { /* BEL ends it; CAN and SUB abort it */
        if (c == 0x07 || c == 0x18 || c == 0x1A) terminal->escape = ESCAPE_NONE;
        return true;
    }
    terminal->escape = ESCAPE_NONE;
    if (c < 0x20 || c >= 0x7F) return false;
    if (state == ESCAPE_ALONE && !strchr("[O]PX^_", c)) return false;
    terminal->escape = escape_next(state, c);
    return true;
}

/* ---- line: kept as it is received, at the front of rbuf, and echoed to clients that type key by key ---- */

/* Writes a character of the line to the terminal, as it is displayed. */
static void line_draw(LPSession session, const char *bytes, ULONG length, unsigned long character)
{
    if (character == TEXT_INVALID) {
        reply_add(session, "?", 1);
    } else if (text_breaks_line(character)) {
        reply_add(session, " ", 1);
    } else if (!text_is_unsafe(character)) {
        reply_add(session, bytes, length);
        if ((unsigned char)bytes[0] == IAC) reply_add(session, bytes, 1);
    }
}

/* Echoes whole characters only: the rest of one may still be coming. Begins a new row if this one has no room for the
 * next character. After the last column some terminals move to the next row at once, others only with the next
 * character, so a space is written there and taken back. */
void line_show(LPSession session)
{
    Terminal *terminal = terminal_of(session);
    ULONG bytes, columns, width = terminal->width ? terminal->width : (ULONG)COLUMNS_UNKNOWN;

    while (terminal->echo != NO && terminal->drawn < terminal->line) {
        const char *at = session->rbuf + terminal->drawn;
        unsigned long character;

        bytes = text_next(terminal->page, at, terminal->line - terminal->drawn, &character);
        if (bytes == 0) return;
        columns = text_columns(terminal->page, character, bytes);
        if (terminal->column + columns > width) {
            reply_add(session, "\r\n", 2);
            terminal->row++;
            terminal->column = 0;
        }
        line_draw(session, at, bytes, character);
        terminal->column += columns;
        terminal->drawn += bytes;
        if (terminal->width && terminal->column == terminal->width) {
            reply_add(session, " \r", 2);
            terminal->row++;
            terminal->column = 0;
        }
    }
}

void line_leave(LPSession session)
{
    Terminal *terminal = terminal_of(session);

    if (terminal->row == 0 || terminal->column > 0) reply_add(session, "\r\n", 2);
    terminal->drawn = terminal->row = terminal->column = 0;
}

/* Removes the line from the terminal; it is shown again below the message that follows. */
void line_hide(LPSession session)
{
    Terminal *terminal = terminal_of(session);

    if (terminal->drawn == 0) return;
    reply_add(session, "\r", 1);
    for (; terminal->row > 0; terminal->row--) reply_add(session, "\033[A", 3); /* one row up */
    reply_add(session, "\033[J", 3);                                            /* clear everything below */
    terminal->drawn = terminal->column = 0;
}

/* Erases the last character that takes a column on the screen, and the marks on it. */
void line_erase(LPSession session)
{
    Terminal *terminal = terminal_of(session);
    ULONG columns, last = text_last_glyph(terminal->page, session->rbuf, terminal->line, &columns);

    terminal->line = last;
    if (terminal->drawn <= last) return;
    if (columns < terminal->column || (columns == terminal->column && terminal->row == 0)) {
        terminal->drawn = last;
        terminal->column -= columns;
        while (columns-- > 0) reply_add(session, "\b \b", 3);
    } else { /* the line now ends in the row above */
        line_hide(session);
        line_show(session);
    }
}

/* Erases the whole line. */
void line_kill(LPSession session)
{
    line_hide(session);
    terminal_of(session)->line = 0;
}
