/* keys_test.c - chat with clients that send each key individually: a terminal shows what the server echoes. */
#include "../harness/member.h"

#include <stdio.h>
#include <string.h>

/* ---- a small terminal ---- */

enum { COLUMNS = 80, ROWS = 24, IAC = 255, DO = 253, WILL = 251, DONT = 254 };

/* How it behaves: as one that asks for the server's echo at once, or as Windows' telnet, which itself shows what is
 * typed until the server negotiates, and nothing after that. */
typedef enum Kind { ASKS_FOR_ECHO, WINDOWS } Kind;

typedef struct Terminal {
    Client *client;
    Kind kind;
    UINT page;
    bool negotiated;
    int columns;                  /* COLUMNS at first, and never more */
    bool wraps_at_once;           /* after the last column the cursor is in the next row already */
    char cells[ROWS][COLUMNS][5]; /* a character each; a double-width one is followed by an empty cell */
    int row, column;
    char typed[4];        /* a character that is being received */
    char options[400];    /* the telnet options that the server negotiates: " WILL 1" and so on */
    char escape[16];      /* an escape sequence that is being received */
    unsigned char iac[3]; /* the telnet command that is being received */
    int iac_length;
} Terminal;

static void terminal_clear(Terminal *terminal, int row, int column)
{
    for (; row < ROWS; row++, column = 0) {
        for (int i = column; i < COLUMNS; i++) strcpy(terminal->cells[row][i], " ");
    }
}

static void terminal_newline(Terminal *terminal)
{
    if (terminal->row < ROWS - 1) {
        terminal->row++;
        return;
    }
    memmove(terminal->cells[0], terminal->cells[1], sizeof terminal->cells - sizeof terminal->cells[0]);
    terminal_clear(terminal, ROWS - 1, 0);
}

/* Returns all rows down to the cursor's or the last one with text, whichever is lower. Each ends with its last
 * character, but the cursor's row reaches at least to the cursor. */
static const char *terminal_text(const Terminal *terminal)
{
    static char text[ROWS * COLUMNS * 5 + ROWS];
    int last = terminal->row;

    for (int row = 0; row < ROWS; row++) {
        for (int i = 0; i < COLUMNS; i++) {
            if (strcmp(terminal->cells[row][i], " ") != 0 && row > last) last = row;
        }
    }
    text[0] = '\0';
    for (int row = 0; row <= last; row++) {
        int end = COLUMNS, least = row == terminal->row ? terminal->column : 0;
        while (end > least && strcmp(terminal->cells[row][end - 1], " ") == 0) end--;
        for (int i = 0; i < end; i++) strcat(text, terminal->cells[row][i]);
        if (row < last) strcat(text, "\n");
    }
    return text;
}

/* Draws a character in UTF-8. One that does not fit into the row begins the next. */
static void terminal_put(Terminal *terminal, const char *character)
{
    int columns = strlen(character) >= 3 ? 2 : 1; /* which is true of the characters in these tests */

    if (terminal->column + columns > terminal->columns) {
        terminal->column = 0;
        terminal_newline(terminal);
    }
    strcpy(terminal->cells[terminal->row][terminal->column++], character);
    if (columns == 2) terminal->cells[terminal->row][terminal->column++][0] = '\0';
    if (terminal->column == terminal->columns && terminal->wraps_at_once) {
        terminal->column = 0;
        terminal_newline(terminal);
    }
}

/* Takes a byte of a character in the terminal's code page. */
static void terminal_character(Terminal *terminal, char c)
{
    size_t length = strlen(terminal->typed);
    WCHAR wide[3];
    char character[5];

    terminal->typed[length] = c;
    terminal->typed[length + 1] = '\0';
    if (MultiByteToWideChar(terminal->page, MB_ERR_INVALID_CHARS, terminal->typed, -1, wide, 3) > 0) {
        WideCharToMultiByte(CP_UTF8, 0, wide, -1, character, sizeof character, NULL, NULL);
        terminal_put(terminal, character);
        terminal->typed[0] = '\0';
    } else if (length == 2) {
        terminal_put(terminal, "?"); /* it cannot become a character */
        terminal->typed[0] = '\0';
    }
}

