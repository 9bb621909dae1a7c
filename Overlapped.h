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
 * is its owner's, the Proactor of the window in whose slots it stands: only that thread posts operations on it, takes
 * their results, calls its handler and frees it. A session changes its owner by hand-over only, at a moment when
 * nothing is pending on it. s_arr, e_arr and all counts are changed under cs; an owner reads its own slots without,
 * because nobody else changes a slot that the owner knows.
 *
 * How a wake travels. Whoever has news for a window puts them where the owner will look, and then calls
 * proactor_wake(): it sets `wake_state` to WOKEN and, if the owner was ASLEEP, the window's wake event. The owner
 * resets the event first and looks then, and never falls asleep with WOKEN in `wake_state`. So no news is lost, and an
 * owner that is awake anyway costs no call into the kernel.
 *
 * How a stop proceeds. Ctrl+C closes the listening socket; accept fails, Main leaves its loop and calls server_stop().
 * That sets `stopping` under cs and wakes all Proactors. From then on nothing is handed over; each Proactor calls
 * woken() of its sessions until they say session_finish(), for FINISH_MS at the most; then what is still to be sent
 * goes out, within FINISH_MS again, and the session is closed, removed and freed. When the server is stopping, a
 * Proactor's thread ends as soon as its window is empty. Main joins all threads, and frees the arrays.
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

    /* WSAWaitForMultipleEvents takes at most 64 events, so s_arr and e_arr are cut into windows of 64 slots with a
     * Proactor thread each. Two slots of a window are no session's. */
    WINDOW_SLOTS = WSA_MAXIMUM_WAIT_EVENTS,
    SLOT_SEND = 0,  /* the event of all sends of the window */
    SLOT_WAKE = 1,  /* the window's wake event */
    SLOT_FIRST = 2, /* the first session */
    WINDOW_SESSIONS = WINDOW_SLOTS - SLOT_FIRST,

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
 * One thing to know when you write a third: woken() is skipped for a session of which an operation was just finished.
 * So let opened(), received(), sent() and woken() all end with one and the same function that looks at what there is
 * to do, as chat_pump() does; then nothing waits for a call that does not come. */
typedef struct Handler {
    const char *name;

    /* The session is new: post the first operation. */
    void (*opened)(LPSession session);

    /* A receive is complete: `bytes` more stand in rbuf behind the ones kept, and a NUL behind them. 0 bytes: the
     * client will send no more (half-close), but may still be reading. */
    void (*received)(LPSession session, ULONG bytes);

    /* A send is complete, to its last byte: swsa and what it points to are free again. */
    void (*sent)(LPSession session);

    /* `wake_at` has come. Or the window was woken, by proactor_wake_all(), a new session or a stop, and in this round
     * no operation of the session was finished. While the server is stopping it is called in every round, until the
     * handler calls session_finish(). */
    void (*woken)(LPSession session);

    /* The last call: nothing is pending, and the session is freed after it. */
    void (*closed)(LPSession session);
} Handler;

/* The phases of a session's life: NEW, not seen by its Proactor yet; OPEN, served by its handler; FINISHING, its last
 * sends go out; LINGERING, half-closed by us, received bytes are dropped until the client closes too; CLOSED,
 * closesocket() was called and its pending operations come to their end. */
typedef enum SessionPhase { NEW, OPEN, FINISHING, LINGERING, CLOSED } SessionPhase;

/* An operation is not posted; posted, and WSARecv or WSASend said WSA_IO_PENDING; or posted and finished at once.
 * The last two end alike: with session_result(). */
