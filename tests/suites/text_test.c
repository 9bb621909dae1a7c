/* text_test.c - characters: how they are converted to code pages, and how many columns they take. */
#include "../harness/member.h"

#include <stdio.h>
#include <string.h>

/* ---- to a code page ---- */

enum { PAGES = 4 };

static const char *const pages[PAGES] = { "437", "949", "932", "1252" };

/* A line that is not UTF-8 makes the server assume that the client uses the page. */
static const char *const strays[PAGES] = { "caf\x82", "\xBE\xC8", "\x82\xA0\xB1", "caf\xE9" };

/* From the tables of the code pages and of their best fit (unicode.org, MAPPINGS/VENDORS/MICSFT): text is composed,
 * and invisible characters are left out; then comes the page's own character, else the nearest one that is not a
 * control, else "?". */
static const struct {
    const char *text;
    const char *bytes[PAGES]; /* in 437, 949, 932 and 1252 */
} characters[] = {
    { "\\", { "\\", "\\", "\\", "\\" } },                       /* U+005C */
    { "\xC3\xA9", { "\x82", "e", "e", "\xE9" } },               /* U+00E9 */
    { "e\xCC\x81", { "\x82", "e", "e", "\xE9" } },              /* U+0065 U+0301 */
    { "\xC3\xBC", { "\x81", "u", "u", "\xFC" } },               /* U+00FC */
    { "\xC3\x9F", { "\xE1", "\xA9\xAC", "s", "\xDF" } },        /* U+00DF */
    { "\xC3\x87", { "\x80", "C", "C", "\xC7" } },               /* U+00C7 */
    { "\xC3\xBF", { "\x98", "y", "y", "\xFF\xFF" } },           /* U+00FF */
    { "\xC2\xA3", { "\x9C", "\xA1\xCC", "\x81\x92", "\xA3" } }, /* U+00A3 */
    { "\xC2\xA5", { "\x9D", "\xA1\xCD", "\\", "\xA5" } },       /* U+00A5 */
    { "\xE2\x82\xAC", { "?", "\xA2\xE6", "?", "\x80" } },       /* U+20AC */
    { "\xE2\x82\xA9", { "?", "\\", "?", "?" } },                /* U+20A9 */
    { "\xC2\xA9", { "c", "\xA8\xCF", "c", "\xA9" } },           /* U+00A9 */
    { "\xC2\xAE", { "r", "\xA2\xE7", "R", "\xAE" } },           /* U+00AE */
    { "\xE2\x84\xA2", { "T", "\xA2\xE2", "?", "\x99" } },       /* U+2122 */
    { "\xC2\xB0", { "\xF8", "\xA1\xC6", "\x81\x8B", "\xB0" } }, /* U+00B0 */
    { "\xC2\xB1", { "\xF1", "\xA1\xBE", "\x81}", "\xB1" } },    /* U+00B1 */
    { "\xC3\x97", { "x", "\xA1\xBF", "\x81~", "\xD7" } },       /* U+00D7 */
    { "\xC3\xB7", { "\xF6", "\xA1\xC0", "\x81\x80", "\xF7" } }, /* U+00F7 */
    { "\xC2\xBD", { "\xAB", "\xA8\xF6", "?", "\xBD" } },        /* U+00BD */
    { "\xC2\xB7",
      { "\xFA", "\xA1\xA4",
        "\x81"
        "E",
        "\xB7" } },                                             /* U+00B7 */
    { "\xC2\xAB", { "\xAE", "\xA1\xEC", "\x81\xE1", "\xAB" } }, /* U+00AB */
    { "\xC2\xBB", { "\xAF", "\xA1\xED", "\x81\xE2", "\xBB" } }, /* U+00BB */
    { "\xE2\x80\x98",
      { "`", "\xA1\xAE",
        "\x81"
        "e",
        "\x91" } }, /* U+2018 */
    { "\xE2\x80\x99",
      { "'", "\xA1\xAF",
        "\x81"
        "f",
        "\x92" } },                                            /* U+2019 */
    { "\xE2\x80\x9A", { ",", "'", "'", "\x82" } },             /* U+201A */
    { "\xE2\x80\x9C", { "\"", "\xA1\xB0", "\x81g", "\x93" } }, /* U+201C */
    { "\xE2\x80\x9D", { "\"", "\xA1\xB1", "\x81h", "\x94" } }, /* U+201D */
    { "\xE2\x80\x9E", { ",", "\"", "\"", "\x84" } },           /* U+201E */
    { "\xE2\x80\x93", { "-", "-", "-", "\x96" } },             /* U+2013 */
    { "\xE2\x80\x94", { "-", "\xA1\xAA", "\x81\\", "\x97" } }, /* U+2014 */
    { "\xE2\x80\x91", { "-", "-", "-", "-" } },                /* U+2011 */
    { "\xE2\x80\x95", { "-", "\xA1\xAA", "\x81\\", "-" } },    /* U+2015 */
    { "\xE2\x80\xA6",
      { ".", "\xA1\xA6",
        "\x81"
        "c",
        "\x85" } },                                                             /* U+2026 */
    { "\xE2\x80\xA2", { "?", "?", "?", "\x95" } },                              /* U+2022 */
    { "\xE2\x80\xB9", { "<", "<", "<", "\x8B" } },                              /* U+2039 */
    { "\xE2\x80\xBA", { ">", ">", ">", "\x9B" } },                              /* U+203A */
    { "\xE2\x88\x92", { "-", "-", "-", "-" } },                                 /* U+2212 */
    { "\xE2\x80\xB2", { "'", "\xA1\xC7", "\x81\x8C", "'" } },                   /* U+2032 */
    { "\xC2\xA0", { " ", " ", " ", " " } },                                     /* U+00A0 */
    { "\xE2\x80\xAF", { " ", " ", " ", " " } },                                 /* U+202F */
    { "\xE2\x80\x83", { " ", " ", " ", " " } },                                 /* U+2003 */
    { "\xE2\x80\x89", { " ", " ", " ", " " } },                                 /* U+2009 */
    { "\xE3\x80\x80", { " ", "\xA1\xA1", "\x81@", " " } },                      /* U+3000 */
    { "\xE2\x80\x8B", { "", "", "", "" } },                                     /* U+200B */
    { "\xE2\x80\x8D", { "", "", "", "" } },                                     /* U+200D */
    { "\xEF\xB8\x8F", { "", "", "", "" } },                                     /* U+FE0F */
    { "\xE2\x81\xA0", { "", "", "", "" } },                                     /* U+2060 */
    { "\xEF\xBB\xBF", { "", "", "", "" } },                                     /* U+FEFF */
    { "\xC2\xAD", { "", "", "", "" } },                                         /* U+00AD */
    { "x\xCC\x81", { "x", "x", "x", "x" } },                                    /* U+0078 U+0301 */
    { "x\xE2\x83\xA3", { "x", "x", "x", "x" } },                                /* U+0078 U+20E3 */
    { "\xEA\xB0\x80", { "?", "\xB0\xA1", "?", "?" } },                          /* U+AC00 */
    { "\xED\x9E\xA3", { "?", "\xC6R", "?", "?" } },                             /* U+D7A3 */
    { "\xEB\xB7\x81", { "?", "\x94\xEE", "?", "?" } },                          /* U+BDC1 */
    { "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB", { "?", "\xC7\xD1", "?", "?" } },  /* U+1112 U+1161 U+11AB */
    { "\xE1\x84\x80\xE1\x85\xA1", { "?", "\xB0\xA1", "?", "?" } },              /* U+1100 U+1161 */
    { "\xE3\x81\x82", { "?", "\xAA\xA2", "\x82\xA0", "?" } },                   /* U+3042 */
    { "\xE3\x81\x8B\xE3\x82\x99", { "?", "\xAA\xAC", "\x82\xAA", "?" } },       /* U+304B U+3099 */
    { "\xEF\xBD\xB1", { "?", "?", "\xB1", "?" } },                              /* U+FF71 */
    { "\xE6\xBC\xA2", { "?", "\xF9\xD3", "\x8A\xBF", "?" } },                   /* U+6F22 */
    { "\xE4\xB8\xAD", { "?", "\xF1\xE9", "\x92\x86", "?" } },                   /* U+4E2D */
    { "\xD0\xAF", { "?", "\xAC\xC1", "\x84`", "?" } },                          /* U+042F */
    { "\xD0\xB8\xCC\x86", { "?", "\xAC\xDB", "\x84z", "?" } },                  /* U+0438 U+0306 */
    { "\xCE\xA9", { "\xEA", "\xA5\xD8", "\x83\xB6", "O" } },                    /* U+03A9 */
    { "\xCF\x80", { "\xE3", "\xA5\xF0", "\x83\xCE", "p" } },                    /* U+03C0 */
    { "\xE2\x86\x92", { "?", "\xA1\xE6", "\x81\xA8", "?" } },                   /* U+2192 */
    { "\xE2\x88\x9E", { "\xEC", "\xA1\xC4", "\x81\x87", "8" } },                /* U+221E */
    { "\xE2\x89\x88", { "\xF7", "?", "?", "\x98" } },                           /* U+2248 */
    { "\xE2\x94\x80", { "\xC4", "\xA6\xA1", "\x84\x9F", "-" } },                /* U+2500 */
    { "\xE2\x98\x8E", { "?", "\xA2\xCF", "?", "?" } },                          /* U+260E */
    { "\xE2\x98\x85", { "?", "\xA1\xDA", "\x81\x9A", "?" } },                   /* U+2605 */
    { "\xE2\x99\xA5", { "?", "\xA2\xBE", "?", "?" } },                          /* U+2665 */
    { "\xE2\x98\xBA", { "?", "?", "?", "?" } },                                 /* U+263A */
    { "\xE2\x80\xBB", { "?", "\xA1\xD8", "\x81\xA6", "?" } },                   /* U+203B */
    { "\xE2\x91\xA0", { "?", "\xA8\xE7", "\x87@", "?" } },                      /* U+2460 */
    { "\xEF\xBC\xA1", { "A", "\xA3\xC1", "\x82`", "A" } },                      /* U+FF21 */
    { "\xEF\xBD\x9E", { "~", "\xA2\xA6", "\x81`", "~" } },                      /* U+FF5E */
    { "\xE3\x8E\x8F", { "?", "\xA7\xB8", "\x87s", "?" } },                      /* U+338F */
    { "\xE2\x99\xA0", { "?", "\xA2\xBC", "?", "?" } },                          /* U+2660 */
    { "\xF0\x9F\x98\x80", { "?", "?", "?", "?" } },                             /* U+1F600 */
    { "\xF0\x9F\x91\xA8\xE2\x80\x8D\xF0\x9F\x91\xA9", { "?", "?", "?", "?" } }, /* U+1F468 U+200D U+1F469 */
    { "\xF0\x9F\x91\x8D\xF0\x9F\x8F\xBD", { "?", "?", "?", "?" } },             /* U+1F44D U+1F3FD */
    { "\xF0\x9F\x87\xB0\xF0\x9F\x87\xB7", { "?", "?", "?", "?" } },             /* U+1F1F0 U+1F1F7 */
    { "\xF0\x9F\x91\xA9\xE2\x80\x8D\xE2\x9A\x95\xEF\xB8\x8F",
      { "?", "?", "?", "?" } }, /* U+1F469 U+200D U+2695 U+FE0F */
    { "\xF0\x9F\x8F\xB4\xF3\xA0\x81\xA7\xF3\xA0\x81\xA2\xF3\xA0\x81\xBF",
      { "?", "?", "?", "?" } },                                         /* U+1F3F4 U+E0067 U+E0062 U+E007F */
    { "\xF0\x9F\x98\x80\xF0\x9F\x98\x80", { "??", "??", "??", "??" } }, /* U+1F600 U+1F600 */
    { "\xF0\x9F\x87\xB0\xF0\x9F\x87\xB7\xF0\x9F\x87\xAF\xF0\x9F\x87\xB5",
      { "??", "??", "??", "??" } },                             /* U+1F1F0 U+1F1F7 U+1F1EF U+1F1F5 */
    { "\xF0\x9F\x98\x80\x21", { "?!", "?!", "?!", "?!" } },     /* U+1F600 U+0021 */
    { "\xF0\x9F\x98\x80\xE2\x80\x8D", { "?", "?", "?", "?" } }, /* U+1F600 U+200D */
    { "\xF0\x9F\x98\x80\xE2\x80\x8D\xEA\xB0\x80", { "??", "?\xB0\xA1", "??", "??" } }, /* U+1F600 U+200D U+AC00 */
    { "\xE2\x9D\xA4\xEF\xB8\x8F", { "?", "?", "?", "?" } },                            /* U+2764 U+FE0F */
    { "\xEF\xBF\xBD", { "?", "?", "?", "?" } },                                        /* U+FFFD */
    { "\xE0\xB8\x81", { "?", "?", "?", "?" } },                                        /* U+0E01 */
};

