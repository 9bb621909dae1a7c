/* Overlapped.h - an echo/chat server on Overlapped I/O Model-I (completion by event object).
 *
 * Read this file first: the two structs of the lecture, Session and Server, the Proactor that
 * serves them, and what every function promises. Then follow one message:
 *
 *   Main.cpp      accept_clients()    a client is accepted and becomes a Session
 *   Proactor.cpp  session_recv()      WSARecv is posted and returns at once
 *                 proactor_wait()     the thread sleeps in WSAWaitForMultipleEvents
 *                 session_received()  WSAGetOverlappedResult says what came
 *   Main.cpp      echo_received()     the handler decides: send it back
 *   Proactor.cpp  session_send()      WSASend is posted, and the circle closes
 *
 * The language is clean C: it compiles without a warning as C11 and as C++17.
 */
#ifndef OVERLAPPED_H
#define OVERLAPPED_H

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

    /* WSAWaitForMultipleEvents takes at most 64 events, so s_arr and e_arr are cut into windows of 64 slots with a
     * Proactor thread each. Two slots of a window are no session's. */
    WINDOW_SLOTS = WSA_MAXIMUM_WAIT_EVENTS,
    SLOT_SEND = 0,  /* the event of all sends of the window */
    SLOT_WAKE = 1,  /* set when Main or another window left word */
    SLOT_FIRST = 2, /* the first session */
    WINDOW_SESSIONS = WINDOW_SLOTS - SLOT_FIRST,

    RBUF_MIN = 2 * 1024, /* bytes: rbuf starts here and doubles while receives fill it */
    RBUF_MAX = 64 * 1024,

    ACCEPT_PAUSE_MS = 100, /* before the next try when accept is out of handles or buffers */
    FINISH_MS = 800 /* for a session's last sends and its good-bye; at the end as long again before, to hear it out */
};

typedef struct Session Session, *LPSession;
typedef struct Proactor Proactor, *LPProactor;
typedef struct Server Server, *LPServer;

/* What is done with a session's bytes: the lecture's `handler`, which tells receive from send, as one function for
 * each. All run on the session's Proactor thread, without cs, and never block. `echo` and `chat` are two such
 * tables; a third needs no change in Proactor.cpp. */
typedef struct Handler {
    const char *name;

    /* The session is new: post the first operation. */
    void (*opened)(LPSession session);

    /* A receive is complete: `bytes` more stand in rbuf behind the ones kept, and a NUL behind them. 0 bytes: the
     * client will send no more (half-close), but may still be reading. */
    void (*received)(LPSession session, ULONG bytes);

    /* A send is complete, to its last byte: swsa and what it points to are free again. */
    void (*sent)(LPSession session);

    /* Somebody called server_wake(), `due` has come, or the server is stopping, and no operation was finished since.
     * Called again and again while the server is stopping, until the handler calls session_finish(). */
    void (*woken)(LPSession session);

    /* The last call: nothing is pending, and the session is freed after it. */
    void (*closed)(LPSession session);
} Handler;

/* A session's way: NEW in the arrays, not seen by its Proactor yet; OPEN, served by its handler; FINISHING, its last
 * sends go out; LINGERING, half-closed by us, received bytes are dropped until the client closes too; CLOSED,
 * closesocket() was called and its pending operations come to their end. */
typedef enum SessionPhase { NEW, OPEN, FINISHING, LINGERING, CLOSED } SessionPhase;

/* An operation is not posted; posted, and WSARecv or WSASend said WSA_IO_PENDING; or posted and finished at once.
 * The last two end alike: with session_result(). */
typedef enum Operation { IDLE, PENDING, DONE } Operation;

/* One client: the lecture's ACT (Asynchronous Communication Token), all that its I/O needs. Between session_create()
 * and its end only the owner, its Proactor thread, touches it. */
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
    bool signalled;               /* hevent may be set though nothing is pending */
    bool filled;                  /* the last receive filled rbuf */
    bool eof;                     /* the client half-closed */
    unsigned char small;          /* receives in a row that needed little of rbuf */
    ULONGLONG due;                /* GetTickCount64 time to look after this session; 0: none */

    unsigned long id;           /* counts from 1 */
    unsigned long long in, out; /* bytes */
    const char *why;            /* why it ended: a sentence or, with `error`, the call that failed */
    int error;                  /* WSAGetLastError() of that call, else 0 */
};

