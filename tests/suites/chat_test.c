/* chat_test.c - how the chat handles the bytes that a client sends: lines, telnet's commands, editing, attacks, names,
 * commands. */
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
    return bob && member_awaits(ann, "*** guest2 is now bob (2 here)");
}

/* What ann sends, what bob hears as a result, and what answers she gets, all in whole lines. */
typedef struct Typed {
    const char *bytes;
    size_t length;
    const char *heard, *answered;
} Typed;

#define TYPED(text) text, sizeof text - 1

/* What bob hears. The answers to his own questions show that the server has handled what ann sent so far. */
static char heard[64 * 1024];

static void bob_asks(void)
{
    member_says(bob, "/");
    strcat(heard, member_hears_until(bob, NO_COMMAND));
}

/* Sends the bytes in two parts, which the server receives separately, or byte by byte if `cut` < 0. */
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

/* Sends each of them whole and, with `cuts`, cut at every position, and byte by byte. */
static void check_typed(const Typed *typed, size_t count, bool cuts)
{
    CHECK(ann_and_bob("--chat --codepage 949"));
    for (size_t i = 0; i < count; i++, typed++) {
        for (int cut = cuts ? -1 : 0; cut < (cuts ? (int)typed->length : 1); cut++) {
            ann_types(typed, cut);
            if (test_has_failed()) show_typed(typed, cut);
            CHECK_STILL_GOOD();
        }
    }
    CHECK_EQ(server_stop(server), 0);
    CHECK_STR(server_errors(server), "");
}

#define CHECK_ALL_TYPED(table)   check_typed(table, sizeof table / sizeof table[0], true)
#define CHECK_TYPED_WHOLE(table) check_typed(table, sizeof table / sizeof table[0], false)

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
        { TYPED("a\xFF\xFC\x18\xFF\xFE\x18z\n"), "ann: az\n", "" },    /* WONT and DONT TERMINAL-TYPE */
        { TYPED("a\xFF\xFC\x0D\xFF\xFE\x0Az\n"), "ann: az\n", "" },    /* options 10 and 13 are not line ends */
        { TYPED("a\xFF\xFE\xFFz\n"), "ann: az\n", "" },                /* nor is option 255 a command */
        { TYPED("a\xFF\xF1\xFF\xF4\xFF\xF2z\n"), "ann: az\n", "" },    /* NOP, IP, DM */
        { TYPED("a\xFF\xFA\x18\0xterm\xFF\xF0z\n"), "ann: az\n", "" }, /* SB TERMINAL-TYPE IS xterm IAC SE */
        { TYPED("a\xFF\xFA\x1F\0\xFF\xFF\0\x18\xFF\xF0z\n"), "ann: az\n", "" }, /* IAC IAC inside */
        { TYPED("a\xFF\xFA\x1F\xFF\xFF\xF0\n\xFF\xF0z\n"), "ann: az\n", "" },   /* IAC IAC SE does not end it */
        { TYPED("a\xFF\xFA\x27quit\r\n/quit\n\xFF\xF0z\n"), "ann: az\n", "" },  /* nothing inside is a line */
        { TYPED(GA "\xFF\xF1" NA "\xEB\xFF\xF1\x8B\xA4\n"), "ann: " GA NA DA "\n", "" },
        { TYPED("a\r\xFF\xF1\nz\n"), "ann: a\nann: z\n", "" }, /* CR LF with a NOP between */
        /* A command ends a sub-negotiation that it interrupts. */
        { TYPED("a\xFF\xFA\x18\x01\xFF\xF1z\n"), "ann: az\n", "" },
        { TYPED("a\xFF\xFA\xFF\xFE\x18z\n"), "ann: az\n", "" },
        { TYPED("a\xFF\xFA\x1F\0\xFF\xFA\x18x\xFF\xF0z\n"), "ann: az\n", "" },
        { TYPED("ab\xFF\xFA\x18\xFF\xF7z\n"), "ann: az\n", "" },
        /* EC and EL: erase character, erase line */
        { TYPED("hellox\xFF\xF7\n"), "ann: hello\n", "" },
        { TYPED(GA NA "\xFF\xF7\xFF\xF7\xFF\xF7" DA "\n"), "ann: " DA "\n", "" },
        { TYPED("junk\xFF\xF8"
                "clean\n"),
          "ann: clean\n", "" },
        { TYPED("junk " GA "\xFF\xF8\n"), "", "" },
        { TYPED("one\n\xFF\xF8two\xFF\xF8\xFF\xF8three\n"), "ann: one\nann: three\n", "" },
    };

    CHECK_ALL_TYPED(lines);
}

