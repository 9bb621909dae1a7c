/* sim.h - the inside of the simulated Winsock.
 *
 * The server's own sources run on it, natively, under the sanitizers. One process plays one seed:
 *
 *   seed.c     random numbers, what the seed draws for the whole run, which calls fail
 *   sched.c    the threads, of which one runs at a time, and the virtual clock
 *   sync.c     handles, events, waits, critical sections
 *   socket.c   Winsock's calls on sockets
 *   overlap.c  overlapped operations
 *   wire.c     connections: what Winsock and the clients do to each other
 *   memory.c   the server's memory
 *   arrays.c   its arrays and counts, as Overlapped.h has them
 *   console.c  its output, its Ctrl+C, its end;  typed.c: its keyboard
 *   file.c     its command line, its trace file;  slim.c: slim locks, condition variables
 *   json.c     what is in that file
 *   sim_client.c  scripted clients;  sim_echo.c, sim_chat.c, sim_quiz.c: what they say and must get back
 *   sim_flood.c   hostile clients, and two that are timed beside them
 *   run.c      one seed from the start to the last check;  driver.c: many seeds
 *
 * Threads are real, but only one runs at a time; the next is drawn from the seed at every call into the simulator. So a
 * seed always plays the same way, and ThreadSanitizer still sees every race: the simulator tells it about the ordering
 * that Windows guarantees (an event set and waited for, a critical section, a thread's start and end) and about no
 * other, because this code is not instrumented for it.
 */
#ifndef SIM_H
#define SIM_H

#define SIM_INSIDE
#include "process.h"
#include "winsock2.h"

#include <stdbool.h>

#define NEVER UINT64_MAX

/* ---- seed.c ---- */

/* What a hostile client does, without end. */
typedef enum Attack {
    NO_ATTACK,
    CHURN,      /* connects and disconnects */
    LINES,      /* short lines, in bulk */
    ECHO_KINDS, /* everything from here on attacks the chat */
    NOPS = ECHO_KINDS,
    BACKSPACES, /* over a long line */
    TOGGLES,    /* echo off and on, with a long line to be redrawn */
    TYPISTS,    /* key by key */
    ASKERS,     /* /who, /help */
    QUITTERS,   /* /quit, and then keeps sending */
    ATTACKS
} Attack;

typedef enum Narration { SILENT, TOLD, STEPPED } Narration;

/* Drawn once for the whole run: seeds differ in kind, not only in detail. */
typedef struct Plan {
    uint64_t seed;
    const char *mode;     /* "echo", "chat", "upper" or "quiz" */
    int clients;          /* how many come */
    int max_clients;      /* the server's option; 0: not given */
    int max_per_ip;       /* likewise */
    bool quiet;           /* likewise */
    int bind;             /* 0: every address, 1: 127.0.0.1, 2: ::1 */
    unsigned switch_rate; /* thread switches per 1,000 calls */
    unsigned stall_rate;  /* ... and threads that Windows does not schedule for a while */
    unsigned at_once;     /* operations in 100 that finish at once when they can */
    unsigned whole;       /* receives in 100 that return all there is, and sends that accept everything */
    unsigned swallowed;   /* sends in 100 that are accepted in full at once, however large */
    bool short_sends;     /* a send may take only some bytes, for hardening: Windows never does that */
    bool reuse;           /* the number of a closed handle is given out again at once */
    unsigned backlog;     /* clients that listen() lets wait, if it is asked for that many */
    uint64_t latency;     /* us, at most, until a completion */
    size_t window;        /* bytes in flight in each direction of a connection */
    unsigned tick;        /* us between two steps of GetTickCount64 */
    uint64_t span;        /* us in which the clients arrive */
    uint64_t stop_at;     /* us: Ctrl+C; NEVER: when the clients are done */
    bool bulk;            /* few clients with many bytes */
    bool codepage;        /* the option of chat, 949; the machine's own is UTF-8 */
    bool crowd;           /* more than a group of clients, which talk for a while, with pauses: sessions migrate */
    bool lulls;           /* chat: a long line each, and one more when large buffers are shrunk */
    bool flood;           /* chat: more than its log holds, and a client that does not read */
    unsigned console;     /* writes in 1,000 in which the console stalls for seconds */
    bool trace;           /* the option --trace-file */
    Narration narration;  /* with it: --trace, or --step */
    unsigned disk;        /* writes in 1,000 for which the disk is full */
    bool options_only;    /* the command line is the test */
    int operator_lines;   /* chat: lines that are typed at the server */
    bool operator_stays;  /* the run lasts until all of them are typed */
    Attack attack;        /* hostile clients: see sim_flood.c */
    Attack second;        /* every other one of them does this */
    int hostile;          /* how many there are */
    uint64_t attack_time; /* us that it lasts */
    unsigned resets;      /* looks in 1,000 that end with a reset */
    bool hush;            /* they all reset at its end, and then nobody says anything */
    bool starved;         /* a full group's Proactor is not scheduled for seconds, and the others go on without it */
    bool timed;           /* nothing fails or stalls: operations that must be quick are timed */
} Plan;

