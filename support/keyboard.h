/* keyboard.h - input typed at the server's console: Enter for --step, lines for the operator. */
#ifndef KEYBOARD_H
#define KEYBOARD_H

#include "options.h"

/* Prepares --step or --slow; does nothing without either. With --step, prints the instructions and starts a thread that
 * reads the keyboard. Main only, after console_open(). Returns false, with the reason logged, when the
 * thread cannot be started. */
bool step_open(const Options *options);

/* Returns true with --step or --slow. Any thread. */
bool step_is_on(void);

/* Takes the turn to print the next line: waits while another thread has it. Any thread, cs not held; must be followed
 * by step_end() on the same thread. */
void step_begin(void);

/* Waits for Enter (--step) or the given time (--slow), and passes the turn on. */
void step_end(void);

/* Lets the server run on without further stops. Any thread. */
void step_skip(void);

enum { TYPED_BYTES = 4 * 1024 }; /* of a line, with its NUL: a longer one is cut */

/* Starts a thread that reads lines, from a console with Windows' own editing, or from a pipe or file as UTF-8. It calls
 * `take` for each, in UTF-8 without its end; the end of the input ends only the thread. Main only, without --step.
 * Returns false, with the reason logged, when the thread cannot be started. */
bool keyboard_open(LPServer server, void (*take)(LPServer server, char *line));

/* Waits until `take` has returned, if it is running, and makes sure that it is not called again. Main only. Does
 * nothing unless open. */
void keyboard_close(void);

#endif
