/* arrays.c - the server's own arrays and counts: the one file of the simulator that knows Overlapped.h.
 *
 * They are checked when a thread leaves the critical section that guards them, and again when a group's thread has
 * ended. The server is found through the first session that posts a receive. */
#include "Overlapped.h"

#include "sim.h"

enum { MAX_GROUPS = 64 };

static LPServer server;
static uint64_t last_counts;

void arrays_found(const void *over)
{
    server = ((const Session *)over)->server; /* a Session begins with its receive's OVERLAPPED */
}

static const Session *session_of_send(const void *over)
{
    return (const Session *)((const char *)over - offsetof(Session, sover));
}

/* Returns true if this send is the first thing done in its round, no other session will be served in that round, and
 * this session's receive is pending. */
bool arrays_calm(const void *over)
{
    const Session *session = session_of_send(over);
    const Proactor *proactor = session->proactor;
    int last = proactor->first + SLOT_FIRST + proactor->seen - 1;

    return server && proactor->notify && !proactor->more_work && server->s_arr[last] == session
           && session->receiving == PENDING;
}

/* Returns true if the session with this pending send was already served in this round. */
bool arrays_served(const void *over)
{
    const Session *session = session_of_send(over);

    return session->round == session->proactor->round;
}

unsigned long arrays_pick(SOCKET *sock)
{
    const Proactor *proactor = server && !server->stopping ? &server->proactors[rnd((uint64_t)server->groups)] : NULL;
    LPSession session;

    if (!proactor || !proactor->noc) return 0;
    session = server->s_arr[proactor->first + SLOT_FIRST + (int)rnd((uint64_t)proactor->noc)];
    *sock = session->sock;
    return session->id;
}

/* Returns true if this thread's group is full, so that no session can join it before one leaves, and has none with
 * either of these sockets. */
bool arrays_full_without(const Thread *thread, SOCKET one, SOCKET other)
{
    const Proactor *proactor = (const Proactor *)thread->argument;

    if (!server || proactor < server->proactors || proactor >= server->proactors + server->groups) return false;
    for (int slot = SLOT_FIRST; slot < SLOT_FIRST + proactor->noc; slot++) {
        SOCKET sock = server->s_arr[proactor->first + slot]->sock;
        if (sock == one || sock == other) return false;
    }
    return proactor->noc == GROUP_SESSIONS;
}

/* Returns a number that changes when any count does. */
static uint64_t counts_now(void)
{
    uint64_t counts = (uint64_t)server->groups;

    for (int i = 0; i < server->groups; i++) {
        const Proactor *proactor = &server->proactors[i];
        counts = (counts * 64 + (uint64_t)proactor->noc) * 64 + (uint64_t)proactor->busy;
        counts = counts * 0x9E3779B97F4A7C15u + 1;
    }
    return counts;
}

/* A session is in one slot, which is its owner's, and its event is at the same index. */
static void check_slot(const Proactor *proactor, int slot, uint64_t mark)
{
    LPSession session = server->s_arr[proactor->first + slot];

    if (!session) violation("group %d: no session in slot %d of %d", proactor->number, slot, proactor->noc);
    if (session->proactor != proactor)
        violation("group %d: session #%lu in slot %d has another owner", proactor->number, session->id, slot);
    if (server->e_arr[proactor->first + slot] != session->hevent)
        violation("group %d: session #%lu and its event stand in different slots", proactor->number, session->id);
    if (!slot_mark(session->hevent, mark)) violation("session #%lu stands in two slots", session->id);
}

/* The owner marks a session as busy before it counts it, and so may be one ahead of the count. */
static void check_group(const Proactor *proactor, uint64_t mark)
{
    int busy = 0;

    if (proactor->noc < 0 || proactor->noc > GROUP_SESSIONS || proactor->seen > proactor->noc)
        violation("group %d: %d sessions, of which %d are known", proactor->number, proactor->noc, proactor->seen);
    for (int slot = SLOT_FIRST; slot < SLOT_FIRST + proactor->noc; slot++) {
        check_slot(proactor, slot, mark);
        busy += server->s_arr[proactor->first + slot]->activity != QUIET;
    }
    if (busy > proactor->busy + 1 || busy < proactor->busy - 1)
        violation("group %d: %d sessions are busy, but it counts %d", proactor->number, busy, proactor->busy);
}

/* A round serves the sessions that were there when it began, and ends: no more than these can leave in it. */
static void check_round(const Proactor *proactor)
{
    static struct {
        unsigned long long round;
        int sessions, left;
    } seen[MAX_GROUPS];
    int i = proactor->number - 1;

    if (i >= MAX_GROUPS) violation("more groups than the simulator has");
    if (seen[i].round != proactor->round) seen[i].left = 0;
    seen[i].round = proactor->round;
    if (proactor->noc < seen[i].sessions) seen[i].left += seen[i].sessions - proactor->noc;
    seen[i].sessions = proactor->noc;
    if (seen[i].left > GROUP_SESSIONS)
        violation("group %d: %d sessions have left it within one round, and it goes on", proactor->number,
                  seen[i].left);
}

/* A group is opened when all others are full: for the third, at least 125 clients must have come. */
static void check_groups(void)
{
    enum { ROOM = WSA_MAXIMUM_WAIT_EVENTS - 2 };
    static int groups = 1;
    uint64_t taken, given;
    unsigned accepted;

    if (groups == server->groups) return;
    groups = server->groups;
    wire_totals(&taken, &given, &accepted);
    if (accepted <= (unsigned)(groups - 1) * ROOM)
        violation("group %d is opened for client %u, but each group before it has room for %d", groups, accepted, ROOM);
}

void arrays_check(const void *cs)
{
    static uint64_t mark;
    uint64_t counts;
    int groups;

    if (!server || cs != &server->cs) return;
    counts = counts_now();
    if (counts == last_counts) return;
    last_counts = counts;
    check_groups();
    groups = server->groups;
    mark++;
    for (int i = 0; i < groups; i++) {
        check_group(&server->proactors[i], mark);
        check_round(&server->proactors[i]);
    }
}

void arrays_check_thread(const void *argument)
{
    for (int i = 0; server && i < server->groups; i++) {
        const Proactor *proactor = &server->proactors[i];
        if (proactor == argument && (proactor->noc || proactor->busy))
            violation("group %d ends with %d sessions and counts %d busy ones", proactor->number, proactor->noc,
                      proactor->busy);
    }
}
