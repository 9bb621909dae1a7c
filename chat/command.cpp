/* command.cpp - commands: lines that begin with a slash. */
#include "command.h"
#include "room.h"
#include "terminal.h"

#include <stdio.h>
#include <string.h>

/* Renames the member, unless another has the name, ignoring case. Only the server gives out "guest" with a number. A
 * member that asks for the name it already has is not announced. */
static void command_nick(LPSession session, const char *text)
{
    WCHAR wide[NICK_CHARS + 1] = { 0 };
    char nick[NICK_BYTES], old[NICK_BYTES];
    bool taken;
    int here;

    if (!text_name(text, wide, nick)) {
        reply(
            session,
            "! /nick NAME: a name has 1 to %d letters or digits of the Basic Multilingual Plane (no emoji), and - _ . "
            "if you like",
            NICK_CHARS);
        return;
    }
    if (strcmp(nick, member_of(session)->in_room.nick) == 0) {
        reply(session, "*** you are now %s", nick);
        return;
    }
    taken = _strnicmp(nick, "guest", 5) == 0 && nick[5] && nick[5 + strspn(nick + 5, "0123456789")] == '\0';
    if (!room_rename(session, nick, wide, taken, old, &here)) {
        reply(session, "! /nick %s: that name is taken, please choose another", nick);
        return;
    }
    room_broadcast(session, false, "*** %s is now %s (%d here)", old, nick, here);
    reply(session, "*** you are now %s", nick);
}

static void command_who(LPSession session, const char *nothing)
{
    char names[SAY_BYTES - 64];
    int here = room_names(session, names, sizeof names);

    (void)nothing;
    reply(session, "*** %d here: %s", here, names);
}

static void command_me(LPSession session, const char *action)
{
    if (text_visible(action)) {
        room_broadcast(session, true, "* %s %s", member_of(session)->in_room.nick, action);
    } else {
        reply(session, "! /me ACTION: an action is missing, as in /me waves");
    }
}

static void command_quit(LPSession session, const char *message)
{
    room_leave(session, message);
    member_of(session)->why = "said /quit";
    room_last_news(session, false);
}

static void command_help(LPSession session, const char *nothing)
{
    (void)nothing;
    reply(session, "*** /nick NAME   change your name       /who             who is here\r\n"
                   "*** /me ACTION   say what you do        /quit [MESSAGE]  leave\r\n"
                   "*** /help        show this              //text           say /text instead of running it");
}

char *command_split(char *line)
{
    char *argument = NULL, *end = line;
    ULONG space;

    for (char *at = line; *at; at += space ? space : 1) {
        space = text_space(at);
        if (space && !argument) argument = at;
        if (!space) end = at + 1;
    }
    *end = '\0';
    if (!argument || argument >= end) return end;
    space = text_space(argument);
    *argument = '\0';
    for (argument += space; (space = text_space(argument)) > 0;) argument += space;
    return argument;
}

void command_run(LPSession session, char *line)
{
    static const struct {
        const char *name;
        void (*run)(LPSession session, const char *argument);
    } commands[] = { { "/nick", command_nick },
                     { "/who", command_who },
                     { "/me", command_me },
                     { "/quit", command_quit },
                     { "/help", command_help } };
    char *argument = command_split(line);

    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (_stricmp(line, commands[i].name) == 0) {
            commands[i].run(session, argument);
            return;
        }
    }
    reply(session, "! %s: no such command, /help lists them", line);
}
