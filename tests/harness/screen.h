/* screen.h - the server in a console of its own, without a window, so that a test can see what it does to the
 * console. */
#ifndef SCREEN_H
#define SCREEN_H

#include "test.h"

typedef struct Screen Screen;

/* Makes a console with settings unlike any other's and starts server.exe with `options` (UTF-8) in it. Returns NULL if
 * that fails. A test has one at a time; screen_end() frees it. */
Screen *screen_start(const char *options);

/* Returns the console's settings now: "code page 1252, input mode 1f7, colours 1e". Valid until the next call. */
const char *screen_state(Screen *screen);

/* Returns the text on it, without spaces at the ends of lines. Valid until the next call. */
const char *screen_text(Screen *screen);

bool screen_ctrl_c(Screen *screen);

/* Presses a key, given its virtual-key code and its UTF-16 unit, 0 for none. */
bool screen_key(Screen *screen, int code, int character);

/* Presses the keys of a text of UTF-16 units; \r is Enter. */
bool screen_types(Screen *screen, const WCHAR *units);

/* Returns true once the text is on the console, false if it is not after `ms`. */
bool screen_shows(Screen *screen, const char *text, int ms);

/* Returns the server's exit code, or -1 if it is still running after `ms`. */
long long screen_wait(Screen *screen, int ms);

void screen_end(Screen *screen);

/* Runs the helper that keeps the console: this program, started once more. */
int screen_main(const WCHAR *command);

#endif
