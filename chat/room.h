/* room.h - the room: a log that is written once and read by all, and who may talk. */
#ifndef ROOM_H
#define ROOM_H

#include "member.h"

bool rate_allows(LPSession session);
void room_broadcast(LPSession author, bool talk, const char *format, ...);
int room_enter(LPSession session);
void room_leave(LPSession session, const char *message);
bool room_rename(LPSession session, const char *nick, const WCHAR *wide, bool taken, char old[NICK_BYTES], int *here);
int room_names(LPSession session, char *names, size_t size);
void room_last_news(LPSession session, bool close_room);
unsigned long long room_backlog(LPSession session);
ULONG room_read(LPSession session, char *buf, ULONG size);

#endif
