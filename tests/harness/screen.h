/* screen.h - the server in a console of its own, which has no window: what it does to the console can be seen. */
#ifndef SCREEN_H
#define SCREEN_H

#include "test.h"

typedef struct Screen Screen;

/* Makes a console that no other has the settings of and starts server.exe with `options` (UTF-8) in it. NULL if that
 * fails. A test has one at a time; screen_end() frees it. */
Screen *screen_start(const char *options);

/* The console's settings now: "code page 1252, input mode 1f7, colours 1e". Good until the next call. */
const char *screen_state(Screen *screen);

/* What stands on it, without spaces at the ends of lines. Good until the next call. */
const char *screen_text(Screen *screen);

bool screen_ctrl_c(Screen *screen);

/* Presses a key: its virtual-key code, and the UTF-16 unit that it brings, 0 for none. */
bool screen_key(Screen *screen, int code, int character);

/* The server's exit code, or -1 if it still runs after `ms`. */
long long screen_wait(Screen *screen, int ms);

void screen_end(Screen *screen);

/* The program that keeps the console: this one, started once more. */
int screen_main(const WCHAR *command);

#endif
