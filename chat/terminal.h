/* terminal.h - the client's terminal: telnet, echo, replies. Owner thread only. */
#ifndef TERMINAL_H
#define TERMINAL_H

#include "member.h"

bool telnet_byte(LPSession session, unsigned char c);
void telnet_offer(LPSession session);
void line_show(LPSession session);
void line_hide(LPSession session);
void line_erase(LPSession session);
bool buffer_reserve(LPSession session, char **buf, ULONG *bufsize, ULONG least, ULONG wanted);
void reply(LPSession session, const char *format, ...);
void reply_add(LPSession session, const char *bytes, ULONG length);

#endif
