/* Proactor.cpp - the heart of Overlapped I/O Model-I: operations are posted and return at once; a thread waits for
 * their events, gets the results and dispatches them to the session's handler.
 *
 * A Proactor owns one group of 64 slots of s_arr and e_arr, and all sessions in it. Only its thread posts operations on
 * them: Windows cancels a thread's pending operations when that thread ends, and with one owner a session needs no
 * lock. Nothing here knows what the bytes mean; the handler does.
 *
 * The first four sections, from the loop to the next receive, are in the order in which one message passes through
 * them. Rare events and the arrays come after them. */
#include "Overlapped.h"
#include "support/balance.h"
#include "support/buffer.h"
#include "support/console.h"
#include "support/trace.h"

#include <assert.h>
#include <process.h>
#include <stdlib.h>

enum {
    PROACTOR_STACK = 256 * 1024, /* bytes reserved; with 10,000 clients, the default of 1 MiB would cost 160 MiB */
    FAILED_PAUSE_MS = 10,        /* after a wait that failed */
    REVIEW_MS = 500,             /* interval between checks of which sessions are active */
    NO_INDEX = -1
};

static int proactor_wait(LPProactor proactor);
static void proactor_begin_round(LPProactor proactor);
static bool proactor_serve(LPProactor proactor, LPSession session, int index);
static void proactor_sweep(LPProactor proactor);
static void session_serve(LPSession session);
static void session_received(LPSession session);
static void session_sent(LPSession session);
static void send_post(LPSession session);
static void recv_post(LPSession session);

static void session_open(LPSession session);
static void session_resume(LPSession session);
static void session_expire(LPSession session);
static bool session_shutdown(LPSession session);
static void session_review(LPSession session);
static void session_set_activity(LPSession session, Activity activity);
static bool proactor_migrate(LPProactor proactor, int index);
static void proactor_remove(LPProactor proactor, int index);
static void proactor_wake(LPProactor proactor);
static void proactor_wait_until(LPProactor proactor, ULONGLONG time);

/* ---- the loop: wait, serve the session at the index, sweep the others ---- */

/* Runs the thread of a group. The lecture's step comes first: the wait returns an index, the session is at the same
 * index, and it is served. Then every other session is served too, and all of them again as long as there was work. So
 * no session is served twice before all others have been served once, and one wait serves many. */
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
        while (proactor->more_work || proactor->notify_next) { /* serving may have made more work */
            proactor_begin_round(proactor);
            proactor_sweep(proactor);
        }
    }
    return 0;
}

/* Returns the milliseconds until the earliest deadline in the group. */
static DWORD wait_timeout(LPProactor proactor)
{
    ULONGLONG now = GetTickCount64();

    if (!proactor->wait_until) return WSA_INFINITE;
    return now < proactor->wait_until ? (DWORD)(proactor->wait_until - now) : 0;
}

/* Handles a wait that ended without an event: a deadline has passed, or the call failed. The next sweep looks at every
 * OVERLAPPED, so the group is served even then. */
static int wait_without_event(LPProactor proactor, DWORD result)
{
    int error = WSAGetLastError();

    if (result == WSA_WAIT_TIMEOUT) {
        trace_wait_timeout();
        return NO_INDEX;
    }
    trace_wait_failed(error);
    log_error(error, "WSAWaitForMultipleEvents failed in group %d", proactor->number);
    Sleep(FAILED_PAUSE_MS);
    return NO_INDEX;
}

/* Waits until an event is signaled, unless the owner has been woken in the meantime. Returns the lowest signaled index
 * if it is a session's, else NO_INDEX. The group's own two events say only that there is something to look for. They
 * are reset before the search: a send that completes later signals its event again, and `wake_state` records later
 * wake-ups. The send event is waited for only while a send is pending: most sends complete at once, and so cost neither
 * a wait nor a reset. */
