/* console_test.c - nobody waits for a console: a reader that stops, or is slow, costs lines and nothing else. */
#include "../harness/member.h"
#include "../harness/screen.h"
#include "../harness/timeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A chat tells everybody of thousands of visitors that come and go, which takes a while; CHAT_WAIT_MS shows only that
 * it keeps going. */
enum { VISITORS = 2000, ECHO_WAIT_MS = 200, CHAT_WAIT_MS = 8000, STOP_MS = 3000 };

/* ---- a client that asks all the time, and its longest wait ---- */

typedef struct Asker {
    Client *client, *listener; /* the listener hears what the client says; NULL: it is an echo */
    volatile LONG stop;
    volatile long asked;
    double longest; /* ms */
    bool bad;
} Asker;

static Asker asker, control;

static double precise_ms(void)
{
    LARGE_INTEGER now, frequency;

    QueryPerformanceCounter(&now);
    QueryPerformanceFrequency(&frequency);
    return (double)now.QuadPart * 1000 / (double)frequency.QuadPart;
}

static bool asker_ask(Asker *one)
{
    char line[LINE_SIZE], last[LINE_SIZE] = "";

    if (!one->listener) return client_echoes(one->client, "how long?");
    while (client_readable(one->client, 0)) client_recv_some(one->client, line, sizeof line);
    if (!member_says(one->client, "how long?")) {
        printf("\n    cannot say it: %d", WSAGetLastError());
        return false;
    }
    while (client_line(one->listener, line, sizeof line)) {
        if (strstr(line, ": how long?")) return true;
        snprintf(last, sizeof last, "%s", line);
    }
    printf("\n    the listener heard last: %s (%d)", last, WSAGetLastError());
    return false;
}

static void asker_run(void *argument)
{
    Asker *one = (Asker *)argument;

    while (!InterlockedCompareExchange(&one->stop, 0, 0) && !one->bad) {
        double start = precise_ms(), spent;
        one->bad = !asker_ask(one);
        spent = precise_ms() - start;
        if (spent > one->longest) one->longest = spent;
        InterlockedIncrement(&one->asked);
        Sleep(10);
    }
}

/* Visitors come and go, one after the other. */
static bool visit(Server *server, int visitors)
{
    for (int i = 0; i < visitors; i++) {
        Client *client = client_connect(server);
        if (!client) return false;
        client_close(client);
    }
    return true;
}

static bool asker_start(Asker *one, Client *client, Client *listener)
{
    memset(one, 0, sizeof *one);
    one->client = client;
    one->listener = listener;
    return client && worker_start(asker_run, one);
}

/* Visitors come and go while both ask. Returns how much longer than `limit` the longest wait was, in ms; 0 if it was
 * not longer, -1 if something went wrong. A busy machine makes everybody wait, so `limit` is extended by the longest
 * wait at a server that has no visitors and nothing to print. */
static double round_of_questions(Server *server, int limit)
{
    long long end;

    if (!visit(server, VISITORS)) return -1;
    end = now_ms() + PATIENCE_MS;
    while (asker.asked < 10 && now_ms() < end) Sleep(10); /* it keeps asking */
    InterlockedExchange(&asker.stop, 1);
    InterlockedExchange(&control.stop, 1);
    if (!workers_join(PATIENCE_MS) || asker.bad || control.bad || asker.asked < 10) return -1;
    return asker.longest > limit + control.longest ? asker.longest - limit - control.longest : 0;
}

/* Asks while visitors come and go. If the answer took too long, the machine may have been busy with something else, so
 * asks again, up to three times in all. Returns the number of visitors, 0 if something went wrong. */
