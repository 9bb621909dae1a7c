/* client.c - the client of the lessons. client.exe is an interactive client: it sends what is typed, and at the same
 * time shows what the server says. That takes two threads: one waits for the keyboard, the other, main's, for the
 * server. The options turn it into the clients that a server meets: a quiet crowd, busy ones, one that does not read,
 * one that resets, one that sends key by key.
 *
 * For one connection, blocking sockets are enough. For a client with many, so is WSAPoll, which has no limit of 64.
 * Compare this with the server, where two threads per client would be 20,000 threads. */
#include "client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the command line ---- */

typedef struct Option {
    const char *name;
    const char *value; /* its name in the help; NULL if the option takes none */
    long most;         /* the largest value; the smallest is 1 */
    int with;          /* the option that it goes with, or NONE if it is a kind of client of its own */
    long usual;        /* the default value */
    const char *help;
} Option;

static const Option options[OPTION_COUNT] = {
    { "--keys", NULL, 0, NONE, 0, "send each key individually, as Windows' telnet does; Ctrl+] ends" },
    { "--reset", NULL, 0, NONE, 0, "end with a reset (RST) instead of an orderly close" },
    { "--crowd", "N", MAX_CROWD, NONE, 0, "hold N quiet connections (1 to 10000) until Enter" },
    { "--busy", "N", MAX_BUSY, NONE, 0, "N connections (1 to 500) send 64 bytes, wait for the echo, send again" },
    { "--seconds", "S", 3600, BUSY, 3, "... for S seconds (default 3), then print a table of what they got" },
    { "--no-read", "BYTES", 1000000000, NONE, 0, "send BYTES and read nothing" },
    { "--then", "SECONDS", 3600, NO_READ, 3, "... for SECONDS (default 3), then read everything" },
};

static const char *host = "127.0.0.1", *port = "9000";
long given[OPTION_COUNT];

static void print_help(void)
{
    fputs("usage: client.exe [HOST] [PORT] [OPTION ...]\n"
          "\n"
          "Connects to HOST (default 127.0.0.1) and PORT (default 9000). A number alone is PORT:\n"
          "client.exe 9001 connects to 127.0.0.1, port 9001.\n"
          "\n"
          "Sends its input, typed or redirected, and prints what the server sends. A file that begins with a byte\n"
          "order mark (Notepad and PowerShell write UTF-16 or UTF-8 with one) is sent as UTF-8, any other as it is.\n"
          "\n",
          stdout);
    for (int i = 0; i < OPTION_COUNT; i++) {
        const char *value = options[i].value ? options[i].value : "";
        printf("  %s %-*s %s\n", options[i].name, (int)(17 - strlen(options[i].name)), value, options[i].help);
    }
    printf("  %-18s %s\n", "--help", "print this help and exit");
    fputs("\n"
          "The exit code is\n"
          "    0  after the end of the input (Ctrl+Z or Ctrl+D at the keyboard) and of the server's output\n"
          "    1  if it cannot connect, if the connection is lost or reset, or if --busy gets no answer\n"
          "    2  if the command line is wrong\n"
          "    3  if the server closes the connection first\n"
          "  130  after Ctrl+C\n",
          stdout);
}

/* Returns false, so that a caller can write "return bad_usage(...)". */
static bool bad_usage(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fputs("client: ", stderr);
    vfprintf(stderr, format, arguments);
    fputs(" (client.exe --help says more)\n", stderr);
    va_end(arguments);
    return false;
}

static bool is_number(const char *text)
{
    return *text && text[strspn(text, "0123456789")] == '\0';
}

/* Returns a whole number from 1 to `most`, or 0 if the text is not one. */
static long number_of(const char *text, long most)
{
    long number = is_number(text) ? strtol(text, NULL, 10) : 0; /* LONG_MAX for one that is larger */

    return number <= most ? number : 0;
}

/* Reads the option argv[*i] and, if it takes a value, advances *i to that and reads it. argv ends with a NULL. */
static bool option_read(char *argv[], int *i)
{
    const char *name = argv[*i], *value;
    char range[80];
    int k = 0;

    while (k < OPTION_COUNT && strcmp(options[k].name, name) != 0) k++;
    if (k == OPTION_COUNT) return bad_usage("there is no option %s", name);
    given[k] = 1;
    if (!options[k].value) return true;
    snprintf(range, sizeof range, "%s %s: a number from 1 to %ld", name, options[k].value, options[k].most);
    value = argv[++*i];
    if (!value) return bad_usage("%s is missing", range);
    given[k] = number_of(value, options[k].most);
    return given[k] || bad_usage("%s, not \"%s\"", range, value);
}

/* Allows one kind of client, and no option without the one that it goes with. Fills in the defaults. */
static bool options_agree(void)
{
    int kind = NONE;

    for (int i = 0; i < OPTION_COUNT; i++) {
        int with = options[i].with;
        if (given[i] && with == NONE) {
            if (kind != NONE) return bad_usage("%s and %s do not go together", options[kind].name, options[i].name);
            kind = i;
        } else if (given[i] && !given[with]) {
            return bad_usage("%s goes with %s", options[i].name, options[with].name);
        } else if (with != NONE && !given[i]) {
            given[i] = options[i].usual;
        }
    }
    return true;
}

