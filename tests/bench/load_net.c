/* load_net.c - implements load_net.h for POSIX systems (epoll on Linux, poll elsewhere) and for Windows. */
#if !defined _WIN32 && !defined _GNU_SOURCE
#define _GNU_SOURCE /* IP_BIND_ADDRESS_NO_PORT along with C11 */
#endif
#include "load_net.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#include <ws2tcpip.h>
#include <windows.h>
#include <psapi.h>
#define poll WSAPoll
typedef WSAPOLLFD PollSlot;
typedef int Bytes; /* as send() and recv() take it */
#else
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
typedef struct pollfd PollSlot;
typedef size_t Bytes;
#endif
#ifdef __linux__
#include <sys/epoll.h>
#endif

enum { PER_ADDRESS = 4000, PATIENCE_MS = 20000 };

void fail(const char *format, ...)
{
    va_list args;

    fflush(stdout);
    fprintf(stderr, "load: ");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    exit(1);
}

void fail_call(const char *call)
{
#ifdef _WIN32
    fail("%s failed (%d)", call, WSAGetLastError());
#else
    fail("%s failed (%s)", call, strerror(errno));
#endif
}

void *must_alloc(size_t bytes)
{
    void *data = calloc(1, bytes);

    if (!data) fail("no memory");
    return data;
}

/* ---- sockets ---- */

#ifdef _WIN32

long net_start(void)
{
    WSADATA data;

    if (WSAStartup(MAKEWORD(2, 2), &data) != 0) fail_call("WSAStartup");
    return 1000000;
}

void net_close(Socket sock)
{
    closesocket(sock);
}

static bool would_block(void)
{
    return WSAGetLastError() == WSAEWOULDBLOCK;
}

static void do_not_block(Socket sock)
{
    u_long on = 1;

    if (ioctlsocket(sock, (long)FIONBIO, &on) != 0) fail_call("ioctlsocket");
}

static bool is_socket(Socket sock)
{
    return sock != INVALID_SOCKET;
}

#else

long net_start(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) fail_call("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    signal(SIGPIPE, SIG_IGN);
    return limit.rlim_max > 1000000 ? 1000000 : (long)limit.rlim_max;
}

void net_close(Socket sock)
{
    close(sock);
}

