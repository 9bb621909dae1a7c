/* room.cpp - the shared room: ring buffer, cursors, members, rate limit. Every use of cs in the chat is here. */
#include "room.h"
#include "../support/balance.h"
#include "../support/ban.h"
#include "../support/console.h"
#include "../support/trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct Record {
    ULONG length;         /* of the text that follows */
    ULONG talk;           /* 1: somebody said it; 0: a notice */
    unsigned long author; /* a session's id; it is not shown its own messages. 0: the operator */
    unsigned long number; /* counts from 1; for the trace */
} Record;

/* All of it is guarded by cs. */
typedef struct Room {
    char log[LOG_BYTES + sizeof(Record) + TEXT_BYTES]; /* a ring buffer of records: byte n of everything ever said is
                                        log[n % LOG_BYTES], and a record that begins before the end is contiguous */
    unsigned long long head;                           /* where the next record goes */
    unsigned long long talk[RECENT];                   /* where the last lines of talk are */
    unsigned long talks, messages;
    bool closed; /* the server is stopping: nothing more is said */
    Participant *participants;
    int here;

    unsigned long tick; /* counts from 1 */
    ULONGLONG tick_at;  /* when it began */
    bool waiting;       /* an account was refused in it */
    int talkers;        /* accounts that were charged in it, or refused */
    long long tokens;   /* the bucket, in bytes of work; below 0: overdrawn */
    long long quantum;  /* each talker's share of it */
    Account door;       /* of those who join */
} Room;

static Room room;

/* ---- rate limit: a token bucket shared by all who cause work for the room ----
 *
 * Everything is charged before it is done, in bytes of work: the bytes that a client sends and is sent back, its lines
 * and commands, its joining and leaving. Each talker gets the same quantum of a tick's tokens. A line is never split,
 * so an account may go below zero; the debt is repaid before anything else is allowed. */

/* Begins the next tick, if it is time and every Proactor has been idle, but after TICK_LIMIT_MS in any case: a tick
 * that waited for a Proactor that never rests would silence the room. While an account waits, a tick brings the same
 * number of tokens however late it is: otherwise an overloaded server would be given more work. An overdrawn bucket
 * gets back only half of a tick's tokens: the talkers share the other half, so that debts are repaid even then. cs is
 * held. */
static void rate_tick(LPServer server, ULONGLONG now)
{
    ULONGLONG late = now - room.tick_at, ticks = late / TICK_MS;
    bool idled = ticks > 0 && balance_all_idled(server);
    long long income, share;

    if (ticks == 0 || (late < TICK_LIMIT_MS && !idled)) return;
    room.tick_at = ticks == 1 ? room.tick_at + TICK_MS : now; /* the clock steps by 15.6 ms: keep the remainder */
    if (room.waiting) ticks = 1;
    if (ticks > BUCKET_BYTES / TICK_BYTES) ticks = BUCKET_BYTES / TICK_BYTES;
    income = idled ? (long long)ticks * TICK_BYTES : (long long)BUSY_TICK_BYTES;
    room.tokens += income;
    if (room.tokens > BUCKET_BYTES) room.tokens = BUCKET_BYTES;
    share = room.tokens > income / 2 ? room.tokens : income / 2;
    room.quantum = share / (room.talkers ? room.talkers : 1);
    if (room.quantum < 1) room.quantum = 1; /* an account without a debt can talk in every tick */
    room.talkers = 0;
    room.waiting = false;
    room.tick++;
}

/* Returns the level that the bucket must exceed for a charge. A small charge may overdraw it a little, and further if
 * the account has not been charged lately. So a line said now and then is heard at once, however many others wait for
 * each new token. */
static long long account_reserve(const Account *account, ULONG cost, ULONGLONG now)
{
    if (cost > LIGHT_BYTES) return 0;
    return now - account->charged_at < RESTED_MS ? -TICK_BYTES / 2 : -MAX_DEFICIT;
}

/* Charges `cost` to the account. Returns false, and charges nothing, when it has a debt or the bucket is too empty. cs
 * is held. */
static bool account_charge(Account *account, ULONG cost, ULONGLONG now)
{
    long long reserve = account_reserve(account, cost, now);

    if (account->tick != room.tick) {
        account->credit += (long long)(room.tick - account->tick) * room.quantum;
        if (account->credit > room.quantum) account->credit = room.quantum;
        account->tick = room.tick;
        room.talkers++;
    }
    if (account->credit <= 0 || room.tokens <= reserve) return false;
    account->credit -= cost;
    account->charged_at = now;
    room.tokens -= cost;
    if (room.tokens < -MAX_DEFICIT) room.tokens = -MAX_DEFICIT;
    return true;
}

