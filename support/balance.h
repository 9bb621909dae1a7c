/* balance.h - load: which groups are overloaded, where their busy sessions migrate, and whether all have been idle. */
#ifndef BALANCE_H
#define BALANCE_H

#include "../Overlapped.h"

/* Recomputes which groups are overloaded; call it after every change to their counts. Any thread, cs is held. */
void balance_update(LPServer server);

/* Returns true if a busy session of the group should migrate once nothing is pending on it. Any thread. */
bool balance_overloaded(LPProactor proactor);

/* Returns the group to which a busy session of `proactor` should migrate, or NULL if it should stay. Owner thread only,
 * cs is held. */
LPProactor balance_target(LPProactor proactor);

/* Returns true when every Proactor has run out of work at some time since this function last returned true, or is
 * asleep now. Any thread, cs is held. */
bool balance_all_idled(LPServer server);

#endif
