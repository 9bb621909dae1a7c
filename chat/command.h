/* command.h - what members can say with a slash. */
#ifndef COMMAND_H
#define COMMAND_H

#include "member.h"

/* Ends the first word of the line, and the rest of the line, where spaces begin, of whatever kind: phones and input
 * methods write others than the keyboard. Returns the rest. Any thread. */
char *command_split(char *line);

/* Runs the command in `line`, which begins with a slash and is taken apart in place; an unknown one is answered with a
 * line that says so. Owner thread only, cs not held. */
void command_run(LPSession session, char *line);

#endif
