/* address.cpp - addresses as text, parsed and compared. */
#include "address.h"

#include <stdio.h>
#include <string.h>

/* Writes the address alone, without port or brackets; "?" if it is not IPv4 or IPv6. */
void address_host_text(const SOCKADDR_STORAGE *addr, char text[INET6_ADDRSTRLEN])
{
    const IN6_ADDR *in6 = &((const SOCKADDR_IN6 *)addr)->sin6_addr;
    bool mapped = addr->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(in6);
    const void *ip = addr->ss_family == AF_INET ? (const void *)&((const SOCKADDR_IN *)addr)->sin_addr : in6;

    strcpy(text, "?");
    inet_ntop(mapped ? AF_INET : addr->ss_family, mapped ? &in6->s6_addr[12] : ip, text, INET6_ADDRSTRLEN);
}

void address_text(const SOCKADDR_STORAGE *addr, char *text, size_t size)
{
    char host[INET6_ADDRSTRLEN];

    address_host_text(addr, host);
    /* The port is at the same offset in SOCKADDR_IN and SOCKADDR_IN6. */
    snprintf(text, size, strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, ntohs(((const SOCKADDR_IN *)addr)->sin_port));
}

/* A machine gives itself as many IPv6 addresses as it likes, all with the same first 64 bits. IPv4-mapped and
 * link-local addresses are compared whole, because they begin the same way on every machine. */
bool address_same(const SOCKADDR_STORAGE *a, const SOCKADDR_STORAGE *b)
{
    const IN6_ADDR *a6 = &((const SOCKADDR_IN6 *)a)->sin6_addr, *b6 = &((const SOCKADDR_IN6 *)b)->sin6_addr;
    bool whole;

    if (a->ss_family == AF_INET) {
        return memcmp(&((const SOCKADDR_IN *)a)->sin_addr, &((const SOCKADDR_IN *)b)->sin_addr, sizeof(IN_ADDR)) == 0;
    }
    whole = IN6_IS_ADDR_V4MAPPED(a6) || IN6_IS_ADDR_V4MAPPED(b6) || IN6_IS_ADDR_LINKLOCAL(a6);
    return memcmp(a6, b6, whole ? sizeof *a6 : 8) == 0;
}

/* Fills `addr` with the numeric address `text`. Returns false when it is not one. */
bool address_parse(const char *text, SOCKADDR_STORAGE *addr)
{
    ZeroMemory(addr, sizeof *addr);
    if (inet_pton(AF_INET, text, &((SOCKADDR_IN *)addr)->sin_addr) == 1) {
        addr->ss_family = AF_INET;
    } else if (inet_pton(AF_INET6, text, &((SOCKADDR_IN6 *)addr)->sin6_addr) == 1) {
        addr->ss_family = AF_INET6;
    }
    return addr->ss_family != AF_UNSPEC;
}

bool address_is_any(const SOCKADDR_STORAGE *addr)
{
    if (addr->ss_family == AF_INET) return ((const SOCKADDR_IN *)addr)->sin_addr.s_addr == 0;
    return IN6_IS_ADDR_UNSPECIFIED(&((const SOCKADDR_IN6 *)addr)->sin6_addr);
}

/* Returns true for addresses of no use to another machine: loopback or link-local, in IPv4 169.254.x.y. */
bool address_is_local(const SOCKADDR_STORAGE *addr)
{
    const IN6_ADDR *in6 = &((const SOCKADDR_IN6 *)addr)->sin6_addr;
    ULONG ip = ntohl(((const SOCKADDR_IN *)addr)->sin_addr.s_addr);

    if (addr->ss_family == AF_INET) return ip >> 24 == 127 || ip >> 16 == 0xA9FE;
    return IN6_IS_ADDR_LOOPBACK(in6) || IN6_IS_ADDR_LINKLOCAL(in6);
}