/* One window of 64 slots and its thread. */
struct Proactor {
    LPServer server;
    HANDLE thread;
    int number;         /* counts from 1 */
    int first;          /* index in s_arr and e_arr of the window's slot 0 */
    int noc;            /* sessions in the window; guarded by cs */
    volatile LONG word; /* 1: wake was set and not answered yet; only by Interlocked functions */

    /* The owner's alone. */
    int seen;           /* noc when the owner last looked: the wait covers these */
    bool sending;       /* some send was pending in the last sweep */
    bool news;          /* call the handlers' woken() in the next sweep */
    bool stopping;      /* server->stopping when the owner last looked */
    ULONGLONG deadline; /* then: when sessions that are still OPEN are finished; 0: none */
    ULONGLONG due;      /* the earliest `due` of its sessions; 0: none */
};

typedef struct Options {
    int port;
    const char *bind; /* a numeric address; NULL: every address, IPv4 and IPv6 */
    const char *mode; /* "--echo" or "--chat" as given; NULL: none was */
    int max_clients;
    int max_per_ip; /* 0: no limit */
    bool chat, telnet, quiet, trace;
    const char *trace_file; /* NULL: none */
} Options;

struct Server {
    SOCKET listen_sock;  /* the lecture's gate socket */
    LPSession *s_arr;    /* windows of WINDOW_SLOTS: the session ... */
    WSAEVENT *e_arr;     /* ... and its event, at the same index */
    CRITICAL_SECTION cs; /* guards arrays, counts and the chat room; not held across calls that block */
    int noc;             /* clients being served; each has an event object */
    bool stopping;       /* no more clients come, the rest is finished; guarded by cs */

    Proactor *proactors; /* room for max_windows */
    int windows;         /* windows opened; written by Main alone, under cs */
    int max_windows;
    const Handler *handler;
    Options options;

    unsigned long ids; /* the last session's id; guarded by cs, like the totals: */
    unsigned long served;
    int refused; /* clients just being told that the server is full */
    int peak;
    unsigned long long in, out;
};

/* ---- Main.cpp: what is done with bytes ---- */

extern const Handler echo_handler;
extern const Handler chat_handler;
extern const Handler full_handler; /* says that the server is full, then good-bye */

/* ---- Proactor.cpp: posting, waiting, dispatch ---- */

/* Opens the next window: its two events and its thread, which sleeps until woken. Main only, cs not held. Returns
 * NULL, having said why, when there is no memory, event or thread. */
LPProactor proactor_open(LPServer server);

/* Waits for the window's thread to end. Main only, once the threads were told that the server is stopping. */
void proactor_join(LPProactor proactor);

/* Closes the window's events. Main only, when every window's thread has ended: until then they wake each other. */
void proactor_close(LPProactor proactor);

/* Puts the session and its event into the arrays, opening a window if it takes one, and wakes the owner, whose the
 * session is from then on. Main only, cs not held. Returns false, having said why, when no window can be had. */
bool proactor_add(LPServer server, LPSession session);

/* Leaves word to every window: woken() of every idle session is called. Any thread, cs not held. `self` is the
 * caller's own window, which is awake and needs no event; NULL on another thread. */
void server_wake(LPServer server, LPProactor self);

/* The rest is for handlers: owner thread only, cs not held. Failures end the session, not the caller: the handler
 * goes on as if nothing was and is told by closed(). */

/* Posts WSARecv for up to rsize - 1 - `kept` bytes, behind the `kept` bytes at the front of rbuf (fewer than rsize -
 * 1). Does nothing if a receive is pending or the session is not OPEN. May move rbuf. */
void session_recv(LPSession session, ULONG kept);

/* Posts one WSASend for swsa[0] and swsa[1] (either may be empty, not both), which the handler set and may not
 * touch, nor what they point to, until sent(). No send may be pending. */
