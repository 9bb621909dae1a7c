/* Proactor.cpp - the heart of Overlapped I/O Model-I, and all of a session's and a group's life: operations are posted
 * and return at once, a thread waits for their events, asks for the results and hands them to the session's handler.
 *
 * A Proactor owns one group of 64 slots of s_arr and e_arr and all sessions in it. Only its thread posts operations
 * on them: Windows cancels a thread's pending operations when that thread ends, and with one owner a session needs no
 * lock. Nothing here knows what the bytes mean; that is the handler's. */
#include "Overlapped.h"
#include "support/balance.h"
#include "support/buffer.h"
#include "support/console.h"
#include "support/text.h"
#include "support/trace.h"

#include <assert.h>
#include <process.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PROACTOR_STACK = 256 * 1024, /* bytes reserved; the default of 1 MiB would cost 10,000 clients 160 MiB */
    FAILED_PAUSE_MS = 10,        /* after a wait that failed */
    REVIEW_MS = 500,             /* a session that receives nothing for so long is not busy any more */
    NO_INDEX = -1
};

/* Calls one of the handler's functions, named in `call` for the trace. */
static void session_call(LPSession session, void (*function)(LPSession), const char *call)
{
    trace_handler_begin(session, "%s", call);
    function(session);
    trace_handler_end(session);
}

int session_index(LPSession session)
{
    int index = session->proactor->first + SLOT_FIRST;

    while (session->server->s_arr[index] != session) index++;
    return index;
}

/* ---- posting operations ---- */

/* Grows rbuf after a receive that filled it, so that bulk is fast, and shrinks it after one that a smaller rbuf would
 * have held, so that quiet sessions are cheap. If there is no memory to grow, rbuf stays as it is. */
static void rbuf_fit(LPSession session)
{
    ULONG size = RBUF_MIN;

    if (session->received > 0 && session->received == session->rwsa.len) {
        if (session->rsize < RBUF_MAX) buffer_resize(&session->rbuf, &session->rsize, RBUF_MAX);
    } else if (session->received < RBUF_MIN) {
        while (size < 2 * session->kept) size *= 2; /* as much room again as the handler keeps */
        if (size < session->rsize) buffer_resize(&session->rbuf, &session->rsize, size);
    }
}

/* What became of a WSARecv or WSASend: 0, and SOCKET_ERROR with WSA_IO_PENDING, are both good news. */
static Operation operation_posted(int result, int *error)
{
    *error = result == SOCKET_ERROR ? WSAGetLastError() : 0;
    return *error == 0 ? DONE : *error == WSA_IO_PENDING ? PENDING : IDLE;
}

/* Is it over? HasOverlappedIoCompleted is a look into the OVERLAPPED, not a system call, and may be used only after
 * WSA_IO_PENDING ("HasOverlappedIoCompleted macro"). */
static bool operation_finished(Operation operation, LPWSAOVERLAPPED overlapped)
{
    return operation == DONE || (operation == PENDING && HasOverlappedIoCompleted(overlapped));
}

/* Posts the receive that the handler wanted, behind the `kept` bytes. */
static void recv_post(LPSession session)
{
    DWORD flags = 0;
    int error;

    assert(session->receiving == IDLE || session->receiving == DEFERRED);
    session->receiving = IDLE;
    rbuf_fit(session);
    if (session->kept + 1 >= session->rsize) { /* no memory to grow; and to receive 0 bytes looks like an end */
        session_close(session, "out of memory", 0);
        return;
    }
    ZeroMemory(&session->over, sizeof session->over);
    session->over.hEvent = session->hevent;
    session->rwsa.buf = session->rbuf + session->kept;
    session->rwsa.len = session->rsize - 1 - session->kept; /* one byte is left for a NUL */

    /* The byte count is asked for later, of WSAGetOverlappedResult; "WSARecv function" advises NULL here. */
    session->receiving =
        operation_posted(WSARecv(session->sock, &session->rwsa, 1, NULL, &flags, &session->over, NULL), &error);
    session->proactor->more_work = true;
    trace_posted(session, &session->over, error);
    if (session->receiving == IDLE) session_close(session, "WSARecv", error);
}

