/* trace.cpp - the trace: what each step reports. */
#include "trace.h"
#include "address.h"
#include "console.h"
#include "keyboard.h"
#include "text.h"
#include "trace_event.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void trace_pause(void)
{
    if (!trace_on || !step_is_on()) return;
    step_begin();
    step_end();
}

/* ---- groups, accept ---- */

void trace_step(const char *format, ...)
{
    TraceEvent event;
    va_list args;

    if (!trace_on) return;
    va_start(args, format);
    trace_event_begin_args(&event, STEP, NULL, format, args);
    va_end(args);
    trace_event_tell(&event);
}

void trace_group_open(LPProactor proactor)
{
    TraceEvent event;

    if (!trace_on) return;
    trace_event_begin(&event, GROUP_OPEN, NULL, "_beginthreadex(): proactor %d, to wait for the 64 slots of group %d",
                      proactor->number, proactor->number);
    trace_event_number(&event, FIELD_GROUP, (unsigned long)proactor->number);
    trace_event_tell(&event);
}

void trace_group_end(LPProactor proactor)
{
    TraceEvent event;

    if (!trace_on) return;
    trace_event_begin(&event, GROUP_END, NULL, "WaitForSingleObject() -> proactor %d has ended", proactor->number);
    trace_event_number(&event, FIELD_GROUP, (unsigned long)proactor->number);
    trace_event_tell(&event);
}

void trace_accept_begin(void)
{
    if (trace_on) trace_event_tell_line(WAIT_BEGIN, NULL, "accept() ...");
}

void trace_accept_end(int error)
{
    if (!trace_on) return;
    if (error) {
        trace_event_tell_line(WAIT_END, NULL, "-> INVALID_SOCKET (%d)", error);
    } else {
        trace_event_tell_line(WAIT_END, NULL, "-> a client's socket");
    }
}

/* ---- sessions ---- */

void trace_session_new(LPSession session)
{
    char from[ADDRESS_BYTES];
    TraceEvent event;

    if (!trace_on) return;
    address_text(&session->caddr, from, sizeof from);
    trace_event_begin(&event, SESSION_NEW, session, "WSACreateEvent() -> its event; session for %s, %s", from,
                      session->handler->name);
    trace_event_text(&event, FIELD_FROM, from);
    trace_event_text(&event, FIELD_HANDLER, session->handler->name);
    trace_event_tell(&event);
}

/* Adds the place in the arrays that the session has or had: the group and the slot in it. */
static void event_place(TraceEvent *event, const Proactor *proactor, int index)
{
    trace_event_number(event, FIELD_GROUP, (unsigned long)proactor->number);
    trace_event_number(event, FIELD_SLOT, (unsigned long)(index - proactor->first));
    event->changed[0] = proactor;
}

void trace_session_in(LPSession session, int index)
{
    TraceEvent event;

    if (!trace_on) return;
    trace_event_begin(&event, SESSION_IN, session, "s_arr[%d] = #%lu, e_arr[%d] = its event: group %d", index,
                      session->id, index, session->proactor->number);
    event_place(&event, session->proactor, index);
    trace_event_tell(&event);
}

void trace_session_out(LPSession session, int index)
{
    const Proactor *proactor = session->proactor;
    TraceEvent event;

    if (!trace_on) return;
    trace_event_begin(&event, SESSION_OUT, session, "the session is freed; s_arr[%d], e_arr[%d]: %s", index, index,
                      index < proactor->first + SLOT_FIRST + proactor->noc ? "the last moves here" : "empty");
    event_place(&event, proactor, index);
    trace_event_tell(&event);
}

void trace_session_moved(LPSession session, LPProactor from, int index, int to_index)
{
    const Proactor *to = session->proactor;
    TraceEvent event;

    if (!trace_on) return;
    trace_event_begin(&event, SESSION_MOVED, session, "migrates to group %d, which has fewer active sessions",
                      to->number);
    event_place(&event, from, index);
    trace_event_number(&event, FIELD_TO_GROUP, (unsigned long)to->number);
    trace_event_number(&event, FIELD_TO_SLOT, (unsigned long)(to_index - to->first));
    event.changed[1] = to;
    trace_event_tell(&event);
}