static int proactor_wait(LPProactor proactor)
{
    int slot = proactor->sending ? SLOT_SEND : SLOT_WAKE;
    WSAEVENT *events = &proactor->server->e_arr[proactor->first + slot];
    DWORD count = (DWORD)(SLOT_FIRST + proactor->seen - slot), result;

    InterlockedExchange(&proactor->went_idle, 1); /* for balance_all_idled() */
    if (InterlockedCompareExchange(&proactor->wake_state, ASLEEP, AWAKE) == WOKEN) return NO_INDEX;
    trace_wait_begin(proactor, slot, count);
    result = WSAWaitForMultipleEvents(count, events, FALSE, wait_timeout(proactor), FALSE);
    InterlockedCompareExchange(&proactor->wake_state, AWAKE, ASLEEP);
    if (result >= WSA_WAIT_EVENT_0 + count) return wait_without_event(proactor, result);
    slot += (int)(result - WSA_WAIT_EVENT_0);
    trace_wait_end(proactor, slot, result);
    if (slot >= SLOT_FIRST) return proactor->first + slot;
    WSAResetEvent(proactor->server->e_arr[proactor->first + slot]);
    trace_event_reset(proactor, slot);
    return NO_INDEX;
}

/* Acts on a wake-up: sees the new sessions, plans to notify the handlers, and learns that the server is stopping. */
static void proactor_take_wake(LPProactor proactor)
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

/* Begins a round, in which every session is served once. */
static void proactor_begin_round(LPProactor proactor)
{
    if (InterlockedCompareExchange(&proactor->wake_state, AWAKE, WOKEN) == WOKEN) proactor_take_wake(proactor);
    proactor->round++;
    proactor->now = proactor->wait_until || proactor->stopping ? GetTickCount64() : 0;
    proactor->notify = proactor->notify_next || proactor->stopping;
    proactor->notify_next = proactor->more_work = proactor->sending = false;
    proactor->reviewing = proactor->review_at && proactor->now >= proactor->review_at;
    if (proactor->reviewing) proactor->review_at = 0;
    proactor->wait_until = proactor->now < proactor->finish_at ? proactor->finish_at : 0;
    proactor_wait_until(proactor, proactor->review_at);
}

/* Serves all sessions that have not yet been served in this round. */
static void proactor_sweep(LPProactor proactor)
{
    int first = proactor->first + SLOT_FIRST, index = first, sessions = proactor->seen;

    trace_sweep_begin();
    while (index < first + proactor->seen) {
        if (proactor_serve(proactor, proactor->server->s_arr[index], index)) index++; /* else another may be here */
    }
    trace_sweep_end(sessions);
}

/* ---- serving one session ---- */

/* Serves the session at `index`, once per round. Returns false if it left the slot, which another may now occupy. */
static bool proactor_serve(LPProactor proactor, LPSession session, int index)
{
    if (session->round == proactor->round) return true;
    session->round = proactor->round;
    session_serve(session);
    if (proactor->finish_at && proactor->now >= proactor->finish_at) session_finish(session, "the server is stopping");
    if (proactor->reviewing) session_review(session);
    if (session->receiving == DEFERRED && !session->sending && proactor_migrate(proactor, index)) return false;
    if (session->receiving == DEFERRED) recv_post(session);
    if (session->deadline) proactor_wait_until(proactor, session->deadline);
    if (session->sending) proactor->sending = true;

    /* Freed only now: until both operations are complete, Windows may write to the OVERLAPPEDs and to rbuf. */
    if (session->phase != CLOSED || session->receiving || session->sending) return true;
    proactor_remove(proactor, index);
    return false;
}

/* Returns true if the operation is complete. HasOverlappedIoCompleted looks into the OVERLAPPED, without a system call;
 * it may be used only after WSA_IO_PENDING ("HasOverlappedIoCompleted macro"). */