static int visit_and_ask(Server *server, Client *client, Client *listener)
{
    Client *beside = client_connect(server_start("--echo --quiet"));
    int limit = listener ? CHAT_WAIT_MS : ECHO_WAIT_MS;

    for (int visitors = VISITORS; visitors <= 3 * VISITORS; visitors += VISITORS) {
        double late;
        if (!asker_start(&control, beside, NULL) || !asker_start(&asker, client, listener)) return 0;
        late = round_of_questions(server, limit);
        if (late < 0) printf("\n    %ld questions, then one without an answer", asker.asked);
        if (late < 0) return 0;
        test_note("(%ld questions, longest wait %.0f ms, beside it %.0f ms)", asker.asked, asker.longest,
                  control.longest);
        if (late == 0) return visitors;
        printf("\n    an answer took %.0f ms, beside it %.0f ms", asker.longest, control.longest);
    }
    return 0;
}

/* ---- nobody reads ---- */

static void check_unread(Server *server, Client *client, Client *listener)
{
    long long start;

    server_output_pace(server, OUTPUT_STOPS);
    CHECK(visit_and_ask(server, client, listener) > 0);
    CHECK(visit_and_ask(server, client, listener) > 0); /* now all buffers are full */
    start = now_ms();
    CHECK(server_interrupt(server));
    CHECK_EQ(server_wait(server, STOP_MS), 0);
    CHECK_LE(now_ms() - start, STOP_MS);
    CHECK_HAS(server_output(server), " connected ");
}

TEST(console_unread_echo)
{
    Server *server = server_start("--echo");

    check_unread(server, client_connect(server), NULL);
}

TEST(console_unread_chat)
{
    Server *server = server_start("--chat");
    Client *client = member_join(server, "ann"), *listener = member_join(server, "bob");

    CHECK(client && listener);
    check_unread(server, client, listener);
}

/* ---- a reader that stops in the middle ---- */

/* Returns the number of lines from `from` to `to` (NULL: the end) that report clients. */
static long log_lines(const char *from, const char *to)
{
    long count = 0;

    for (const char *at = from ? strchr(from, '#') : NULL; at && (!to || at < to); at = strchr(at + 1, '#')) count++;
    return count;
}

TEST(console_reader_stops)
{
    Server *server = server_start("--echo");
    Client *client = client_connect(server);
    const char *text, *notice;
    long before, after, lost;
    int visitors;

    CHECK(visit(server, 100));
    CHECK(server_line(server, "#100 ", " left ") != NULL);
    server_output_pace(server, OUTPUT_STOPS);
    CHECK(visit(server, VISITORS));
    visitors = visit_and_ask(server, client, NULL);
    CHECK(visitors > 0);
    server_output_pace(server, 0);
    CHECK(server_line(server, "... ", " lines not shown: the console is too slow") != NULL);
    CHECK(visit(server, 100));
    CHECK_EQ(server_stop(server), 0);

    text = server_output(server);
    CHECK(text != NULL);
    notice = strstr(text, "\n... ");
    CHECK(notice != NULL);
    CHECK_EQ(count_text(text, " not shown: "), 1);
    lost = (long)number_after(notice, "... ");
    before = log_lines(text, notice);
    after = log_lines(notice, NULL);
    CHECK_EQ(before + lost + after, 2 * (1 + 100 + VISITORS + visitors + 100));
    CHECK_LE(200, after);
    /* The notice is where the lines are missing. Each client has two lines, so half of the lines so far, lost ones
     * included, is about the number of the next client. On a busy machine a few dozen have not left yet; a wrong place
     * would be hundreds off. */
    CHECK_LE(labs((before + lost) / 2 - (long)number_after(notice, "#")), 100);
}

/* ---- a slow console, and every step to be printed ---- */

enum { BUSY = 32, BUSY_MS = 3000 };

static long answered[BUSY];
static Client *busy[BUSY];
static long long busy_until;

static void busy_run(void *argument)
{
    int i = (int)((Client **)argument - busy);

    while (now_ms() < busy_until && client_echoes(busy[i], "0123456789abcdef")) answered[i]++;
}

