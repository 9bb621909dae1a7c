/* trace.h - shows the model at work. */
#ifndef TRACE_H
#define TRACE_H

#include "options.h"

/* The steps, as docs/replay.html describes them: the step's name in the trace file; its phase there, 'B'egin, 'E'nd or
 * 'i'nstant; whose lane it is in; its color on the console. Bars of one lane never overlap. */
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

/* Opens the trace: lines on stdout with --trace, the file of --trace-file. Main only, before any other function here.
 * Returns false, with the reason logged, when the file cannot be written. */
bool trace_open(const Options *options);

/* Ends the trace. Main only, when no other thread traces anymore. Returns false when the file is not complete. */
bool trace_close(void);

/* All functions below report one step, and do nothing when tracing is off. A step is attributed to the thread that
 * calls the function. Any thread, cs not held unless noted; with --step or --slow they wait. */

/* Names the calling thread: 0 is Main, n the Proactor of group n. A thread that never calls it is shown by its id. */
void trace_thread(int number);

/* Reports a step of the server's start or stop, as one line. */
void trace_step(const char *format, ...);

void trace_group_open(LPProactor proactor);
void trace_group_end(LPProactor proactor);

void trace_accept_begin(void);
void trace_accept_end(int error); /* 0, or why there is no client */

void trace_session_new(LPSession session);

/* The next three are called with cs held, so that the trace shows the changes to the arrays in order. They never wait;
 * trace_pause() does that for them after cs is released. `index` is the session's place in s_arr. */
void trace_session_in(LPSession session, int index);
void trace_session_out(LPSession session, int index);
void trace_session_moved(LPSession session, LPProactor from, int index, int to_index);

/* Likewise: message `number` is written to the room's ring buffer, by the operator if `session` is NULL; the messages
 * `first` to `last` are read from it. */
void trace_said(LPSession session, unsigned long number);
void trace_taken(LPSession session, unsigned long first, unsigned long last);

/* Waits as the others do, for the steps that were reported while cs was held. */
void trace_pause(void);

/* Report the beginning and the end of a call to the session's handler: "echo_received(12 bytes)". The format is for the
 * text after the handler's name and "_". */
void trace_handler_begin(LPSession session, const char *format, ...);
void trace_handler_end(LPSession session);

/* Reports the outcome of the WSARecv or WSASend that was posted with `overlapped`; `error` is WSAGetLastError() if it
 * failed. */
void trace_posted(LPSession session, LPWSAOVERLAPPED overlapped, int error);

/* Reports what WSAGetOverlappedResult returned for it: `bytes`, or why it failed. */
void trace_result(LPSession session, LPWSAOVERLAPPED overlapped, DWORD bytes, int error);

void trace_cancelled(LPSession session, bool pending);
void trace_half_closed(LPSession session);
void trace_closed(LPSession session, int result);

/* The rest is called by the group's own thread, except trace_wake_set(), which the waking thread calls. */
void trace_wake_set(LPProactor proactor);
void trace_event_reset(LPProactor proactor, int slot); /* one of the group's own events */
void trace_session_reset(LPSession session);           /* a session's event */
void trace_wait_begin(LPProactor proactor, int slot, DWORD count);

/* Reports that the wait returned `result`, which is this slot of the group, and draws the group as it is. */
void trace_wait_end(LPProactor proactor, int slot, DWORD result);
void trace_wait_timeout(void);
void trace_wait_failed(int error);
void trace_sweep_begin(void);
void trace_sweep_end(int sessions);

#endif
