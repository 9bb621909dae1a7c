/* operator_test.c - lines typed at the server of a chat: they are said to the room, or list, remove and ban members. */
#include "../harness/member.h"

#include <stdio.h>
#include <string.h>

enum { ENDS_MS = 1000, HEARD_MS = 1000 };

static const char removed[] = "! you were removed by the operator";

/* Drops everything that was said before. An answer goes out in front of the room's messages, so only a second answer
 * proves that none of those are left. */
static bool settled(Client *client)
{
    return member_asks(client) && member_asks(client);
}

/* Waits until the client has read the line, dropping all others. Returns the ms, -1 if it does not come. */
static long long ms_until(Client *client, const char *last)
{
    long long start = now_ms();

    return member_awaits(client, last) ? now_ms() - start : -1;
}

/* Reads to the end. Returns the ms until the connection has ended, -1 if it does not end. */
static long long ms_until_end(Client *client)
{
    long long start = now_ms();
    char bytes[4096];
    int got;

    do {
        got = client_recv_some(client, bytes, sizeof bytes);
    } while (got > 0);
    return got == RECV_TIMEOUT ? -1 : now_ms() - start;
}

TEST(operator_says)
{
    Server *server = server_start_typed("--chat");
    Client *ann = member_join(server, "ann"), *bob = member_join(server, "bob"), *late;

    CHECK(ann && bob && settled(ann));
    CHECK(server_types(server, "\xEF\xBB\xBF"
                               "five minutes left\r\n \n//who is no command\n" GA NA "\n"));
    CHECK(member_hears(ann, "*** operator: five minutes left"));
    CHECK(member_hears(ann, "*** operator: /who is no command"));
    CHECK(member_hears(ann, "*** operator: " GA NA));
    CHECK(member_awaits(bob, "*** operator: " GA NA));
    CHECK(server_line(server, "*** operator: five minutes left", NULL));
    late = client_connect(server);
    CHECK(member_awaits(late, "*** operator: " GA NA));
    CHECK_EQ(server_stop(server), 0);
}

/* No member can say a line that looks like the operator's. */
TEST(operator_not_forged)
{
    Server *server = server_start_typed("--chat");
    Client *ann = member_join(server, "ann"), *bob = member_join(server, "bob");
    const char *heard;

    CHECK(settled(ann));
    CHECK(member_says(bob, "/nick *** operator:") && member_says(bob, "/nick operator:"));
    CHECK(member_says(bob, "/nick operator") && member_says(bob, "*** operator: forged"));
    CHECK(member_says(bob, "/me *** operator: forged") && member_says(bob, "x\r*** operator: forged"));
    CHECK(member_says(bob, "/quit *** operator: forged"));
    heard = member_hears_until(ann, "*** operator left: *** operator: forged (1 here)");
    CHECK(!strstr(heard, "(no more)"));
    CHECK(!strstr(heard, "\n*** operator:") && strncmp(heard, "*** operator:", 13) != 0);
    CHECK_EQ(server_stop(server), 0);
}

TEST(operator_lists)
{
    Server *server = server_start_typed("--chat --quiet");
    Client *ann = member_join(server, "ann"), *bob = member_join(server, "bob");
    char port[20];

    CHECK(settled(ann) && settled(bob));
    CHECK(server_types(server, "/WHO\n"));
    CHECK(server_line(server, "2 here:", NULL));
    snprintf(port, sizeof port, ":%d, here for 0:00:", client_port(ann));
    CHECK(server_line(server, "#1 ann ", port));
    snprintf(port, sizeof port, ":%d, here for 0:00:", client_port(bob));
    CHECK(server_line(server, "#2 bob ", port));
    CHECK(
        server_types(server, "/help\n/frob\n/kick\n/kick #\n/kick nobody\n/kick #7 x\n/unban 1.2.3.4\n/unban\n/ban\n"));
    CHECK(server_line(server, "no address is banned", NULL));
    CHECK_HAS(server_output(server), "/unban ADDRESS           let it in again\n");
    CHECK_HAS(server_output(server), "! /frob: no such command, /help lists them\n");
    CHECK_EQ(count_text(server_output(server), "a name or number is missing, as in /kick #3"), 2);
    CHECK_HAS(server_output(server), "! /kick nobody: not here, /who lists the members\n");
    CHECK_HAS(server_output(server), "! /kick #7: not here, /who lists the members\n");
    CHECK_EQ(count_text(server_output(server), "that address is not banned, /ban lists those that are"), 2);
    CHECK_STR(server_errors(server), "");
    CHECK_EQ(server_stop(server), 0);
}