/* Knows only the sequences that the server needs: one row up, and clear everything below. */
static void terminal_escape(Terminal *terminal, unsigned char c)
{
    size_t length = strlen(terminal->escape);

    terminal->escape[length] = (char)c;
    if (length < 2 || c < 0x40) return;
    if (strcmp(terminal->escape, "\x1B[A") == 0 && terminal->row > 0) terminal->row--;
    if (strcmp(terminal->escape, "\x1B[J") == 0) terminal_clear(terminal, terminal->row, terminal->column);
    memset(terminal->escape, 0, sizeof terminal->escape);
}

/* Both kinds agree to WILL ECHO and WILL SUPPRESS-GO-AHEAD; a client that asked for echo does not answer the answer. */
static void terminal_option(Terminal *terminal, unsigned char c)
{
    static const char *const verbs[] = { "WILL", "WONT", "DO", "DONT" };
    char *end = terminal->options + strlen(terminal->options);

    terminal->iac[terminal->iac_length++] = c;
    if (terminal->iac_length == 2 && c >= WILL && c <= DONT) return;
    if (terminal->iac_length == 3) {
        snprintf(end, (size_t)(terminal->options + sizeof terminal->options - end), " %s %d",
                 verbs[terminal->iac[1] - WILL], c);
        terminal->negotiated = true;
        if (terminal->kind == WINDOWS && terminal->iac[1] == WILL) {
            char answer[3] = { (char)IAC, (char)DO, (char)c };
            client_send(terminal->client, answer, 3);
        }
    }
    if (terminal->iac_length != 1) terminal->iac_length = 0;
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
        terminal_character(terminal, (char)c);
    }
}

/* ---- ann at her terminal, bob who listens, and carl who asks whether the server is done with a key ---- */

static Server *server;
static Terminal ann;
static Client *bob, *carl;

/* Reads until the screen is `expected` and the negotiated options are `options`, and a little longer in case more
 * comes. Returns the screen. `options` may be NULL. */
static const char *screen_and_options(const char *expected, const char *options)
{
    unsigned char data[512];
    const char *text;
    bool good;

    do {
        text = terminal_text(&ann);
        good = strcmp(text, expected) == 0 && (!options || strcmp(ann.options, options) == 0);
        if (!client_readable(ann.client, good ? 20 : PATIENCE_MS)) break;
        int got = client_recv_some(ann.client, data, sizeof data);
        for (int i = 0; i < got; i++) terminal_byte(&ann, data[i]);
        if (got <= 0) break;
    } while (true);
    return text;
}

static const char *screen(const char *expected)
{
    return screen_and_options(expected, NULL);
}

/* Types the keys one after the other, in her code page, the bytes of a character together, as a terminal sends them. */
static bool types(const char *keys)
{
    while (*keys) {
        size_t length = 1;
        WCHAR wide[3];
        char key[8], shown[8];
        int bytes;

        while ((keys[length] & 0xC0) == 0x80) length++;
        bytes = MultiByteToWideChar(CP_UTF8, 0, keys, (int)length, wide, 3);
        bytes = WideCharToMultiByte(ann.page, 0, wide, bytes, key, sizeof key, NULL, NULL);
        snprintf(shown, sizeof shown, "%.*s", (int)length, keys);
        if (ann.kind == WINDOWS && !ann.negotiated) terminal_put(&ann, shown);
        if (!client_send(ann.client, key, (size_t)bytes) || !member_asks(carl)) return false;
        keys += length;
    }
    return true;
}

static void sits_down(Kind kind, UINT page, const char *options)
{
    memset(&ann, 0, sizeof ann);
    terminal_clear(&ann, 0, 0);
    server = server_start(options);
    ann.kind = kind;
    ann.page = page;
    ann.columns = COLUMNS;
    ann.client = member_join(server, NULL);
    carl = member_join(server, "carl");
    bob = member_join(server, "bob");
}

static void screen_clear(void)
{
    terminal_clear(&ann, 0, 0);
    ann.row = 0;
}

