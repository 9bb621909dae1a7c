/* Overlapped.h - an echo/chat server on Overlapped I/O Model-I (completion by event object).
 *
 * Read this file first, then follow one message. This is the one map of the code:
 *
 *   Main.cpp      accept_clients()    accepts a client, which becomes a Session
 *   Proactor.cpp  proactor_add()      puts the session and its event into s_arr and e_arr, at the same index, and wakes
 *                                     the owner, another thread
 *                 session_open()      the owner sees the new session and calls the handler's opened()
 *   Main.cpp      echo_opened()       requests a receive
 *   Proactor.cpp  recv_post()         posts WSARecv, which returns at once
 *                 proactor_wait()     the owner waits in WSAWaitForMultipleEvents, which returns an index
 *                 proactor_run()      the session is at that index of s_arr, and proactor_serve() serves it
 *                 session_received()  gets the result: WSAGetOverlappedResult returns the number of bytes
 *   Main.cpp      echo_received()     the handler decides: send them back
 *   Proactor.cpp  send_post()         posts WSASend, and the round ends; most sends complete at once, so the next round
 *                                     needs no wait
 *                 session_sent()      gets the result
 *   Main.cpp      echo_sent()         requests the next receive, and the cycle repeats
 *
 * A function's prefix tells where it is: accept_, echo_, refuse_, session_create() and session_free() are in Main.cpp;
 * proactor_, all other session_, recv_, send_ and wait_ in Proactor.cpp; server_, listen_ and announce_ in util.cpp.
 * chat/ is a second handler. support/ has the parts that any server needs and no lesson covers: console, trace,
 * options, text, load balancing; there the prefix is the file's name.
 *
 * The language is clean C: it compiles without a warning as C11 and as C++14 and C++17. Titles in quotation marks, such
 * as "WSARecv function", are pages of Microsoft's documentation.
 *
 * Invariants
 * ----------
 * Ownership. Main owns the listening socket, and each session until proactor_add(). From then on the session belongs to
 * its owner, the Proactor of its group: only that thread posts operations on it, gets their results, calls its handler
 * and frees it. A session changes its owner only by migration, at a moment when nothing is pending on it. The sessions'
 * slots of s_arr and e_arr and all counts are changed under cs; an owner may read, without holding cs, the slots that
 * it has already seen, because no other thread changes those.
 *
 * Waking. To notify a group, publish the change first, then wake its owner: that sets `wake_state` to WOKEN and, only
 * if it was ASLEEP, the wake event. All changes to `wake_state` are atomic. The owner declares itself ASLEEP before it
 * waits, unless it finds WOKEN, and clears WOKEN before it reads what was published. So no wake-up is lost: whatever is
 * published too late for that reading leaves WOKEN behind, which the owner finds before it waits again. Waking an owner
 * that is awake costs no call into the kernel.
 *
 * Stopping. Ctrl+C closes the listening socket; accept fails, and Main leaves its loop and calls server_stop(), which
 * sets `stopping` under cs and wakes all Proactors. From then on no session migrates. Each Proactor notifies its
 * handlers until they call session_finish(), within FINISH_MS; then pending sends complete, within FINISH_MS again, and
 * the sessions are closed, removed and freed. A Proactor's thread ends when its group is empty. Main joins all threads
 * and frees the arrays.
 *
 * The rules:
 * 1. Only a session's owner posts operations on it and touches its buffers. Other threads publish a change and wake it.
 * 2. A session is freed only when neither operation is pending: closesocket, then let both complete.
 * 3. cs is held only for changes to the arrays, the counts and the chat's room, never across a call that can block.
 * 4. A short send is continued until all its bytes are out.
 * 5. Nothing is allocated per message; only a buffer that grows or shrinks is reallocated.
 * 6. Every Winsock result on which a client depends is checked. A failure ends that session with one clear line, never
 *    the server.
 * 7. No I/O thread waits for the console, a file or another client. (With --step they do, on purpose.)
 * 8. A pending operation is canceled only to end its session.
 */
#ifndef OVERLAPPED_H
#define OVERLAPPED_H

