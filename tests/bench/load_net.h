/* load_net.h - what the load generator needs from the system, the same on Linux and on Windows: sockets that never
 * block, one thread that waits for many of them, a clock, and the resources that processes have used. */
#ifndef LOAD_NET_H
#define LOAD_NET_H

#include <stdbool.h>
#include <stddef.h>

#ifdef _WIN32
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0601
#endif
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <winsock2.h>
typedef SOCKET Socket;
#else
typedef int Socket;
#endif

/* Prints "load: ..." and ends the program with 1. */
void fail(const char *format, ...);

/* Does the same after a system call that failed, with the error's number. */
void fail_call(const char *call);

/* Returns this many bytes, all 0; never NULL. */
void *must_alloc(size_t bytes);

/* Starts Winsock where there is one, and raises the limit of open sockets as far as allowed.
 * Returns that limit. */
long net_start(void);

/* Connects to 127.0.0.1:port and returns a socket that does not block, with TCP_NODELAY set. `nth` chooses the source
 * address, a few thousand connections each, so that ports do not run out. */
Socket net_connect(int port, long nth);

/* Does the same, but returns false when nobody listens there. */
bool net_try_connect(int port, long nth, Socket *sock);

void net_close(Socket sock);

/* Both return the bytes moved, 0 when it would block, and -1 at the end or after an error. */
long net_send(Socket sock, const char *data, size_t bytes);
long net_recv(Socket sock, char *data, size_t room);

/* Do the same, but wait; the end or an error ends the program. */
void net_send_all(Socket sock, const char *data, size_t bytes);
void net_recv_all(Socket sock, char *data, size_t bytes);

/* Returns a port of 127.0.0.1 that nothing listens on. */
int net_free_port(void);

/* ---- waiting for many sockets ---- */

typedef struct Poller Poller;

typedef struct Ready {
    int index; /* as given to poller_add() */
    bool can_read, can_write;
} Ready;

Poller *poller_open(int room);
void poller_close(Poller *poller);

/* Watches `sock`, always for reading, and for writing if asked. The indexes of a poller are 0, 1, 2 and so on. */
void poller_add(Poller *poller, Socket sock, int index, bool want_write);
void poller_change(Poller *poller, Socket sock, int index, bool want_write);

/* Waits at most `seconds`, and returns how many were put into `ready`. */
int poller_wait(Poller *poller, double seconds, Ready *ready, int room);

/* ---- clock and processes ---- */

/* Returns the seconds since some fixed moment. */
double now(void);

void pause_for(double seconds);

/* Returns the seconds of processor time, user and kernel, that these processes have used so far. */
double used_cpu(const long *pids, int count);

/* Returns the KiB of memory that the process holds resident. */
double used_memory(long pid);

#endif
