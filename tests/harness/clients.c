/* clients.c - the clients' side: sockets with a time limit on every call, random bytes, and threads to
 * play many at once. */
#include "test.h"

#include <process.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- random bytes ---- */

static unsigned int noise_step(Noise *noise)
{
    noise->state ^= noise->state << 13; /* Marsaglia's xorshift */
    noise->state ^= noise->state >> 17;
    noise->state ^= noise->state << 5;
    return noise->state;
}

void noise_start(Noise *noise, unsigned int seed)
{
    noise->state = (seed + 1) * 2654435769u;
    if (!noise->state) noise->state = 1;
    for (int i = 0; i < 8; i++) noise_step(noise);
}

void noise_fill(Noise *noise, void *data, size_t bytes)
{
    unsigned char *out = (unsigned char *)data;

    for (size_t i = 0; i < bytes; i++) out[i] = (unsigned char)(noise_step(noise) >> 24);
}

bool noise_check(Noise *noise, const void *data, size_t bytes)
{
    const unsigned char *in = (const unsigned char *)data;

    for (size_t i = 0; i < bytes; i++) {
        if (in[i] != (unsigned char)(noise_step(noise) >> 24)) return false;
    }
    return true;
}

unsigned int noise_below(Noise *noise, unsigned int limit)
{
    return (noise_step(noise) >> 8) % limit;
}

/* ---- connecting and closing ---- */

static Client *clients[MAX_TEST_CLIENTS];
static CRITICAL_SECTION clients_lock;

void net_init(void)
{
    InitializeCriticalSection(&clients_lock);
}

static bool client_register(Client *client)
{
    int i = 0;

    EnterCriticalSection(&clients_lock);
    while (i < MAX_TEST_CLIENTS && clients[i]) i++;
    if (i < MAX_TEST_CLIENTS) clients[i] = client;
    LeaveCriticalSection(&clients_lock);
    client->index = i;
    return i < MAX_TEST_CLIENTS;
}

/* `room` is the size of the receive buffer to ask for; 0: the default. */
static SOCKET socket_connect(const char *address, int port, int room)
{
    DWORD limit = PATIENCE_MS;
    int yes = 1;
    char service[16];
    struct addrinfo hints, *found;
    SOCKET sock;

    ZeroMemory(&hints, sizeof hints);
    hints.ai_flags = AI_NUMERICHOST;
    hints.ai_socktype = SOCK_STREAM;
    snprintf(service, sizeof service, "%d", port);
    if (getaddrinfo(address, service, &hints, &found) != 0) return INVALID_SOCKET;

    /* A server started later must not inherit our sockets, or closing one here would not close the connection. */
    sock = WSASocketW(found->ai_family, SOCK_STREAM, IPPROTO_TCP, NULL, 0,
                      WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    if (sock != INVALID_SOCKET) {
        setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, (const char *)&limit, sizeof limit);
        setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, (const char *)&limit, sizeof limit);
        setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, (const char *)&yes, sizeof yes);
        if (room) setsockopt(sock, SOL_SOCKET, SO_RCVBUF, (const char *)&room, sizeof room);
        if (connect(sock, found->ai_addr, (int)found->ai_addrlen) == SOCKET_ERROR) {
            closesocket(sock);
            sock = INVALID_SOCKET;
        }
    }
    freeaddrinfo(found);
    return sock;
}

static Client *client_new(const char *address, int port, int room)
{
    Client *client = (Client *)calloc(1, sizeof *client);

    if (!client) return NULL;
    client->sock = socket_connect(address, port, room);
    if (client->sock == INVALID_SOCKET || !client_register(client)) {
        if (client->sock != INVALID_SOCKET) closesocket(client->sock);
        free(client);
        return NULL;
    }
    return client;
}

bool have_ipv6(void)
{
    static int have = -1;

    if (have < 0) {
        SOCKADDR_IN6 any;
        SOCKET sock = socket(AF_INET6, SOCK_STREAM, 0);
        ZeroMemory(&any, sizeof any);
        any.sin6_family = AF_INET6;
        any.sin6_addr.s6_addr[15] = 1; /* ::1 */
        have = sock != INVALID_SOCKET && bind(sock, (SOCKADDR *)&any, sizeof any) == 0;
        if (sock != INVALID_SOCKET) closesocket(sock);
    }
    return have == 1;
}

Client *client_connect_to(const char *address, int port)
{
    return client_new(address, port, 0);
}

static const char *loopback(void)
{
    return have_ipv6() ? "::1" : "127.0.0.1";
}

Client *client_connect(Server *server)
{
    return client_new(loopback(), server_port(server), 0);
}

Client *client_connect_narrow(Server *server)
{
    return client_new(loopback(), server_port(server), 8192);
}

void client_close(Client *client)
{
    if (!client) return;
    EnterCriticalSection(&clients_lock);
    clients[client->index] = NULL;
    LeaveCriticalSection(&clients_lock);
    closesocket(client->sock);
    free(client);
}

void client_reset(Client *client)
{
    struct linger at_once = { 1, 0 };

    if (!client) return;
    setsockopt(client->sock, SOL_SOCKET, SO_LINGER, (const char *)&at_once, sizeof at_once);
    client_close(client);
}

void clients_close(void)
{
    for (int i = 0; i < MAX_TEST_CLIENTS; i++) client_close(clients[i]);
}

bool client_half_close(Client *client)
{
    if (!client || shutdown(client->sock, SD_SEND) != 0) return false;
    client->half_closed = true;
    return true;
}

int client_port(Client *client)
{
    SOCKADDR_STORAGE name;
    int size = sizeof name;

    if (!client || getsockname(client->sock, (SOCKADDR *)&name, &size) != 0) return 0;
    return ntohs(name.ss_family == AF_INET6 ? ((SOCKADDR_IN6 *)&name)->sin6_port : ((SOCKADDR_IN *)&name)->sin_port);
}