/* Charges the account for the session; if refused, the session asks again in the next tick. cs is held. */
static bool rate_ask(LPSession session, Account *account, ULONG cost)
{
    ULONGLONG now = GetTickCount64(), again;

    rate_tick(session->server, now);
    if (account_charge(account, cost, now)) return true;
    room.waiting = true;
    again = room.tick_at + TICK_MS;
    session_notify_at(session, again < now + RETRY_MS ? now + RETRY_MS : again);
    return false;
}

bool rate_charge(LPSession session, ULONG cost)
{
    bool charged;

    EnterCriticalSection(&session->server->cs);
    charged = rate_ask(session, &member_of(session)->in_room.account, cost);
    LeaveCriticalSection(&session->server->cs);
    return charged;
}

/* ---- room ---- */

/* Writes the message, which has room for its line end, to the ring buffer and the log, unless the room is closed.
 * `author` is NULL for the operator. */
static void room_add(LPServer server, LPSession author, bool talk, char text[TEXT_BYTES])
{
    Record record;
    char *at;

    log_line("%s", text);
    strcat(text, "\r\n");
    record.length = (ULONG)strlen(text);
    record.talk = talk;
    record.author = author ? author->id : 0;

    EnterCriticalSection(&server->cs);
    if (!room.closed) {
        record.number = ++room.messages;
        if (talk) room.talk[room.talks++ % RECENT] = room.head;
        at = room.log + room.head % LOG_BYTES;
        memcpy(at, &record, sizeof record);
        memcpy(at + sizeof record, text, record.length);
        room.head += sizeof record + record.length;
        trace_said(author, record.number);
    }
    LeaveCriticalSection(&server->cs);
    trace_pause();
}

void room_broadcast(LPSession author, bool talk, const char *format, ...)
{
    char text[TEXT_BYTES];
    va_list args;

    room_announce(author, true);
    va_start(args, format);
    vsnprintf(text, sizeof text - 2, format, args);
    va_end(args);
    room_add(author->server, author, talk, text);
    proactor_wake_all(author->server, author->proactor);
}

int room_enter(LPSession session)
{
    Participant *me = &member_of(session)->in_room;
    int here;

    snprintf(me->nick, sizeof me->nick, "guest%lu", session->id);
    for (int i = 0; me->nick[i]; i++) me->wide_nick[i] = (WCHAR)me->nick[i];
    me->session = session;
    me->came = GetTickCount64();
    me->account.charged_at = me->came; /* a client that reconnects again and again is not rested */
    EnterCriticalSection(&session->server->cs);
    me->joined = me->cursor = room.head;
    for (unsigned long i = room.talks > RECENT ? room.talks - RECENT : 0; i < room.talks; i++) {
        unsigned long long at = room.talk[i % RECENT];
        if (room.head - at <= LOG_BYTES / 2 && at < me->cursor) me->cursor = at;
    }
    me->next = room.participants;
    room.participants = me;
    me->presence = UNANNOUNCED;
    here = ++room.here;
    LeaveCriticalSection(&session->server->cs);
    return here;
}

/* All newcomers share one account, like a single talker, so that clients that keep connecting and leaving cannot drain
 * the bucket. The account pays for their leaving too. */
void room_announce(LPSession session, bool speaks)
{
    Participant *me = &member_of(session)->in_room;
    bool announce;
    int here;

    if (me->presence != UNANNOUNCED) return;
    EnterCriticalSection(&session->server->cs);
    announce = speaks || rate_ask(session, &room.door, 2 * LINE_COST);
    if (announce) me->presence = ANNOUNCED;
    here = room.here;
    LeaveCriticalSection(&session->server->cs);
    if (announce) room_broadcast(session, false, "*** %s joined (%d here)", me->nick, here);
}

void room_leave(LPSession session, const char *message)
{
    Participant *me = &member_of(session)->in_room, **at = &room.participants;
    bool announced = me->presence == ANNOUNCED;
    int here;

    if (me->presence == ABSENT) return;
    EnterCriticalSection(&session->server->cs);
    while (*at != me) at = &(*at)->next;
    *at = me->next;
    me->presence = ABSENT;
    here = --room.here;
    LeaveCriticalSection(&session->server->cs);
    if (announced && !session_stop_time(session)) /* otherwise everybody is leaving */
        room_broadcast(session, false, "*** %s left%s%s (%d here)", me->nick, *message ? ": " : "", message, here);
}

/* ---- reading messages ---- */

unsigned long long room_backlog(LPSession session)
{
    const Participant *me = &member_of(session)->in_room;
    unsigned long long behind;

    EnterCriticalSection(&session->server->cs);
    behind = me->end_mark && me->cursor >= me->end_mark ? 0 : room.head - me->cursor;
    LeaveCriticalSection(&session->server->cs);
    return behind;
}

