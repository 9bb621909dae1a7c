/* terminal.h - one client's terminal: telnet's commands, escape sequences, the echo and editing of the line that is
 * being typed, private replies. All functions: owner thread only, cs not held. If there is no memory for a reply, the
 * session is closed. */
#ifndef TERMINAL_H
#define TERMINAL_H

#include "member.h"

/* Takes a byte from the wire and acts on telnet's commands, which receives may split anywhere. Returns true if it is a
 * byte of what the user typed. */
bool telnet_byte(LPSession session, unsigned char c);

/* Offers to echo for a client that types key by key, asks for the terminal's width, and shows what has been typed so
 * far. */
void telnet_offer(LPSession session);

/* Notes a receive; must be called before its bytes are parsed. ESC alone ends with the segment in which it came, and a
 * pause ends every sequence: bytes after it are text. */
void escape_received(LPSession session);

/* Returns true if the byte is part of an escape sequence, and so not text. A line end, any other control character or a
 * byte above 7E ends a sequence without being part of it, except in a string. */
bool escape_byte(LPSession session, unsigned char c);

/* Echoes the part of the line not yet on the screen, whole characters only. Does nothing if the server does not echo.
 */
void line_show(LPSession session);

/* Takes the line off the terminal; line_show() shows it again, below what is sent in between. */
void line_hide(LPSession session);

/* Moves the terminal from the end of the line to the beginning of the next row. */
void line_leave(LPSession session);

/* Erases the line's last character, or the whole line. */
void line_erase(LPSession session);
void line_kill(LPSession session);

/* Adds a line for this client alone, in its encoding and with a line end; reply_add() adds bytes as they are. They go
 * out with the next send. */
void reply(LPSession session, const char *format, ...);
void reply_add(LPSession session, const char *bytes, ULONG length);

/* Makes `*buf` hold at least `wanted` bytes, doubling from `least`. Returns false, with the session closed, when there
 * is no memory. */
bool buffer_reserve(LPSession session, char **buf, ULONG *bufsize, ULONG least, ULONG wanted);

#endif