extern Plan plan;
extern const char *plan_only; /* "floods" or "operator": each seed is of that kind; NULL: as drawn */
extern bool verbose;

void plan_draw(uint64_t seed, const char *mode);
uint64_t rnd(uint64_t below);                        /* 0 to below - 1 */
uint64_t rnd_between(uint64_t least, uint64_t most); /* both included, small numbers as often as large ones */
bool chance(unsigned in_thousand);

/* clang-format off */
#define SIM_CALLS(X) \
    X(WSAStartup) X(WSASocketW) X(setsockopt) X(setsockopt_later) X(bind) X(listen) X(getsockname) X(accept) \
    X(WSACreateEvent) X(_beginthreadex) X(SetConsoleCtrlHandler) X(WSARecv) X(WSASend) \
    X(WSAGetOverlappedResult) X(WSAWaitForMultipleEvents) X(shutdown) X(CancelIoEx) X(malloc) \
    X(calloc) X(realloc) X(free) X(inet_ntop) X(GetStdHandle) X(GetConsoleMode) \
    X(SetConsoleMode) X(WriteFile) X(WriteConsoleW) X(SetConsoleTextAttribute) X(GetConsoleScreenBufferInfo) X(QueryPerformanceCounter) \
    X(QueryPerformanceFrequency) X(closesocket) X(WSASetEvent) X(WSAResetEvent) X(WSACloseEvent) \
    X(WaitForSingleObject) X(CloseHandle) X(WSACleanup) X(inet_pton) \
    X(InitializeCriticalSectionAndSpinCount) \
    X(EnterCriticalSection) X(LeaveCriticalSection) X(DeleteCriticalSection) X(Interlocked) \
    X(HasOverlappedIoCompleted) X(GetTickCount64) X(GetLocalTime) X(Sleep) X(GetCurrentThreadId) X(TlsAlloc) X(TlsFree) X(TlsSetValue) X(TlsGetValue) \
    X(MultiByteToWideChar) X(WideCharToMultiByte) X(FoldStringW) X(CompareStringOrdinal) X(GetStringTypeW) \
    X(AcquireSRWLockExclusive) X(ReleaseSRWLockExclusive) \
    X(SleepConditionVariableSRW) X(WakeConditionVariable) X(GetCommandLineW) X(CreateFileA) X(CreateFileW) X(GetFileType) \
    X(SetFilePointerEx) X(SetEndOfFile) X(socket) X(WSAIoctl) X(WSAPoll) X(IsValidCodePage) \
    X(ReadFile) X(ReadConsoleW) X(PeekConsoleInputW) X(ReadConsoleInputW)
/* clang-format on */

typedef enum Call {
#define SIM_ENUM(name) CALL_##name,
    SIM_CALLS(SIM_ENUM)
#undef SIM_ENUM
        CALLS
} Call;

