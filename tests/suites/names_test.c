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

    CHECK(member_hears(first, "* welcome, you are guest1 (1 here)"));
    CHECK(client_line(first, line, sizeof line));
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) CHECK_HAS(line, commands[i]);
    CHECK(!client_readable(first, 100));
    second = client_connect(server);
    CHECK(member_hears(second, "* welcome, you are guest2 (2 here)"));
    CHECK(client_line(second, line, sizeof line));
    CHECK(member_hears(second, "* guest1 joined (1 here)")); /* what was said before, not its own coming */
    CHECK(!client_readable(second, 100));
    CHECK(member_hears(first, "* guest2 joined (2 here)"));
    text = server_line(server, " * guest1 joined (1 here)", NULL); /* the console hears all, and says when */
    CHECK(text && strlen(text) == strlen("00:00:00 * guest1 joined (1 here)") && text[2] == ':' && text[5] == ':');
    CHECK(server_line(server, " * guest2 joined (2 here)", NULL) != NULL);
    CHECK_EQ(server_stop(server), 0);
}

/* Hears ann's lines from `first` to `last` and then nothing more. */
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

TEST(names_last_20_lines)
{
    Server *server = server_start("--chat --quiet");
    Client *ann = member_join(server, "ann"), *newcomer;

    CHECK(says_lines(ann, 1, 18));
    newcomer = member_join(server, NULL); /* 20 in all */
    CHECK(member_hears(newcomer, "* guest1 joined (1 here)"));
    CHECK(member_hears(newcomer, "* guest1 is now ann (1 here)"));
    CHECK(hears_lines(newcomer, 1, 18));
    CHECK(says_lines(ann, 19, 37)); /* and that somebody joined makes 20 */
    newcomer = member_join(server, NULL);
    CHECK(member_hears(newcomer, "* guest2 joined (2 here)"));
    CHECK(hears_lines(newcomer, 19, 37));
    CHECK(says_lines(ann, 38, 300));
    CHECK(hears_lines(member_join(server, NULL), 281, 300));
    CHECK_EQ(server_stop(server), 0);
}

/* ---- comings and goings ---- */

TEST(names_comings_and_goings)
{
    Server *server = server_start("--chat");
    Client *ann = member_join(server, "ann"), *other;

    other = member_join(server, "bob");
    CHECK(member_hears(ann, "* guest2 joined (2 here)"));
    CHECK(member_hears(ann, "* guest2 is now bob (2 here)"));
    client_close(other);
    CHECK(member_hears(ann, "* bob left (1 here)"));
    other = member_join(server, "bob"); /* the name is free again */
    CHECK(member_hears(ann, "* guest3 joined (2 here)"));
    CHECK(member_hears(ann, "* guest3 is now bob (2 here)"));
    client_reset(other);
    CHECK(member_hears(ann, "* bob left (1 here)"));
    other = member_join(server, NULL);
    CHECK(member_hears(ann, "* guest4 joined (2 here)"));
    CHECK(client_half_close(other));
    CHECK(member_awaits(other, "* good-bye"));
    CHECK(client_at_eof(other));
    client_close(other);
    CHECK(member_hears(ann, "* guest4 left (1 here)"));
    CHECK_HAS(server_line(server, "#3 ", " left "), "reset by the client");
    CHECK_HAS(server_line(server, "#4 ", " left "), "closed by the client");
    CHECK(!client_readable(ann, 100)); /* nothing is said twice */
    CHECK_EQ(server_stop(server), 0);
    CHECK_EQ(count_text(server_output(server), " * bob left (1 here)\n"), 2);
}

/* ---- names ---- */

#define GA5 GA GA GA GA GA
#define X10 "xxxxxxxxxx"

typedef struct Nick {
    const char *typed;
    const char *name; /* what it makes of it; NULL if it is refused */
} Nick;

static const Nick nicks[] = {
    { "kim", "kim" },
    { "KIM", "KIM" }, /* her own name in other letters */
    { "bob", NULL },
    { "BoB", NULL },
    { "guest9", NULL }, /* names that the server gives */
    { "Guest2147483648", NULL },
    { "guest", "guest" },
    { "guest1a", "guest1a" },
    { "", NULL },
    { "   ", NULL },
    { "a b", NULL },
    { "a\tb", NULL },
    { "  padded  ", "padded" },
    { X10 X10, X10 X10 },
    { X10 X10 "x", NULL },
    { GA5 GA5 GA5 GA5, GA5 GA5 GA5 GA5 },
    { GA5 GA5 GA5 GA5 GA, NULL },
    { "\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80" },
    { "\x1B[31mred\x1B[0m", "red" }, /* control characters never get so far */
    { "\x1B]0;evil\x07nice", "nice" },
    { "bell\x07\x01\x1F", "bell" },
    { "c1\xC2\x9B", "c1" },
    { "\x07\x1B", NULL },
    { "\xB0\xA1", NULL },  /* not UTF-8: Hangul in CP949, ... */
    { "a\xEA\xB0", NULL }, /* ... half a character, ... */
    { "\x80", NULL },
    { "\xC0\xAF", NULL }, /* ... too many bytes for "/", ... */
    { "\xE0\x80\xAF", NULL },
    { "\xED\xA0\x80", NULL },     /* ... a surrogate, ... */
    { "\xF4\x90\x80\x80", NULL }, /* ... past the last character, ... */
    { "\xFF\xFF", NULL },         /* ... never a byte of UTF-8 */
    { "a\xC2\xA0z", NULL },       /* not visible: no-break space, ... */
    { "a\xE2\x80\x8B", NULL },    /* ... zero-width space, ... */
    { "\xE2\x80\xAEnam", NULL },  /* ... right-to-left override, ... */
    { "\xE3\x80\x80", NULL },     /* ... ideographic space, ... */
    { "\xE3\x85\xA4", NULL },     /* ... Hangul filler, ... */
    { "\xEF\xBB\xBFname", NULL }, /* ... byte order mark, ... */
    { "a\xC2\xADz", NULL },       /* ... soft hyphen */
    { "ann", "ann" },
};

