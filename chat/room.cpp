/* room.cpp */
#include "room.h"
#include "../support/console.h"
#include "../support/trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct Record {
    ULONG length;         /* of the text behind it */
    ULONG talk;           /* 1: somebody said it; 0: a notice */
    unsigned long author; /* a session's id; it is not shown its own messages */
    unsigned long number; /* counts from 1; for the trace */
} Record;

/* All of it is guarded by cs. */
typedef struct Room {
    char log[LOG_BYTES + sizeof(Record) + TEXT_BYTES]; /* a ring of records: byte n of all that was ever said is
                                        log[n % LOG_BYTES], and a record that begins before the end lies in one piece */
    unsigned long long head;                           /* where the next record goes */
    unsigned long long talk[RECENT];                   /* where the last lines of talk are */
    unsigned long talks, messages;
    bool closed; /* the server is stopping: nothing is said any more */
    Member *members;
    int here;

    unsigned long tick; /* counts from 1 */
    ULONGLONG tick_at;  /* when it began */
    bool waiting;       /* somebody had to wait in it */
    int talkers;        /* who talked in it, or wanted to */
    long long tokens;   /* bytes that may still be said in it, by all together; below 0: overdrawn */
    long long quantum;  /* and by each */
} Room;

static Room room;

/* ---- pace: who may talk ---- */

/* True when every Proactor has had nothing left to do since the tick began, or has nothing now. cs is held. */
static bool rate_all_idled(LPServer server)
{
    for (int i = 0; i < server->groups && !server->stopping; i++) {
        LPProactor proactor = &server->proactors[i];
        if (!InterlockedCompareExchange(&proactor->went_idle, 0, 0)
            && InterlockedCompareExchange(&proactor->wake_state, 0, 0) != ASLEEP) {
            return false;
        }
    }
    return true;
}

/* Begins the next tick, if it is time. While somebody waits, a tick brings the same however long it takes: a server
 * with too much to do would get more to do otherwise. cs is held. */
static void rate_tick(LPServer server, ULONGLONG now)
{
    ULONGLONG ticks = (now - room.tick_at) / TICK_MS;

    if (ticks == 0 || !rate_all_idled(server)) return;
    if (room.waiting) ticks = 1;
    room.tokens =
        ticks < BUCKET_BYTES / TICK_BYTES ? room.tokens + (long long)ticks * TICK_BYTES : (long long)BUCKET_BYTES;
    if (room.tokens > BUCKET_BYTES) room.tokens = BUCKET_BYTES;
    room.quantum = room.tokens / (room.talkers ? room.talkers : 1);
    if (room.quantum < 1) room.quantum = 1; /* one without a debt can talk in every tick */
    room.talkers = 0;
    room.waiting = false;
    room.tick_at = now;
    room.tick++;
    for (int i = 0; i < server->groups; i++) InterlockedExchange(&server->proactors[i].went_idle, 0);
}

/* True if the member may say something. It gets its share of each tick, but cannot save more than one. A line is never
 * cut for this: who overdraws the share has a debt, which the next ones pay. So does the room as a whole. If the member
 * has to wait, notified() comes. */
bool rate_allows(LPSession session)
{
    Member *member = member_of(session);
    ULONGLONG now = GetTickCount64();
    bool allowed;

    EnterCriticalSection(&session->server->cs);
    rate_tick(session->server, now);
    if (member->tick != room.tick) {
        member->credit += (long long)(room.tick - member->tick) * room.quantum;
        if (member->credit > room.quantum) member->credit = room.quantum;
        member->tick = room.tick;
        room.talkers++;
    }
    member->credit -= member->uncharged;
    room.tokens -= member->uncharged;
    member->charged += member->uncharged;
    member->uncharged = 0;
    allowed = member->credit > 0 && room.tokens > -MAX_DEFICIT;
    if (!allowed) {
        room.waiting = true;
        session->deadline = room.tick_at + TICK_MS;
        if (session->deadline < now + RETRY_MS) session->deadline = now + RETRY_MS;
    }
    LeaveCriticalSection(&session->server->cs);
    return allowed;
}

/* ---- room ---- */

/* Says a line to everyone but its author. `talk`: a person says it, and newcomers are shown it too. */
void room_broadcast(LPSession author, bool talk, const char *format, ...)
{
    Member *member = member_of(author);
    char text[TEXT_BYTES], *at;
    Record record;
    long long cost;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text - 2, format, args);
    va_end(args);
    log_line("%s", text);
    strcat(text, "\r\n");
    record.length = (ULONG)strlen(text);
    record.talk = talk;
    record.author = author->id;

    EnterCriticalSection(&author->server->cs);
    if (!room.closed) {
        record.number = ++room.messages;
        if (talk) room.talk[room.talks++ % RECENT] = room.head;
        at = room.log + room.head % LOG_BYTES;
        memcpy(at, &record, sizeof record);
        memcpy(at + sizeof record, text, record.length);
        room.head += sizeof record + record.length;
        trace_said(author, record.number);
    }
    cost = (long long)sizeof record + record.length - member->charged;
    if (cost < 0) cost = 0;
    member->credit -= cost;
    room.tokens -= cost;
    LeaveCriticalSection(&author->server->cs);
    trace_pause();
    proactor_wake_all(author->server, author->proactor);
}

