/* Main.cpp - accepts clients, makes and frees their Sessions, and has the echo handler, the shortest there is. */
#include "Overlapped.h"
#include "chat/chat.h"
#include "support/address.h"
#include "support/ban.h"
#include "support/buffer.h"
#include "support/console.h"
#include "support/options.h"
#include "support/text.h"
#include "support/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- echo: whatever is received is sent back ----
 *
 * One operation at a time: the next receive is posted when the send is complete. That is backpressure: nothing is
 * received from a client that does not read, and its own TCP connection holds it back. */

static void echo_opened(LPSession session)
{
    session_recv(session, 0);
}

static void echo_received(LPSession session, ULONG bytes)
{
    if (bytes == 0) { /* half-close: everything before it has been sent back by now */
        session_finish(session, "closed by the client");
        return;
    }
    session->swsa[0].buf = session->rbuf;
    session->swsa[0].len = bytes;
    session_send(session);
}

static void echo_sent(LPSession session)
{
    session_recv(session, 0);
}

static void echo_notified(LPSession session)
{
    if (session_stop_time(session) && !session->sending) session_finish(session, "the server is stopping");
}

static void nothing_to_do(LPSession session)
{
    (void)session;
}

const Handler echo_handler = { "echo", echo_opened, echo_received, echo_sent, echo_notified, nothing_to_do };

/* ---- refuse: one line, and the session ends ---- */

static void refuse_opened(LPSession session)
{
    session->swsa[0].buf = (char *)session->state;
    session->swsa[0].len = (ULONG)strlen(session->swsa[0].buf);
    session_send(session);
    session_finish(session, "refused");
}

static void refuse_received(LPSession session, ULONG bytes)
{
    (void)session, (void)bytes;
}

const Handler refuse_handler = {
    "refuse", refuse_opened, refuse_received, nothing_to_do, nothing_to_do, nothing_to_do
};

/* ---- a session is made and freed ---- */

/* Counts the clients from the session's address that are being served. cs is held. */
static int sessions_from(LPSession session)
{
    LPServer server = session->server;
    int same = 0;

    for (int i = 0; i < server->groups; i++) {
        const Proactor *proactor = &server->proactors[i];
        for (int slot = SLOT_FIRST; slot < SLOT_FIRST + proactor->noc; slot++) {
            LPSession other = server->s_arr[proactor->first + slot];
            if (other->handler != &refuse_handler && address_same(&other->caddr, &session->caddr)) same++;
        }
    }
    return same;
}

/* Returns the line for a client that is refused, or NULL if it is welcome. cs is held. */
static const char *session_refusal(LPSession session)
{
    LPServer server = session->server;
    int max_per_ip = server->options->max_per_ip;

    if (ban_holds(server, &session->caddr)) return "you are banned\r\n";
    if (server->noc >= server->options->max_clients) return server->full;
    return max_per_ip && sessions_from(session) >= max_per_ip ? server->address_full : NULL;
}

/* Counts the session in and logs it. Returns false when it must be refused and there is no room even for that: refused
 * clients get only as many slots as one group has for sessions, so that they cannot take those of welcome ones. */
static bool session_count_in(LPSession session)
{
    LPServer server = session->server;
    char from[ADDRESS_BYTES];
    const char *refusal;
    int clients;

    EnterCriticalSection(&server->cs);
    refusal = session_refusal(session);
    if (refusal && server->refused >= GROUP_SESSIONS) {
        LeaveCriticalSection(&server->cs);
        return false;
    }
    session->id = ++server->ids;
    if (refusal) {
        server->refused++;
        session->handler = &refuse_handler;
        session->state = (char *)refusal; /* sent, never written to */
    } else {
        server->served++;
        server->noc++;
        if (server->noc > server->peak) server->peak = server->noc;
    }
    clients = server->noc;
    LeaveCriticalSection(&server->cs);
    address_text(&session->caddr, from, sizeof from);
    trace_session_new(session);
    log_line("#%lu %s %s (%d client%s)", session->id, from, refusal ? "refused" : "connected", clients,
             text_plural(clients));
    return true;
}