/* Checks line by line what a client of the page is sent: these bytes, no control character, and every byte 255
 * doubled. */
static void check_page(int page)
{
    char options[60], line[LINE_SIZE], expected[60];
    Server *server;
    Client *ann, *bob;

    snprintf(options, sizeof options, "--chat --quiet --codepage %s", pages[page]);
    server = server_start(options);
    ann = member_join(server, "ann");
    bob = member_join(server, "bob");
    CHECK(member_says(bob, strays[page]));
    CHECK(member_asks(bob));
    for (size_t i = 0; i < sizeof characters / sizeof characters[0]; i++) {
        snprintf(line, sizeof line, "<%s", characters[i].text);
        CHECK(member_says(ann, line));
        CHECK(client_line(bob, line, sizeof line));
        for (const char *c = line; *c; c++) {
            CHECK((unsigned char)*c >= 0x20 && *c != 0x7F);
            if ((unsigned char)*c == 0xFF) CHECK((unsigned char)*++c == 0xFF);
        }
        snprintf(expected, sizeof expected, "ann: <%s", characters[i].bytes[page]);
        CHECK_STR(line, expected);
    }
    CHECK_EQ(server_stop(server), 0);
}

TEST(text_to_437)
{
    check_page(0);
}

TEST(text_to_949)
{
    check_page(1);
}