typedef enum Operation { IDLE, PENDING, DONE } Operation;

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
    bool recv_put_off;            /* the handler wants a receive; this owner or the next posts it */
    bool recv_cancelled;          /* the pending receive was cancelled, to get a smaller rbuf */
    bool event_may_be_set;        /* hevent may be set though nothing is pending */
    bool filled;                  /* the last receive filled rbuf */
    bool eof;                     /* the client half-closed */
    bool rbuf_needed;             /* a receive since the last review needed a large rbuf */
    bool rbuf_needless;           /* the next receive gets a small one again */
    bool served;                  /* it received something since the last review */
    bool busy;                    /* it did so lately, and is counted in proactor->busy */
    unsigned long long round;     /* the Proactor's, in which this session was served last */
    ULONGLONG wake_at;            /* GetTickCount64 time to call woken(), set by the handler; 0: none */
    ULONGLONG finish_at;          /* the time to close it if it is still FINISHING or LINGERING; 0: none */

    unsigned long id;           /* counts from 1 */
    unsigned long long in, out; /* bytes */
    const char *refusal;        /* the line that it gets instead of service; NULL: it is served */
    const char *why;            /* why it ended: a sentence or, with `error`, the call that failed */
    int error;                  /* WSAGetLastError() of that call, else 0 */
};

/* What proactor_wake() and the owner tell each other, in one word. */
enum { AWAKE, ASLEEP, WOKEN };

/* One window of 64 slots and its thread. */
struct Proactor {
    LPServer server;
    HANDLE thread;
    int number; /* of the window, and of its Proactor; counts from 1 */
    int first;  /* index in s_arr and e_arr of the window's slot 0 */

    int noc;                /* sessions in the window; guarded by cs */
    int busy;               /* of them, those that received something lately; guarded by cs */
    volatile LONG overfull; /* 1: it has busy sessions to hand over; written under cs, only by Interlocked functions */
    volatile LONG wake_state; /* AWAKE, ASLEEP or WOKEN; only by Interlocked functions */
    volatile LONG rested;     /* 1: had nothing left to do, since somebody set it to 0; only by Interlocked functions */

    /* The owner's alone. */
    int known;                /* sessions that the owner has seen: the wait covers these */
    unsigned long long round; /* of serving everybody once; counts from 1 */
    ULONGLONG now;            /* GetTickCount64 time of the round; 0 when nothing in the window waits for a time */
    bool look_again;          /* something was done in this round: there may be more to do */
    bool sending;             /* some send is pending */
    bool news;                /* call the handlers' woken() in the next round ... */
    bool calling_woken;       /* ... and in this one */
    bool reviewing;           /* in this round it is reviewed who is still busy */
    bool stopping;            /* server->stopping when the owner last looked */
    ULONGLONG finish_at;      /* then: when sessions that are still OPEN are finished; 0: none */
    ULONGLONG review_at;      /* when it is reviewed who is still busy; 0: nobody is */
    ULONGLONG wait_until;     /* the earliest time that anything in the window waits for; 0: none */
    int found;                /* completions since the sweep began; counted by the trace, for the trace */
};

typedef struct Options {
    int port;
    const char *bind; /* a numeric address; NULL: every address, IPv4 and IPv6 */
    int max_clients;
    int max_per_ip; /* 0: no limit */
    int codepage;   /* of chat clients that do not send UTF-8 */
    bool echo, chat, quiet, trace, step;
    int slow;               /* ms after each line of the trace; 0: none */
    const char *trace_file; /* UTF-8; NULL: none */
    bool help, version;
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
    LPProactor leaving; /* the window whose busy sessions the others can take; NULL: none; guarded by cs */
    const Handler *handler;
    Options options;
    char full[64], address_full[64]; /* the lines that refused clients get */

    /* Guarded by cs too. */
    unsigned long ids; /* the last session's id */
    unsigned long served;
    int refused; /* clients just being told that the server is full */
    int peak;
    unsigned long long in, out;
};

/* ---- Main.cpp: the chat's types ---- */