/* Telnet commands of a client, and the answers to them. */
static const struct {
    const char *bytes;
    size_t length;
    const char *answer;
    size_t answer_length;
} asked[] = {
    { TYPED("\xFF\xFD\0"), TYPED("\xFF\xFB\0") }, /* DO BINARY: WILL, ... */
    { TYPED("\xFF\xFD\0"), TYPED("") },           /* ... once */
    { TYPED("\xFF\xFE\0"), TYPED("\xFF\xFC\0") }, /* DONT BINARY: WONT */
    { TYPED("\xFF\xFE\0"), TYPED("") },
    { TYPED("\xFF\xFB\0"), TYPED("\xFF\xFD\0") }, /* WILL BINARY: DO */
    { TYPED("\xFF\xFB\0"), TYPED("") },
    { TYPED("\xFF\xFC\0"), TYPED("\xFF\xFE\0") },                     /* WONT BINARY: DONT */
    { TYPED("\xFF\xFB\0\xFF\xFD\0"), TYPED("\xFF\xFD\0\xFF\xFB\0") }, /* telnet -8 */
    { TYPED("\xFF\xFD\x06"), TYPED("\xFF\xFC\x06") },                 /* DO TIMING-MARK: WONT, ... */
    { TYPED("\xFF\xFD\x06"), TYPED("\xFF\xFC\x06") },                 /* ... each time */
    { TYPED("\xFF\xFA\x18\xFF\xFD\x06"), TYPED("\xFF\xFC\x06") },     /* also in a sub-negotiation */
    { TYPED("\xFF\xFB\x1F"), TYPED("\xFF\xFD\x1F") },                 /* WILL NAWS: DO */
    { TYPED("\xFF\xFB\x1F"), TYPED("") },
    { TYPED("\xFF\xFC\x1F"), TYPED("\xFF\xFE\x1F") }, /* WONT NAWS: DONT */
    { TYPED("\xFF\xFD\x1F"), TYPED("\xFF\xFC\x1F") }, /* DO NAWS: the server has no window */
    { TYPED("\xFF\xFB\x18"), TYPED("\xFF\xFE\x18") }, /* WILL TERMINAL-TYPE */
    { TYPED("\xFF\xFB\x01"), TYPED("\xFF\xFE\x01") }, /* WILL ECHO: the client must not */
    { TYPED("\xFF\xFC\x1F\xFF\xFE\x18"), TYPED("") }, /* WONT and DONT change nothing */
    { TYPED("\xFF\xFD\x03"), TYPED("\xFF\xFB\x03") }, /* DO SGA: WILL, ... */
    { TYPED("\xFF\xFD\x03\xFF\xFD\x03"), TYPED("") }, /* ... once */
    { TYPED("\xFF\xFE\x03"), TYPED("\xFF\xFC\x03") }, /* DONT SGA: WONT, ... */
    { TYPED("\xFF\xFE\x03"), TYPED("") },             /* ... once */
    { TYPED("\xFF\xFB\x03"), TYPED("\xFF\xFD\x03") }, /* WILL SGA: DO */
    { TYPED("\xFF\xFB\x03"), TYPED("") },
    { TYPED("\xFF\xFC\x03"), TYPED("\xFF\xFE\x03") },                         /* WONT SGA: DONT */
    { TYPED("\xFF\xFE\x01"), TYPED("") },                                     /* DONT ECHO: it did not */
    { TYPED("\xFF\xFD\x01"), TYPED("\xFF\xFB\x01\xFF\xFD\x1F") },             /* DO ECHO: WILL, and how wide is it? */
    { TYPED("\xFF\xFC\x1F"), TYPED("") },                                     /* WONT NAWS is the answer */
    { TYPED("\xFF\xFE\x01"), TYPED("\xFF\xFC\x01") },                         /* DONT ECHO: WONT */
    { TYPED("\xFF\xF6"), TYPED("*** yes, the server is here\r\n") },          /* AYT */
    { TYPED("\xFF\xFB\x1F\xFF\xFD\x01"), TYPED("\xFF\xFD\x1F\xFF\xFB\x01") }, /* not asked twice */
};

