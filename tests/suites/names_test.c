/* names_test.c - who is in the room: welcome, comings and goings, names, and the commands. */
#include "../harness/member.h"

#include <stdio.h>
#include <string.h>

/* ---- welcome ---- */

TEST(names_welcome)
{
    Server *server = server_start("--chat");
    Client *first = client_connect(server), *second;
    const char *text;
    char line[LINE_SIZE];
    static const char *const commands[] = { "/nick", "/who", "/me", "/quit", "/help" };

    CHECK(member_hears(first, "*** welcome, you are guest1 (1 here)"));
    CHECK(client_line(first, line, sizeof line));
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) CHECK_HAS(line, commands[i]);
    CHECK(!client_readable(first, 100));
    second = client_connect(server);
    CHECK(member_hears(second, "*** welcome, you are guest2 (2 here)"));
    CHECK(client_line(second, line, sizeof line));
    CHECK(!client_readable(second, 100)); /* neither earlier members nor its own arrival are announced to it */
    CHECK(member_hears(first, "*** guest2 joined (2 here)"));
    text = server_line(server, " *** guest1 joined (1 here)", NULL); /* the console hears all, and says when */
    CHECK(text && strlen(text) == strlen("00:00:00 *** guest1 joined (1 here)") && text[2] == ':' && text[5] == ':');
    CHECK(server_line(server, " *** guest2 joined (2 here)", NULL) != NULL);
    CHECK_EQ(server_stop(server), 0);
}

/* Returns true if the client hears ann's lines from `first` to `last` and then nothing more. */
static bool hears_lines(Client *client, int first, int last)
{
    char line[40];

    for (int i = first; i <= last; i++) {
        snprintf(line, sizeof line, "ann: line %d", i);
        if (!member_hears(client, line)) return false;
    }
    return !client_readable(client, 50);
}

static bool says_lines(Client *client, int first, int last)
{
    char line[40];

    for (int i = first; i <= last; i++) {
        snprintf(line, sizeof line, "line %d", i);
        if (!member_says(client, line)) return false;
    }
    return member_asks(client);
}

/* A newcomer is shown the last 20 lines of talk. Arrivals, departures and name changes do not push them out. */
TEST(names_last_20_lines)
{
    Server *server = server_start("--chat --quiet");
    Client *ann = member_join(server, "ann"), *visitor;

    CHECK(!client_readable(member_join(server, NULL), 50)); /* nothing was said yet */
    CHECK(says_lines(ann, 1, 18));
    CHECK(hears_lines(member_join(server, NULL), 1, 18));
    CHECK(says_lines(ann, 19, 20));
    CHECK(hears_lines(member_join(server, NULL), 1, 20));
    for (int i = 0; i < 30; i++) {
        visitor = member_join(server, "visitor");
        CHECK(visitor != NULL);
        client_close(visitor);
        CHECK(member_awaits(ann, "*** visitor left (4 here)"));
    }
    CHECK(hears_lines(member_join(server, NULL), 1, 20));
    CHECK(says_lines(ann, 21, 300));
    CHECK(hears_lines(member_join(server, NULL), 281, 300));
    CHECK(member_says(ann, "/me nods"));
    CHECK(member_asks(ann));
    visitor = member_join(server, NULL);
    CHECK(member_hears(visitor, "ann: line 282"));
    CHECK(member_awaits(visitor, "* ann nods")); /* that is talk too */
    CHECK_EQ(server_stop(server), 0);
}

/* ---- comings and goings ---- */