/* 4 KiB every 20 ms is the speed of a pager; the timeline has everything all the same. */
TEST(console_slow_trace)
{
    char options[512], path[MAX_PATH];
    long all = 0, lines;
    Server *server;

    trace_file_options(options, path, "--echo --trace");
    server = server_start(options);
    server_output_pace(server, 20);
    busy_until = now_ms() + BUSY_MS;
    for (int i = 0; i < BUSY; i++) {
        answered[i] = 0;
        busy[i] = client_connect(server);
        CHECK(busy[i] && worker_start(busy_run, &busy[i]));
    }
    CHECK(workers_join(PATIENCE_MS));
    for (int i = 0; i < BUSY; i++) {
        CHECK_LE(20, answered[i]);
        all += answered[i];
    }
    clients_close();
    CHECK(server_interrupt(server));
    CHECK_EQ(server_wait(server, STOP_MS), 0);

    lines = count_text(server_output(server), "\n");
    CHECK_HAS(server_output(server), " lines not shown: the console is too slow\n");
    CHECK(timeline_read(path));
    CHECK_EQ(timeline.sends, all);
    CHECK_EQ(timeline.receives, all + BUSY);
    CHECK_EQ(timeline.handlers, 2 * all + 2 * BUSY);
    test_note("(%ld messages, none lost in the file; %ld lines shown)", all, lines);
}

/* ---- the console's settings, before and after ---- */

#define BEFORE "code page 1252, input mode 1f7, colours 1e"

/* Waits until the server says on its console where it listens. */
static int screen_port(Screen *screen)
{
    screen_shows(screen, "try: client.exe ", PATIENCE_MS);
    return (int)number_after(screen_text(screen), "try: client.exe ");
}

static void check_restored(const char *options, bool twice)
{
    Screen *screen = screen_start(options);
    Client *client = client_connect_to("127.0.0.1", screen_port(screen));
    Noise noise;
    char state[128];

    CHECK(client_echoes(client, "hello"));
    snprintf(state, sizeof state, "%.64s", screen_state(screen));
    CHECK(strncmp(state, "code page 1252, input mode 1b7, colours ", 40) == 0); /* the code page is never changed */
    noise_start(&noise, 1);
    if (twice) CHECK_LE(100000, client_stuff(client, &noise, 500)); /* it does not read: there is no quick end */
    CHECK(screen_ctrl_c(screen));
    if (twice) {
        CHECK_EQ(screen_wait(screen, 300), -1);
        CHECK(screen_ctrl_c(screen));
    }
    CHECK(screen_wait(screen, STOP_MS) != -1);
    CHECK_STR(screen_state(screen), BEFORE);
    CHECK(twice || strstr(screen_text(screen), "\nstopped: "));
    screen_end(screen);
}

TEST(console_restored_at_the_end)
{
    check_restored("--echo --port 0", false);
    CHECK_STILL_GOOD();
    check_restored("--echo --port 0 --trace", false);
}

TEST(console_restored_second_ctrl_c)
{
    check_restored("--echo --port 0", true);
    CHECK_STILL_GOOD();
    check_restored("--echo --port 0 --trace", true);
}

/* When the second Ctrl+C comes, more colored lines are being written than the console can show. */
static void check_restored_in_colour(void)
{
    Screen *screen = screen_start("--echo --port 0 --trace");
    int port = screen_port(screen);
    Noise noise;

    noise_start(&noise, 1);
    CHECK_LE(100000, client_stuff(client_connect_to("127.0.0.1", port), &noise, 500));
    busy_until = now_ms() + PATIENCE_MS;
    for (int i = 0; i < BUSY / 4; i++) {
        busy[i] = client_connect_to("127.0.0.1", port);
        CHECK(busy[i] && worker_start(busy_run, &busy[i]));
    }
    Sleep(1000);
    CHECK(screen_ctrl_c(screen));
    CHECK(screen_ctrl_c(screen));
    CHECK(screen_wait(screen, STOP_MS) != -1);
    CHECK_STR(screen_state(screen), BEFORE);
    screen_end(screen);
    CHECK(workers_join(PATIENCE_MS));
    clients_close();
}