/* Posts what is left of swsa. All sends of a group share one event, though "WSASend function" wants an event for each
 * operation: the next post resets it, and so may hide that another send is complete. It is right here only because
 * every post, even one that fails, is followed by another sweep, and a sweep looks at every OVERLAPPED. */
static void send_post(LPSession session)
{
    DWORD first = session->swsa[0].len == 0, count = 2 - first - (session->swsa[1].len == 0);
    int error;

    assert(!session->sending && count > 0);
    ZeroMemory(&session->sover, sizeof session->sover);
    session->sover.hEvent = session->server->e_arr[session->proactor->first + SLOT_SEND];
    session->sending =
        operation_posted(WSASend(session->sock, &session->swsa[first], count, NULL, 0, &session->sover, NULL), &error);
    session->proactor->more_work = true;
    trace_posted(session, &session->sover, error);
    if (session->sending == IDLE) session_close(session, "WSASend", error);
}

void session_recv(LPSession session, ULONG kept)
{
    if (session->phase != OPEN || session->receiving) return;
    session->kept = kept;
    if (session->activity != QUIET && balance_overloaded(session->proactor)) {
        session->receiving = DEFERRED;
    } else {
        recv_post(session);
    }
}

void session_send(LPSession session)
{
    if (session->phase == OPEN) send_post(session);
}

/* ---- the end of a session ---- */

void session_close(LPSession session, const char *why, int error)
{
    int result;

    if (session->phase == CLOSED) return;
    if (!session->why) {
        session->why = why;
        session->error = error;
    }
    session->phase = CLOSED;
    if (session->receiving == DEFERRED) session->receiving = IDLE;
    session->deadline = 0;
    /* Windows cancels what is pending when the socket is closed; Wine may leave a send pending for ever. */
    if (session->receiving || session->sending) {
        bool pending = CancelIoEx((HANDLE)session->sock, NULL);
        trace_cancelled(session, pending);
    }
    result = closesocket(session->sock);
    trace_closed(session, result);
}

void session_finish(LPSession session, const char *why)
{
    if (session->phase != OPEN) return;
    session->why = why;
    session->phase = FINISHING;
    if (session->receiving == DEFERRED) session->receiving = IDLE;
    session->kept = 0;
    session->deadline = GetTickCount64() + FINISH_MS;
    session->proactor->more_work = true;
}

/* Closing while received bytes lie unread would make Windows reset the connection, and the reset can destroy what
 * the client has not read yet. So: half-close, read until the client has closed too, then close. */
static bool session_shutdown(LPSession session)
{
    if ((session->phase != FINISHING && session->phase != LINGERING) || session->sending) return false;
    if (session->eof) {
        session_close(session, NULL, 0);
        return true;
    }
    if (session->phase == LINGERING) return false;
    if (shutdown(session->sock, SD_SEND) == SOCKET_ERROR) {
        session_close(session, "shutdown", WSAGetLastError());
        return true;
    }
    trace_half_closed(session);
    session->phase = LINGERING;
    if (!session->receiving) recv_post(session);
    return true;
}

/* ---- completions ---- */

/* Takes the result of a finished operation: 0, or the error that it ended with. */
static int session_result(LPSession session, LPWSAOVERLAPPED overlapped, DWORD *bytes)
{
    DWORD flags = 0;
    int error = 0;

    if (session->phase == CLOSED) { /* its socket is gone, and cannot be asked any more */
        error = WSA_OPERATION_ABORTED;
    } else if (!WSAGetOverlappedResult(session->sock, overlapped, bytes, FALSE, &flags)) {
        error = WSAGetLastError();
    }
    trace_result(session, overlapped, *bytes, error);
    return error;
}

