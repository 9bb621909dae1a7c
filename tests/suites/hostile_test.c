/* hostile_test.c - hostile clients: whatever they do, a bystander's line is heard soon, no client that reads is cut
 * off, and the server is idle when they are gone. */
#include "../harness/member.h"

#include <stdio.h>
#include <string.h>

enum {
    MOST = 200,         /* attackers */
    ATTACK_MS = 3000,   /* how long they go on */
    SOON_MS = 1000,     /* how long a line may take meanwhile; on a quiet machine it takes a tenth of that */
    PAYLOAD = 16 * 1024 /* bytes that each attacker sends again and again */
};

typedef struct Attack {
    Client *clients[MOST];
    int count;
    const char *payload;
    int bytes;
    int offsets[MOST]; /* in the payload, of each client's next byte */
    Server *server;
    volatile LONG stop;
    volatile LONG connections;
} Attack;

static Attack attack;

/* ---- attackers who stay: each sends as much as it can, and reads everything ---- */

static bool attacker_sends(int number)
{
    Client *client = attack.clients[number];
    int offset = attack.offsets[number], sent = send(client->sock, attack.payload + offset, attack.bytes - offset, 0);

    if (sent > 0) attack.offsets[number] = (offset + sent) % attack.bytes;
    return sent > 0;
}

static bool attacker_reads(int number)
{
    static char drain[64 * 1024]; /* of the one thread that attacks */

    return recv(attack.clients[number]->sock, drain, sizeof drain, 0) > 0;
}

static void attackers_run(void *argument)
{
    u_long nonblocking = 1;

    (void)argument;
    for (int i = 0; i < attack.count; i++) ioctlsocket(attack.clients[i]->sock, (long)FIONBIO, &nonblocking);
    while (!attack.stop) {
        bool busy = false;
        for (int i = 0; i < attack.count && !attack.stop; i++) {
            if (attacker_sends(i)) busy = true;
            while (attacker_reads(i)) busy = true;
        }
        if (!busy) Sleep(1);
    }
    for (int i = 0; i < attack.count; i++) client_reset(attack.clients[i]);
}

/* Connects the attackers. Each sends `first`, which tells the server what kind of client it is. */
static bool attackers_come(Server *server, int count, const char *first)
{
    memset(&attack, 0, sizeof attack);
    attack.server = server;
    for (attack.count = 0; attack.count < count; attack.count++) {
        Client *client = member_join(server, NULL);
        if (!client || !client_send(client, first, strlen(first))) return false;
        attack.clients[attack.count] = client;
    }
    return true;
}

/* ---- attackers who come and go ---- */

static void churn_run(void *argument)
{
    const char *last_words = (const char *)argument;

    while (!attack.stop) {
        Client *client = client_connect(attack.server);
        if (!client) return;
        for (bool more = *last_words != '\0'; more && !attack.stop;) {
            more = send(client->sock, last_words, (int)strlen(last_words), 0) > 0;
        }
        client_close(client);
        InterlockedIncrement(&attack.connections);
    }
}

/* ---- bystanders ---- */

/* Says a line now and then. Returns the longest time in ms until the other heard one, or -1 if it was not heard. */
static long long lines_take(Client *from, Client *to)
{
    long long begin = now_ms(), longest = 0;
    char line[40], heard[40];

    for (int i = 0; now_ms() - begin < ATTACK_MS; i++) {
        long long said = now_ms();
        snprintf(line, sizeof line, "line %d", i);
        snprintf(heard, sizeof heard, "ann: line %d", i);
        if (!member_says(from, line) || !member_awaits(to, heard)) return -1;
        if (now_ms() - said > longest) longest = now_ms() - said;
        while (client_readable(from, 0)) {
            char lost[4096];
            if (client_recv_some(from, lost, sizeof lost) <= 0) return -1;
        }
        Sleep(150);
    }
    return longest;
}

/* Returns the server's processor time in a second, once the attackers are gone. */
static long rest_ms(Server *server)
{
    long before;

    Sleep(2000);
    before = server_cpu_ms(server);
    Sleep(1000);
    return server_cpu_ms(server) - before;
}

static void check_bystanders(Server *server, Client *ann, Client *bob)
{
    long long longest = lines_take(ann, bob);

    InterlockedExchange(&attack.stop, 1);
    CHECK_LE(0, longest);
    CHECK_LE(longest, SOON_MS);
    CHECK(workers_join(PATIENCE_MS));
    CHECK_LE(rest_ms(server), 200);
    CHECK(member_says(ann, "after it"));
    CHECK(member_awaits(bob, "ann: after it"));
    CHECK(!strstr(server_output(server), "cut off"));
    test_note("(a line took %lld ms at most)", longest);
}

