/* keys_test.c - chat with --telnet: a client that sends each key by itself, and a terminal that shows what comes back.
 */
#include "../harness/member.h"

#include <stdio.h>
#include <string.h>

/* ---- a small terminal ---- */

enum { COLUMNS = 80, IAC = 255, SB = 250, WILL = 251, DONT = 254 };

typedef struct Terminal {
    Client *client;
    char cells[COLUMNS][5]; /* a character each; behind one of two columns an empty one */
    int column;
    char rows[4096];      /* above the cursor's */
    char options[400];    /* what the server wants of telnet: " WILL 1" and so on */
    char escape[16];      /* an escape sequence that is coming */
    unsigned char iac[3]; /* telnet's command that is coming */
    int iac_length;
} Terminal;

static void terminal_clear_row(Terminal *terminal, int from)
{
    for (int i = from; i < COLUMNS; i++) strcpy(terminal->cells[i], " ");
}

/* The row up to its last character or the cursor, whichever is further right. */
static void terminal_row(const Terminal *terminal, char *text)
{
    int end = COLUMNS;

    while (end > terminal->column && strcmp(terminal->cells[end - 1], " ") == 0) end--;
    *text = '\0';
    for (int i = 0; i < end; i++) strcat(text, terminal->cells[i]);
}

static void terminal_newline(Terminal *terminal)
{
    int column = terminal->column;

    terminal->column = 0;
    terminal_row(terminal, terminal->rows + strlen(terminal->rows));
    strcat(terminal->rows, "\n");
    terminal_clear_row(terminal, 0);
    terminal->column = column;
}

/* A byte of a character: the rest of one of UTF-8 joins its first byte. */
static void terminal_put(Terminal *terminal, unsigned char c)
{
    char *cell;

    if ((c & 0xC0) == 0x80 && terminal->column > 0) {
        cell = terminal->cells[terminal->column - 1];
        if (strlen(cell) < 4) cell[strlen(cell) + 1] = '\0', cell[strlen(cell)] = (char)c;
        if ((unsigned char)cell[0] < 0xE0 || strlen(cell) != 3 || terminal->column == COLUMNS) return;
        terminal->cells[terminal->column++][0] = '\0'; /* those of three bytes are two columns wide here */
    } else if (terminal->column < COLUMNS) {
        cell = terminal->cells[terminal->column++];
        cell[0] = (char)c;
        cell[1] = '\0';
    }
}

/* Only what the server needs: ESC [K clears to the end of the row. */
static void terminal_escape(Terminal *terminal, unsigned char c)
{
    size_t length = strlen(terminal->escape);

    terminal->escape[length] = (char)c;
    if (length > 1 && c >= 0x40) {
        if (strcmp(terminal->escape, "\x1B[K") == 0) terminal_clear_row(terminal, terminal->column);
        memset(terminal->escape, 0, sizeof terminal->escape);
    }
}

static void terminal_option(Terminal *terminal, unsigned char c)
{
    static const char *const verbs[] = { "WILL", "WONT", "DO", "DONT" };
    char *end = terminal->options + strlen(terminal->options);

    terminal->iac[terminal->iac_length++] = c;
    if (terminal->iac_length == 2 && c >= WILL && c <= DONT) return;
    if (terminal->iac_length == 3) {
        snprintf(end, (size_t)(terminal->options + sizeof terminal->options - end), " %s %d",
                 verbs[terminal->iac[1] - WILL], c);
    }
    terminal->iac_length = 0;
}

static void terminal_byte(Terminal *terminal, unsigned char c)
{
    if (terminal->iac_length > 0 || c == IAC) {
        terminal_option(terminal, c);
    } else if (terminal->escape[0] || c == 0x1B) {
        terminal_escape(terminal, c);
    } else if (c == '\r') {
        terminal->column = 0;
    } else if (c == '\n') {
        terminal_newline(terminal);
    } else if (c == '\b') {
        if (terminal->column > 0) terminal->column--;
    } else {
        terminal_put(terminal, c);
    }
}

/* ---- ann at her terminal, bob who listens, and carl who asks whether the server is done with a key ---- */

static Server *server;
static Terminal ann;
static Client *bob, *carl;

