/* flood_test.c - a client that reads nothing and one that sends without end: the others notice neither. */
#include "../harness/member.h"

#include <psapi.h>
#include <tlhelp32.h>

#include <stdio.h>
#include <string.h>

/* ---- a client that does not read ---- */

enum { STREAMS = 4, STREAM_LINES = 1000, STREAM_LENGTH = 1000 }; /* 4 MB in all, 13 s at the rate limit */

typedef struct Stream {
    Client *client;
    int next[STREAMS]; /* the number of the next line from each of the others */
    int heard;
    long long longest; /* ms without a line */
    bool talked, good;
} Stream;

static Stream streams[STREAMS];

static void stream_talk(void *argument)
{
    Stream *stream = (Stream *)argument;
    char line[STREAM_LENGTH + 1];

    memset(line, '-', sizeof line);
    for (int i = 0; i < STREAM_LINES; i++) {
        line[snprintf(line, sizeof line, "%d", i)] = ' ';
        line[STREAM_LENGTH - 1] = '\n';
        if (!client_send(stream->client, line, STREAM_LENGTH)) return;
    }
    stream->talked = true;
}

static void stream_listen(void *argument)
{
    Stream *stream = (Stream *)argument;
    char line[LINE_SIZE];
    long long last = now_ms();

    while (stream->heard < (STREAMS - 1) * STREAM_LINES && client_line(stream->client, line, sizeof line)) {
        int who = 0, number = 0;
        if (line[0] == '*') continue;
        if (sscanf(line, "talker%d: %d ", &who, &number) != 2 || who < 0 || who >= STREAMS
            || number != stream->next[who]++) {
            return;
        }
        if (now_ms() - last > stream->longest) stream->longest = now_ms() - last;
        last = now_ms();
        stream->heard++;
    }
    stream->good = stream->heard == (STREAMS - 1) * STREAM_LINES;
}

/* Returns the private memory, in bytes, of the server, our only child. Wine counts all bytes that were ever touched. */
static long long server_memory(void)
{
    HANDLE list = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0), process = NULL;
    PROCESS_MEMORY_COUNTERS memory;
    PROCESSENTRY32 entry;
    long long bytes = -1;

    entry.dwSize = sizeof entry;
    for (BOOL more = Process32First(list, &entry); more && !process; more = Process32Next(list, &entry)) {
        if (entry.th32ParentProcessID != GetCurrentProcessId()) continue;
        process = OpenProcess(PROCESS_QUERY_INFORMATION | PROCESS_VM_READ, FALSE, entry.th32ProcessID);
    }
    CloseHandle(list);
    if (process && GetProcessMemoryInfo(process, &memory, sizeof memory)) bytes = (long long)memory.PagefileUsage;
    if (process) CloseHandle(process);
    return bytes;
}

static bool streams_join(Server *server)
{
    char name[20];

    memset(streams, 0, sizeof streams);
    for (int i = 0; i < STREAMS; i++) {
        snprintf(name, sizeof name, "talker%d", i);
        streams[i].client = member_join(server, name);
    }
    for (int i = 0; i < STREAMS; i++) {
        if (!member_asks(streams[i].client) || !member_asks(streams[i].client)) return false;
    }
    return true;
}

