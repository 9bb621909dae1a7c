/* room.h - the shared room: messages are written once to a ring buffer, from which each member reads at its own cursor,
 * and all who cause work for the room share a token bucket. All functions: owner thread only, cs not held; the
 * operator's, at the end: any thread, cs not held. */
#ifndef ROOM_H
#define ROOM_H

#include "member.h"

/* Charges `cost` bytes of work to the session's account, before the work is done. Returns false, with nothing charged,
 * when it must wait: the handler is notified() when it may ask again. */
bool rate_charge(LPSession session, ULONG cost);

/* Puts the session into the room under the name guestN, not yet announced, with its cursor before the last lines of
 * talk: at most RECENT of them, and none older than half the ring buffer. Returns how many members are here, including
 * this one. */
int room_enter(LPSession session);

/* Tells the others that the session has joined, if the newcomers' account can pay for it, or if `speaks` is set because
 * a line of its own follows. Otherwise the handler is notified() when it is time to try again. Does nothing if they
 * have been told, or if the session is not in the room. */
void room_announce(LPSession session, bool speaks);

/* Takes the session out of the room. Tells the others, with `message`, which may be "", if they know of the session and
 * the server is not stopping. Does nothing when the session is not in the room. */
void room_leave(LPSession session, const char *message);

/* Sends a line (printf's format; UTF-8, without a line end) to everyone but its author, who is announced first, and to
 * the log. `talk`: a person says it, and newcomers are shown it too. Cuts it at TEXT_BYTES - 3 bytes. Once the room is
 * closed only the log gets it. */
void room_broadcast(LPSession author, bool talk, const char *format, ...);

/* Renames the session to `nick`, in UTF-16 `wide`. Returns false, with the name unchanged, when `taken` is set or
 * another member has the name, ignoring case. `old` gets the name that it had before, `here` the number of members. */
bool room_rename(LPSession session, const char *nick, const WCHAR *wide, bool taken, char old[NICK_BYTES], int *here);

/* Writes the members' names to `names`, `size` bytes with the NUL: as many as fit, then "and N more". Returns how many
 * members are here. */
int room_names(LPSession session, char *names, size_t size);

/* Returns about how many bytes room_names() would write, SAY_BYTES at most. */
ULONG room_names_bytes(LPSession session);

/* Lets the session get the messages up to now, and no later ones. With `close_room`, closes the room for everybody:
 * nothing more is said. */
void room_last_news(LPSession session, bool close_room);

/* Returns the session's backlog, the bytes of the ring buffer after its cursor: more than LOG_BYTES when it was lapped,
 * 0 when it is leaving and has received everything that is meant for it. */
unsigned long long room_backlog(LPSession session);

/* Copies to `buf` (`size` bytes) the whole messages after the session's cursor that fit, and advances the cursor. Skips
 * the session's own messages and, of those from before it joined, all but the talk. Returns how many bytes were copied;
 * 0, with the cursor unmoved, when the session was lapped. */
ULONG room_read(LPSession session, char *buf, ULONG size);

/* Returns true when the operator has marked the session as removed; `reason` then gets the reason, or "". */
bool room_removes(LPSession session, char reason[REASON_BYTES]);

/* ---- for the operator ---- */

/* Sends a line, as room_broadcast() does, to everyone: it has no author, counts as talk, and no rate limit holds it
 * up. */
void room_say(LPServer server, const char *format, ...);

/* A member as shown to the operator. */
typedef struct Visitor {
    unsigned long id;
    char nick[NICK_BYTES];
    SOCKADDR_STORAGE caddr;
    ULONGLONG came; /* GetTickCount64 time */
} Visitor;

/* Fills `visitors` with up to `size` members, newest first. Returns how many members are here, which may be more. */
int room_visitors(LPServer server, Visitor *visitors, int size);

/* The member that the operator means: the session with this number or, if it is 0, the member with this name. */
typedef struct Target {
    unsigned long id;
    WCHAR nick[NICK_CHARS + 1];
} Target;

typedef enum Removal { REMOVED, NOT_HERE, BANS_FULL } Removal;

/* Marks the member as removed and wakes its owner, which disconnects it soon after. Cuts `reason` at REASON_BYTES - 1
 * bytes. With `ban` also refuses its address from now on. `visitor` gets the member that was found. Returns NOT_HERE if
 * there is none, BANS_FULL if the list is full; then nothing is changed. */
Removal room_remove(LPServer server, const Target *target, const char *reason, bool ban, Visitor *visitor);

#endif