TEST(text_to_932)
{
    check_page(2);
}

TEST(text_to_1252)
{
    check_page(3);
}

/* Best fit would turn some symbols into the control characters that the first PC showed as those symbols; the server
 * sends only visible bytes. */
TEST(text_never_steers)
{
    Server *server = server_start("--chat --quiet --codepage 437");
    Client *ann = member_join(server, "ann"), *bob = member_join(server, "bob");
    char line[LINE_SIZE];
    WCHAR wide[64];

    CHECK(member_says(bob, strays[0]));
    CHECK(member_asks(bob));
    for (unsigned int first = 0xA0; first < 0x10000; first += 32) {
        char text[200];
        int bytes;
        if (first >= 0xD800 && first < 0xE000) continue;
        for (unsigned int i = 0; i < 32; i++) wide[i] = (WCHAR)(first + i);
        bytes = WideCharToMultiByte(CP_UTF8, 0, wide, 32, text, sizeof text - 2, NULL, NULL);
        text[bytes] = '.';
        text[bytes + 1] = '\0';
        CHECK(member_says(ann, text));
        CHECK(client_line(bob, line, sizeof line));
        for (const char *c = line; *c; c++) CHECK((unsigned char)*c >= 0x20 && *c != 0x7F && (unsigned char)*c != 0xFF);
    }
    CHECK_EQ(server_stop(server), 0);
}

