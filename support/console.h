/* console.h - the console: log lines out, its settings, Ctrl+C, the names of errors. */
#ifndef CONSOLE_H
#define CONSOLE_H

#include "options.h"

/* Records the console's settings, which console_restore() puts back, and sets those that the server wants. The output
 * code page stays as it is. Main only, before any line is written. */
void console_prepare(void);

/* Starts the writer thread and catches Ctrl+C: `on_interrupt` is called each time, on a thread that Windows makes for
 * it. Main only. Returns false, with the reason logged, when the thread cannot be started or Ctrl+C cannot
 * be caught. */
bool console_open(const Options *options, void (*on_interrupt)(void));

/* Writes the lines that are still waiting, within half a second, and restores the console. Main only. */
void console_close(void);

/* Restores the settings that console_prepare() recorded; only the first call has an effect. Any thread. */
void console_restore(void);

/* Asks the server to stop, as Ctrl+C does. Any thread, once the console is open. */
void console_quit(void);

/* Returns true once the user has asked the server to stop (Ctrl+C and the like). Any thread. */
bool console_interrupted(void);

/* Returns true if stdout is a console, where long lines wrap. Any thread, after console_prepare(). */
bool console_is_screen(void);

/* Queues `line`, UTF-8 with its line end, for STD_OUTPUT_HANDLE or STD_ERROR_HANDLE. `color` has the bits of
 * FOREGROUND_...: the low digit for a dark background, the high one for a light background; 0 is the console's own
 * color. Any thread; never waits for the console once the writer runs: lines that find the queue full are counted
 * instead. */
void console_put(DWORD handle, WORD color, const char *line);

/* Holds the lines back while something is typed on the same console, or lets them go on: the queue keeps those that it
 * has room for. Only a console is held. Any thread. */
void console_hold(bool hold);

/* Prints one line on stdout, with the time of day in front. Any thread; never waits, like console_put(). Silent with
 * --quiet and --trace. */
void log_line(const char *format, ...);

/* Prints "server: ..." and, unless `error` is 0, its name and number, as one line on stderr. Any thread; never waits.
 */
void log_error(int error, const char *format, ...);

/* Prints `text`, a string constant, as log_error() does; when the same text comes again within a second, only counts
 * it, and prints "TEXT (412 more)" at the end of that second. For messages that a client could provoke without end. Any
 * thread; never waits. */
void log_counted(int error, const char *text);

/* Returns "WSAECONNRESET" for 10054 and so on, "error" for an error that it does not know; never NULL. Any thread. */
const char *error_name(int error);

#endif