TEST(names_comings_and_goings)
{
    Server *server = server_start("--chat");
    Client *ann = member_join(server, "ann"), *other;
    const char *line;

    other = member_join(server, "bob");
    CHECK(member_hears(ann, "*** guest2 joined (2 here)"));
    CHECK(member_hears(ann, "*** guest2 is now bob (2 here)"));
    client_close(other);
    CHECK(member_hears(ann, "*** bob left (1 here)"));
    other = member_join(server, "bob"); /* the name is free again */
    CHECK(member_hears(ann, "*** guest3 joined (2 here)"));
    CHECK(member_hears(ann, "*** guest3 is now bob (2 here)"));
    client_reset(other);
    CHECK(member_hears(ann, "*** bob left (1 here)"));
    other = member_join(server, NULL);
    CHECK(member_hears(ann, "*** guest4 joined (2 here)"));
    CHECK(client_half_close(other));
    CHECK(member_awaits(other, "*** good-bye"));
    CHECK(client_at_eof(other));
    client_close(other);
    CHECK(member_hears(ann, "*** guest4 left (1 here)"));
    line = server_line(server, "#3 ", " left ");
    CHECK(line != NULL);
    /* Wine sometimes takes the reset of an idle connection for a normal end. */
    CHECK(strstr(line, "reset by the client") || (on_wine() && strstr(line, "closed by the client")));
    CHECK_HAS(server_line(server, "#4 ", " left "), "closed by the client");
    CHECK(!client_readable(ann, 100)); /* nothing is said twice */
    CHECK_EQ(server_stop(server), 0);
    CHECK_EQ(count_text(server_output(server), " *** bob left (1 here)\n"), 2);
}

/* ---- names ---- */

#define GA5 GA GA GA GA GA
#define X10 "xxxxxxxxxx"

typedef struct Nick {
    const char *typed;
    const char *name; /* the name that is kept; NULL if it is refused */
} Nick;