TEST(flood_slow_reader)
{
    Server *server = server_start("--chat");
    Client *deaf = client_connect_narrow(server); /* the bytes that it does not read soon wait at the server */
    long long before, now, most = 0, longest = 0, begin;
    const char *line;

    CHECK(member_says(deaf, "/nick deaf") && member_awaits(deaf, "*** you are now deaf"));
    CHECK(streams_join(server));
    before = server_memory();
    CHECK_LE(1, before);
    for (int i = 0; i < STREAMS; i++) {
        CHECK(worker_start(stream_listen, &streams[i]));
        CHECK(worker_start(stream_talk, &streams[i]));
    }
    for (begin = now_ms(); !workers_join(50);) {
        CHECK_LE(now_ms() - begin, 3 * PATIENCE_MS);
        now = server_memory();
        if (now > most) most = now;
    }
    for (int i = 0; i < STREAMS; i++) {
        CHECK(streams[i].talked && streams[i].good);
        if (streams[i].longest > longest) longest = streams[i].longest;
    }
    CHECK_LE(longest, 1000);
    /* The deaf client's backlog, at most 1 MiB, and each talker's rbuf, 128 KiB; all that is said is 4 MB. */
    CHECK_LE(most - before, (1 << 20) + STREAMS * (128 << 10) + (768 << 10));
    line = server_line(server, "deaf is cut off: ", " bytes behind the room");
    CHECK_LE(1 << 20, number_before(line, " bytes behind"));
    CHECK_HAS(server_line(server, "#1 ", " left "), "too slow");
    CHECK_EQ(server_stop(server), 0);
    test_note("(longest wait %lld ms, memory +%lld KB)", longest, (most - before) / 1024);
}

/* ---- a flood ---- */

/* Sends letters as fast as TCP takes them, with or without line ends between. */
typedef struct Flood {
    Client *client;
    bool lines;
    volatile LONG stop;
    long long sent; /* letters */
} Flood;

typedef struct Listener {
    Client *client;
    long long letters; /* of the flood */
    long long slowest; /* ms from a tick to its arrival */
    int ticks;
    bool good;
} Listener;

enum { LISTENERS = 3, TICKS = 60, FLOOD_BYTES = 1000 * 1000 /* 3 s at the rate limit */ };

static Flood flood;
static Listener listeners[LISTENERS];
static volatile LONG tick_sent[TICKS];

static char flood_letter(long long index)
{
    return (char)('a' + index % 23);
}

static void flood_run(void *argument)
{
    char data[51 * 1000] = "";
    size_t used = 0;

    (void)argument;
    while (!flood.stop && flood.sent < FLOOD_BYTES) {
        if (flood.lines && used % 51 == 50) {
            data[used++] = '\n';
        } else {
            data[used++] = flood_letter(flood.sent++);
        }
        if (used == sizeof data) {
            if (!client_send(flood.client, data, used)) return;
            used = 0;
        }
    }
    while (!flood.stop) Sleep(5);
    if (client_send(flood.client, data, used)) client_half_close(flood.client);
}

static bool listener_hears(Listener *listener, const char *line)
{
    int tick = 0;

    if (strncmp(line, "flood: ", 7) == 0) {
        for (line += 7; *line; line++) {
            if (*line != flood_letter(listener->letters++)) return false;
        }
    } else if (sscanf(line, "ticker: tick %d", &tick) == 1) {
        long long delay;
        if (tick != listener->ticks++ || tick >= TICKS) return false;
        delay = (long long)((ULONG)now_ms() - (ULONG)tick_sent[tick]);
        if (delay > listener->slowest) listener->slowest = delay;
    }
    return true;
}

static void listener_run(void *argument)
{
    Listener *listener = (Listener *)argument;
    char line[LINE_SIZE];

    while (client_line(listener->client, line, sizeof line) && listener_hears(listener, line)) {
        if (strncmp(line, "*** flood left", 14) == 0) {
            listener->good = true;
            return;
        }
    }
}

/* The first listener is also the ticker, which says something now and then. */
static void check_flood(bool lines)
{
    static const char *const names[LISTENERS] = { "ticker", "ann", "bob" };
    Server *server = server_start("--chat --quiet");
    char line[40];
    long long slowest = 0;

    memset(&flood, 0, sizeof flood);
    memset(listeners, 0, sizeof listeners);
    flood.lines = lines;
    flood.client = member_join(server, "flood");
    for (int i = 0; i < LISTENERS; i++) listeners[i].client = member_join(server, names[i]);
    for (int i = 0; i < LISTENERS; i++) CHECK(worker_start(listener_run, &listeners[i]));
    CHECK(worker_start(flood_run, NULL));
    for (int i = 0; i < TICKS; i++) {
        Sleep(50);
        tick_sent[i] = (LONG)now_ms();
        snprintf(line, sizeof line, "tick %d", i);
        CHECK(member_says(listeners[0].client, line));
    }
    flood.stop = 1;
    CHECK(workers_join(PATIENCE_MS));
    for (int i = 0; i < LISTENERS; i++) {
        CHECK(listeners[i].good);
        CHECK_EQ(listeners[i].letters, flood.sent);
        CHECK_EQ(listeners[i].ticks, i == 0 ? 0 : TICKS);
        if (listeners[i].slowest > slowest) slowest = listeners[i].slowest;
    }
    CHECK_LE(slowest, 1000);
    CHECK_EQ(server_stop(server), 0);
    test_note("(%lld KB, heard after %lld ms at most)", flood.sent / 1000, slowest);
}

