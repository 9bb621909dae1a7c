/* Main.cpp - accepts clients, and what is done with their bytes: the handlers. */
#include "Overlapped.h"

#include <stdio.h>
#include <string.h>

/* ---- echo: what comes goes back ----
 *
 * One operation at a time: the next receive is posted when the send is complete. A client that does
 * not read is simply not read from, and its own TCP connection holds it back. */

static void echo_opened(LPSession session)
{
    session_recv(session, 0);
}

static void echo_received(LPSession session, ULONG bytes)
{
    if (bytes == 0) { /* half-close: all that came before has been sent back by now */
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

static void echo_woken(LPSession session)
{
    if (session->proactor->stopping) session_finish(session, "the server is stopping");
}

static void echo_closed(LPSession session)
{
    (void)session;
}

const Handler echo_handler = { "echo",    echo_opened, echo_received,
                               echo_sent, echo_woken,  echo_closed };

/* ---- full: one line, and good-bye ---- */

static void full_opened(LPSession session)
{
    /* Nothing is received before the line is out, so rbuf is free to hold it. */
    int length = snprintf(session->rbuf, session->rsize, "server full: %d client%s at most\r\n",
                          session->server->options.max_clients,
                          session->server->options.max_clients == 1 ? "" : "s");

    session->swsa[0].buf = session->rbuf;
    session->swsa[0].len = (ULONG)length;
    session_send(session);
    session_finish(session, "the server is full");
}

static void full_nothing(LPSession session)
{
    (void)session;
}

static void full_received(LPSession session, ULONG bytes)
{
    (void)session;
    (void)bytes;
}

const Handler full_handler = { "full",       full_opened,  full_received,
                               full_nothing, full_nothing, full_nothing };

/* ---- accepting ---- */

/* Out of handles or buffers is said once and waited out: clients that leave give them back. */
static void accept_failed(int error, int *last_error)
{
    if (error == WSAECONNRESET)
        return; /* that client is gone again, the next may be here already */
    if (error != *last_error) complain(error, "accept failed, trying again");
    *last_error = error;
    Sleep(ACCEPT_PAUSE_MS);
}

static void client_welcome(LPServer server, SOCKET sock, const SOCKADDR_STORAGE *caddr)
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

    while (!server_interrupted()) {
        SOCKADDR_STORAGE caddr;
        int length = sizeof caddr;
        SOCKET sock = accept(server->listen_sock, (struct sockaddr *)&caddr, &length);

        if (sock != INVALID_SOCKET) {
            last_error = 0;
            client_welcome(server, sock, &caddr);
        } else if (!server_interrupted()) {
            accept_failed(WSAGetLastError(), &last_error);
        }
    }
}

int main(int argc, char *argv[])
{
    static Server server;

    options_read(&server.options, argc, argv);
    server.handler = &echo_handler;
    if (!server_start(&server)) return 1;
    accept_clients(&server);
    server_stop(&server);
    return 0;
}