/* Brings both into the room. Ann, who is guest1, has an empty screen. */
static bool ann_and_bob(Kind kind, UINT page)
{
    sits_down(kind, page, "--chat --quiet --codepage 949");
    if (!bob || !member_awaits(ann.client, "*** guest3 is now bob (3 here)")) return false;
    if (kind == ASKS_FOR_ECHO) {
        client_send(ann.client, "\xFF\xFD\x01\xFF\xFD\x03", 6);
        if (strcmp(screen_and_options("", " WILL 1 DO 31 WILL 3"), "") != 0) return false;
        if (strcmp(ann.options, " WILL 1 DO 31 WILL 3") != 0) return false;
    }
    ann.options[0] = '\0';
    return true;
}

#define CHECK_SCREEN(expected) CHECK_STR(screen(expected), expected)

/* ---- tests ---- */

TEST(keys_are_echoed)
{
    CHECK(ann_and_bob(ASKS_FOR_ECHO, CP_UTF8));
    CHECK(types("h"));
    CHECK_SCREEN("h");
    CHECK(types("ello  "));
    CHECK_SCREEN("hello  ");
    CHECK(types(GA NA "!"));
    CHECK_SCREEN("hello  " GA NA "!");
    CHECK(types("\r"));
    CHECK_SCREEN("hello  " GA NA "!\n");
    CHECK(member_hears(bob, "guest1: hello  " GA NA "!"));
    screen_clear();
    CHECK(types("two\r\nthree\n"));
    CHECK_SCREEN("two\nthree\n");
    CHECK(client_send(ann.client, "all\r\0at\r\nonce", 13)); /* typed ahead, or pasted */
    CHECK_SCREEN("two\nthree\nall\nat\nonce");
    CHECK(client_send(ann.client, "\xED", 1)); /* a character cut in three is shown when it is whole */
    CHECK(member_asks(carl));
    CHECK(client_send(ann.client, "\x95", 1));
    CHECK(member_asks(carl));
    CHECK_SCREEN("two\nthree\nall\nat\nonce");
    CHECK(client_send(ann.client, "\x9C", 1));
    CHECK_SCREEN("two\nthree\nall\nat\nonce\xED\x95\x9C");
    CHECK_STR(ann.options, ""); /* nothing more to agree on */
    CHECK_EQ(server_stop(server), 0);
}

TEST(keys_are_edited)
{
    CHECK(ann_and_bob(ASKS_FOR_ECHO, CP_UTF8));
    CHECK(types("helo\b"));
    CHECK_SCREEN("hel");
    CHECK(types("lo"));
    CHECK_SCREEN("hello");
    CHECK(types("\x7F\x7F\x7F\x7F\x7F\x7F\x7F")); /* two more than there are to erase */
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
    CHECK(member_hears(bob, "guest1: hi there"));
    CHECK(types("gone\b\b\b\b\r\n")); /* an empty line is not said */
    CHECK_SCREEN("hi there\n\n");
    CHECK(member_asks(carl));
    CHECK(!client_readable(bob, 50));
    CHECK_EQ(server_stop(server), 0);
}

/* A message gets a line of its own, and the unfinished line is shown once, below it. */
TEST(keys_are_redrawn)
{
    CHECK(ann_and_bob(ASKS_FOR_ECHO, CP_UTF8));
    CHECK(member_says(bob, "nothing is typed yet"));
    CHECK_SCREEN("bob: nothing is typed yet\n");
    screen_clear();
    CHECK(types("hel"));
    CHECK(member_says(bob, "a longer line than ann's"));
    CHECK_SCREEN("bob: a longer line than ann's\nhel");
    CHECK(types("x\blo " GA NA));
    CHECK(client_send(bob, "one\r\ntwo\r\nthree\r\n", 17));
    CHECK_SCREEN("bob: a longer line than ann's\nbob: one\nbob: two\nbob: three\nhello " GA NA);
    CHECK(types("\b" DA "\r\n"));
    CHECK_SCREEN("bob: a longer line than ann's\nbob: one\nbob: two\nbob: three\nhello " GA DA "\n");
    CHECK(member_hears(bob, "guest1: hello " GA DA));
    screen_clear();
    CHECK(types("/who\r\nnext"));
    CHECK_SCREEN("/who\n*** 3 here: bob, carl, guest1\nnext");
    CHECK(client_send(ann.client, "\xFF\xF6", 2)); /* Are You There, in the middle of a line */
    CHECK_SCREEN("/who\n*** 3 here: bob, carl, guest1\n*** yes, the server is here\nnext");
    client_close(bob);
    CHECK_SCREEN("/who\n*** 3 here: bob, carl, guest1\n*** yes, the server is here\n*** bob left (2 here)\nnext");
    CHECK_EQ(server_stop(server), 0);
}