static void session_release(LPSession session)
{
    if (session->hevent != WSA_INVALID_EVENT) WSACloseEvent(session->hevent);
    buffer_free(session->rbuf, session->rsize);
    buffer_free(session->sbuf, session->ssize);
    free(session);
}

static LPSession session_allocate(void)
{
    LPSession session = (LPSession)calloc(1, sizeof *session);

    if (!session) return NULL;
    session->hevent = WSACreateEvent();
    if (session->hevent != WSA_INVALID_EVENT && buffer_resize(&session->rbuf, &session->rsize, RBUF_MIN))
        return session;
    session_release(session);
    return NULL;
}

LPSession session_create(LPServer server, SOCKET sock, const SOCKADDR_STORAGE *caddr)
{
    LPSession session = session_allocate();

    if (session) {
        session->server = server;
        session->handler = server->handler;
        session->sock = sock;
        session->caddr = *caddr;
        if (session_count_in(session)) return session;
        session_release(session);
    }
    log_counted(0, "a client was turned away: no place, event or memory for it");
    closesocket(sock);
    return NULL;
}

void session_free(LPSession session)
{
    LPServer server = session->server;
    char from[ADDRESS_BYTES], failed[64] = "";
    bool refused = session->handler == &refuse_handler;
    int clients;

    EnterCriticalSection(&server->cs);
    if (refused) {
        server->refused--;
    } else {
        server->noc--;
        server->in += session->in;
        server->out += session->out;
    }
    clients = server->noc;
    LeaveCriticalSection(&server->cs);
    if (!refused) {
        address_text(&session->caddr, from, sizeof from);
        if (session->error)
            snprintf(failed, sizeof failed, " failed: %s (%d)", error_name(session->error), session->error);
        log_line("#%lu %s left (%d client%s): in %llu bytes, out %llu bytes, %s%s", session->id, from, clients,
                 text_plural(clients), session->in, session->out,
                 session->error == WSAECONNRESET ? "reset by the client" : session->why,
                 session->error == WSAECONNRESET ? "" : failed);
    }
    session_release(session);
}

/* ---- accepting ---- */

/* Handles a failed accept. Running out of handles or buffers is logged once and waited out, because clients that leave
 * give some back. */
static void accept_failed(int error, int *last_error)
{
    if (error == WSAECONNRESET || error == WSAENOTCONN) return; /* the client is gone; Wine reports the latter */
    if (error != *last_error) log_error(error, "accept failed, trying again");
    *last_error = error;
    Sleep(ACCEPT_PAUSE_MS);
}

static void accept_client(LPServer server, SOCKET sock, const SOCKADDR_STORAGE *caddr)
{
    LPSession session = session_create(server, sock, caddr);

    if (session && !proactor_add(server, session)) {
        session_close(session, "no Proactor for it", 0);
        session_free(session);
    }
}

static void accept_clients(LPServer server)
{
    int last_error = 0;

    while (!console_interrupted()) {
        SOCKADDR_STORAGE caddr;
        int length = sizeof caddr;
        SOCKET sock;
        int error;

        trace_accept_begin();
        sock = accept(server->listen_sock, (struct sockaddr *)&caddr, &length);
        error = sock == INVALID_SOCKET ? WSAGetLastError() : 0;
        trace_accept_end(error);
        if (!error) {
            last_error = 0;
            accept_client(server, sock, &caddr);
        } else if (!console_interrupted()) {
            accept_failed(error, &last_error);
        }
    }
}

int main(void)
{
    static Server server;
    static Options options;

    options_read(&options);
    server.options = &options;
    server.handler = options.chat ? &chat_handler : &echo_handler;
    if (!server_start(&server)) return 1;
    if (options.chat) operator_open(&server);
    accept_clients(&server);
    operator_close();
    return server_stop(&server) ? 0 : 1;
}
