/* client_crowd.c - the crowds of clients, quiet or busy, and the one that does not read. */
#include "client.h"

#include <process.h>
#include <stdio.h>
#include <string.h>

enum {
    BUSY_BYTES = 64,  /* of a message */
    GOODBYE_MS = 2000 /* for the server to close its side too */
};

static WSAPOLLFD polls[MAX_CROWD];
static int connections; /* in polls */

/* ---- connecting and closing many ---- */

/* Makes the other connections; the first one is `sock`. Returns false, with the reason printed, when one fails. */
static bool connect_all(long count)
{
    for (;;) {
        int error;
        polls[connections].fd = sock;
        polls[connections].events = POLLIN;
        connections++;
        if (connections % 1000 == 0) fprintf(stderr, "client: %s connections\n", grouped(connections));
        if (connections == count) return true;
        error = connect_once();
        if (!error) continue;
        fail(error, "cannot open connection %s of %s", grouped(connections + 1), grouped(count));
        return false;
    }
}

/* Discards the bytes that came: a crowd that did not read would be a crowd of slow readers. Returns how many
 * connections the server closed. */
static int crowd_listen(void)
{
    static char dropped[65536];
    int closed = 0;

    for (int i = 0; i < connections; i++) {
        if (!polls[i].revents || recv(polls[i].fd, dropped, sizeof dropped, 0) > 0) continue;
        closesocket(polls[i].fd);
        polls[i--] = polls[--connections];
        closed++;
    }
    return closed;
}

/* Closes all connections normally: a socket that is closed with bytes unread sends a reset. */
static void close_all(void)
{
    ULONGLONG end = GetTickCount64() + GOODBYE_MS;

    for (int i = 0; i < connections; i++) shutdown(polls[i].fd, SD_SEND);
    while (connections > 0 && GetTickCount64() < end && WSAPoll(polls, (ULONG)connections, 100) >= 0) crowd_listen();
    for (int i = 0; i < connections; i++) closesocket(polls[i].fd);
    sock = INVALID_SOCKET;
}

/* ---- a quiet crowd ---- */

static unsigned __stdcall enter_run(void *nothing)
{
    HANDLE input = GetStdHandle(STD_INPUT_HANDLE);
    char byte = 0;
    DWORD bytes;

    (void)nothing;
    while (byte != '\n' && byte != '\r' && ReadFile(input, &byte, 1, &bytes, NULL) && bytes == 1) {
    }
    InterlockedExchange(&input_ended, 1);
    return 0;
}

/* Holds the connections until Enter, or until the server has closed the last one. */
static int crowd_hold(void)
{
    while (!input_ended && connections > 0) {
        int closed = 0;
        if (WSAPoll(polls, (ULONG)connections, connections < 1000 ? 50 : 1000) > 0) closed = crowd_listen();
        if (!closed) continue;
        printf("the server closed %s; %s left\n", grouped(closed), grouped(connections));
        fflush(stdout);
    }
    return connections ? ENDED : CLOSED;
}

int crowd(void)
{
    HANDLE thread;
    int code;

    if (!connect_all(given[CROWD])) return FAILED;
    printf("%s connection%s held; Enter ends\n", grouped(connections), connections == 1 ? " is" : "s are");
    fflush(stdout);
    thread = (HANDLE)_beginthreadex(NULL, 0, enter_run, NULL, 0, NULL);
    if (!thread) return fail((int)GetLastError(), "cannot start a thread for the input");
    CloseHandle(thread);
    code = crowd_hold();
    close_all();
    return code;
}

/* ---- busy ones ---- */

/* A busy client. Its message is on the way to the server or back. */
typedef struct Busy {
    long long messages;
    long long since; /* when the message was sent, in microseconds */
    int got;         /* bytes of the answer */
} Busy;

static Busy busy[MAX_BUSY];

/* A histogram of answer times. Each time up to 1,023 us has a bucket of its own; above that, each octave has 512
 * buckets, so that a bucket is never wider than 0.2 % of its value. */
