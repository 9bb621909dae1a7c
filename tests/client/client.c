/* client.c - the client of the lessons. client.exe HOST PORT is a client to talk with: what is typed goes to the
 * server, what the server says is shown, both at the same time. For that it takes two threads: one waits for the
 * keyboard, the other, main's, for the server. The options make it the clients that a server meets: a quiet crowd, busy
 * ones, one that does not read, one that resets, one that sends key by key.
 *
 * Blocking sockets are all that one connection needs, and WSAPoll, which knows no limit of 64, is enough for a client's
 * many. Compare it with the server, where two threads a client would be 20,000 threads.
 */
#ifdef _MSC_VER
#define _CRT_SECURE_NO_WARNINGS
#pragma comment(lib, "ws2_32.lib")
#endif
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0600 /* Windows Vista */
#endif
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <winsock2.h>
#include <ws2tcpip.h>
#include <windows.h>

#include <process.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum ExitCode { ENDED = 0, FAILED = 1, BAD_USAGE = 2, CLOSED = 3, INTERRUPTED = 130 };

enum {
    CTRL_D = 0x04,
    CTRL_Z = 0x1A,
    CTRL_BRACKET = 0x1D,
    TYPED_CHARS = 1024,
    INPUT_BYTES = 3 * TYPED_CHARS, /* UTF-16 takes 1 to 3 bytes of UTF-8 for each of its units */

    MAX_CROWD = 10000,
    MAX_BUSY = 500,
    BUSY_BYTES = 64,     /* of a message */
    KEY_PAUSE_MS = 30,   /* between redirected keys, so that no two travel together */
    GOODBYE_MS = 2000,   /* for the other side to end too */
    RESET_PAUSE_MS = 500 /* so that the server has read everything by then */
};

/* ---- the command line ---- */

enum { KEYS, RESET, CROWD, BUSY, SECONDS, NO_READ, THEN, OPTION_COUNT, NONE = -1 };

typedef struct Option {
    const char *name;
    const char *value; /* what the help calls it; NULL: the option takes none */
    long most;         /* of the value; the least is 1 */
    int with;          /* the option that it goes with; NONE: it is a kind of client of its own */
    long usual;        /* the value when it is not given */
    const char *help;
} Option;

static const Option options[OPTION_COUNT] = {
    { "--keys", NULL, 0, NONE, 0, "send each key by itself, as Windows' telnet does; Ctrl+] ends" },
    { "--reset", NULL, 0, NONE, 0, "end with a reset (RST), not in order: a hard close" },
    { "--crowd", "N", MAX_CROWD, NONE, 0, "N quiet connections (1 to 10000), held until Enter" },
    { "--busy", "N", MAX_BUSY, NONE, 0, "N connections (1 to 500) that send 64 bytes, wait for the echo, send again" },
    { "--seconds", "S", 3600, BUSY, 3, "... for S seconds (3); then a table of what they got" },
    { "--no-read", "BYTES", 1000000000, NONE, 0, "send BYTES and read nothing" },
    { "--then", "SECONDS", 3600, NO_READ, 3, "... for SECONDS (3), then read everything" },
};

static const char *host, *port;
static long given[OPTION_COUNT]; /* its value; 1 for an option without; 0: not given */

static void print_help(void)
{
    printf("usage: client.exe HOST PORT [OPTION ...]\n"
           "\n"
           "Sends what it reads, from the keyboard or redirected, and prints what comes.\n"
           "\n");
    for (int i = 0; i < OPTION_COUNT; i++) {
        const char *value = options[i].value ? options[i].value : "";
        printf("  %s %-*s %s\n", options[i].name, (int)(17 - strlen(options[i].name)), value, options[i].help);
    }
    printf("  %-18s %s\n", "--help", "print this and end");
    fputs("\n"
          "It ends with the exit code\n"
          "    0  after the end of input (Ctrl+Z or Ctrl+D at the keyboard) and of all that the server had to say\n"
          "    1  when it cannot connect, or the connection is lost\n"
          "    2  when the command line is wrong\n"
          "    3  when the server closes the connection first\n"
          "  130  after Ctrl+C\n",
          stdout);
}

