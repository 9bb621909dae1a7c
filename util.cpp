/* util.cpp - start-up and shutdown: Winsock, the listening socket, the arrays, the first and the last lines. */
#include "Overlapped.h"
#include "support/address.h"
#include "support/console.h"
#include "support/keyboard.h"
#include "support/options.h"
#include "support/text.h"
#include "support/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HOSTS = 4,   /* addresses of each family that are shown for other machines, at most */
    SPINS = 4000 /* tries before a thread sleeps until cs is free; cs is held for only a few instructions */
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
    step_skip();
}

/* ---- the listening socket ---- */

/* Creates a socket for overlapped I/O, and fills in `addr`, to which it will be bound. */
static SOCKET listen_socket(const Options *options, const char *text, SOCKADDR_STORAGE *addr)
{
    address_parse(text, addr);
    ((SOCKADDR_IN *)addr)->sin_port = htons((unsigned short)options->port);
    return WSASocketW(addr->ss_family, SOCK_STREAM, IPPROTO_TCP, NULL, 0, WSA_FLAG_OVERLAPPED);
}

/* Sets the socket's options; the sockets that accept() makes inherit them ("accept function"). Returns false, with the
 * reason logged, when an option that the server needs cannot be set. */
static bool listen_options(SOCKET sock, bool dual)
{
    static const struct {
        int level, name;
        DWORD value;
        bool needed;
    } rows[] = {
        { IPPROTO_IPV6, IPV6_V6ONLY, 0, true }, /* IPv4 clients connect too, as ::ffff:a.b.c.d ("Dual-Stack Sockets") */
        { SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1, true }, /* no other process can take over the port (page of that name) */
        { IPPROTO_TCP, TCP_NODELAY, 1, false },       /* answers go out at once */
        { SOL_SOCKET, SO_KEEPALIVE, 1, false },       /* a client that has vanished is noticed eventually */
        { SOL_SOCKET, SO_OOBINLINE, 1, false }, /* an urgent byte, such as that of telnet's Synch, stays in its place */
    };

    for (size_t i = dual ? 0 : 1; i < sizeof rows / sizeof *rows; i++) {
        const char *value = (const char *)&rows[i].value;
        if (setsockopt(sock, rows[i].level, rows[i].name, value, sizeof rows[i].value) != SOCKET_ERROR) continue;
        log_error(WSAGetLastError(), "setsockopt(%d, %d) failed", rows[i].level, rows[i].name);
        if (rows[i].needed) return false;
    }
    return true;
}

/* Binds the socket, or logs why it cannot. WSAEACCES has several causes: another process holds the port with
 * SO_EXCLUSIVEADDRUSE, Hyper-V has reserved it, or on Debian the port is below 1024 and needs a privilege. */
static bool listen_bind(SOCKET sock, const Options *options, const SOCKADDR_STORAGE *addr)
{
    int error = bind(sock, (const struct sockaddr *)addr, sizeof *addr) == SOCKET_ERROR ? WSAGetLastError() : 0;

    if (error == WSAEADDRINUSE) {
        log_error(error, "port %d is in use, by another program or by connections of a server that has just ended",
                  options->port);
    } else if (error == WSAEACCES) {
        log_error(error,
                  "port %d is in use, or reserved by Windows (netsh interface ipv4 show excludedportrange tcp), or on "
                  "Linux needs root",
                  options->port);
    } else if (error) {
        log_error(error, "cannot listen on %s, port %d", options->bind ? options->bind : "all addresses",
                  options->port);
    } else {
        trace_step("bind(port %d) -> 0", options->port);
    }
    return error == 0;
}

/* Opens the listening socket and binds it. Returns false, with the reason logged, when it cannot. */
static bool listen_open(LPServer server)
{
    const Options *options = server->options;
    SOCKADDR_STORAGE addr;
    SOCKET sock = listen_socket(options, options->bind ? options->bind : "::", &addr); /* every address */

    if (sock == INVALID_SOCKET && WSAGetLastError() == WSAEAFNOSUPPORT && !options->bind) {
        sock = listen_socket(options, "0.0.0.0", &addr); /* a machine without IPv6 */
    }
    if (sock == INVALID_SOCKET) {
        log_error(WSAGetLastError(), "cannot create the listening socket");
        return false;
    }
    trace_step("WSASocketW(%s, WSA_FLAG_OVERLAPPED) -> listen_sock",
               addr.ss_family == AF_INET6 ? "AF_INET6" : "AF_INET");
    if (!listen_options(sock, addr.ss_family == AF_INET6 && !options->bind) || !listen_bind(sock, options, &addr)) {
        closesocket(sock);
        return false;
    }
    server->listen_sock = listen_sock_open = sock;
    InterlockedExchange(&listen_is_open, 1);
    return true;
}

/* ---- the first lines: what to type, here and on other machines ---- */

/* Prints the addresses in the list that other machines can use. Link-local ones, in IPv4 169.254.x.y, work only within
 * the same network: `last_resort` prints those instead. Returns how many it has printed. */
