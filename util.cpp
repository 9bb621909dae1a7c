/* util.cpp - initialization and clean-up: Winsock, the listening socket, the arrays, the first and the last lines. */
#include "Overlapped.h"
#include "support/address.h"
#include "support/console.h"
#include "support/options.h"
#include "support/text.h"
#include "support/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HOSTS = 4,   /* addresses of a family that are shown for other machines, at most */
    SPINS = 4000 /* tries before a thread sleeps for cs, which is held for a few instructions only */
};

static SOCKET listen_sock_open;
static volatile LONG listen_is_open; /* the thread that sets it to 0 closes the socket */

static void listen_close(void)
{
    if (InterlockedExchange(&listen_is_open, 0)) closesocket(listen_sock_open);
}

static void server_interrupted(void)
{
    listen_close();
    trace_skip();
}

/* ---- the listening socket ---- */

/* A socket for overlapped I/O, to be bound to `addr`, which is filled in. */
static SOCKET listen_socket(const Options *options, const char *text, SOCKADDR_STORAGE *addr)
{
    address_parse(text, addr);
    ((SOCKADDR_IN *)addr)->sin_port = htons((unsigned short)options->port);
    return WSASocketW(addr->ss_family, SOCK_STREAM, IPPROTO_TCP, NULL, 0, WSA_FLAG_OVERLAPPED);
}

/* The sockets that accept() makes are like this one ("accept function": "the same properties as socket s"). Returns
 * false, having said why, when one fails that the server cannot do without. */
static bool listen_options(SOCKET sock, bool dual)
{
    static const struct {
        int level, name;
        DWORD value;
        bool needed;
    } rows[] = {
        { IPPROTO_IPV6, IPV6_V6ONLY, 0, true }, /* IPv4 clients come too, as ::ffff:a.b.c.d ("Dual-Stack Sockets") */
        { SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1, true }, /* nobody takes the port over (the page of that name) */
        { IPPROTO_TCP, TCP_NODELAY, 1, false },       /* answers go out at once */
        { SOL_SOCKET, SO_KEEPALIVE, 1, false },       /* a client that vanished is noticed some day */
        { SOL_SOCKET, SO_OOBINLINE, 1, false },       /* an urgent byte, as of telnet's Synch, stays in its place */
    };

    for (size_t i = dual ? 0 : 1; i < sizeof rows / sizeof *rows; i++) {
        const char *value = (const char *)&rows[i].value;
        if (setsockopt(sock, rows[i].level, rows[i].name, value, sizeof rows[i].value) != SOCKET_ERROR) continue;
        log_error(WSAGetLastError(), "setsockopt(%d, %d) failed", rows[i].level, rows[i].name);
        if (rows[i].needed) return false;
    }
    return true;
}

/* WSAEACCES is also a port in one of the ranges that Hyper-V and others keep for themselves. */
static bool listen_bind(SOCKET sock, const Options *options, const SOCKADDR_STORAGE *addr)
{
    int error = bind(sock, (const struct sockaddr *)addr, sizeof *addr) == SOCKET_ERROR ? WSAGetLastError() : 0;

    if (error == WSAEADDRINUSE) {
        log_error(error, "port %d is in use", options->port);
    } else if (error == WSAEACCES) {
        log_error(error, "port %d is in use, or reserved by Windows (netsh interface ipv4 show excludedportrange tcp)",
                  options->port);
    } else if (error) {
        log_error(error, "cannot listen on %s, port %d", options->bind ? options->bind : "all addresses",
                  options->port);
    } else {
        trace_step("bind(port %d) -> 0", options->port);
    }
    return error == 0;
}

/* Returns the bound socket, not listening yet, or INVALID_SOCKET, having said why. */
static SOCKET listen_open(const Options *options)
{
    SOCKADDR_STORAGE addr;
    SOCKET sock = listen_socket(options, options->bind ? options->bind : "::", &addr); /* every address */

    if (sock == INVALID_SOCKET && WSAGetLastError() == WSAEAFNOSUPPORT && !options->bind) {
        sock = listen_socket(options, "0.0.0.0", &addr); /* a machine without IPv6 */
    }
    if (sock == INVALID_SOCKET) {
        log_error(WSAGetLastError(), "cannot make the listening socket");
        return sock;
    }
    trace_step("WSASocketW(%s, WSA_FLAG_OVERLAPPED) -> listen_sock",
               addr.ss_family == AF_INET6 ? "AF_INET6" : "AF_INET");
    if (listen_options(sock, addr.ss_family == AF_INET6 && !options->bind) && listen_bind(sock, options, &addr))
        return sock;
    closesocket(sock);
    return INVALID_SOCKET;
}

/* ---- the first lines: what to type, here and on other machines ---- */

/* Names this machine's addresses. Windows tells them from its tables ("SIO_ADDRESS_LIST_QUERY control code"), while
 * getaddrinfo() of its name might wait for a name server. */
static void announce_hosts(int family, int port)
{
    union {
        SOCKET_ADDRESS_LIST list;
        char bytes[4096];
    } answer;
    char text[INET6_ADDRSTRLEN], line[2 * ADDRESS_BYTES];
    SOCKET sock = socket(family, SOCK_DGRAM, 0);
    SOCKADDR_STORAGE host;
    DWORD bytes;

    if (sock == INVALID_SOCKET) return;
    answer.list.iAddressCount = 0;
    WSAIoctl(sock, SIO_ADDRESS_LIST_QUERY, NULL, 0, &answer, sizeof answer, &bytes, NULL, NULL);
    for (int i = 0, shown = 0; i < answer.list.iAddressCount && shown < HOSTS; i++) {
        const SOCKET_ADDRESS *found = answer.list.Address + i;
        memcpy(&host, found->lpSockaddr, (size_t)found->iSockaddrLength);
        if (host.ss_family != family || address_is_any(&host) || address_is_local(&host)) continue;
        address_host_text(&host, text);
        snprintf(line, sizeof line, "from another machine: client.exe %s %d\n", text, port);
        console_put(STD_OUTPUT_HANDLE, 0, line);
        shown++;
    }
    closesocket(sock);
}

