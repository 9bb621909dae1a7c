/* Overlapped.h - an echo/chat server on Overlapped I/O Model-I (completion by event object).
 *
 * Read this file first, then follow one message. This is the one map of the code:
 *
 *   Main.cpp      accept_clients()    a client is accepted and becomes a Session,
 *   Proactor.cpp  proactor_add()      which goes into s_arr, and its event into e_arr, at the same index
 *                 session_serve()     its owner, another thread, finds it new and calls the handler's opened()
 *   Main.cpp      echo_opened()       wants a receive
 *   Proactor.cpp  recv_post()         WSARecv is posted and returns at once
 *                 proactor_wait()     the owner sleeps in WSAWaitForMultipleEvents, which returns an index
 *                 proactor_run()      the index names the session in s_arr, and session_serve() serves it
 *                 session_received()  WSAGetOverlappedResult says what came
 *   Main.cpp      echo_received()     the handler decides: send it back
 *   Proactor.cpp  send_post()         WSASend is posted
 *                 session_sent()      it is complete
 *   Main.cpp      echo_sent()         the handler wants the next receive, and the circle closes
 *
 * A function's prefix tells its file: accept_, echo_, full_, chat_ and the parts of the chat are in Main.cpp; session_,
 * proactor_ and the parts of serving them (recv_, send_, rbuf_, wait_) in Proactor.cpp; what runs before the first
 * client and after the last (options_, server_, listen_, console_), and what all use (log_, trace_, error_, text_,
 * address_, buffer_) in util.cpp.
 *
 * The language is clean C: it compiles without a warning as C11 and as C++14 and C++17.
 *
 * What always holds
 * -----------------
 * Who owns what. Main owns the listening socket and a session that it has just made. From proactor_add() on a session
 * is its owner's, the Proactor of the group in whose slots it stands: only that thread posts operations on it, takes
 * their results, calls its handler and frees it. A session changes its owner by hand-over only, at a moment when
 * nothing is pending on it. s_arr, e_arr and all counts are changed under cs; an owner reads its own slots without,
 * because nobody else changes a slot that the owner knows.
 *
 * How a wake travels. Whoever has news for a group puts them where the owner will look, and then calls
 * proactor_wake(): it sets `wake_state` to WOKEN and, if the owner was ASLEEP, the group's wake event. The owner
 * resets the event first and looks then, and never falls asleep with WOKEN in `wake_state`. So no news is lost, and an
 * owner that is awake anyway costs no call into the kernel.
 *
 * How a stop proceeds. Ctrl+C closes the listening socket; accept fails, Main leaves its loop and calls server_stop().
 * That sets `stopping` under cs and wakes all Proactors. From then on nothing is handed over; each Proactor calls
 * notified() of its sessions until they say session_finish(), for FINISH_MS at the most; then what is still to be sent
 * goes out, within FINISH_MS again, and the session is closed, removed and freed. When the server is stopping, a
 * Proactor's thread ends as soon as its group is empty. Main joins all threads, and frees the arrays.
 *
 * The rules:
 * 1. Only the owner posts operations on a session and touches its buffers. Others leave word and wake the owner.
 * 2. A session is freed only when neither operation is pending: closesocket, then let both complete.
 * 3. cs is held for changes of arrays, counts and the chat's room only, never across a call that can block.
 * 4. A short send goes on until all its bytes are out.
 * 5. Nothing is allocated per message.
 * 6. Every result of Winsock is checked. A failure ends that session with one clear line, never the server.
 * 7. No I/O thread ever waits for the console, a file or another client. (With --step they do, and are meant to.)
 */
#ifndef OVERLAPPED_H
#define OVERLAPPED_H

#ifdef _MSC_VER
#define _CRT_SECURE_NO_WARNINGS    /* Visual Studio's /sdl makes errors of strcpy, fopen and the like (C4996) */
#pragma comment(lib, "ws2_32.lib") /* a new project there does not link it */
#endif
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0600 /* Windows Vista, the first with GetTickCount64 and dual-stack sockets */
#endif
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <winsock2.h>
#include <ws2tcpip.h>
#include <windows.h>