static void session_set_activity(LPSession session, Activity activity);
static void proactor_review_later(LPProactor proactor);

/* Hands what came to the handler. */
static void session_deliver(LPSession session, ULONG bytes)
{
    session->in += bytes;
    session->received = bytes;
    session->rwsa.buf[bytes] = '\0';
    if (bytes) {
        session_set_activity(session, ACTIVE);
        proactor_review_later(session->proactor);
    }
    trace_handler_begin(session, "received(%lu bytes)", bytes);
    session->handler->received(session, bytes);
    trace_handler_end(session);
}

static void session_received(LPSession session)
{
    DWORD bytes = 0;
    int error = session_result(session, &session->over, &bytes);

    session->receiving = IDLE;
    session->event_stale = true;
    session->eof = !error && bytes == 0;
    if (error) {
        session_close(session, "WSARecv", error);
    } else if (session->phase == OPEN) {
        session_deliver(session, bytes);
    } else if (session->phase == LINGERING && bytes > 0) {
        recv_post(session);
    }
}

/* Takes `bytes` sent off the front of swsa. */
static void swsa_advance(WSABUF swsa[2], ULONG bytes)
{
    for (int i = 0; i < 2; i++) {
        ULONG part = bytes < swsa[i].len ? bytes : swsa[i].len;
        swsa[i].buf += part;
        swsa[i].len -= part;
        bytes -= part;
    }
}

static void session_sent(LPSession session)
{
    DWORD bytes = 0;
    int error = session_result(session, &session->sover, &bytes);

    session->sending = IDLE;
    if (error) {
        session_close(session, "WSASend", error);
        return;
    }
    session->out += bytes;
    swsa_advance(session->swsa, bytes);
    if (session->swsa[0].len || session->swsa[1].len) {
        send_post(session); /* a short send goes on until all is out */
    } else if (session->phase == OPEN) {
        session_call(session, session->handler->sent, "sent()");
    }
}

/* ---- serving one session ---- */

/* Acts on the session's deadline, if it has come. */
static bool session_expire(LPSession session, ULONGLONG now)
{
    if (!session->deadline || now < session->deadline) return false;
    if (session->phase == OPEN) {
        session->deadline = 0;
        session_call(session, session->handler->notified, "notified(): its time has come");
    } else {
        session_close(session, NULL, 0);
    }
    return true;
}

/* Takes at most one finished send and one finished receive, so that nobody is served twice before all others were
 * served once. The send comes first. Then a session's answer goes out in one round and its next receive is posted in
 * the next; between the two all others are served, and by then many a client has written again, so that its receive
 * finishes at once, without a wait. */
static bool session_complete(LPSession session)
{
    bool done = false;

    if (operation_finished(session->sending, &session->sover)) {
        session_sent(session);
        done = true;
    }
    if (operation_finished(session->receiving, &session->over)) {
        session_received(session);
        done = true;
    }
    return done;
}

/* Does all that there is to do for one session now. */
static void session_serve(LPSession session)
{
    LPProactor proactor = session->proactor;
    bool done = false;

    if (session->phase == NEW) {
        session->phase = OPEN;
        session_call(session, session->handler->opened, "opened()");
        done = true;
    }
    if (session->receiving == DEFERRED) { /* it has migrated; that alone must not keep it from notified() */
        recv_post(session);
        proactor_review_later(proactor);
    }
    if (session_complete(session)) done = true;
    if (session_expire(session, proactor->now)) done = true;
    if (proactor->notify && !done && session->phase == OPEN) {
        session_call(session, session->handler->notified, "notified(): something is new");
    }
    if (session_shutdown(session)) done = true;
    if (done) proactor->more_work = true;

    /* An operation that stays pending has reset its event ("Overlapped Operations"), so a session that keeps
     * receiving needs no WSAResetEvent. One that took a receive and posted no other does, or the wait would spin. */
    if (!done && session->receiving == IDLE && session->event_stale) {
        WSAResetEvent(session->hevent);
        session->event_stale = false;
        trace_event_reset(proactor, session_index(session) - proactor->first, session);
    }
}