enum {
    LOG_BYTES = 1024 * 1024,
    RECENT = 20, /* lines of talk that a newcomer is shown */
    NICK_CHARS = 20,
    NICK_BYTES = 3 * NICK_CHARS + 1,
    SAY_BYTES = 4095,                             /* a longer line goes out in pieces of at most this size */
    TEXT_BYTES = SAY_BYTES + 2 * NICK_BYTES + 64, /* a whole message: names, text, line end */
    KEYS_BYTES = 256,                             /* a first input of so many without a line end is no typed key */
    SUB_BYTES = 512,                              /* a sub-negotiation that has not ended by then never will */
    TERMINAL_COLUMNS = 79,   /* a line that the server echoes goes on in the next row here: a terminal has 80 or more,
                                and does not break it anywhere else, so that the server knows where the cursor is */
    REPLY_KEPT = 256,        /* reply in quiet times */
    REPLY_FULL = 2 * 1024,   /* with so many bytes for the client unsent, its next line waits */
    SBUF_KEPT = 2 * 1024,    /* sbuf in quiet times ... */
    SBUF_MAX = 16 * 1024,    /* ... and in a burst */
    TICK_MS = 50,            /* the shortest tick */
    TICK_BYTES = 16 * 1024,  /* what a tick brings for all together: for long 320 KB/s at the most ... */
    BUCKET = LOG_BYTES / 4,  /* ... but so much at once after a quiet time */
    RESERVE = LOG_BYTES / 8, /* how far a tick is overdrawn at the most */
    ASK_BYTES = 1024,        /* who sent so much without a line asks too whether he may go on */
    ASK_AGAIN_MS = 10        /* when the tick is late */
};

/* Of the telnet protocol (RFC 854). */
enum {
    SE = 240,
    AYT = 246,
    SB = 250,
    WILL = 251,
    WONT = 252,
    DO = 253,
    DONT = 254,
    IAC = 255,
    ECHO_OPTION = 1,
    SUPPRESS_GO_AHEAD = 3
};

typedef enum TelnetState { DATA, COMMAND, OPTION, SUBNEGOTIATION, SUB_COMMAND } TelnetState;

/* Of an option that the server may use: it does not; has offered it and not been answered; does. */
typedef enum OptionState { OFF, OFFERED, ON } OptionState;

/* What chat knows of a session. All but the fields marked so is the owner's alone. */
typedef struct Member {
    struct Member *next;               /* in the room's list; guarded by cs */
    char nick[NICK_BYTES];             /* guarded by cs; the owner may read it without */
    WCHAR wide_nick[NICK_CHARS + 1];   /* the same in UTF-16; guarded by cs */
    unsigned long long joined, cursor; /* guarded by cs: its place in the log when it came; what is before this was
                                          sent to it, or is being sent */
    unsigned long long until;          /* guarded by cs: it is leaving, and gets the news up to here; 0: it stays */
    unsigned long tick;                /* guarded by cs: in which it talked last */
    long long allowance;               /* guarded by cs: bytes that it may still say in that tick; below 0: its debt */
    bool inside;                       /* in the list */

    ULONG next_byte, bytes_end; /* what of rbuf was received and not looked at yet */
    TelnetState telnet;
    ULONG sub_bytes;            /* of the sub-negotiation */
    unsigned char verb;         /* of the telnet option that is coming: DO, DONT, WILL, WONT */
    OptionState echo, suppress; /* the server shows what is typed; it suppresses "go ahead" */
    bool they_suppress;         /* the client does that */
    bool negotiates;            /* the client has asked for options, or answered */
    bool known;                 /* whether it sends lines or keys */
    bool cr;                    /* the last byte was CR: a LF or NUL belongs to it */
    unsigned char escape;       /* the last byte of an escape sequence, of which nothing is kept; 0: there is none */
    UINT page;                  /* the client's code page, CP_UTF8 for most */
    bool told;                  /* that some of its bytes are no text */
    ULONG spent, paid;          /* bytes that the room has not charged it for yet; has, since the line began */

    ULONG line;        /* bytes of the unfinished line at the front of rbuf, as they were received */
    bool continued;    /* the front of that line went out already */
    ULONG drawn;       /* bytes of it that were echoed: whole characters */
    ULONG row, column; /* where the cursor is then, counted from the line's beginning */

    const char *why; /* it is leaving, or NULL */
    char *reply;     /* what is said to this client alone, and the echo */
    ULONG reply_len, reply_size;
    ULONG reply_out; /* bytes of it that are being sent: until then it must stay as it is */
} Member;