/* Puts a member into the room, with the last lines of talk to read, as far as they are not old. Returns how many are
 * here then. */
int room_enter(LPSession session)
{
    Member *member = member_of(session);
    int here;

    snprintf(member->nick, sizeof member->nick, "guest%lu", session->id);
    for (int i = 0; member->nick[i]; i++) member->wide_nick[i] = (WCHAR)member->nick[i];
    EnterCriticalSection(&session->server->cs);
    member->joined = member->cursor = room.head;
    for (unsigned long i = room.talks > RECENT ? room.talks - RECENT : 0; i < room.talks; i++) {
        unsigned long long at = room.talk[i % RECENT];
        if (room.head - at <= LOG_BYTES / 2 && at < member->cursor) member->cursor = at;
    }
    member->next = room.members;
    room.members = member;
    here = ++room.here;
    LeaveCriticalSection(&session->server->cs);
    member->inside = true;
    return here;
}

/* Takes a member out of the room and says so, with its message, which may be empty. */
void room_leave(LPSession session, const char *message)
{
    Member *member = member_of(session), **at = &room.members;
    int here;

    EnterCriticalSection(&session->server->cs);
    while (*at != member) at = &(*at)->next;
    *at = member->next;
    here = --room.here;
    LeaveCriticalSection(&session->server->cs);
    member->inside = false;
    if (!session->proactor->stopping) /* else all leave */
        room_broadcast(session, false, "*** %s left%s%s (%d here)", member->nick, *message ? ": " : "", message, here);
}

/* ---- news ---- */

/* Bytes of the log that the member has not been sent; 0 when it is leaving and has got all that is still for it. */
unsigned long long room_backlog(LPSession session)
{
    const Member *member = member_of(session);
    unsigned long long behind;

    EnterCriticalSection(&session->server->cs);
    behind = member->end_mark && member->cursor >= member->end_mark ? 0 : room.head - member->cursor;
    LeaveCriticalSection(&session->server->cs);
    return behind;
}

/* Copies the messages behind the member's cursor to `buf` as far as they fit, and moves the cursor: without its own,
 * and of what was before it came, only the talk. cs is held. */
ULONG room_read(LPSession session, char *buf, ULONG size)
{
    Member *member = member_of(session);
    unsigned long long end;
    ULONG used = 0;

    EnterCriticalSection(&session->server->cs);
    end = room.head - member->cursor > LOG_BYTES ? member->cursor : member->end_mark ? member->end_mark : room.head;
    while (member->cursor < end) {
        const char *at = room.log + member->cursor % LOG_BYTES;
        Record record;

        memcpy(&record, at, sizeof record);
        if (record.author != session->id && (record.talk || member->cursor >= member->joined)) {
            if (record.length > size - used) break;
            memcpy(buf + used, at + sizeof record, record.length);
            used += record.length;
            trace_taken(session, record.number);
        }
        member->cursor += sizeof record + record.length;
    }
    LeaveCriticalSection(&session->server->cs);
    return used;
}

bool room_rename(LPSession session, const char *nick, const WCHAR *wide, bool taken, char old[NICK_BYTES], int *here)
{
    Member *me = member_of(session);

    EnterCriticalSection(&session->server->cs);
    for (Member *member = room.members; member && !taken; member = member->next) {
        taken = member != me && CompareStringOrdinal(member->wide_nick, -1, wide, -1, TRUE) == CSTR_EQUAL;
    }
    strcpy(old, me->nick);
    if (!taken) strcpy(me->nick, nick);
    if (!taken) memcpy(me->wide_nick, wide, sizeof me->wide_nick);
    *here = room.here;
    LeaveCriticalSection(&session->server->cs);
    return !taken;
}

int room_names(LPSession session, char *names, size_t size)
{
    size_t used = 0;
    int here, named = 0;

    EnterCriticalSection(&session->server->cs);
    here = room.here;
    for (Member *member = room.members; member && used + NICK_BYTES + 20 < size; member = member->next) {
        used += (size_t)snprintf(names + used, size - used, "%s%s", named++ ? ", " : "", member->nick);
    }
    LeaveCriticalSection(&session->server->cs);
    if (named < here) snprintf(names + used, size - used, " and %d more", here - named);
    return here;
}

void room_last_news(LPSession session, bool close_room)
{
    EnterCriticalSection(&session->server->cs);
    if (close_room) room.closed = true;
    member_of(session)->end_mark = room.head;
    LeaveCriticalSection(&session->server->cs);
}