void session_send(LPSession session);

/* No more will be said: when the pending send is out, half-closes, waits for the client's end and closes, all within
 * FINISH_MS. `why` is a string constant for the console, "closed by the client". */
void session_finish(LPSession session, const char *why);

/* Ends the session now: pending operations are cancelled. `why` as above, or with `error` (from WSAGetLastError) the
 * name of the call that failed. */
void session_close(LPSession session, const char *why, int error);

/* ---- util.cpp: start-up and tear-down ---- */

/* Fills `options` from the command line. On bad options prints one line and the usage on stderr and ends the process
 * with 2; after --help and --version ends it with 0. Main only, first of all. */
void options_read(Options *options, int argc, char *argv[]);

/* Starts Winsock, makes the arrays, the listening socket and the first Proactor, listens, prints the first line.
 * Main only. Returns false, having said why on stderr, when any of it fails. */
bool server_start(LPServer server);

/* Ends every session (pending sends first, 2 * FINISH_MS at the most), joins the Proactor threads, frees all, prints
 * the totals. Main only, once the accept loop has ended. */
void server_stop(LPServer server);

/* True once the user asked for the end (Ctrl+C and the like). Any thread. */
bool server_interrupted(void);

/* Makes a session for an accepted socket, which is the session's from now on, and counts it in; above max_clients
 * the handler is full_handler. Main only, cs not held. Returns NULL, having said why and closed the socket, when
 * there is no event or memory for it. */
LPSession session_create(LPServer server, SOCKET sock, const SOCKADDR_STORAGE *caddr);

/* Counts the session out, prints why it ended, and frees it. Its socket is closed and nothing is pending. Any
 * thread, cs not held. */
void session_free(LPSession session);

/* Gives `*buf` `size` bytes, keeping what is in it. False and unchanged when there is no memory. */
bool buffer_resize(char **buf, ULONG *bufsize, ULONG size);

/* "WSAECONNRESET" for 10054, and so on; "error" for one it does not know. Never NULL. */
const char *error_name(int error);

/* Prints one line on stdout, with the time of day in front, and flushes. Any thread; blocks as long as whoever reads
 * stdout makes it. Silent with --quiet. */
void say(const char *format, ...);

/* Prints "server: ..." and, for an error that is not 0, its name and number, as one line on stderr. Any thread. */
void complain(int error, const char *format, ...);

/* ---- util.cpp: the trace, which shows the model at work ---- */

/* What a step begins or ends: the bars of the timeline. Bars of one thread or one session never overlap. */
typedef enum TraceStep {
    STEP, /* no bar */
    WAIT_BEGIN,
    WAIT_END,
    SWEEP_BEGIN,
    SWEEP_END,
    HANDLER_BEGIN,
    HANDLER_END,
    RECV_PENDING, /* posted, and it stays pending */
    RECV_AT_ONCE, /* posted, and it is finished already */
    RECV_END,     /* the completion was taken */
    SEND_PENDING,
    SEND_AT_ONCE,
    SEND_END
} TraceStep;

enum { PREVIEW_BYTES = 40 };

extern bool trace_on;

/* With tracing off a step costs one branch. */
#define TRACE(...)                                                                                                     \
    do {                                                                                                               \
        if (trace_on) trace(__VA_ARGS__);                                                                              \
    } while (0)

/* Tells one step: with --trace as a line on stdout (unless `format` is NULL), with --trace-file as an event of the
 * timeline. `proactor` is the calling thread, NULL for Main; `session` may be NULL for steps that have none. Any
 * thread, cs not held. */
void trace(TraceStep step, LPProactor proactor, LPSession session, const char *format, ...);

/* Names the lane of a new Proactor thread in the timeline. With tracing on, Main only. */
void trace_thread(LPProactor proactor);

/* Writes the first of `bytes` bytes of `data` to `text`, printable, in quotes, after a space; nothing for 0 bytes.
 * Returns `text`. */
const char *trace_preview(char text[PREVIEW_BYTES], const char *data, ULONG bytes);

#endif