/* Ann asks for these names one after another, while bob is in the room. First, names in many scripts. */
static const Nick nicks[] = {
    { "kim", "kim" },
    { "KIM", "KIM" },                                                                   /* her own name in capitals */
    { "\xEB\xAF\xBC\xEC\x88\x98", "\xEB\xAF\xBC\xEC\x88\x98" },                         /* Hangul: Minsu */
    { "\xE5\xB1\xB1\xE7\x94\xB0", "\xE5\xB1\xB1\xE7\x94\xB0" },                         /* Han: Yamada */
    { "\xE3\x81\x95\xE3\x81\x8F\xE3\x82\x89", "\xE3\x81\x95\xE3\x81\x8F\xE3\x82\x89" }, /* kana: sakura */
    { "\xD0\x98\xD0\xB2\xD0\xB0\xD0\xBD", "\xD0\x98\xD0\xB2\xD0\xB0\xD0\xBD" },         /* Cyrillic: Ivan */
    { "\xCE\x95\xCE\xBB\xCE\xAD\xCE\xBD\xCE\xB7", "\xCE\x95\xCE\xBB\xCE\xAD\xCE\xBD\xCE\xB7" }, /* Greek: Eleni */
    { "\xD9\x85\xD8\xAD\xD9\x85\xD8\xAF", "\xD9\x85\xD8\xAD\xD9\x85\xD8\xAF" },                 /* Arabic: Muhammad */
    { "\xD7\xA8\xD7\x95\xD7\xAA", "\xD7\xA8\xD7\x95\xD7\xAA" },                                 /* Hebrew: Rut */
    { "\xE0\xB8\x81\xE0\xB8\xB4\xE0\xB8\x95", "\xE0\xB8\x81\xE0\xB8\xB4\xE0\xB8\x95" }, /* Thai, with a vowel above */
    { "\xE0\xA4\xB0\xE0\xA4\xBE\xE0\xA4\xAE", "\xE0\xA4\xB0\xE0\xA4\xBE\xE0\xA4\xAE" }, /* Devanagari: Ram */
    { "\xE1\x83\x9C\xE1\x83\x98\xE1\x83\x9C\xE1\x83\x9D",
      "\xE1\x83\x9C\xE1\x83\x98\xE1\x83\x9C\xE1\x83\x9D" }, /* Georgian */
    { "\xC3\x89mile", "\xC3\x89mile" },
    { "E\xCC\x81mile2", "\xC3\x89mile2" }, /* E and an accent are kept as one */
    { "\xE1\x84\x80\xE1\x85\xA1", GA },    /* and so are the parts of a syllable */
    { "a-b_c.d", "a-b_c.d" },
    { "\xEF\xBC\xA1\xEF\xBC\x91", "\xEF\xBC\xA1\xEF\xBC\x91" }, /* full-width A1 */
    { "\xD9\xA3", "\xD9\xA3" },                                 /* an Arabic digit */
    { "guest", "guest" },
    { "guest1a", "guest1a" },
    { "  padded  ", "padded" },
    { X10 X10, X10 X10 },
    { GA5 GA5 GA5 GA5, GA5 GA5 GA5 GA5 },
    { "\x1B[31mred\x1B[0m", "red" }, /* control characters never get that far, ... */
    { "bell\x07\x01\x1F", "bell" },
    { "c1\xC2\x9B", "c1" },
    { "\xE2\x80\xAEnam", "nam" },   /* ... nor do bidirectional controls: right-to-left override, ... */
    { "jane\xE2\x80\x8E", "jane" }, /* ... left-to-right mark, ... */
    { "june\xD8\x9C", "june" },     /* ... Arabic letter mark, ... */
    { "joan\xE2\x81\xA6", "joan" }, /* ... left-to-right isolate */

    /* Taken, or given out only by the server. */
    { "bob", NULL },
    { "BoB", NULL },
    { "guest9", NULL },
    { "Guest2147483648", NULL },

    /* No letters or digits, and too many. */
    { "", NULL },
    { "   ", NULL },
    { "a b", NULL },
    { "a\tb", NULL },
    { X10 X10 "x", NULL },
    { GA5 GA5 GA5 GA5 GA, NULL },
    { "\x07\x1B", NULL },
    { "!", NULL },
    { "*", NULL },
    { "bob:", NULL },
    { "a/b", NULL },
    { "a,b", NULL },
    { "\xF0\x9F\x98\x80", NULL }, /* an emoji */
    { "a\xE2\x9C\x93", NULL },    /* a check mark */

    /* Invisible: spaces, ... */
    { "a\xC2\xA0z", NULL },
    { "\xE3\x80\x80", NULL },
    { "a\xE1\x9A\x80z", NULL },
    { "\xE2\xA0\x80", NULL }, /* braille without a dot */
    { "\xE3\x85\xA4", NULL }, /* Hangul fillers */
    { "\xE1\x85\x9F\xE1\x85\xA0", NULL },
    { "\xEF\xBE\xA0", NULL },
    /* ... joiners, variation selectors, marks, ... */
    { "a\xE2\x80\x8B", NULL },
    { "a\xE2\x80\x8D", NULL },
    { "\xEF\xBB\xBFname", NULL },
    { "a\xC2\xADz", NULL },
    { "jane\xCD\x8F", NULL },
    { "jane\xE1\x9E\xB4", NULL },
    { "jane\xE1\xA0\x8B", NULL },
    { "jane\xEF\xB8\x8F", NULL },
    { "jane\xE2\x81\xA5", NULL },
    { "x\xCC\x81", NULL },
    { "\xCC\x81", NULL },
    { "\xE2\x83\xA3", NULL },
    { "\xE0\xB8\xB4\xE0\xB8\x81", NULL }, /* a vowel with no letter before it */
    /* ... private-use characters, or those above U+FFFF */
    { "jane\xEE\x80\x80", NULL },
    { "jane\xEF\xBF\xBE", NULL },
    { "jane\xF0\x9D\x85\xB3", NULL },
    { "\xF0\x9D\x92\x9C", NULL }, /* outside the Basic Multilingual Plane: a mathematical letter, ... */
    { "\xF0\xA0\xAE\xB7", NULL }, /* ... Han of plane 2, ... */
    { "\xF0\x90\x90\x80", NULL }, /* ... Deseret, and a digit */
    { "\xF0\x9D\x9F\x99", NULL },
    { "jane\xF0\x9B\xB2\xA0", NULL },
    { "jane\xF3\xA0\x80\x81", NULL },
    { "jane\xF3\xA0\x84\x80", NULL },
    { "ann", "ann" },
};