/* Statistics of all runs, shared by their processes. */
typedef struct Stats {
    uint64_t made[CALLS], failed[CALLS];
    uint64_t runs, threads, clients, bytes, refused, max_threads, max_clients;
    uint64_t turned_away;                      /* no room in the backlog */
    uint64_t hand_overs, crowds, crowds_moved; /* runs with over 62 clients, and those in which sessions moved */
} Stats;

extern Stats *stats;

/* The first thing a simulated call does: counts it and lets others run. Returns 0, or the error that this call fails
 * with now. `conn`: the connection that may suffer from that; NULL: none. */
struct Conn;
void call_begin(Call call);
int call_fault(Call call, struct Conn *conn);
int call_fault_aimed(Call call, struct Conn *conn); /* at the moment when it may do the most harm */
void faults_stop(void);
bool faults_any(void);        /* a call failed in this run */
bool fault_was_fatal(void);   /* a call failed at start-up that the server cannot do without */
bool fault_excuses_end(void); /* the same, but Ctrl+C may have come first: either end is right */
extern int faults_loose;      /* failures that may have hit any one client */

/* Ends the run: a rule is broken. */
_Noreturn void violation(const char *format, ...) __attribute__((format(printf, 1, 2)));
extern bool violation_aborts; /* set in the fuzzer */
void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- sched.c ---- */

typedef bool (*Ready)(void *argument);
typedef void (*Happen)(void *argument);

typedef struct Thread {
    int id;
    char name[24];
    int baton; /* 1: this thread may run */
    Ready ready;
    void *ready_argument;
    uint64_t deadline, stalled_until;
    bool done;
    unsigned(__stdcall *start)(void *);
    void *argument;

    int last_error;
    void *local;       /* the value of the one index that TlsAlloc gives */
    struct Conn *told; /* the connection whose result it got last */
    bool given_up;     /* another thread waited for its end, in vain */
    bool let_go;       /* nobody will wait for its end */
    int cs_held;       /* critical sections and slim locks */
    int slim_held;     /* of cs_held, slim locks */
    unsigned lazy;     /* us, at most, for which it is sometimes not scheduled; 0: like the others */
    int idle_waits;    /* waits in a row that returned at once, with nothing done in between */
} Thread;

extern uint64_t now; /* us */

void sched_init(void);
void sched_begin_again(void); /* counts the calls of a run from 0, and forgets the threads that have ended */
Thread *sched_self(void);
Thread *sched_spawn(const char *name, unsigned(__stdcall *start)(void *), void *argument);
bool sched_threads_done(void); /* all but the caller and the console's */

/* Lets other threads run. */
void sched_point(void);
void sched_point_after(bool in_kernel); /* the same after a call, which takes time */
void sched_stall(uint64_t time);        /* lets only others run for that time */

/* Waits until `ready` returns true or the deadline. Returns true in the first case. */
bool sched_block(Ready ready, void *argument, uint64_t deadline);
bool sched_never(void *unused); /* for a wait that only the deadline ends */

/* Schedules a call of `happen` in `delay` us, on whatever thread runs then. */
void happen_in(uint64_t delay, Happen happen, void *argument);

/* Lets time go on without threads, as after the server's end. Returns false when no event is left up to `until`. */
bool world_step(uint64_t until);

/* ---- sync.c ---- */

typedef enum Kind { KIND_NONE, KIND_EVENT, KIND_SOCKET, KIND_THREAD } Kind;

typedef struct Event {
    bool set;
    int waiters, operations; /* threads that wait on it, operations that name it */
    Thread *poster;          /* of those operations */
    uint64_t mark;           /* see slot_mark() */
} Event;

typedef struct Handle {
    Kind kind;
    bool closed;
    void *object;
} Handle;

uintptr_t handle_new(Kind kind, void *object);
void handle_close(uintptr_t value);

/* Returns the handle's entry; ends the run when it is not an open handle of that kind. */
Handle *handle_get(uintptr_t value, Kind kind, const char *call);
Handle *handle_peek(uintptr_t value); /* open or closed; NULL: there never was one */
void handles_check(void);             /* all closed */
void cs_all_deleted(void);
void event_set(WSAEVENT event);
bool slot_mark(WSAEVENT event, uint64_t mark); /* false if it has that mark already */