#ifdef _MSC_VER
#define _CRT_SECURE_NO_WARNINGS    /* Visual Studio's /sdl turns strcpy, fopen and the like into errors (C4996) */
#pragma comment(lib, "ws2_32.lib") /* which a new project does not link */
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

    /* WSAWaitForMultipleEvents takes at most 64 events, so s_arr and e_arr are divided into groups of 64 slots, with a
     * Proactor thread each. Two slots of a group hold no session. */
    GROUP_SLOTS = WSA_MAXIMUM_WAIT_EVENTS,
    SLOT_SEND = 0,  /* the event shared by all sends of the group */
    SLOT_WAKE = 1,  /* the group's wake event */
    SLOT_FIRST = 2, /* the first session */
    GROUP_SESSIONS = GROUP_SLOTS - SLOT_FIRST,

    MAX_BANS = 100, /* addresses that can be banned at a time, at most */

    RBUF_MIN = 2 * 1024,   /* bytes of rbuf in quiet times ... */
    RBUF_MAX = 128 * 1024, /* ... and while receives fill it */

    ACCEPT_PAUSE_MS = 100, /* before the next try when accept is out of handles or buffers */
    FINISH_MS = 800        /* grace period for a session's last sends and the closing handshake; when the server stops,
                              preceded by an equal one for the handlers */
};

typedef struct Session Session, *LPSession;
typedef struct Proactor Proactor, *LPProactor;
typedef struct Server Server, *LPServer;

/* Callbacks, one for each event of a session; together they are the lecture's `handler`, which distinguishes receive
 * from send. All run on the session's Proactor thread, without cs, and never block. `echo` and `chat` are two such
 * tables; a third needs no change in Proactor.cpp.
 *
 * A wake-up does not lead to notified() for a session whose operation has just completed in the same round. So let
 * opened(), received(), sent() and notified() all end with the same function, which does whatever there is to do, as
 * chat_pump() does. (The echo handler never has more than one thing to do, and needs no such function.) */
typedef struct Handler {
    const char *name;

    /* The session is new: post the first operation, or several. Always keep a receive posted, or a deadline set:
     * without a receive the session does not learn that its client has closed. */
    void (*opened)(LPSession session);

    /* A receive is complete: rbuf holds `bytes` more bytes after the kept ones, and a NUL after them. 0 bytes: the
     * client will send no more (half-close), but may still be reading; do not receive again. */
    void (*received)(LPSession session, ULONG bytes);

    /* A send is complete, to its last byte: swsa and what it points to may be reused. */
    void (*sent)(LPSession session);

    /* There may be something to do: the session's `deadline` has passed, or the group was woken (by
     * proactor_wake_all(), a new session or a stop). While the server is stopping, notified() is called in every round,
     * until the handler calls session_finish(). */
    void (*notified)(LPSession session);

    /* The last call, exactly once after opened(): nothing is pending, and the session is freed after it. Free `state`.
     */
    void (*closed)(LPSession session);
} Handler;

/* The phases of a session's life. NEW: its Proactor has not seen it yet. OPEN: its handler is called. FINISHING: its
 * last sends go out. LINGERING: we have half-closed, and discard what is received until the client closes too. CLOSED:
 * closesocket() was called, and pending operations are completing. */
typedef enum SessionPhase { NEW, OPEN, FINISHING, LINGERING, CLOSED } SessionPhase;

/* The state of an operation. DEFERRED: the handler wants a receive, and the owner posts it once the handler has
 * returned, or the next owner does. PENDING: WSARecv or WSASend returned WSA_IO_PENDING. DONE: it completed at once.
 * The last two are handled alike: the event is signaled on completion, and session_result() gets the result. */
typedef enum Operation { IDLE, DEFERRED, PENDING, DONE } Operation;

/* Whether a session has received something lately, for load balancing. Each review turns ACTIVE into AGING, and AGING
 * into QUIET; any bytes received make it ACTIVE again. */
typedef enum Activity { QUIET, ACTIVE, AGING } Activity;