enum { BUCKETS = 512 * 24 };
static long long took[BUCKETS];

static int bucket_of(long long us)
{
    int shift = 0;

    while (us >> shift >= 1024 && shift < 22) shift++;
    us >>= shift;
    return 512 * shift + (int)(us < 1023 ? us : 1023);
}

static double bucket_ms(int bucket)
{
    int shift = bucket < 1024 ? 0 : bucket / 512 - 1;

    return (double)((long long)(bucket - 512 * shift) << shift) / 1000;
}

/* Returns the time within which `share` of all answers came. */
static double percentile_ms(double share, long long all)
{
    long long sum = 0;
    int i = 0;

    while (i < BUCKETS - 1 && (double)(sum += took[i]) < share * (double)all) i++;
    return bucket_ms(i);
}

static long long now_us(void)
{
    LARGE_INTEGER frequency, now;

    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&now);
    return (long long)((double)now.QuadPart * 1e6 / (double)frequency.QuadPart);
}
static char message[BUSY_BYTES];

/* Sends the next message of connection i. Returns the exit code, as the next two functions do. */
static int busy_send(int i)
{
    busy[i].since = now_us();
    busy[i].got = 0;
    if (send_all(polls[i].fd, message, BUSY_BYTES)) return ENDED;
    return fail(WSAGetLastError(), "connection %d of %d is lost", i + 1, connections);
}

/* Reads the bytes that came for connection i: the echo, or a part of it. After the last part the next message is
 * sent. */
static int busy_serve(int i)
{
    char data[BUSY_BYTES];
    int bytes = recv(polls[i].fd, data, BUSY_BYTES - busy[i].got, 0);

    if (bytes < 0) return fail(WSAGetLastError(), "connection %d of %d is lost", i + 1, connections);
    if (bytes == 0) {
        fprintf(stderr, "client: the server closed connection %d of %d after %s messages\n", i + 1, connections,
                grouped(busy[i].messages));
        return CLOSED;
    }
    if (memcmp(data, message + busy[i].got, (size_t)bytes) != 0) {
        fprintf(stderr, "client: the answer is not what was sent: --busy is for an echo server\n");
        return FAILED;
    }
    busy[i].got += bytes;
    if (busy[i].got < BUSY_BYTES) return ENDED;
    busy[i].messages++;
    took[bucket_of(now_us() - busy[i].since)]++;
    return busy_send(i);
}

static int busy_run(void)
{
    long long end = now_us() + given[SECONDS] * 1000000LL, now;
    int code = ENDED;

    for (int i = 0; i < connections && code == ENDED; i++) code = busy_send(i);
    while (code == ENDED && (now = now_us()) < end) {
        if (WSAPoll(polls, (ULONG)connections, (int)((end - now) / 1000) + 1) < 0) {
            return fail(WSAGetLastError(), "cannot wait for answers");
        }
        for (int i = 0; i < connections && code == ENDED; i++) {
            if (polls[i].revents) code = busy_serve(i);
        }
    }
    return code;
}

static void busy_row(const char *name, long long messages)
{
    printf("%-14s %12s %12s\n", name, grouped(messages), grouped(messages / given[SECONDS]));
}

/* Prints how many answers the connections got. Returns the exit code: a server that does not answer is not an echo
 * server. */
static int busy_table(void)
{
    const char *plural = given[SECONDS] == 1 ? "" : "s";
    long long least = busy[0].messages, most = least, all = 0;

    for (int i = 0; i < connections; i++) {
        if (busy[i].messages < least) least = busy[i].messages;
        if (busy[i].messages > most) most = busy[i].messages;
        all += busy[i].messages;
    }
    if (all == 0) {
        fprintf(stderr, "client: no answer within %ld second%s: --busy is for an echo server\n", given[SECONDS],
                plural);
        return FAILED;
    }
    printf("%d connection%s, %ld second%s, messages of %d bytes there and back\n\n", connections,
           connections == 1 ? "" : "s", given[SECONDS], plural, (int)BUSY_BYTES);
    printf("%-14s %12s %12s\n", "", "messages", "messages/s");
    busy_row("all together", all);
    busy_row("most served", most);
    busy_row("least served", least);
    printf("%-14s %12.3f\n\n", "least / most", (double)least / (double)most);
    printf("half of the answers came within %.3f ms (p50), 99 of 100 within %.3f ms (p99)\n", percentile_ms(.5, all),
           percentile_ms(.99, all));
    return ENDED;
}

