/* winsock2.h - the part of Winsock 2 that the server uses, for Linux: see sim.h. Address types are the system's own;
 * everything that touches a socket is the simulator's. */
#ifndef SIM_WINSOCK2_H
#define SIM_WINSOCK2_H

#include "windows.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

typedef UINT_PTR SOCKET;
typedef HANDLE WSAEVENT;
typedef OVERLAPPED WSAOVERLAPPED, *LPWSAOVERLAPPED;
typedef struct sockaddr_storage SOCKADDR_STORAGE;
typedef struct in_addr IN_ADDR;
typedef struct in6_addr IN6_ADDR;
typedef struct sockaddr_in SOCKADDR_IN;
typedef struct sockaddr_in6 SOCKADDR_IN6;

typedef struct WSABUF {
    ULONG len;
    char *buf;
} WSABUF, *LPWSABUF;

typedef struct WSADATA {
    WORD wVersion, wHighVersion;
} WSADATA;

#define INVALID_SOCKET          (~(SOCKET)0)
#define SOCKET_ERROR            (-1)
#define WSA_INVALID_EVENT       ((WSAEVENT)NULL)
#define WSA_MAXIMUM_WAIT_EVENTS 64
#define WSA_INFINITE            INFINITE
#define WSA_WAIT_EVENT_0        WAIT_OBJECT_0
#define WSA_WAIT_TIMEOUT        WAIT_TIMEOUT
#define WSA_WAIT_FAILED         WAIT_FAILED
#define WSA_FLAG_OVERLAPPED     0x01u
#define SD_RECEIVE              0
#define SD_SEND                 1
#define SD_BOTH                 2
#define SO_EXCLUSIVEADDRUSE     (~SO_REUSEADDR)
#undef SOMAXCONN
#define SOMAXCONN 0x7fffffff

#define WSA_INVALID_HANDLE     6
#define WSA_NOT_ENOUGH_MEMORY  8
#define WSA_INVALID_PARAMETER  87
#define WSA_OPERATION_ABORTED  995
#define WSA_IO_INCOMPLETE      996
#define WSA_IO_PENDING         997
#define WSAEINTR               10004
#define WSAEACCES              10013
#define WSAEFAULT              10014
#define WSAEINVAL              10022
#define WSAEMFILE              10024
#define WSAEWOULDBLOCK         10035
#define WSAEINPROGRESS         10036
#define WSAENOTSOCK            10038
#define WSAEMSGSIZE            10040
#define WSAEPROTOTYPE          10041
#define WSAENOPROTOOPT         10042
#define WSAEPROTONOSUPPORT     10043
#define WSAESOCKTNOSUPPORT     10044
#define WSAEOPNOTSUPP          10045
#define WSAEAFNOSUPPORT        10047
#define WSAEADDRINUSE          10048
#define WSAEADDRNOTAVAIL       10049
#define WSAENETDOWN            10050
#define WSAENETUNREACH         10051
#define WSAENETRESET           10052
#define WSAECONNABORTED        10053
#define WSAECONNRESET          10054
#define WSAENOBUFS             10055
#define WSAEISCONN             10056
#define WSAENOTCONN            10057
#define WSAESHUTDOWN           10058
#define WSAETIMEDOUT           10060
#define WSAEHOSTUNREACH        10065
#define WSAEPROCLIM            10067
#define WSASYSNOTREADY         10091
#define WSAVERNOTSUPPORTED     10092
#define WSANOTINITIALISED      10093
#define WSAEDISCON             10101
#define WSAEINVALIDPROCTABLE   10104
#define WSAEINVALIDPROVIDER    10105
#define WSAEPROVIDERFAILEDINIT 10106

typedef void (*LPWSAOVERLAPPED_COMPLETION_ROUTINE)(DWORD, DWORD, LPWSAOVERLAPPED, DWORD);

