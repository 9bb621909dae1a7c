/* 10-quiz_test.c - the test of exercise 10: three questions for each client. */
#include "../../tests/harness/test.h"

#include <string.h>

static bool hears(Client *client, const char *expected)
{
    char line[128];

    return client_line(client, line, sizeof line) && strcmp(line, expected) == 0;
}

static bool says(Client *client, const char *text)
{
    return client_send(client, text, strlen(text));
}

/* Checks what a client hears after two right answers: the third question too. */
static void hears_two_right(Client *client)
{
    CHECK(hears(client, "right"));
    CHECK(hears(client, "2 + 2 = ?"));
    CHECK(hears(client, "right"));
    CHECK(hears(client, "3 + 3 = ?"));
}

/* Checks what it hears after a wrong third answer, up to the end. */
static void hears_one_wrong(Client *client)
{
    CHECK(hears(client, "wrong"));
    CHECK(hears(client, "2 of 3 right"));
    CHECK(client_at_eof(client));
}

TEST(quiz_all_right)
{
    Server *server = server_start("--quiet");
    Client *client = client_connect(server);

    CHECK(hears(client, "1 + 1 = ?"));
    CHECK(says(client, "2\r\n"));
    CHECK(hears(client, "right"));
    CHECK(hears(client, "2 + 2 = ?"));
    CHECK(says(client, "4\n"));
    CHECK(hears(client, "right"));
    CHECK(hears(client, "3 + 3 = ?"));
    CHECK(says(client, "6\n"));
    CHECK(hears(client, "right"));
    CHECK(hears(client, "3 of 3 right"));
    CHECK(client_at_eof(client)); /* the server closes it normally */
    CHECK_EQ(server_stop(server), 0);
    CHECK_STR(server_errors(server), "");
}

/* TCP has no lines: they come in pieces, or several at once. A piece that was dropped would change which answers are
 * right. */
TEST(quiz_lines_come_as_they_like)
{
    Server *server = server_start("--quiet");
    Client *client = client_connect(server);

    CHECK(hears(client, "1 + 1 = ?"));
    CHECK(says(client, "2"));
    Sleep(100);
    CHECK(says(client, "\n4"));
    Sleep(100);
    CHECK(says(client, "\n1"));
    hears_two_right(client);
    CHECK_STILL_GOOD();
    Sleep(100);
    CHECK(says(client, "6\n"));
    hears_one_wrong(client);
    CHECK_STILL_GOOD();
    CHECK_EQ(server_stop(server), 0);
}

/* A piece that ends one line and holds the next: both are answered, although the client sends no more meanwhile. */
TEST(quiz_two_lines_in_one_receive)
{
    Server *server = server_start("--quiet");
    Client *client = client_connect(server);

    CHECK(hears(client, "1 + 1 = ?"));
    CHECK(says(client, "2"));
    Sleep(100);
    CHECK(says(client, "\n4\n1"));
    hears_two_right(client);
    CHECK_STILL_GOOD();
    CHECK(says(client, "6\n"));
    hears_one_wrong(client);
    CHECK_STILL_GOOD();
    CHECK_EQ(server_stop(server), 0);
}

/* Lines that come together are answered one after the other. */
TEST(quiz_all_at_once)
{
    Server *server = server_start("--quiet");
    Client *client = client_connect(server);

    CHECK(hears(client, "1 + 1 = ?"));
    CHECK(says(client, "2\n4\n\n"));
    hears_two_right(client);
    CHECK_STILL_GOOD();
    hears_one_wrong(client);
    CHECK_STILL_GOOD();
    CHECK_EQ(server_stop(server), 0);
}

/* Each client is asked from the start, whatever the others did; and one that leaves early harms nobody. */
TEST(quiz_two_at_once)
{
    Server *server = server_start("--quiet");
    Client *first = client_connect(server), *second = client_connect(server), *third = client_connect(server);

    CHECK(hears(first, "1 + 1 = ?"));
    CHECK(hears(second, "1 + 1 = ?"));
    CHECK(hears(third, "1 + 1 = ?"));
    CHECK(says(first, "2\n"));
    CHECK(hears(first, "right"));
    CHECK(hears(first, "2 + 2 = ?"));
    CHECK(says(second, "2\n"));
    CHECK(hears(second, "right"));
    CHECK(hears(second, "2 + 2 = ?"));
    client_reset(third);
    CHECK(client_half_close(first));
    CHECK(client_at_eof(first)); /* the client sends no more, so the server closes */
    CHECK(says(second, "4\n"));
    CHECK(hears(second, "right"));
    CHECK(hears(second, "3 + 3 = ?"));
    CHECK_EQ(server_stop(server), 0);
    CHECK_STR(server_errors(server), "");
}
