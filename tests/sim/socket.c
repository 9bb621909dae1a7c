/* socket.c - Winsock's calls on sockets, all but the overlapped ones. */
#include "sim.h"

Socket *sockets;
int socket_moves;
static Socket *gate; /* the listening socket */
static int started;

int fail_with(int error)
{
    sched_self()->last_error = error;
    return SOCKET_ERROR;
}

static void winsock_begin(Call call, const char *name)
{
    call_begin(call);
    rule_no_cs(name);
    if (!started) violation("%s outside of WSAStartup and WSACleanup", name);
}

Socket *socket_get(SOCKET sock, const char *call)
{
    return (Socket *)handle_get(sock, KIND_SOCKET, call)->object;
}

/* The listening socket may be closed on one thread while another uses it: that is how Ctrl+C ends
 * accept. Any other socket is the caller's own. */
static Socket *socket_get_listening(SOCKET sock, const char *call)
{
    Handle *handle = handle_peek(sock);

    if (interrupt_time() == NEVER || !gate || gate->open || gate->handle != sock) return socket_get(sock, call);
    if (handle && !handle->closed && handle->kind == KIND_SOCKET)
        violation("%s: the closed listening socket's number is another socket's by now", call);
    fail_with(WSAENOTSOCK);
    return NULL;
}

static Socket *socket_new(int family, Conn *conn)
{
    Socket *socket = (Socket *)arena(sizeof *socket);

    socket->handle = handle_new(KIND_SOCKET, socket);
    socket->next = sockets;
    socket->family = family;
    socket->conn = conn;
    socket->open = true;
    socket->receive.socket = socket->send.socket = socket;
    socket->receive.name = "WSARecv";
    socket->send.name = "WSASend";
    sockets = socket;
    return socket;
}

void socket_done(Socket *socket)
{
    Socket **at = &sockets;

    if (socket->open || !socket->conn || socket->receive.pending || socket->send.pending) return;
    while (*at && *at != socket) at = &(*at)->next;
    if (!*at) return;
    *at = socket->next; /* its own `next` stays, for a thread that is just reading it */
    socket_moves += socket->moves;
}

int WSAStartup(WORD version, WSADATA *data)
{
    int error;

    call_begin(CALL_WSAStartup);
    error = call_fault(CALL_WSAStartup, NULL);
    if (error) return error;
    data->wVersion = data->wHighVersion = version;
    started++;
    return 0;
}

int WSACleanup(void)
{
    winsock_begin(CALL_WSACleanup, "WSACleanup");
    for (Socket *socket = sockets; socket; socket = socket->next) {
        if (!socket->open) continue;
        if (socket->conn || interrupt_time() == NEVER || console_returned())
            violation("WSACleanup: socket %#lx is open", (unsigned long)socket->handle);
        socket->open = false; /* the console handler was just about to close it */
        handle_close(socket->handle);
    }
    started--;
    return call_fault(CALL_WSACleanup, NULL) ? SOCKET_ERROR : 0;
}

bool winsock_started(void)
{
    return started > 0;
}

SOCKET WSASocketW(int family, int type, int protocol, void *info, unsigned group, DWORD flags)
{
    Socket *socket;

    winsock_begin(CALL_WSASocketW, "WSASocketW");
    if (type != SOCK_STREAM || protocol != IPPROTO_TCP || info || group || flags != WSA_FLAG_OVERLAPPED)
        violation("WSASocketW: no overlapped TCP socket");
    if (call_fault(CALL_WSASocketW, NULL)) return INVALID_SOCKET;
    gate = socket = socket_new(family, NULL);
    tell("WSASocketW(%s) -> %#lx", family == AF_INET6 ? "AF_INET6" : "AF_INET", (unsigned long)socket->handle);
    return socket->handle;
}

/* When made to fail, it says so, but the socket is closed: Windows keeps it open only after errors that cannot happen
 * here (WSAENOTSOCK, WSAEWOULDBLOCK). */
int closesocket(SOCKET sock)
{
    Socket *socket;

    call_begin(CALL_closesocket);
    rule_no_cs("closesocket");
    if (!started && interrupt_time() != NEVER) return fail_with(WSANOTINITIALISED);
    if (!started) violation("closesocket outside of WSAStartup and WSACleanup");
    tell("closesocket(%#lx)", (unsigned long)sock);
    socket = socket_get(sock, "closesocket");
    handle_close(sock);
    socket->open = false;
    if (socket->conn) {
        conn_server_closed(socket->conn);
        operations_try(socket);
        socket_done(socket);
    } else if (socket->listening) {
        listener_close();
    }
    return call_fault(CALL_closesocket, NULL) ? SOCKET_ERROR : 0;
}