/* Lets `count` attackers send `payload` without end. */
static void check_attack(int count, const char *first, const char *payload, int bytes)
{
    Server *server = server_start("--chat");
    Client *ann = member_join(server, "ann"), *bob = member_join(server, "bob");

    CHECK(ann && bob);
    CHECK(attackers_come(server, count, first));
    attack.payload = payload;
    attack.bytes = bytes;
    CHECK(worker_start(attackers_run, NULL));
    check_bystanders(server, ann, bob);
    CHECK_STILL_GOOD();
    CHECK_EQ(server_stop(server), 0);
}

static const char *repeated(const char *part, int bytes)
{
    static char payload[PAYLOAD + 1];
    int length = (int)strlen(part);

    for (int i = 0; i + length <= bytes; i += length) memcpy(payload + i, part, (size_t)length);
    return payload;
}

TEST(hostile_nops)
{
    check_attack(20, "", repeated("\xFF\xF1", PAYLOAD), PAYLOAD);
}

/* Backspace over a long line, which is echoed. */
TEST(hostile_backspaces)
{
    static char payload[7000];

    memset(payload, 'a', 4000);
    memset(payload + 4000, 0x7F, 3000);
    check_attack(6, "k", payload, sizeof payload);
}

/* Echo off and on over a line, which is redrawn each time. */
TEST(hostile_echo_toggles)
{
    check_attack(5, "k", repeated("aaaaaaaa\xFF\xFE\x01\xFF\xFD\x01", PAYLOAD), PAYLOAD / 14 * 14);
}

TEST(hostile_typists)
{
    check_attack(60, "k", repeated("typed key by key\r", PAYLOAD), PAYLOAD / 17 * 17);
}

TEST(hostile_who_askers)
{
    check_attack(MOST, "", repeated("/who\n", PAYLOAD), PAYLOAD / 5 * 5);
}

static void check_churn(int workers, const char *last_words)
{
    Server *server = server_start("--chat");
    Client *ann = member_join(server, "ann"), *bob = member_join(server, "bob");

    CHECK(ann && bob);
    memset(&attack, 0, sizeof attack);
    attack.server = server;
    for (int i = 0; i < workers; i++) CHECK(worker_start(churn_run, (void *)last_words));
    check_bystanders(server, ann, bob);
    CHECK_STILL_GOOD();
    CHECK_EQ(server_stop(server), 0);
    test_note("(%ld connections)", attack.connections);
}

TEST(hostile_churn)
{
    check_churn(2, "");
}

/* Says /quit, and then sends without end. */
TEST(hostile_quitters)
{
    check_churn(6, "/quit and more and more and more and more\n");
}

/* The echo server, while clients connect and close as fast as they can. */
TEST(hostile_churn_echo)
{
    Server *server = server_start("--echo --quiet");
    Client *client = client_connect(server);
    long long begin = now_ms(), longest = 0;

    memset(&attack, 0, sizeof attack);
    attack.server = server;
    for (int i = 0; i < 2; i++) CHECK(worker_start(churn_run, (void *)""));
    while (now_ms() - begin < ATTACK_MS) {
        long long sent = now_ms();
        CHECK(client_echoes(client, "ping"));
        if (now_ms() - sent > longest) longest = now_ms() - sent;
        Sleep(20);
    }
    InterlockedExchange(&attack.stop, 1);
    CHECK(workers_join(PATIENCE_MS));
    CHECK_LE(longest, SOON_MS);
    CHECK_EQ(server_stop(server), 0);
    test_note("(a ping took %lld ms at most, %ld connections)", longest, attack.connections);
}

/* Clients that had to wait, and then reset, leave their places to others. */
TEST(hostile_dead_clients_leave_their_places)
{
    Server *server = server_start("--chat --quiet --max-clients 11");
    Client *ann = member_join(server, "ann"), *newcomer;
    char line[LINE_SIZE];
    long long begin;

    CHECK(ann);
    CHECK(attackers_come(server, 10, ""));
    attack.payload = repeated("\xFF\xF1", PAYLOAD);
    attack.bytes = PAYLOAD;
    CHECK(worker_start(attackers_run, NULL));
    Sleep(2000);
    InterlockedExchange(&attack.stop, 1); /* they reset */
    CHECK(workers_join(PATIENCE_MS));
    begin = now_ms();
    for (;;) {
        newcomer = client_connect(server);
        CHECK(newcomer && client_line(newcomer, line, sizeof line));
        if (strncmp(line, "*** welcome", 11) == 0 || now_ms() - begin > PATIENCE_MS) break;
        client_close(newcomer);
        Sleep(100);
    }
    CHECK_LE(now_ms() - begin, 2500);
    CHECK_EQ(server_stop(server), 0);
    test_note("(after %lld ms)", now_ms() - begin);
}