TEST(operator_kicks)
{
    Server *server = server_start_typed("--chat");
    Client *ann = member_join(server, "ann"), *bob = member_join(server, "bob"), *cleo = member_join(server, "cleo");

    CHECK(settled(ann) && settled(bob));
    CHECK(server_types(server, "/kick BOB  no  shouting \n"));
    CHECK(member_awaits(bob, "! you were removed by the operator: no  shouting"));
    CHECK(client_at_eof(bob));
    client_close(bob);
    CHECK(member_awaits(ann, "*** bob left: removed by the operator (2 here)"));
    CHECK(server_line(server, "#2 bob is removed", NULL));
    CHECK(server_line(server, "#2 ", ", removed by the operator"));
    CHECK(server_types(server, "/kick #3\n"));
    CHECK(member_awaits(cleo, removed) && client_at_eof(cleo));
    client_close(cleo);
    CHECK(member_hears(ann, "*** cleo left: removed by the operator (1 here)"));
    CHECK(member_says(ann, "/who") && member_hears(ann, "*** 1 here: ann"));
    bob = member_join(server, "bob"); /* a kick is not a ban */
    CHECK(member_awaits(ann, "*** guest4 is now bob (2 here)"));
    CHECK_EQ(server_stop(server), 0);
}

TEST(operator_bans)
{
    Server *server = server_start_typed("--chat --bind 127.0.0.1");
    Client *ann, *bob;

    ann = client_connect_to("127.0.0.1", server_port(server));
    CHECK(settled(ann));
    CHECK(server_types(server, "/ban #1 spam\n"));
    CHECK(member_awaits(ann, "! you were removed by the operator: spam") && client_at_eof(ann));
    CHECK(server_line(server, "#1 guest1 is removed, and 127.0.0.1 is banned", NULL));
    bob = client_connect_to("127.0.0.1", server_port(server));
    CHECK(member_hears(bob, "you are banned") && client_at_eof(bob));
    CHECK(server_types(server, "/ban\n"));
    CHECK(server_line(server, "127.0.0.1 is banned", NULL));
    CHECK(server_types(server, "/unban 127.0.0.1\n"));
    CHECK(server_line(server, "127.0.0.1 is no longer banned", NULL));
    bob = client_connect_to("127.0.0.1", server_port(server));
    CHECK(settled(bob));
    CHECK_EQ(server_stop(server), 0);
}

/* The same on the socket for IPv4 and IPv6, where IPv4 clients have IPv6 addresses. */
TEST(operator_bans_both)
{
    Server *server = server_start_typed("--chat");
    Client *four, *six = NULL;

    SKIP_IF(!have_ipv6(), "no IPv6");
    four = client_connect_to("127.0.0.1", server_port(server));
    six = client_connect_to("::1", server_port(server));
    CHECK(settled(four) && settled(six));
    CHECK(server_types(server, "/ban #1\n"));
    CHECK(member_awaits(four, removed) && client_at_eof(four));
    four = client_connect_to("127.0.0.1", server_port(server));
    CHECK(member_hears(four, "you are banned"));
    CHECK(member_asks(client_connect_to("::1", server_port(server))));
    CHECK(server_types(server, "/ban #2\n/unban 127.0.0.1\n/ban\n"));
    CHECK(server_line(server, "127.0.0.1 is no longer banned", NULL) && member_awaits(six, removed));
    CHECK(member_asks(client_connect_to("127.0.0.1", server_port(server))));
    CHECK_EQ(server_stop(server), 0);
}

TEST(operator_quits)
{
    Server *server = server_start_typed("--chat --quiet");
    Client *ann = member_join(server, "ann");

    CHECK(settled(ann));
    CHECK(server_types(server, "/quit\nmore\n/quit\n"));
    CHECK(member_hears_goodbye(ann));
    client_close(ann);
    CHECK_EQ(server_wait(server, PATIENCE_MS), 0);
    CHECK_HAS(server_output(server), "stopped: 1 client served");
}

TEST(operator_input_ends)
{
    Server *server = server_start_typed("--chat");
    Client *ann = member_join(server, "ann");

    CHECK(settled(ann));
    CHECK(server_types(server, "the last line has no end"));
    server_end_input(server);
    CHECK(member_hears(ann, "*** operator: the last line has no end"));
    Sleep(300);
    CHECK(settled(ann));
    CHECK_EQ(server_wait(server, 0), -1);
    CHECK_EQ(server_stop(server), 0);
}

