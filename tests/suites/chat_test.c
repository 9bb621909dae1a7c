/* chat_test.c - what the room makes of the bytes that a client sends: lines, telnet's commands, editing, attacks,
 * names, commands. */
#include "../harness/member.h"

#include <stdio.h>
#include <string.h>

/* ---- ann talks, bob listens ---- */

static Server *server;
static Client *ann, *bob;

static bool ann_and_bob(const char *options)
{
    server = server_start(options);
    ann = member_join(server, "ann");
    bob = member_join(server, "bob");
    return bob && member_awaits(ann, "* guest2 is now bob (2 here)");
}

/* What ann sends, what bob hears of it, and what answers she gets, all in whole lines. */
typedef struct Typed {
    const char *bytes;
    size_t length;
    const char *heard, *answered;
} Typed;

#define TYPED(text) text, sizeof text - 1

/* What bob hears. His own questions show that the server has seen what ann sent so far. */
static char heard[64 * 1024];

static void bob_asks(void)
{
    member_says(bob, "/");
    strcat(heard, member_hears_until(bob, NO_COMMAND));
}

/* Sends it in two parts, so that the server receives it cut there, or with `cut` < 0 byte for byte. */
static void ann_types(const Typed *typed, int cut)
{
    heard[0] = '\0';
    if (cut < 0) {
        for (size_t i = 0; i < typed->length; i++) {
            CHECK(client_send(ann, typed->bytes + i, 1));
            bob_asks();
        }
    } else {
        CHECK(client_send(ann, typed->bytes, (size_t)cut));
        if (cut > 0) bob_asks();
        CHECK(client_send(ann, typed->bytes + cut, typed->length - (size_t)cut));
    }
    CHECK(client_send(ann, ".\n/\n", 4));
    strcat(heard, member_hears_until(bob, "ann: ."));
    CHECK_STR(heard, typed->heard);
    CHECK_STR(member_hears_until(ann, NO_COMMAND), typed->answered);
}

static void show_typed(const Typed *typed, int cut)
{
    printf("    ann had sent \"");
    for (size_t i = 0; i < typed->length; i++) {
        unsigned char c = (unsigned char)typed->bytes[i];
        printf(c >= 0x20 && c < 0x7F ? "%c" : "\\x%02X", c);
    }
    printf(cut < 0 ? "\" byte for byte\n" : "\" cut at %d\n", cut);
}

/* Each of them whole, cut at every position, and byte for byte. */
static void check_all_typed(const Typed *typed, size_t count)
{
    CHECK(ann_and_bob("--chat"));
    for (size_t i = 0; i < count; i++, typed++) {
        for (int cut = -1; cut < (int)typed->length; cut++) {
            ann_types(typed, cut);
            if (test_has_failed()) show_typed(typed, cut);
            CHECK_STILL_GOOD();
        }
    }
    CHECK_EQ(server_stop(server), 0);
    CHECK_STR(server_errors(server), "");
}

#define CHECK_ALL_TYPED(table) check_all_typed(table, sizeof table / sizeof table[0])

/* ---- lines ---- */

TEST(chat_line_ends)
{
    static const Typed lines[] = {
        { TYPED("lf\n"), "ann: lf\n", "" },
        { TYPED("crlf\r\n"), "ann: crlf\n", "" },
        { TYPED("crnul\r\0"), "ann: crnul\n", "" },
        { TYPED("cr\r"), "ann: cr\n", "" },
        { TYPED("one\ntwo\r\nthree\r\0four\rfive\nsix\r"),
          "ann: one\nann: two\nann: three\nann: four\nann: five\nann: six\n", "" },
        { TYPED("empty ones are no lines\n\n\r\n\r\r\0\r\n\n\r\r\nmore\n"), "ann: empty ones are no lines\nann: more\n",
          "" },
        { TYPED("one CR has one LF\r\n\nb\r\n"), "ann: one CR has one LF\nann: b\n", "" },
        { TYPED("a NUL alone \0is dropped\n"), "ann: a NUL alone is dropped\n", "" },
        { TYPED("  spaces  stay  \r\n"), "ann:   spaces  stay  \n", "" },
        { TYPED(GA NA " " DA "\r\n"), "ann: " GA NA " " DA "\n", "" },
    };

    CHECK_ALL_TYPED(lines);
}