/* Returns false, for "return bad_usage(...)". */
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

/* A whole number from 1 to `most`, or 0. */
static long number_of(const char *text, long most)
{
    char *end;
    long number = strtol(text, &end, 10); /* LONG_MAX for one that is larger */

    return *text >= '0' && *text <= '9' && !*end && number <= most ? number : 0;
}

/* Reads the option argv[*i], and its value, to which it moves *i. argv ends with a NULL. */
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
    if (!value) return bad_usage("%s, which is missing", range);
    given[k] = number_of(value, options[k].most);
    return given[k] || bad_usage("%s, and not \"%s\"", range, value);
}

/* At most one kind of client, and no option without the one that it goes with. */
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

static bool arguments_read(int argc, char *argv[])
{
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-') {
            if (!option_read(argv, &i)) return false;
        } else if (!host) {
            host = argv[i];
        } else if (!port) {
            port = argv[i];
        } else {
            return bad_usage("\"%s\" is one too many: client.exe HOST PORT [OPTION ...]", argv[i]);
        }
    }
    if (!host) return bad_usage("HOST and PORT are missing: client.exe HOST PORT [OPTION ...]");
    if (!port) return bad_usage("PORT is missing: client.exe HOST PORT [OPTION ...]");
    if (!number_of(port, 65535)) return bad_usage("PORT is a number from 1 to 65535, and not \"%s\"", port);
    return options_agree();
}

static SOCKET sock = INVALID_SOCKET;
static volatile LONG input_ended; /* all that was typed is sent */

/* ---- the console ---- */

static HANDLE input, output;
static bool typed, shown;    /* input and output are the console, not a file or a pipe */
static DWORD input_mode;     /* as it was */
static UINT input_codepage;  /* of what is typed */
static UINT output_codepage; /* as it was; 0: there is no console */
static CRITICAL_SECTION output_lock;

static void console_restore(void)
{
    if (typed) SetConsoleMode(input, input_mode);
    if (output_codepage) SetConsoleOutputCP(output_codepage);
}

/* Runs on a thread that Windows makes for it. */
static BOOL WINAPI console_event(DWORD type)
{
    (void)type;
    console_restore();
    ExitProcess(INTERRUPTED);
}

static void console_prepare(void)
{
    DWORD mode;

    InitializeCriticalSection(&output_lock);
    input = GetStdHandle(STD_INPUT_HANDLE);
    output = GetStdHandle(STD_OUTPUT_HANDLE);
    typed = GetConsoleMode(input, &input_mode) != 0;
    shown = GetConsoleMode(output, &mode) != 0;
    SetConsoleCtrlHandler(NULL, FALSE); /* undoes "ignore Ctrl+C", which a child inherits from its parent */
    SetConsoleCtrlHandler(console_event, TRUE);
    input_codepage = GetConsoleCP() ? GetConsoleCP() : GetOEMCP();
    output_codepage = GetConsoleOutputCP();
    if (shown && !given[KEYS]) SetConsoleOutputCP(CP_UTF8); /* telnet leaves the console its code page */
    if (typed && given[KEYS]) SetConsoleMode(input, 0);     /* each key at once; Ctrl+C is one of them */
}

/* ---- what is typed goes to the server ---- */

/* True for a key that goes down, but not for Shift and the like. Only Alt brings a character when it goes up: one that
 * was typed by its number. */
static bool is_key(const INPUT_RECORD *event)
{
    const KEY_EVENT_RECORD *key = &event->Event.KeyEvent;
    WORD code = key->wVirtualKeyCode;

    if (event->EventType != KEY_EVENT) return false;
    if (!key->bKeyDown) return code == VK_MENU && key->uChar.UnicodeChar;
    return code != VK_SHIFT && code != VK_CONTROL && code != VK_MENU;
}