/* With --step the keyboard belongs to the steps; an echo has no operator. */
TEST(operator_none)
{
    Server *server = server_start_typed("--echo --quiet"), *slow;
    Client *client = client_connect(server);

    CHECK(server_types(server, "/quit\n"));
    slow = server_start_typed("--chat --slow 1");
    CHECK(server_types(slow, "/quit\n"));
    Sleep(300);
    CHECK(client_echoes(client, "still here"));
    CHECK_EQ(server_wait(slow, 0), -1);
    CHECK_EQ(server_stop(server), 0);
    CHECK_EQ(server_stop(slow), 0);
}

/* Any bytes, and a line that does not end: the room gets UTF-8 without control characters. */
TEST(operator_any_bytes)
{
    Server *server = server_start_typed("--chat --quiet");
    Client *ann = member_join(server, "ann");
    static char line[20000];

    CHECK(settled(ann));
    CHECK(server_types(server, "a\x1B[2Jb\xFF"
                               "c\x07\n"));
    CHECK(member_hears(ann, "*** operator: a[2Jb\xEF\xBF\xBD"
                            "c"));
    memset(line, 'x', sizeof line - 2);
    line[sizeof line - 2] = '\n';
    CHECK(server_types(server, line) && server_types(server, "next\n"));
    CHECK(client_line(ann, line, LINE_SIZE));
    CHECK_EQ(strlen(line), strlen("*** operator: ") + 4095);
    CHECK(member_hears(ann, "*** operator: next"));
    CHECK_EQ(server_stop(server), 0);
}

/* ---- difficult members ---- */

typedef struct Flooder {
    Client *client;
    long long ended; /* when it could send no more; now_ms() */
} Flooder;

static Flooder flooder;

static void flood(void *argument)
{
    Flooder *one = (Flooder *)argument;
    char line[1000];

    memset(line, '-', sizeof line);
    line[sizeof line - 1] = '\n';
    while (client_send(one->client, line, sizeof line)) {
    }
    one->ended = now_ms();
}

static void read_all(void *argument)
{
    ms_until_end((Client *)argument);
}

TEST(operator_flooder)
{
    Server *server = server_start_typed("--chat --quiet");
    Client *ann = member_join(server, "ann");
    long long start, heard;
    char line[LINE_SIZE];

    memset(&flooder, 0, sizeof flooder);
    flooder.client = client_connect(server);
    CHECK(settled(ann) && flooder.client);
    CHECK(worker_start(read_all, flooder.client) && worker_start(flood, &flooder));
    start = now_ms();
    while (now_ms() - start < 1500) CHECK(client_line(ann, line, sizeof line));
    CHECK(server_types(server, "please stop\n"));
    heard = ms_until(ann, "*** operator: please stop");
    CHECK_LE(0, heard);
    CHECK_LE(heard, HEARD_MS);
    start = now_ms();
    CHECK(server_types(server, "/kick #2\n"));
    CHECK(workers_join(PATIENCE_MS));
    test_note("(the line was heard after %lld ms, the flooder ended after %lld ms)", heard, flooder.ended - start);
    CHECK_LE(flooder.ended - start, ENDS_MS);
    CHECK(member_awaits(ann, "*** guest2 left: removed by the operator (1 here)"));
    CHECK(settled(ann));
    CHECK_EQ(server_stop(server), 0);
}

/* Its send is pending because it does not read, so no last line can follow. */
TEST(operator_kicks_deaf)
{
    Server *server = server_start_typed("--chat");
    Client *deaf = client_connect_narrow(server), *ann = member_join(server, "ann"), *bob = member_join(server, "bob");
    char line[4000];
    long long start;

    memset(line, '-', sizeof line);
    line[sizeof line - 1] = '\n';
    CHECK(deaf && settled(bob));
    for (int i = 0; i < 100; i++) CHECK(client_send(ann, line, sizeof line));
    CHECK(member_says(ann, "that is all"));
    CHECK(member_awaits(bob, "ann: that is all"));
    start = now_ms();
    CHECK(server_types(server, "/kick #1\n"));
    CHECK(server_line(server, "#1 ", ", removed by the operator"));
    test_note("(ended after %lld ms)", now_ms() - start);
    CHECK_LE(now_ms() - start, ENDS_MS);
    CHECK(member_hears(bob, "*** guest1 left: removed by the operator (2 here)"));
    CHECK(settled(ann));
    CHECK_EQ(server_stop(server), 0);
}
