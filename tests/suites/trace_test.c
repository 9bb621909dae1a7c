/* trace_test.c - --trace prints the lecture's steps in the lecture's order, and --trace-file records them all. */
#include "../harness/timeline.h"

#include <stdio.h>
#include <string.h>

/* ---- the narration ---- */

enum { COLUMNS = 99 }; /* at 100 the console moves the cursor to the next line */

/* A line that comes after the previous step's: of this thread, with both parts in it. */
typedef struct Step {
    const char *thread, *part, *part2;
} Step;

/* One client connects, says "hello", reads the answer, half-closes. */
static const Step one_message[] = {
    { " main ", "WSASocketW(", "WSA_FLAG_OVERLAPPED" },
    { " main ", "_beginthreadex(", "proactor 1" }, /* before listen() */
    { " main ", "listen(", "-> 0" },
    { " main ", "accept() ...", "" },
    { " main ", " -> ", "client" },
    { " main ", "WSACreateEvent(", "echo" },
    { " main ", "s_arr[2] = #1, e_arr[2] = its event", "group 1" },
    { " main ", "WSASetEvent(e_arr[1])", "proactor 1" },
    { " proactor 1 ", "-> WSA_WAIT_EVENT_0 + 0", "wake event" },
    { " e_arr ", "[0 send  ] [1 wake >]", "* signaled, > returned" },
    { " proactor 1 ", "WSAResetEvent(e_arr[1])", "" },
    { " proactor 1 ", "opened(", "" },
    { " proactor 1 ", "WSARecv(len=", "-> WSA_IO_PENDING (997): posted, will signal e_arr[2]" },
    { " proactor 1 ", "WSAWaitForMultipleEvents(2 events: e_arr[1] to e_arr[2])", "..." },
    { " proactor 1 ", "-> WSA_WAIT_EVENT_0 + 1", "e_arr[2], so s_arr[2]: #1" },
    { " e_arr ", "[1 wake  ] [2 #1 >]", "" },
    { " proactor 1 ", "WSAGetOverlappedResult", "-> TRUE, 6 bytes \"hello\\n\"" },
    { " proactor 1 ", "received(6 bytes)", "" },
    { " proactor 1 ", "WSASend(6 bytes)", "-> 0: finished at once \"hello\\n\"" },
    { " proactor 1 ", "WSAGetOverlappedResult", "-> TRUE, 6 bytes sent" },
    { " proactor 1 ", "sent(", "" },
    { " proactor 1 ", "WSARecv(len=", "-> WSA_IO_PENDING (997)" },
    { " proactor 1 ", "WSAWaitForMultipleEvents(2 events", "..." },
    { " proactor 1 ", "-> WSA_WAIT_EVENT_0 + 1", "e_arr[2], so s_arr[2]: #1" },
    { " proactor 1 ", "WSAGetOverlappedResult", "-> TRUE, 0 bytes" },
    { " proactor 1 ", "received(0 bytes", "" },
    { " proactor 1 ", "closesocket()", "-> 0" },
    { " proactor 1 ", "closed()", "" },
    { " proactor 1 ", "session is freed; s_arr[2], e_arr[2]: empty", "" },
    { " proactor 1 ", "WSAWaitForMultipleEvents(1 event: e_arr[1] to e_arr[1])", "..." },
};

enum { STEPS = sizeof one_message / sizeof one_message[0] };

/* Copies the next line. Returns false at the end of the text. */
static bool next_line(const char **text, char *line, size_t size)
{
    size_t length = strcspn(*text, "\n"), kept = length < size - 1 ? length : size - 1;

    if (**text == '\0') return false;
    memcpy(line, *text, kept);
    line[kept] = '\0';
    *text += length + ((*text)[length] == '\n');
    return true;
}

/* Returns how many of the steps were printed, in their order. */
static int count_steps(const char *text)
{
    char line[512];
    int step = 0;

    while (step < STEPS && next_line(&text, line, sizeof line)) {
        const Step *wanted = &one_message[step];
        if (strstr(line, wanted->thread) && strstr(line, wanted->part) && strstr(line, wanted->part2)) step++;
    }
    return step;
}