/* A mark at the end of one line, and none at the beginning of the next: a composed character is never torn apart. */
TEST(text_long_and_composed)
{
    Server *server = server_start("--chat --quiet --codepage 949");
    Client *ann = member_join(server, "ann"), *bob = member_join(server, "bob");
    static char said[3000], expected[3000], line[LINE_SIZE];

    CHECK(member_says(bob, strays[1]));
    CHECK(member_asks(bob));
    for (int before = 0; before < 130; before++) { /* wherever the text is cut for conversion */
        memset(said, 'x', (size_t)before);
        strcpy(said + before, "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB!");
        snprintf(expected, sizeof expected, "ann: %.*s\xC7\xD1!", before, said);
        CHECK(member_says(ann, said));
        CHECK(client_line(bob, line, sizeof line));
        CHECK_STR(line, expected);
    }
    CHECK_EQ(server_stop(server), 0);
}

/* ---- columns ---- */

/* Characters from every block of Unicode that has wide ones or marks, and some once taken for the wrong kind. */
static const struct {
    unsigned int character;
    int columns;
} widths[] = {
    { 0x41, 1 },    { 0xE9, 1 },    { 0x300, 0 },   { 0x483, 0 },   { 0x591, 0 },   { 0x5B0, 0 },   { 0x600, 1 },
    { 0x610, 0 },   { 0x64B, 0 },   { 0x711, 0 },   { 0x7A6, 0 },   { 0x7EB, 0 },   { 0x816, 0 },   { 0x859, 0 },
    { 0x898, 0 },   { 0x8CA, 0 },   { 0x900, 0 },   { 0x93E, 1 },   { 0x981, 0 },   { 0xA01, 0 },   { 0xA81, 0 },
    { 0xB01, 0 },   { 0xB82, 0 },   { 0xC00, 0 },   { 0xC81, 0 },   { 0xD00, 0 },   { 0xD81, 0 },   { 0xE31, 0 },
    { 0xE34, 0 },   { 0xEB1, 0 },   { 0xF18, 0 },   { 0x102D, 0 },  { 0x1100, 2 },  { 0x115F, 2 },  { 0x1160, 0 },
    { 0x11A8, 0 },  { 0x135D, 0 },  { 0x1712, 0 },  { 0x1732, 0 },  { 0x1752, 0 },  { 0x1772, 0 },  { 0x17B4, 0 },
    { 0x180B, 0 },  { 0x1920, 0 },  { 0x1A17, 0 },  { 0x1A56, 0 },  { 0x1AB0, 0 },  { 0x1B00, 0 },  { 0x1B80, 0 },
    { 0x1BE6, 0 },  { 0x1C2C, 0 },  { 0x1CD0, 0 },  { 0x1DC0, 0 },  { 0x200B, 0 },  { 0x200D, 0 },  { 0x2060, 0 },
    { 0x20A9, 1 },  { 0x20D0, 0 },  { 0x231A, 2 },  { 0x231C, 1 },  { 0x23F0, 2 },  { 0x23F3, 2 },  { 0x25FD, 2 },
    { 0x25FE, 2 },  { 0x2600, 1 },  { 0x2614, 2 },  { 0x263A, 1 },  { 0x2660, 1 },  { 0x2665, 1 },  { 0x267F, 2 },
    { 0x2693, 2 },  { 0x26A1, 2 },  { 0x26AC, 1 },  { 0x26C4, 2 },  { 0x26CE, 2 },  { 0x26D4, 2 },  { 0x26EA, 2 },
    { 0x26F2, 2 },  { 0x26F5, 2 },  { 0x26FA, 2 },  { 0x26FD, 2 },  { 0x2700, 1 },  { 0x2705, 2 },  { 0x2733, 1 },
    { 0x27B0, 2 },  { 0x27BF, 2 },  { 0x2B1B, 2 },  { 0x2B4F, 1 },  { 0x2CEF, 0 },  { 0x2D7F, 0 },  { 0x2DE0, 0 },
    { 0x2E00, 1 },  { 0x2E80, 2 },  { 0x2F00, 2 },  { 0x2FF0, 2 },  { 0x3000, 2 },  { 0x302A, 0 },  { 0x303F, 1 },
    { 0x3041, 2 },  { 0x3099, 0 },  { 0x30A0, 2 },  { 0x3105, 2 },  { 0x3131, 2 },  { 0x3164, 2 },  { 0x3190, 2 },
    { 0x31A0, 2 },  { 0x31C0, 2 },  { 0x31F0, 2 },  { 0x3200, 2 },  { 0x3300, 2 },  { 0x3400, 2 },  { 0x4E00, 2 },
    { 0xA000, 2 },  { 0xA490, 2 },  { 0xA4D0, 1 },  { 0xA66F, 0 },  { 0xA6F0, 0 },  { 0xA802, 0 },  { 0xA8C4, 0 },
    { 0xA8E0, 0 },  { 0xA926, 0 },  { 0xA947, 0 },  { 0xA960, 2 },  { 0xA980, 0 },  { 0xA9E5, 0 },  { 0xAA29, 0 },
    { 0xAA7C, 0 },  { 0xAAB0, 0 },  { 0xAAEC, 0 },  { 0xABE5, 0 },  { 0xAC00, 2 },  { 0xD7A3, 2 },  { 0xD7B0, 0 },
    { 0xF900, 2 },  { 0xFB1E, 0 },  { 0xFE00, 0 },  { 0xFE0F, 0 },  { 0xFE10, 2 },  { 0xFE20, 0 },  { 0xFE30, 2 },
    { 0xFE50, 2 },  { 0xFEFF, 0 },  { 0xFF01, 2 },  { 0xFF61, 1 },  { 0xFFA0, 1 },  { 0xFFE6, 2 },  { 0xFFE8, 1 },
    { 0xFFFD, 1 },  { 0x101FD, 0 }, { 0x102E0, 0 }, { 0x10376, 0 }, { 0x10A01, 0 }, { 0x10AE5, 0 }, { 0x10D24, 0 },
    { 0x10EAB, 0 }, { 0x10F46, 0 }, { 0x10F82, 0 }, { 0x11001, 0 }, { 0x11080, 0 }, { 0x11100, 0 }, { 0x11173, 0 },
    { 0x11180, 0 }, { 0x1122F, 0 }, { 0x112DF, 0 }, { 0x11300, 0 }, { 0x11438, 0 }, { 0x114B3, 0 }, { 0x115B2, 0 },
    { 0x11633, 0 }, { 0x116AB, 0 }, { 0x1171D, 0 }, { 0x1182F, 0 }, { 0x1193B, 0 }, { 0x119D4, 0 }, { 0x11A01, 0 },
    { 0x11A51, 0 }, { 0x11C30, 0 }, { 0x11C92, 0 }, { 0x11D31, 0 }, { 0x11D90, 0 }, { 0x11EF3, 0 }, { 0x16AF0, 0 },
    { 0x16B30, 0 }, { 0x16F4F, 0 }, { 0x16FE0, 2 }, { 0x16FE4, 0 }, { 0x17000, 2 }, { 0x18800, 2 }, { 0x18B00, 2 },
    { 0x18D00, 2 }, { 0x1AFF0, 2 }, { 0x1B000, 2 }, { 0x1B100, 2 }, { 0x1B150, 2 }, { 0x1B170, 2 }, { 0x1BC9D, 0 },
    { 0x1CF00, 0 }, { 0x1D167, 0 }, { 0x1D242, 0 }, { 0x1D400, 1 }, { 0x1DA00, 0 }, { 0x1E000, 0 }, { 0x1E130, 0 },
    { 0x1E2AE, 0 }, { 0x1E2EC, 0 }, { 0x1E8D0, 0 }, { 0x1E944, 0 }, { 0x1F000, 1 }, { 0x1F004, 2 }, { 0x1F0CF, 2 },
    { 0x1F18E, 2 }, { 0x1F1E6, 1 }, { 0x1F200, 2 }, { 0x1F300, 2 }, { 0x1F321, 1 }, { 0x1F5FA, 1 }, { 0x1F600, 2 },
    { 0x1F680, 2 }, { 0x1F6D3, 1 }, { 0x1F6D5, 2 }, { 0x1F6E0, 1 }, { 0x1F780, 1 }, { 0x1F7E0, 2 }, { 0x1F90C, 2 },
    { 0x1FA00, 1 }, { 0x1FA70, 2 }, { 0x1FAE0, 2 }, { 0x20000, 2 }, { 0x2A700, 2 }, { 0x2B740, 2 }, { 0x2B820, 2 },
    { 0x2CEB0, 2 }, { 0x2F800, 2 }, { 0x2FFFD, 2 }, { 0x30000, 2 }, { 0x3FFFD, 2 }, { 0xE0100, 0 }
};