/* She gets a private answer; only a new name is announced to the room. */
static void check_nick(Client *ann, Client *bob, const Nick *nick, char *name)
{
    char line[300], answer[300];

    snprintf(line, sizeof line, "/nick %s", nick->typed);
    CHECK(member_says(ann, line));
    if (nick->name) {
        snprintf(answer, sizeof answer, "*** you are now %s", nick->name);
        CHECK(member_hears(ann, answer));
        snprintf(line, sizeof line, "*** %s is now %s (2 here)", name, nick->name);
        CHECK(member_hears(bob, line));
        strcpy(name, nick->name);
    } else {
        CHECK(client_line(ann, answer, sizeof answer));
        CHECK_HAS(answer, "! /nick ");
        CHECK(strstr(answer, "taken") || strstr(answer, "1 to 20 letters or digits of the Basic Multilingual Plane"));
    }
    CHECK(!client_readable(ann, 0));
    CHECK(member_says(ann, "checked"));
    snprintf(line, sizeof line, "%s: checked", name);
    CHECK(member_hears(bob, line));
}

TEST(names_nicks)
{
    Server *server = server_start("--chat --quiet");
    Client *ann = member_join(server, "ann"), *bob = member_join(server, "bob");
    char name[100] = "ann";

    CHECK(member_awaits(ann, "*** guest2 is now bob (2 here)"));
    for (size_t i = 0; i < sizeof nicks / sizeof nicks[0]; i++) {
        check_nick(ann, bob, &nicks[i], name);
        if (test_has_failed()) printf("    for the name \"%s\"\n", nicks[i].typed);
        CHECK_STILL_GOOD();
    }
    CHECK_EQ(server_stop(server), 0);
}

/* A name in another case, in another normal form or with full-width letters in another case is still the same name. */
TEST(names_that_look_alike)
{
    static const char *const same[][2] = {
        { "Emile", "eMILE" },
        { "\xC3\x89mile", "e\xCC\x81MILE" },
        { "\xD0\x98\xD0\xB2\xD0\xB0\xD0\xBD", "\xD0\xB8\xD0\x92\xD0\x90\xD0\x9D" },
        { "\xCE\xA3\xCE\xBF\xCF\x86\xCE\xAF\xCE\xB1", "\xCF\x83\xCE\x9F\xCE\xA6\xCE\x8A\xCE\x91" },
        { GA NA, "\xE1\x84\x80\xE1\x85\xA1" NA },
        { "\xEF\xBC\xA1\xEF\xBD\x82", "\xEF\xBD\x81\xEF\xBC\xA2" },
        { "jane", "jane\xE2\x80\x8F" },
    };
    Server *server = server_start("--chat --quiet");
    Client *ann = member_join(server, "ann"), *bob = member_join(server, "bob");
    char line[200];

    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        snprintf(line, sizeof line, "/nick %s", same[i][0]);
        CHECK(member_says(bob, line));
        snprintf(line, sizeof line, "*** you are now %s", same[i][0]);
        CHECK(member_awaits(bob, line));
        snprintf(line, sizeof line, "/nick %s", same[i][1]);
        CHECK(member_says(ann, line));
        do {
            CHECK(client_line(ann, line, sizeof line));
        } while (line[0] != '!');
        CHECK_HAS(line, "taken");
    }
    CHECK_EQ(server_stop(server), 0);
}