/* TCP_NODELAY, SO_KEEPALIVE and SO_OOBINLINE are set here and inherited by the sockets of accept; the server can do
 * without them. */
int sim_setsockopt(SOCKET sock, int level, int name, const char *value, int length)
{
    bool fatal = !(level == IPPROTO_TCP && name == TCP_NODELAY)
                 && !(level == SOL_SOCKET && (name == SO_KEEPALIVE || name == SO_OOBINLINE));
    Socket *socket;

    winsock_begin(fatal ? CALL_setsockopt : CALL_setsockopt_later, "setsockopt");
    socket = socket_get_listening(sock, "setsockopt");
    if (!socket) return SOCKET_ERROR;
    tell("setsockopt(%#lx, %d, %d)", (unsigned long)sock, level, name);
    if (length != (int)sizeof(DWORD) || !value) violation("setsockopt: the value is no DWORD");
    if (socket->bound) violation("setsockopt: too late, the socket is bound");
    if (call_fault(fatal ? CALL_setsockopt : CALL_setsockopt_later, NULL)) return SOCKET_ERROR;
    socket->no_delay |= name == TCP_NODELAY && level == IPPROTO_TCP;
    socket->keep_alive |= name == SO_KEEPALIVE && level == SOL_SOCKET;
    return 0;
}

int sim_bind(SOCKET sock, const struct sockaddr *addr, int length)
{
    Socket *socket;
    int least;

    winsock_begin(CALL_bind, "bind");
    socket = socket_get_listening(sock, "bind");
    if (!socket) return SOCKET_ERROR;
    least = socket->family == AF_INET ? (int)sizeof(SOCKADDR_IN) : (int)sizeof(SOCKADDR_IN6);
    if (addr->sa_family != socket->family || length < least) return fail_with(WSAEFAULT);
    if (socket->bound) return fail_with(WSAEINVAL);
    if (call_fault(CALL_bind, NULL)) return SOCKET_ERROR;
    tell("bind(%#lx)", (unsigned long)sock);
    socket->bound = true;
    return 0;
}

int sim_listen(SOCKET sock, int backlog)
{
    Socket *socket;

    winsock_begin(CALL_listen, "listen");
    socket = socket_get_listening(sock, "listen");
    if (!socket) return SOCKET_ERROR;
    if (!socket->bound) return fail_with(WSAEINVAL);
    if (call_fault(CALL_listen, NULL)) return SOCKET_ERROR;
    tell("listen(%#lx)", (unsigned long)sock);
    socket->listening = true;
    listener_open(backlog);
    return 0;
}

int sim_getsockname(SOCKET sock, struct sockaddr *addr, int *length)
{
    Socket *socket;
    SOCKADDR_IN6 *in6 = (SOCKADDR_IN6 *)addr;

    winsock_begin(CALL_getsockname, "getsockname");
    socket = socket_get_listening(sock, "getsockname");
    if (!socket || call_fault(CALL_getsockname, NULL)) return SOCKET_ERROR;
    if (*length < (int)sizeof *in6) return fail_with(WSAEFAULT);
    addr->sa_family = (sa_family_t)socket->family;
    in6->sin6_port = htons(9000);
    return 0;
}

/* A failed accept has used up the connection only where the connection itself is the reason. */
static SOCKET accept_failed(int error)
{
    Conn *conn = error == WSAECONNRESET ? listener_take() : NULL;

    if (conn) {
        conn->excused = true;
        conn_break(conn);
    }
    fail_with(error);
    return INVALID_SOCKET;
}

SOCKET sim_accept(SOCKET sock, struct sockaddr *addr, int *length)
{
    static const int closed[] = { WSAEINTR, WSAENOTSOCK };
    Socket *socket, *client;
    Conn *conn;
    int error;

    winsock_begin(CALL_accept, "accept");
    socket = socket_get_listening(sock, "accept");
    if (!socket) return INVALID_SOCKET;
    if (!socket->listening) violation("accept: the socket does not listen");
    error = call_fault(CALL_accept, NULL);
    if (error) return accept_failed(error);

    tell("accept() ...");
    listener_wait();
    conn = listener_take();
    if (!conn) return accept_failed(closed[rnd(2)]);
    if (conn->reset_by_client && chance(500)) { /* it is gone again */
        conn->reset_by_server = true;
        fail_with(WSAECONNRESET);
        return INVALID_SOCKET;
    }

    if ((!socket->no_delay || !socket->keep_alive) && !faults_any())
        violation("accept: the client's socket would be without TCP_NODELAY or SO_KEEPALIVE");
    client = socket_new(socket->family, conn);
    conn->socket = client;
    conn->accepted = true;
    if (*length < (int)sizeof conn->addr) violation("accept: the address has no place");
    bytes_copy(addr, &conn->addr, sizeof conn->addr);
    *length = socket->family == AF_INET ? (int)sizeof(SOCKADDR_IN) : (int)sizeof(SOCKADDR_IN6);
    tell("accept -> %#lx (client %d)", (unsigned long)client->handle, conn->client);
    return client->handle;
}