static int announce_list(const SOCKET_ADDRESS_LIST *list, int family, int port, bool last_resort)
{
    char text[INET6_ADDRSTRLEN], line[2 * ADDRESS_BYTES];
    SOCKADDR_STORAGE host;
    int shown = 0;

    for (int i = 0; i < list->iAddressCount && shown < HOSTS; i++) {
        const SOCKET_ADDRESS *found = list->Address + i;
        memcpy(&host, found->lpSockaddr, (size_t)found->iSockaddrLength);
        if (host.ss_family != family || address_is_any(&host) || address_is_local(&host) != last_resort) continue;
        address_host_text(&host, text);
        if (strncmp(text, "127.", 4) == 0) continue;
        snprintf(line, sizeof line, "from another machine: client.exe %s %d\n", text, port);
        console_put(STD_OUTPUT_HANDLE, 0, line);
        shown++;
    }
    return shown;
}

/* Asks Windows for this machine's addresses, which Windows keeps in its tables ("SIO_ADDRESS_LIST_QUERY control code");
 * getaddrinfo() on the machine's name might wait for a name server. */
static void announce_hosts(int family, int port)
{
    union {
        SOCKET_ADDRESS_LIST list;
        char bytes[4096];
    } answer;
    SOCKET sock = socket(family, SOCK_DGRAM, 0);
    DWORD bytes;

    if (sock == INVALID_SOCKET) return;
    answer.list.iAddressCount = 0;
    WSAIoctl(sock, SIO_ADDRESS_LIST_QUERY, NULL, 0, &answer, sizeof answer, &bytes, NULL, NULL);
    if (announce_list(&answer.list, family, port, false) == 0 && family == AF_INET) {
        announce_list(&answer.list, family, port, true);
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
    if (host != bound) {
        snprintf(line, sizeof line, "try: client.exe %d  or  telnet %s %d\n", port, host, port);
    } else {
        snprintf(line, sizeof line, "try: client.exe %s %d  or  telnet %s %d\n", host, port, host, port);
    }
    console_put(STD_OUTPUT_HANDLE, 0, line);
    if (host == bound) return; /* there are no other addresses to announce */
    if (!bound || addr.ss_family == AF_INET) announce_hosts(AF_INET, port);
    if (addr.ss_family == AF_INET6) announce_hosts(AF_INET6, port);
}

/* ---- the server starts and stops ---- */

/* Allocates slots for all clients and for those that are being refused. */
static bool server_allocate(LPServer server)
{
    int most = server->options->max_clients, per_ip = server->options->max_per_ip;
    size_t slots;

    server->max_groups = (most + 2 * GROUP_SESSIONS - 1) / GROUP_SESSIONS;
    slots = (size_t)server->max_groups * GROUP_SLOTS;
    snprintf(server->full, sizeof server->full, "server full: %d client%s at most\r\n", most, text_plural(most));
    snprintf(server->address_full, sizeof server->address_full,
             "too many clients from your address: %d client%s at most\r\n", per_ip, text_plural(per_ip));
    server->s_arr = (LPSession *)calloc(slots, sizeof *server->s_arr);
    server->e_arr = (WSAEVENT *)calloc(slots, sizeof *server->e_arr);
    server->proactors = (Proactor *)calloc((size_t)server->max_groups, sizeof *server->proactors);
    if (server->s_arr && server->e_arr && server->proactors) return true;
    log_error(0, "out of memory for %d clients", most);
    return false;
}

static bool server_listen(LPServer server)
{
    if (listen(server->listen_sock, SOMAXCONN) == SOCKET_ERROR && !console_interrupted()) {
        log_error(WSAGetLastError(), "listen failed");
        return false;
    }
    trace_step("listen(SOMAXCONN) -> 0: clients can connect");
    return true;
}

/* Ends all threads but the writer, and frees whatever server_start() has created. Returns false when the trace file is
 * incomplete. */
static bool server_end(LPServer server)
{
    bool complete;

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
    complete = trace_close();
    WSACleanup();
    return complete;
}

/* From the listening socket on, keeps the lecture's order: overlapped socket, the thread that waits, listen. */
bool server_start(LPServer server)
{
    WSADATA data;
    int error = 0;

    if (!console_open(server->options, server_interrupted) || (error = WSAStartup(MAKEWORD(2, 2), &data)) != 0) {
        if (error) log_error(error, "WSAStartup failed");
        console_close();
        return false;
    }
    InitializeCriticalSectionAndSpinCount(&server->cs, SPINS);
    if (trace_open(server->options) && server_allocate(server) && listen_open(server) && proactor_open(server)
        && server_listen(server)) {
        server_announce(server);
        return true;
    }
    server_end(server);
    console_close();
    return false;
}

bool server_stop(LPServer server)
{
    char line[4 * ADDRESS_BYTES];
    bool complete = server_end(server);

    snprintf(line, sizeof line,
             "stopped: %lu client%s served, at most %d at once, %llu bytes in, %llu bytes out, %d Proactor thread%s\n",
             server->served, text_plural((int)server->served), server->peak, server->in, server->out, server->groups,
             text_plural(server->groups));
    console_put(STD_OUTPUT_HANDLE, 0, line);
    console_close();
    return complete;
}