/* Reads until the screen is `expected`, and a little longer in case more comes. Returns the screen. */
static const char *screen(const char *expected)
{
    static char text[sizeof ann.rows + sizeof ann.cells + 1];
    unsigned char data[512];
    bool good;

    do {
        strcpy(text, ann.rows);
        terminal_row(&ann, text + strlen(text));
        good = strcmp(text, expected) == 0;
        if (!client_readable(ann.client, good ? 20 : PATIENCE_MS / 10)) break;
        int got = client_recv_some(ann.client, data, sizeof data);
        for (int i = 0; i < got; i++) terminal_byte(&ann, data[i]);
        if (got <= 0) break;
    } while (strlen(ann.rows) < sizeof ann.rows - 1024);
    return text;
}

/* Types the keys one after the other; the bytes of a character together, as a terminal sends them. */
static bool types(const char *keys)
{
    while (*keys) {
        size_t length = 1;
        while ((keys[length] & 0xC0) == 0x80) length++;
        if (!client_send(ann.client, keys, length) || !member_asks(carl)) return false;
        keys += length;
    }
    return true;
}

/* Connects, is offered that the server will echo and suppress go-ahead, says `answer` to that, and takes a name. */
static Client *sits_down(const char *answer, const char *nick)
{
    Client *client = client_connect(server);
    char offer[6], text[100];

    if (!client || !client_recv(client, offer, 6) || memcmp(offer, "\xFF\xFB\x01\xFF\xFB\x03", 6) != 0) return NULL;
    snprintf(text, sizeof text, "%s/nick %s\r\n", answer, nick);
    if (!client_send(client, text, strlen(text))) return NULL;
    snprintf(text, sizeof text, "* you are now %s", nick);
    return member_awaits(client, text) ? client : NULL;
}

/* Ann's screen is empty. Bob and carl have said DONT ECHO. */
static bool ann_and_bob(void)
{
    server = server_start("--chat --telnet --quiet");
    memset(&ann, 0, sizeof ann);
    terminal_clear_row(&ann, 0);
    ann.client = sits_down("\xFF\xFD\x01\xFF\xFD\x03", "ann"); /* DO ECHO, DO SUPPRESS-GO-AHEAD */
    carl = sits_down("\xFF\xFE\x01", "carl");
    bob = sits_down("\xFF\xFE\x01", "bob");
    return bob && member_awaits(ann.client, "* guest3 is now bob (3 here)");
}

#define CHECK_SCREEN(expected) CHECK_STR(screen(expected), expected)

/* ---- tests ---- */

TEST(keys_are_echoed)
{
    CHECK(ann_and_bob());
    CHECK(types("h"));
    CHECK_SCREEN("h");
    CHECK(types("ello  "));
    CHECK_SCREEN("hello  ");
    CHECK(types(GA NA "!"));
    CHECK_SCREEN("hello  " GA NA "!");
    CHECK(types("\r"));
    CHECK_SCREEN("hello  " GA NA "!\n");
    CHECK(member_hears(bob, "ann: hello  " GA NA "!"));
    CHECK(types("two\r\nthree\n"));
    CHECK_SCREEN("hello  " GA NA "!\ntwo\nthree\n");
    CHECK(client_send(ann.client, "all\r\0at\r\nonce", 13)); /* typed ahead, or pasted */
    CHECK_SCREEN("hello  " GA NA "!\ntwo\nthree\nall\nat\nonce");
    CHECK(client_send(ann.client, "\xED", 1)); /* a character cut in three */
    CHECK(member_asks(carl));
    CHECK(client_send(ann.client, "\x95", 1));
    CHECK(member_asks(carl));
    CHECK(client_send(ann.client, "\x9C", 1));
    CHECK_SCREEN("hello  " GA NA "!\ntwo\nthree\nall\nat\nonce\xED\x95\x9C");
    CHECK_STR(ann.options, ""); /* nothing more to agree on */
    CHECK_EQ(server_stop(server), 0);
}