static int utf8_write(unsigned int c, char *text)
{
    WCHAR wide[2] = { (WCHAR)c, 0 };
    int units = c > 0xFFFF ? 2 : 1, bytes;

    if (units == 2) wide[0] = (WCHAR)(0xD7C0 + (c >> 10));
    if (units == 2) wide[1] = (WCHAR)(0xDC00 + (c & 0x3FF));
    bytes = WideCharToMultiByte(CP_UTF8, 0, wide, units, text, 8, NULL, NULL);
    text[bytes] = '\0';
    return bytes;
}

/* Types an "x" and the character, and erases both: the server erases as many columns from the screen as it believes the
 * two take. */
TEST(text_columns)
{
    Server *server = server_start("--chat --quiet");
    Client *ann = client_connect(server);
    char keys[40], line[LINE_SIZE];

    CHECK(ann && client_send(ann, "\xFF\xFD\x01", 3));
    CHECK(client_line(ann, line, sizeof line) && client_line(ann, line, sizeof line));
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        int length = 1 + utf8_write(widths[i].character, keys + 1), columns = -1;
        keys[0] = 'x';
        strcpy(keys + length, "\x7F\x7F\r");
        CHECK(client_send(ann, keys, strlen(keys)));
        CHECK(client_line(ann, line, sizeof line));
        for (const char *c = line; *c; c++) columns += *c == '\b' && c[1] == ' ';
        if (columns != widths[i].columns) printf("    U+%04X\n", widths[i].character);
        CHECK_EQ(columns, widths[i].columns);
    }
    CHECK_EQ(server_stop(server), 0);
}