/* Returns true if every line fits on the screen, and the time does not go back. */
static bool lines_are_good(const char *text)
{
    char line[512];
    unsigned long long last = 0, now = 0;
    bool good = true;

    while (next_line(&text, line, sizeof line)) {
        bool forward = line[0] != ' ' || sscanf(line, "%llu", &now) != 1 || now >= last;
        if (strlen(line) > COLUMNS || !forward) {
            printf("\n    %s", line);
            good = false;
        }
        if (line[0] == ' ' && forward) sscanf(line, "%llu", &last);
    }
    return good;
}

/* Plays the one client of one_message. */
static Server *tell_one_message(const char *options)
{
    Server *server = server_start(options);
    Client *client = client_connect(server);
    char answer[6];

    if (!server_line(server, "WSARecv(len=", "WSA_IO_PENDING")) return NULL;
    if (!client_send(client, "hello\n", 6) || !client_recv(client, answer, 6)) return NULL;
    if (!server_line(server, "sent(", NULL)) return NULL;
    Sleep(100); /* the next receive is pending */
    if (!client_half_close(client) || !client_at_eof(client)) return NULL;
    return server_line(server, "session is freed", NULL) ? server : NULL;
}

TEST(trace_one_message)
{
    Server *server = tell_one_message("--trace");
    int told;

    CHECK_EQ(server_stop(server), 0);
    told = count_steps(server_output(server));
    if (told < STEPS) printf("\n    missing: %s %s", one_message[told].part, one_message[told].part2);
    CHECK_EQ(told, STEPS);
    CHECK(lines_are_good(server_output(server)));
    CHECK(strchr(server_output(server), '\033') == NULL); /* redirected: no color */
    CHECK_STR(server_errors(server), "");
}

/* ---- runs that are traced ---- */

/* Reads lines until `count` of them have `part` in them. */
static bool read_lines(Client *client, const char *part, int count)
{
    char line[256];

    while (count > 0 && client_line(client, line, sizeof line)) {
        if (strstr(line, part)) count--;
    }
    return count == 0;
}

static bool read_to_end(Client *client)
{
    char data[4096];
    int got;

    while ((got = client_recv_some(client, data, sizeof data)) > 0) {
    }
    return got == RECV_EOF;
}

/* 20 clients talk; some have left and the others are in the room when Ctrl+C comes. */
TEST(trace_file_chat)
{
    enum { MEMBERS = 20, LINES = 10 };
    Client *clients[MEMBERS];
    char options[512], path[MAX_PATH], line[64];
    Server *server;

    trace_file_options(options, path, "--chat");
    server = server_start(options);
    for (int i = 0; i < MEMBERS; i++) {
        clients[i] = client_connect(server);
        CHECK(read_lines(clients[i], "welcome", 1));
    }
    for (int n = 0; n < LINES; n++) {
        for (int i = 0; i < MEMBERS; i++) {
            snprintf(line, sizeof line, "\"line\\ %d\r\n", n);
            CHECK(client_send(clients[i], line, strlen(line)));
        }
    }
    for (int i = 0; i < MEMBERS; i++) CHECK(read_lines(clients[i], "\"line\\", (MEMBERS - 1) * LINES));
    for (int i = 0; i < MEMBERS / 4; i++) client_close(clients[i]);
    CHECK(server_line(server, " left (15 clients)", NULL) != NULL);
    CHECK(server_interrupt(server));
    for (int i = MEMBERS / 4; i < MEMBERS; i++) CHECK(read_to_end(clients[i]));
    CHECK_EQ(server_wait(server, PATIENCE_MS), 0);

    CHECK(timeline_read(path));
    CHECK_EQ(timeline.count, 2 + 2 * MEMBERS); /* main, a Proactor; a receive and a send lane each */
    CHECK(timeline.pending >= MEMBERS);
    test_note("(%ld receives, %ld sends)", timeline.receives, timeline.sends);
}

/* ---- 32 busy clients ---- */

enum { BUSY = 32, BUSY_MS = 2000, MESSAGE = 64 };

typedef struct Player {
    Client *client;
    long long until;
    long answered;
    bool bad;
} Player;

static Player players[BUSY];