/* Each is answered at once, and with these bytes and no others. */
TEST(chat_telnet_answers)
{
    char answer[100];

    CHECK(ann_and_bob("--chat --quiet"));
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        CHECK(client_send(ann, asked[i].bytes, asked[i].length));
        CHECK(client_recv(ann, answer, asked[i].answer_length));
        CHECK(memcmp(answer, asked[i].answer, asked[i].answer_length) == 0);
        CHECK(!client_readable(ann, 30));
    }
    CHECK_EQ(server_stop(server), 0);
}

/* IAC IAC is the byte 255, in both directions: a letter in code page 1251, and nothing in 949. */
TEST(chat_telnet_byte_255)
{
    CHECK(ann_and_bob("--chat --codepage 1251"));
    CHECK(member_says(ann, "\xCC\xEE\xFF\xFF"));
    CHECK(member_hears(bob, "ann: \xD0\x9C\xD0\xBE\xD1\x8F"));
    CHECK(member_says(bob, "\xD1\x8F \xD0\xBF\xD1\x8F\xD1\x82\xD1\x8C"));
    CHECK(member_hears(ann, "bob: \xFF\xFF \xEF\xFF\xFF\xF2\xFC"));
    CHECK_EQ(server_stop(server), 0);
    CHECK(ann_and_bob("--chat --codepage 949"));
    CHECK(member_says(ann, "a\xFF\xFFz"));
    CHECK(member_hears(bob, "ann: a\xEF\xBF\xBDz"));
    CHECK(member_says(ann, "\xFF\xFF\xFF\xFF\xFF\xF1\xFF\xFFz"));
    CHECK(member_hears(bob, "ann: \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz"));
    CHECK_EQ(server_stop(server), 0);
}

/* A sub-negotiation that does not end swallows 512 bytes, not everything from then on. */
TEST(chat_telnet_without_end)
{
    char bytes[600] = "\xFF\xFA\x18";

    CHECK(ann_and_bob("--chat --quiet"));
    memset(bytes + 3, 'x', 540);
    strcpy(bytes + 543, "\n");
    CHECK(client_send(ann, bytes, 544));
    CHECK(member_hears(bob, "ann: xxxxxxxxxxxxxxxxxxxxxxxxxxxxx"));
    CHECK_EQ(server_stop(server), 0);
}

/* Telnet's urgent data stays in its place in the stream. */
TEST(chat_telnet_urgent)
{
    CHECK(ann_and_bob("--chat --quiet"));
    CHECK(client_send(ann, "a\xFF", 2));
    CHECK_EQ(send(ann->sock, "\xF2", 1, MSG_OOB), 1); /* Synch, as PuTTY sends it */
    Sleep(50);
    CHECK(client_send(ann, "z\n", 2));
    CHECK(member_hears(bob, "ann: az"));
    CHECK_EQ(send(ann->sock, "\xFF\xF2", 2, MSG_OOB), 2); /* and as telnet does */
    CHECK(client_send(ann,
                      "\xFF\xFD\x06"
                      "again\n",
                      9));
    CHECK(member_hears(bob, "ann: again"));
    CHECK_EQ(server_stop(server), 0);
}