typedef struct SOCKET_ADDRESS {
    struct sockaddr *lpSockaddr;
    int iSockaddrLength;
} SOCKET_ADDRESS;

typedef struct SOCKET_ADDRESS_LIST {
    int iAddressCount;
    SOCKET_ADDRESS Address[1];
} SOCKET_ADDRESS_LIST;

#define SIO_ADDRESS_LIST_QUERY 0x48000016u

#define POLLERR    0x0001
#define POLLHUP    0x0002
#define POLLNVAL   0x0004
#define POLLWRNORM 0x0010
#define POLLRDNORM 0x0100
#define POLLRDBAND 0x0200
#define POLLIN     (POLLRDNORM | POLLRDBAND)
#define POLLOUT    POLLWRNORM

typedef struct WSAPOLLFD {
    SOCKET fd;
    short events, revents;
} WSAPOLLFD, *LPWSAPOLLFD;

int WSAPoll(WSAPOLLFD *fds, ULONG count, int timeout);
int WSAIoctl(SOCKET sock, DWORD code, void *in, DWORD in_size, void *out, DWORD out_size, DWORD *bytes,
             LPWSAOVERLAPPED over, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine);
SOCKET sim_socket(int family, int type, int protocol);

int WSAStartup(WORD version, WSADATA *data);
int WSACleanup(void);
int WSAGetLastError(void);

SOCKET WSASocketW(int family, int type, int protocol, void *info, unsigned group, DWORD flags);
int closesocket(SOCKET sock);
int WSARecv(SOCKET sock, LPWSABUF bufs, DWORD count, DWORD *received, DWORD *flags, LPWSAOVERLAPPED over,
            LPWSAOVERLAPPED_COMPLETION_ROUTINE routine);
int WSASend(SOCKET sock, LPWSABUF bufs, DWORD count, DWORD *sent, DWORD flags, LPWSAOVERLAPPED over,
            LPWSAOVERLAPPED_COMPLETION_ROUTINE routine);
BOOL WSAGetOverlappedResult(SOCKET sock, LPWSAOVERLAPPED over, DWORD *bytes, BOOL wait, DWORD *flags);

WSAEVENT WSACreateEvent(void);
BOOL WSACloseEvent(WSAEVENT event);
BOOL WSASetEvent(WSAEVENT event);
BOOL WSAResetEvent(WSAEVENT event);
DWORD WSAWaitForMultipleEvents(DWORD count, const WSAEVENT *events, BOOL all, DWORD timeout, BOOL alertable);

SOCKET sim_accept(SOCKET sock, struct sockaddr *addr, int *length);
int sim_bind(SOCKET sock, const struct sockaddr *addr, int length);
int sim_listen(SOCKET sock, int backlog);
int sim_shutdown(SOCKET sock, int how);
int sim_setsockopt(SOCKET sock, int level, int name, const char *value, int length);
int sim_getsockname(SOCKET sock, struct sockaddr *addr, int *length);
int sim_inet_pton(int family, const char *text, void *addr);
const char *sim_inet_ntop(int family, const void *addr, char *text, size_t size);

#ifndef SIM_INSIDE
#define socket(family, type, protocol)               sim_socket((family), (type), (protocol))
#define accept(sock, addr, length)                   sim_accept((sock), (addr), (length))
#define bind(sock, addr, length)                     sim_bind((sock), (addr), (length))
#define listen(sock, backlog)                        sim_listen((sock), (backlog))
#define shutdown(sock, how)                          sim_shutdown((sock), (how))
#define setsockopt(sock, level, name, value, length) sim_setsockopt((sock), (level), (name), (value), (length))
#define getsockname(sock, addr, length)              sim_getsockname((sock), (addr), (length))
#define inet_pton(family, text, addr)                sim_inet_pton((family), (text), (addr))
#define inet_ntop(family, addr, text, size)          sim_inet_ntop((family), (addr), (text), (size))
#endif

#endif