int be_busy(void)
{
    int code;

    for (int i = 0; i < BUSY_BYTES; i++) message[i] = (char)(i == BUSY_BYTES - 1 ? '\n' : 'a' + i % 26);
    if (!connect_all(given[BUSY])) return FAILED;
    code = busy_run();
    if (code == ENDED) code = busy_table();
    close_all();
    return code;
}

/* ---- one that does not read ---- */

static volatile LONG bytes_taken; /* by Winsock, to be sent */
static HANDLE flood_failed;       /* an event */

/* Sends lines. send() returns only when there is room, and a server that cannot send does not receive either, so this
 * blocks. */
static unsigned __stdcall flood_run(void *nothing)
{
    static char lines[6400];

    (void)nothing;
    for (int i = 0; i < (int)sizeof lines; i++) lines[i] = (char)(i % 64 == 63 ? '\n' : 'a' + i % 26);
    while (bytes_taken < given[NO_READ]) {
        int bytes = (int)sizeof lines;
        if (given[NO_READ] - bytes_taken < bytes) bytes = (int)(given[NO_READ] - bytes_taken);
        if (!input_send(lines, bytes)) {
            SetEvent(flood_failed);
            shutdown(sock, SD_SEND);
            break;
        }
        InterlockedExchangeAdd(&bytes_taken, bytes);
    }
    return 0;
}

/* Reads until the server ends the stream. Returns 0 or the error. The half-close comes after the last byte was sent
 * and all available bytes were read: if the end of the stream comes earlier, the server decided to close. */
static int read_all(void)
{
    static char data[65536];
    WSAPOLLFD poll;
    long long all = 0;
    int bytes = 1;

    poll.fd = sock;
    poll.events = POLLIN;
    while (bytes > 0) {
        bool all_taken = bytes_taken == given[NO_READ] && !input_ended;
        if (WSAPoll(&poll, 1, all_taken ? 0 : 50) != 0) {
            bytes = recv(sock, data, sizeof data, 0);
            if (bytes > 0) all += bytes;
        } else if (all_taken) {
            InterlockedExchange(&input_ended, 1);
            shutdown(sock, SD_SEND);
        }
    }
    bytes = bytes < 0 ? WSAGetLastError() : end_error();
    printf("%s bytes came back\n", grouped(all));
    fflush(stdout);
    return bytes;
}

int not_read(void)
{
    HANDLE thread;
    int error;

    flood_failed = CreateEventW(NULL, TRUE, FALSE, NULL);
    thread = flood_failed ? (HANDLE)_beginthreadex(NULL, 0, flood_run, NULL, 0, NULL) : NULL;
    if (!thread) return fail((int)GetLastError(), "cannot start a thread to send with");
    CloseHandle(thread);
    printf("sending %s bytes, reading nothing, for %ld s\n", grouped(given[NO_READ]), given[THEN]);
    fflush(stdout);
    WaitForSingleObject(flood_failed, (DWORD)given[THEN] * 1000);
    printf("%s bytes have been taken so far; now reading\n", grouped(bytes_taken));
    fflush(stdout);
    error = read_all();
    if (error) {
        return fail(error, "the connection is lost after %s of %s bytes were sent", grouped(bytes_taken),
                    grouped(given[NO_READ]));
    }
    if (input_ended) return ENDED;
    fprintf(stderr, "client: the server closed the connection after %s of %s bytes were sent\n", grouped(bytes_taken),
            grouped(given[NO_READ]));
    return CLOSED;
}