TEST(chat_backspace)
{
    static const Typed lines[] = {
        { TYPED("helo\blo\n"), "ann: hello\n", "" }, /* one letter too many, as people type it */
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
        /* Ctrl+U erases the whole line */
        { TYPED("my password\x15hello\n"), "ann: hello\n", "" },
        { TYPED("\x15\x15" GA "\x15" NA "\n"), "ann: " NA "\n", "" },
        { TYPED("gone\x15\n"), "", "" },
        { TYPED("one\n\x15two\n"), "ann: one\nann: two\n", "" },
        { TYPED("a\xEA\x15"
                "b\n"),
          "ann: b\n", "" },
    };

    CHECK_ALL_TYPED(lines);
}

/* ---- attacks ---- */

/* The rest of a sequence is harmless. */
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
        { TYPED("a\x1BXevil " GA "\x1B\\z\n"), "ann: az\n", "" },
        { TYPED("a\x1B]0;evil\x1B[2Jz\n"), "ann: az\n", "" },             /* another sequence cancels a string, ... */
        { TYPED("a\x1B]0;evil\x18z\x1BPevil\x1Az\n"), "ann: azz\n", "" }, /* ... and CAN, and SUB */
        { TYPED("a\x1B" GA "\n"), "ann: a" GA "\n", "" },                 /* the key Escape alone, before Hangul */
        { TYPED("a\x1B[1" GA "\n"), "ann: a" GA "\n", "" },
        { TYPED("ab\x1B\bz\n"), "ann: az\n", "" },
        { TYPED("a\x1BOPz\n"), "ann: az\n", "" },                 /* the key F1 */
        { TYPED("a\x1B]0;no end\nz\n"), "ann: a\nann: z\n", "" }, /* a line end ends any sequence */
        { TYPED("a\x1B[\nz\x1B\n"), "ann: a\nann: z\n", "" },
        { TYPED("a\302\2332Jz\n"), "ann: a2Jz\n", "" },       /* U+009B, one character for ESC [ */
        { TYPED("a\xC2\x1B[m\2332Jz\n"), "ann: a2Jz\n", "" }, /* ... put together from parts */
        { TYPED("a\xC2\xFF\xF1\2332Jz\n"), "ann: a2Jz\n", "" },
        { TYPED("a\xC2x\b\2332Jz\n"), "ann: a2Jz\n", "" },
        { TYPED("a\xC2\x84\xC2\x80\xC2\x9Fz\xC2\xA0\n"), "ann: az\xC2\xA0\n", "" }, /* U+0080 to U+009F, not U+00A0 */
        { TYPED("a\x01\x02\x03\x04\x05\x06\x07\x0E\x0F\x10\x11\x12\x13\x14z\n"), "ann: az\n", "" },
        { TYPED("a\x16\x17\x18\x19\x1A\x1C\x1D\x1E\x1Fz\n"), "ann: az\n", "" },
        { TYPED("a\tz\n"), "ann: a z\n", "" },
        { TYPED("/me \x1B[5mblinks\x07\n"), "* ann blinks\n", "" },
        { TYPED("/x\x1B[2J\x07y\n"), "", "! /xy: no such command, /help lists them\n" },
    };

    CHECK_ALL_TYPED(lines);
    for (const char *c = server_output(server); *c; c++) CHECK(*c == '\n' || (unsigned char)*c >= 0x20);
    CHECK(strstr(server_output(server), "\xC2\x9B") == NULL);
}