static bool would_block(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static void do_not_block(Socket sock)
{
    if (fcntl(sock, F_SETFL, fcntl(sock, F_GETFL) | O_NONBLOCK) < 0) fail_call("fcntl");
}

static bool is_socket(Socket sock)
{
    return sock >= 0;
}

#endif

static struct sockaddr_in loopback(unsigned int host, int port)
{
    struct sockaddr_in addr;

    memset(&addr, 0, sizeof addr);
    addr.sin_family = AF_INET;
    addr.sin_addr.s_addr = htonl(0x7f000000u + host);
    addr.sin_port = htons((unsigned short)port);
    return addr;
}

/* Each run of the program has 127.x.x.x addresses of its own, so that the ports that the previous run left in TIME_WAIT
 * are not in its way. */
static void bind_source(Socket sock, long nth)
{
    static unsigned int base;
    struct sockaddr_in from;

    if (!base) base = ((unsigned int)(now() * 1000) % 60000u + 1) << 8;
    from = loopback(base + 1 + (unsigned int)(nth / PER_ADDRESS) % 250, 0);
#ifdef IP_BIND_ADDRESS_NO_PORT
    int on = 1;
    setsockopt(sock, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
#endif
    if (bind(sock, (struct sockaddr *)&from, sizeof from) != 0) fail_call("bind");
}

bool net_try_connect(int port, long nth, Socket *sock)
{
    struct sockaddr_in to = loopback(1, port);
    int on = 1;

    *sock = socket(AF_INET, SOCK_STREAM, 0);
    if (!is_socket(*sock)) fail_call("socket");
    bind_source(*sock, nth);
    if (connect(*sock, (struct sockaddr *)&to, sizeof to) != 0) {
        net_close(*sock);
        return false;
    }
    setsockopt(*sock, IPPROTO_TCP, TCP_NODELAY, (const char *)&on, sizeof on);
    do_not_block(*sock);
    return true;
}

Socket net_connect(int port, long nth)
{
    Socket sock;

    if (!net_try_connect(port, nth, &sock)) fail_call("connect");
    return sock;
}

long net_send(Socket sock, const char *data, size_t bytes)
{
    long sent = (long)send(sock, data, (Bytes)bytes, 0);

    if (sent > 0) return sent;
    return would_block() ? 0 : -1;
}

long net_recv(Socket sock, char *data, size_t room)
{
    long got = (long)recv(sock, data, (Bytes)room, 0);

    if (got > 0) return got;
    return got < 0 && would_block() ? 0 : -1;
}

static void await(Socket sock, short events)
{
    PollSlot slot;

    slot.fd = sock;
    slot.events = events;
    slot.revents = 0;
    if (poll(&slot, 1, PATIENCE_MS) == 0) fail("no answer in %d s", PATIENCE_MS / 1000);
}

void net_send_all(Socket sock, const char *data, size_t bytes)
{
    while (bytes > 0) {
        long sent = net_send(sock, data, bytes);
        if (sent < 0) fail_call("send");
        if (sent == 0) await(sock, POLLOUT);
        data += sent;
        bytes -= (size_t)sent;
    }
}

void net_recv_all(Socket sock, char *data, size_t bytes)
{
    while (bytes > 0) {
        long got = net_recv(sock, data, bytes);
        if (got < 0) fail("the server closed the connection");
        if (got == 0) await(sock, POLLIN);
        data += got;
        bytes -= (size_t)got;
    }
}

/* Chooses it below the ports that systems hand out by themselves, so that no connection takes it meanwhile. */
int net_free_port(void)
{
    int first = (int)((long)(now() * 1e6) % 10000);

    for (int i = 0; i < 10000; i++) {
        struct sockaddr_in addr = loopback(1, 20000 + (first + i) % 10000);
        Socket sock = socket(AF_INET, SOCK_STREAM, 0);
        bool is_free = is_socket(sock) && bind(sock, (struct sockaddr *)&addr, sizeof addr) == 0;

        if (is_socket(sock)) net_close(sock);
        if (is_free) return ntohs(addr.sin_port);
    }
    fail("no free port");
    return 0;
}

/* ---- waiting ---- */

#ifdef __linux__

struct Poller {
    int epoll;
};

Poller *poller_open(int room)
{
    Poller *poller = (Poller *)must_alloc(sizeof *poller);

    (void)room;
    poller->epoll = epoll_create1(0);
    if (poller->epoll < 0) fail_call("epoll_create1");
    return poller;
}

void poller_close(Poller *poller)
{
    close(poller->epoll);
    free(poller);
}

static void poller_control(Poller *poller, int action, Socket sock, int index, bool want_write)
{
    struct epoll_event event;

    memset(&event, 0, sizeof event);
    event.events = EPOLLIN;
    if (want_write) event.events |= EPOLLOUT;
    event.data.fd = index;
    if (epoll_ctl(poller->epoll, action, sock, &event) != 0) fail_call("epoll_ctl");
}

void poller_add(Poller *poller, Socket sock, int index, bool want_write)
{
    poller_control(poller, EPOLL_CTL_ADD, sock, index, want_write);
}

void poller_change(Poller *poller, Socket sock, int index, bool want_write)
{
    poller_control(poller, EPOLL_CTL_MOD, sock, index, want_write);
}

int poller_wait(Poller *poller, double seconds, Ready *ready, int room)
{
    struct epoll_event events[256];
    int count =
        epoll_wait(poller->epoll, events, room < 256 ? room : 256, seconds > 0 ? (int)(seconds * 1000 + 0.999) : 0);

    for (int i = 0; i < count; i++) {
        ready[i].index = events[i].data.fd;
        ready[i].can_read = (events[i].events & ~(unsigned int)EPOLLOUT) != 0;
        ready[i].can_write = (events[i].events & EPOLLOUT) != 0;
    }
    return count > 0 ? count : 0;
}

#else

struct Poller {
    PollSlot *slots;
    int count, next; /* next: where the search begins, so that nobody is always first */
};

Poller *poller_open(int room)
{
    Poller *poller = (Poller *)must_alloc(sizeof *poller);

    poller->slots = (PollSlot *)must_alloc((size_t)room * sizeof *poller->slots);
    poller->count = poller->next = 0;
    return poller;
}

void poller_close(Poller *poller)
{
    free(poller->slots);
    free(poller);
}

void poller_add(Poller *poller, Socket sock, int index, bool want_write)
{
    poller->count = index + 1;
    poller_change(poller, sock, index, want_write);
}

void poller_change(Poller *poller, Socket sock, int index, bool want_write)
{
    poller->slots[index].fd = sock;
    poller->slots[index].events = (short)(want_write ? POLLIN | POLLOUT : POLLIN);
    poller->slots[index].revents = 0;
}

int poller_wait(Poller *poller, double seconds, Ready *ready, int room)
{
    int found = 0;
    int timeout = seconds > 0 ? (int)(seconds * 1000 + 0.999) : 0;

    if (poll(poller->slots, (unsigned int)poller->count, timeout) <= 0) return 0;
    for (int i = 0; i < poller->count && found < room; i++) {
        int index = (poller->next + i) % poller->count;
        int events = poller->slots[index].revents;

        if (!events) continue;
        ready[found].index = index;
        ready[found].can_read = (events & ~POLLOUT) != 0;
        ready[found].can_write = (events & POLLOUT) != 0;
        found++;
        if (found == room) poller->next = (index + 1) % poller->count;
    }
    return found;
}

#endif

/* ---- clock and processes ---- */

#ifdef _WIN32

double now(void)
{
    LARGE_INTEGER ticks, per_second;

    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&per_second);
    return (double)ticks.QuadPart / (double)per_second.QuadPart;
}

void pause_for(double seconds)
{
    Sleep((DWORD)(seconds * 1000));
}

static double file_time(FILETIME t)
{
    return 1e-7 * (4294967296.0 * t.dwHighDateTime + t.dwLowDateTime);
}

double used_cpu(const long *pids, int count)
{
    double seconds = 0;

    for (int i = 0; i < count; i++) {
        FILETIME made, ended, kernel, user;
        HANDLE process = OpenProcess(PROCESS_QUERY_INFORMATION, FALSE, (DWORD)pids[i]);

        if (process && GetProcessTimes(process, &made, &ended, &kernel, &user))
            seconds += file_time(kernel) + file_time(user);
        if (process) CloseHandle(process);
    }
    return seconds;
}

double used_memory(long pid)
{
    PROCESS_MEMORY_COUNTERS memory;
    HANDLE process = OpenProcess(PROCESS_QUERY_INFORMATION | PROCESS_VM_READ, FALSE, (DWORD)pid);
    double kib = 0;

    if (process && GetProcessMemoryInfo(process, &memory, sizeof memory)) kib = (double)memory.WorkingSetSize / 1024;
    if (process) CloseHandle(process);
    return kib;
}

#else

double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void pause_for(double seconds)
{
    struct timespec t;

    t.tv_sec = (time_t)seconds;
    t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
    nanosleep(&t, NULL);
}

/* Reads /proc/PID/NAME as text. */
static bool proc_read(long pid, const char *name, char *text, size_t room)
{
    char path[64];
    FILE *file;
    size_t bytes;

    snprintf(path, sizeof path, "/proc/%ld/%s", pid, name);
    file = fopen(path, "r");
    if (!file) return false;
    bytes = fread(text, 1, room - 1, file);
    text[bytes] = '\0';
    fclose(file);
    return bytes > 0;
}

double used_cpu(const long *pids, int count)
{
    char text[4096];
    unsigned long ticks = 0, user, kernel;

    for (int i = 0; i < count; i++) {
        /* After the command in parentheses: state and ten numbers, then the two that are wanted. */
        if (!proc_read(pids[i], "stat", text, sizeof text) || !strrchr(text, ')')
            || sscanf(strrchr(text, ')') + 1, " %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu", &user, &kernel)
                   != 2)
            fail("no process %ld", pids[i]);
        ticks += user + kernel;
    }
    return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

double used_memory(long pid)
{
    char text[8192];
    const char *line;

    if (!proc_read(pid, "status", text, sizeof text)) fail("no process %ld", pid);
    line = strstr(text, "VmRSS:");
    return line ? strtod(line + 6, NULL) : 0;
}

#endif
