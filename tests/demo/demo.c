/* demo.c - a lesson in a quarter of a minute, without typing: demo.exe [--fast] [SERVER.EXE]
 *
 * Starts the real server with --trace, plays its clients, and shows after each client action what the server reported
 * about it. On a console it pauses, so that people can read; with --fast, or when its output goes to a file, it does
 * not. It ends with 0, or with 1 when the server did not do what was expected. */
#include "../harness/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    COLUMNS = 100, /* no line is longer, */
    INDENT = 28,   /* and text that does not fit continues on the next line, indented by this */
    PAUSE_MS = 800,
    SETTLE_MS = 80, /* the server is done reporting after this much silence */
    BOLD = FOREGROUND_RED | FOREGROUND_GREEN | FOREGROUND_BLUE | FOREGROUND_INTENSITY,
    YELLOW = FOREGROUND_RED | FOREGROUND_GREEN | FOREGROUND_INTENSITY,
    GREEN = FOREGROUND_GREEN | FOREGROUND_INTENSITY,
    CYAN = FOREGROUND_GREEN | FOREGROUND_BLUE | FOREGROUND_INTENSITY
};

static Server *server;
static size_t told; /* bytes of the server's output that were shown or skipped */

/* ---- the screen ---- */

static HANDLE screen;
static bool on_console, coloured, fast;
static bool on_the_edge;    /* a line of full width has moved the cursor to the next one already */
static int width = COLUMNS; /* of the console, if that is less */
static WORD plain;          /* the console's own color */
static UINT codepage;       /* as it was */

static void screen_open(void)
{
    CONSOLE_SCREEN_BUFFER_INFO info;

    screen = GetStdHandle(STD_OUTPUT_HANDLE);
    on_console = GetConsoleScreenBufferInfo(screen, &info) != 0;
    coloured = on_console && GetEnvironmentVariableW(L"NO_COLOR", NULL, 0) == 0;
    if (on_console && info.dwSize.X < COLUMNS) width = info.dwSize.X;
    on_the_edge = on_console && info.dwSize.X == width;
    plain = info.wAttributes;
    codepage = GetConsoleOutputCP();
    if (on_console) SetConsoleOutputCP(CP_UTF8);
}

static void screen_colour(WORD colour)
{
    fflush(stdout);
    if (coloured) SetConsoleTextAttribute(screen, colour);
}

static void screen_close(void)
{
    screen_colour(plain);
    if (on_console) SetConsoleOutputCP(codepage);
}

/* Returns the columns that the byte of UTF-8 takes: two for Hangul, none for a continuation byte. */
static int columns(char byte)
{
    unsigned char c = (unsigned char)byte;

    return c >= 0x80 && c < 0xC0 ? 0 : c >= 0xE1 ? 2 : 1;
}

static void end_line(int column)
{
    if (!on_the_edge || column < width) putchar('\n');
}

static void print_line(const char *who, const char *line, size_t length, WORD colour)
{
    int column = (int)strlen(who);

    screen_colour(colour);
    fputs(who, stdout);
    for (size_t i = 0; i < length; i++) {
        if (column + columns(line[i]) > width) {
            end_line(column);
            column = printf("%*s", (int)INDENT, "");
        }
        column += columns(line[i]);
        putchar(line[i]);
    }
    screen_colour(plain);
    end_line(column);
}

static void act(const char *title)
{
    printf("\n");
    print_line("==== ", title, strlen(title), BOLD);
}

/* Prints what happens next. */
static void note(const char *text)
{
    fflush(stdout);
    if (on_console && !fast) Sleep(PAUSE_MS);
    print_line("-- ", text, strlen(text), BOLD);
}

/* Prints what went wrong. Returns false, so that the play ends. */
static bool fail(const char *what)
{
    screen_colour(plain);
    fflush(stdout);
    fprintf(stderr, "demo: %s\n", what);
    servers_show();
    return false;
}

/* ---- what the server reports ---- */

static WORD colour_of(const char *line)
{
    if (strstr(line, "WSA_IO_PENDING")) return YELLOW;
    if (strstr(line, "-> TRUE") || strstr(line, "finished at once")) return GREEN;
    if (strstr(line, "WSAWait") || strstr(line, "WSA_WAIT")) return CYAN;
    return strstr(line, "handler: ") ? (WORD)BOLD : plain;
}

static void tell(void)
{
    const char *text = server_output(server), *end;

    while ((end = strchr(text + told, '\n')) != NULL) {
        char line[512];
        snprintf(line, sizeof line, "%.*s", (int)(end - text - (long long)told), text + told);
        print_line("", line, strlen(line), colour_of(line));
        told = (size_t)(end - text) + 1;
    }
    fflush(stdout);
}