/* Waits for the first key of a line. Only from then on the line is being edited where the cursor stands, and what comes
 * before is not written into it. Returns false for the end of input. */
static bool console_await_key(void)
{
    INPUT_RECORD event;
    DWORD count;

    while (WaitForSingleObject(input, INFINITE) == WAIT_OBJECT_0 && PeekConsoleInputW(input, &event, 1, &count)) {
        WCHAR key = event.Event.KeyEvent.uChar.UnicodeChar;
        if (count && is_key(&event)) return key != CTRL_Z && key != CTRL_D;
        if (count) ReadConsoleInputW(input, &event, 1, &count);
    }
    return false;
}

/* Reads a line of the console as UTF-16, the only way to get every character, and makes UTF-8 of it. Returns the bytes,
 * 0 at the end. */
static int console_read(char data[INPUT_BYTES])
{
    static WCHAR wide[TYPED_CHARS]; /* at its front may be half a character, whose other half did not fit */
    static DWORD kept;
    static WCHAR last = '\n';
    DWORD count = 0, half;

    if (last == '\n' && !console_await_key()) return 0;
    if (!ReadConsoleW(input, wide + kept, TYPED_CHARS - kept, &count, NULL)) return 0;
    if (count == 0 && GetLastError() == ERROR_OPERATION_ABORTED) Sleep(INFINITE); /* Ctrl+C: console_event() ends us */
    if (count == 0) return 0;
    count += kept;
    last = wide[count - 1];
    half = count > 1 && IS_HIGH_SURROGATE(last) ? 1 : 0;
    count = (DWORD)WideCharToMultiByte(CP_UTF8, 0, wide, (int)(count - half), data, INPUT_BYTES, NULL, NULL);
    wide[0] = last;
    kept = half;
    return (int)count;
}

static int input_read(char data[INPUT_BYTES])
{
    DWORD bytes = 0;

    if (typed) return console_read(data);
    return ReadFile(input, data, INPUT_BYTES, &bytes, NULL) ? (int)bytes : 0;
}

static bool send_all(SOCKET to, const char *data, int bytes)
{
    while (bytes > 0) {
        int sent = send(to, data, bytes, 0);
        if (sent == SOCKET_ERROR) return false;
        data += sent;
        bytes -= sent;
    }
    return true;
}

/* ---- key by key, as Windows' telnet does ---- */

enum { TELNET_SE = 240, TELNET_SB = 250, TELNET_WILL, TELNET_WONT, TELNET_DO, TELNET_DONT, TELNET_IAC };
enum { TELNET_ECHO = 1, TELNET_SGA = 3 };

static volatile LONG server_echoes; /* negotiated; until then we show ourselves what is typed */

static bool output_write(const char *data, DWORD bytes);

/* Bytes of the character that begins so, in the code page of the keys. */
static int char_bytes(unsigned char first)
{
    if (input_codepage == CP_UTF8) return first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
    return IsDBCSLeadByteEx(input_codepage, first) ? 2 : 1;
}

/* One character, in one send. Enter is CR LF on the wire. */
static bool key_send(const char *key, int bytes)
{
    if (bytes == 1 && (*key == '\r' || *key == '\n')) {
        key = "\r\n";
        bytes = 2;
    }
    if (!server_echoes) output_write(key, (DWORD)bytes);
    return send_all(sock, key, bytes);
}

/* From the console, until Ctrl+]. A character outside the first 65,536 comes in two halves, as two keys. */
static void keys_typed(void)
{
    WCHAR wide[2];
    int units = 0;
    INPUT_RECORD event;
    DWORD count;

    while (ReadConsoleInputW(input, &event, 1, &count)) {
        char key[8];
        int bytes;
        wide[units] = event.Event.KeyEvent.uChar.UnicodeChar;
        if (!is_key(&event) || !wide[units]) continue;
        if (wide[units] == CTRL_BRACKET) return;
        if (IS_HIGH_SURROGATE(wide[units]) && units == 0) {
            units = 1;
            continue;
        }
        bytes = WideCharToMultiByte(input_codepage, 0, wide, units + 1, key, sizeof key, NULL, NULL);
        units = 0;
        if (!key_send(key, bytes)) return;
    }
}

