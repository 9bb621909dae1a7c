/* address.h - addresses as text, parsed, compared. Any thread. */
#ifndef ADDRESS_H
#define ADDRESS_H

#include "../Overlapped.h"

enum { ADDRESS_BYTES = 64 }; /* for "[IPv6]:PORT" */

/* Writes "ADDRESS:PORT", IPv6 in brackets, to `text`. An IPv4 client of the dual-stack socket is shown as IPv4. */
void address_text(const SOCKADDR_STORAGE *addr, char *text, size_t size);

/* Writes the address alone, without port or brackets. */
void address_host_text(const SOCKADDR_STORAGE *addr, char text[INET6_ADDRSTRLEN]);

/* Returns true if both belong to the same client: the same address, or IPv6 addresses of the same 64-bit network. */
bool address_same(const SOCKADDR_STORAGE *a, const SOCKADDR_STORAGE *b);

/* Parses the numeric address `text`. Returns false when it is not one. */
bool address_parse(const char *text, SOCKADDR_STORAGE *addr);

/* Returns true for 0.0.0.0 and ::. */
bool address_is_any(const SOCKADDR_STORAGE *addr);

/* Returns true if other machines cannot use the address: loopback or link-local, in IPv4 169.254.x.y. */
bool address_is_local(const SOCKADDR_STORAGE *addr);

#endif