/* Waits until the server has reported something new with `part` in it, and then is done reporting. */
static bool await(const char *part)
{
    size_t before = 0, now = 0;
    long long end = now_ms() + PATIENCE_MS;

    while (!strstr(server_output(server) + told, part)) {
        char what[100];
        snprintf(what, sizeof what, "the server does not report \"%s\"", part);
        if (now_ms() > end) return fail(what);
        Sleep(5);
    }
    do {
        before = now;
        Sleep(SETTLE_MS);
        now = strlen(server_output(server));
    } while (now != before);
    return true;
}

static bool await_and_tell(const char *part)
{
    if (!await(part)) return false;
    tell();
    return true;
}

static void pass_over(void)
{
    told = strlen(server_output(server));
}

static bool start(const char *options)
{
    told = 0;
    server = server_start(options);
    return server || fail("server.exe does not start: is it here, and built?");
}

static bool stopped(void)
{
    if (server_wait(server, PATIENCE_MS) != 0) return fail("the server did not end as it should");
    tell();
    return true;
}

/* ---- what the clients say and hear ---- */

static bool say(Client *client, const char *text)
{
    return client_send(client, text, strlen(text)) || fail("a client cannot send");
}

/* Reads what has come, and shows it unless `who` is NULL. */
static void hear(Client *client, const char *who)
{
    char line[256];

    while (client_readable(client, 0) && client_line(client, line, sizeof line)) {
        if (who) print_line(who, line, strlen(line), plain);
    }
}

/* ---- the play ---- */

static bool play_echo(void)
{
    Client *client;

    act("Act 1: one message through the echo server, server.exe --trace");
    if (!start("--bind 127.0.0.1 --trace") || !await_and_tell("accept()")) return false;
    note("a client connects");
    client = client_connect_to("127.0.0.1", server_port(server));
    if (!client) return fail("a client cannot connect");
    if (!await_and_tell("WSA_IO_PENDING")) return false;
    note("it sends \"hello\"");
    if (!say(client, "hello\r\n") || !await_and_tell("echo_sent()")) return false;
    if (!client_readable(client, PATIENCE_MS)) return fail("nothing comes back");
    hear(client, "the client got: ");
    note("it leaves");
    client_close(client);
    if (!await_and_tell("closesocket()")) return false;
    note("Ctrl+C");
    if (!server_interrupt(server)) return fail("the server cannot be interrupted");
    return stopped();
}

/* Brings both into the room, with their names, and lets them hear all that was said. */
static bool enter(Client **alice, Client **bob)
{
    *alice = client_connect_to("127.0.0.1", server_port(server));
    if (!*alice || !say(*alice, "/nick alice\r\n") || !await("/nick alice")) return fail("alice cannot join");
    pass_over();
    *bob = client_connect_to("127.0.0.1", server_port(server));
    if (!*bob || !say(*bob, "/nick bob\r\n") || !await("/nick bob")) return fail("bob cannot join");
    hear(*bob, "bob    | ");
    hear(*alice, NULL);
    pass_over();
    return true;
}

static bool play_chat(void)
{
    Client *alice = NULL, *bob = NULL, *carol;

    act("Act 2: server.exe --chat --trace, one thread for all; every line goes to everyone else");
    if (!start("--chat --bind 127.0.0.1 --trace") || !await("accept()")) return false;
    note("alice and bob join; a receive is pending for each of them, and bob was told this:");
    if (!enter(&alice, &bob)) return false;
    note("alice asks: her next receive is posted before bob's send, and she waits for neither");
    if (!say(alice, "hello bob, who serves us?\r\n") || !await_and_tell("WSASend")) return false;
    hear(bob, "bob    | ");
    note("bob answers in two lines: both go to alice in one WSASend");
    if (!say(bob, "one thread for all of us\r\nit sleeps until one of our events is signaled\r\n")) return false;
    if (!await_and_tell("WSASend")) return false;
    hear(alice, "alice  | ");
    note("carol joins: one WSASend gathers two WSABUFs, her welcome and what the room said last");
    carol = client_connect_to("127.0.0.1", server_port(server));
    if (!carol) return fail("carol cannot join");
    if (!await_and_tell("2 WSABUFs")) return false;
    hear(carol, "carol  | ");
    hear(alice, NULL);
    hear(bob, NULL);
    note("Ctrl+C: everybody gets the line *** good-bye and the end of the stream, and leaves");
    if (!server_interrupt(server)) return fail("the server cannot be interrupted");
    if (!await_and_tell("half-closed")) return false;
    hear(alice, "alice  | ");
    hear(bob, "bob    | ");
    hear(carol, "carol  | ");
    clients_close();
    return stopped();
}

int main(int argc, char *argv[])
{
    bool good;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--fast") == 0) {
            fast = true;
        } else if (argv[i][0] != '-') {
            server_exe = argv[i];
        } else {
            fprintf(stderr, "demo: usage: demo.exe [--fast] [SERVER.EXE]\n");
            return 2;
        }
    }
    harness_init();
    net_init();
    screen_open();
    good = play_echo() && play_chat();
    clients_close();
    servers_kill();
    servers_free();
    screen_close();
    return good ? 0 : 1;
}