static bool byte_read(char *byte)
{
    DWORD bytes = 0;

    return ReadFile(input, byte, 1, &bytes, NULL) && bytes == 1;
}

/* From a file or a pipe, in the code page of the keys: cmd's echo writes so. */
static void keys_redirected(void)
{
    char key[4];

    while (byte_read(key)) {
        int bytes = 1, all = char_bytes((unsigned char)key[0]);
        if (key[0] == '\r') continue; /* its LF is the Enter */
        while (bytes < all && byte_read(key + bytes)) bytes++;
        if (!key_send(key, bytes)) return;
        Sleep(KEY_PAUSE_MS);
    }
}

static void telnet_answer(unsigned char verb, unsigned char option)
{
    unsigned char answer[3];

    answer[0] = TELNET_IAC;
    answer[1] = verb;
    answer[2] = option;
    send_all(sock, (const char *)answer, sizeof answer);
}

/* What the server asks for (DO) or offers (WILL). Each change is answered once, or two such programs would answer
 * each other for ever (RFC 1143); all but echo and go-ahead is refused. */
static void telnet_negotiate(unsigned char verb, unsigned char option)
{
    static bool theirs[256], ours[256];
    bool offered = verb == TELNET_WILL || verb == TELNET_WONT, on = verb == TELNET_WILL || verb == TELNET_DO;
    bool wanted = on && (option == TELNET_SGA || (option == TELNET_ECHO && offered));
    bool *agreed = offered ? &theirs[option] : &ours[option];

    if (option == TELNET_ECHO && offered) InterlockedExchange(&server_echoes, on);
    if (on != *agreed && offered) telnet_answer(wanted ? TELNET_DO : TELNET_DONT, option);
    if (on != *agreed && !offered) telnet_answer(wanted ? TELNET_WILL : TELNET_WONT, option);
    *agreed = wanted;
}

/* Takes telnet's commands out of what came. Returns the bytes that are left. */
static int telnet_strip(char *data, int bytes)
{
    static enum { TEXT, COMMAND, OPTION, SUB, SUB_COMMAND } state;
    static unsigned char verb;
    int left = 0;

    for (int i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)data[i];
        if (state == TEXT) {
            if (c == TELNET_IAC)
                state = COMMAND;
            else
                data[left++] = data[i];
        } else if (state == COMMAND) {
            if (c == TELNET_IAC) data[left++] = data[i]; /* doubled: the byte itself */
            state = c == TELNET_SB ? SUB : c >= TELNET_WILL && c <= TELNET_DONT ? OPTION : TEXT;
            verb = c;
        } else if (state == OPTION) {
            telnet_negotiate(verb, c);
            state = TEXT;
        } else if (state == SUB) {
            if (c == TELNET_IAC) state = SUB_COMMAND;
        } else {
            state = c == TELNET_SE ? TEXT : SUB;
        }
    }
    return left;
}

/* ---- the thread of the input ---- */

static void lines_send(void)
{
    char data[INPUT_BYTES];
    int bytes;

    while ((bytes = input_read(data)) > 0) {
        if (!send_all(sock, data, bytes)) return; /* main's recv() fails as well, and main says why */
    }
}

static unsigned __stdcall input_run(void *nothing)
{
    (void)nothing;
    if (!given[KEYS])
        lines_send();
    else if (typed)
        keys_typed();
    else
        keys_redirected();
    if (given[RESET]) Sleep(RESET_PAUSE_MS);
    InterlockedExchange(&input_ended, 1);
    /* Half-close: the server reads the end of file, and can still answer. */
    if (!given[RESET]) shutdown(sock, SD_SEND);
    return 0;
}