/* A member can take a name that another gave up, and the other cannot go back to it. */
TEST(names_change_hands)
{
    Server *server = server_start("--chat --quiet");
    Client *ann = member_join(server, "ann"), *bob = member_join(server, "bob");
    char answer[200];

    CHECK(member_awaits(ann, "*** guest2 is now bob (2 here)"));
    CHECK(member_says(ann, "/nick anna"));
    CHECK(member_hears(bob, "*** ann is now anna (2 here)"));
    CHECK(member_says(bob, "/nick Ann"));
    CHECK(member_hears(bob, "*** you are now Ann"));
    CHECK(member_hears(ann, "*** you are now anna"));
    CHECK(member_hears(ann, "*** bob is now Ann (2 here)"));
    CHECK(member_says(ann, "/nick ann"));
    CHECK(client_line(ann, answer, sizeof answer));
    CHECK_HAS(answer, "taken");
    CHECK(member_says(ann, "/nick bob"));
    CHECK(member_hears(ann, "*** you are now bob"));
    CHECK(member_hears(bob, "*** anna is now bob (2 here)"));
    CHECK_EQ(server_stop(server), 0);
}

/* The server's own lines begin with "*** " or "! ", and nobody else's can. */
TEST(names_forge_no_notice)
{
    static const char *const tries[][2] = {
        { "/me left: bye (1 here)", "* ann left: bye (1 here)" },
        { "/me ** bob left (1 here)", "* ann ** bob left (1 here)" },
        { "/me  * you are now teacher", "* ann * you are now teacher" },
        { "*** bob left (1 here)", "ann: *** bob left (1 here)" },
        { "! bob: hi", "ann: ! bob: hi" },
        { "\r\v*** bob left", "ann:  *** bob left" },
        { "\xE2\x80\xA8*** bob left", "ann:  *** bob left" }, /* a line separator */
        { "\xC2\x85*** bob left", "ann:  *** bob left" },     /* next line, a C1 control */
        { "\xEF\xBB\xBF*** bob left", "ann: *** bob left" },  /* a byte order mark */
    };
    Server *server = server_start("--chat --quiet");
    Client *ann = member_join(server, "ann"), *bob = member_join(server, "bob");

    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        CHECK(member_says(ann, tries[i][0]));
        CHECK(member_hears(bob, tries[i][1]));
    }
    CHECK(!client_readable(bob, 50));
    CHECK_EQ(server_stop(server), 0);
}

/* ---- commands ---- */

static bool is_answered(Client *client, const char *command, const char *part)
{
    char answer[LINE_SIZE];

    if (!member_says(client, command) || !client_line(client, answer, sizeof answer)) return false;
    if (answer[0] == '!' && strstr(answer, part)) return true;
    printf("\n    \"%s\" is answered \"%s\"\n", command, answer);
    return false;
}

TEST(names_commands)
{
    Server *server = server_start("--chat --quiet");
    Client *ann = member_join(server, "ann"), *bob = member_join(server, "bob");
    const char *text;

    CHECK(member_awaits(ann, "*** guest2 is now bob (2 here)"));
    CHECK(member_says(ann, "/who")); /* answers are private: bob hears none of these */
    CHECK(member_says(ann, "/help"));
    CHECK(member_says(ann, "/"));
    text = member_hears_until(ann, NO_COMMAND);
    CHECK(strncmp(text, "*** 2 here: ann, bob\n", 19) == 0 || strncmp(text, "*** 2 here: bob, ann\n", 19) == 0);
    CHECK_HAS(text, "/nick ");
    CHECK_HAS(text, "/who ");
    CHECK_HAS(text, "/me ");
    CHECK_HAS(text, "/quit ");
    CHECK_HAS(text, "/help ");
    CHECK_HAS(text, "//");
    CHECK(is_answered(ann, "/foo bar", "/help"));
    CHECK(is_answered(ann, "/whom", "/help"));
    CHECK(is_answered(ann, "/ who", "/help"));
    CHECK(is_answered(ann, "/nick", "/nick NAME"));
    CHECK(is_answered(ann, "/me", "/me ACTION"));
    CHECK(is_answered(ann, "/me  ", "/me ACTION"));
    CHECK(is_answered(ann, "/me \xE2\x80\x8B", "/me ACTION")); /* nothing visible */

    CHECK(member_says(ann, "/me waves  at bob"));
    CHECK(member_hears(bob, "* ann waves  at bob"));
    CHECK(member_says(ann, "//who is a command"));
    CHECK(member_hears(bob, "ann: /who is a command"));
    CHECK(member_says(ann, "///"));
    CHECK(member_hears(bob, "ann: //"));
    CHECK(member_says(ann, " /who is one at the front only"));
    CHECK(member_hears(bob, "ann:  /who is one at the front only"));
    CHECK(!client_readable(ann, 50)); /* she does not hear herself */
    CHECK_EQ(server_stop(server), 0);
}

