/* room_test.c - many talk at once: everybody hears everything, in one order, even when the server stops. */
#include "../harness/member.h"

#include <stdio.h>
#include <string.h>

/* ---- 50 clients send 100 lines each, all at once ---- */

enum { TALKERS = 50, LINES = 100 };

typedef struct Talker {
    Client *client;
    unsigned long id;                      /* the server calls it guestID */
    unsigned short heard[TALKERS * LINES]; /* talker * LINES + line */
    int count;
    bool good;
} Talker;

static Talker talkers[TALKERS];
static HANDLE start; /* an event: all begin */

static void talker_line(char *line, size_t size, unsigned long id, int number)
{
    snprintf(line, size, "line %d of %d by guest%lu, %.*s.", number, LINES, id, number % 40,
             "0123456789012345678901234567890123456789");
}

static bool talker_talks(Talker *talker)
{
    char text[LINES * 100];
    size_t used = 0;

    for (int i = 0; i < LINES; i++) {
        talker_line(text + used, 98, talker->id, i);
        strcat(text + used, i % 2 ? "\r\n" : "\n");
        used += strlen(text + used);
    }
    return client_send(talker->client, text, used);
}

/* Records whose line it is, and which. Returns false if it is not exactly as it was sent. */
static bool talker_hears(Talker *talker, const char *line)
{
    char expected[LINE_SIZE], text[200];
    unsigned long id = 0;
    int number = 0;

    if (sscanf(line, "guest%lu: line %d of", &id, &number) != 2) return false;
    talker_line(text, sizeof text, id, number);
    snprintf(expected, sizeof expected, "guest%lu: %s", id, text);
    if (strcmp(line, expected) != 0 || talker->count == TALKERS * LINES) return false;
    for (int i = 0; i < TALKERS; i++) {
        if (talkers[i].id == id) talker->heard[talker->count] = (unsigned short)(i * LINES + number);
    }
    talker->count++;
    return true;
}

static void talker_run(void *argument)
{
    Talker *talker = (Talker *)argument;
    char line[LINE_SIZE];

    WaitForSingleObject(start, PATIENCE_MS);
    talker->good = talker_talks(talker);
    while (talker->good && talker->count < (TALKERS - 1) * LINES) {
        talker->good = client_line(talker->client, line, sizeof line);
        if (talker->good && line[0] != '*') talker->good = talker_hears(talker, line);
    }
}

static bool talker_join(Talker *talker, Server *server)
{
    char line[LINE_SIZE];

    memset(talker, 0, sizeof *talker);
    talker->client = client_connect(server);
    return client_line(talker->client, line, sizeof line)
           && sscanf(line, "*** welcome, you are guest%lu", &talker->id) == 1
           && client_line(talker->client, line, sizeof line);
}

/* Returns true if it heard every line of the others once, and each talker's lines in the order sent. */
static bool heard_each_once(const Talker *talker, int talking)
{
    int next[TALKERS] = { 0 };

    for (int i = 0; i < talker->count; i++) {
        int who = talker->heard[i] / LINES;
        if (&talkers[who] == talker || talker->heard[i] % LINES != next[who]++) return false;
    }
    return talker->count == (talking - 1) * LINES;
}

/* Returns true if both heard the same order, apart from their own lines, which they do not hear. */
static bool heard_the_same(const Talker *a, const Talker *b)
{
    int i = 0, k = 0;

    for (;;) {
        while (i < a->count && &talkers[a->heard[i] / LINES] == b) i++;
        while (k < b->count && &talkers[b->heard[k] / LINES] == a) k++;
        if (i == a->count || k == b->count) return i == a->count && k == b->count;
        if (a->heard[i++] != b->heard[k++]) return false;
    }
}

TEST(room_of_50)
{
    Server *server = server_start("--chat --quiet");
    long long begin, spent;
    char line[LINE_SIZE];

    if (!start) start = CreateEventA(NULL, TRUE, FALSE, NULL);
    ResetEvent(start);
    for (int i = 0; i < TALKERS; i++) CHECK(talker_join(&talkers[i], server));
    for (int i = 0; i < TALKERS; i++) CHECK(worker_start(talker_run, &talkers[i]));
    begin = now_ms();
    SetEvent(start);
    CHECK(workers_join(2 * PATIENCE_MS));
    spent = now_ms() - begin;
    for (int i = 0; i < TALKERS; i++) CHECK(talkers[i].good);
    for (int i = 0; i < TALKERS; i++) CHECK(heard_each_once(&talkers[i], TALKERS));
    for (int i = 1; i < TALKERS; i++) CHECK(heard_the_same(&talkers[0], &talkers[i]));
    for (int i = 2; i < TALKERS; i++) CHECK(heard_the_same(&talkers[1], &talkers[i]));
    CHECK(member_says(talkers[0].client, "the end")); /* nothing more came before that */
    snprintf(line, sizeof line, "guest%lu: the end", talkers[0].id);
    for (int i = 1; i < TALKERS; i++) CHECK(member_hears(talkers[i].client, line));
    CHECK_EQ(server_stop(server), 0);
    test_note("(%d lines delivered in %lld ms)", TALKERS * (TALKERS - 1) * LINES, spent);
}

/* ---- 1,000 clients, one sends 100 lines at once ---- */

