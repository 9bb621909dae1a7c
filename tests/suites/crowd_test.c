/* crowd_test.c - many clients: the groups of 64, coming and going, fairness, handles, a full server. */
#include "../harness/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GROUP_SESSIONS = 62 /* sessions that a Proactor thread serves at most */ };

/* ---- at once ---- */

static Client *crowd[1000];

static bool crowd_connect(Server *server, int count)
{
    for (int i = 0; i < count; i++) {
        if (!crowd[i]) crowd[i] = client_connect(server);
        if (!crowd[i]) return false;
    }
    return true;
}

/* Lets all send, and only then all read. Returns how many got their own bytes back. */
static int crowd_echoes(int count)
{
    int good = 0;
    char text[64], answer[64];

    for (int i = 0; i < count; i++) {
        if (!crowd[i]) continue;
        snprintf(text, sizeof text, "client %d of %d says hello\n", i, count);
        client_send(crowd[i], text, strlen(text));
    }
    for (int i = 0; i < count; i++) {
        if (!crowd[i]) continue;
        snprintf(text, sizeof text, "client %d of %d says hello\n", i, count);
        good += client_recv(crowd[i], answer, strlen(text)) && memcmp(answer, text, strlen(text)) == 0;
    }
    return good;
}

static void crowd_leave(int i)
{
    client_close(crowd[i]);
    crowd[i] = NULL;
}

TEST(crowd_of_1000)
{
    Server *server = server_start("--echo --quiet");
    const char *totals;

    memset(crowd, 0, sizeof crowd);
    CHECK(crowd_connect(server, 1000));
    for (int round = 0; round < 3; round++) CHECK_EQ(crowd_echoes(1000), 1000);
    CHECK(server_interrupt(server));
    for (int i = 0; i < 1000; i++) CHECK(client_at_eof(crowd[i]));
    clients_close();
    CHECK_EQ(server_wait(server, PATIENCE_MS), 0);

    totals = server_line(server, "stopped: ", NULL);
    CHECK_EQ(number_before(totals, " clients served"), 1000);
    CHECK_EQ(number_before(totals, " at once"), 1000);
    CHECK_EQ(number_before(totals, " bytes in"), number_before(totals, " bytes out"));
    CHECK_EQ(number_before(totals, " Proactor thread"), (1000 + GROUP_SESSIONS - 1) / GROUP_SESSIONS);
    CHECK_STR(server_errors(server), "");
}

/* Tests just under, at and over the size of a group, with holes made and filled again. */
static void group_edge(int count)
{
    Server *server = server_start("--echo --quiet");
    int left = 0;

    memset(crowd, 0, sizeof crowd);
    CHECK(crowd_connect(server, count));
    CHECK_EQ(crowd_echoes(count), count);
    for (int i = count - 1; i >= 0; i -= 3) crowd_leave(i);
    crowd_leave(0 == (count - 1) % 3 ? 1 : 0);
    for (int i = 0; i < count; i++) left += crowd[i] != NULL;
    CHECK_EQ(crowd_echoes(count), left);
    CHECK(crowd_connect(server, count));
    CHECK_EQ(crowd_echoes(count), count);
    for (int i = 0; i < count; i++) crowd_leave(i); /* to none at all, and back */
    CHECK(crowd_connect(server, count));
    CHECK_EQ(crowd_echoes(count), count);
    CHECK_EQ(server_stop(server), 0);
    CHECK_STR(server_errors(server), "");
}

TEST(crowd_at_group_edges)
{
    static const int counts[] = { 62, 63, 64, 124, 125 };

    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        group_edge(counts[i]);
        CHECK_STILL_GOOD();
    }
}

/* A group is opened when all are full, and not before: busy sessions migrate to where there are fewer, so opening
 * groups early would gain nothing. */
TEST(crowd_opens_groups)
{
    static const int counts[][2] = { { 1, 1 }, { 62, 1 }, { 63, 2 }, { 124, 2 }, { 125, 3 }, { 558, 9 }, { 559, 10 } };

    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        Server *server = server_start("--echo --quiet");
        memset(crowd, 0, sizeof crowd);
        CHECK(crowd_connect(server, counts[i][0]));
        CHECK_EQ(crowd_echoes(counts[i][0]), counts[i][0]);
        CHECK_EQ(server_stop(server), 0);
        CHECK_EQ(number_before(server_line(server, "stopped: ", NULL), " Proactor thread"), counts[i][1]);
    }
}

