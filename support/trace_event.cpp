/* trace_event.cpp - writes a step: a line on the console and an event in the trace file. */
#include "trace_event.h"
#include "console.h"
#include "keyboard.h"
#include "text.h"
#include "trace_file.h"

#include <stdio.h>
#include <string.h>

enum {
    TRACE_COLUMNS = 99,    /* of a line on a console: at 100 the console moves the cursor to the next line */
    OTHER_THREAD = 1000000 /* added to the id of a thread that has no number */
};

bool trace_on;
static bool trace_lines; /* set before other threads start */
static SRWLOCK trace_lock =
    SRWLOCK_INIT; /* keeps steps in the order in which they happened; cs is never taken under it */
static LARGE_INTEGER trace_start, trace_frequency;

/* ---- the thread that makes a step ---- */

static DWORD trace_tls = TLS_OUT_OF_INDEXES;
static TraceThread trace_threads[TRACE_GROUPS];

void trace_thread(int number)
{
    if (!trace_on) return;
    trace_threads[number].number = number;
    TlsSetValue(trace_tls, &trace_threads[number]);
}

TraceThread *trace_self(void)
{
    return (TraceThread *)TlsGetValue(trace_tls);
}

/* ---- an event: begun, given its fields, reported ---- */

void trace_event_begin_args(TraceEvent *event, TraceStep step, LPSession session, const char *format, va_list args)
{
    const TraceThread *self = trace_self();
    int length = 0;

    ZeroMemory(event, offsetof(TraceEvent, call));
    event->step = step;
    event->thread = self ? self->number : OTHER_THREAD + (int)GetCurrentThreadId();
    event->session = session ? session->id : 0;
    event->call[0] = '\0';
    if (format) length = vsnprintf(event->call, sizeof event->call, format, args);
    if (length < 0) event->call[0] = '\0';
    if (length >= (int)sizeof event->call)
        event->call[text_complete(CP_UTF8, event->call, sizeof event->call - 1)] = '\0';
}

void trace_event_begin(TraceEvent *event, TraceStep step, LPSession session, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    trace_event_begin_args(event, step, session, format, args);
    va_end(args);
}

void trace_event_number(TraceEvent *event, TraceField field, unsigned long number)
{
    event->given[field] = true;
    event->numbers[field] = number;
}

void trace_event_text(TraceEvent *event, TraceField field, const char *text)
{
    event->given[field] = true;
    event->texts[field] = text;
}

#define TRACE_COLOR(step, name, phase, lane, color) color,
static const int trace_colors[TRACE_STEP_COUNT] = { TRACE_STEPS(TRACE_COLOR) };
#undef TRACE_COLOR

/* Prints the event's line, cut to fit on a console. */
static void event_print(const TraceEvent *event, unsigned long long now)
{
    char line[2 * TRACE_LINE], thread[24] = "main", client[16] = "";
    const char *preview = event->texts[FIELD_PREVIEW];
    int length;

    if (event->thread >= OTHER_THREAD) {
        snprintf(thread, sizeof thread, "thread %d", event->thread - OTHER_THREAD);
    } else if (event->thread) {
        snprintf(thread, sizeof thread, "proactor %d", event->thread);
    }
    if (event->session) snprintf(client, sizeof client, "#%lu", event->session);
    if (event->step == GROUP_DRAWN) strcpy(client, "e_arr");
    if (preview && !*preview) preview = NULL;
    length = snprintf(line, sizeof line - 1, "%9llu %-11s %-5s %s%s%s%s%s", now, thread, client,
                      event->step == HANDLER_BEGIN ? "handler: " : "", event->call, preview ? " \"" : "",
                      preview ? preview : "", preview ? "\"" : "");
    if (length > (int)sizeof line - 2) length = (int)sizeof line - 2;
    if (console_is_screen()) length = (int)text_truncate(line, (ULONG)length, TRACE_COLUMNS);
    strcpy(line + length, "\n");
    console_put(STD_OUTPUT_HANDLE, (WORD)trace_colors[event->step], line);
}

/* Returns true for steps recorded while cs is held, which must not wait. */
static bool step_is_under_cs(TraceStep step)
{
    return step == SESSION_IN || step == SESSION_MOVED || step == SESSION_OUT || step == SAID || step == TAKEN;
}

void trace_event_tell(const TraceEvent *event)
{
    bool waits = *event->call && step_is_on() && !step_is_under_cs(event->step);
    bool in_file = event->step != GROUP_DRAWN && trace_file_is_open();
    TraceText text;
    unsigned long long now;
    LARGE_INTEGER counter;

    if (in_file) trace_file_format(&text, event);
    if (waits) step_begin();
    AcquireSRWLockExclusive(&trace_lock);
    QueryPerformanceCounter(&counter);
    now = (unsigned long long)((counter.QuadPart - trace_start.QuadPart) * 1000000 / trace_frequency.QuadPart);
    if (trace_lines && *event->call) event_print(event, now);
    if (in_file) trace_file_add(event, &text, now);
    ReleaseSRWLockExclusive(&trace_lock);
    if (waits) step_end();
}

void trace_event_tell_line(TraceStep step, LPSession session, const char *format, ...)
{
    TraceEvent event;
    va_list args;

    va_start(args, format);
    trace_event_begin_args(&event, step, session, format, args);
    va_end(args);
    trace_event_tell(&event);
}

/* ---- opening and closing ---- */

bool trace_open(const Options *options)
{
    QueryPerformanceFrequency(&trace_frequency);
    QueryPerformanceCounter(&trace_start);
    trace_lines = options->trace;
    if (options->trace_file && !trace_file_open(options->trace_file)) return false;
    if (trace_lines) console_put(STD_OUTPUT_HANDLE, 0, "       us thread      client what happens\n");
    if (!step_open(options)) return false;
    if (!trace_lines && !options->trace_file) return true;
    trace_tls = TlsAlloc();
    if (trace_tls == TLS_OUT_OF_INDEXES) {
        log_error((int)GetLastError(), "TlsAlloc failed");
        return false;
    }
    trace_on = true;
    trace_thread(0);
    return true;
}

bool trace_close(void)
{
    trace_on = false;
    if (trace_tls != TLS_OUT_OF_INDEXES) TlsFree(trace_tls);
    trace_tls = TLS_OUT_OF_INDEXES;
    return trace_file_close();
}