/* ---- what the server says is shown ---- */

static bool write_all(const char *data, DWORD bytes)
{
    while (bytes > 0) {
        DWORD written = 0;
        if (!WriteFile(output, data, bytes, &written, NULL) || written == 0) return false;
        data += written;
        bytes -= written;
    }
    return true;
}

/* How many of the bytes at the end are the beginning of a character. */
static DWORD unfinished(const char *data, DWORD bytes)
{
    if (given[KEYS] && input_codepage != CP_UTF8) {
        DWORD i = 0;
        while (i < bytes) i += (DWORD)char_bytes((unsigned char)data[i]);
        return i > bytes ? 1 : 0;
    }
    for (DWORD n = 1; n <= 3 && n <= bytes; n++) {
        unsigned char c = (unsigned char)data[bytes - n];
        if (c >= 0xC0) return (c >= 0xF0 ? 4u : c >= 0xE0 ? 3u : 2u) > n ? n : 0;
        if (c < 0x80) return 0;
    }
    return 0;
}

/* A console shows half a character wrongly, so that waits for its other half. With --keys two threads come here. */
static bool output_write(const char *data, DWORD bytes)
{
    static char text[4096 + 4];
    static DWORD kept;
    DWORD rest;
    bool good;

    if (!shown) return write_all(data, bytes);
    EnterCriticalSection(&output_lock);
    memcpy(text + kept, data, bytes);
    bytes += kept;
    rest = unfinished(text, bytes);
    good = write_all(text, bytes - rest);
    memmove(text, text + bytes - rest, rest);
    kept = rest;
    LeaveCriticalSection(&output_lock);
    return good;
}

/* ---- connecting ---- */

static int fail(const char *what, int error)
{
    const char *why = error == WSAECONNREFUSED     ? " (nobody listens there)"
                      : error == WSAECONNRESET     ? " (reset by the server)"
                      : error == WSAETIMEDOUT      ? " (no answer)"
                      : error == WSAHOST_NOT_FOUND ? " (no such host)"
                      : error == WSAENOBUFS        ? " (no more memory, or no port left for another connection)"
                                                   : "";

    fprintf(stderr, "client: %s: error %d%s\n", what, error, why);
    return FAILED;
}

/* Tries all addresses of the host, IPv6 and IPv4, one after the other. Sets `sock`. Returns 0 or the last error. */
static int connect_once(void)
{
    static struct addrinfo *found;
    struct addrinfo hints;
    int error, yes = 1, small_buffer = 64 * 1024;

    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    error = found ? 0 : getaddrinfo(host, port, &hints, &found);
    if (error) return error;
    for (const struct addrinfo *to = found; to; to = to->ai_next) {
        sock = socket(to->ai_family, to->ai_socktype, to->ai_protocol);
        error = 0;
        if (given[NO_READ]) { /* before connect, or the system makes the buffers as large as megabytes */
            setsockopt(sock, SOL_SOCKET, SO_RCVBUF, (const char *)&small_buffer, sizeof small_buffer);
            setsockopt(sock, SOL_SOCKET, SO_SNDBUF, (const char *)&small_buffer, sizeof small_buffer);
        }
        if (sock != INVALID_SOCKET && connect(sock, to->ai_addr, (int)to->ai_addrlen) == 0) break;
        error = WSAGetLastError();
        if (sock != INVALID_SOCKET) closesocket(sock);
        sock = INVALID_SOCKET;
    }
    /* Without Nagle's algorithm a small message does not wait until the one before is acknowledged. */
    if (!error) setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, (const char *)&yes, sizeof yes);
    return error;
}

/* closesocket() sends a reset (RST) then, instead of an end (FIN). */
static int reset(void)
{
    struct linger at_once = { 1, 0 };

    setsockopt(sock, SOL_SOCKET, SO_LINGER, (const char *)&at_once, sizeof at_once);
    closesocket(sock);
    sock = INVALID_SOCKET;
    return ENDED;
}