static Client *crowd[1000];

static bool crowd_member_hears(Client *client, unsigned long id)
{
    char line[LINE_SIZE], text[200], expected[LINE_SIZE];

    for (int i = 0; i < LINES; i++) {
        do {
            if (!client_line(client, line, sizeof line)) return false;
        } while (line[0] == '*');
        talker_line(text, sizeof text, id, i);
        snprintf(expected, sizeof expected, "guest%lu: %s", id, text);
        if (strcmp(line, expected) != 0) return false;
    }
    return !client_readable(client, 0);
}

TEST(room_of_1000)
{
    Server *server = server_start("--chat --quiet");
    char line[LINE_SIZE];
    long long begin, spent;

    CHECK(talker_join(&talkers[0], server));
    for (int i = 1; i < 1000; i++) {
        crowd[i] = client_connect(server);
        CHECK(crowd[i] != NULL);
    }
    do { /* not always guest1000: groups of 62 let their clients in at the same time */
        CHECK(client_line(talkers[0].client, line, sizeof line));
    } while (!strstr(line, " joined (1000 here)"));
    begin = now_ms();
    CHECK(talker_talks(&talkers[0]));
    for (int i = 1; i < 1000; i++) CHECK(crowd_member_hears(crowd[i], talkers[0].id));
    spent = now_ms() - begin;
    CHECK(member_says(talkers[0].client, "/who")); /* more names than a line has room for */
    CHECK(client_line(talkers[0].client, line, sizeof line));
    CHECK_HAS(line, "*** 1000 here: guest");
    CHECK_HAS(line, " more");
    CHECK(server_interrupt(server));
    clients_close();
    CHECK_EQ(server_wait(server, PATIENCE_MS), 0);
    test_note("(heard by all after %lld ms)", spent);
}

/* ---- Ctrl+C ---- */

enum { LEAVERS = 20 };

/* Reads up to the end: all lines, then the goodbye line, then the end of file. */
static void leaver_run(void *argument)
{
    Talker *talker = (Talker *)argument;
    char line[LINE_SIZE], last[LINE_SIZE] = "";

    talker->good = true;
    while (client_line(talker->client, line, sizeof line)) {
        if (line[0] != '*' && !talker_hears(talker, line)) talker->good = false;
        strcpy(last, line);
    }
    if (!client_at_eof(talker->client) || strcmp(last, "*** good-bye") != 0) talker->good = false;
    client_half_close(talker->client);
}

/* The last lines are on their way when Ctrl+C comes. Late readers begin to read `late_ms` after that. */
static void check_stop(int late_ms)
{
    Server *server = server_start("--chat --quiet");
    long long begin, spent;

    for (int i = 0; i < LEAVERS; i++) CHECK(talker_join(&talkers[i], server));
    for (int i = 0; i < LEAVERS && !late_ms; i++) CHECK(worker_start(leaver_run, &talkers[i]));
    for (int i = 0; i < LEAVERS; i++) CHECK(talker_talks(&talkers[i]));
    begin = now_ms();
    CHECK(server_interrupt(server));
    Sleep((DWORD)late_ms);
    for (int i = 0; i < LEAVERS && late_ms; i++) CHECK(worker_start(leaver_run, &talkers[i]));
    CHECK_EQ(server_wait(server, PATIENCE_MS), 0);
    spent = now_ms() - begin;
    CHECK(workers_join(PATIENCE_MS));
    for (int i = 0; i < LEAVERS; i++) {
        CHECK(talkers[i].good);
        CHECK(heard_each_once(&talkers[i], LEAVERS));
        CHECK(heard_the_same(&talkers[0], &talkers[i]));
    }
    CHECK_LE(spent, 3000);
    CHECK_STR(server_errors(server), "");
    test_note("(after %lld ms)", spent);
}

TEST(room_stop)
{
    check_stop(0);
}

TEST(room_stop_late_readers)
{
    check_stop(300);
}

/* One client does not read while much is said, and never will. The others still hear everything, and the goodbye line.
 */
TEST(room_stop_with_a_deaf_client)
{
    Server *server = server_start("--chat --quiet");
    Client *deaf = member_join(server, "deaf"), *ann = member_join(server, "ann"), *bob = member_join(server, "bob");
    static char line[3000];
    long long begin, spent;

    CHECK(deaf && member_awaits(ann, "*** guest3 is now bob (3 here)"));
    memset(line, 'x', sizeof line - 1);
    for (int i = 0; i < 400; i++) {
        CHECK(member_says(ann, line));
        CHECK(client_line(bob, line, sizeof line));
        memset(line, 'x', sizeof line - 1);
    }
    CHECK(member_says(ann, "the end"));
    begin = now_ms();
    CHECK(server_interrupt(server));
    CHECK(member_hears(bob, "ann: the end"));
    CHECK(member_awaits(bob, "*** good-bye"));
    CHECK(client_at_eof(bob));
    CHECK(member_awaits(ann, "*** good-bye"));
    CHECK(client_at_eof(ann));
    CHECK_EQ(server_wait(server, PATIENCE_MS), 0);
    spent = now_ms() - begin;
    CHECK_LE(spent, 3000);
    test_note("(after %lld ms)", spent);
}