typedef struct Record {
    ULONG length;         /* of the text behind it */
    ULONG talk;           /* 1: somebody said it; 0: a notice */
    unsigned long author; /* a session's id; it is not shown its own messages */
    unsigned long number; /* counts from 1; for the trace */
} Record;

/* All of it is guarded by cs. */
typedef struct Room {
    char log[LOG_BYTES + sizeof(Record) + TEXT_BYTES]; /* a ring of records: byte n of all that was ever said is
                                        log[n % LOG_BYTES], and a record that begins before the end lies in one piece */
    unsigned long long head;                           /* where the next record goes */
    unsigned long long talk[RECENT];                   /* where the last lines of talk are */
    unsigned long talks, messages;
    bool closed; /* the server is stopping: nothing is said any more */
    Member *members;
    int here;

    unsigned long tick; /* counts from 1 */
    ULONGLONG tick_at;  /* when it began */
    bool waiting;       /* somebody had to wait in it */
    int talkers;        /* who talked in it, or wanted to */
    long long tokens;   /* bytes that may still be said in it, by all together; below 0: overdrawn */
    long long share;    /* and by each */
} Room;

/* ---- Main.cpp: what is done with bytes ---- */

extern const Handler echo_handler;
extern const Handler chat_handler;
extern const Handler full_handler; /* says the session's `refusal`, then good-bye */

/* ---- Proactor.cpp: the life of sessions and windows ---- */

/* Makes a session for an accepted socket, which is the session's from now on, and counts it in; above the limits it
 * gets a `refusal` and full_handler. Main only, cs not held. Returns NULL, having said why and closed the socket,
 * when there is no event or memory for it. */
LPSession session_create(LPServer server, SOCKET sock, const SOCKADDR_STORAGE *caddr);

/* Puts the session and its event into the arrays, opening a window if it takes one, and wakes the owner, whose the
 * session is from then on. Main only, cs not held. Returns false, having said why, when no window can be had. */
bool proactor_add(LPServer server, LPSession session);

/* Counts the session out, prints why it ended, and frees it. Its socket is closed, nothing is
 * pending, and it is in no array. The owner, or Main before proactor_add(); cs not held. */
void session_free(LPSession session);

/* The index at which the session and its event stand in s_arr and e_arr, for the trace. Owner thread only. */
int session_index(LPSession session);

/* Opens the next window: its two events and its thread, which sleeps until woken. Main only, cs not held. Returns
 * NULL, having said why, when there is no memory, event or thread. */
LPProactor proactor_open(LPServer server);

/* Waits for the window's thread to end. Main only, once the threads were told that the server is stopping. */
void proactor_join(LPProactor proactor);

/* Closes the window's events. Main only, when every window's thread has ended: until then they wake each other. */
void proactor_close(LPProactor proactor);

/* Wakes every window: woken() of every session that has nothing else to do is called. Any thread, cs not held. `self`
 * is the caller's own window, which is awake and needs no event; NULL on another thread. */
void proactor_wake_all(LPServer server, LPProactor self);

/* The rest is for handlers: owner thread only, cs not held. Failures end the session, not the caller: the handler
 * goes on as if nothing was and is told by closed(). */

/* Wants a WSARecv for up to rsize - 1 - `kept` bytes, behind the `kept` bytes at the front of rbuf (fewer than rsize -
 * 1). It is posted now, or when the handler has returned: in an overfull window the session may be handed over first.
 * Does nothing if a receive is pending or the session is not OPEN. From now to received() rbuf may move: keep no
 * pointer into it, and do not let swsa point to it. */
