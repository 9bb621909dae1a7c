/* keyboard.h - input typed at the server's console: Enter for --step. */
#ifndef KEYBOARD_H
#define KEYBOARD_H

#include "options.h"

/* Prepares --step or --slow; does nothing without either. With --step, prints the instructions and starts a thread that
 * reads the keyboard. Main only, after console_open(). Returns false, having said why, when there is no thread. */
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

#endif
