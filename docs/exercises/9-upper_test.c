/* 9-upper_test.c - the test of exercise 9: an echo in capital letters. */
#include "../../tests/harness/test.h"

#include <string.h>

static bool answers(Client *client, const char *said, const char *answer)
{
    char got[256];
    size_t length = strlen(said);

    return client_send(client, said, length) && client_recv(client, got, length) && memcmp(got, answer, length) == 0;
}

TEST(upper_says_it_in_capitals)
{
    Server *server = server_start("--quiet");
    Client *client = client_connect(server);

    CHECK(answers(client, "hello, world\r\n", "HELLO, WORLD\r\n"));
    CHECK(answers(client, "AbC xyz 123 !?\n", "ABC XYZ 123 !?\n"));
    CHECK(answers(client, "{|}~`@[", "{|}~`@[")); /* the neighbors of a and z, and of A and Z */
    CHECK(answers(client, "\xec\x95\x88\xeb\x85\x95 a \xff\n", "\xec\x95\x88\xeb\x85\x95 A \xff\n")); /* only a to z */
    CHECK_EQ(server_stop(server), 0);
}

TEST(upper_sends_all_back)
{
    static char said[100000], got[sizeof said];
    Server *server = server_start("--quiet");
    Client *client = client_connect(server);

    for (size_t i = 0; i < sizeof said; i++) said[i] = (char)('a' + i % 26);
    for (size_t i = 0; i < sizeof said; i += 5000) {
        CHECK(client_send(client, said + i, 5000));
        CHECK(client_recv(client, got + i, 5000));
    }
    for (size_t i = 0; i < sizeof said; i++) CHECK_EQ(got[i], 'A' + (int)(i % 26));
    CHECK(client_half_close(client));
    CHECK(client_at_eof(client));
    CHECK_EQ(server_stop(server), 0);
    CHECK_STR(server_errors(server), "");
}

/* Reads the noise that was sent back, to the end. Returns the number of bytes, -1 if one is not the capital that it
 * should be. */
static long long drain_capitals(Client *client, unsigned int seed)
{
    static char got[65536], due[sizeof got];
    long long total = 0;
    Noise noise;
    int count;

    noise_start(&noise, seed);
    while ((count = client_recv_some(client, got, sizeof got)) > 0) {
        noise_fill(&noise, due, (size_t)count);
        for (int i = 0; i < count; i++) {
            if (due[i] >= 'a' && due[i] <= 'z') due[i] = (char)(due[i] - 'a' + 'A');
        }
        if (memcmp(got, due, (size_t)count) != 0) return -1;
        total += count;
    }
    return total;
}

/* While a client does not read, its send stays pending; the bytes of others must not get into it meanwhile. */
TEST(upper_clients_keep_apart)
{
    static char said[50000], got[sizeof said];
    Server *server = server_start("--quiet");
    Client *slow = client_connect_narrow(server), *quick = client_connect(server);
    long long sent;
    Noise noise;

    noise_start(&noise, 9);
    sent = client_stuff(slow, &noise, 300);
    CHECK_LE(100000, sent);
    memset(said, 'q', sizeof said);
    for (int i = 0; i < 10; i++) {
        CHECK(client_send(quick, said, sizeof said));
        CHECK(client_recv(quick, got, sizeof got));
    }
    for (size_t i = 0; i < sizeof got; i++) CHECK_EQ(got[i], 'Q');
    CHECK(client_half_close(slow));
    CHECK_EQ(drain_capitals(slow, 9), sent);
    CHECK_EQ(server_stop(server), 0);
}