/* ---- coming and going ---- */

/* Sends messages of random sizes one after the other and checks the echoes, or keeps a lot of noise
 * in flight. */
typedef struct Talker {
    Client *client;
    unsigned int seed;
    volatile LONG bad, messages;
    long long served; /* messages or bytes */
} Talker;

static Talker talkers[63];
static volatile LONG talkers_stop;

static void talker_run(void *argument)
{
    Talker *talker = (Talker *)argument;
    char data[9000];
    Noise sent, answered, sizes;

    noise_start(&sent, talker->seed);
    noise_start(&answered, talker->seed);
    noise_start(&sizes, ~talker->seed);
    while (!talkers_stop && !talker->bad) {
        size_t bytes = 1 + noise_below(&sizes, noise_below(&sizes, 8) ? 200 : sizeof data);
        noise_fill(&sent, data, bytes);
        if (client_send(talker->client, data, bytes) && client_recv(talker->client, data, bytes)
            && noise_check(&answered, data, bytes)) {
            InterlockedIncrement(&talker->messages);
        } else {
            talker->bad = 1;
        }
    }
}

/* Connects a client, or does one of the things that clients do, which may end it. Returns false if an echo was
 * wrong. */
static bool passer_by(Server *server, Client **client, Noise *noise)
{
    bool good = true;

    if (!*client) {
        *client = client_connect(server);
        return *client != NULL;
    }
    switch (noise_below(noise, 6)) {
    case 0: client_close(*client); break;
    case 1: client_reset(*client); break;
    case 2: /* leaves without waiting for the answer */
        good = client_send(*client, "no answer, please", 17);
        client_close(*client);
        break;
    case 3:
        good = client_send(*client, "or be reset", 11);
        client_reset(*client);
        break;
    case 4:
        good = client_echoes(*client, "the last word") && client_half_close(*client) && client_at_eof(*client);
        client_close(*client);
        break;
    default: return client_echoes(*client, "I stay");
    }
    *client = NULL;
    return good;
}

/* Eight steady talkers, spread over three groups of passers-by. */
TEST(crowd_comes_and_goes)
{
    Server *server = server_start("--echo --quiet");
    Noise noise;
    int acts = 0;

    noise_start(&noise, 2025);
    talkers_stop = 0;
    memset(crowd, 0, sizeof crowd);
    memset(talkers, 0, sizeof talkers);
    for (int i = 0; i < 8; i++) {
        CHECK(crowd_connect(server, 20 * (i + 1)));
        talkers[i].client = client_connect(server);
        talkers[i].seed = (unsigned int)i;
        CHECK(client_echoes(talkers[i].client, "here"));
    }
    for (int i = 0; i < 8; i++) CHECK(worker_start(talker_run, &talkers[i]));
    for (long long end = now_ms() + 5000; now_ms() < end && acts < 5000; acts++) {
        CHECK(passer_by(server, &crowd[noise_below(&noise, 160)], &noise));
    }
    for (int i = 0; i < 8; i++) { /* each is still served */
        LONG before = talkers[i].messages;
        for (int k = 0; k < PATIENCE_MS / 10 && talkers[i].messages == before; k++) Sleep(10);
        CHECK(talkers[i].messages != before);
    }
    talkers_stop = 1;
    CHECK(workers_join(PATIENCE_MS));
    for (int i = 0; i < 8; i++) CHECK(!talkers[i].bad);
    CHECK_EQ(server_stop(server), 0);
    CHECK_STR(server_errors(server), "");
    test_note("(%d comings, goings and resets)", acts);
}

/* ---- fairness ---- */

static void ping_run(void *argument)
{
    Talker *talker = (Talker *)argument;
    char text[64], answer[64];

    memset(text, 'x', sizeof text);
    while (!talkers_stop) {
        if (!client_send(talker->client, text, sizeof text) || !client_recv(talker->client, answer, sizeof answer)) {
            talker->bad = 1;
            return;
        }
        talker->served++;
    }
}