/* ---- sessions enter and leave the arrays ---- */

/* Puts the session and its event into the group's next slot. cs is held. */
static void proactor_put_in(LPProactor proactor, LPSession session)
{
    LPServer server = proactor->server;
    int index = proactor->first + SLOT_FIRST + proactor->noc++;

    assert(proactor->noc <= GROUP_SESSIONS);
    session->proactor = proactor;
    session->round = 0;
    server->s_arr[index] = session;
    server->e_arr[index] = session->hevent;
    if (session->activity != QUIET) proactor->busy++;
    balance_update(server);
}

/* Takes the session at `index` out of the arrays; the group's last session takes its place. If the owner has not seen
 * that one yet, it waits for the next round: a sweep serves the sessions that were there when it began, and ends,
 * however fast clients come and go. Owner only, cs is held. */
static void proactor_take_out(LPProactor proactor, int index)
{
    LPServer server = proactor->server;
    int last = proactor->first + SLOT_FIRST + --proactor->noc;

    if (server->s_arr[index]->activity != QUIET) proactor->busy--;
    server->s_arr[index] = server->s_arr[last];
    server->e_arr[index] = server->e_arr[last];
    if (proactor->seen > proactor->noc) {
        proactor->seen = proactor->noc;
    } else {
        server->s_arr[index]->round = proactor->round;
    }
    proactor->more_work = true;
    balance_update(server);
}

/* Sets wake, if the owner sleeps: one that is awake looks before it sleeps. */
static void proactor_wake(LPProactor proactor)
{
    int index = proactor->first + SLOT_WAKE;

    if (InterlockedExchange(&proactor->wake_state, WOKEN) == ASLEEP) {
        trace_wake_set(proactor);
        WSASetEvent(proactor->server->e_arr[index]);
    }
}

/* Migrates the session at `index`, if that still makes sense: its receive is deferred and nothing is pending on it, so
 * this is the only safe moment. Returns false when it stays. */
static bool proactor_migrate(LPProactor proactor, int index)
{
    LPServer server = proactor->server;
    LPSession session = server->s_arr[index];
    LPProactor other;

    assert(session->receiving == DEFERRED && !session->sending);
    EnterCriticalSection(&server->cs);
    other = server->stopping ? NULL : balance_target(proactor);
    if (other) {
        proactor_take_out(proactor, index);
        proactor_put_in(other, session);
        trace_session_moved(session, proactor, index, other->first + SLOT_FIRST + other->noc - 1);
    }
    LeaveCriticalSection(&server->cs);
    if (!other) return false;
    trace_pause();
    proactor_wake(other);
    return true;
}

static void proactor_wait_until(LPProactor proactor, ULONGLONG time)
{
    if (time && (!proactor->wait_until || time < proactor->wait_until)) proactor->wait_until = time;
}

static void proactor_review_later(LPProactor proactor)
{
    if (!proactor->review_at) proactor->review_at = GetTickCount64() + REVIEW_MS;
    proactor_wait_until(proactor, proactor->review_at);
}

static void session_set_activity(LPSession session, Activity activity)
{
    int change = (activity != QUIET) - (session->activity != QUIET);

    session->activity = activity;
    if (change == 0) return;
    EnterCriticalSection(&session->server->cs);
    session->proactor->busy += change;
    balance_update(session->server);
    LeaveCriticalSection(&session->server->cs);
}

/* Returns true if the client has reset the connection. Asked of a session that has nothing pending, because then no
 * completion tells: the handler makes its client wait. A half-close is no reset; its client still gets its answers.
 * Under Wine, and by its tests on Windows, a reset is POLLERR with POLLHUP, and the end of what the client sends is
 * not. */
