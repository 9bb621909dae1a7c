/* Proactor.cpp - the heart of Overlapped I/O Model-I: operations are posted and return at once, a
 * thread waits for their events, asks for the results and hands them to the session's handler.
 *
 * A Proactor owns one window of 64 slots of s_arr and e_arr and all sessions in it. Only its thread
 * posts operations on them: Windows cancels a thread's pending operations when that thread ends,
 * and with one owner a session needs no lock. Nothing here knows what the bytes mean; that is the
 * handler's.
 */
#include "Overlapped.h"

#include <process.h>

enum {
    PROACTOR_STACK = 256 * 1024, /* bytes reserved; the default of 1 MiB would cost 10,000 clients 160 MiB */
    EARLY_WINDOWS = 9,           /* up to here the next window is opened ... */
    EARLY_SESSIONS = 8,          /* ... as soon as all have so many sessions, and not only when all are full */
    FAILED_PAUSE_MS = 10,        /* after a wait that failed */
    SMALL_RUN = 8                /* so many small receives in a row, and rbuf shrinks again */
};

/* ---- posting operations ---- */

/* rbuf doubles while receives fill it and goes back to its first size when traffic is small again, so that bulk is
 * fast and 10,000 quiet sessions are cheap. Without memory to grow it stays as it is. */
static void rbuf_fit(LPSession session, ULONG kept)
{
    if (session->filled && session->rsize < RBUF_MAX) {
        buffer_resize(&session->rbuf, &session->rsize, 2 * session->rsize);
    } else if (session->small >= SMALL_RUN && session->rsize > RBUF_MIN && kept < RBUF_MIN / 2) {
        buffer_resize(&session->rbuf, &session->rsize, RBUF_MIN);
        session->small = 0;
    }
    session->filled = false;
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

static void recv_post(LPSession session, ULONG kept)
{
    static const TraceStep steps[] = { STEP, RECV_PENDING, RECV_AT_ONCE };
    static const char *const news[] = { "failed", "WSA_IO_PENDING (997): returned at once, nothing yet",
                                        "0: finished at once" };
    DWORD flags = 0;
    int error;

    rbuf_fit(session, kept);
    if (kept + 1 >= session->rsize) { /* no memory to grow; and receiving 0 bytes would look like the client's end */
        session_close(session, "out of memory", 0);
        return;
    }
    ZeroMemory(&session->over, sizeof session->over);
    session->over.hEvent = session->hevent;
    session->rwsa.buf = session->rbuf + kept;
    session->rwsa.len = session->rsize - 1 - kept; /* one byte is left for a NUL */

    /* The byte count is asked for later, of WSAGetOverlappedResult; "WSARecv function" advises NULL here. */
    session->receiving =
        operation_posted(WSARecv(session->sock, &session->rwsa, 1, NULL, &flags, &session->over, NULL), &error);
    TRACE(steps[session->receiving], session->proactor, session, "WSARecv(len=%lu) -> %s", session->rwsa.len,
          news[session->receiving]);
    if (session->receiving == IDLE) session_close(session, "WSARecv", error);
}

/* Posts what is left of swsa. */
static void send_post(LPSession session)
{
    static const TraceStep steps[] = { STEP, SEND_PENDING, SEND_AT_ONCE };
    static const char *const news[] = { "failed", "WSA_IO_PENDING (997): no room yet",
                                        "0: finished at once, it is buffered" };
    DWORD first = session->swsa[0].len == 0, count = 2 - first - (session->swsa[1].len == 0);
    int error;

    ZeroMemory(&session->sover, sizeof session->sover);
    session->sover.hEvent = session->server->e_arr[session->proactor->first + SLOT_SEND];
    session->sending =
        operation_posted(WSASend(session->sock, &session->swsa[first], count, NULL, 0, &session->sover, NULL), &error);
    TRACE(steps[session->sending], session->proactor, session, "WSASend(%lu bytes in %lu WSABUF%s) -> %s",
          session->swsa[0].len + session->swsa[1].len, count, count == 1 ? "" : "s", news[session->sending]);
    if (session->sending == IDLE) session_close(session, "WSASend", error);
}

void session_recv(LPSession session, ULONG kept)
{
    if (session->phase == OPEN && !session->receiving) recv_post(session, kept);
}

void session_send(LPSession session)
{
    if (session->phase == OPEN) send_post(session);
}

/* ---- the end of a session ---- */

void session_close(LPSession session, const char *why, int error)
{
    if (session->phase == CLOSED) return;
    if (!session->why) {
        session->why = why;
        session->error = error;
    }
    session->phase = CLOSED;
    session->due = 0;
    /* Windows cancels what is pending when the socket is closed; Wine may leave a send pending for ever. */
    if (session->receiving || session->sending) CancelIoEx((HANDLE)session->sock, NULL);
    closesocket(session->sock);
    TRACE(STEP, session->proactor, session, "closesocket() -> %s",
          session->receiving || session->sending ? "what is pending is cancelled" : "0");
}

void session_finish(LPSession session, const char *why)
{
    if (session->phase != OPEN) return;
    session->why = why;
    session->phase = FINISHING;
    session->due = GetTickCount64() + FINISH_MS;
}

/* Closing while received bytes lie unread would make Windows reset the connection, and the reset can destroy what
 * the client has not read yet. So: half-close, read until the client has closed too, then close. */
static bool session_wind_down(LPSession session)
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
    TRACE(STEP, session->proactor, session, "shutdown(SD_SEND) -> 0: half-closed, the client sees the end");
    session->phase = LINGERING;
    if (!session->receiving) recv_post(session, 0);
    return true;
}

