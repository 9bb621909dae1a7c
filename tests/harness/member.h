/* member.h - members of the room: how the tests of the chat join, talk and listen. */
#ifndef MEMBER_H
#define MEMBER_H

#include "test.h"

/* Hangul syllables in UTF-8, two columns wide on a terminal. Escaped, so that a compiler's idea of the source's
 * encoding does not matter. */
#define GA "\xEA\xB0\x80"
#define NA "\xEB\x82\x98"
#define DA "\xEB\x8B\xA4"

enum { LINE_SIZE = 5000 /* holds every line of the server: name, 4,095 bytes of text */ };

/* The private answer to the line "/", which is not a command. A client that gets it knows that the server has handled
 * everything that it sent before. */
#define NO_COMMAND "! /: no such command, /help lists them"

/* Connects and, if `nick` is not NULL, takes that name. Everything that came until then has been read: the welcome and
 * the last lines of the room. Returns NULL if any of it fails. */
Client *member_join(Server *server, const char *nick);

/* Sends the line and CR LF. */
bool member_says(Client *client, const char *line);

/* Returns true if the next line is exactly this one. */
bool member_hears(Client *client, const char *line);

/* Returns the lines before `last`, each followed by an LF; they end in "(no more)" if `last` does not come. Valid until
 * the next call. */
const char *member_hears_until(Client *client, const char *last);

/* Drops the lines up to `last`. Returns false if it does not come. */
bool member_awaits(Client *client, const char *last);

/* Asks for an answer and drops everything up to it. Returns true if it came: then everybody's earlier lines have been
 * handled. */
bool member_asks(Client *client);

/* Returns true if the server sends its goodbye line, nothing else, and closes. */
bool member_hears_goodbye(Client *client);

#endif