/* Keeps 64 KiB under way: what comes back is sent again, so the server always has something from
 * this client. */
static void stream_run(void *argument)
{
    Talker *talker = (Talker *)argument;
    static const char start[65536] = { 0 };
    char data[8192];

    if (!client_send(talker->client, start, sizeof start)) talker->bad = 1;
    while (!talkers_stop && !talker->bad) {
        int got = client_recv_some(talker->client, data, sizeof data);
        if (got <= 0 || !client_send(talker->client, data, (size_t)got)) {
            talker->bad = 1;
            return;
        }
        talker->served += got;
    }
}

/* How much the least-served and the most-served client got while all were busy for 3 s. */
typedef struct Shares {
    int clients;
    long long least, most, all;
} Shares;

static void share_out(Server *server, void (*work)(void *), Shares *shares)
{
    bool newcomer;

    shares->least = shares->most = shares->all = 0;
    memset(talkers, 0, sizeof talkers);
    talkers_stop = 0;
    for (int i = 0; i < shares->clients; i++) {
        talkers[i].client = client_connect(server);
        CHECK(client_echoes(talkers[i].client, "ready"));
    }
    for (int i = 0; i < shares->clients; i++) CHECK(worker_start(work, &talkers[i]));
    Sleep(1500);
    newcomer = client_echoes(client_connect(server), "I am new");
    Sleep(1500);
    talkers_stop = 1;
    CHECK(workers_join(2 * PATIENCE_MS));
    for (int i = 0; i < shares->clients; i++) {
        long long served = talkers[i].served;
        CHECK(!talkers[i].bad);
        if (i == 0 || served < shares->least) shares->least = served;
        if (served > shares->most) shares->most = served;
        shares->all += served;
    }
    CHECK_LE(1, shares->least);
    CHECK(newcomer);
}

/* A busy machine may hold up some of our own threads, but a server that starves clients does so each time. */
static void fairness(int clients, void (*work)(void *), const char *unit)
{
    Shares shares = { clients, 0, 0, 0 };
    int tries = 0;

    do { /* each time with a new server, whose groups are empty */
        Server *server = server_start("--echo --quiet");
        share_out(server, work, &shares);
        CHECK_STILL_GOOD();
        CHECK_EQ(server_stop(server), 0);
    } while (++tries < 3 && shares.most > 2 * shares.least);
    CHECK_LE(shares.most, 2 * shares.least);
    test_note("(least/most %.2f, %lld %s, %s try)", (double)shares.least / (double)shares.most, shares.all, unit,
              tries == 1 ? "first" : "later");
}

TEST(crowd_is_served_fairly)
{
    fairness(32, ping_run, "messages");
}

/* The 63rd is alone in its group when it comes, and soon must share its thread. */
TEST(crowd_of_63_is_served_fairly)
{
    fairness(63, ping_run, "messages");
}

TEST(crowd_of_streams_is_fair)
{
    fairness(32, stream_run, "bytes");
}

/* ---- memory ---- */

enum { BURSTS = 100, BURST_BYTES = 256 * 1024 };

/* Sends enough that the server needs large buffers, and reads it all back. */
static void burst_run(void *argument)
{
    Talker *talker = (Talker *)argument;
    static const char data[BURST_BYTES] = { 0 };
    char answer[8192];

    for (int sent = 0; sent < BURST_BYTES && !talker->bad; sent += 65536) {
        if (!client_send(talker->client, data, 65536)) talker->bad = 1;
        for (int i = 0; i < 65536 && !talker->bad; i += (int)sizeof answer) {
            if (!client_recv(talker->client, answer, sizeof answer)) talker->bad = 1;
        }
    }
}