/* ---- completions ---- */

/* Takes the result of a finished operation. False if the session is over, or is now. */
static bool session_result(LPSession session, LPWSAOVERLAPPED overlapped, const char *call, DWORD *bytes)
{
    TraceStep end = overlapped == &session->over ? RECV_END : SEND_END;
    DWORD flags = 0;

    if (session->phase == CLOSED) { /* its socket is gone, and cannot be asked any more */
        TRACE(end, session->proactor, session, "%s: cancelled, and complete at last", call);
        return false;
    }
    if (!WSAGetOverlappedResult(session->sock, overlapped, bytes, FALSE, &flags)) {
        int error = WSAGetLastError();
        TRACE(end, session->proactor, session, "WSAGetOverlappedResult -> FALSE, %s (%d)", error_name(error), error);
        session_close(session, call, error);
        return false;
    }
    TRACE(end, session->proactor, session, "WSAGetOverlappedResult -> TRUE, %lu bytes%s", *bytes,
          end == SEND_END ? " sent"
          : *bytes        ? " received"
                          : ": the client will send no more");
    return true;
}

static void session_received(LPSession session)
{
    char preview[PREVIEW_BYTES];
    DWORD bytes = 0;

    session->receiving = IDLE;
    session->signalled = true;
    if (!session_result(session, &session->over, "WSARecv", &bytes)) return;
    session->eof = bytes == 0;
    if (session->phase == OPEN) {
        session->in += bytes;
        session->filled = bytes == session->rwsa.len;
        session->small = (unsigned char)(bytes < RBUF_MIN && session->small < SMALL_RUN ? session->small + 1 : 0);
        session->rwsa.buf[bytes] = '\0';
        TRACE(HANDLER_BEGIN, session->proactor, session, "%s_received(%lu bytes)%s", session->handler->name, bytes,
              trace_preview(preview, session->rwsa.buf, bytes));
        session->handler->received(session, bytes);
        TRACE(HANDLER_END, session->proactor, session, NULL);
    } else if (session->phase == LINGERING && !session->eof) {
        recv_post(session, 0);
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

    session->sending = IDLE;
    if (!session_result(session, &session->sover, "WSASend", &bytes)) return;
    session->out += bytes;
    swsa_advance(session->swsa, bytes);
    if (session->swsa[0].len || session->swsa[1].len) {
        send_post(session); /* a short send goes on until all is out */
    } else if (session->phase == OPEN) {
        TRACE(HANDLER_BEGIN, session->proactor, session, "%s_sent()", session->handler->name);
        session->handler->sent(session);
        TRACE(HANDLER_END, session->proactor, session, NULL);
    }
}

/* ---- the sweep: look before you sleep ---- */

static void session_open(LPSession session)
{
    session->phase = OPEN;
    TRACE(HANDLER_BEGIN, session->proactor, session, "%s_opened()", session->handler->name);
    session->handler->opened(session);
    TRACE(HANDLER_END, session->proactor, session, NULL);
}

/* The time the session asked for, or was given to finish, has come. */
static void session_expire(LPSession session)
{
    session->due = 0;
    if (session->phase != OPEN) {
        session_close(session, NULL, 0);
    } else {
        session->handler->woken(session);
    }
}

/* Serves one session: at most one finished send and one finished receive, so that nobody is served twice before all
 * others were served once. The send comes first: a sweep that takes receives so sends all answers before the next
 * one posts all receives, and by then many a client has written again and its receive finishes at once, without a
 * wait. Returns true when there was anything to do. */
static bool session_serve(LPSession session, bool woken, ULONGLONG now)
{
    bool busy = false;

    if (session->phase == NEW) {
        session_open(session);
        busy = true;
    }
    if (operation_finished(session->sending, &session->sover)) {
        session_sent(session);
        busy = true;
    }
    if (operation_finished(session->receiving, &session->over)) {
        session_received(session);
        busy = true;
    }
    if (session->due && now >= session->due) {
        session_expire(session);
        busy = true;
    }
    if (woken && !busy && session->phase == OPEN) {
        Operation receiving = session->receiving, sending = session->sending;
        session->handler->woken(session);
        busy = session->sending != sending || session->receiving != receiving;
    }
    if (session_wind_down(session)) busy = true;

    /* An operation that stays pending has reset its event ("Overlapped Operations"), so a session that keeps
     * receiving needs no WSAResetEvent. One that took a receive and posted no other does, or the wait would spin. */
    if (!busy && !session->receiving && session->signalled) {
        WSAResetEvent(session->hevent);
        session->signalled = false;
        TRACE(STEP, session->proactor, session, "WSAResetEvent(): its receive was taken, and no other posted yet");
    }
    return busy;
}

static void proactor_remove(LPProactor proactor, int slot);

/* Goes once over the window's sessions. Returns true when anything was done: then there may be more to do. */
static bool proactor_sweep(LPProactor proactor)
{
    bool busy = false, woken = proactor->news || proactor->stopping;
    ULONGLONG now = proactor->due ? GetTickCount64() : 0;
    bool late = proactor->deadline && now >= proactor->deadline;

    TRACE(SWEEP_BEGIN, proactor, NULL, NULL);
    if (late) proactor->deadline = 0;
    proactor->news = false;
    proactor->due = proactor->deadline;
    proactor->sending = false;
    for (int slot = SLOT_FIRST; slot < SLOT_FIRST + proactor->seen;) {
        LPSession session = proactor->server->s_arr[proactor->first + slot];
        if (session_serve(session, woken, now)) busy = true;
        if (late) session_finish(session, "the server is stopping");
        if (session->due && (!proactor->due || session->due < proactor->due)) proactor->due = session->due;
        if (session->sending) proactor->sending = true;

        /* Freed only now: until both operations are complete, Windows may write to the OVERLAPPEDs and to rbuf. */
        if (session->phase == CLOSED && !session->receiving && !session->sending) {
            proactor_remove(proactor, slot); /* moves the last session into this slot */
        } else {
            slot++;
        }
    }
    TRACE(SWEEP_END, proactor, NULL, NULL);
    return busy || late || proactor->news;
}

/* ---- the window ---- */

/* Takes a session that is over out of the arrays and frees it. */
static void proactor_remove(LPProactor proactor, int slot)
{
    LPServer server = proactor->server;
    LPSession session = server->s_arr[proactor->first + slot];
    int last;

    session->handler->closed(session);
    TRACE(STEP, proactor, session, "WSACloseEvent(), the session is freed: slot %d of window %d too", slot,
          proactor->number - 1);
    EnterCriticalSection(&server->cs);
    last = SLOT_FIRST + --proactor->noc;
    server->s_arr[proactor->first + slot] = server->s_arr[proactor->first + last];
    server->e_arr[proactor->first + slot] = server->e_arr[proactor->first + last];
    proactor->seen = proactor->noc;
    LeaveCriticalSection(&server->cs);
    session_free(session);
}

/* There is word for this window: new sessions, news, or the end. */
static void proactor_answer(LPProactor proactor)
{
    LPServer server = proactor->server;
    bool stopping;

    EnterCriticalSection(&server->cs);
    proactor->seen = proactor->noc;
    stopping = server->stopping;
    LeaveCriticalSection(&server->cs);

    proactor->news = true;
    if (stopping && !proactor->stopping) {
        proactor->stopping = true;
        proactor->deadline = GetTickCount64() + FINISH_MS;
        proactor->due = proactor->deadline;
    }
}

static DWORD wait_timeout(LPProactor proactor)
{
    ULONGLONG now;

    if (!proactor->due) return WSA_INFINITE;
    now = GetTickCount64();
    return now < proactor->due ? (DWORD)(proactor->due - now) : 0;
}

/* The lowest signalled slot was returned. A session's slot needs nothing here: the sweep finds it and all others.
 * The window's own events are reset before the sweep looks, so that what comes after the look sets them again. */
static void proactor_woken(LPProactor proactor, int slot, DWORD result)
{
    WSAEVENT *events = &proactor->server->e_arr[proactor->first];
    LPSession session = slot < SLOT_FIRST ? NULL : proactor->server->s_arr[proactor->first + slot];

    TRACE(WAIT_END, proactor, session, "-> WSA_WAIT_EVENT_0+%lu, slot %d: %s", result - WSA_WAIT_EVENT_0, slot,
          slot == SLOT_SEND   ? "the send event, a send is done"
          : slot == SLOT_WAKE ? "the wake event, something is new"
                              : "the session's event, its receive is done");
    if (slot < SLOT_FIRST) {
        WSAResetEvent(events[slot]);
        TRACE(STEP, proactor, NULL, "WSAResetEvent(%s): first reset, then look", slot == SLOT_SEND ? "send" : "wake");
    }
}

/* Sleeps until something is finished. Slot 0 belongs to the wait only while a send is pending: nearly all sends
 * finish at once, and so cost neither a wait nor a reset. */
static void proactor_wait(LPProactor proactor)
{
    int start = proactor->sending ? SLOT_SEND : SLOT_WAKE;
    WSAEVENT *events = &proactor->server->e_arr[proactor->first + start];
    DWORD count = (DWORD)(SLOT_FIRST + proactor->seen - start), result;

    TRACE(WAIT_BEGIN, proactor, NULL, "WSAWaitForMultipleEvents(%lu event%s: %swake + %d session%s) ...", count,
          count == 1 ? "" : "s", start == SLOT_SEND ? "send + " : "", proactor->seen, proactor->seen == 1 ? "" : "s");
    result = WSAWaitForMultipleEvents(count, events, FALSE, wait_timeout(proactor), FALSE);
    if (result == WSA_WAIT_TIMEOUT) {
        TRACE(WAIT_END, proactor, NULL, "-> WSA_WAIT_TIMEOUT");
    } else if (result == WSA_WAIT_FAILED) {
        int error = WSAGetLastError();
        TRACE(WAIT_END, proactor, NULL, "-> WSA_WAIT_FAILED, %s (%d)", error_name(error), error);
        complain(error, "WSAWaitForMultipleEvents failed in window %d", proactor->number - 1);
        Sleep(FAILED_PAUSE_MS); /* the sweep looks at every OVERLAPPED, so the window is served all the same */
    } else {
        proactor_woken(proactor, start + (int)(result - WSA_WAIT_EVENT_0), result);
    }
}

static unsigned __stdcall proactor_run(void *argument)
{
    LPProactor proactor = (LPProactor)argument;

    while (!proactor->stopping || proactor->seen > 0) {
        proactor_wait(proactor);
        do {
            if (InterlockedExchange(&proactor->word, 0)) proactor_answer(proactor);
        } while (proactor_sweep(proactor));
    }
    return 0;
}

LPProactor proactor_open(LPServer server)
{
    LPProactor proactor = &server->proactors[server->windows]; /* zeroed, and there is always one more */
    int first = server->windows * WINDOW_SLOTS;
    WSAEVENT *events = &server->e_arr[first];

    proactor->server = server;
    proactor->number = server->windows + 1;
    proactor->first = first;
    events[SLOT_SEND] = WSACreateEvent();
    if (events[SLOT_SEND] != WSA_INVALID_EVENT) events[SLOT_WAKE] = WSACreateEvent();
    if (events[SLOT_WAKE] != WSA_INVALID_EVENT) {
        TRACE(STEP, NULL, NULL, "_beginthreadex(): proactor %d, to wait for the 64 slots of window %d",
              proactor->number, proactor->number - 1);
        if (trace_on) trace_thread(proactor);
        /* Not CreateThread: the thread uses the C library ("_beginthread, _beginthreadex"). */
        proactor->thread = (HANDLE)_beginthreadex(NULL, PROACTOR_STACK, proactor_run, proactor,
                                                  STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    }
    if (!proactor->thread) {
        complain(events[SLOT_WAKE] == WSA_INVALID_EVENT ? WSAGetLastError() : 0, "no event or thread for Proactor %d",
                 proactor->number);
        proactor_close(proactor);
        return NULL;
    }
    EnterCriticalSection(&server->cs);
    server->windows++;
    LeaveCriticalSection(&server->cs);
    return proactor;
}

void proactor_join(LPProactor proactor)
{
    WaitForSingleObject(proactor->thread, INFINITE);
    CloseHandle(proactor->thread);
    TRACE(STEP, NULL, NULL, "WaitForSingleObject() -> proactor %d has ended", proactor->number);
}

void proactor_close(LPProactor proactor)
{
    WSAEVENT *events = &proactor->server->e_arr[proactor->first];

    for (int slot = SLOT_SEND; slot <= SLOT_WAKE; slot++) {
        if (events[slot] != WSA_INVALID_EVENT) WSACloseEvent(events[slot]);
        events[slot] = WSA_INVALID_EVENT;
    }
}

/* Sets wake, unless the last word was not answered yet: a burst of news costs one kernel call. */
static void proactor_wake(LPProactor proactor)
{
    if (InterlockedExchange(&proactor->word, 1) == 0) {
        WSASetEvent(proactor->server->e_arr[proactor->first + SLOT_WAKE]);
    }
}

/* The window for a newcomer. The first is filled before there is a second; after that the emptiest is taken, and the
 * next ones are opened early, because each thread gets the same share of the processors, however many clients share
 * it. Only Main adds, so a slot that is free now stays so until it does. */
static LPProactor proactor_with_room(LPServer server)
{
    LPProactor emptiest = server->proactors;
    LPProactor opened;
    bool full, early;

    EnterCriticalSection(&server->cs);
    for (int i = 1; i < server->windows; i++) {
        if (server->proactors[i].noc < emptiest->noc) emptiest = &server->proactors[i];
    }
    full = emptiest->noc == WINDOW_SESSIONS;
    early = emptiest->noc >= EARLY_SESSIONS && server->windows > 1 && server->windows < EARLY_WINDOWS
            && server->windows < server->max_windows;
    LeaveCriticalSection(&server->cs);
    opened = full || early ? proactor_open(server) : NULL;
    return opened || full ? opened : emptiest;
}

bool proactor_add(LPServer server, LPSession session)
{
    LPProactor proactor = proactor_with_room(server);
    unsigned long id = session->id; /* once in the arrays, the session is the owner's, to free it even */
    int index;

    if (!proactor) return false;
    session->proactor = proactor;
    EnterCriticalSection(&server->cs);
    index = proactor->first + SLOT_FIRST + proactor->noc++;
    server->s_arr[index] = session;
    server->e_arr[index] = session->hevent;
    LeaveCriticalSection(&server->cs);
    TRACE(STEP, NULL, NULL, "#%lu: its event is in slot %d of window %d; WSASetEvent(wake)", id,
          index - proactor->first, proactor->number - 1);
    proactor_wake(proactor);
    return true;
}

void server_wake(LPServer server, LPProactor self)
{
    int windows;

    EnterCriticalSection(&server->cs);
    windows = server->windows;
    LeaveCriticalSection(&server->cs);
    for (int i = 0; i < windows; i++) {
        if (&server->proactors[i] != self) proactor_wake(&server->proactors[i]);
    }
    if (self) self->news = true;
}