/* Reads HOST PORT, HOST, PORT or nothing. */
static bool address_read(char *words[], int count)
{
    bool port_alone = count == 1 && is_number(words[0]);

    if (count == 2 || port_alone) port = words[count - 1];
    if (count > 0 && !port_alone) host = words[0];
    return number_of(port, 65535) || bad_usage("PORT is a number from 1 to 65535, not \"%s\"", port);
}

static bool arguments_read(int argc, char *argv[])
{
    char *words[2];
    int count = 0;

    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-') {
            if (!option_read(argv, &i)) return false;
        } else if (count == 2) {
            return bad_usage("\"%s\" is one argument too many: client.exe [HOST] [PORT] [OPTION ...]", argv[i]);
        } else {
            words[count++] = argv[i];
        }
    }
    return address_read(words, count) && options_agree();
}

/* ---- messages ---- */

static const char *error_meaning(int error)
{
    switch (error) {
    case WSAECONNREFUSED: return " (nobody is listening there)";
    case WSAECONNRESET: return " (reset by the server)";
    case WSAECONNABORTED: return " (aborted by this computer)";
    case WSAESHUTDOWN: return " (the server had closed it)"; /* only under Wine */
    case WSAETIMEDOUT: return " (no answer)";
    case WSAENETUNREACH: return " (network unreachable)";
    case WSAEHOSTUNREACH: return " (no route to this host)";
    case WSAHOST_NOT_FOUND: return " (no such host)";
    case WSATRY_AGAIN: return " (no name server responded)";
    case WSAENOBUFS: return " (no more memory, or no port left for another connection)";
    default: return "";
    }
}

int fail(int error, const char *format, ...)
{
    va_list arguments;

    fflush(stdout); /* keeps earlier output in front */
    va_start(arguments, format);
    fputs("client: ", stderr);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, ": error %d%s\n", error, error_meaning(error));
    va_end(arguments);
    return FAILED;
}

const char *grouped(long long number)
{
    static char texts[8][32];
    static int turn;
    char *text = texts[turn++ % 8] + 31;
    int digits = 0;

    *text = '\0';
    do {
        if (digits && digits % 3 == 0) *--text = ',';
        *--text = (char)('0' + number % 10);
        number /= 10;
        digits++;
    } while (number);
    return text;
}

/* ---- connecting ---- */

SOCKET sock = INVALID_SOCKET;

static struct addrinfo *addresses;     /* of HOST, in the order in which the system recommends trying them */
static const struct addrinfo *working; /* the one that worked last */

/* localhost is the loopback interface, whatever the hosts file says (RFC 6761, section 6.3). Without a name,
 * getaddrinfo() returns its addresses, ::1 first where the system has IPv6. */
static int addresses_find(void)
{
    struct addrinfo hints;

    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    return getaddrinfo(strcmp(host, "localhost") == 0 ? NULL : host, port, &hints, &addresses);
}

static bool is_loopback(const struct addrinfo *address)
{
    if (address->ai_family == AF_INET6) {
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)address->ai_addr)->sin6_addr) != 0;
    }
    return ntohl(((const struct sockaddr_in *)(const void *)address->ai_addr)->sin_addr.s_addr) >> 24 == 127;
}

/* Returns the build number. GetVersionEx() tells a program without a manifest that it runs on Windows 8;
 * RtlGetVersion() tells the truth. */
static DWORD windows_build(void)
{
    typedef LONG(WINAPI * GetVersionFunction)(OSVERSIONINFOW *);
    FARPROC function = GetProcAddress(GetModuleHandleA("ntdll.dll"), "RtlGetVersion");
    OSVERSIONINFOW version;

    memset(&version, 0, sizeof version);
    version.dwOSVersionInfoSize = sizeof version;
    if (!function || ((GetVersionFunction)(void (*)(void))function)(&version) != 0) return 0;
    return version.dwBuildNumber;
}

/* Mstcpip.h has these from the Windows 8 SDK on. */
#ifndef SIO_TCP_INITIAL_RTO
#define SIO_TCP_INITIAL_RTO _WSAIOW(IOC_VENDOR, 17)
#endif
typedef struct InitialRto { /* TCP_INITIAL_RTO_PARAMETERS */
    USHORT rtt;
    UCHAR max_syn_retransmissions;
} InitialRto;
enum { UNSPECIFIED_RTT = 0xFFFF, NO_SYN_RETRANSMISSIONS = 0xFE, WINDOWS_10_1709 = 16299 };

/* Windows repeats the SYN when the answer is a reset, so a refused connection takes 2 s, on loopback too. This makes it
 * fail at once ("TCP_INITIAL_RTO_PARAMETERS", mstcpip.h). Versions before Windows 10 1709 would read the value as 254
 * retransmissions. If the call fails, as under Wine, the connection is the same, but slower to fail. */
