/* room.h - the shared room: messages are written once to a ring buffer, from which each member reads at its own cursor,
 * and all who make the room work share a token bucket. All functions: owner thread only, cs not held; the operator's,
 * at the end: any thread, cs not held. */
#ifndef ROOM_H
#define ROOM_H

#include "member.h"

/* Charges `cost` bytes of work to the session's account, before the work is done. Returns false when it must wait; the
 * handler is notified() when it may ask again. */
bool rate_charge(LPSession session, ULONG cost);

/* Puts the session into the room under the name guestN, with the last lines of talk to read, as far as they are recent.
 * Returns how many members are here then. */
int room_enter(LPSession session);

/* Tells the others that the session has joined, once the account of those who join can pay for it; with `speaks` at
 * once, because a line of its own follows. Does nothing if they were told. Otherwise notified() comes when it is time
 * to try again. */
void room_announce(LPSession session, bool speaks);

/* Takes the session out of the room and tells the others, if they know of it, with its message, which may be empty.
 * Does nothing when it is not in the room. */
void room_leave(LPSession session, const char *message);

/* Sends a line to everyone but its author. `talk`: a person says it, and newcomers are shown it too. */
void room_broadcast(LPSession author, bool talk, const char *format, ...);

/* Renames the session, unless `taken` or another member has the name in whatever case: then returns false. `old` gets
 * its name so far, `here` the number of members. */
bool room_rename(LPSession session, const char *nick, const WCHAR *wide, bool taken, char old[NICK_BYTES], int *here);

/* Writes the members' names, as many as fit, to `names`. Returns how many members are here. */
int room_names(LPSession session, char *names, size_t size);

/* Returns about how many bytes room_names() would write. */
ULONG room_names_bytes(LPSession session);

/* The session gets the messages up to now, and no later ones. With `close_room` nobody says anything any more. */
void room_last_news(LPSession session, bool close_room);

/* Returns how many bytes of the ring buffer the session has not been sent; more than LOG_BYTES when it was lapped, 0
 * when it is leaving and has got all that is still for it. */
unsigned long long room_backlog(LPSession session);

/* Copies the messages behind the session's cursor to `buf` as far as they fit, and moves the cursor: all but its own,
 * and of what was before it came only the talk. Returns the bytes. */
ULONG room_read(LPSession session, char *buf, ULONG size);

/* Returns true when the operator removes the session; then `reason` gets why, or "". */
bool room_removes(LPSession session, char reason[REASON_BYTES]);

/* ---- for the operator ---- */

/* Says a line to everyone. It has no author, and no rate limit holds it up. */
void room_say(LPServer server, const char *format, ...);

/* A member, as the operator is shown it. */
typedef struct Visitor {
    unsigned long id;
    char nick[NICK_BYTES];
    SOCKADDR_STORAGE caddr;
    ULONGLONG came; /* GetTickCount64 time */
} Visitor;

/* Writes the members, those who came last first, as many as fit. Returns how many members are here. */
int room_visitors(LPServer server, Visitor *visitors, int size);

/* Whom the operator means: the session with this number or, if it is 0, the member with this name. */
typedef struct Target {
    unsigned long id;
    WCHAR nick[NICK_CHARS + 1];
} Target;

typedef enum Removal { REMOVED, NOT_HERE, BANS_FULL } Removal;

/* Has the member's owner remove it, which it does soon after; with `ban` also refuses its address from now on, unless
 * the list is full, which leaves all as it is. `visitor` gets whom it was. */
Removal room_remove(LPServer server, const Target *target, const char *reason, bool ban, Visitor *visitor);

#endif