void session_recv(LPSession session, ULONG kept);

/* Posts one WSASend for swsa[0] and swsa[1] (either may be empty, not both), which the handler set and may not
 * touch, nor what they point to, until sent(). No send may be pending. */
void session_send(LPSession session);

/* No more will be said: when the pending send is out, half-closes, waits for the client's end and closes, all within
 * FINISH_MS. `why` is a string constant for the console, "closed by the client". */
void session_finish(LPSession session, const char *why);

/* Ends the session now: pending operations are cancelled. `why` as above, or with `error` (from WSAGetLastError) the
 * name of the call that failed. Also Main, for a session that it could not add. */
void session_close(LPSession session, const char *why, int error);

/* ---- util.cpp: start-up and tear-down ---- */

/* Fills `options` from the process's command line; the console speaks UTF-8 from now on. On bad options prints one line
 * and the usage on stderr and ends the process with 2; after --help and --version ends it with 0; the console is then
 * as it was. Main only, first of all. */
void options_read(Options *options);

/* Starts the console's writer and Winsock, makes the arrays, the listening socket and the first Proactor, listens,
 * prints the first lines. Main only. Returns false, having said why on stderr, when any of it fails; the console is
 * then as it was. */
bool server_start(LPServer server);

/* Ends every session (pending sends first, 2 * FINISH_MS at the most), joins the Proactor threads, frees all, prints
 * the totals and gives the console back. Main only, once the accept loop has ended. Returns false when the trace file
 * is not whole. */
bool server_stop(LPServer server);

/* True once the user asked for the end (Ctrl+C and the like). Any thread. */
bool console_interrupted(void);

/* Prints one line on stdout, with the time of day in front. Any thread; never waits for whoever reads stdout: a thread
 * of its own writes, and lines for which there is no room are counted instead. Silent with --quiet. */
void log_line(const char *format, ...);

/* Prints "server: ..." and, for an error that is not 0, its name and number, as one line on stderr. Any thread;
 * never waits, as log_line(). */
void log_error(int error, const char *format, ...);

/* "WSAECONNRESET" for 10054, and so on; "error" for one it does not know. Never NULL. Any thread. */
const char *error_name(int error);

/* Gives `*buf` `size` bytes, keeping what is in it (`*buf` NULL: nothing yet). A large buffer comes from the system
 * page by page and goes back to it when it shrinks. False and unchanged when there is no memory. Any thread. */
bool buffer_resize(char **buf, ULONG *bufsize, ULONG size);

/* Frees a buffer of buffer_resize(), or NULL. Any thread. */
void buffer_free(char *buf, ULONG bufsize);

/* "" for 1, "s" for any other number. Any thread. */
const char *text_plural(int n);

enum { ADDRESS_BYTES = 64 }; /* of "[IPv6]:PORT" */

/* Writes "ADDRESS:PORT", IPv6 in brackets, to `text`; an IPv4 client on the dual-stack socket is shown as IPv4. Any
 * thread. */
void address_text(const SOCKADDR_STORAGE *addr, char *text, size_t size);

/* True if both are the same client: the same address, or IPv6 addresses of the same 64 bits of network. Any thread. */
bool address_same(const SOCKADDR_STORAGE *a, const SOCKADDR_STORAGE *b);

/* ---- util.cpp: text in UTF-8 and in code pages of one or two bytes a character; any thread ---- */

enum { TEXT_INVALID = 0x110000 }; /* no character */

/* Returns the bytes of the first character of `text`, which has `length` > 0, in the code page, and what it is; with
 * TEXT_INVALID one byte that is none. 0: the character is well so far, but cut off. */
ULONG text_next(UINT page, const char *text, ULONG length, unsigned long *character);

/* The most bytes that one of its characters has, 1 for no text or ASCII; 0: it is not well-formed UTF-8. */
int text_utf8(const char *text, ULONG length);