/* ---- one that talks ---- */

/* Until the server's end of file. Returns the exit code. */
static int listen_to_the_end(void)
{
    WSAPOLLFD poll;
    char data[4096];

    poll.fd = sock;
    poll.events = POLLIN;
    for (;;) {
        int bytes;
        if (given[RESET] && input_ended) return reset();
        if (given[RESET] && WSAPoll(&poll, 1, 50) == 0) continue;
        bytes = recv(sock, data, sizeof data, 0);
        if (bytes == 0) return input_ended ? ENDED : CLOSED;
        if (bytes == SOCKET_ERROR) return fail("the connection is lost", WSAGetLastError());
        if (given[KEYS]) bytes = telnet_strip(data, bytes);
        if (!output_write(data, (DWORD)bytes)) return fail("cannot print", (int)GetLastError());
    }
}

static int talk(void)
{
    HANDLE thread;

    if (given[KEYS] && typed) fprintf(stderr, "client: every key is sent by itself; Ctrl+] ends\n");
    thread = (HANDLE)_beginthreadex(NULL, 0, input_run, NULL, 0, NULL);
    if (!thread) return fail("no thread for the input", (int)GetLastError());
    CloseHandle(thread);
    return listen_to_the_end(); /* the other thread may wait for a key: it ends with the process */
}

/* ---- many: a crowd that is quiet, and one that is busy ---- */

static WSAPOLLFD polls[MAX_CROWD];
static int connections; /* in polls */

/* 1234567 as 1,234,567, good until the eighth call from now. */
static const char *grouped(long long number)
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

/* The first connection is made, `sock`; makes the others. */
static int connect_all(long count)
{
    for (;;) {
        int error;
        polls[connections].fd = sock;
        polls[connections].events = POLLIN;
        connections++;
        if (connections % 1000 == 0) fprintf(stderr, "client: %s connections\n", grouped(connections));
        if (connections == count) return 0;
        error = connect_once();
        if (error) return error;
    }
}

static unsigned __stdcall enter_run(void *nothing)
{
    char byte;

    (void)nothing;
    while (byte_read(&byte) && byte != '\n' && byte != '\r') {
    }
    InterlockedExchange(&input_ended, 1);
    return 0;
}

/* Drops what came: a crowd that did not read would not be a quiet one, but one of slow readers. Returns how many
 * connections the server closed. */
static int crowd_listen(void)
{
    static char dropped[65536];
    int closed = 0;

    for (int i = 0; i < connections; i++) {
        if (!polls[i].revents || recv(polls[i].fd, dropped, sizeof dropped, 0) > 0) continue;
        closesocket(polls[i].fd);
        polls[i--] = polls[--connections];
        closed++;
    }
    return closed;
}

/* In order: closing a socket while something in it is not read makes a reset of the end. */
static void close_all(void)
{
    ULONGLONG end = GetTickCount64() + GOODBYE_MS;

    for (int i = 0; i < connections; i++) shutdown(polls[i].fd, SD_SEND);
    while (connections > 0 && GetTickCount64() < end && WSAPoll(polls, (ULONG)connections, 100) >= 0) crowd_listen();
    for (int i = 0; i < connections; i++) closesocket(polls[i].fd);
    sock = INVALID_SOCKET;
}

static int crowd(void)
{
    HANDLE thread;
    int error = connect_all(given[CROWD]);

    if (error) {
        fprintf(stderr, "client: connection %s of %s: ", grouped(connections + 1), grouped(given[CROWD]));
        return fail("cannot connect", error);
    }
    printf("%s connection%s held; Enter ends\n", grouped(connections), connections == 1 ? " is" : "s are");
    fflush(stdout);
    thread = (HANDLE)_beginthreadex(NULL, 0, enter_run, NULL, 0, NULL);
    if (!thread) return fail("no thread for the input", (int)GetLastError());
    CloseHandle(thread);
    while (!input_ended && connections > 0) {
        int closed = 0;
        if (WSAPoll(polls, (ULONG)connections, connections < 1000 ? 50 : 1000) > 0) closed = crowd_listen();
        if (!closed) continue;
        printf("the server closed %s; %s left\n", grouped(closed), grouped(connections));
        fflush(stdout);
    }
    error = connections ? ENDED : CLOSED;
    close_all();
    return error;
}

