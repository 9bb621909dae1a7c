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
    CHECK(answers(client, "{|}~`@[", "{|}~`@[")); /* the neighbours of a and z, and of A and Z */
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