TEST(keys_are_edited)
{
    CHECK(ann_and_bob());
    CHECK(types("helo\b"));
    CHECK_SCREEN("hel");
    CHECK(types("lo"));
    CHECK_SCREEN("hello");
    CHECK(types("\x7F\x7F\x7F\x7F\x7F\x7F\x7F")); /* two more than there is to erase */
    CHECK_SCREEN("");
    CHECK(types("a" GA NA "\x7F"));
    CHECK_SCREEN("a" GA);
    CHECK(types("\b\b" DA "z"));
    CHECK_SCREEN(DA "z");
    CHECK(types("\b\b\303\251b\b")); /* e with acute: two bytes, one column */
    CHECK_SCREEN("\xC3\xA9");
    CHECK(types("\b\x01\x02\x1B[A\x1B[3~\x1BOP\x1B[Dhi")); /* keys that write nothing */
    CHECK_SCREEN("hi");
    CHECK(types("\x7F\x7Fhi there\r\n"));
    CHECK_SCREEN("hi there\n");
    CHECK(member_hears(bob, "ann: hi there"));
    CHECK(types("gone\b\b\b\b\r\n")); /* an empty line is none */
    CHECK_SCREEN("hi there\n\n");
    CHECK(member_asks(carl));
    CHECK(!client_readable(bob, 50));
    CHECK_EQ(server_stop(server), 0);
}

TEST(keys_are_redrawn)
{
    CHECK(ann_and_bob());
    CHECK(member_says(bob, "nothing is typed yet"));
    CHECK_SCREEN("bob: nothing is typed yet\n");
    ann.rows[0] = '\0';
    CHECK(types("hel"));
    CHECK(member_says(bob, "a longer line than ann's"));
    CHECK_SCREEN("bob: a longer line than ann's\nhel");
    CHECK(types("x\blo " GA NA));
    CHECK(client_send(bob, "one\r\ntwo\r\nthree\r\n", 17));
    CHECK_SCREEN("bob: a longer line than ann's\nbob: one\nbob: two\nbob: three\nhello " GA NA);
    CHECK(types("\b" DA "\r\n"));
    CHECK_SCREEN("bob: a longer line than ann's\nbob: one\nbob: two\nbob: three\nhello " GA DA "\n");
    CHECK(member_hears(bob, "ann: hello " GA DA));
    ann.rows[0] = '\0';
    CHECK(types("/who\r\nnext"));
    CHECK_SCREEN("/who\n* 3 here: bob, carl, ann\nnext");
    client_close(bob);
    CHECK_SCREEN("/who\n* 3 here: bob, carl, ann\n* bob left (2 here)\nnext");
    CHECK_EQ(server_stop(server), 0);
}

/* A client that shows what is typed by itself says DONT ECHO. */
TEST(keys_dont_echo)
{
    CHECK(ann_and_bob());
    CHECK(types("a"));
    CHECK_SCREEN("a");
    CHECK(client_send(ann.client, "\r\n\xFF\xFE\x01", 5));
    CHECK(types("bc\b"));
    CHECK_SCREEN("a\n");
    CHECK(member_hears(bob, "ann: a"));
    CHECK(member_says(bob, "hi"));
    CHECK_SCREEN("a\nbob: hi\n");
    CHECK(types("\r\n"));
    CHECK_SCREEN("a\nbob: hi\n");
    CHECK(member_hears(bob, "ann: b"));
    CHECK_EQ(server_stop(server), 0);
}

/* What the client offers or wants beyond that is refused or ignored, and answers are not answered. */
TEST(keys_options)
{
    CHECK(ann_and_bob());
    CHECK(client_send(ann.client, "\xFF\xFD\x18\xFF\xFB\x1F", 6)); /* DO TERMINAL-TYPE, WILL window size */
    CHECK(member_asks(carl));
    CHECK_SCREEN("");
    CHECK(strcmp(ann.options, "") == 0 || strcmp(ann.options, " WONT 24 DONT 31") == 0);
    ann.options[0] = '\0';
    CHECK(client_send(ann.client, "\xFF\xFC\x1F\xFF\xFE\x18\xFF\xFE\x03\xFF\xFD\x01\xFF\xFD\x03", 15));
    CHECK(client_send(ann.client, "\xFF\xFA\x1F\0\x50\0\x18\xFF\xF0ok", 11));
    CHECK_SCREEN("ok");
    CHECK_STR(ann.options, "");
    CHECK_EQ(server_stop(server), 0);
}

TEST(keys_without_chat)
{
    server = server_run("--telnet");
    CHECK_EQ(server_wait(server, PATIENCE_MS), 2);
    CHECK_HAS(server_errors(server), "server: --telnet");
    CHECK_HAS(server_errors(server), "--chat");
    CHECK_HAS(server_errors(server), "\nusage: ");
    CHECK_STR(server_output(server), "");
    server = server_run("--echo --telnet");
    CHECK_EQ(server_wait(server, PATIENCE_MS), 2);
    CHECK_HAS(server_errors(server), "server: --telnet");
}