/* How many bytes of the text in the code page are whole characters: those of one that is cut off do not count. */
ULONG text_whole(UINT page, const char *text, ULONG length);

/* Writes text in the code page as UTF-8, up to three times as long, without what text_steers(). False if there was
 * something in it that is no text: it has become U+FFFD. */
bool text_decode(UINT page, const char *bytes, ULONG length, char *text);

/* Writes a name as it is kept, in UTF-16 and UTF-8. False if it is none: it is to have 1 to NICK_CHARS letters and
 * digits of any script, and "-", "_" and ".". */
bool text_name(const char *text, WCHAR wide[NICK_CHARS + 1], char nick[NICK_BYTES]);

/* Makes text in the code page of well-formed UTF-8, in place: it never grows. Returns the bytes. What the page does
 * not have becomes "?". */
ULONG text_encode(UINT page, char *text, ULONG length);

/* True for controls, line separators and what turns text around: they would steer a terminal. */
bool text_steers(unsigned long character);

/* Columns that a character of so many bytes takes on a terminal: 0, 1, or 2 for Hangul, Chinese, kana, full-width and
 * emoji. */
ULONG text_columns(UINT page, unsigned long character, ULONG bytes);

/* Where the last character of the text begins that has a place on the screen: marks and what is not seen belong to the
 * one before them. And its columns; 0 for one that is cut off, and so not shown yet. */
ULONG text_last(UINT page, const char *text, ULONG length, ULONG *columns);

/* True if something of the UTF-8 text can be seen. */
bool text_visible(const char *text);

/* How many bytes of the UTF-8 text fit into so many columns. */
ULONG text_fit(const char *text, ULONG length, int columns);

enum { PREVIEW_COLUMNS = 24, PREVIEW_BYTES = 4 * PREVIEW_COLUMNS };

/* Writes the first of `bytes` bytes of `data` to `text`: whole characters of UTF-8 without what text_steers(), CR and
 * LF as \\r and \\n, dots for other bytes. Returns `text`. */
const char *text_preview(char text[PREVIEW_BYTES], const char *data, ULONG bytes);

/* ---- util.cpp: the trace, which shows the model at work ---- */

/* The steps, as docs/replay.html describes them: the step's name in the trace file; its phase there, 'B'egin, 'E'nd or
 * 'i'nstant; whose lane it is in; its colour on the console. Bars of one lane never overlap. */
