/* test.h - a small harness for testing the real server.exe from outside, through real sockets.
 *
 * A test is a function without arguments, anywhere in tests/suites/; it needs no registration:
 *
 *     TEST(echo_hello)
 *     {
 *         Server *server = server_start("--echo --quiet");
 *         Client *client = client_connect(server);
 *         char answer[5];
 *
 *         CHECK(client_send(client, "hello", 5));
 *         CHECK(client_recv(client, answer, 5));
 *         CHECK_EQ(server_stop(server), 0);
 *     }
 *
 * A check that fails prints where and what, and leaves the test. The runner then ends servers, workers and clients that
 * are left. Nothing waits forever: every call here has a time limit, and a watchdog ends the servers of a test that
 * takes too long. Functions that take a Server or a Client take NULL too, and fail on it.
 */
#ifndef TEST_H
#define TEST_H

#ifdef _MSC_VER
#define _CRT_SECURE_NO_WARNINGS
#pragma comment(lib, "ws2_32.lib")
#endif
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0601 /* Windows 7: WSA_FLAG_NO_HANDLE_INHERIT */
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
    PATIENCE_MS = 10000, /* the limit of all calls that name none: only a hung server takes this long */
    TEST_MS = 60000,     /* the limit of a whole test */
    MAX_TEST_CLIENTS = 1200
};

/* ---- tests and checks (runner.c) ---- */

/* The program exports its tests by name, as a DLL exports its functions, so that the runner finds them: a test's name
 * is written once. The tests run in the order of their names. */
#ifdef __cplusplus
#define TEST(name) extern "C" __declspec(dllexport) void TEST_##name(void)
#else
#define TEST(name) __declspec(dllexport) void TEST_##name(void)
#endif

/* For the test function itself; helpers and workers return what they found instead. */
#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!test_true(__FILE__, __LINE__, #condition, (condition) ? true : false)) return;                            \
    } while (0)
