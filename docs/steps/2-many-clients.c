/* 2-many-clients.c - the echo server as books teach it: 63 clients, one thread. 2-many-clients.exe [PORT] */
#ifdef _MSC_VER
#pragma comment(lib, "ws2_32.lib")
#endif
#include <winsock2.h>
#include <process.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct Session {
    WSAOVERLAPPED over; /* one is enough: a session either receives or sends */
    SOCKET sock;
    WSABUF rwsa, swsa; /* swsa.len > 0: the session is sending */
    char rbuf[8192];
    WSAEVENT hevent;
} Session, *LPSession;

/* e_arr[i] says that the operation of s_arr[i] is complete. e_arr[0] wakes the thread when a client has been added. */
static LPSession s_arr[WSA_MAXIMUM_WAIT_EVENTS];
static WSAEVENT e_arr[WSA_MAXIMUM_WAIT_EVENTS];
static DWORD noc;           /* clients, at the indexes from 1 to noc */
static CRITICAL_SECTION cs; /* guards these three: main adds, the thread removes */

/* Posts the next operation: a send if there is something to send, otherwise a receive. Returns FALSE if it was not
 * started. */
static BOOL session_post(LPSession session)
{
    DWORD flags = 0;
    int result;

    ZeroMemory(&session->over, sizeof session->over);
    session->over.hEvent = session->hevent;
    result = session->swsa.len > 0 ? WSASend(session->sock, &session->swsa, 1, NULL, 0, &session->over, NULL)
                                   : WSARecv(session->sock, &session->rwsa, 1, NULL, &flags, &session->over, NULL);
    return result == 0 || WSAGetLastError() == WSA_IO_PENDING;
}

/* Handles a completed operation. Returns FALSE when the session is over. */
static BOOL session_complete(LPSession session, DWORD bytes)
{
    if (session->swsa.len > 0) { /* a send, perhaps a short one: the rest is sent next */
        session->swsa.buf += bytes;
        session->swsa.len -= bytes;
    } else { /* a receive; 0 bytes: the client will send no more */
        session->swsa.buf = session->rbuf;
        session->swsa.len = bytes;
    }
    return bytes > 0 && session_post(session);
}

static void session_free(LPSession session)
{
    closesocket(session->sock);
    WSACloseEvent(session->hevent);
    free(session);
}

/* Gives a new client the next index, or turns it away when there is none. */
static void session_add(SOCKET sock)
{
    LPSession session = (LPSession)calloc(1, sizeof *session);

    if (!session || (session->hevent = WSACreateEvent()) == WSA_INVALID_EVENT) exit(1);
    session->sock = sock;
    session->rwsa.buf = session->rbuf;
    session->rwsa.len = sizeof session->rbuf - 1;
    EnterCriticalSection(&cs);
    if (noc + 1 < WSA_MAXIMUM_WAIT_EVENTS && session_post(session)) {
        s_arr[++noc] = session;
        e_arr[noc] = session->hevent;
        WSASetEvent(e_arr[0]); /* or the thread would go on waiting without the new event */
    } else {
        session_free(session);
    }
    LeaveCriticalSection(&cs);
}

static unsigned __stdcall proactor_run(void *unused)
{
    (void)unused;
    for (;;) {
        DWORD events, i, bytes, flags;

        EnterCriticalSection(&cs);
        events = noc + 1;
        LeaveCriticalSection(&cs);
        i = WSAWaitForMultipleEvents(events, e_arr, FALSE, WSA_INFINITE, FALSE) - WSA_WAIT_EVENT_0;
        if (i >= events || !WSAResetEvent(e_arr[i])) exit(1);
        if (i == 0) continue; /* from now on the thread waits for one more event */
        if (WSAGetOverlappedResult(s_arr[i]->sock, &s_arr[i]->over, &bytes, FALSE, &flags)
            && session_complete(s_arr[i], bytes))
            continue;
        session_free(s_arr[i]); /* nothing is pending on it */
        EnterCriticalSection(&cs);
        s_arr[i] = s_arr[noc]; /* the last one takes its index */
        e_arr[i] = e_arr[noc--];
        LeaveCriticalSection(&cs);
    }
}

static int listen_failed(unsigned port, int error)
{
    const char *why = error == WSAEADDRINUSE ? "WSAEADDRINUSE, the port is in use; try another one"
                      : error == WSAEACCES   ? "WSAEACCES, the system does not allow this port; try another one"
                                             : "see \"Windows Sockets Error Codes\"";

    printf("cannot listen on port %u: error %d (%s)\n", port, error, why);
    return 1;
}

int main(int argc, char *argv[])
{
    static SOCKADDR_IN addr;
    int size = sizeof addr;
    SOCKET listen_sock, sock;
    WSADATA data;

    InitializeCriticalSection(&cs);
    if (WSAStartup(MAKEWORD(2, 2), &data) != 0 || (e_arr[0] = WSACreateEvent()) == WSA_INVALID_EVENT) return 1;
    listen_sock = WSASocketW(AF_INET, SOCK_STREAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED);
    addr.sin_family = AF_INET;
    addr.sin_port = htons((u_short)(argc > 1 ? atoi(argv[1]) : 9000));
    if (!_beginthreadex(NULL, 0, proactor_run, NULL, 0, NULL)) return 1; /* the thread that waits, before listen() */
    if (bind(listen_sock, (SOCKADDR *)&addr, size) != 0 || listen(listen_sock, SOMAXCONN) != 0) {
        return listen_failed(ntohs(addr.sin_port), WSAGetLastError());
    }
    getsockname(listen_sock, (SOCKADDR *)&addr, &size);
    printf("listening on port %u\n", (unsigned)ntohs(addr.sin_port));
    fflush(stdout);
    while ((sock = accept(listen_sock, NULL, NULL)) != INVALID_SOCKET) session_add(sock);
    return 1; /* accept failed */
}
