/* 1-one-client.c - an echo server: one client, one WSAOVERLAPPED, one event. 1-one-client.exe [PORT] */
#ifdef _MSC_VER
#pragma comment(lib, "ws2_32.lib")
#endif
#include <winsock2.h>
#include <stdio.h>
#include <stdlib.h>

static SOCKET sock; /* the client's */
static WSAOVERLAPPED over;
static WSAEVENT hevent;
static WSABUF rwsa, swsa;
static char rbuf[1024];

/* Waits until the operation is complete. Returns the number of bytes transferred, 0 if the client has closed or the
 * operation failed. */
static DWORD wait_for(int result)
{
    DWORD bytes = 0, flags = 0;

    if (result == SOCKET_ERROR && WSAGetLastError() != WSA_IO_PENDING) return 0; /* not started: nothing to wait for */
    WSAWaitForMultipleEvents(1, &hevent, FALSE, WSA_INFINITE, FALSE);
    return WSAGetOverlappedResult(sock, &over, &bytes, FALSE, &flags) ? bytes : 0;
}

static DWORD recv_some(void)
{
    DWORD flags = 0;

    rwsa.buf = rbuf;
    rwsa.len = sizeof rbuf - 1;
    ZeroMemory(&over, sizeof over);
    over.hEvent = hevent;
    return wait_for(WSARecv(sock, &rwsa, 1, NULL, &flags, &over, NULL));
}

/* Sends all of it: a send may be short, and then the rest is sent. */
static void send_all(DWORD bytes)
{
    for (swsa.buf = rbuf, swsa.len = bytes; swsa.len > 0 && bytes > 0; swsa.buf += bytes, swsa.len -= bytes) {
        ZeroMemory(&over, sizeof over);
        over.hEvent = hevent;
        bytes = wait_for(WSASend(sock, &swsa, 1, NULL, 0, &over, NULL));
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
    SOCKET listen_sock;
    WSADATA data;
    DWORD bytes;

    if (WSAStartup(MAKEWORD(2, 2), &data) != 0 || (hevent = WSACreateEvent()) == WSA_INVALID_EVENT) return 1;
    listen_sock = WSASocketW(AF_INET, SOCK_STREAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED);
    addr.sin_family = AF_INET;
    addr.sin_port = htons((u_short)(argc > 1 ? atoi(argv[1]) : 9000));
    if (bind(listen_sock, (SOCKADDR *)&addr, size) != 0 || listen(listen_sock, SOMAXCONN) != 0) {
        return listen_failed(ntohs(addr.sin_port), WSAGetLastError());
    }
    getsockname(listen_sock, (SOCKADDR *)&addr, &size);
    printf("listening on port %u\n", (unsigned)ntohs(addr.sin_port));
    fflush(stdout);
    while ((sock = accept(listen_sock, NULL, NULL)) != INVALID_SOCKET) {
        while ((bytes = recv_some()) > 0) send_all(bytes);
        closesocket(sock); /* now comes the next client, which has been waiting in the backlog */
    }
    return 1; /* accept failed */
}