TEST(chat_telnet_commands)
{
    static const Typed lines[] = {
        { TYPED("a\xFF\xFB\x18z\n"), "ann: az\n", "" },                         /* WILL TERMINAL-TYPE */
        { TYPED("a\xFF\xFC\x01\xFF\xFD\x03\xFF\xFE\x01z\n"), "ann: az\n", "" }, /* WONT, DO, DONT */
        { TYPED("a\xFF\xFD\x0A\xFF\xFB\x0Dz\n"), "ann: az\n", "" },             /* options 10 and 13 are no line ends */
        { TYPED("a\xFF\xFD\xFFz\n"), "ann: az\n", "" },                         /* nor is option 255 a command */
        { TYPED("a\xFF\xF1\xFF\xF6\xFF\xF4z\n"), "ann: az\n", "" },             /* NOP, AYT, IP */
        { TYPED("a\xFF\xFFz\n"), "ann: a\xFFz\n", "" },                         /* IAC IAC is one byte of text */
        { TYPED("\xFF\xFF\xFF\xFF\xFF\xF1\xFF\xFF\n"), "ann: \xFF\xFF\xFF\n", "" },
        { TYPED("a\xFF\xFA\x18\0xterm\xFF\xF0z\n"), "ann: az\n", "" },          /* SB TERMINAL-TYPE IS xterm IAC SE */
        { TYPED("a\xFF\xFA\x1F\0\xFF\xFF\0\x18\xFF\xF0z\n"), "ann: az\n", "" }, /* IAC IAC inside */
        { TYPED("a\xFF\xFA\x1F\xFF\xFF\xF0\n\xFF\xF0z\n"), "ann: az\n", "" },   /* IAC IAC SE does not end it */
        { TYPED("a\xFF\xFA\x27quit\r\n/quit\n\xFF\xF0z\n"), "ann: az\n", "" },  /* nothing inside is a line */
        { TYPED(GA "\xFF\xF1" NA "\xEB\xFF\xF1\x8B\xA4\n"), "ann: " GA NA DA "\n", "" },
        { TYPED("a\r\xFF\xF1\nz\n"), "ann: a\nann: z\n", "" }, /* CR LF with a NOP between */
    };

    CHECK_ALL_TYPED(lines);
}

TEST(chat_backspace)
{
    static const Typed lines[] = {
        { TYPED("helo\blo\n"), "ann: hello\n", "" }, /* one too many, as people do */
        { TYPED("helo\b\x7Flo\n"), "ann: helo\n", "" },
        { TYPED("ab\b\b\b\b\x7F\x7Fx\n"), "ann: x\n", "" },
        { TYPED("gone\b\b\b\b\n"), "", "" },
        { TYPED("one\n\b\btwo\n"), "ann: one\nann: two\n", "" },
        { TYPED(GA NA "\b" DA "\n"), "ann: " GA DA "\n", "" },
        { TYPED("a" GA "\x7Fz\n"), "ann: az\n", "" },
        { TYPED(GA NA DA "\b\b\b\bx\n"), "ann: x\n", "" },
        { TYPED("\303\251a\b\b\xC3\xA9z\n"), "ann: \xC3\xA9z\n", "" }, /* e with acute, 2 bytes */
        { TYPED("x\xF0\x9F\x98\x80\b\xF0\x9F\x98\x80z\n"), "ann: x\xF0\x9F\x98\x80z\n", "" }, /* 4 bytes */
        { TYPED("/quit\b\b\b\b\bstay\n"), "ann: stay\n", "" },
        { TYPED("a\xEA\b" GA "\bz\n"), "ann: az\n", "" }, /* half a character, erased */
    };

    CHECK_ALL_TYPED(lines);
}