/* One of the busy: its message is on the way there or back. */
typedef struct Busy {
    long long messages;
    long long since; /* when it was sent, in microseconds */
    int got;         /* bytes of the answer */
} Busy;

static Busy busy[MAX_BUSY];

/* How often an answer took so long. Up to 1,023 us each has a bucket of its own; above, 512 share an octave, so that a
 * bucket is never wider than 0.2 % of its value. */
enum { BUCKETS = 512 * 24 };
static long long took[BUCKETS];

static int bucket_of(long long us)
{
    int shift = 0;

    while (us >> shift >= 1024 && shift < 22) shift++;
    us >>= shift;
    return 512 * shift + (int)(us < 1023 ? us : 1023);
}

static double bucket_ms(int bucket)
{
    int shift = bucket < 1024 ? 0 : bucket / 512 - 1;

    return (double)((long long)(bucket - 512 * shift) << shift) / 1000;
}

/* So long or less did `share` of all answers take. */
static double percentile_ms(double share, long long all)
{
    long long sum = 0;
    int i = 0;

    while (i < BUCKETS - 1 && (double)(sum += took[i]) < share * (double)all) i++;
    return bucket_ms(i);
}

static long long now_us(void)
{
    LARGE_INTEGER frequency, now;

    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&now);
    return (long long)((double)now.QuadPart * 1e6 / (double)frequency.QuadPart);
}

static char message[BUSY_BYTES];

static bool busy_send(int i)
{
    busy[i].since = now_us();
    busy[i].got = 0;
    return send_all(polls[i].fd, message, BUSY_BYTES);
}

/* Something came for connection i. Returns false, having said why, when it is not the echo. */
static bool busy_served(int i)
{
    char data[BUSY_BYTES];
    int bytes = recv(polls[i].fd, data, BUSY_BYTES - busy[i].got, 0);

    if (bytes <= 0) {
        fprintf(stderr, "client: connection %d of %d: ", i + 1, connections);
        if (bytes < 0) return fail("it is lost", WSAGetLastError()) == ENDED;
        fprintf(stderr, "the server closed it after %s messages\n", grouped(busy[i].messages));
        return false;
    }
    if (memcmp(data, message + busy[i].got, (size_t)bytes) != 0) {
        fprintf(stderr, "client: the answer is not what was sent: --busy is for an echo server\n");
        return false;
    }
    busy[i].got += bytes;
    if (busy[i].got < BUSY_BYTES) return true;
    busy[i].messages++;
    took[bucket_of(now_us() - busy[i].since)]++;
    return busy_send(i);
}

static bool busy_run(void)
{
    long long end = now_us() + given[SECONDS] * 1000000LL, now;

    for (int i = 0; i < connections; i++) {
        if (!busy_send(i)) return fail("cannot send", WSAGetLastError()) == ENDED;
    }
    while ((now = now_us()) < end) {
        if (WSAPoll(polls, (ULONG)connections, (int)((end - now) / 1000) + 1) < 0) {
            return fail("WSAPoll", WSAGetLastError()) == ENDED;
        }
        for (int i = 0; i < connections; i++) {
            if (polls[i].revents && !busy_served(i)) return false;
        }
    }
    return true;
}

static void busy_row(const char *name, long long messages)
{
    printf("%-14s %12s %12s\n", name, grouped(messages), grouped(messages / given[SECONDS]));
}

