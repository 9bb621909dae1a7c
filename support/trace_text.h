/* trace_text.h - text of a bounded size: one event of the trace file. The caller's own; no lock is needed. */
#ifndef TRACE_TEXT_H
#define TRACE_TEXT_H

#include "../Overlapped.h"

enum { TRACE_EVENT_BYTES = 4096 }; /* of an event in the file: a longer one is counted as missing */

/* Text that never grows beyond its array: text that does not fit sets `full`. */
typedef struct TraceText {
    ULONG used;
    bool full;
    char bytes[TRACE_EVENT_BYTES];
} TraceText;

/* Makes the text empty. */
void trace_text_clear(TraceText *text);

/* Adds the formatted text. */
void trace_text_put(TraceText *text, const char *format, ...);

/* These add a text as it is, and a number in decimal. They serve every event, and are several times as fast as
 * trace_text_put(). */
void trace_text_plain(TraceText *text, const char *plain);
void trace_text_number(TraceText *text, unsigned long long number);

/* Adds the first `length` bytes of UTF-8 as a JSON string. Control characters become dots, and a character that is cut
 * off at the end is left out. */
void trace_text_string(TraceText *text, const char *string, size_t length);

#endif