#define TRACE_STEPS(X)                                                                                                 \
    X(STEP, "step", 'i', OF_THREAD, TRACE_PLAIN)                                                                       \
    X(WINDOW_OPEN, "window_open", 'i', OF_THREAD, TRACE_PLAIN)                                                         \
    X(WINDOW_END, "window_end", 'i', OF_THREAD, TRACE_PLAIN)                                                           \
    X(SESSION_NEW, "session_new", 'i', OF_THREAD, TRACE_PLAIN)                                                         \
    X(SESSION_IN, "session_in", 'i', OF_THREAD, TRACE_PLAIN)                                                           \
    X(SESSION_MOVED, "session_moved", 'i', OF_THREAD, TRACE_PLAIN)                                                     \
    X(SESSION_OUT, "session_out", 'i', OF_THREAD, TRACE_PLAIN)                                                         \
    X(WAKE_SET, "wake_set", 'i', OF_THREAD, TRACE_PLAIN)                                                               \
    X(EVENT_RESET, "event_reset", 'i', OF_THREAD, TRACE_PLAIN)                                                         \
    X(WAIT_BEGIN, "wait_begin", 'B', OF_THREAD, TRACE_WAIT)                                                            \
    X(WAIT_END, "wait_end", 'E', OF_THREAD, TRACE_WAIT)                                                                \
    X(WINDOW_DRAWN, "", ' ', OF_THREAD, TRACE_WAIT)                                                                    \
    X(SWEEP_BEGIN, "sweep_begin", 'B', OF_THREAD, TRACE_PLAIN)                                                         \
    X(SWEEP_END, "sweep_end", 'E', OF_THREAD, TRACE_PLAIN)                                                             \
    X(HANDLER_BEGIN, "handler_begin", 'B', OF_THREAD, TRACE_HANDLER)                                                   \
    X(HANDLER_END, "handler_end", 'E', OF_THREAD, TRACE_PLAIN)                                                         \
    X(RECV_PENDING, "recv_pending", 'B', OF_RECEIVE, TRACE_PENDING)                                                    \
    X(RECV_AT_ONCE, "recv_at_once", 'B', OF_RECEIVE, TRACE_DONE)                                                       \
    X(RECV_END, "recv_end", 'E', OF_RECEIVE, TRACE_DONE)                                                               \
    X(SEND_PENDING, "send_pending", 'B', OF_SEND, TRACE_PENDING)                                                       \
    X(SEND_AT_ONCE, "send_at_once", 'B', OF_SEND, TRACE_DONE)                                                          \
    X(SEND_END, "send_end", 'E', OF_SEND, TRACE_DONE)                                                                  \
    X(HALF_CLOSED, "half_closed", 'i', OF_THREAD, TRACE_PLAIN)                                                         \
    X(SOCKET_CLOSED, "closed", 'i', OF_THREAD, TRACE_PLAIN)                                                            \
    X(SAID, "said", 'i', OF_THREAD, TRACE_PLAIN)                                                                       \
    X(TAKEN, "taken", 'i', OF_THREAD, TRACE_PLAIN)

enum { OF_THREAD, OF_RECEIVE, OF_SEND };

/* The bits of FOREGROUND_...: the low digit is for a dark background, the high one for a light background. */
enum { TRACE_PLAIN, TRACE_WAIT = 0x1B, TRACE_PENDING = 0x4E, TRACE_DONE = 0x5A, TRACE_HANDLER = 0x0F };

#define TRACE_STEP(step, name, phase, lane, color) step,
typedef enum TraceStep { TRACE_STEPS(TRACE_STEP) TRACE_STEP_COUNT } TraceStep;
#undef TRACE_STEP

extern bool trace_on;

/* Begins the trace, on stdout and in a file, as the options say. Main only, before the first thread. Returns false,
 * having said why, when the file cannot be written. */
bool trace_open(const Options *options);

/* Ends it. Main only, after the last thread. Returns false when the file is not whole. */
bool trace_close(void);

/* With tracing off a step costs one branch. */
#define TRACE(...)                                                                                                     \
    do {                                                                                                               \
        if (trace_on) trace(__VA_ARGS__);                                                                              \
    } while (0)

/* Tells one step: with --trace as a line on stdout, unless `format` is NULL; with --trace-file as an event of the file.
 * Behind the line the format may have fields for the file alone: "line\tslot=%d\tfrom:%s" ("=" a number, ":" text; a
 * preview comes last, and is shown behind the line). `proactor` is the calling thread, NULL for Main; `session` may be
 * NULL. Any thread. With --step or --slow it waits, except for SESSION_IN, _MOVED, _OUT, SAID and TAKEN: these are told
 * while cs is held, all others while it is not. */
void trace(TraceStep step, LPProactor proactor, LPSession session, const char *format, ...);

/* Waits as trace() does, for the line that was told while cs was held. Any thread, cs not held. */
void trace_pause(void);

/* The rest only with tracing on, owner thread only, cs not held. */

/* Tells what became of the WSARecv or WSASend that was posted with `overlapped`; `error` is WSAGetLastError() if it
 * failed. */
void trace_posted(LPSession session, LPWSAOVERLAPPED overlapped, int error);

/* Tells that the wait returned `result`, which is this slot of the window, and draws the window as it is. */
void trace_wait(LPProactor proactor, int slot, DWORD result);

#endif