#define CHECK_EQ(a, b)                                                                                                 \
    do {                                                                                                               \
        if (!test_equal(__FILE__, __LINE__, #a " == " #b, (long long)(a), (long long)(b))) return;                     \
    } while (0)
/* a <= b */
#define CHECK_LE(a, b)                                                                                                 \
    do {                                                                                                               \
        if (!test_at_most(__FILE__, __LINE__, #a " <= " #b, (long long)(a), (long long)(b))) return;                   \
    } while (0)
/* the text contains the part */
#define CHECK_HAS(text, part)                                                                                          \
    do {                                                                                                               \
        if (!test_has(__FILE__, __LINE__, #text, (text), (part))) return;                                              \
    } while (0)
#define CHECK_STR(a, b)                                                                                                \
    do {                                                                                                               \
        if (!test_same(__FILE__, __LINE__, #a " == " #b, (a), (b))) return;                                            \
    } while (0)
/* after a helper that has checks of its own */
#define CHECK_STILL_GOOD()                                                                                             \
    do {                                                                                                               \
        if (test_has_failed()) return;                                                                                 \
    } while (0)
/* for tests that this machine cannot run */
#define SKIP_IF(condition, why)                                                                                        \
    do {                                                                                                               \
        if (condition) {                                                                                               \
            test_skip(why);                                                                                            \
            return;                                                                                                    \
        }                                                                                                              \
    } while (0)

bool test_true(const char *file, int line, const char *what, bool good);
bool test_equal(const char *file, int line, const char *what, long long a, long long b);
bool test_at_most(const char *file, int line, const char *what, long long a, long long b);
bool test_has(const char *file, int line, const char *what, const char *text, const char *part);
bool test_same(const char *file, int line, const char *what, const char *a, const char *b);
bool test_has_failed(void);
void test_skip(const char *why);
/* Prints a remark after the test's name, such as a figure that it measured. */
void test_note(const char *format, ...);

/* ---- the server (server.c) ---- */

typedef struct Server Server;

extern const char *server_exe;

/* Returns true under Wine, where some things must be asked of the host system, because Wine does not report them. */
bool on_wine(void);

/* Starts server.exe with `options` (UTF-8) and does not wait: for command lines that end by themselves. */
Server *server_run(const char *options);

/* Waits for the first line, the one with the port. */
bool server_listens(Server *server);

/* Starts server.exe with `options` and --port 0, and waits until it listens. */
Server *server_start(const char *options);

/* Does the same with a pipe as its standard input, into which the test types. */
Server *server_start_typed(const char *options);
bool server_types(Server *server, const char *text);
void server_end_input(Server *server);

int server_port(Server *server);

/* Sends Ctrl+C (on Windows Ctrl+Break, because Ctrl+C cannot be sent to one process). */
bool server_interrupt(Server *server);

/* Does what Windows does to the server when its window is closed: a thread that it starts there calls the handler with
 * CTRL_CLOSE_EVENT, and when the handler returns, or after 5 seconds, the process is ended with STATUS_CONTROL_C_EXIT.
 * Returns false where the system does not show the function that such a thread begins with. */
bool server_close_window(Server *server);

/* Returns the exit code, or -1 if the server is still running after `ms`. */
long long server_wait(Server *server, int ms);

/* Closes all clients, then sends Ctrl+C, as most tests end. Returns the exit code. */
long long server_stop(Server *server);

/* Returns everything that it has written to stdout and stderr so far; valid until the next call. Never NULL. */
const char *server_output(Server *server);
const char *server_errors(Server *server);

/* Sets how its output is read from now on: at once (0), 4 KiB every `ms`, or not at all, like a paused console. When it
 * ends, all that is left is read. */
enum { OUTPUT_STOPS = -1 };
void server_output_pace(Server *server, int ms);

/* Waits until stdout has a whole line with `part` and `part2` (may be NULL) in it, and returns that line, which is
 * valid until the next call; NULL if it does not come. */
const char *server_line(Server *server, const char *part, const char *part2);

/* Return the process's CPU time in milliseconds, and its open handles; -1 if they are not available. */
long server_cpu_ms(Server *server);
long long server_memory_kb(Server *server); /* private memory; Wine counts pages that were touched and not given back */
long server_handles(Server *server);

/* For the runner: at the start, after a test or when it takes too long (any thread), after a failed test. */
void harness_init(void);
void net_init(void);
void servers_kill(void);
void servers_free(void);
void servers_show(void); /* the last lines that they wrote */

/* Return the number after or before `label` in a line: number_before("in 12 bytes", " bytes") is 12. -1 if there is
 * none. */
long long number_before(const char *line, const char *label);
long long number_after(const char *line, const char *label);
int count_text(const char *text, const char *part);

/* ---- bytes to send (clients.c) ---- */

/* Random bytes that are the same for the same seed, however they are cut. */
typedef struct Noise {
    unsigned int state;
} Noise;

void noise_start(Noise *noise, unsigned int seed);
void noise_fill(Noise *noise, void *data, size_t bytes);
bool noise_check(Noise *noise, const void *data, size_t bytes);
unsigned int noise_below(Noise *noise, unsigned int limit); /* a number from 0 to limit - 1 */

/* ---- clients (clients.c) ---- */

typedef struct Client {
    SOCKET sock;
    int index;      /* counts from 0 in each test */
    int start, end; /* the bytes of buf that were received but not yet taken */
    char buf[4096];
    bool half_closed;
} Client;

enum { RECV_EOF = 0, RECV_ERROR = -1, RECV_TIMEOUT = -2 };

/* Connects over IPv6 or, if the machine has none, IPv4. Returns NULL if that fails. */
Client *client_connect(Server *server);

/* Does the same with a numeric address; prints nothing if it fails. */
Client *client_connect_to(const char *address, int port);

/* Does the same with a small receive buffer: unread bytes soon pile up at the server. */
Client *client_connect_narrow(Server *server);

bool client_send(Client *client, const void *data, size_t bytes);
bool client_recv(Client *client, void *data, size_t bytes); /* exactly this many */

/* Reads a line, without its end (LF or CR LF), cut to `size` with its NUL. */
bool client_line(Client *client, char *line, size_t size);

/* Reads what is there, at least 1 byte. Returns the count, or RECV_EOF, RECV_ERROR, RECV_TIMEOUT. */
int client_recv_some(Client *client, void *data, int size);

/* Returns true when the server has closed and nothing came before: a normal end, not a reset. May send a byte to find
 * out. */
bool client_at_eof(Client *client);

/* Returns true if the client has something to read (data, end or error) within `ms`. */
bool client_readable(Client *client, int ms);

/* Sends, without waiting, until the connection takes nothing more for `ms`. Returns the count, -1 on an error. */
long long client_stuff(Client *client, Noise *noise, int ms);

bool client_half_close(Client *client);
void client_close(Client *client);
void client_reset(Client *client); /* the other end sees WSAECONNRESET */
void clients_close(void);
int client_port(Client *client); /* its own, as the server's console shows it */

/* Sends a short text and receives it back. Returns false if it does not come back. */
bool client_echoes(Client *client, const char *text);

bool have_ipv6(void);

/* ---- workers: threads that play several clients at once (clients.c) ---- */

/* Runs `work(argument)` on a thread of its own. `argument` must outlive the test function, which returns when a check
 * fails: make it static. */
bool worker_start(void (*work)(void *), void *argument);

/* Waits for all. Returns false if they do not end in `ms`. */
bool workers_join(int ms);

/* Returns the milliseconds since some fixed moment. */
long long now_ms(void);

#endif
