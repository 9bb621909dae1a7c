/* command.h - commands: lines that begin with a slash. */
#ifndef COMMAND_H
#define COMMAND_H

#include "member.h"

/* Splits the line in place: ends its first word, and trims the spaces around the rest. All kinds of spaces count,
 * because phones and input methods write other kinds than a keyboard does. Returns the rest, "" if there is none. Any
 * thread. */
char *command_split(char *line);

/* Runs the command in `line`, which begins with a slash and is split in place; an unknown one is answered with a line
 * that says so. Owner thread only, cs not held. */
void command_run(LPSession session, char *line);

#endif
