/*
 * textbook.exe PORT: the Overlapped Model-I echo server as books teach it. One window of 64 events;
 * events[0] wakes the thread, each client has one of the other 63. main() accepts and posts the
 * first WSARecv. One thread waits for all events, serves the lowest one signalled, waits again. */
#include <winsock2.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct Client {
    WSAOVERLAPPED over; /* one is enough: a client either receives or sends */
    SOCKET sock;
    DWORD received, sent; /* received == 0: a receive is pending, otherwise a send */
    char buffer[8192];
} Client;

/* The two parallel arrays: events[i] says that clients[i] has something finished. */
static WSAEVENT events[WSA_MAXIMUM_WAIT_EVENTS];
static Client *clients[WSA_MAXIMUM_WAIT_EVENTS];
static DWORD count = 1;     /* slot 0 holds no client */
static CRITICAL_SECTION cs; /* guards the three: main adds, the thread removes */

/* Takes note of what the last operation moved and starts the next one: a send while received
   bytes are unsent, otherwise a receive. */
static int client_post(Client *c, WSAEVENT event, DWORD moved)
{
    WSABUF part;
    DWORD flags = 0;
    int result;

    *(c->received ? &c->sent : &c->received) += moved;
    if (c->received == c->sent) c->received = c->sent = 0;
    part.buf = c->buffer + c->sent;
    part.len = c->received ? c->received - c->sent : sizeof(c->buffer);
    ZeroMemory(&c->over, sizeof(c->over)); /* Winsock wants a clean one for every operation */
    c->over.hEvent = event;
    result = c->received ? WSASend(c->sock, &part, 1, NULL, 0, &c->over, NULL)
                         : WSARecv(c->sock, &part, 1, NULL, &flags, &c->over, NULL);
    return result == 0 || WSAGetLastError() == WSA_IO_PENDING; /* pending is no error */
}

/* Gives a new client a slot and its first receive; a full window turns it away. */
static void client_add(SOCKET sock)
{
    Client *c = (Client *)calloc(1, sizeof(Client));

    EnterCriticalSection(&cs);
    if (c && count < WSA_MAXIMUM_WAIT_EVENTS) {
        c->sock = sock;
        clients[count] = c;
        events[count] = WSACreateEvent();
        if (!client_post(c, events[count], 0)) WSASetEvent(events[count]); /* the thread will find out and remove it */
        count++;
        WSASetEvent(events[0]); /* or it would go on waiting without the new event */
    } else {
        closesocket(sock);
        free(c);
    }
    LeaveCriticalSection(&cs);
}

/* Ends a client that has nothing pending any more; the last one in the arrays takes its slot. */
static void client_remove(DWORD i)
{
    closesocket(clients[i]->sock);
    WSACloseEvent(events[i]);
    free(clients[i]);
    EnterCriticalSection(&cs);
    clients[i] = clients[--count];
    events[i] = events[count];
    LeaveCriticalSection(&cs);
}

/* The loop of the books. The wait returns the LOWEST signalled index and only that client is
   served, so while the first ones are busy the last ones starve. */
static DWORD WINAPI serve(LPVOID unused)
{
    DWORD n, i, bytes, flags;

    (void)unused;
    for (;;) {
        EnterCriticalSection(&cs);
        n = count;
        LeaveCriticalSection(&cs);
        i = WSAWaitForMultipleEvents(n, events, FALSE, WSA_INFINITE, FALSE) - WSA_WAIT_EVENT_0;
        if (i >= n) exit(1); /* WSA_WAIT_FAILED */
        WSAResetEvent(events[i]);
        if (i == 0) continue; /* woken to wait for one event more */
        if (!WSAGetOverlappedResult(clients[i]->sock, &clients[i]->over, &bytes, FALSE, &flags) || bytes == 0
            || !client_post(clients[i], events[i], bytes))
            client_remove(i); /* failed, or the client has closed its side */
    }
}

int main(int argc, char **argv)
{
    static struct sockaddr_in a;
    int size = sizeof(a);
    WSADATA wsa;
    SOCKET s, client;

    a.sin_family = AF_INET;
    a.sin_port = htons((u_short)(argc > 1 ? atoi(argv[1]) : 0));
    InitializeCriticalSection(&cs);
    WSAStartup(MAKEWORD(2, 2), &wsa);
    events[0] = WSACreateEvent();
    s = WSASocketW(AF_INET, SOCK_STREAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED);
    CreateThread(NULL, 0, serve, NULL, 0, NULL);
    bind(s, (struct sockaddr *)&a, size);
    listen(s, SOMAXCONN);
    getsockname(s, (struct sockaddr *)&a, &size);
    printf("listening on port %u\n", (unsigned)ntohs(a.sin_port));
    fflush(stdout);
    while ((client = accept(s, NULL, NULL)) != INVALID_SOCKET) client_add(client);
}