/* ---- attacks ---- */

TEST(chat_escape_attacks)
{
    static const Typed lines[] = {
        { TYPED("a\x1B]0;evil\x07z\n"), "ann: az\n", "" }, /* sets the window's title */
        { TYPED("a\x1B]0;evil\x1B\\z\n"), "ann: az\n", "" },
        { TYPED("a\x1B[2Jz\n"), "ann: az\n", "" }, /* clears the screen */
        { TYPED("a\x1B[1;31mz\x1B[0m\n"), "ann: az\n", "" },
        { TYPED("a\x1B[?25lz\n"), "ann: az\n", "" },
        { TYPED("a\x1B\x1B[2Jz\n"), "ann: az\n", "" },
        { TYPED("a\x1B[3\x1B[2Jz\n"), "ann: az\n", "" },
        { TYPED("a\x1BPq evil\x1B\\z\n"), "ann: az\n", "" }, /* device control string */
        { TYPED("a\x1B_evil\x1B\\b\x1B^evil\x1B\\z\n"), "ann: abz\n", "" },
        { TYPED("a\033cz\n"), "ann: az\n", "" },                  /* resets the terminal */
        { TYPED("a\x1B(0z\n"), "ann: az\n", "" },                 /* another character set */
        { TYPED("a\x1BOPz\n"), "ann: az\n", "" },                 /* the key F1 */
        { TYPED("a\x1B]0;no end\nz\n"), "ann: a\nann: z\n", "" }, /* a line end ends all */
        { TYPED("a\x1B[\nz\x1B\n"), "ann: a\nann: z\n", "" },
        { TYPED("a\302\2332Jz\n"), "ann: a2Jz\n", "" },       /* U+009B, one character for ESC [ */
        { TYPED("a\xC2\x1B[m\2332Jz\n"), "ann: a2Jz\n", "" }, /* ... put together from parts */
        { TYPED("a\xC2\xFF\xF1\2332Jz\n"), "ann: a2Jz\n", "" },
        { TYPED("a\xC2x\b\2332Jz\n"), "ann: a2Jz\n", "" },
        { TYPED("a\xC2\x85\xC2\x80\xC2\x9Fz\xC2\xA0\n"), "ann: az\xC2\xA0\n", "" }, /* U+0080 to U+009F, not U+00A0 */
        { TYPED("a\x01\x02\x03\x04\x05\x06\x07\x0B\x0C\x0E\x0F\x10\x11\x12\x13\x14z\n"), "ann: az\n", "" },
        { TYPED("a\x15\x16\x17\x18\x19\x1A\x1C\x1D\x1E\x1Fz\n"), "ann: az\n", "" },
        { TYPED("a\tz\n"), "ann: a z\n", "" },
        { TYPED("/me \x1B[5mblinks\x07\n"), "* ann blinks\n", "" },
        { TYPED("/x\x1B[2J\x07y\n"), "", "! /xy: no such command, /help lists them\n" },
    };

    CHECK_ALL_TYPED(lines);
    for (const char *c = server_output(server); *c; c++) CHECK(*c == '\n' || (unsigned char)*c >= 0x20);
    CHECK(strstr(server_output(server), "evil") == NULL);
    CHECK(strstr(server_output(server), "\xC2\x9B") == NULL);
}