static void server_announce(LPServer server)
{
    SOCKADDR_STORAGE addr;
    int length = sizeof addr, port;
    char text[ADDRESS_BYTES], line[3 * ADDRESS_BYTES];
    const char *bound = server->options->bind, *host = bound;

    ZeroMemory(&addr, sizeof addr);
    getsockname(server->listen_sock, (struct sockaddr *)&addr, &length);
    address_text(&addr, text, sizeof text);
    snprintf(line, sizeof line, "%s server listening on %s (Ctrl+C stops it)\n", server->handler->name, text);
    console_put(STD_OUTPUT_HANDLE, 0, line);
    if (server->options->quiet) return;
    port = ntohs(((SOCKADDR_IN *)&addr)->sin_port);
    if (!bound || address_is_any(&addr)) host = "localhost";
    snprintf(line, sizeof line, "try: client.exe %s %d  or  telnet %s %d\n", host, port, host, port);
    console_put(STD_OUTPUT_HANDLE, 0, line);
    if (host == bound) return; /* the one address that others can use too, or none */
    if (!bound || addr.ss_family == AF_INET) announce_hosts(AF_INET, port);
    if (addr.ss_family == AF_INET6) announce_hosts(AF_INET6, port);
}

/* ---- the server ---- */

/* Slots for all clients and for those that are refused. */
static bool server_arrays(LPServer server)
{
    size_t slots;

    server->max_groups = (server->options->max_clients + 2 * GROUP_SESSIONS - 1) / GROUP_SESSIONS;
    slots = (size_t)server->max_groups * GROUP_SLOTS;
    snprintf(server->full, sizeof server->full, "server full: %d client%s at most\r\n", server->options->max_clients,
             text_plural(server->options->max_clients));
    snprintf(server->address_full, sizeof server->address_full, "your address is full: %d client%s at most\r\n",
             server->options->max_per_ip, text_plural(server->options->max_per_ip));
    server->s_arr = (LPSession *)calloc(slots, sizeof *server->s_arr);
    server->e_arr = (WSAEVENT *)calloc(slots, sizeof *server->e_arr);
    server->proactors = (Proactor *)calloc((size_t)server->max_groups, sizeof *server->proactors);
    if (server->s_arr && server->e_arr && server->proactors) return true;
    log_error(0, "no memory for %d clients", server->options->max_clients);
    return false;
}

/* Ends all threads but the writer and frees what server_start() made, as far as it came. Returns false when the trace
 * file is not whole. */
static bool server_end(LPServer server)
{
    bool whole;

    EnterCriticalSection(&server->cs);
    server->stopping = true;
    LeaveCriticalSection(&server->cs);
    trace_step("the server is stopping: no more clients, and all sessions are finished");
    proactor_wake_all(server, NULL);
    listen_close();
    for (int i = 0; i < server->groups; i++) proactor_join(&server->proactors[i]);
    for (int i = 0; i < server->groups; i++) proactor_close(&server->proactors[i]);
    free(server->proactors);
    free(server->e_arr);
    free(server->s_arr);
    DeleteCriticalSection(&server->cs);
    whole = trace_close();
    WSACleanup();
    return whole;
}

/* In the lecture's order: overlapped socket, the thread that waits, listen. */
static bool server_open(LPServer server)
{
    if (!server_arrays(server)) return false;
    server->listen_sock = listen_open(server->options);
    if (server->listen_sock == INVALID_SOCKET) return false;
    listen_sock_open = server->listen_sock;
    InterlockedExchange(&listen_is_open, 1);
    if (!proactor_open(server)) return false;
    if (listen(server->listen_sock, SOMAXCONN) == SOCKET_ERROR && !console_interrupted()) {
        log_error(WSAGetLastError(), "listen failed");
        return false;
    }
    trace_step("listen(SOMAXCONN) -> 0: clients may come");
    return true;
}

static bool server_begin(LPServer server)
{
    WSADATA data;
    int error = WSAStartup(MAKEWORD(2, 2), &data);

    if (error) {
        log_error(error, "WSAStartup failed");
        return false;
    }
    InitializeCriticalSectionAndSpinCount(&server->cs, SPINS);
    if (trace_open(server->options) && server_open(server)) return true;
    server_end(server);
    return false;
}

bool server_start(LPServer server)
{
    if (console_open(server->options, server_interrupted) && server_begin(server)) {
        server_announce(server);
        return true;
    }
    console_close();
    return false;
}

bool server_stop(LPServer server)
{
    char line[4 * ADDRESS_BYTES];
    bool whole = server_end(server);

    snprintf(line, sizeof line,
             "stopped: %lu client%s served, %d at once, %llu bytes in, %llu bytes out, %d Proactor thread%s\n",
             server->served, text_plural((int)server->served), server->peak, server->in, server->out, server->groups,
             text_plural(server->groups));
    console_put(STD_OUTPUT_HANDLE, 0, line);
    console_close();
    return whole;
}