static bool operation_complete(Operation operation, LPWSAOVERLAPPED overlapped)
{
    return operation == DONE || (operation == PENDING && HasOverlappedIoCompleted(overlapped));
}

/* Calls one of the handler's functions; `call` names it in the trace. */
static void session_call(LPSession session, void (*function)(LPSession), const char *call)
{
    trace_handler_begin(session, "%s", call);
    function(session);
    trace_handler_end(session);
}

/* Does everything that there is to do for one session now, but takes at most one completed send and one completed
 * receive; `done` counts what was done. The send comes first, so that an answer goes out in one round and the next
 * receive is posted in the following one. All others are served in between, and by then many clients have written
 * again: the receive completes at once, which saves a wait.
 *
 * A WSARecv that returns WSA_IO_PENDING has reset the event ("Overlapped Operations"). If a receive is taken and no
 * other is posted, the event must be reset here, or the wait would return for it again and again. */
static void session_serve(LPSession session)
{
    LPProactor proactor = session->proactor;
    unsigned done = session->phase == NEW;

    if (session->phase == NEW) session_open(session);
    if (session->receiving == DEFERRED) session_resume(session);
    if (operation_complete(session->sending, &session->sover) && ++done) session_sent(session);
    if (operation_complete(session->receiving, &session->over) && ++done) session_received(session);
    if (session->deadline && proactor->now >= session->deadline && ++done) session_expire(session);
    if (proactor->notify && !done && session->phase == OPEN) {
        session_call(session, session->handler->notified, "notified(): there may be work");
    }
    if ((session->phase == FINISHING || session->phase == LINGERING) && session_shutdown(session)) done++;
    if (done) {
        proactor->more_work = true;
    } else if (session->receiving == IDLE && session->event_stale) {
        WSAResetEvent(session->hevent);
        session->event_stale = false;
        trace_session_reset(session);
    }
}

/* ---- completions ---- */

/* Gets the result of a completed operation. Returns 0, or the error that it ended with. */
static int session_result(LPSession session, LPWSAOVERLAPPED overlapped, DWORD *bytes)
{
    DWORD flags = 0;
    int error = 0;

    if (session->phase == CLOSED) { /* its socket is closed, and can no longer be queried */
        error = WSA_OPERATION_ABORTED;
    } else if (!WSAGetOverlappedResult(session->sock, overlapped, bytes, FALSE, &flags)) {
        error = WSAGetLastError();
    }
    trace_result(session, overlapped, *bytes, error);
    return error;
}