/* One client: the lecture's ACT (asynchronous completion token), everything that its I/O needs. */
struct Session {
    WSAOVERLAPPED over;  /* of the receive */
    WSAOVERLAPPED sover; /* of the send: a chat session sends while a receive is pending */
    SOCKET sock;
    SOCKADDR_STORAGE caddr; /* the client's address, IPv4 or IPv6 */
    WSABUF rwsa;            /* receives into rbuf, after the bytes that the handler keeps */
    WSABUF swsa[2];         /* gathered into one send, one after the other; both are empty at first */
    char *rbuf;             /* rsize bytes */
    char *sbuf;             /* ssize bytes, the handler's; NULL until the handler wants it */
    ULONG rsize, ssize;
    const Handler *handler;
    WSAEVENT hevent; /* signaled when the receive is complete */
    LPServer server;
    LPProactor proactor; /* the owner */
    void *state;         /* the handler's own; NULL at opened() */

    SessionPhase phase;
    Operation receiving, sending; /* once posted, IDLE only after the result is taken */
    ULONG kept;                   /* bytes at the front of rbuf that the handler keeps */
    ULONG received;               /* bytes of the last receive */
    Activity activity;            /* all but QUIET are counted in proactor->busy */
    bool event_stale;             /* hevent may still be signaled by a receive whose result was taken */
    bool eof;                     /* the client half-closed */
    unsigned long long round;     /* proactor->round when it was last served */
    ULONGLONG deadline;           /* GetTickCount64 time; 0: none. OPEN: when to call notified(), set by the handler.
                                     FINISHING, LINGERING: when to close. */

    unsigned long id;           /* counts from 1 */
    unsigned long long in, out; /* bytes */
    const char *why;            /* why it ended: a sentence or, with `error`, the call that failed */
    int error;                  /* WSAGetLastError() of that call, else 0 */
};

/* The state of a Proactor's sleep, shared by its owner and the threads that wake it. */
enum { AWAKE, ASLEEP, WOKEN };

/* One group of 64 slots and its thread. */
struct Proactor {
    LPServer server;
    HANDLE thread;
    int number; /* of the group, and of its Proactor; counts from 1 */
    int first;  /* index in s_arr and e_arr of the group's slot 0 */

    int noc;                  /* sessions in the group; guarded by cs */
    int busy;                 /* those of them that are not QUIET; guarded by cs */
    volatile LONG overloaded; /* 1: a busy session should migrate; written under cs; Interlocked functions only */
    volatile LONG wake_state; /* AWAKE, ASLEEP or WOKEN; Interlocked functions only */
    volatile LONG went_idle;  /* 1: had nothing left to do (see balance_all_idled()); Interlocked functions only */

    /* Owner only. */
    int seen;                 /* sessions that the owner has seen: the wait covers these */
    unsigned long long round; /* in a round every session is served once; counts from 1 */
    ULONGLONG now;            /* GetTickCount64 time of the round; 0 when nothing in the group has a deadline */
    bool more_work;           /* something was done in this round, so there may be more to do */
    bool sending;             /* some send is pending */
    bool notify_next;         /* notify the handlers in the next round ... */
    bool notify;              /* ... and in this one */
    bool reviewing;           /* review the sessions' activity in this round */
    bool stopping;            /* server->stopping when the owner last looked */
    ULONGLONG finish_at;      /* once stopping: when sessions that are still OPEN are finished; 0: none */
    ULONGLONG review_at;      /* the next review; 0: none is planned */
    ULONGLONG wait_until;     /* the earliest deadline in the group; 0: none */
};

typedef struct Options Options;

struct Server {
    SOCKET listen_sock;  /* the lecture's gate socket */
    LPSession *s_arr;    /* in groups of GROUP_SLOTS: the session ... */
    WSAEVENT *e_arr;     /* ... and its event, at the same index */
    CRITICAL_SECTION cs; /* guards the arrays, the counts and the chat's room */
    int noc;             /* the lecture's number of clients: those that are served, not those that are refused */
    bool stopping;       /* no more clients are accepted, and the sessions are finished; guarded by cs */

    Proactor *proactors; /* room for max_groups */
    int groups;          /* groups that are open; written by Main only, under cs */
    int max_groups;
    LPProactor draining; /* the group that is being emptied, because the others have room for its busy sessions; NULL:
                            none; guarded by cs */
    const Handler *handler;
    const Options *options;
    char full[64], address_full[64]; /* the lines for refused clients */

    /* Guarded by cs too. */
    unsigned long ids; /* the last session's id */
    unsigned long served;
    int refused; /* clients that are being told why they are refused */
    int peak;
    unsigned long long in, out;
    SOCKADDR_STORAGE banned[MAX_BANS]; /* clients from these addresses are refused */
    int bans;
};