TEST(flood_of_lines)
{
    check_flood(true);
}

TEST(flood_of_one_line)
{
    check_flood(false);
}

/* ---- equal shares ---- */

enum { FLOODERS = 5, SHARE_MS = 3000 };

static volatile LONG flooders_stop;

/* Sends lines of 60 letters without end, and reads what comes. */
static void flooder_run(void *argument)
{
    Client *client = (Client *)argument;
    char block[61 * 100], sink[4096];
    u_long on = 1;

    memset(block, 'x', sizeof block);
    for (size_t i = 60; i < sizeof block; i += 61) block[i] = '\n';
    ioctlsocket(client->sock, (long)FIONBIO, &on);
    for (int sent = 0; !flooders_stop;) {
        int more = send(client->sock, block + sent, (int)sizeof block - sent, 0);
        if (more > 0) sent = (sent + more) % (int)sizeof block;
        if (recv(client->sock, sink, sizeof sink, 0) <= 0 && more <= 0) Sleep(1);
    }
}

/* Counts the lines of each flooder that the client hears. */
static void count_lines(Client *client, int heard[FLOODERS], int ms)
{
    char line[LINE_SIZE];
    int who = 0;

    for (long long end = now_ms() + ms; now_ms() < end && client_line(client, line, sizeof line);) {
        if (sscanf(line, "flooder%d: ", &who) == 1 && who >= 0 && who < FLOODERS) heard[who]++;
    }
}

static void check_shares(const int heard[FLOODERS])
{
    int least = heard[0], most = heard[0];

    for (int i = 1; i < FLOODERS; i++) {
        if (heard[i] < least) least = heard[i];
        if (heard[i] > most) most = heard[i];
    }
    CHECK_LE(1000, most);
    CHECK_LE(most, 2 * least);
    test_note("(%d to %d lines of each)", least, most);
}

/* Five clients talk without end: each is heard as much as the others, and a client that asks now and then is answered
 * at once. */
TEST(flood_equal_shares)
{
    Server *server = server_start("--chat --quiet");
    Client *listener = member_join(server, "listener"), *quiet = member_join(server, "quiet"), *flooder;
    int heard[FLOODERS] = { 0 }, first[FLOODERS] = { 0 };
    long long asked, longest = 0;
    char name[20];

    flooders_stop = 0;
    for (int i = 0; i < FLOODERS; i++) {
        snprintf(name, sizeof name, "flooder%d", i);
        flooder = member_join(server, name);
        CHECK(flooder && worker_start(flooder_run, flooder));
    }
    count_lines(listener, first, 1000); /* the first second found a full bucket */
    count_lines(listener, heard, SHARE_MS);
    for (int i = 0; i < 20; i++) {
        asked = now_ms();
        CHECK(member_asks(quiet));
        if (now_ms() - asked > longest) longest = now_ms() - asked;
        count_lines(listener, heard, 50);
    }
    flooders_stop = 1;
    CHECK(workers_join(PATIENCE_MS));
    check_shares(heard);
    CHECK_STILL_GOOD();
    CHECK_LE(longest, 1000);
    test_note("(longest wait of a quiet client %lld ms)", longest);
    CHECK_EQ(server_stop(server), 0);
}