static void player_play(void *argument)
{
    Player *player = (Player *)argument;
    Noise noise;

    noise_start(&noise, (unsigned int)(player - players));
    while (now_ms() < player->until && !player->bad) {
        char message[MESSAGE], answer[MESSAGE];
        noise_fill(&noise, message, MESSAGE);
        player->bad = !client_send(player->client, message, MESSAGE) || !client_recv(player->client, answer, MESSAGE)
                      || memcmp(message, answer, MESSAGE) != 0;
        player->answered += !player->bad;
    }
}

TEST(trace_file_busy)
{
    char options[512], path[MAX_PATH];
    long answered = 0;
    Server *server;

    trace_file_options(options, path, "--echo --quiet");
    server = server_start(options);
    for (int i = 0; i < BUSY; i++) {
        memset(&players[i], 0, sizeof players[i]);
        players[i].client = client_connect(server);
        players[i].until = now_ms() + BUSY_MS;
        CHECK(players[i].client && worker_start(player_play, &players[i]));
    }
    CHECK(workers_join(PATIENCE_MS));
    for (int i = 0; i < BUSY; i++) {
        CHECK(!players[i].bad);
        CHECK(players[i].answered > 0);
        answered += players[i].answered;
    }
    CHECK_EQ(server_stop(server), 0);

    CHECK(timeline_read(path));
    CHECK_EQ(timeline.count, 2 + 2 * BUSY);
    CHECK_EQ(timeline.sends, answered);
    CHECK_EQ(timeline.receives, answered + BUSY);         /* and one each that reported the end */
    CHECK_EQ(timeline.handlers, 2 * answered + 2 * BUSY); /* received, sent; opened, received(0 bytes) */
    test_note("(%ld messages, none lost)", answered);
}

/* A send and receives are pending when Ctrl+C comes; the messages contain every byte value. */
TEST(trace_file_stop)
{
    char options[512], path[MAX_PATH], bytes[256], answer[256];
    Noise noise;
    Server *server;
    Client *slow;

    trace_file_options(options, path, "--echo --trace");
    server = server_start(options);
    slow = client_connect_narrow(server);
    noise_start(&noise, 1);
    CHECK(client_stuff(slow, &noise, 300) > 0);
    for (int i = 0; i < 256; i++) bytes[i] = (char)i;
    for (int i = 0; i < 256; i += 16) {
        Client *client = client_connect(server);
        CHECK(client_send(client, bytes + i, 16));
        CHECK(client_recv(client, answer, 16));
        CHECK(memcmp(bytes + i, answer, 16) == 0);
    }
    CHECK(server_line(server, "WSASend(", "WSA_IO_PENDING") != NULL);
    CHECK(server_interrupt(server));
    CHECK_EQ(server_wait(server, PATIENCE_MS), 0);

    CHECK(strchr(server_output(server), '\033') == NULL); /* not even one that a client sent */
    CHECK(timeline_read(path));
    CHECK_EQ(timeline.count, 2 + 2 * 17);
}

/* ---- the file's name, and files that cannot be written ---- */

static void check_file_name(const char *name)
{
    char options[512], path[MAX_PATH], unused[MAX_PATH];
    Server *server;

    trace_file_options(options, unused, "");
    snprintf(path, sizeof path, "%.*s%s", (int)(strrchr(unused, '\\') + 1 - unused), unused, name);
    snprintf(options, sizeof options, "--quiet --trace-file \"%s\"", path);
    server = server_start(options);
    CHECK(client_echoes(client_connect(server), "hello"));
    CHECK_EQ(server_stop(server), 0);
    CHECK_STR(server_errors(server), "");
    CHECK(timeline_read(path));
    CHECK_EQ(timeline.sends, 1);
}

/* Whatever the code page is: make test runs this on Korean Windows too. */
TEST(trace_file_names)
{
    static const char *const names[] = { "한글 이름.json", "日本語の名前.json", "Übergröße €.json", "имя.json" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        check_file_name(names[i]);
        if (test_has_failed()) printf("    with the name: %s\n", names[i]);
        CHECK_STILL_GOOD();
        servers_free();
    }
    test_note("(code pages: %u for ANSI, %u for OEM)", GetACP(), GetOEMCP());
}