static bool session_is_reset(LPSession session)
{
    WSAPOLLFD poll = { 0, POLLRDNORM, 0 };

    poll.fd = session->sock;
    return WSAPoll(&poll, 1, 0) > 0 && (poll.revents & POLLERR) && (poll.revents & POLLHUP);
}

/* Periodic review: a session that has received nothing since the last two is not busy any more, and one whose client
 * has gone while it was made to wait gives its place free. */
static void session_review(LPSession session)
{
    bool waits = session->phase == OPEN && session->receiving == IDLE && !session->sending;

    if (waits && session_is_reset(session)) {
        session_close(session, "WSARecv", WSAECONNRESET);
        session->proactor->more_work = true;
    }
    if (waits || session->activity == ACTIVE) proactor_review_later(session->proactor);
    session_set_activity(session, session->activity == ACTIVE ? AGING : QUIET);
}

/* ---- the group's loop ---- */

/* Takes a session that is over out of the arrays and frees it. */
static void proactor_remove(LPProactor proactor, int index)
{
    LPServer server = proactor->server;
    LPSession session = server->s_arr[index];

    session_call(session, session->handler->closed, "closed()");
    EnterCriticalSection(&server->cs);
    proactor_take_out(proactor, index);
    trace_session_out(session, index);
    LeaveCriticalSection(&server->cs);
    trace_pause();
    session_free(session);
}

/* Serves the session at `index`, once in a round. Returns false when it is not there any more: then another is. */
static bool proactor_serve(LPProactor proactor, LPSession session, int index)
{
    if (session->round == proactor->round) return true;
    session->round = proactor->round;
    session_serve(session);
    if (proactor->finish_at && proactor->now >= proactor->finish_at) session_finish(session, "the server is stopping");
    if (proactor->reviewing) session_review(session);
    if (session->receiving == DEFERRED && !session->sending && proactor_migrate(proactor, index)) return false;
    if (session->receiving == DEFERRED) recv_post(session);
    proactor_wait_until(proactor, session->deadline);
    if (session->sending) proactor->sending = true;

    /* Freed only now: until both operations are complete, Windows may write to the OVERLAPPEDs and to rbuf. */
    if (session->phase != CLOSED || session->receiving || session->sending) return true;
    proactor_remove(proactor, index);
    return false;
}

/* Serves all sessions of the group that were not served in this round. */
static void proactor_sweep(LPProactor proactor)
{
    int first = proactor->first + SLOT_FIRST, index = first, sessions = proactor->seen;

    trace_sweep_begin();
    while (index < first + proactor->seen) {
        if (proactor_serve(proactor, proactor->server->s_arr[index], index)) index++; /* else the last stands there */
    }
    trace_sweep_end(sessions);
}

/* Somebody woke the group: there are new sessions, or there is news, or it is the end. */
static void proactor_read_news(LPProactor proactor)
{
    LPServer server = proactor->server;
    bool stopping;

    EnterCriticalSection(&server->cs);
    proactor->seen = proactor->noc;
    stopping = server->stopping;
    LeaveCriticalSection(&server->cs);

    proactor->notify_next = true;
    if (stopping && !proactor->stopping) {
        proactor->stopping = true;
        proactor->finish_at = GetTickCount64() + FINISH_MS;
        proactor_wait_until(proactor, proactor->finish_at);
    }
}

/* In a round every session is served once. */
static void proactor_begin_round(LPProactor proactor)
{
    if (InterlockedCompareExchange(&proactor->wake_state, AWAKE, WOKEN) == WOKEN) proactor_read_news(proactor);
    proactor->round++;
    proactor->now = proactor->wait_until || proactor->stopping ? GetTickCount64() : 0;
    proactor->notify = proactor->notify_next || proactor->stopping;
    proactor->notify_next = proactor->more_work = proactor->sending = false;
    proactor->reviewing = proactor->review_at && proactor->now >= proactor->review_at;
    if (proactor->reviewing) proactor->review_at = 0;
    proactor->wait_until = proactor->now < proactor->finish_at ? proactor->finish_at : 0;
    proactor_wait_until(proactor, proactor->review_at);
}

