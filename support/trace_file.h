/* trace_file.h - the file of --trace-file: JSON, written by a thread of its own. Only trace_event.cpp calls these
 * functions.
 */
#ifndef TRACE_FILE_H
#define TRACE_FILE_H

#include "trace_event.h"
#include "trace_text.h"

/* Creates the file `name` (UTF-8), begins it, and starts the thread that writes it. Main only. Returns false, with the
 * reason logged, when any of it fails. */
bool trace_file_open(const char *name);

/* Returns true while the file takes events. Any thread. */
bool trace_file_is_open(void);

/* Formats all of the event but its time, which trace_file_add() puts in front. Any thread, no lock needed. */
void trace_file_format(TraceText *text, const TraceEvent *event);

/* Adds the event, which happened at `now` (us), to the file's buffer; counts it when there is no room. It is in the
 * file within 200 ms, unless the disk is slower. Any thread; never waits for the disk. The caller's lock makes sure
 * that events come in the order of their times; cs may be held. */
void trace_file_add(const TraceEvent *event, const TraceText *text, unsigned long long now);

/* Writes the remaining events and the end of the file. Main only, when no thread adds events anymore. Returns false
 * when the file was opened and is not complete; an error line says so. */
bool trace_file_close(void);

#endif