/* Both encodings of Korean, and any other bytes from 0x80 up, pass as they are. */
TEST(chat_high_bytes_pass)
{
    char line[300] = "ann: ";
    size_t length = 5;

    CHECK(ann_and_bob("--chat"));
    for (int c = 0x80; c < 0xFF; c++) line[length++] = (char)c; /* no 0xC2 stands before a byte below 0xA0 */
    CHECK(member_says(ann, line + 5));
    CHECK(member_hears(bob, line));
    CHECK(member_says(ann, "\xB0\xA1\xB3\xAA\xB4\xD9 CP949"));
    CHECK(member_hears(bob, "ann: \xB0\xA1\xB3\xAA\xB4\xD9 CP949"));
    CHECK(member_says(ann, "\2332J in CP949 is no control character"));
    CHECK(member_hears(bob, "ann: \2332J in CP949 is no control character"));
    CHECK(member_says(ann, "\xED\x95\x9C\xEA\xB8\x80 \xF0\x9F\x98\x80 UTF-8"));
    CHECK(member_hears(bob, "ann: \xED\x95\x9C\xEA\xB8\x80 \xF0\x9F\x98\x80 UTF-8"));
    CHECK_HAS(server_line(server, "CP949", NULL), "ann: \xB0\xA1\xB3\xAA\xB4\xD9 CP949");
    CHECK_EQ(server_stop(server), 0);
}

/* ---- long lines ---- */

/* Ann sends `bytes` bytes as one line, made of copies of `character`; bob hears them all, in pieces that cut no
 * character, and nothing else. */
static void check_long_line(const char *character, size_t bytes)
{
    static char line[100001];
    size_t width = strlen(character), got = 0;
    char piece[LINE_SIZE];

    for (size_t i = 0; i < bytes; i++) line[i] = character[i % width];
    line[bytes] = '\n';
    CHECK(client_send(ann, line, bytes + 1));
    while (got < bytes) {
        CHECK(client_line(bob, piece, sizeof piece));
        size_t length = strlen(piece) - 5;
        CHECK(strncmp(piece, "ann: ", 5) == 0 && length > 0 && length <= bytes - got);
        CHECK(memcmp(piece + 5, line + got, length) == 0);
        CHECK_EQ(length % width, 0);
        got += length;
    }
    CHECK(member_asks(ann));
    CHECK(member_asks(bob)); /* nothing more was heard */
}

TEST(chat_long_lines)
{
    static const size_t sizes[] = { 2047, 2048, 4094, 4095, 4096, 4097, 8190, 8191, 10000, 100000 };

    CHECK(ann_and_bob("--chat --quiet"));
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        check_long_line("x", sizes[i]);
        CHECK_STILL_GOOD();
        check_long_line(GA, sizes[i] / 3 * 3);
        CHECK_STILL_GOOD();
        check_long_line("\xF0\x9F\x98\x80", sizes[i] / 4 * 4);
        CHECK_STILL_GOOD();
    }
    CHECK_EQ(server_stop(server), 0);
}

/* The end of a long line after a piece of it went out is text too. */
TEST(chat_long_line_then_slash)
{
    static char line[4095 + 16];

    CHECK(ann_and_bob("--chat --quiet"));
    memset(line, 'x', 4095);
    strcpy(line + 4095, "/quit\n");
    CHECK(client_send(ann, line, strlen(line)));
    line[4095] = '\0';
    CHECK_HAS(member_hears_until(bob, "ann: /quit"), line);
    CHECK(member_says(ann, "/quit"));
    CHECK(member_hears(bob, "* ann left (1 here)"));
    CHECK(member_hears_goodbye(ann));
    CHECK_EQ(server_stop(server), 0);
}

TEST(chat_unfinished_line)
{
    CHECK(ann_and_bob("--chat"));
    CHECK(client_send(ann, "whole\r\nhalf a li", 16));
    CHECK(member_hears(bob, "ann: whole"));
    CHECK(member_asks(bob));
    CHECK(!client_readable(bob, 100)); /* it waits for its end */
    CHECK(client_half_close(ann));
    CHECK(member_hears(bob, "ann: half a li"));
    CHECK(member_hears_goodbye(ann));
    client_close(ann);
    CHECK(member_hears(bob, "* ann left (1 here)"));
    CHECK_HAS(server_line(server, "#1 ", " left "), "closed by the client");
    CHECK_EQ(server_stop(server), 0);
}
