/* steps_test.c - the two small servers of docs/steps: they echo, and they break where their pages say so. */
#include "../harness/test.h"

#include <stdio.h>
#include <string.h>

enum { TEXTBOOK_CLIENTS = 63, BUSY = 8, IN_FLIGHT = 16 * 1024 };

static int port;

/* Runs one of them, which is beside tests.exe. */
static Server *step_run(const char *name, const char *argument)
{
    const char *usual = server_exe;
    char path[64];
    Server *server;

    snprintf(path, sizeof path, "build/%s", name);
    server_exe = GetFileAttributesA(path) == INVALID_FILE_ATTRIBUTES ? name : path;
    server = server_run(argument);
    server_exe = usual;
    return server;
}

/* Starts one and learns its port from its first line. */
static Server *step_start(const char *name)
{
    Server *server = step_run(name, "0");
    const char *line = server_line(server, "listening on port ", NULL);
    port = line ? (int)number_after(line, "port ") : 0;
    return port > 0 ? server : NULL;
}

static Client *step_connect(void)
{
    return client_connect_to("127.0.0.1", port);
}

/* Returns true if long messages, one after the other, come back as they were sent. */
static bool echoes_much(Client *client)
{
    static char data[20000], answer[sizeof data];
    Noise noise;

    noise_start(&noise, 14);
    for (int i = 0; i < 20; i++) {
        noise_fill(&noise, data, sizeof data);
        if (!client_send(client, data, sizeof data) || !client_recv(client, answer, sizeof answer)) return false;
        if (memcmp(data, answer, sizeof data) != 0) return false;
    }
    return true;
}

static bool ends_in_order(Client *client)
{
    return client_half_close(client) && client_at_eof(client);
}

TEST(steps_1_one_client)
{
    Server *server = step_start("1-one-client.exe");
    Client *first = step_connect(), *second = step_connect();
    char answer[17];

    CHECK(server != NULL);
    CHECK(client_echoes(first, "hello"));
    CHECK(echoes_much(first));
    CHECK(client_send(second, "is anybody there?", sizeof answer));
    CHECK(!client_readable(second, 300)); /* it waits in the backlog until the first has left */
    client_reset(first);
    CHECK(client_recv(second, answer, sizeof answer));
    CHECK(ends_in_order(second));
    CHECK(client_echoes(step_connect(), "the third"));
    CHECK_EQ(server_wait(server, 0), -1);
}

TEST(steps_2_many_clients)
{
    Server *server = step_start("2-many-clients.exe");
    Client *clients[TEXTBOOK_CLIENTS];

    CHECK(server != NULL);
    for (int i = 0; i < TEXTBOOK_CLIENTS; i++) clients[i] = step_connect();
    for (int i = 0; i < TEXTBOOK_CLIENTS; i++) CHECK(client_echoes(clients[i], "hello"));
    CHECK(echoes_much(clients[TEXTBOOK_CLIENTS - 1]));
    CHECK(client_at_eof(step_connect())); /* one too many is turned away */
    client_reset(clients[0]);
    CHECK(ends_in_order(clients[1]));
    for (int i = 2; i < TEXTBOOK_CLIENTS; i++) CHECK(client_echoes(clients[i], "still here"));
    CHECK(client_echoes(step_connect(), "there is room again"));
    CHECK_EQ(server_wait(server, 0), -1);
}

TEST(steps_cannot_listen)
{
    static const char *const names[] = { "1-one-client.exe", "2-many-clients.exe" };
    char argument[20], line[100];

    CHECK(step_start(names[0]) != NULL);
    snprintf(argument, sizeof argument, "%d", port);
    snprintf(line, sizeof line, "cannot listen on port %d: error 10048 (WSAEADDRINUSE, ", port);
    for (int i = 0; i < 2; i++) {
        Server *second = step_run(names[i], argument);
        CHECK_EQ(server_wait(second, PATIENCE_MS), 1);
        CHECK_HAS(server_output(second), line);
    }
}

/* ---- the starving ---- */

typedef struct Talker {
    Client *client;
    volatile LONG served; /* KiB */
} Talker;

static Talker talkers[BUSY];
static volatile LONG talkers_stop;

/* Sends back everything that comes, so the server always has something to do for this client. */
static void talker_run(void *argument)
{
    Talker *talker = (Talker *)argument;
    static const char start[IN_FLIGHT] = { 0 };
    char data[1024];

    if (!client_send(talker->client, start, sizeof start)) return;
    while (!talkers_stop && client_recv(talker->client, data, sizeof data)
           && client_send(talker->client, data, sizeof data))
        InterlockedIncrement(&talker->served);
}

/* The wait returns the lowest index that is signaled, and only that one is served. This shows what the page of step 2
 * says about the textbook's server. The crowd tests demand the opposite from the real server. */
TEST(steps_2_starves)
{
    Server *server = step_start("2-many-clients.exe");
    LONG least, most = 0;

    CHECK(server != NULL);
    talkers_stop = 0;
    for (int i = 0; i < BUSY; i++) {
        talkers[i].client = step_connect();
        talkers[i].served = 0;
        CHECK(client_echoes(talkers[i].client, "ready"));
    }
    for (int i = 0; i < BUSY; i++) CHECK(worker_start(talker_run, &talkers[i]));
    Sleep(2000);
    least = talkers[0].served;
    for (int i = 0; i < BUSY; i++) {
        LONG served = talkers[i].served;
        if (served < least) least = served;
        if (served > most) most = served;
    }
    talkers_stop = 1;
    servers_kill();
    CHECK(workers_join(PATIENCE_MS));
    CHECK_LE(1, most);
    CHECK_LE(4 * least, most);
    test_note("(%d busy clients: the most served got %ld KiB, the least %ld)", BUSY, most, least);
}