#define TEN  "0123456789"
#define GA10 GA GA GA GA GA GA GA GA GA GA

/* A line that is wider than the terminal: the server breaks it itself, so that it knows where the cursor is. */
TEST(keys_wider_than_the_terminal)
{
    CHECK(ann_and_bob(ASKS_FOR_ECHO, CP_UTF8));
    CHECK(types(TEN TEN TEN TEN TEN TEN TEN TEN "abc"));
    CHECK_SCREEN(TEN TEN TEN TEN TEN TEN TEN "012345678\n9abc");
    CHECK(member_says(bob, "good morning"));
    CHECK_SCREEN("bob: good morning\n" TEN TEN TEN TEN TEN TEN TEN "012345678\n9abc");
    CHECK(types("\b\b\b\b\b"));
    CHECK_SCREEN("bob: good morning\n" TEN TEN TEN TEN TEN TEN TEN "01234567");
    CHECK(types("xyz"));
    CHECK_SCREEN("bob: good morning\n" TEN TEN TEN TEN TEN TEN TEN "01234567x\nyz");
    CHECK(types("\r\n"));
    CHECK_SCREEN("bob: good morning\n" TEN TEN TEN TEN TEN TEN TEN "01234567x\nyz\n");
    CHECK(member_hears(bob, "guest1: " TEN TEN TEN TEN TEN TEN TEN "01234567xyz"));
    screen_clear();
    CHECK(types(GA10 GA10 GA10 GA10 NA)); /* 39 of them fit into 79 columns */
    CHECK_SCREEN(GA10 GA10 GA10 GA GA GA GA GA GA GA GA GA "\n" GA NA);
    CHECK(types("\b\b\b"));
    CHECK_SCREEN(GA10 GA10 GA10 GA GA GA GA GA GA GA GA);
    CHECK_EQ(server_stop(server), 0);
}

/* A client that echoes locally says DONT ECHO: telnet's "mode line". And back. */
TEST(keys_dont_echo)
{
    CHECK(ann_and_bob(ASKS_FOR_ECHO, CP_UTF8));
    CHECK(types("a"));
    CHECK_SCREEN("a");
    CHECK(client_send(ann.client, "\r\n\xFF\xFE\x01", 5));
    CHECK(types("bc\b"));
    CHECK_STR(screen_and_options("a\n", " WONT 1"), "a\n");
    CHECK_STR(ann.options, " WONT 1");
    CHECK(member_hears(bob, "guest1: a"));
    CHECK(member_says(bob, "hi"));
    CHECK_SCREEN("a\nbob: hi\n");
    CHECK(types("\r\n"));
    CHECK_SCREEN("a\nbob: hi\n");
    CHECK(member_hears(bob, "guest1: b"));
    CHECK(client_send(ann.client, "\xFF\xFD\x01", 3));
    CHECK(types("d"));
    CHECK_SCREEN("a\nbob: hi\nd");
    CHECK_STR(ann.options, " WONT 1 WILL 1");
    CHECK_EQ(server_stop(server), 0);
}

/* BINARY and the window's size are agreed on, the rest is refused, and answers are not answered. */
TEST(keys_options)
{
    CHECK(ann_and_bob(ASKS_FOR_ECHO, CP_UTF8));
    CHECK(client_send(ann.client, "\xFF\xFD\x18\xFF\xFB\x1F", 6)); /* DO TERMINAL-TYPE; WILL NAWS is an answer */
    CHECK(client_send(ann.client, "\xFF\xFB\0\xFF\xFD\0", 6));     /* telnet -8 */
    CHECK_STR(screen_and_options("", " WONT 24 DO 0 WILL 0"), "");
    CHECK_STR(ann.options, " WONT 24 DO 0 WILL 0");
    ann.options[0] = '\0';
    CHECK(client_send(ann.client, "\xFF\xFE\x18\xFF\xFD\x01\xFF\xFD\x03\xFF\xFB\0\xFF\xFD\0", 15));
    CHECK(client_send(ann.client, "\xFF\xFA\x1F\0\x50\0\x18\xFF\xF0ok", 11));
    CHECK_SCREEN("ok");
    CHECK_STR(ann.options, "");
    CHECK_EQ(server_stop(server), 0);
}