/* ---- Main.cpp: sessions are made and freed; the handlers ---- */

extern const Handler echo_handler;
extern const Handler refuse_handler; /* sends the line in `state`, then finishes */

/* Makes a session for an accepted socket and counts it in; the socket belongs to the session from now on. Above the
 * limits the session gets refuse_handler. Main only, cs not held. Returns NULL, with the socket closed and the reason
 * logged, when there is no slot, event or memory for it. */
LPSession session_create(LPServer server, SOCKET sock, const SOCKADDR_STORAGE *caddr);

/* Counts the session out, logs why it ended unless it was refused, and frees it. Its socket must be closed, nothing
 * pending, and the session in no array. The owner, or Main before proactor_add(); cs not held. */
void session_free(LPSession session);

/* ---- Proactor.cpp: the life of sessions and groups ---- */

/* Puts the session and its event into the arrays, opening a group if all are full, and wakes the owner, to which the
 * session belongs from now on. Main only, cs not held. Returns false, with the reason logged, when no group can be
 * opened. */
bool proactor_add(LPServer server, LPSession session);

/* Opens the next group: its two events and its thread, which sleeps until woken. Main only, cs not held. Returns NULL,
 * with the reason logged, when an event or the thread cannot be created. */
LPProactor proactor_open(LPServer server);

/* Waits for the group's thread to end. Main only, once `stopping` is set and all groups have been woken. */
void proactor_join(LPProactor proactor);

/* Closes the group's events. Main only, when all groups' threads have ended: until then they wake each other. */
void proactor_close(LPProactor proactor);

/* Wakes every group, so that the handler of every session is notified(). `self` is the calling thread's own group,
 * which is awake and needs no event; NULL if it has none. Any thread, cs not held. */
void proactor_wake_all(LPServer server, LPProactor self);

/* The rest is for handlers: owner thread only, cs not held. These functions return no errors: a failure closes the
 * session, and the handler learns of it from closed(). */

/* Requests a WSARecv of up to rsize - 1 - `kept` bytes, after the `kept` bytes at the front of rbuf (`kept` is less
 * than rsize - 1). It is posted now or, in an overloaded group, after the handler has returned and perhaps after the
 * session has migrated. Does nothing if a receive has already been requested or the session is not OPEN. Until
 * received() is called, rbuf may move: keep no pointer into it, and do not point swsa at it. */
void session_recv(LPSession session, ULONG kept);

/* Posts one WSASend of swsa[0] and swsa[1], which the handler has set; either may be empty, but not both. Until sent()
 * the handler may change neither them nor what they point to, even if WSASend completes at once: `sending` must be IDLE
 * when this is called. Does nothing if the session is not OPEN. */
void session_send(LPSession session);

/* Ends the session gracefully: when the pending send is complete, half-closes, waits until the client closes too, and
 * closes, all within FINISH_MS. After that, only closed() is called. `why` is a string constant for the log, such as
 * "closed by the client". */
void session_finish(LPSession session, const char *why);

/* Schedules one call to notified() at `time` (GetTickCount64), unless an earlier one is scheduled. cs may be held. */
void session_notify_at(LPSession session, ULONGLONG time);

/* Returns the time at which the session will be finished because the server is stopping (GetTickCount64); 0 while it is
 * not stopping. */
ULONGLONG session_stop_time(LPSession session);

/* Ends the session now: pending operations are canceled. `why` as above or, with `error` (from WSAGetLastError), the
 * name of the call that failed. Also Main, for a session that it could not add. */
void session_close(LPSession session, const char *why, int error);

/* ---- util.cpp: start-up and shutdown ---- */

/* Starts the console's writer and Winsock, allocates the arrays, opens the listening socket and the first group,
 * listens, and prints the first lines. Main only. Returns false, with the reason on stderr and the console restored,
 * when any of it fails. */
bool server_start(LPServer server);

/* Ends every session (within 2 * FINISH_MS), joins the Proactor threads, frees everything, prints the totals and
 * restores the console. Main only, once the accept loop has ended. Returns false when the trace file is incomplete. */
bool server_stop(LPServer server);

#endif
