/* terminal.h - the client's terminal: telnet, echo, replies. Owner thread only. */
#ifndef TERMINAL_H
#define TERMINAL_H

#include "member.h"

bool telnet_byte(LPSession session, unsigned char c);

/* Call it for each receive, before its bytes. ESC alone ends with the segment that it came in, and a pause ends every
 * sequence: what is typed behind it is text. */
void escape_received(LPSession session);

/* Returns true if the byte is part of an escape sequence, and so no text. A line end, another control character and a
 * byte above 7E end a sequence and are none of its own, but for what a string holds. */
bool escape_byte(LPSession session, unsigned char c);

void telnet_offer(LPSession session);
void line_show(LPSession session);

/* Moves the terminal from the end of the line to the beginning of the next row. */
void line_leave(LPSession session);
void line_hide(LPSession session);
void line_erase(LPSession session);
void line_kill(LPSession session);
bool buffer_reserve(LPSession session, char **buf, ULONG *bufsize, ULONG least, ULONG wanted);
void reply(LPSession session, const char *format, ...);
void reply_add(LPSession session, const char *bytes, ULONG length);

#endif