/* Phones capitalize the first letter, and input methods write spaces of their own. */
TEST(names_commands_of_phones)
{
    static const char *const typed[][2] = {
        { "/Who", "*** 2 here: " },
        { "/WHO", "*** 2 here: " },
        { "/who\xC2\xA0", "*** 2 here: " },
        { "/HELP", "*** /nick NAME" },
        { "/Nick Phone", "*** you are now Phone" },
        { "/nick\xC2\xA0name0", "*** you are now name0" },                            /* no-break space */
        { "/nick\xE3\x80\x80name1", "*** you are now name1" },                        /* ideographic space */
        { "/nick \xE3\x80\x80\xC2\xA0 name2 \xE3\x80\x80", "*** you are now name2" }, /* some of each */
        { "/nick\tname3\t", "*** you are now name3" },
        { "/nick\xE2\x80\x89name4", "*** you are now name4" }, /* thin space */
        { "/nick\xE2\x80\xAFname5", "*** you are now name5" }, /* narrow no-break space */
        { "/nick\xE2\x80\xA8name6", "*** you are now name6" }, /* line separator */
        { "/me\xE3\x80\x80", "! /me ACTION" },
        { "/nick\xE3\x80\x80", "! /nick NAME" },
        { "\xE3\x80\x80/who", NULL },
    };
    Server *server = server_start("--chat --quiet");
    Client *ann = member_join(server, "ann"), *bob = member_join(server, "bob");
    char answer[LINE_SIZE];

    CHECK(member_awaits(ann, "*** guest2 is now bob (2 here)"));
    for (size_t i = 0; i < sizeof typed / sizeof typed[0]; i++) {
        CHECK(member_says(ann, typed[i][0]));
        if (!typed[i][1]) continue;
        CHECK(client_line(ann, answer, sizeof answer));
        CHECK_HAS(answer, typed[i][1]);
        CHECK(member_asks(ann));
    }
    CHECK(member_says(ann, "/ME\xE3\x80\x80"
                           "waves  at\xC2\xA0"
                           "bob"));
    CHECK(member_awaits(bob, "name6: \xE3\x80\x80/who")); /* a command must be at the front */
    CHECK(member_hears(bob, "* name6 waves  at\xC2\xA0"
                            "bob"));
    CHECK_EQ(server_stop(server), 0);
}

/* Changing to one's own name is not announced to the room; changing its case is. */
TEST(names_own)
{
    Server *server = server_start("--chat --quiet");
    Client *ann = member_join(server, "ann"), *bob = member_join(server, "bob");

    CHECK(member_awaits(ann, "*** guest2 is now bob (2 here)"));
    for (int i = 0; i < 3; i++) {
        CHECK(member_says(ann, "/nick ann"));
        CHECK(member_hears(ann, "*** you are now ann"));
    }
    CHECK(member_says(ann, "/nick Ann"));
    CHECK(member_hears(bob, "*** ann is now Ann (2 here)"));
    CHECK(member_says(ann, "/nick \xC3\x89mile"));
    CHECK(member_hears(bob, "*** Ann is now \xC3\x89mile (2 here)"));
    CHECK(member_says(ann, "/nick E\xCC\x81mile"));
    CHECK(member_says(ann, "hi"));
    CHECK(member_hears(bob, "\xC3\x89mile: hi"));
    CHECK(member_hears(member_join(server, NULL), "\xC3\x89mile: hi"));
    CHECK_EQ(server_stop(server), 0);
}