/* ---- narrow terminals ---- */

/* Changes the terminal's width, and says so (NAWS). */
static bool resizes(int columns)
{
    char size[] = { (char)IAC, (char)250, 31, 0, 0, 0, 24, (char)IAC, (char)240 };

    ann.columns = columns;
    size[3] = (char)(columns / 256);
    size[4] = (char)(columns % 256);
    return client_send(ann.client, size, sizeof size) && member_asks(carl);
}

#define NEWS "bob: news\n"

/* A line fills the terminal's rows; a terminal that wraps at once and one that wraps with the next character must look
 * the same. */
static void check_narrow(bool wraps_at_once)
{
    CHECK(ann_and_bob(ASKS_FOR_ECHO, CP_UTF8));
    ann.wraps_at_once = wraps_at_once;
    CHECK(client_send(ann.client, "\xFF\xFB\x1F", 3));
    CHECK(resizes(40));
    CHECK(types(TEN TEN TEN TEN TEN TEN));
    CHECK_SCREEN(TEN TEN TEN TEN "\n" TEN TEN);
    CHECK(member_says(bob, "news"));
    CHECK_SCREEN(NEWS TEN TEN TEN TEN "\n" TEN TEN);
    CHECK(types("\b\b\b\b\b\b\b\b\b\b\b\b\b\b\b\b\b\b\b\b")); /* to the end of the first row, ... */
    CHECK_SCREEN(NEWS TEN TEN TEN TEN "\n");
    CHECK(member_says(bob, "news"));
    CHECK_SCREEN(NEWS NEWS TEN TEN TEN TEN "\n");
    CHECK(types("\b\b")); /* ... and past it */
    CHECK_SCREEN(NEWS NEWS TEN TEN TEN "01234567");
    CHECK(types(GA NA)); /* the second does not fit */
    CHECK_SCREEN(NEWS NEWS TEN TEN TEN "01234567" GA "\n" NA);
    CHECK(types("\b\b0" NA)); /* nor does this, where one column is left */
    CHECK_SCREEN(NEWS NEWS TEN TEN TEN "012345670\n" NA);
    CHECK(types("\b0\r\n")); /* Enter at the very end makes no empty row */
    CHECK_SCREEN(NEWS NEWS TEN TEN TEN "0123456700\n");
    CHECK(member_hears(bob, "guest1: " TEN TEN TEN "0123456700"));
    screen_clear();
    CHECK(types(TEN TEN TEN "\x15ok")); /* Ctrl+U */
    CHECK_SCREEN("ok");
    CHECK_EQ(server_stop(server), 0);
}

TEST(keys_narrow_terminal)
{
    check_narrow(false);
}

TEST(keys_narrow_terminal_that_wraps_at_once)
{
    check_narrow(true);
}

/* Invalid widths are ignored; a new one redraws the line. */
TEST(keys_terminal_is_resized)
{
    static const int none[] = { 0, 1, 9, 1001, 65535 };

    CHECK(ann_and_bob(ASKS_FOR_ECHO, CP_UTF8));
    CHECK(client_send(ann.client, "\xFF\xFB\x1F", 3));
    CHECK(resizes(20));
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) CHECK(resizes(none[i]));
    ann.columns = 20;
    CHECK(types(TEN TEN TEN));
    CHECK_SCREEN(TEN TEN "\n" TEN);
    CHECK(resizes(40));
    CHECK_SCREEN(TEN TEN TEN);
    CHECK(resizes(10));
    CHECK_SCREEN(TEN "\n" TEN "\n" TEN "\n");
    CHECK(resizes(25));
    CHECK(types("x"));
    CHECK_SCREEN(TEN TEN "01234\n56789x");
    CHECK(types("\x15"));
    CHECK_SCREEN("");
    CHECK(client_send(ann.client, "\xFF\xFC\x1F", 3)); /* WONT NAWS: the width is unknown again */
    ann.columns = COLUMNS;
    CHECK(types(TEN TEN TEN));
    CHECK_SCREEN(TEN TEN TEN);
    CHECK_EQ(server_stop(server), 0);
}