/* ---- sending and receiving ---- */

bool client_send(Client *client, const void *data, size_t bytes)
{
    const char *next = (const char *)data;
    long long end = now_ms() + PATIENCE_MS;

    while (client && bytes > 0 && now_ms() < end) {
        int sent = send(client->sock, next, bytes < 65536 ? (int)bytes : 65536, 0);
        if (sent <= 0) return false;
        next += sent;
        bytes -= (size_t)sent;
    }
    return client && bytes == 0;
}

int client_recv_some(Client *client, void *data, int size)
{
    int bytes;

    if (!client) return RECV_ERROR;
    if (client->start < client->end) {
        bytes = client->end - client->start < size ? client->end - client->start : size;
        memcpy(data, client->buf + client->start, (size_t)bytes);
        client->start += bytes;
        return bytes;
    }
    bytes = recv(client->sock, (char *)data, size, 0);
    if (bytes >= 0) return bytes;
    return WSAGetLastError() == WSAETIMEDOUT ? RECV_TIMEOUT : RECV_ERROR;
}

bool client_recv(Client *client, void *data, size_t bytes)
{
    char *next = (char *)data;
    long long end = now_ms() + PATIENCE_MS;

    while (bytes > 0 && now_ms() < end) {
        int got = client_recv_some(client, next, bytes < 65536 ? (int)bytes : 65536);
        if (got <= 0) return false;
        next += got;
        bytes -= (size_t)got;
    }
    return bytes == 0;
}

/* Returns one byte, by way of client->buf. */
static int client_getc(Client *client)
{
    if (client->start == client->end) {
        int got = client_recv_some(client, client->buf, sizeof client->buf);
        client->start = 0;
        client->end = got > 0 ? got : 0;
        if (got <= 0) return -1;
    }
    return (unsigned char)client->buf[client->start++];
}

bool client_line(Client *client, char *line, size_t size)
{
    long long end = now_ms() + PATIENCE_MS;
    size_t length = 0;

    while (client && now_ms() < end) {
        int c = client_getc(client);
        if (c < 0) return false;
        if (c == '\n') {
            if (length > 0 && line[length - 1] == '\r') length--;
            line[length] = '\0';
            return true;
        }
        if (length < size - 1) line[length++] = (char)c;
    }
    return false;
}

bool client_at_eof(Client *client)
{
    char byte = 0;

    if (client_recv_some(client, &byte, 1) != RECV_EOF) return false;

    /* The system may report an end of file and hide the reset that caused it; but then nothing more can be sent. */
    return client->half_closed || send(client->sock, &byte, 1, 0) == 1;
}

static bool socket_ready(SOCKET sock, bool to_write, int ms)
{
    struct timeval limit;
    fd_set set;

    limit.tv_sec = ms / 1000;
    limit.tv_usec = ms % 1000 * 1000;
    set.fd_count = 1;
    set.fd_array[0] = sock;
    return select(0, to_write ? NULL : &set, to_write ? &set : NULL, NULL, &limit) > 0;
}

bool client_readable(Client *client, int ms)
{
    return client && (client->start < client->end || socket_ready(client->sock, false, ms));
}

long long client_stuff(Client *client, Noise *noise, int ms)
{
    u_long on = 1, off = 0;
    long long total = 0, end = now_ms() + PATIENCE_MS;
    int sent = 0;

    if (!client || ioctlsocket(client->sock, (long)FIONBIO, &on) != 0) return -1;
    while (sent >= 0 && now_ms() < end && socket_ready(client->sock, true, ms)) {
        char data[16384];
        Noise before = *noise;
        noise_fill(noise, data, sizeof data);
        sent = send(client->sock, data, sizeof data, 0);
        if (sent < (int)sizeof data) {
            *noise = before;
            if (sent > 0) noise_fill(noise, data, (size_t)sent);
        }
        if (sent < 0 && WSAGetLastError() == WSAEWOULDBLOCK) sent = 0;
        total += sent;
    }
    ioctlsocket(client->sock, (long)FIONBIO, &off);
    return sent < 0 ? -1 : total;
}

bool client_echoes(Client *client, const char *text)
{
    char answer[256];
    size_t length = strlen(text);

    return length <= sizeof answer && client_send(client, text, length) && client_recv(client, answer, length)
           && memcmp(answer, text, length) == 0;
}

/* ---- workers ---- */

enum { MAX_WORKERS = 128 };

typedef struct Worker {
    void (*work)(void *);
    void *argument;
} Worker;

static Worker workers[MAX_WORKERS];
static HANDLE worker_threads[MAX_WORKERS];
static int worker_count;

static unsigned __stdcall worker_run(void *argument)
{
    Worker *worker = (Worker *)argument;

    worker->work(worker->argument);
    return 0;
}

bool worker_start(void (*work)(void *), void *argument)
{
    int i = worker_count;

    if (i == MAX_WORKERS) return false;
    workers[i].work = work;
    workers[i].argument = argument;
    worker_threads[i] =
        (HANDLE)_beginthreadex(NULL, 128 * 1024, worker_run, &workers[i], STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    if (!worker_threads[i]) return false;
    worker_count++;
    return true;
}

bool workers_join(int ms)
{
    long long end = now_ms() + ms;

    for (; worker_count > 0; worker_count--) {
        long long left = end - now_ms();
        HANDLE thread = worker_threads[worker_count - 1];
        if (WaitForSingleObject(thread, left > 0 ? (DWORD)left : 0) != WAIT_OBJECT_0) return false;
        CloseHandle(thread);
    }
    return true;
}

long long now_ms(void)
{
    return (long long)GetTickCount64();
}
