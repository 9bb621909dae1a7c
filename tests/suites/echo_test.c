/* echo_test.c - what one client gets back: every byte, in order, to the end. */
#include "../harness/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sends `bytes` of noise and expects the same back; for messages that fit into the connection's
 * buffers. */
static bool echoes_noise(Client *client, Noise *noise, size_t bytes)
{
    char *sent = (char *)malloc(2 * bytes);
    bool good = false;

    if (sent) {
        noise_fill(noise, sent, bytes);
        good = client_send(client, sent, bytes) && client_recv(client, sent + bytes, bytes)
               && memcmp(sent, sent + bytes, bytes) == 0;
    }
    free(sent);
    return good;
}

TEST(echo_message_sizes)
{
    static const size_t sizes[] = { 1, 2, 2047, 2048, 4095, 4096, 4097, 65535, 65536, 65537, 1 };
    Server *server = server_start("--echo --quiet");
    Client *client = client_connect(server);
    Noise noise;

    noise_start(&noise, 1);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        CHECK(echoes_noise(client, &noise, sizes[i]));
    }
    for (unsigned int i = 0; i < 500; i++) {
        size_t bytes = 1 + noise_below(&noise, i % 10 ? 300 : 30000);
        CHECK(echoes_noise(client, &noise, bytes));
    }
    CHECK(!client_readable(client, 50));
    CHECK_EQ(server_stop(server), 0);
}

TEST(echo_all_byte_values)
{
    Server *server = server_start("--echo --quiet");
    Client *client = client_connect(server);
    char all[256], answer[256];

    for (int i = 0; i < 256; i++) all[i] = (char)i;
    for (int i = 0; i < 256; i++) { /* each by itself, then all together */
        CHECK(client_send(client, all + i, 1));
        CHECK(client_recv(client, answer, 1));
        CHECK_EQ(answer[0], all[i]);
    }
    CHECK(client_send(client, all, sizeof all));
    CHECK(client_recv(client, answer, sizeof all));
    CHECK(memcmp(all, answer, sizeof all) == 0);
    CHECK(client_send(client, "\0\r\n\xff\xff\xf4\r\0\n\r\r\n\0", 13)); /* telnet's commands too */
    CHECK(client_recv(client, answer, 13));
    CHECK(memcmp(answer, "\0\r\n\xff\xff\xf4\r\0\n\r\r\n\0", 13) == 0);
    CHECK(!client_readable(client, 50));
    CHECK_EQ(server_stop(server), 0);
}

/* Sends this much noise, while another thread reads, and then half-closes. */
typedef struct Sender {
    Client *client;
    Noise noise;
    long long bytes;
    volatile LONG good;
} Sender;

static void sender_run(void *argument)
{
    Sender *sender = (Sender *)argument;
    char data[50000];
    long long left = sender->bytes;

    while (left > 0) {
        size_t part = left < (long long)sizeof data ? (size_t)left : sizeof data;
        noise_fill(&sender->noise, data, part);
        if (!client_send(sender->client, data, part)) return;
        left -= (long long)part;
    }
    sender->good = client_half_close(sender->client);
}

static bool sender_start(Sender *sender, Client *client, unsigned int seed, long long bytes)
{
    sender->client = client;
    noise_start(&sender->noise, seed);
    sender->bytes = bytes;
    sender->good = 0;
    return worker_start(sender_run, sender);
}

/* Reads up to the end of file and checks the noise; returns the number of bytes, -1 if the end was not a normal one, -2
 * for a wrong byte. */
static long long drain_noise(Client *client, unsigned int seed)
{
    static char data[65536];
    long long total = 0;
    Noise noise;

    noise_start(&noise, seed);
    for (;;) {
        int got = client_recv_some(client, data, sizeof data);
        if (got == RECV_EOF) return total;
        if (got < 0) return -1;
        if (!noise_check(&noise, data, (size_t)got)) return -2;
        total += got;
    }
}

TEST(echo_64_mib)
{
    static Sender sender;
    const long long bytes = 64LL << 20;
    Server *server = server_start("--echo --quiet");
    Client *client = client_connect(server);
    long long start = now_ms(), spent;

    CHECK(sender_start(&sender, client, 64, bytes));
    CHECK_EQ(drain_noise(client, 64), bytes);
    CHECK(workers_join(PATIENCE_MS));
    CHECK(sender.good);
    spent = now_ms() - start;
    CHECK_EQ(server_stop(server), 0);
    CHECK_HAS(server_output(server), "67108864 bytes in, 67108864 bytes out");
    test_note("(%lld MB/s)", spent ? bytes / 1000 / spent : 0);
}