#include <stdbool.h>
#include <stddef.h>

enum {
    DEFAULT_PORT = 9000,
    DEFAULT_CLIENTS = 1000,
    MAX_CLIENTS = 10000,

    /* WSAWaitForMultipleEvents takes at most 64 events, so s_arr and e_arr are cut into groups of 64 slots with a
     * Proactor thread each. Two slots of a group are no session's. */
    GROUP_SLOTS = WSA_MAXIMUM_WAIT_EVENTS,
    SLOT_SEND = 0,  /* the event of all sends of the group */
    SLOT_WAKE = 1,  /* the group's wake event */
    SLOT_FIRST = 2, /* the first session */
    GROUP_SESSIONS = GROUP_SLOTS - SLOT_FIRST,

    RBUF_MIN = 2 * 1024,   /* bytes of rbuf in quiet times ... */
    RBUF_MAX = 128 * 1024, /* ... and while receives fill it */

    ACCEPT_PAUSE_MS = 100, /* before the next try when accept is out of handles or buffers */
    FINISH_MS = 800 /* for a session's last sends and its good-bye. When the server stops, handlers have as long before
                       that to let the client finish what it is saying. */
};

typedef struct Session Session, *LPSession;
typedef struct Proactor Proactor, *LPProactor;
typedef struct Server Server, *LPServer;

/* What is done with a session's bytes: the lecture's `handler`, which tells receive from send, as one function for
 * each. All run on the session's Proactor thread, without cs, and never block. `echo` and `chat` are two such
 * tables; a third needs no change in Proactor.cpp.
 *
 * One thing to know when you write a third: notified() is skipped for a session of which an operation was just
 * finished. So let opened(), received(), sent() and notified() all end with one and the same function that looks at
 * what there is to do, as chat_pump() does; then nothing waits for a call that does not come. */
typedef struct Handler {
    const char *name;

    /* The session is new: post the first operation. */
    void (*opened)(LPSession session);

    /* A receive is complete: `bytes` more stand in rbuf behind the ones kept, and a NUL behind them. 0 bytes: the
     * client will send no more (half-close), but may still be reading. */
    void (*received)(LPSession session, ULONG bytes);

    /* A send is complete, to its last byte: swsa and what it points to are free again. */
    void (*sent)(LPSession session);

    /* `deadline` has come. Or the group was woken, by proactor_wake_all(), a new session or a stop, and in this round
     * no operation of the session was finished. While the server is stopping it is called in every round, until the
     * handler calls session_finish(). */
    void (*notified)(LPSession session);

    /* The last call: nothing is pending, and the session is freed after it. */
    void (*closed)(LPSession session);
} Handler;

/* The phases of a session's life: NEW, not seen by its Proactor yet; OPEN, served by its handler; FINISHING, its last
 * sends go out; LINGERING, half-closed by us, received bytes are dropped until the client closes too; CLOSED,
 * closesocket() was called and its pending operations come to their end. */
typedef enum SessionPhase { NEW, OPEN, FINISHING, LINGERING, CLOSED } SessionPhase;

/* What has become of an operation. DEFERRED: the handler wants a receive, and the owner posts it once the handler has
 * returned, or the next owner does. PENDING: WSARecv or WSASend returned WSA_IO_PENDING. DONE: it completed at once.
 * The last two both end in session_result(). */
typedef enum Operation { IDLE, DEFERRED, PENDING, DONE } Operation;

/* Whether a session has received something lately, for load balancing. Each review turns ACTIVE into AGING, and AGING
 * into QUIET; whatever is received makes it ACTIVE again. */
typedef enum Activity { QUIET, ACTIVE, AGING } Activity;

/* One client: the lecture's ACT (Asynchronous Communication Token), all that its I/O needs. */
struct Session {
    WSAOVERLAPPED over;  /* of the receive */
    WSAOVERLAPPED sover; /* of the send: a chat session sends while a receive is pending */
    SOCKET sock;
    SOCKADDR_STORAGE caddr; /* the client's address, IPv4 or IPv6 */
    WSABUF rwsa;            /* receives into rbuf, behind the bytes the handler kept */
    WSABUF swsa[2];         /* gather: a send takes both, one after the other */
    char *rbuf;             /* rsize bytes */
    char *sbuf;             /* ssize bytes, the handler's; NULL until the handler wants it */
    ULONG rsize, ssize;
    const Handler *handler;
    WSAEVENT hevent; /* signalled when the receive is complete */
    LPServer server;
    LPProactor proactor; /* the owner */
    void *state;         /* the handler's own */