/* Sequences that keys send, and terminals' answers. */
static const char *const sequences[] = {
    /* xterm */
    "\x1B[A",
    "\x1B[1;5H",
    "\x1B[H",
    "\x1B[3~",
    "\x1B[15~",
    "\x1B[24;2~",
    "\x1BOS",
    "\x1BOA",
    "\x1B[1;2P",
    "\x1B[I",
    "\x1B[O",
    "\x1B[200~",
    "\x1B[201~",
    "\x1B[27;5;9~",
    "\x1B[97;5u",
    "\x1B[Z",
    "\x1B[<0;12;5M",
    "\x1BO2P",
    /* rxvt: with Shift, Ctrl, both, Alt */
    "\x1B[7~",
    "\x1B[7$",
    "\x1B[7^",
    "\x1B[7@",
    "\x1B[23$",
    "\x1B[3^",
    "\x1B[a",
    "\x1BOa",
    "\x1B\x1B[A",
    "\x1B\x1BOa",
    "\x1B\x1B[3~",
    /* the Linux console */
    "\x1B[[A",
    "\x1B[[B",
    "\x1B[[C",
    "\x1B[[D",
    "\x1B[[E",
    "\x1B[17~",
    "\x1B[1~",
    "\x1B[4~",
    "\x1B[P",
    /* PuTTY: the keypad, F1 as ESC [11~ or as a VT400, Home as rxvt */
    "\x1BOq",
    "\x1BOM",
    "\x1B[11~",
    "\x1B[33~",
    "\x1BOP",
    "\x1BOl",
    "\x1B[D",
    "\x1BOD",
    "\x1B[5~",
    /* a terminal's answers */
    "\x1B[?1;2c",
    "\x1B[>0;276;0c",
    "\x1B[24;80R",
    "\x1B[0n",
    "\x1B[?2026;2$y",
    "\x1B[4;2$y",
    "\x1B]11;rgb:1e1e/2020/2020\x1B\\",
    "\x1B]11;rgb:1e1e/2020/2020\x07",
    "\x1B]4;1;rgb:cd00/0000/0000\x1B\\",
    "\x1B]52;c;aGVsbG8=\x07",
    "\x1B]L" GA "\x1B\\",
    "\x1BP1$r0m\x1B\\",
    "\x1BP>|XTerm(379)\x1B\\",
    "\x1BP1+r636F=323536\x1B\\",
    "\x1B_Gi=31;OK\x1B\\",
    "\x1B^private\x1B\\",
};

/* Each is removed, and nothing more, however it is cut. */
TEST(chat_escape_keys)
{
    static Typed typed[sizeof sequences / sizeof sequences[0]];
    static char lines[sizeof sequences / sizeof sequences[0]][64];

    for (size_t i = 0; i < sizeof sequences / sizeof sequences[0]; i++) {
        typed[i].length = (size_t)snprintf(lines[i], sizeof lines[i], "a%sz7\n", sequences[i]);
        typed[i].bytes = lines[i];
        typed[i].heard = "ann: az7\n";
        typed[i].answered = "";
    }
    CHECK_ALL_TYPED(typed);
}

/* Sequences of two characters, and those that choose a character set: cut after ESC, they would be the key Esc and
 * text. */
TEST(chat_escape_alt)
{
    static const Typed lines[] = {
        { TYPED("a\x1B"
                "7z\n"),
          "ann: az\n", "" },
        { TYPED("a\x1B"
                "0z\n"),
          "ann: az\n", "" },
        { TYPED("a\x1B"
                "xz\n"),
          "ann: az\n", "" },
        { TYPED("a\x1B.z\n"), "ann: a\n", "" },
        { TYPED("a\x1B=z\n"), "ann: az\n", "" },
        { TYPED("a\033cz\n"), "ann: az\n", "" }, /* resets a terminal */
        { TYPED("a\x1B(0z\n"), "ann: az\n", "" },
        { TYPED("a\x1B#8z\n"), "ann: az\n", "" },
        { TYPED("a\x1B%Gz\n"), "ann: az\n", "" },
        { TYPED("a\x1B$(Cz\n"), "ann: az\n", "" },
        { TYPED("a\x1B"
                "7 apples\n"),
          "ann: a apples\n", "" },
    };

    CHECK_TYPED_WHOLE(lines);
}