uint64_t deadline_after(DWORD milliseconds); /* when Windows ends a wait of that length */

/* Ends the run if a critical section is held: for every call that blocks, and any of Winsock's. */
void rule_no_cs(const char *call);

/* ---- memory.c ---- */

void *arena(size_t size); /* zeroed, the simulator's own, never freed */
void memory_check(void);  /* all freed */
void bytes_copy(void *to, const void *from, size_t count);
uint64_t bytes_hash(const void *bytes, size_t count);
void bytes_poison(void *bytes, size_t count);
void bytes_unpoison(void *bytes, size_t count);
int text_format(char *text, size_t size, const char *format, va_list args);
int text_write(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Hides from ThreadSanitizer the accesses of the C library in between, on the simulator's behalf. */
void unseen_begin(void);
void unseen_end(void);
void order_release(void *object); /* everything done before is visible ... */
void order_acquire(void *object); /* ... to a thread that passes here later */

/* ---- text.c ---- */

bool text_is_utf8(const char *text, size_t count);
int korean_encode(const char *text, char *korean); /* UTF-8 to the simulated code page 949; returns the length */
int korean_decode(const char *korean, size_t count, char *text);

/* ---- wire.c ---- */

typedef struct Pipe {
    char *bytes;
    size_t size, head, count;
    size_t window; /* bytes that it holds before a sender has to wait */
    bool fin;
} Pipe;

typedef struct Conn {
    Pipe up, down; /* from the client, to the client */
    struct Socket *socket;
    struct sockaddr_storage addr;
    int client;
    int tries; /* to connect */
    bool accepted, server_closed, client_closed;
    bool known; /* to wire.c */
    bool reset_by_client, reset_by_server;
    bool excused;          /* a call was made to fail for it: it may be cut off */
    uint64_t taken, given; /* bytes that the server got from receives; that sends took */
} Conn;

size_t pipe_room(const Pipe *pipe);
size_t pipe_put(Pipe *pipe, const char *bytes, size_t count); /* as much as there is room for */
void pipe_put_all(Pipe *pipe, const char *bytes, size_t count);
size_t pipe_take(Pipe *pipe, char *bytes, size_t count);
void pipe_clear(Pipe *pipe);

bool conn_open(Conn *conn, int client); /* the client connects; false: try again */
bool conn_renew(Conn *conn);            /* for another connection, if the server is done with this one */
size_t conn_send(Conn *conn, const char *bytes, size_t count); /* the client's */
size_t conn_receive(Conn *conn, char *bytes, size_t count);
void conn_fin(Conn *conn);
void conn_close(Conn *conn);
void conn_reset(Conn *conn);
void conn_server_closed(Conn *conn); /* the server called closesocket */
void listener_open(int backlog);
void listener_close(void);
void listener_wait(void);
bool listener_is_open(void);
Conn *listener_take(void);
Conn *listener_last(void);   /* the last that accept returned; NULL: none yet */
void conn_break(Conn *conn); /* the connection is lost for both sides */
int wire_moves(void);        /* how often sessions changed owners */
void wire_totals(uint64_t *taken, uint64_t *given, unsigned *accepted);

/* ---- socket.c, overlap.c ---- */

typedef struct Request {
    bool pending, scheduled;
    bool due; /* complete, and the server has not taken the result yet */
    bool cancelled;
    bool swallowed;   /* all its bytes are on their way; only the completion is outstanding */
    const char *name; /* "WSARecv" or "WSASend" */
    struct Socket *socket;
    LPWSAOVERLAPPED over;
    WSABUF bufs[4];
    DWORD count;
    WSAEVENT event;
    Thread *thread;
    size_t total, done;
    uint64_t hash;
} Request;

typedef struct Socket {
    SOCKET handle;
    struct Socket *next;
    Conn *conn; /* NULL: the listening socket */
    int family;
    bool open, bound, listening, shut;
    bool no_delay, keep_alive;
    Thread *owner; /* the thread that posted its last operation */
    int moves;     /* how often that changed */
    Request receive, send;
} Socket;

extern Socket *sockets;  /* those that are open, or have an operation pending */
extern int socket_moves; /* the sum of `moves` over all that were removed from `sockets` */

int fail_with(int error); /* sets WSAGetLastError and returns SOCKET_ERROR */
Socket *socket_get(SOCKET sock, const char *call);
void socket_done(Socket *socket); /* removes it from `sockets`, if it no longer belongs there */
void operations_try(Socket *socket);
void operations_check_sleep(const Thread *thread);
void operations_check_thread(const Thread *thread);
void operations_check_block(const void *block, size_t size, const char *call);
bool winsock_started(void);

/* ---- arrays.c ---- */

void arrays_found(const void *over);     /* a session posts this receive */
bool arrays_calm(const void *over);      /* this send is the first thing that its round does */
bool arrays_served(const void *over);    /* the session with this send was already served in this round */
unsigned long arrays_pick(SOCKET *sock); /* the number and socket of any session; 0: there is none */
bool arrays_full_without(const Thread *thread, SOCKET one, SOCKET other);
void arrays_check(const void *cs);              /* when it is left */
void arrays_check_thread(const void *argument); /* when a thread with that argument has ended */

/* ---- console.c ---- */

typedef struct Output {
    char *bytes;
    size_t count, lines;
} Output;

extern Output console_out, console_err;

void console_init(void);
bool console_lines_lost(void); /* printing failed, or the console was too slow */
bool console_announced(void);  /* the first line is out */
bool console_handler_known(void);
void console_interrupt(DWORD type); /* Ctrl+C */
uint64_t interrupt_time(void);      /* when, or NEVER */
bool console_returned(void);        /* the handler is done with it */
void console_quit_typed(void);      /* the operator stops the server */
bool console_present(void);         /* there is one, not a pipe */
bool console_is_input(HANDLE handle);
size_t console_utf8(const WCHAR *units, DWORD count, char *text); /* UTF-16 as UTF-8; returns the number of bytes */
void console_check_restored(void);

/* From the first sleep of the console's writer to its end no other thread writes there. */
bool console_is_writer(const Thread *thread);
void console_writer(const Thread *thread);

/* ---- typed.c ---- */

bool operator_banned(void);   /* the operator has banned an address */
void operator_await(void);    /* blocks until there is something to read at the keyboard */
bool operator_quit(void);     /* the operator has typed /quit */
bool operator_busy(void);     /* the run lasts until the operator has typed all lines */
void operator_outlives(void); /* lets the operator's thread run on after the server's end */

/* ---- file.c ---- */

bool file_is(HANDLE handle); /* one that CreateFileW returned */
bool file_is_screen(HANDLE handle);
BOOL file_write(HANDLE handle, const void *bytes, DWORD count, DWORD *written);
void file_close(HANDLE handle);
bool file_failed(void);       /* a write to it was made to fail */
void file_check_closed(void); /* and checks the trace file's content */
void file_begin_again(void);  /* forgets the file */

/* ---- json.c ---- */

/* Returns true if the text is an array of objects, one per line, each well-formed, in UTF-8. If not, writes where and
 * what is wrong to `why`, 160 bytes. */
bool json_check(const char *text, size_t count, char *why);

/* ---- sim_client.c ---- */

void clients_start(void);
bool clients_busy(void); /* a client still has something to send or to receive */
void clients_witness(void);
void clients_finish(void); /* the server is gone: last checks */
int clients_total(void);

/* ---- sim_flood.c ---- */

void flood_start(void);
void flood_starve(void); /* may keep the calling thread from running for a long time; it holds no lock */
bool flood_busy(void);

/* ---- run.c ---- */

extern const char *run_arguments[16];
_Noreturn void run_seed(uint64_t seed, const char *mode);
_Noreturn void run_end(int code);
_Noreturn void process_end(int code);

#endif