TEST(console_restored_in_colour)
{
    for (int i = 0; i < 3 && !test_has_failed(); i++) check_restored_in_colour();
}

static void check_failed_start(const char *options, int code, const char *why)
{
    Screen *screen = screen_start(options);

    CHECK_EQ(screen_wait(screen, PATIENCE_MS), code);
    CHECK_STR(screen_state(screen), BEFORE);
    CHECK_HAS(screen_text(screen), why);
    screen_end(screen);
}

TEST(console_restored_failed_start)
{
    Server *server = server_start("--echo --quiet");
    char options[64];

    snprintf(options, sizeof options, "--port %d --trace", server_port(server));
    check_failed_start(options, 1, " is in use");
    CHECK_STILL_GOOD();
    check_failed_start("--port 0 --trace-file no-such-folder/한글.json", 1, "cannot write the trace file");
    CHECK_STILL_GOOD();
    check_failed_start("--port 0 --trace-file CONOUT$", 1, "cannot write the trace file CONOUT$");
    CHECK_STILL_GOOD();
    check_failed_start("--port 0 --trace-file CON", 1, "cannot write the trace file CON");
    CHECK_EQ(server_stop(server), 0);
}

/* The console's code page is another one; words in any script are shown all the same. */
TEST(console_restored_bad_options)
{
    check_failed_start("--bind 주소", 2, "server: --bind 주소: not an IPv4 or IPv6 address");
    CHECK_STILL_GOOD();
    check_failed_start("--help", 0, "print this help and exit");
}

/* ---- the operator's keyboard ---- */

/* Shift and Caps Lock begin no line: the log goes on. A character does, and the log waits for the line's end. */
TEST(console_operator_line)
{
    static const WCHAR start[] = { 0xC548, 0xB155, ' ', 'a', 0 }, end[] = { 'l', 'l', '\r', 0 };
    Screen *screen = screen_start("--chat --port 0");
    int port = screen_port(screen);
    Client *ann = client_connect_to("127.0.0.1", port), *bob;

    CHECK(ann && screen_shows(screen, "*** guest1 joined", PATIENCE_MS));
    CHECK(screen_key(screen, VK_SHIFT, 0) && screen_key(screen, VK_CAPITAL, 0));
    bob = client_connect_to("127.0.0.1", port);
    CHECK(bob && screen_shows(screen, "*** guest2 joined", PATIENCE_MS));
    CHECK(screen_types(screen, start));
    Sleep(200);
    CHECK(member_says(ann, "hello") && member_awaits(bob, "guest1: hello"));
    CHECK(!screen_shows(screen, "hello", 300));
    CHECK(screen_types(screen, end));
    CHECK(member_awaits(bob, "*** operator: \xEC\x95\x88\xEB\x85\x95 all"));
    CHECK(screen_shows(screen, "guest1: hello", PATIENCE_MS));
    CHECK(screen_ctrl_c(screen));
    CHECK(screen_wait(screen, STOP_MS) != -1);
    screen_end(screen);
}

TEST(console_operator_half_line)
{
    static const WCHAR half[] = { '/', 'k', 'i', 'c', 0 };
    Screen *screen = screen_start("--chat --port 0");
    Client *ann = client_connect_to("127.0.0.1", screen_port(screen));

    CHECK(ann && screen_shows(screen, "*** guest1 joined", PATIENCE_MS));
    CHECK(screen_types(screen, half));
    Sleep(200);
    CHECK(screen_ctrl_c(screen));
    CHECK(screen_wait(screen, STOP_MS) != -1);
    CHECK_STR(screen_state(screen), BEFORE);
    CHECK_HAS(screen_text(screen), "stopped: 1 client served");
    screen_end(screen);
}
