/* ban.cpp - addresses whose clients are refused: a short list, searched for each new client. */
#include "ban.h"

#include <string.h>

/* All addresses in the list are of the listening socket's family. */
bool ban_holds(LPServer server, const SOCKADDR_STORAGE *addr)
{
    for (int i = 0; i < server->bans; i++) {
        if (address_same(&server->banned[i], addr)) return true;
    }
    return false;
}

bool ban_add(LPServer server, const SOCKADDR_STORAGE *addr)
{
    if (ban_holds(server, addr)) return true;
    if (server->bans == MAX_BANS) return false;
    server->banned[server->bans++] = *addr;
    return true;
}

/* Texts are compared, because an IPv4 address may be kept in IPv6 form and is typed as 1.2.3.4. */
bool ban_remove(LPServer server, const char *text)
{
    char wanted[INET6_ADDRSTRLEN], host[INET6_ADDRSTRLEN];
    SOCKADDR_STORAGE addr;
    bool found = false;

    if (!address_parse(text, &addr)) return false;
    address_host_text(&addr, wanted);
    EnterCriticalSection(&server->cs);
    for (int i = 0; i < server->bans && !found; i++) {
        address_host_text(&server->banned[i], host);
        found = strcmp(host, wanted) == 0;
        if (found) server->banned[i] = server->banned[--server->bans];
    }
    LeaveCriticalSection(&server->cs);
    return found;
}

bool ban_text(LPServer server, int index, char text[INET6_ADDRSTRLEN])
{
    bool there;

    EnterCriticalSection(&server->cs);
    there = index < server->bans;
    if (there) address_host_text(&server->banned[index], text);
    LeaveCriticalSection(&server->cs);
    return there;
}