TEST(names_quit)
{
    Server *server = server_start("--chat");
    Client *ann = member_join(server, "ann"), *bob = member_join(server, "bob"), *carl = member_join(server, "carl");

    CHECK(member_awaits(ann, "*** guest3 is now carl (3 here)"));
    CHECK(member_awaits(bob, "*** guest3 is now carl (3 here)"));
    CHECK(client_send(ann, "one\r\ntwo\r\n/quit see you  later \r\nthree\r\n/who\r\n", 44));
    CHECK(member_hears(bob, "ann: one"));
    CHECK(member_hears(bob, "ann: two"));
    CHECK(member_hears(bob, "*** ann left: see you  later (2 here)"));
    CHECK(member_hears_goodbye(ann)); /* lines after /quit are not said */
    client_close(ann);
    CHECK(member_says(bob, "/quit"));
    CHECK(member_hears_goodbye(bob));
    CHECK(strcmp(member_hears_until(carl, "*** bob left (1 here)"),
                 "ann: one\nann: two\n*** ann left: see you  later (2 here)\n")
          == 0);
    client_close(bob);
    CHECK_HAS(server_line(server, "#1 ", " left "), "/quit");
    CHECK(!client_readable(carl, 100));
    CHECK_EQ(server_stop(server), 0);
    CHECK_EQ(count_text(server_output(server), " *** ann left"), 1);
}

/* A client that leaves still gets the lines that others said before, and then the goodbye line. */
TEST(names_quit_hears_all)
{
    Server *server = server_start("--chat --quiet");
    Client *ann = member_join(server, "ann"), *bob = member_join(server, "bob");
    char line[100];

    CHECK(member_awaits(ann, "*** guest2 is now bob (2 here)"));
    for (int i = 0; i < 5000; i++) {
        snprintf(line, sizeof line, "line %d and something more so that it is not too short", i);
        CHECK(member_says(bob, line));
    }
    CHECK(member_asks(bob));
    CHECK(member_says(ann, "/quit"));
    for (int i = 0; i < 5000; i++) {
        snprintf(line, sizeof line, "bob: line %d and something more so that it is not too short", i);
        CHECK(member_hears(ann, line));
    }
    CHECK(member_hears_goodbye(ann));
    CHECK_EQ(server_stop(server), 0);
}

static volatile LONG talk_stop;

static void talk_on(void *argument)
{
    static const char lines[] = "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\n";

    while (!talk_stop && client_send((Client *)argument, lines, sizeof lines - 1)) Sleep(1);
}

/* A client that has said /quit, or has half-closed, hears what was said until then, the goodbye line and the end, even
 * though the room keeps talking. */
TEST(names_quit_while_all_talk)
{
    Server *server = server_start("--chat --quiet");
    Client *ann = member_join(server, "ann"), *bob = member_join(server, "bob"), *carl = member_join(server, "carl");
    char line[LINE_SIZE], last[LINE_SIZE] = "";
    long long begin;

    talk_stop = 0;
    CHECK(member_awaits(ann, "*** guest3 is now carl (3 here)"));
    CHECK(worker_start(talk_on, bob));
    for (int i = 0; i < 1000; i++) CHECK(client_line(ann, line, sizeof line));
    CHECK(member_says(ann, "/quit"));
    CHECK(client_half_close(carl));
    begin = now_ms();
    while (client_line(ann, line, sizeof line)) strcpy(last, line);
    CHECK_STR(last, "*** good-bye");
    CHECK(client_at_eof(ann));
    while (client_line(carl, line, sizeof line)) strcpy(last, line);
    CHECK_STR(last, "*** good-bye");
    CHECK(client_at_eof(carl));
    CHECK_LE(now_ms() - begin, 3000);
    talk_stop = 1;
    CHECK(workers_join(PATIENCE_MS));
    CHECK_EQ(server_stop(server), 0);
}