/* ESC that comes alone is the key Esc, and swallows nothing of the text typed after it. */
TEST(chat_escape_alone)
{
    static const struct {
        const char *first;
        int pause;
        const char *then, *heard;
    } typed[] = {
        { "\x1B", 700, "7 apples", "ann: 7 apples" },
        { "\x1B", 700, "[sic]", "ann: [sic]" },
        { "\x1B", 700, "Oh", "ann: Oh" },
        { "\x1B", 0, "hello", "ann: hello" },
        { "\x1B", 0, "7 apples", "ann: 7 apples" },
        { "\x1B", 0, "[Aup", "ann: up" },
        { "ab\x1B", 0, "\b!", "ann: a!" },
        { "\x1B\x1B", 0, "hi", "ann: hi" },
        { "\x1B[", 700, "hello", "ann: hello" },
        { "\x1B]0;title", 700, "hello", "ann: hello" },
        { "\x1B", 0, GA, "ann: " GA },
    };

    CHECK(ann_and_bob("--chat --quiet"));
    for (size_t i = 0; i < sizeof typed / sizeof typed[0]; i++) {
        CHECK(client_send(ann, typed[i].first, strlen(typed[i].first)));
        CHECK(member_asks(bob));
        Sleep((DWORD)typed[i].pause);
        CHECK(member_says(ann, typed[i].then));
        CHECK(member_hears(bob, typed[i].heard));
    }
    CHECK_EQ(server_stop(server), 0);
}

/* ---- text: UTF-8 inside, the code page at the edge ---- */

#define ANNYEONG     "\xEC\x95\x88\xEB\x85\x95"
#define ANNYEONG_949 "\xBE\xC8\xB3\xE7"
#define BAD          "\xEF\xBF\xBD" /* U+FFFD */

/* Control characters and bidirectional controls are dropped, and lines in which nothing is visible are not said. */
TEST(chat_unseen)
{
    static const Typed lines[] = {
        { TYPED("a\xE2\x80\xAEz\xE2\x80\x8E\xE2\x81\xA6\xD8\x9C\n"), "ann: az\n", "" },
        { TYPED("\n   \n\t\n"), "", "" },
        { TYPED("\xE2\x80\x8B\n\xC2\xA0\n\xE3\x80\x80\n\xE3\x85\xA4\n\xEF\xBB\xBF\n"), "", "" },
        { TYPED("\xE2\xA0\x80 \xEF\xBE\xA0\n\xE2\x80\xAE\n\xCC\x81\n"), "", "" },
        { TYPED("0\na\n:\n*\n!\n~\n" GA "\n"), "ann: 0\nann: a\nann: :\nann: *\nann: !\nann: ~\nann: " GA "\n", "" },
        { TYPED("\xF0\x9F\x91\xA8\xE2\x80\x8D\xF0\x9F\x91\xA9\n"),
          "ann: \xF0\x9F\x91\xA8\xE2\x80\x8D\xF0\x9F\x91\xA9\n", "" }, /* joiners of emoji stay */
    };

    CHECK_ALL_TYPED(lines);
}

/* Characters that some programs take for a line end become a space. */
TEST(chat_line_separators)
{
    static const Typed lines[] = {
        { TYPED("one\xE2\x80\xA8two\n"), "ann: one two\n", "" }, /* U+2028, line separator */
        { TYPED("one\xE2\x80\xA9two\xE2\x80\xA9\n"), "ann: one two \n", "" },
        { TYPED("one\xC2\x85two\n"), "ann: one two\n", "" }, /* NEL */
        { TYPED("one\x0Btwo\x0Cthree\n"), "ann: one two three\n", "" },
        { TYPED(GA "\xE2\x80\xA8" NA "\n"), "ann: " GA " " NA "\n", "" },
        { TYPED("\xE2\x80\xA8\x0B\n"), "", "" },
        { TYPED("/me\x0Bwaves\n"), "* ann waves\n", "" },
        { TYPED("a\xE2\x80\xA8\b!\n"), "ann: a!\n", "" },
    };

    CHECK_ALL_TYPED(lines);
}