/* Checks that the server prints one line that names the file, and nothing else. */
static void check_unwritable(const char *path, const char *why)
{
    char options[512];
    Server *server;

    snprintf(options, sizeof options, "--port 0 --trace-file \"%s\"", path);
    server = server_run(options);
    CHECK_EQ(server_wait(server, PATIENCE_MS), 1);
    CHECK_HAS(server_errors(server), path);
    CHECK_HAS(server_errors(server), why);
    CHECK_EQ(count_text(server_errors(server), "\n"), 1);
    CHECK_STR(server_output(server), "");
}

TEST(trace_file_unwritable)
{
    check_unwritable("no-such-folder/trace.json", ": ERROR_PATH_NOT_FOUND (3)");
    CHECK_STILL_GOOD();
    check_unwritable("한글/폴더.json", ": ERROR_PATH_NOT_FOUND (3)");
    CHECK_STILL_GOOD();
    check_unwritable(".", ": ERROR_ACCESS_DENIED (5)"); /* a folder */
    CHECK_STILL_GOOD();
    if (on_wine()) check_unwritable("Z:\\proc\\trace.json", "server: cannot write the trace file");
}

/* A pipe or a device could hold up the writer for good. */
TEST(trace_file_pipe)
{
    char name[64];
    HANDLE pipe;

    snprintf(name, sizeof name, "\\\\.\\pipe\\trace-%lu", (unsigned long)GetCurrentProcessId());
    pipe = CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX, PIPE_TYPE_BYTE, 1, 4096, 4096, 0, NULL);
    CHECK(pipe != INVALID_HANDLE_VALUE);
    check_unwritable(name, "it is a device or a pipe, not a file on a disk");
    CloseHandle(pipe);
    CHECK_STILL_GOOD();
    check_unwritable("NUL", "cannot write the trace file NUL: it is a device");
    CHECK_STILL_GOOD();
    check_unwritable("COM1", "cannot write the trace file COM1: ");
    CHECK_STILL_GOOD();
    check_unwritable("AUX", "cannot write the trace file AUX: ");
}

/* Returns true if the file has only whole events, and the end of the array. */
static bool file_is_whole(const char *name)
{
    static char text[128 * 1024];
    FILE *file = fopen(name, "rb");
    size_t size = file ? fread(text, 1, sizeof text - 1, file) : 0;

    if (file) fclose(file);
    text[size] = '\0';
    return size > 100 && strncmp(text, "[\n{", 3) == 0 && strcmp(text + size - 5, "}}\n]\n") == 0
           && count_text(text, "\n") > 100 && count_text(text, "\n") == count_text(text, ",\n{") + 3;
}

/* tests/scripts/small-disk.sh makes a disk of 64 KiB, where that is possible. The part that fits is a valid trace all
 * the same. */
TEST(trace_file_disk_full)
{
    static const char name[] = "build\\small-disk\\trace.json";
    Server *server;
    Client *client;

    SKIP_IF(GetFileAttributesA("build\\small-disk") == INVALID_FILE_ATTRIBUTES, "there is no disk that is soon full");
    server = server_start("--quiet --trace-file build\\small-disk\\trace.json");
    client = client_connect(server);
    for (int i = 0; i < 20; i++) CHECK(client_echoes(client, "hello"));
    Sleep(300); /* these are in the file */
    for (int i = 0; i < 400; i++) CHECK(client_echoes(client, "hello"));
    for (int i = 0; i < 100 && !*server_errors(server); i++) Sleep(20);
    CHECK_HAS(server_errors(server), "server: cannot write more to the trace file build\\small-disk\\trace.json; the "
                                     "server keeps running"); /* within a moment */
    CHECK_HAS(server_errors(server), "ERROR_DISK_FULL (112)\n");
    CHECK(client_echoes(client, "and it goes on"));
    CHECK_EQ(server_stop(server), 1);
    CHECK_EQ(count_text(server_errors(server), "\n"), 1);
    CHECK_HAS(server_output(server), "\nstopped: 1 client served");
    CHECK(file_is_whole(name));
    DeleteFileA(name);
}
