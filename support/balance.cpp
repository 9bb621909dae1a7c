/* balance.cpp - load balancing between groups.
 *
 * Threads share the CPU equally, so a client alone in its group would get as much service as the 62 of a full one. Busy
 * sessions therefore migrate to the least loaded group, at the only safe moment: nothing is pending, and the next
 * receive is about to be posted. Idle sessions carry no load and never migrate; nor do sessions with a pending send, so
 * in a busy chat migration is rare. */
#include "balance.h"

enum { DRAIN_ROOM = 8 /* places that must stay free in the other groups while one is drained */ };

/* Returns the least busy of the groups that have a busy session and a free place and are not being drained. cs is
 * held. */
static LPProactor balance_least_busy(LPServer server)
{
    LPProactor least_busy = NULL;

    for (int i = 0; i < server->groups; i++) {
        LPProactor proactor = &server->proactors[i];
        if (proactor->busy == 0 || proactor->noc == GROUP_SESSIONS || proactor == server->draining) continue;
        if (!least_busy || proactor->busy < least_busy->busy) least_busy = proactor;
    }
    return least_busy;
}

/* Returns true if one of the group's busy sessions should migrate to the other. cs is held. */
static bool balance_should_migrate(const Proactor *proactor, const Proactor *other)
{
    return proactor->busy > 0 && (proactor == proactor->server->draining || proactor->busy >= other->busy + 2);
}

/* The busy sessions are spread evenly over as few groups as can hold them: the group with the fewest is drained once
 * the others have room for its sessions. */
void balance_update(LPServer server)
{
    int room = 0;
    LPProactor least_busy, least = NULL;

    for (int i = 0; i < server->groups; i++) {
        LPProactor proactor = &server->proactors[i];
        if (proactor->busy == 0) continue;
        room += GROUP_SESSIONS - proactor->noc;
        if (!least || proactor->busy <= least->busy) least = proactor;
    }
    if (least) room -= GROUP_SESSIONS - least->noc; /* only the others' room remains */
    server->draining = least && room >= least->busy + DRAIN_ROOM ? least : NULL;
    least_busy = balance_least_busy(server);
    for (int i = 0; i < server->groups; i++) {
        LPProactor proactor = &server->proactors[i];
        InterlockedExchange(&proactor->overloaded, least_busy && balance_should_migrate(proactor, least_busy));
    }
}

bool balance_overloaded(LPProactor proactor)
{
    return InterlockedCompareExchange(&proactor->overloaded, 0, 0) != 0;
}

LPProactor balance_target(LPProactor proactor)
{
    LPProactor other = balance_least_busy(proactor->server);

    return other && balance_should_migrate(proactor, other) ? other : NULL;
}

bool balance_all_idled(LPServer server)
{
    for (int i = 0; i < server->groups; i++) {
        LPProactor proactor = &server->proactors[i];
        if (!InterlockedCompareExchange(&proactor->went_idle, 0, 0)
            && InterlockedCompareExchange(&proactor->wake_state, 0, 0) != ASLEEP) {
            return false;
        }
    }
    for (int i = 0; i < server->groups; i++) InterlockedExchange(&server->proactors[i].went_idle, 0);
    return true;
}