void trace_said(LPSession session, unsigned long number)
{
    TraceEvent event;

    if (!trace_on) return;
    trace_event_begin(&event, SAID, session, "message %lu is in the log", number);
    trace_event_number(&event, FIELD_MESSAGE, number);
    trace_event_tell(&event);
}

void trace_taken(LPSession session, unsigned long first, unsigned long last)
{
    TraceEvent event;

    if (!trace_on) return;
    trace_event_begin(&event, TAKEN, session, first == last ? "takes message %lu" : "takes messages %lu to %lu", first,
                      last);
    trace_event_number(&event, FIELD_MESSAGE, first);
    if (first != last) trace_event_number(&event, FIELD_LAST, last);
    trace_event_tell(&event);
}

void trace_handler_begin(LPSession session, const char *format, ...)
{
    char call[64];
    va_list args;

    if (!trace_on) return;
    va_start(args, format);
    vsnprintf(call, sizeof call, format, args);
    va_end(args);
    trace_event_tell_line(HANDLER_BEGIN, session, "%s_%s", session->handler->name, call);
}

void trace_handler_end(LPSession session)
{
    if (trace_on) trace_event_tell_line(HANDLER_END, session, NULL);
}

void trace_cancelled(LPSession session, bool pending)
{
    if (!trace_on) return;
    trace_event_tell_line(STEP, session, "CancelIoEx() -> %s",
                          pending ? "TRUE: what is pending will end soon" : "FALSE: it is complete already");
}

void trace_half_closed(LPSession session)
{
    if (!trace_on) return;
    trace_event_tell_line(HALF_CLOSED, session, "shutdown(SD_SEND) -> 0: half-closed, the client sees the end");
}

void trace_closed(LPSession session, int result)
{
    if (trace_on) trace_event_tell_line(SOCKET_CLOSED, session, "closesocket() -> %d", result);
}

/* ---- operations ---- */

/* Returns the session's index in s_arr, which is also its event's index in e_arr. */
static int session_index(LPSession session)
{
    int index = session->proactor->first + SLOT_FIRST;

    while (session->server->s_arr[index] != session) index++;
    return index;
}

static void operation_call(LPSession session, bool is_send, ULONG bytes, char *call, size_t size)
{
    const WSABUF *first = &session->swsa[0];

    if (!is_send) {
        snprintf(call, size, "WSARecv(len=%lu)", (unsigned long)bytes);
    } else {
        snprintf(call, size, "WSASend(%lu bytes%s)", (unsigned long)bytes,
                 first[0].len && first[1].len ? " in 2 WSABUFs" : "");
    }
}

void trace_posted(LPSession session, LPWSAOVERLAPPED overlapped, int error)
{
    static const TraceStep steps[2][4] = { { STEP, STEP, RECV_PENDING, RECV_AT_ONCE },
                                           { STEP, STEP, SEND_PENDING, SEND_AT_ONCE } };
    bool is_send = overlapped == &session->sover;
    const WSABUF *first = &session->swsa[session->swsa[0].len == 0];
    ULONG bytes = is_send ? session->swsa[0].len + session->swsa[1].len : session->rwsa.len;
    Operation operation = is_send ? session->sending : session->receiving;
    char call[48], outcome[64] = "0: finished at once", preview[PREVIEW_BYTES];
    TraceEvent event;

    if (!trace_on) return;
    operation_call(session, is_send, bytes, call, sizeof call);
    if (operation == IDLE) snprintf(outcome, sizeof outcome, "SOCKET_ERROR, %s (%d)", error_name(error), error);
    if (operation == PENDING) {
        snprintf(outcome, sizeof outcome, "WSA_IO_PENDING (997): posted, will signal e_arr[%d]",
                 is_send ? session->proactor->first + SLOT_SEND : session_index(session));
    }
    trace_event_begin(&event, steps[is_send][operation], session, "%s -> %s", call, outcome);
    event.owner = session->proactor->number;
    if (is_send && operation != IDLE) {
        trace_event_number(&event, FIELD_BYTES, bytes);
        trace_event_text(&event, FIELD_PREVIEW, text_preview(preview, first->buf, first->len));
    }
    trace_event_tell(&event);
}