/* She gets an answer in private; only a new name is told to the room. */
static void check_nick(Client *ann, Client *bob, const Nick *nick, char *name)
{
    char line[300], answer[300];

    snprintf(line, sizeof line, "/nick %s", nick->typed);
    CHECK(member_says(ann, line));
    if (nick->name) {
        snprintf(answer, sizeof answer, "* you are now %s", nick->name);
        CHECK(member_hears(ann, answer));
        snprintf(line, sizeof line, "* %s is now %s (2 here)", name, nick->name);
        CHECK(member_hears(bob, line));
        strcpy(name, nick->name);
    } else {
        CHECK(client_line(ann, answer, sizeof answer));
        CHECK_HAS(answer, "! /nick ");
        CHECK(strstr(answer, "taken") || strstr(answer, "1 to 20 visible characters"));
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

    CHECK(member_awaits(ann, "* guest2 is now bob (2 here)"));
    for (size_t i = 0; i < sizeof nicks / sizeof nicks[0]; i++) {
        check_nick(ann, bob, &nicks[i], name);
        if (test_has_failed()) printf("    for the name \"%s\"\n", nicks[i].typed);
        CHECK_STILL_GOOD();
    }
    CHECK_EQ(server_stop(server), 0);
}

/* Who takes a name that another gives up gets it, and the other cannot go back to it. */
TEST(names_change_hands)
{
    Server *server = server_start("--chat --quiet");
    Client *ann = member_join(server, "ann"), *bob = member_join(server, "bob");
    char answer[200];

    CHECK(member_awaits(ann, "* guest2 is now bob (2 here)"));
    CHECK(member_says(ann, "/nick anna"));
    CHECK(member_hears(bob, "* ann is now anna (2 here)"));
    CHECK(member_says(bob, "/nick Ann"));
    CHECK(member_hears(bob, "* you are now Ann"));
    CHECK(member_hears(ann, "* you are now anna"));
    CHECK(member_hears(ann, "* bob is now Ann (2 here)"));
    CHECK(member_says(ann, "/nick ann"));
    CHECK(client_line(ann, answer, sizeof answer));
    CHECK_HAS(answer, "taken");
    CHECK(member_says(ann, "/nick bob"));
    CHECK(member_hears(ann, "* you are now bob"));
    CHECK(member_hears(bob, "* anna is now bob (2 here)"));
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

    CHECK(member_awaits(ann, "* guest2 is now bob (2 here)"));
    CHECK(member_says(ann, "/who")); /* answers are private: bob hears none of these */
    CHECK(member_says(ann, "/help"));
    CHECK(member_says(ann, "/"));
    text = member_hears_until(ann, NO_COMMAND);
    CHECK(strncmp(text, "* 2 here: ann, bob\n", 19) == 0 || strncmp(text, "* 2 here: bob, ann\n", 19) == 0);
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

TEST(names_quit)
{
    Server *server = server_start("--chat");
    Client *ann = member_join(server, "ann"), *bob = member_join(server, "bob"), *carl = member_join(server, "carl");

    CHECK(member_awaits(ann, "* guest3 is now carl (3 here)"));
    CHECK(member_awaits(bob, "* guest3 is now carl (3 here)"));
    CHECK(client_send(ann, "one\r\ntwo\r\n/quit see you  later \r\nthree\r\n/who\r\n", 44));
    CHECK(member_hears(bob, "ann: one"));
    CHECK(member_hears(bob, "ann: two"));
    CHECK(member_hears(bob, "* ann left: see you  later (2 here)"));
    CHECK(member_hears_goodbye(ann)); /* what stands behind /quit is not said */
    client_close(ann);
    CHECK(member_says(bob, "/quit"));
    CHECK(member_hears_goodbye(bob));
    CHECK(strcmp(member_hears_until(carl, "* bob left (1 here)"),
                 "ann: one\nann: two\n* ann left: see you  later (2 here)\n")
          == 0);
    client_close(bob);
    CHECK_HAS(server_line(server, "#1 ", " left "), "/quit");
    CHECK(!client_readable(carl, 100));
    CHECK_EQ(server_stop(server), 0);
    CHECK_EQ(count_text(server_output(server), " * ann left"), 1);
}

/* What others said before reaches the one who leaves, in front of the good-bye. */
TEST(names_quit_hears_all)
{
    Server *server = server_start("--chat --quiet");
    Client *ann = member_join(server, "ann"), *bob = member_join(server, "bob");
    char line[100];

    CHECK(member_awaits(ann, "* guest2 is now bob (2 here)"));
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