ULONG room_read(LPSession session, char *buf, ULONG size)
{
    Participant *me = &member_of(session)->in_room;
    unsigned long first = 0, last = 0; /* a run of messages without one of its own: one step of the trace */
    unsigned long long end;
    ULONG used = 0;

    EnterCriticalSection(&session->server->cs);
    end = room.head - me->cursor > LOG_BYTES ? me->cursor : me->end_mark ? me->end_mark : room.head;
    while (me->cursor < end) {
        const char *at = room.log + me->cursor % LOG_BYTES;
        Record record;

        memcpy(&record, at, sizeof record);
        if (record.author != session->id && (record.talk || me->cursor >= me->joined)) {
            if (record.length > size - used) break;
            memcpy(buf + used, at + sizeof record, record.length);
            used += record.length;
            last = record.number;
            if (!first) first = last;
        } else if (first) {
            trace_taken(session, first, last);
            first = 0;
        }
        me->cursor += sizeof record + record.length;
    }
    if (first) trace_taken(session, first, last);
    LeaveCriticalSection(&session->server->cs);
    return used;
}

bool room_rename(LPSession session, const char *nick, const WCHAR *wide, bool taken, char old[NICK_BYTES], int *here)
{
    Participant *me = &member_of(session)->in_room;

    EnterCriticalSection(&session->server->cs);
    for (Participant *other = room.participants; other && !taken; other = other->next) {
        taken = other != me && CompareStringOrdinal(other->wide_nick, -1, wide, -1, TRUE) == CSTR_EQUAL;
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
    for (Participant *other = room.participants; other && used + NICK_BYTES + 20 < size; other = other->next) {
        used += (size_t)snprintf(names + used, size - used, "%s%s", named++ ? ", " : "", other->nick);
    }
    LeaveCriticalSection(&session->server->cs);
    if (named < here) snprintf(names + used, size - used, " and %d more", here - named);
    return here;
}

void room_last_news(LPSession session, bool close_room)
{
    EnterCriticalSection(&session->server->cs);
    if (close_room) room.closed = true;
    member_of(session)->in_room.end_mark = room.head;
    LeaveCriticalSection(&session->server->cs);
}

ULONG room_names_bytes(LPSession session)
{
    enum { AVERAGE = 12 };
    ULONG bytes;

    EnterCriticalSection(&session->server->cs);
    bytes = (ULONG)room.here * AVERAGE;
    LeaveCriticalSection(&session->server->cs);
    return bytes < SAY_BYTES ? bytes : (ULONG)SAY_BYTES;
}

/* ---- the operator ---- */

void room_say(LPServer server, const char *format, ...)
{
    char text[TEXT_BYTES];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text - 2, format, args);
    va_end(args);
    room_add(server, NULL, true, text);
    proactor_wake_all(server, NULL);
}

/* cs is held. */
static void visitor_fill(Visitor *visitor, const Participant *participant)
{
    visitor->id = participant->session->id;
    strcpy(visitor->nick, participant->nick);
    visitor->caddr = participant->session->caddr;
    visitor->came = participant->came;
}

int room_visitors(LPServer server, Visitor *visitors, int size)
{
    int count = 0, here;

    EnterCriticalSection(&server->cs);
    for (const Participant *one = room.participants; one && count < size; one = one->next) {
        visitor_fill(&visitors[count++], one);
    }
    here = room.here;
    LeaveCriticalSection(&server->cs);
    return here;
}

/* cs is held. */
static Participant *room_find(const Target *target)
{
    Participant *one = room.participants;

    while (one) {
        if (target->id ? one->session->id == target->id
                       : CompareStringOrdinal(one->wide_nick, -1, target->nick, -1, TRUE) == CSTR_EQUAL)
            break;
        one = one->next;
    }
    return one;
}

/* Only marks the member: a session is closed by its owner, which finds the mark when it is woken. */
Removal room_remove(LPServer server, const Target *target, const char *reason, bool ban, Visitor *visitor)
{
    Removal result = NOT_HERE;
    Participant *one;

    EnterCriticalSection(&server->cs);
    one = room_find(target);
    if (one) {
        visitor_fill(visitor, one);
        result = ban && !ban_add(server, &visitor->caddr) ? BANS_FULL : REMOVED;
    }
    if (result == REMOVED) {
        ULONG length = (ULONG)strlen(reason);
        if (length >= REASON_BYTES) length = text_complete(CP_UTF8, reason, REASON_BYTES - 1);
        memcpy(one->reason, reason, length);
        one->reason[length] = '\0';
        InterlockedExchange(&one->removed, 1);
    }
    LeaveCriticalSection(&server->cs);
    if (result == REMOVED) proactor_wake_all(server, NULL);
    return result;
}

bool room_removes(LPSession session, char reason[REASON_BYTES])
{
    Participant *me = &member_of(session)->in_room;

    if (!InterlockedCompareExchange(&me->removed, 0, 0)) return false;
    EnterCriticalSection(&session->server->cs);
    strcpy(reason, me->reason);
    LeaveCriticalSection(&session->server->cs);
    return true;
}