/* Records in the event what WSAGetOverlappedResult returned. */
static void result_begin(TraceEvent *event, LPSession session, TraceStep end, DWORD bytes, int error)
{
    if (error && session->phase == CLOSED) {
        trace_event_begin(event, end, session, "canceled, and complete at last");
        trace_event_text(event, FIELD_ERROR, "canceled");
    } else if (error) {
        trace_event_begin(event, end, session, "WSAGetOverlappedResult -> FALSE, %s (%d)", error_name(error), error);
        trace_event_text(event, FIELD_ERROR, error_name(error));
    } else {
        trace_event_begin(event, end, session, "WSAGetOverlappedResult -> TRUE, %lu bytes%s", (unsigned long)bytes,
                          end == SEND_END ? " sent"
                          : bytes         ? ""
                                          : ": the client will send no more");
        trace_event_number(event, FIELD_BYTES, bytes);
    }
}

void trace_result(LPSession session, LPWSAOVERLAPPED overlapped, DWORD bytes, int error)
{
    TraceStep end = overlapped == &session->over ? RECV_END : SEND_END;
    char preview[PREVIEW_BYTES];
    TraceEvent event;

    if (!trace_on) return;
    if (trace_self()) trace_self()->completions++;
    result_begin(&event, session, end, bytes, error);
    event.owner = session->proactor->number;
    if (!error && end == RECV_END)
        trace_event_text(&event, FIELD_PREVIEW, text_preview(preview, session->rwsa.buf, bytes));
    trace_event_tell(&event);
}

/* ---- waits, reported by the group's own thread ---- */

void trace_wake_set(LPProactor proactor)
{
    TraceEvent event;

    if (!trace_on) return;
    trace_event_begin(&event, WAKE_SET, NULL, "WSASetEvent(e_arr[%d]): it wakes proactor %d",
                      proactor->first + SLOT_WAKE, proactor->number);
    trace_event_number(&event, FIELD_GROUP, (unsigned long)proactor->number);
    trace_event_tell(&event);
}

static void event_reset(const Proactor *proactor, int index, LPSession session, const char *why)
{
    TraceEvent event;

    trace_event_begin(&event, EVENT_RESET, session, "WSAResetEvent(e_arr[%d]): %s", index, why);
    trace_event_number(&event, FIELD_SLOT, (unsigned long)(index - proactor->first));
    trace_event_tell(&event);
}

void trace_event_reset(LPProactor proactor, int slot)
{
    if (trace_on) event_reset(proactor, proactor->first + slot, NULL, "first reset, then look");
}

void trace_session_reset(LPSession session)
{
    if (!trace_on) return;
    event_reset(session->proactor, session_index(session), session, "nothing is pending that could set it");
}

void trace_wait_begin(LPProactor proactor, int slot, DWORD count)
{
    int first = proactor->first + slot;
    TraceEvent event;

    if (!trace_on) return;
    trace_event_begin(&event, WAIT_BEGIN, NULL, "WSAWaitForMultipleEvents(%lu event%s: e_arr[%d] to e_arr[%d]) ...",
                      (unsigned long)count, text_plural((int)count), first, first + (int)count - 1);
    trace_event_number(&event, FIELD_FIRST, (unsigned long)slot);
    trace_event_number(&event, FIELD_COUNT, count);
    trace_event_tell(&event);
}

/* Asks for the state of each event: "0101". A wait of 0 ms does not change it, and returns the lowest index that is
 * signaled ("WSAWaitForMultipleEvents function"), so there is one call more than there are signaled events. */