/* U+FEFF in front of a line is not text. */
TEST(chat_byte_order_mark)
{
#define MARK "\xEF\xBB\xBF"
    static const Typed lines[] = {
        { TYPED(MARK "hello\n"), "ann: hello\n", "" },
        { TYPED(MARK "/me waves\n"), "* ann waves\n", "" },
        { TYPED(MARK "//x\n"), "ann: /x\n", "" },
        { TYPED(MARK "/x\n"), "", "! /x: no such command, /help lists them\n" },
        { TYPED(MARK GA "\r\n" MARK NA "\r\n"), "ann: " GA "\nann: " NA "\n", "" }, /* two files, one after the other */
        { TYPED(MARK "\r\n"), "", "" },
        { TYPED("a" MARK "z\n"), "ann: a" MARK "z\n", "" },
    };

    CHECK_ALL_TYPED(lines);
}

/* A client that sends code page 949 is read and answered in it; the others hear UTF-8. */
TEST(chat_code_page)
{
    CHECK(ann_and_bob("--chat --codepage 949"));
    CHECK(member_says(ann, ANNYEONG_949));
    CHECK(member_hears(bob, "ann: " ANNYEONG));
    CHECK(member_says(bob, ANNYEONG "! caf\xC3\xA9"));
    CHECK(member_hears(ann, "bob: " ANNYEONG_949 "! cafe")); /* the nearest character in the page */
    CHECK(member_says(ann, "/nick \xB9\xCE\xBC\xF6"));       /* Minsu */
    CHECK(member_hears(ann, "*** you are now \xB9\xCE\xBC\xF6"));
    CHECK(member_hears(bob, "*** ann is now \xEB\xAF\xBC\xEC\x88\x98 (2 here)"));
    CHECK(member_says(ann, "\x8C\x63\xB9\xE6\xB0\xA2\xC7\xCF\x7F\x7F!")); /* Backspace takes a syllable of two bytes */
    CHECK(member_hears(bob, "\xEB\xAF\xBC\xEC\x88\x98: \xEB\x98\xA0\xEB\xB0\xA9!"));
    CHECK(member_says(ann, "\xC2\xA5")); /* UTF-8 too, by chance: in the page it is a syllable */
    CHECK(member_hears(bob, "\xEB\xAF\xBC\xEC\x88\x98: \xEC\xA7\x9C"));
    CHECK(member_says(ann, ANNYEONG)); /* UTF-8 switches her back */
    CHECK(member_hears(bob, "\xEB\xAF\xBC\xEC\x88\x98: " ANNYEONG));
    CHECK(member_says(bob, "\xC3\xA9"));
    CHECK(member_hears(ann, "bob: \xC3\xA9"));
    CHECK_HAS(server_line(server, ANNYEONG, NULL), "ann: " ANNYEONG); /* the console is UTF-8 */
    CHECK_EQ(server_stop(server), 0);
}

/* A line is UTF-8 if its whole characters of three bytes or more outnumber its stray bytes; by a stricter rule, a
 * single character that was cut off would spoil all the others. */
TEST(chat_code_page_damage)
{
    static const struct {
        const char *said, *heard;
        bool utf8; /* what ann is sent from then on */
    } lines[] = {
        { ANNYEONG GA NA DA "\xEB\x8B", "ann: " ANNYEONG GA NA DA BAD, true }, /* the last byte is cut off */
        { ANNYEONG GA NA "\xEB", "ann: " ANNYEONG GA NA BAD, true },
        { "\x80\x80" GA NA DA, "ann: " BAD BAD GA NA DA, true },
        { GA NA DA "\xEC\x95, " GA, "ann: " GA NA DA BAD ", " GA, true },
        { GA "\xFF\xFF" NA, "ann: " GA BAD NA, true },
        { "\xF0\x9F\x98\x80\x98" GA, "ann: \xF0\x9F\x98\x80" BAD GA, true },
        { ANNYEONG_949 ANNYEONG_949, "ann: " ANNYEONG ANNYEONG, false },
        { "ok", "ann: ok", false },
        { ANNYEONG, "ann: " ANNYEONG, true },
        { "caf\xC3\xA9 \xC3", "ann: caf\xEC\xB1\x95 " BAD, false }, /* two bytes prove nothing */
        { GA, "ann: " GA, true },
    };

    CHECK(ann_and_bob("--chat --codepage 949"));
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        CHECK(member_says(ann, lines[i].said));
        CHECK(member_hears(bob, lines[i].heard));
        CHECK(member_says(bob, ANNYEONG));
        CHECK(member_awaits(ann, lines[i].utf8 ? "bob: " ANNYEONG : "bob: " ANNYEONG_949));
    }
    CHECK_EQ(server_stop(server), 0);
}