/* ---- waiting ---- */

static DWORD wait_timeout(LPProactor proactor)
{
    ULONGLONG now = GetTickCount64();

    if (!proactor->wait_until) return WSA_INFINITE;
    return now < proactor->wait_until ? (DWORD)(proactor->wait_until - now) : 0;
}

/* The wait returned the lowest index of a signalled event. The group's own events are reset here, before anybody
 * looks, so that what comes after the look sets them again. Returns the session's index, or NO_INDEX. */
static int wait_returned(LPProactor proactor, int slot, DWORD result)
{
    int index = proactor->first + slot;

    trace_wait_end(proactor, slot, result);
    if (slot >= SLOT_FIRST) return index;
    WSAResetEvent(proactor->server->e_arr[index]);
    trace_event_reset(proactor, slot, NULL);
    return NO_INDEX;
}

/* Sleeps until something is finished. Returns the index in e_arr of the session's event that says so, or NO_INDEX.
 * The send event belongs to the wait only while a send is pending: nearly all sends finish at once, and so cost
 * neither a wait nor a reset. */
static int proactor_wait(LPProactor proactor)
{
    int start = proactor->sending ? SLOT_SEND : SLOT_WAKE;
    WSAEVENT *events = &proactor->server->e_arr[proactor->first + start];
    DWORD count = (DWORD)(SLOT_FIRST + proactor->seen - start), result;

    InterlockedExchange(&proactor->went_idle, 1);
    if (InterlockedCompareExchange(&proactor->wake_state, ASLEEP, AWAKE) == WOKEN) return NO_INDEX;
    trace_wait_begin(proactor, start, count);
    result = WSAWaitForMultipleEvents(count, events, FALSE, wait_timeout(proactor), FALSE);
    InterlockedCompareExchange(&proactor->wake_state, AWAKE, ASLEEP);
    if (result == WSA_WAIT_TIMEOUT) {
        trace_wait_timeout();
    } else if (result == WSA_WAIT_FAILED) {
        int error = WSAGetLastError();
        trace_wait_failed(error);
        log_error(error, "WSAWaitForMultipleEvents failed in group %d", proactor->number);
        Sleep(FAILED_PAUSE_MS); /* the sweep looks at every OVERLAPPED, so the group is served all the same */
    } else {
        return wait_returned(proactor, start + (int)(result - WSA_WAIT_EVENT_0), result);
    }
    return NO_INDEX;
}

/* The thread of a group. The lecture's step stands first: the wait returns an index, the index names the session, and
 * the session is served. What follows is added to it: all others are looked at too, and again as long as there was
 * anything to do, before the thread sleeps. So nobody is served twice before all others were served once, and one wait
 * serves many. */
static unsigned __stdcall proactor_run(void *argument)
{
    LPProactor proactor = (LPProactor)argument;
    LPSession *s_arr = proactor->server->s_arr;

    trace_thread(proactor->number);
    while (!proactor->stopping || proactor->seen > 0) {
        int index = proactor_wait(proactor);

        proactor_begin_round(proactor);
        if (index != NO_INDEX) proactor_serve(proactor, s_arr[index], index);

        proactor_sweep(proactor);
        while (proactor->more_work || proactor->notify_next) {
            proactor_begin_round(proactor);
            proactor_sweep(proactor);
        }
    }
    return 0;
}

/* ---- groups are opened and closed ---- */