    SessionPhase phase;
    Operation receiving, sending; /* other than IDLE until the completion was taken */
    ULONG kept;                   /* bytes at the front of rbuf that the handler keeps */
    ULONG received;               /* bytes of the last receive */
    Activity activity;            /* all but QUIET are counted in proactor->busy */
    bool event_stale;             /* hevent may be set though nothing is pending */
    bool eof;                     /* the client half-closed */
    unsigned long long round;     /* the Proactor's, in which this session was served last */
    ULONGLONG deadline;           /* GetTickCount64 time; 0: none. OPEN: set by the handler, to be notified().
                                     FINISHING, LINGERING: to be closed. */

    unsigned long id;           /* counts from 1 */
    unsigned long long in, out; /* bytes */
    const char *why;            /* why it ended: a sentence or, with `error`, the call that failed */
    int error;                  /* WSAGetLastError() of that call, else 0 */
};

/* What proactor_wake() and the owner tell each other, in one word. */
enum { AWAKE, ASLEEP, WOKEN };

/* One group of 64 slots and its thread. */
struct Proactor {
    LPServer server;
    HANDLE thread;
    int number; /* of the group, and of its Proactor; counts from 1 */
    int first;  /* index in s_arr and e_arr of the group's slot 0 */

    int noc;  /* sessions in the group; guarded by cs */
    int busy; /* of them, those that received something lately; guarded by cs */
    volatile LONG
        overloaded; /* 1: it has busy sessions to hand over; written under cs, only by Interlocked functions */
    volatile LONG wake_state; /* AWAKE, ASLEEP or WOKEN; only by Interlocked functions */
    volatile LONG went_idle;  /* 1: had nothing left to do, since somebody set it to 0; only by Interlocked functions */

    /* The owner's alone. */
    int seen;                 /* sessions that the owner has seen: the wait covers these */
    unsigned long long round; /* of serving everybody once; counts from 1 */
    ULONGLONG now;            /* GetTickCount64 time of the round; 0 when nothing in the group waits for a time */
    bool more_work;           /* something was done in this round: there may be more to do */
    bool sending;             /* some send is pending */
    bool notify_next;         /* call the handlers' notified() in the next round ... */
    bool notify;              /* ... and in this one */
    bool reviewing;           /* in this round it is reviewed who is still busy */
    bool stopping;            /* server->stopping when the owner last looked */
    ULONGLONG finish_at;      /* then: when sessions that are still OPEN are finished; 0: none */
    ULONGLONG review_at;      /* when it is reviewed who is still busy; 0: nobody is */
    ULONGLONG wait_until;     /* the earliest time that anything in the group waits for; 0: none */
};

typedef struct Options Options;

struct Server {
    SOCKET listen_sock;  /* the lecture's gate socket */
    LPSession *s_arr;    /* groups of GROUP_SLOTS: the session ... */
    WSAEVENT *e_arr;     /* ... and its event, at the same index */
    CRITICAL_SECTION cs; /* guards arrays, counts and the chat room; not held across calls that block */
    int noc;             /* clients being served; each has an event object */
    bool stopping;       /* no more clients come, the rest is finished; guarded by cs */

    Proactor *proactors; /* room for max_groups */
    int groups;          /* groups opened; written by Main alone, under cs */
    int max_groups;
    LPProactor draining; /* the group whose busy sessions the others can take; NULL: none; guarded by cs */
    const Handler *handler;
    const Options *options;
    char full[64], address_full[64]; /* the lines that refused clients get */

    /* Guarded by cs too. */
    unsigned long ids; /* the last session's id */
    unsigned long served;
    int refused; /* clients just being told that the server is full */
    int peak;
    unsigned long long in, out;
};

/* ---- Main.cpp: what is done with bytes ---- */