static void busy_table(void)
{
    long long least = busy[0].messages, most = least, all = 0;

    for (int i = 0; i < connections; i++) {
        if (busy[i].messages < least) least = busy[i].messages;
        if (busy[i].messages > most) most = busy[i].messages;
        all += busy[i].messages;
    }
    printf("%d connection%s, %ld second%s, messages of %d bytes there and back\n\n", connections,
           connections == 1 ? "" : "s", given[SECONDS], given[SECONDS] == 1 ? "" : "s", (int)BUSY_BYTES);
    printf("%-14s %12s %12s\n", "", "messages", "messages/s");
    busy_row("all together", all);
    busy_row("most served", most);
    busy_row("least served", least);
    printf("%-14s %12.3f\n\n", "least / most", most ? (double)least / (double)most : 0.0);
    printf("half of the answers came within %.3f ms (p50), 99 of 100 within %.3f ms (p99)\n", percentile_ms(.5, all),
           percentile_ms(.99, all));
}

static int be_busy(void)
{
    int error, code;

    for (int i = 0; i < BUSY_BYTES; i++) message[i] = (char)(i == BUSY_BYTES - 1 ? '\n' : 'a' + i % 26);
    error = connect_all(given[BUSY]);
    if (error) return fail("cannot connect", error);
    code = busy_run() ? ENDED : FAILED;
    if (code == ENDED) busy_table();
    close_all();
    return code;
}

/* ---- one that does not read ---- */

static volatile LONG bytes_taken; /* by Winsock, to be sent */
static HANDLE reading;            /* an event: now it reads */

/* send() returns only when there is room, and a server that cannot send does not receive either: so this stands. */
static unsigned __stdcall flood_run(void *nothing)
{
    static char lines[6400];

    (void)nothing;
    for (int i = 0; i < (int)sizeof lines; i++) lines[i] = (char)(i % 64 == 63 ? '\n' : 'a' + i % 26);
    while (bytes_taken < given[NO_READ]) {
        int bytes = (int)sizeof lines;
        if (given[NO_READ] - bytes_taken < bytes) bytes = (int)(given[NO_READ] - bytes_taken);
        if (!send_all(sock, lines, bytes)) return 0; /* main's recv() fails as well, and main says why */
        InterlockedExchangeAdd(&bytes_taken, bytes);
    }
    WaitForSingleObject(reading, INFINITE);
    shutdown(sock, SD_SEND);
    return 0;
}

static int not_read(void)
{
    static char data[65536];
    HANDLE thread;
    long long all = 0;
    int bytes;

    reading = CreateEventW(NULL, TRUE, FALSE, NULL);
    thread = reading ? (HANDLE)_beginthreadex(NULL, 0, flood_run, NULL, 0, NULL) : NULL;
    if (!thread) return fail("no thread for the sending", (int)GetLastError());
    printf("sends %s bytes and reads nothing for %ld s\n", grouped(given[NO_READ]), given[THEN]);
    fflush(stdout);
    Sleep((DWORD)given[THEN] * 1000);
    printf("%s bytes were taken until now; now it reads\n", grouped(bytes_taken));
    fflush(stdout);
    SetEvent(reading);
    while ((bytes = recv(sock, data, sizeof data, 0)) > 0) all += bytes;
    if (bytes < 0) return fail("the connection is lost", WSAGetLastError());
    printf("%s bytes came back\n", grouped(all));
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
    return ENDED;
}

/* ---- main ---- */

static int run(void)
{
    int error = connect_once();

    if (error) return fail("cannot connect", error);
    if (given[CROWD]) return crowd();
    if (given[BUSY]) return be_busy();
    if (given[NO_READ]) return not_read();
    return talk();
}

int main(int argc, char *argv[])
{
    WSADATA data;
    int code;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        print_help();
        return ENDED;
    }
    if (!arguments_read(argc, argv)) return BAD_USAGE;
    code = WSAStartup(MAKEWORD(2, 2), &data);
    if (code) return fail("cannot start Winsock", code);
    console_prepare();
    code = run();
    console_restore();
    if (sock != INVALID_SOCKET) closesocket(sock);
    return code;
}
