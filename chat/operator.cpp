/* operator.cpp - the operator: lines typed at the server are said to the room, or are commands. They run on the thread
 * that reads the keyboard, which touches no session: it publishes its requests through the room, and the session's
 * owner carries them out. */
#include "../support/ban.h"
#include "../support/console.h"
#include "../support/keyboard.h"
#include "../support/options.h"
#include "chat.h"
#include "command.h"
#include "room.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 1000 }; /* members that /who lists, at most: the console's queue is bounded */

/* Answers the operator on the console, even with --quiet. */
static void operator_print(const char *format, ...)
{
    char line[TYPED_BYTES + 256];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    strcat(line, "\n");
    console_put(STD_OUTPUT_HANDLE, 0, line);
}

/* ---- commands ---- */

static void operator_who(LPServer server, char *nothing)
{
    Visitor *visitors = (Visitor *)malloc(SHOWN * sizeof *visitors);
    int here, count;
    ULONGLONG now = GetTickCount64();

    (void)nothing;
    if (!visitors) {
        operator_print("! out of memory");
        return;
    }
    here = room_visitors(server, visitors, SHOWN);
    count = here < SHOWN ? here : SHOWN;
    operator_print("%d here%s", here, here ? ":" : "");
    for (int i = count - 1; i >= 0; i--) {
        const Visitor *one = &visitors[i];
        unsigned long seconds = (unsigned long)((now > one->came ? now - one->came : 0) / 1000);
        char from[ADDRESS_BYTES];
        address_text(&one->caddr, from, sizeof from);
        operator_print("#%lu %s %s, here for %lu:%02lu:%02lu", one->id, one->nick, from, seconds / 3600,
                       seconds / 60 % 60, seconds % 60);
    }
    if (here > count) operator_print("and %d who came earlier", here - count);
    free(visitors);
}

/* Parses NAME or #N. Returns false when it is neither. */
static bool operator_target(const char *text, Target *target)
{
    char nick[NICK_BYTES];

    ZeroMemory(target, sizeof *target);
    if (*text != '#') return text_name(text, target->nick, nick);
    target->id = strtoul(text + 1, NULL, 10);
    return target->id > 0 && text[1 + strspn(text + 1, "0123456789")] == '\0';
}

static void operator_remove(LPServer server, char *argument, bool ban)
{
    const char *command = ban ? "/ban" : "/kick", *reason = command_split(argument);
    char host[INET6_ADDRSTRLEN];
    Visitor visitor;
    Target target;

    if (!operator_target(argument, &target)) {
        operator_print("! %s NAME|#N [REASON]: a name or number is missing, as in %s #3; /who lists them", command,
                       command);
        return;
    }
    switch (room_remove(server, &target, reason, ban, &visitor)) {
    case NOT_HERE: operator_print("! %s %s: not here, /who lists the members", command, argument); break;
    case BANS_FULL:
        operator_print("! %s %s: %d addresses are banned already; /unban ADDRESS makes room", command, argument,
                       MAX_BANS);
        break;
    case REMOVED:
        address_host_text(&visitor.caddr, host);
        operator_print(ban ? "#%lu %s is removed, and %s is banned" : "#%lu %s is removed", visitor.id, visitor.nick,
                       host);
        break;
    }
}

static void operator_kick(LPServer server, char *argument)
{
    operator_remove(server, argument, false);
}

static void operator_ban(LPServer server, char *argument)
{
    char host[INET6_ADDRSTRLEN];
    int count = 0;

    if (*argument) {
        operator_remove(server, argument, true);
        return;
    }
    while (ban_text(server, count, host)) {
        count++;
        operator_print("%s is banned", host);
    }
    if (count == 0) operator_print("no address is banned");
}

static void operator_unban(LPServer server, char *argument)
{
    if (ban_remove(server, argument)) {
        operator_print("%s is no longer banned", argument);
    } else {
        operator_print("! /unban ADDRESS: that address is not banned, /ban lists those that are");
    }
}

static void operator_quit(LPServer server, char *nothing)
{
    (void)server;
    (void)nothing;
    console_quit();
}

static void operator_help(LPServer server, char *nothing)
{
    (void)server;
    (void)nothing;
    operator_print("/who                     who is here: number, name, address, how long\n"
                   "/kick NAME|#N [REASON]   remove a member\n"
                   "/ban NAME|#N [REASON]    the same, and refuse its address until the server ends\n"
                   "/ban                     the addresses that are refused\n"
                   "/unban ADDRESS           let it in again\n"
                   "/quit                    stop the server, as Ctrl+C does\n"
                   "/help                    show this\n"
                   "anything else is said to the room; //text says /text");
}

static void operator_run(LPServer server, char *line)
{
    static const struct {
        const char *name;
        void (*run)(LPServer server, char *argument);
    } commands[] = { { "/who", operator_who },     { "/kick", operator_kick }, { "/ban", operator_ban },
                     { "/unban", operator_unban }, { "/quit", operator_quit }, { "/help", operator_help } };
    char *argument = command_split(line);

    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (_stricmp(line, commands[i].name) == 0) {
            commands[i].run(server, argument);
            return;
        }
    }
    operator_print("! %s: no such command, /help lists them", line);
}

/* ---- lines ---- */

/* Handles a line from the keyboard's thread. A redirected file may begin with a byte order mark and contain any bytes;
 * the room gets only text that a member could say. No member can forge the result: a member's lines begin with its name
 * or a single star. */
static void operator_line(LPServer server, char *line)
{
    static char text[3 * TYPED_BYTES + 1]; /* one thread reads the keyboard */
    char *said = text;
    ULONG length = (ULONG)strlen(line);

    if (length > 0) length = text_complete(CP_UTF8, line, length);
    text_decode(CP_UTF8, line, length, text);
    if (strncmp(said, "\xEF\xBB\xBF", 3) == 0) said += 3;
    if (strlen(said) > SAY_BYTES) said[text_complete(CP_UTF8, said, SAY_BYTES)] = '\0';
    if (said[0] == '/' && said[1] != '/') {
        operator_run(server, said);
    } else if (text_visible(said)) {
        room_say(server, "*** operator: %s", said[0] == '/' ? said + 1 : said);
    }
}

void operator_open(LPServer server)
{
    if (!server->options->step && !server->options->slow) keyboard_open(server, operator_line);
}

void operator_close(void)
{
    keyboard_close();
}