/* Ctrl+U, and telnet's EC and EL, on the screen. */
TEST(keys_erased)
{
    CHECK(ann_and_bob(ASKS_FOR_ECHO, CP_UTF8));
    CHECK(types("my password\x15"));
    CHECK_SCREEN("");
    CHECK(types("\x15hello"));
    CHECK_SCREEN("hello");
    CHECK(client_send(ann.client, "\xFF\xF7", 2));
    CHECK_SCREEN("hell");
    CHECK(types(GA));
    CHECK(client_send(ann.client, "\xFF\xF7", 2));
    CHECK_SCREEN("hell");
    CHECK(client_send(ann.client, "\xFF\xF8", 2));
    CHECK_SCREEN("");
    CHECK(types(TEN TEN TEN TEN TEN TEN TEN TEN TEN "\x15"
                                                    "done\r"));
    CHECK_SCREEN("done\n");
    CHECK(member_hears(bob, "guest1: done"));
    CHECK_EQ(server_stop(server), 0);
}

/* ---- Windows' telnet ---- */

#define MINSU "\xEB\xAF\xBC\xEC\x88\x98"

static void check_windows(const char *options)
{
    sits_down(WINDOWS, 949, options);
    CHECK(bob && member_awaits(ann.client, "*** guest3 is now bob (3 here)"));
    CHECK(types(GA)); /* its own echo; then the server offers to echo, and shows the same text in the same place */
    CHECK_STR(screen_and_options(GA, " WILL 1 WILL 3 DO 31"), GA);
    CHECK_STR(ann.options, " WILL 1 WILL 3 DO 31");
    CHECK(types(NA "x" DA "\b\b" DA));
    CHECK_SCREEN(GA NA DA);
    CHECK(client_send(ann.client, "\x80\b", 2)); /* a C1 control in her code page takes no column of its own */
    CHECK_SCREEN(GA NA);
    CHECK(types(DA));
    CHECK_SCREEN(GA NA DA);
    CHECK(member_says(bob, MINSU "?"));
    CHECK_SCREEN("bob: " MINSU "?\n" GA NA DA);
    CHECK(types("\r\n"));
    CHECK_SCREEN("bob: " MINSU "?\n" GA NA DA "\n");
    CHECK(member_hears(bob, "guest1: " GA NA DA));
    screen_clear();
    CHECK(types("/nick " MINSU "\r\n"));
    CHECK_SCREEN("/nick " MINSU "\n*** you are now " MINSU "\n");
    CHECK(member_hears(bob, "*** guest1 is now " MINSU " (3 here)"));
    CHECK(types("/who\r\n"));
    CHECK_SCREEN("/nick " MINSU "\n*** you are now " MINSU "\n/who\n*** 3 here: bob, carl, " MINSU "\n");
    CHECK_STR(ann.options, " WILL 1 WILL 3 DO 31"); /* her answers were not answered */
    CHECK_EQ(server_stop(server), 0);
}

TEST(keys_windows_telnet)
{
    check_windows("--chat --codepage 949");
}

/* The same where the machine's own code page is 949, without the option. */
TEST(keys_windows_telnet_in_korea)
{
    SKIP_IF(GetOEMCP() != 949, "the OEM code page is not 949");
    check_windows("--chat");
}

