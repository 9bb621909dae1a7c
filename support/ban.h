/* ban.h - addresses whose clients are refused until the server ends. */
#ifndef BAN_H
#define BAN_H

#include "address.h"

/* Adds the address, unless it is already there. Any thread, cs is held. Returns false when the list is full. */
bool ban_add(LPServer server, const SOCKADDR_STORAGE *addr);

/* Returns true if clients from this address are refused. Any thread, cs is held. */
bool ban_holds(LPServer server, const SOCKADDR_STORAGE *addr);

/* Removes the address with this text. Any thread, cs not held. Returns false when it is not in the list. */
bool ban_remove(LPServer server, const char *text);

/* Writes the text of the address at `index`, counted from 0. Any thread, cs not held. Returns false when there are no
 * more. */
bool ban_text(LPServer server, int index, char text[INET6_ADDRSTRLEN]);

#endif