/* Passes the received bytes to the handler. */
static void session_deliver(LPSession session, ULONG bytes)
{
    session->in += bytes;
    session->received = bytes;
    session->rwsa.buf[bytes] = '\0';
    if (bytes && session->activity != ACTIVE) session_set_activity(session, ACTIVE);
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

/* Returns the state of an operation for which WSARecv or WSASend returned `result`: 0 means that it completed at once,
 * and SOCKET_ERROR with WSA_IO_PENDING is not a failure. */
static Operation operation_posted(int result, int *error)
{
    *error = result == SOCKET_ERROR ? WSAGetLastError() : 0;
    return *error == 0 ? DONE : *error == WSA_IO_PENDING ? PENDING : IDLE;
}

void session_send(LPSession session)
{
    if (session->phase == OPEN) send_post(session);
}

/* Posts what is left of swsa. All sends of a group share one event, although "WSASend function" wants an event for each
 * operation: the next post resets it, and so may hide that another send is complete. That is safe here only because
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

/* Takes `bytes` off the front of swsa and posts the rest. */
static void send_rest(LPSession session, ULONG bytes)
{
    for (int i = 0; i < 2; i++) {
        ULONG part = bytes < session->swsa[i].len ? bytes : session->swsa[i].len;
        session->swsa[i].buf += part;
        session->swsa[i].len -= part;
        bytes -= part;
    }
    send_post(session);
}

static void session_sent(LPSession session)
{
    DWORD bytes = 0;
    int error = session_result(session, &session->sover, &bytes);

    session->sending = IDLE;
    session->out += bytes;
    if (error) {
        session_close(session, "WSASend", error);
    } else if (bytes < session->swsa[0].len + session->swsa[1].len) {
        send_rest(session, bytes);
    } else if (session->phase == OPEN) {
        session_call(session, session->handler->sent, "sent()");
    }
}

/* ---- posting the next receive ---- */

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

/* Grows rbuf after a receive that filled it, so that bulk transfers are fast, and shrinks it after one that a smaller
 * rbuf would have held, so that quiet sessions are cheap. If there is no memory to grow, rbuf stays as it is. */
static void rbuf_fit(LPSession session)
{
    ULONG size = RBUF_MIN;

    if (session->received > 0 && session->received == session->rwsa.len) {
        if (session->rsize < RBUF_MAX) buffer_resize(&session->rbuf, &session->rsize, RBUF_MAX);
    } else if (session->received < RBUF_MIN) {
        while (size < 2 * session->kept) size *= 2; /* leaves at least as much room as the handler keeps */
        if (size < session->rsize) buffer_resize(&session->rbuf, &session->rsize, size);
    }
}

/* Posts the receive that the handler requested, after the `kept` bytes. */
static void recv_post(LPSession session)
{
    DWORD flags = 0;
    int error;

    assert(session->receiving == IDLE || session->receiving == DEFERRED);
    session->receiving = IDLE;
    rbuf_fit(session);
    if (session->kept + 1 >= session->rsize) { /* no memory to grow; and a 0-byte receive would look like the end */
        session_close(session, "out of memory", 0);
        return;
    }
    ZeroMemory(&session->over, sizeof session->over);
    session->over.hEvent = session->hevent;
    session->rwsa.buf = session->rbuf + session->kept;
    session->rwsa.len = session->rsize - 1 - session->kept; /* one byte is left for a NUL */

    /* WSAGetOverlappedResult returns the number of bytes later; "WSARecv function" advises NULL here. */
    session->receiving =
        operation_posted(WSARecv(session->sock, &session->rwsa, 1, NULL, &flags, &session->over, NULL), &error);
    session->proactor->more_work = true;
    trace_posted(session, &session->over, error);
    if (session->receiving == IDLE) session_close(session, "WSARecv", error);
}

/* ---- rare events in a session's life ---- */

static void session_open(LPSession session)
{
    session->phase = OPEN;
    session_call(session, session->handler->opened, "opened()");
}

/* Schedules the next check of which sessions are active. */
static void proactor_plan_review(LPProactor proactor)
{
    if (!proactor->review_at) proactor->review_at = GetTickCount64() + REVIEW_MS;
    proactor_wait_until(proactor, proactor->review_at);
}

/* Posts the deferred receive of a session that has migrated here; in its old group proactor_serve() left it deferred.
 */
static void session_resume(LPSession session)
{
    recv_post(session);
    proactor_plan_review(session->proactor);
}

static void session_set_activity(LPSession session, Activity activity)
{
    int change = (activity != QUIET) - (session->activity != QUIET);

    session->activity = activity;
    if (activity != QUIET) proactor_plan_review(session->proactor);
    if (change == 0) return;
    EnterCriticalSection(&session->server->cs);
    session->proactor->busy += change;
    balance_update(session->server);
    LeaveCriticalSection(&session->server->cs);
}

/* Returns true if the client has reset the connection. Called when nothing is pending on the session, because then no
 * completion would report it. A half-close is not a reset: that client is still waiting for answers. Under Wine a reset
 * is reported as POLLERR with POLLHUP; "WSAPOLLFD structure" names only POLLHUP, which a half-close may set too. */
static bool session_is_reset(LPSession session)
{
    WSAPOLLFD poll = { 0, POLLRDNORM, 0 };

    poll.fd = session->sock;
    return WSAPoll(&poll, 1, 0) > 0 && (poll.revents & POLLERR) && (poll.revents & POLLHUP);
}

/* Reviews the session: one that has received nothing between two reviews becomes QUIET, and one whose handler makes its
 * client wait is closed if the client is gone. */
static void session_review(LPSession session)
{
    bool waits = session->phase == OPEN && session->receiving == IDLE && !session->sending;

    if (waits && session_is_reset(session)) {
        session_close(session, "WSARecv", WSAECONNRESET);
        session->proactor->more_work = true;
    }
    if (waits) proactor_plan_review(session->proactor);
    session_set_activity(session, session->activity == ACTIVE ? AGING : QUIET);
}

/* Acts on the session's deadline, which has passed. */
static void session_expire(LPSession session)
{
    if (session->phase == OPEN) {
        session->deadline = 0;
        session_call(session, session->handler->notified, "notified(): its time has come");
    } else {
        session_close(session, NULL, 0);
    }
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

/* Takes the next step of a graceful close: half-close, read until the client closes too, close. Closing with received
 * bytes unread would make Windows reset the connection, and the reset can destroy what the client has not read yet.
 * Returns false when there is nothing to do yet. */
static bool session_shutdown(LPSession session)
{
    if (session->sending || (session->phase == LINGERING && !session->eof)) return false;
    if (session->eof) {
        session_close(session, NULL, 0);
    } else if (shutdown(session->sock, SD_SEND) == SOCKET_ERROR) {
        session_close(session, "shutdown", WSAGetLastError());
    } else {
        trace_half_closed(session);
        session->phase = LINGERING;
        if (!session->receiving) recv_post(session);
    }
    return true;
}

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
    /* Windows cancels what is pending when the socket is closed; Wine may leave a send pending forever. */
    if (session->receiving || session->sending) {
        bool pending = CancelIoEx((HANDLE)session->sock, NULL);
        trace_cancelled(session, pending);
    }
    result = closesocket(session->sock);
    trace_closed(session, result);
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
 * that session yet, it is not served before the next round: a sweep serves the sessions that were there when it began,
 * and ends, however fast clients come and go. Owner only, cs is held. */
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

/* Migrates the session at `index` if that still makes sense. This is the only safe moment: its receive is deferred, and
 * nothing is pending on it. Returns false when it stays. */
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

/* Removes a session that has ended from the arrays and frees it. */
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

bool proactor_add(LPServer server, LPSession session)
{
    LPProactor proactor = NULL;
    int index;

    while (!proactor) {
        /* Choosing a group and adding to it are one step, because other threads may be migrating sessions. */
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
    /* From here on the session belongs to its owner, which may already have freed it. */
    trace_pause();
    proactor_wake(proactor);
    return true;
}

/* ---- groups are opened, woken and closed ---- */

LPProactor proactor_open(LPServer server)
{
    LPProactor proactor = &server->proactors[server->groups]; /* zeroed, and there is always a free one */
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

/* Wakes the owner if it is asleep; otherwise the owner finds WOKEN before it waits. Any thread. */
static void proactor_wake(LPProactor proactor)
{
    if (InterlockedExchange(&proactor->wake_state, WOKEN) == ASLEEP) {
        trace_wake_set(proactor);
        WSASetEvent(proactor->server->e_arr[proactor->first + SLOT_WAKE]);
    }
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

static void proactor_wait_until(LPProactor proactor, ULONGLONG time)
{
    if (time && (!proactor->wait_until || time < proactor->wait_until)) proactor->wait_until = time;
}

/* ---- for handlers: deadlines ---- */

ULONGLONG session_stop_time(LPSession session)
{
    return session->proactor->finish_at;
}

void session_notify_at(LPSession session, ULONGLONG time)
{
    if (session->phase == OPEN && (!session->deadline || time < session->deadline)) session->deadline = time;
}