extern const Handler echo_handler;
extern const Handler refuse_handler; /* sends the line in `state`, then finishes */

/* ---- Proactor.cpp: the life of sessions and groups ---- */

/* Makes a session for an accepted socket, which is the session's from now on, and counts it in; above the limits it
 * gets refuse_handler. Main only, cs not held. Returns NULL, having said why and closed the socket,
 * when there is no event or memory for it. */
LPSession session_create(LPServer server, SOCKET sock, const SOCKADDR_STORAGE *caddr);

/* Puts the session and its event into the arrays, opening a group if it takes one, and wakes the owner, whose the
 * session is from then on. Main only, cs not held. Returns false, having said why, when no group can be had. */
bool proactor_add(LPServer server, LPSession session);

/* Counts the session out, prints why it ended, and frees it. Its socket is closed, nothing is
 * pending, and it is in no array. The owner, or Main before proactor_add(); cs not held. */
void session_free(LPSession session);

/* The index at which the session and its event stand in s_arr and e_arr, for the trace. Owner thread only. */
int session_index(LPSession session);

/* Opens the next group: its two events and its thread, which sleeps until woken. Main only, cs not held. Returns
 * NULL, having said why, when there is no memory, event or thread. */
LPProactor proactor_open(LPServer server);

/* Waits for the group's thread to end. Main only, once the threads were told that the server is stopping. */
void proactor_join(LPProactor proactor);

/* Closes the group's events. Main only, when every group's thread has ended: until then they wake each other. */
void proactor_close(LPProactor proactor);

/* Wakes every group: notified() of every session that has nothing else to do is called. Any thread, cs not held. `self`
 * is the caller's own group, which is awake and needs no event; NULL on another thread. */
void proactor_wake_all(LPServer server, LPProactor self);

/* Returns true when every Proactor has had nothing left to do since proactor_watch_idle(), or has nothing now. Any
 * thread, cs is held. */
bool proactor_all_idled(LPServer server);
void proactor_watch_idle(LPServer server);

/* The rest is for handlers: owner thread only, cs not held. Failures end the session, not the caller: the handler
 * goes on as if nothing was and is told by closed(). */

/* Wants a WSARecv for up to rsize - 1 - `kept` bytes, behind the `kept` bytes at the front of rbuf (fewer than rsize -
 * 1). It is posted now, or when the handler has returned: in an overloaded group the session may be handed over first.
 * Does nothing if a receive is pending or the session is not OPEN. From now to received() rbuf may move: keep no
 * pointer into it, and do not let swsa point to it. */
void session_recv(LPSession session, ULONG kept);

/* Posts one WSASend for swsa[0] and swsa[1] (either may be empty, not both), which the handler set and may not
 * touch, nor what they point to, until sent(). No send may be pending. */
void session_send(LPSession session);

/* No more will be said: when the pending send is out, half-closes, waits for the client's end and closes, all within
 * FINISH_MS. `why` is a string constant for the console, "closed by the client". */
void session_finish(LPSession session, const char *why);

/* Has the handler notified() at `time` (GetTickCount64), or at the earlier time that it asked for before. */
void session_notify_at(LPSession session, ULONGLONG time);

/* Returns when the session will be finished because the server is stopping (GetTickCount64), or 0: it is not. */
ULONGLONG session_stop_time(LPSession session);

/* Ends the session now: pending operations are cancelled. `why` as above, or with `error` (from WSAGetLastError) the
 * name of the call that failed. Also Main, for a session that it could not add. */
void session_close(LPSession session, const char *why, int error);

/* ---- util.cpp: start-up and tear-down ---- */

/* Starts the console's writer and Winsock, makes the arrays, the listening socket and the first Proactor, listens,
 * prints the first lines. Main only. Returns false, having said why on stderr, when any of it fails; the console is
 * then as it was. */
bool server_start(LPServer server);

/* Ends every session (pending sends first, 2 * FINISH_MS at the most), joins the Proactor threads, frees all, prints
 * the totals and gives the console back. Main only, once the accept loop has ended. Returns false when the trace file
 * is not whole. */
bool server_stop(LPServer server);

#endif