static void retransmit_no_syn(SOCKET to)
{
    InitialRto parameters;
    DWORD bytes = 0;

    if (windows_build() < WINDOWS_10_1709) return;
    parameters.rtt = UNSPECIFIED_RTT;
    parameters.max_syn_retransmissions = NO_SYN_RETRANSMISSIONS;
    WSAIoctl(to, SIO_TCP_INITIAL_RTO, &parameters, sizeof parameters, NULL, 0, &bytes, NULL, NULL);
}

/* Connects `sock` to one address. Returns 0 or the error. */
static int connect_to(const struct addrinfo *address)
{
    int error, yes = 1, small_buffer = 64 * 1024;

    sock = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
    if (sock == INVALID_SOCKET) return WSAGetLastError();
    if (given[NO_READ]) { /* before connect, or the system may grow the buffers to megabytes */
        setsockopt(sock, SOL_SOCKET, SO_RCVBUF, (const char *)&small_buffer, sizeof small_buffer);
        setsockopt(sock, SOL_SOCKET, SO_SNDBUF, (const char *)&small_buffer, sizeof small_buffer);
    }
    /* Without Nagle's algorithm a small message does not wait until the previous one is acknowledged. */
    setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, (const char *)&yes, sizeof yes);
    if (is_loopback(address)) retransmit_no_syn(sock);
    if (connect(sock, address->ai_addr, (int)address->ai_addrlen) == 0) return 0;
    error = WSAGetLastError();
    closesocket(sock);
    sock = INVALID_SOCKET;
    return error;
}

static const char *address_text(const struct addrinfo *address)
{
    static char text[NI_MAXHOST];

    if (getnameinfo(address->ai_addr, (socklen_t)address->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST) != 0)
        return "?";
    return text;
}

/* Adds to the list an address that refused or did not answer: ", ::1 refused". */
static void tried_add(char *list, size_t size, const struct addrinfo *address, int error)
{
    size_t length = strlen(list);
    const char *how = error == WSAECONNREFUSED ? "refused" : error == WSAETIMEDOUT ? "did not answer" : NULL;

    if (how) snprintf(list + length, size - length, "%s%s %s", length ? ", " : "", address_text(address), how);
}

/* Tries the address that worked last, then the others. So a crowd meets a refusal at most once. */
int connect_once(void)
{
    char tried[200] = "";
    int error = addresses ? 0 : addresses_find(), first_error = 0;

    if (error) return error;
    if (working) first_error = connect_to(working);
    if (working && !first_error) return 0;
    for (const struct addrinfo *next = addresses; next; next = next->ai_next) {
        if (next == working) continue;
        error = connect_to(next);
        if (error) {
            tried_add(tried, sizeof tried, next, error);
            continue;
        }
        if (!working && *tried) fprintf(stderr, "client: %s: %s, using %s\n", host, tried, address_text(next));
        working = next;
        return 0;
    }
    return first_error ? first_error : error;
}

int connect_failed(int error)
{
    return fail(error, "cannot connect to %s, port %s", host, port);
}

/* ---- sending, and how the connection ends ---- */

volatile LONG input_ended, input_failed;
static volatile LONG input_sending;

bool send_all(SOCKET to, const char *data, int bytes)
{
    while (bytes > 0) {
        int sent = send(to, data, bytes, 0);
        if (sent == SOCKET_ERROR) return false;
        data += sent;
        bytes -= sent;
    }
    return true;
}

bool input_send(const char *data, int bytes)
{
    bool good;

    InterlockedExchange(&input_sending, 1);
    good = send_all(sock, data, bytes);
    if (!good) InterlockedExchange(&input_failed, WSAGetLastError());
    InterlockedExchange(&input_sending, 0);
    return good;
}

/* On Windows every call on a connection that was reset fails. Under Wine only the first one does, whichever thread made
 * it (it may be a thread of Wine's own; then SO_ERROR has the error), and recv() then reports a normal
 * close. So this also gives a send() that is under way half a second to fail. */
int end_error(void)
{
    int error = 0, size = sizeof error;

    for (int ms = 0; ms < 500 && input_sending; ms += 10) Sleep(10);
    if (input_failed) return (int)input_failed;
    return getsockopt(sock, SOL_SOCKET, SO_ERROR, (char *)&error, &size) == 0 ? error : 0;
}

/* ---- main ---- */

static int run(void)
{
    int error = connect_once();

    if (error) return connect_failed(error);
    if (given[CROWD]) return crowd();
    if (given[BUSY]) return be_busy();
    if (given[NO_READ]) return not_read();
    return talk();
}

int main(int argc, char *argv[])
{
    WSADATA data;
    int code;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") != 0) continue;
        print_help();
        return ENDED;
    }
    if (!arguments_read(argc, argv)) return BAD_USAGE;
    code = WSAStartup(MAKEWORD(2, 2), &data);
    if (code) return fail(code, "cannot start Winsock");
    console_prepare();
    code = run();
    console_restore();
    if (sock != INVALID_SOCKET) closesocket(sock);
    return code;
}
