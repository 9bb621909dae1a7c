/* line.h - lines: what a client types becomes talk and commands. */
#ifndef LINE_H
#define LINE_H

#include "member.h"

/* Takes a byte that the client's user typed. Owner thread only, cs not held. */
void line_byte(LPSession session, unsigned char c);

/* Returns how many bytes of a byte order mark are in front of the unfinished line. PowerShell sends one on its own,
 * before the first line. Owner thread only. */
ULONG line_mark(LPSession session);

#endif