static void wait_states(LPProactor proactor, char states[GROUP_SLOTS + 1])
{
    const WSAEVENT *e_arr = &proactor->server->e_arr[proactor->first];
    DWORD slots = (DWORD)(SLOT_FIRST + proactor->seen), slot = 0;

    memset(states, '0', slots);
    states[slots] = '\0';
    while (slot < slots) {
        DWORD result = WSAWaitForMultipleEvents(slots - slot, &e_arr[slot], FALSE, 0, FALSE);
        if (result >= WSA_WAIT_EVENT_0 + slots - slot) break; /* none of the rest */
        slot += result - WSA_WAIT_EVENT_0;
        states[slot++] = '1';
    }
}

/* Draws the group. If there are many slots, draws only the first ones and the one that was returned. */
static void wait_draw(LPProactor proactor, int returned, const char *states)
{
    enum { FEW = 6, ROOM = 34 };
    LPSession *s_arr = &proactor->server->s_arr[proactor->first];
    int used = 0, slots = SLOT_FIRST + proactor->seen, left_out = 0;
    char line[TRACE_LINE], name[16] = "send";

    for (int slot = 0; slot < slots; slot++) {
        if (slots > FEW && used > ROOM && slot != returned && ++left_out) continue;
        if (slot == SLOT_WAKE) strcpy(name, "wake");
        if (slot >= SLOT_FIRST) snprintf(name, sizeof name, "#%lu", s_arr[slot]->id);
        used += snprintf(line + used, sizeof line - (size_t)used, "[%d %s %c] ", proactor->first + slot, name,
                         slot == returned      ? '>'
                         : states[slot] == '1' ? '*'
                                               : ' ');
    }
    if (left_out) snprintf(line + used, sizeof line - (size_t)used, "and %d more", left_out);
    trace_event_tell_line(GROUP_DRAWN, NULL, "%s%s", line, slots < FEW ? "  * signaled, > returned" : "");
}

void trace_wait_end(LPProactor proactor, int slot, DWORD result)
{
    char states[GROUP_SLOTS + 1], name[48] = "the wake event: there is work";
    int index = proactor->first + slot;
    LPSession session = slot < SLOT_FIRST ? NULL : proactor->server->s_arr[index];
    TraceEvent event;

    if (!trace_on) return;
    wait_states(proactor, states);
    if (slot == SLOT_SEND) strcpy(name, "the send event: a send is done");
    if (session) snprintf(name, sizeof name, "so s_arr[%d]: #%lu", index, session->id);
    trace_event_begin(&event, WAIT_END, session, "-> WSA_WAIT_EVENT_0 + %lu: e_arr[%d], %s",
                      (unsigned long)(result - WSA_WAIT_EVENT_0), index, name);
    trace_event_number(&event, FIELD_SLOT, (unsigned long)slot);
    trace_event_text(&event, FIELD_EVENTS, states);
    trace_event_tell(&event);
    wait_draw(proactor, slot, states);
}

void trace_wait_timeout(void)
{
    if (trace_on)
        trace_event_tell_line(WAIT_END, NULL, "-> WSA_WAIT_TIMEOUT: no event is signaled; time for the regular checks");
}

void trace_wait_failed(int error)
{
    if (trace_on) trace_event_tell_line(WAIT_END, NULL, "-> WSA_WAIT_FAILED, %s (%d)", error_name(error), error);
}

void trace_sweep_begin(void)
{
    if (!trace_on) return;
    if (trace_self()) trace_self()->completions = 0;
    trace_event_tell_line(SWEEP_BEGIN, NULL, NULL);
}

void trace_sweep_end(int sessions)
{
    int completions;

    if (!trace_on) return;
    completions = trace_self() ? trace_self()->completions : 0;
    if (completions) {
        trace_event_tell_line(SWEEP_END, NULL, "sweep: %d session%s, %d completion%s", sessions, text_plural(sessions),
                              completions, text_plural(completions));
    } else {
        trace_event_tell_line(SWEEP_END, NULL, NULL);
    }
}
