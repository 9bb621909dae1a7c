/* trace.h - shows the model at work. */
#ifndef TRACE_H
#define TRACE_H

#include "options.h"

/* The steps, as docs/replay.html describes them: the step's name in the trace file; its phase there, 'B'egin, 'E'nd or
 * 'i'nstant; whose lane it is in; its colour on the console. Bars of one lane never overlap. */
#define TRACE_STEPS(X)                                                                                                 \
    X(STEP, "step", 'i', OF_THREAD, TRACE_PLAIN)                                                                       \
    X(GROUP_OPEN, "group_open", 'i', OF_THREAD, TRACE_PLAIN)                                                           \
    X(GROUP_END, "group_end", 'i', OF_THREAD, TRACE_PLAIN)                                                             \
    X(SESSION_NEW, "session_new", 'i', OF_THREAD, TRACE_PLAIN)                                                         \
    X(SESSION_IN, "session_in", 'i', OF_THREAD, TRACE_PLAIN)                                                           \
    X(SESSION_MOVED, "session_moved", 'i', OF_THREAD, TRACE_PLAIN)                                                     \
    X(SESSION_OUT, "session_out", 'i', OF_THREAD, TRACE_PLAIN)                                                         \
    X(WAKE_SET, "wake_set", 'i', OF_THREAD, TRACE_PLAIN)                                                               \
    X(EVENT_RESET, "event_reset", 'i', OF_THREAD, TRACE_PLAIN)                                                         \
    X(WAIT_BEGIN, "wait_begin", 'B', OF_THREAD, TRACE_WAIT)                                                            \
    X(WAIT_END, "wait_end", 'E', OF_THREAD, TRACE_WAIT)                                                                \
    X(GROUP_DRAWN, "", ' ', OF_THREAD, TRACE_WAIT)                                                                     \
    X(SWEEP_BEGIN, "sweep_begin", 'B', OF_THREAD, TRACE_PLAIN)                                                         \
    X(SWEEP_END, "sweep_end", 'E', OF_THREAD, TRACE_PLAIN)                                                             \
    X(HANDLER_BEGIN, "handler_begin", 'B', OF_THREAD, TRACE_HANDLER)                                                   \
    X(HANDLER_END, "handler_end", 'E', OF_THREAD, TRACE_PLAIN)                                                         \
    X(RECV_PENDING, "recv_pending", 'B', OF_RECEIVE, TRACE_PENDING)                                                    \
    X(RECV_AT_ONCE, "recv_at_once", 'B', OF_RECEIVE, TRACE_DONE)                                                       \
    X(RECV_END, "recv_end", 'E', OF_RECEIVE, TRACE_DONE)                                                               \
    X(SEND_PENDING, "send_pending", 'B', OF_SEND, TRACE_PENDING)                                                       \
    X(SEND_AT_ONCE, "send_at_once", 'B', OF_SEND, TRACE_DONE)                                                          \
    X(SEND_END, "send_end", 'E', OF_SEND, TRACE_DONE)                                                                  \
    X(HALF_CLOSED, "half_closed", 'i', OF_THREAD, TRACE_PLAIN)                                                         \
    X(SOCKET_CLOSED, "closed", 'i', OF_THREAD, TRACE_PLAIN)                                                            \
    X(SAID, "said", 'i', OF_THREAD, TRACE_PLAIN)                                                                       \
    X(TAKEN, "taken", 'i', OF_THREAD, TRACE_PLAIN)

enum { OF_THREAD, OF_RECEIVE, OF_SEND };

/* The bits of FOREGROUND_...: the low digit is for a dark background, the high one for a light background. */
enum { TRACE_PLAIN, TRACE_WAIT = 0x1B, TRACE_PENDING = 0x4E, TRACE_DONE = 0x5A, TRACE_HANDLER = 0x0F };

#define TRACE_STEP(step, name, phase, lane, color) step,
typedef enum TraceStep { TRACE_STEPS(TRACE_STEP) TRACE_STEP_COUNT } TraceStep;
#undef TRACE_STEP

extern bool trace_on;

/* With tracing off a step costs one branch. */
#define TRACE(...)                                                                                                     \
    do {                                                                                                               \
        if (trace_on) trace(__VA_ARGS__);                                                                              \
    } while (0)

/* Tells one step: with --trace as a line on stdout, unless `format` is NULL; with --trace-file as an event of the file.
 * Behind the line the format may have fields for the file alone: "line\tslot=%d\tfrom:%s" ("=" a number, ":" text; a
 * preview comes last, and is shown behind the line). `proactor` is the calling thread, NULL for Main; `session` may be
 * NULL. Any thread. With --step or --slow it waits, except for SESSION_IN, _MOVED, _OUT, SAID and TAKEN: these are told
 * while cs is held, all others while it is not. */
void trace(TraceStep step, LPProactor proactor, LPSession session, const char *format, ...);

/* Waits as trace() does, for the line that was told while cs was held. Any thread, cs not held. */
void trace_pause(void);

/* The rest only with tracing on, owner thread only, cs not held. */

/* Tells what became of the WSARecv or WSASend that was posted with `overlapped`; `error` is WSAGetLastError() if it
 * failed. */
void trace_posted(LPSession session, LPWSAOVERLAPPED overlapped, int error);

/* Tells that the wait returned `result`, which is this slot of the group, and draws the group as it is. */
void trace_wait(LPProactor proactor, int slot, DWORD result);

bool trace_open(const Options *options);
bool trace_close(void);
void trace_skip(void);

#endif