/* Bytes that are neither UTF-8 nor in the page become U+FFFD, and the author is told once. */
TEST(chat_code_page_not_text)
{
    static const Typed lines[] = {
        { TYPED("\xBE\xC8\x81"
                " x\n"),
          "ann: "
          "\xEC\x95\x88" BAD " x\n",
          "" }, /* no second byte */
        { TYPED("a\x9B"
                "31mred\n"),
          "ann: a" BAD "31mred\n", "" },                               /* the 8-bit ESC [ */
        { TYPED("\xBE\xC8\xE2\n"), "ann: \xEC\x95\x88" BAD "\n", "" }, /* cut off */
        { TYPED("\xBE\xC8\x80\n"), "ann: \xEC\x95\x88\n", "" },        /* a C1 control in the page */
    };
    char line[200];

    CHECK(ann_and_bob("--chat --codepage 949"));
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        CHECK(client_send(ann, lines[i].bytes, lines[i].length));
        CHECK(client_line(bob, line, sizeof line));
        strcat(line, "\n");
        CHECK_STR(line, lines[i].heard);
    }
    CHECK(member_hears(ann, "! some of that was neither UTF-8 nor code page 949, and is lost"));
    CHECK(member_says(ann, "/"));
    CHECK(member_hears(ann, NO_COMMAND)); /* not told again */
    CHECK_EQ(server_stop(server), 0);
}

/* Half characters, overlong ones, surrogates, code points past the last: the others get well-formed UTF-8, whatever the
 * page. */
TEST(chat_code_page_garbage)
{
    static const char *const pages[] = { "--chat --codepage 949", "--chat --codepage 437", "--chat --codepage 65001" };
    char line[LINE_SIZE];
    Noise noise;

    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        CHECK(ann_and_bob(pages[i]));
        noise_start(&noise, 7);
        for (int k = 0; k < 300; k++) {
            unsigned char bytes[64];
            noise_fill(&noise, bytes, sizeof bytes);
            bytes[0] = 'x';
            bytes[63] = '\n';
            CHECK(client_send(ann, bytes, sizeof bytes));
        }
        CHECK(client_send(ann, "\n\xFF\xF0\n\xFF\xF0\nend\n", 11));
        do {
            CHECK(client_line(bob, line, sizeof line));
            CHECK(MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, line, -1, NULL, 0) > 0);
        } while (!strstr(line, ": end"));
        CHECK(MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, server_output(server), -1, NULL, 0) > 0);
        CHECK_EQ(server_stop(server), 0);
    }
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

/* The rest of a long line, after a piece of it has gone out, is text too. */
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
    CHECK(member_hears(bob, "*** ann left (1 here)"));
    CHECK(member_hears_goodbye(ann));
    CHECK_EQ(server_stop(server), 0);
}

TEST(chat_unfinished_line)
{
    CHECK(ann_and_bob("--chat"));
    CHECK(client_send(ann, "whole\r\nhalf a li", 16));
    CHECK(member_hears(bob, "ann: whole"));
    CHECK(member_asks(bob));
    CHECK(!client_readable(bob, 100)); /* the line waits for its end */
    CHECK(client_half_close(ann));
    CHECK(member_hears(bob, "ann: half a li"));
    CHECK(member_hears_goodbye(ann));
    client_close(ann);
    CHECK(member_hears(bob, "*** ann left (1 here)"));
    CHECK_HAS(server_line(server, "#1 ", " left "), "closed by the client");
    CHECK_EQ(server_stop(server), 0);
}
