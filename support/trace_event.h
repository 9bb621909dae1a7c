/* trace_event.h - one step, as trace.cpp reports it: its line and its fields. Only for support/trace*.cpp. */
#ifndef TRACE_EVENT_H
#define TRACE_EVENT_H

#include "trace.h"

#include <stdarg.h>

/* The fields that an event can have besides its step, in the order in which the file has them. */
#define TRACE_FIELDS(X)                                                                                                \
    X(FROM, "from")                                                                                                    \
    X(HANDLER, "handler")                                                                                              \
    X(GROUP, "group")                                                                                                  \
    X(FIRST, "first")                                                                                                  \
    X(COUNT, "count")                                                                                                  \
    X(SLOT, "slot")                                                                                                    \
    X(TO_GROUP, "to_group")                                                                                            \
    X(TO_SLOT, "to_slot")                                                                                              \
    X(EVENTS, "events")                                                                                                \
    X(BYTES, "bytes")                                                                                                  \
    X(PREVIEW, "preview")                                                                                              \
    X(ERROR, "error")                                                                                                  \
    X(MESSAGE, "message")                                                                                              \
    X(LAST, "last")

#define TRACE_FIELD(field, name) FIELD_##field,
typedef enum TraceField { TRACE_FIELDS(TRACE_FIELD) FIELD_COUNT_ } TraceField;
#undef TRACE_FIELD

enum {
    TRACE_LINE = 512,                               /* bytes of `call` with its NUL */
    TRACE_GROUPS = MAX_CLIENTS / GROUP_SESSIONS + 4 /* more than there can be; groups count from 1 */
};

/* One event. A field with a text is a string in the file; one without a text is the number, if `given`. The texts must
 * stay valid until trace_event_tell() returns. */
typedef struct TraceEvent {
    TraceStep step;
    int thread;                 /* 0: Main, n: the Proactor of group n */
    unsigned long session;      /* the id of the session that it is about; 0: none */
    const Proactor *changed[2]; /* groups whose slots it changes; NULL: none. cs is held then */
    int owner;                  /* the group of the operation's session */
    bool given[FIELD_COUNT_];
    unsigned long numbers[FIELD_COUNT_];
    const char *texts[FIELD_COUNT_];
    char call[TRACE_LINE]; /* the line: UTF-8 without control characters; "": none */
} TraceEvent;

/* What the trace knows about a thread that called trace_thread(). */
typedef struct TraceThread {
    int number;
    int completions; /* since its sweep began */
} TraceThread;

extern bool trace_on; /* set before other threads start */

/* Returns what the trace knows about the calling thread, or NULL if it never called trace_thread(). */
TraceThread *trace_self(void);

/* Begins an event with its line, which a NULL format leaves empty; one that is too long is cut at a character's end.
 * `session` may be NULL. */
void trace_event_begin(TraceEvent *event, TraceStep step, LPSession session, const char *format, ...);
void trace_event_begin_args(TraceEvent *event, TraceStep step, LPSession session, const char *format, va_list args);

/* Gives the event a field. */
void trace_event_number(TraceEvent *event, TraceField field, unsigned long number);
void trace_event_text(TraceEvent *event, TraceField field, const char *text);

/* Stamps the event with the time, prints it, and adds it to the file. With --step or --slow it then waits, unless the
 * step is one that is recorded while cs is held. */
void trace_event_tell(const TraceEvent *event);

/* Does the same for an event without fields. */
void trace_event_tell_line(TraceStep step, LPSession session, const char *format, ...);

#endif