int sim_shutdown(SOCKET sock, int how)
{
    Socket *socket;

    winsock_begin(CALL_shutdown, "shutdown");
    socket = socket_get(sock, "shutdown");
    if (how != SD_SEND) violation("shutdown: only SD_SEND is simulated");
    if (socket->send.pending) violation("shutdown: a send is pending");
    tell("shutdown(%#lx)", (unsigned long)sock);
    socket->shut = true;
    if (call_fault(CALL_shutdown, socket->conn)) return SOCKET_ERROR;
    if (socket->conn->reset_by_client) return fail_with(WSAECONNRESET);
    socket->conn->down.fin = true;
    return 0;
}

int sim_inet_pton(int family, const char *text, void *addr)
{
    call_begin(CALL_inet_pton);
    if (inet_pton(family, text, addr) == 1) return 1;
    stats->failed[CALL_inet_pton]++;
    return 0;
}

const char *sim_inet_ntop(int family, const void *addr, char *text, size_t size)
{
    call_begin(CALL_inet_ntop);
    if (call_fault(CALL_inet_ntop, NULL)) return NULL;
    return inet_ntop(family, addr, text, (socklen_t)size);
}

/* Looks without waiting. Reports a reset and the client's end whether they are asked for or not; the latter once
 * everything before it has been received. */
int WSAPoll(WSAPOLLFD *fds, ULONG count, int timeout)
{
    int found = 0, error;

    winsock_begin(CALL_WSAPoll, "WSAPoll");
    if (timeout || !fds || !count) violation("WSAPoll: not simulated with these arguments");
    error = call_fault(CALL_WSAPoll, NULL);
    if (error) return fail_with(error);
    for (ULONG i = 0; i < count; i++) {
        const Conn *conn = socket_get(fds[i].fd, "WSAPoll")->conn;
        fds[i].revents = 0;
        if (conn->reset_by_client) fds[i].revents |= POLLERR | POLLHUP;
        if (conn->up.fin && !conn->up.count) fds[i].revents |= POLLHUP;
        if (conn->up.count) fds[i].revents |= (short)(fds[i].events & POLLRDNORM);
        if (pipe_room(&conn->down)) fds[i].revents |= (short)(fds[i].events & POLLWRNORM);
        found += fds[i].revents != 0;
    }
    return found;
}

/* Used only to ask for the machine's addresses. */
SOCKET sim_socket(int family, int type, int protocol)
{
    int error;

    winsock_begin(CALL_socket, "socket");
    if (type != SOCK_DGRAM || protocol) violation("socket: not simulated with these arguments");
    error = call_fault(CALL_socket, NULL);
    if (error) {
        fail_with(error);
        return INVALID_SOCKET;
    }
    return socket_new(family, NULL)->handle;
}

/* One address that others can use, one that they cannot. */
int WSAIoctl(SOCKET sock, DWORD code, void *in, DWORD in_size, void *out, DWORD out_size, DWORD *bytes,
             LPWSAOVERLAPPED over, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
    static SOCKADDR_STORAGE addrs[2];
    SOCKET_ADDRESS_LIST *list = (SOCKET_ADDRESS_LIST *)out;
    int family, error;

    winsock_begin(CALL_WSAIoctl, "WSAIoctl");
    if (code != SIO_ADDRESS_LIST_QUERY || in || in_size || over || routine || out_size < 256)
        violation("WSAIoctl: not simulated with these arguments");
    family = socket_get(sock, "WSAIoctl")->family;
    error = call_fault(CALL_WSAIoctl, NULL);
    if (error) return fail_with(error);
    list->iAddressCount = 2;
    for (int i = 0; i < 2; i++) {
        const char *text = family == AF_INET ? (i ? "169.254.1.2" : "192.0.2.7") : (i ? "fe80::7" : "2001:db8::7");
        memset(&addrs[i], 0, sizeof addrs[i]);
        addrs[i].ss_family = (sa_family_t)family;
        inet_pton(family, text,
                  family == AF_INET ? (void *)&((SOCKADDR_IN *)&addrs[i])->sin_addr
                                    : (void *)&((SOCKADDR_IN6 *)&addrs[i])->sin6_addr);
        list->Address[i].lpSockaddr = (struct sockaddr *)&addrs[i];
        list->Address[i].iSockaddrLength = family == AF_INET ? sizeof(SOCKADDR_IN) : sizeof(SOCKADDR_IN6);
    }
    *bytes = sizeof *list + sizeof list->Address[0];
    return 0;
}