/* Enter alone is not a line, and an arrow key is not text: the server still finds out what the client sends. */
TEST(keys_windows_telnet_enters_first)
{
    sits_down(WINDOWS, 949, "--chat --codepage 949 --quiet");
    CHECK(bob && member_awaits(ann.client, "*** guest3 is now bob (3 here)"));
    CHECK(client_send(ann.client, "\r\n", 2));
    CHECK(client_send(ann.client, "\x1B[A", 3));
    CHECK(member_asks(carl));
    CHECK(types("h"));
    CHECK_STR(screen_and_options("h", " WILL 1 WILL 3 DO 31"), "h");
    CHECK_STR(ann.options, " WILL 1 WILL 3 DO 31");
    CHECK(types("i"));
    CHECK_SCREEN("hi");
    CHECK_EQ(server_stop(server), 0);
}

/* A client that sends UTF-8 key by key and has not negotiated anything: the first character shows it. */
TEST(keys_of_utf8)
{
    sits_down(WINDOWS, CP_UTF8, "--chat --codepage 949 --quiet");
    CHECK(bob && member_awaits(ann.client, "*** guest3 is now bob (3 here)"));
    CHECK(types(GA));
    CHECK_SCREEN(GA);
    CHECK(types(NA "\b"));
    CHECK_SCREEN(GA);
    CHECK(types("\r\n"));
    CHECK(member_hears(bob, "guest1: " GA));
    CHECK(member_says(bob, NA));
    CHECK_SCREEN(GA "\nbob: " NA "\n");
    CHECK_EQ(server_stop(server), 0);
}

/* ---- clients that send lines ---- */

/* No telnet command is sent to a client that sends lines, whole or long, and does not ask. */
TEST(keys_lines_stay_clean)
{
    static char line[3000];
    char byte;
    Client *ned;

    server = server_start("--chat --quiet");
    bob = member_join(server, "bob");
    ned = member_join(server, NULL);
    CHECK(member_awaits(bob, "*** guest2 joined (2 here)"));
    CHECK(member_says(ned, "a line"));
    CHECK(client_send(ned, "and hal", 7)); /* cut in the middle */
    CHECK(member_hears(bob, "guest2: a line"));
    CHECK(!client_readable(ned, 50));
    CHECK(client_send(ned, "f\n", 2));
    CHECK(member_hears(bob, "guest2: and half"));
    client_close(ned);
    ned = member_join(server, NULL);
    CHECK(member_hears(ned, "guest2: a line"));
    CHECK(member_hears(ned, "guest2: and half"));
    CHECK(client_send(ned, "\xEF\xBB\xBF", 3)); /* PowerShell writes a byte order mark by itself */
    CHECK(member_asks(bob));
    CHECK(!client_readable(ned, 50));
    CHECK(member_says(ned, "/nick ned"));
    CHECK(member_hears(ned, "*** you are now ned"));
    client_close(ned);
    ned = member_join(server, NULL);
    CHECK(member_hears(ned, "guest2: a line"));
    CHECK(member_hears(ned, "guest2: and half"));
    memset(line, 'x', sizeof line); /* no key sends this much */
    CHECK(client_send(ned, line, sizeof line));
    CHECK(!client_readable(ned, 100));
    CHECK(client_send(ned, "\n/quit\n", 7));
    CHECK(member_hears_goodbye(ned));
    CHECK_EQ(client_recv_some(ned, &byte, 1), RECV_EOF);
    CHECK_EQ(server_stop(server), 0);
}

/* ---- the option ---- */

static void check_refused(const char *options, const char *what)
{
    server = server_run(options);
    CHECK_EQ(server_wait(server, PATIENCE_MS), 2);
    CHECK_HAS(server_errors(server), what);
    CHECK_HAS(server_errors(server), "\nusage: ");
    CHECK_STR(server_output(server), "");
}

TEST(keys_code_page_option)
{
    static const char *const refused[][2] = {
        { "--chat --codepage", "server: --codepage: its value is missing" },
        { "--chat --codepage ks", "server: --codepage ks: " },
        { "--chat --codepage 12345", "server: --codepage: " }, /* no such page */
        { "--chat --codepage 65000", "server: --codepage: " }, /* UTF-7: up to five bytes a character */
        { "--codepage 949", "server: --codepage: " },          /* echo sends bytes back unchanged */
        { "--chat --telnet", "server: --telnet: no such option" },
    };

    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        check_refused(refused[i][0], refused[i][1]);
        CHECK_STILL_GOOD();
    }
}