LPProactor proactor_open(LPServer server)
{
    LPProactor proactor = &server->proactors[server->groups]; /* zeroed, and there is always one more */
    int first = server->groups * GROUP_SLOTS;
    WSAEVENT *events = &server->e_arr[first];

    assert(server->groups < server->max_groups);
    proactor->server = server;
    proactor->number = server->groups + 1;
    proactor->first = first;
    events[SLOT_SEND] = WSACreateEvent();
    if (events[SLOT_SEND] != WSA_INVALID_EVENT) events[SLOT_WAKE] = WSACreateEvent();
    if (events[SLOT_WAKE] != WSA_INVALID_EVENT) {
        trace_group_open(proactor);
        /* Not CreateThread: the thread uses the C library ("_beginthread, _beginthreadex"). */
        proactor->thread = (HANDLE)_beginthreadex(NULL, PROACTOR_STACK, proactor_run, proactor,
                                                  STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    }
    if (!proactor->thread) {
        log_error(events[SLOT_WAKE] == WSA_INVALID_EVENT ? WSAGetLastError() : 0, "no event or thread for Proactor %d",
                  proactor->number);
        proactor_close(proactor);
        return NULL;
    }
    EnterCriticalSection(&server->cs);
    server->groups++;
    LeaveCriticalSection(&server->cs);
    return proactor;
}

void proactor_join(LPProactor proactor)
{
    WaitForSingleObject(proactor->thread, INFINITE);
    CloseHandle(proactor->thread);
    trace_group_end(proactor);
}

void proactor_close(LPProactor proactor)
{
    for (int index = proactor->first + SLOT_SEND; index <= proactor->first + SLOT_WAKE; index++) {
        WSAEVENT event = proactor->server->e_arr[index];
        if (event != WSA_INVALID_EVENT) WSACloseEvent(event);
        proactor->server->e_arr[index] = WSA_INVALID_EVENT;
    }
}

bool proactor_add(LPServer server, LPSession session)
{
    LPProactor proactor = NULL;
    int index;

    while (!proactor) {
        /* Choosing a group and adding to it are one step, because others hand over sessions at the same time. */
        EnterCriticalSection(&server->cs);
        for (int i = 0; i < server->groups && !proactor; i++) {
            if (server->proactors[i].noc < GROUP_SESSIONS) proactor = &server->proactors[i];
        }
        if (proactor) {
            proactor_put_in(proactor, session);
            index = proactor->first + SLOT_FIRST + proactor->noc - 1;
            trace_session_in(session, index);
        }
        LeaveCriticalSection(&server->cs);
        if (!proactor && !proactor_open(server)) return false;
    }
    /* The session is the owner's now, to free it even. */
    trace_pause();
    proactor_wake(proactor);
    return true;
}

void proactor_wake_all(LPServer server, LPProactor self)
{
    int groups;

    EnterCriticalSection(&server->cs);
    groups = server->groups;
    LeaveCriticalSection(&server->cs);
    for (int i = 0; i < groups; i++) {
        if (&server->proactors[i] != self) proactor_wake(&server->proactors[i]);
    }
    if (self) self->notify_next = true;
}

bool proactor_all_idled(LPServer server)
{
    for (int i = 0; i < server->groups; i++) {
        LPProactor proactor = &server->proactors[i];
        if (!InterlockedCompareExchange(&proactor->went_idle, 0, 0)
            && InterlockedCompareExchange(&proactor->wake_state, 0, 0) != ASLEEP) {
            return false;
        }
    }
    return true;
}

void proactor_watch_idle(LPServer server)
{
    for (int i = 0; i < server->groups; i++) InterlockedExchange(&server->proactors[i].went_idle, 0);
}

bool session_stopping(LPSession session)
{
    return session->proactor->stopping;
}

ULONGLONG session_stop_time(LPSession session)
{
    return session->proactor->finish_at;
}

void session_notify_at(LPSession session, ULONGLONG time)
{
    if (session->phase == OPEN && (!session->deadline || time < session->deadline)) session->deadline = time;
}
