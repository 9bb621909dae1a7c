/* member.h - members of the room: how the tests of the chat join, talk and listen. */
#ifndef MEMBER_H
#define MEMBER_H

#include "test.h"

/* Hangul syllables in UTF-8, two columns wide on a terminal. Not written as such, so that no compiler's idea of the
 * source's encoding matters. */
#define GA "\xEA\xB0\x80"
#define NA "\xEB\x82\x98"
#define DA "\xEB\x8B\xA4"

enum { LINE_SIZE = 5000 /* holds every line of the server: name, 4,095 bytes of text */ };

/* The private answer to the line "/", which no command is. Whoever gets it knows that the server has dealt with all
 * that was sent before. */
#define NO_COMMAND "! /: no such command, /help lists them"

/* Connects and, if `nick` is not NULL, takes that name. What came until then was read: the welcome and the last lines
 * of the room. NULL if anything of it fails. */
Client *member_join(Server *server, const char *nick);

/* Sends the line and CR LF. */
bool member_says(Client *client, const char *line);

/* True if the next line is exactly this one. */
bool member_hears(Client *client, const char *line);

/* The lines up to `last`, each with a LF behind it and without the last one; ends in "(no more)" if `last` does not
 * come. Good until the next call. */
const char *member_hears_until(Client *client, const char *last);

/* Drops the lines up to `last`; false if it does not come. */
bool member_awaits(Client *client, const char *last);

/* Asks for an answer and drops all up to it: true if everybody's lines of before were dealt with. */
bool member_asks(Client *client);

/* True if the server says good-bye and closes, and there was nothing else. */
bool member_hears_goodbye(Client *client);

#endif