TEST(echo_half_close)
{
    Server *server = server_start("--echo");
    Client *client = client_connect(server);
    char answer[3];

    CHECK(client_send(client, "bye", 3));
    CHECK(client_half_close(client));
    CHECK(client_recv(client, answer, 3));
    CHECK(memcmp(answer, "bye", 3) == 0);
    CHECK(client_at_eof(client));
    CHECK_HAS(server_line(server, "#1 ", " left "), "in 3 bytes, out 3 bytes, closed by the client");

    client = client_connect(server); /* one that says nothing at all */
    CHECK(client_half_close(client));
    CHECK(client_at_eof(client));
    CHECK_HAS(server_line(server, "#2 ", " left "), "in 0 bytes, out 0 bytes, closed by the client");
    CHECK_EQ(server_stop(server), 0);
}

/* When the client half-closes, the buffers of both directions are full of unread bytes. */
TEST(echo_half_close_in_flight)
{
    Server *server = server_start("--echo --quiet");
    Client *client = client_connect(server);
    long long sent;
    Noise noise;

    noise_start(&noise, 5);
    sent = client_stuff(client, &noise, 300);
    CHECK_LE(100000, sent);
    CHECK(client_half_close(client));
    Sleep(300);
    CHECK_EQ(drain_noise(client, 5), sent);
    test_note("(%lld KB in flight)", sent / 1000);

    static Sender sender;
    client = client_connect(server);
    CHECK(sender_start(&sender, client, 6, 8 << 20));
    Sleep(300);
    CHECK_EQ(drain_noise(client, 6), 8 << 20);
    CHECK(workers_join(PATIENCE_MS));
    CHECK(sender.good);
    CHECK_EQ(server_stop(server), 0);
}

/* Resets in each state a session can be in: idle, with a send pending, with data just arriving. */
TEST(echo_reset_ends_one_session)
{
    Server *server = server_start("--echo");
    Client *steady = client_connect(server), *client;
    const char *line;
    Noise noise;
    char number[16];

    CHECK(client_echoes(steady, "before"));
    client = client_connect(server);
    CHECK(client_echoes(client, "idle"));
    client_reset(client);
    line = server_line(server, "#2 ", " left ");
    CHECK_HAS(line, "in 4 bytes, out 4 bytes, ");
    /* Wine sometimes takes the reset of an idle connection for a normal end. */
    CHECK(strstr(line, "reset by the client") || (on_wine() && strstr(line, "closed by the client")));

    client = client_connect(server);
    noise_start(&noise, 7);
    CHECK_LE(100000, client_stuff(client, &noise, 300));
    client_reset(client);
    CHECK_HAS(server_line(server, "#3 ", " left "), "reset by the client");
    CHECK(client_echoes(steady, "between"));

    for (int i = 4; i < 24; i++) {
        client = client_connect(server);
        CHECK(client_echoes(client, "accepted"));
        CHECK(client_stuff(client, &noise, 0) >= 0);
        client_reset(client);
        CHECK(client_echoes(steady, "during"));
        snprintf(number, sizeof number, "#%d ", i);
        CHECK_HAS(server_line(server, number, " left "), "reset by the client");
    }
    CHECK(client_echoes(steady, "after"));
    CHECK_EQ(server_stop(server), 0);
    CHECK_STR(server_errors(server), "");
}

TEST(echo_slow_reader)
{
    Server *server = server_start("--echo --quiet");
    Client *others[3], *slow = client_connect(server);
    long before, spent;
    long long sent;
    Noise noise;

    for (int i = 0; i < 3; i++) others[i] = client_connect(server);
    noise_start(&noise, 8);
    sent = client_stuff(slow, &noise, 500);
    CHECK_LE(100000, sent);
    before = server_cpu_ms(server);
    CHECK_LE(0, before);
    for (int i = 0; i < 15; i++) {
        for (int k = 0; k < 3; k++) CHECK(client_echoes(others[k], "served"));
        Sleep(200);
    }
    spent = server_cpu_ms(server) - before;
    CHECK_LE(spent, 49);
    CHECK(client_half_close(slow));
    CHECK_EQ(drain_noise(slow, 8), sent);
    CHECK_EQ(server_stop(server), 0);
    test_note("(%ld ms of CPU time in 3 s, %lld KB held)", spent, sent / 1000);
}