/* The memory of a burst is given back with the next small message: no pending receive is canceled for that. */
TEST(crowd_is_small_again)
{
    Server *server = server_start("--echo --quiet");
    long long before, most, after;

    memset(crowd, 0, sizeof crowd);
    memset(talkers, 0, sizeof talkers);
    CHECK(crowd_connect(server, BURSTS));
    CHECK_EQ(crowd_echoes(BURSTS), BURSTS);
    Sleep(1500);
    before = server_memory_kb(server);
    for (int i = 0; i < BURSTS; i++) {
        Talker *talker = &talkers[i % 50];
        talker->client = crowd[i];
        CHECK(worker_start(burst_run, talker));
        if (i % 50 == 49) CHECK(workers_join(PATIENCE_MS));
    }
    for (int i = 0; i < 50; i++) CHECK(!talkers[i].bad);
    most = server_memory_kb(server);
    CHECK_EQ(crowd_echoes(BURSTS), BURSTS);
    Sleep(1500);
    after = server_memory_kb(server);
    CHECK_LE(20 * BURSTS, most - before); /* else this would show nothing */
    CHECK_LE(after - before, 6 * BURSTS);
    CHECK_EQ(server_stop(server), 0);
    test_note("(per client: +%lld KiB in the burst, +%lld when quiet)", (most - before) / BURSTS,
              (after - before) / BURSTS);
}

/* ---- handles ---- */

static bool visit(Server *server, int clients)
{
    Client *visitors[10];
    bool good = true;

    for (int i = 0; i < clients; i++) visitors[i] = client_connect(server);
    for (int i = 0; i < clients; i++) {
        if (good) good = client_echoes(visitors[i], "hello, and good-bye");
        if (i % 4 == 3) {
            client_reset(visitors[i]);
        } else {
            client_close(visitors[i]);
        }
    }
    return good;
}

/* Returns the number of handles once the last client is gone. */
static long handles_after(Server *server, int clients)
{
    char number[32];
    long handles;

    snprintf(number, sizeof number, "#%d ", clients);
    if (!server_line(server, number, " left ")) return -1;
    do { /* the socket may be closed a moment later */
        handles = server_handles(server);
        Sleep(100);
    } while (handles != server_handles(server));
    return handles;
}

TEST(crowd_leaves_no_handle)
{
    Server *server = server_start("--echo");
    long before, after;
    int clients = 0;

    for (; clients < 50; clients += 10) CHECK(visit(server, 10));
    before = handles_after(server, clients);
    CHECK_LE(1, before);
    for (; clients < 2050; clients += 10) CHECK(visit(server, 10));
    after = handles_after(server, clients);
    CHECK_EQ(after, before);
    CHECK_EQ(server_stop(server), 0);
    CHECK_HAS(server_output(server), "stopped: 2050 clients served");
    test_note("(%ld handles)", before);
}

/* ---- a full server ---- */

static bool is_told_full(Client *client)
{
    char line[100];

    return client_line(client, line, sizeof line) && strcmp(line, "server full: 3 clients at most") == 0
           && client_at_eof(client);
}

TEST(crowd_server_full)
{
    static char early[5000];
    Server *server = server_start("--echo --max-clients 3");
    Client *inside[3], *outside[40];

    for (int i = 0; i < 3; i++) {
        inside[i] = client_connect(server);
        CHECK(client_echoes(inside[i], "inside"));
    }
    outside[0] = client_connect(server); /* sends a lot before it reads */
    CHECK(client_send(outside[0], early, sizeof early));
    Sleep(200); /* a reset in answer to its bytes would destroy the line that it has not read yet */
    CHECK(is_told_full(outside[0]));
    client_close(outside[0]);
    for (int i = 0; i < 40; i++) outside[i] = client_connect(server);
    for (int i = 0; i < 40; i++) {
        CHECK(is_told_full(outside[i]));
        CHECK(client_echoes(inside[i % 3], "still inside"));
        client_close(outside[i]);
    }
    client_close(inside[1]);
    CHECK(server_line(server, "#2 ", " left (2 clients)") != NULL);
    inside[1] = client_connect(server);
    CHECK(client_echoes(inside[1], "the next one"));
    outside[0] = client_connect(server);
    CHECK(is_told_full(outside[0]));
    CHECK_EQ(server_stop(server), 0);
    CHECK_EQ(number_before(server_line(server, "stopped: ", NULL), " at once"), 3);
}
