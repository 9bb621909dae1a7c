/* client.c - a client to talk with: what is typed goes to the server, what the server says is shown, both at the same
 * time. For that it takes two threads: one waits for the keyboard, the other, main's, for the server.
 *
 * Blocking sockets are all that one connection needs. Compare it with the server, where two threads a client would be
 * 20,000 threads.
 */
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
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum ExitCode { ENDED = 0, FAILED = 1, BAD_USAGE = 2, CLOSED = 3, INTERRUPTED = 130 };

enum {
    CTRL_D = 0x04,
    CTRL_Z = 0x1A,
    TYPED_CHARS = 1024,
    INPUT_BYTES = 3 * TYPED_CHARS /* UTF-16 takes 1 to 3 bytes of UTF-8 for each of its units */
};

static const char help[] =
    "usage: client.exe HOST PORT\n"
    "\n"
    "Sends what it reads, from the keyboard or redirected, and prints what comes.\n"
    "\n"
    "It ends with the exit code\n"
    "    0  after the end of input (Ctrl+Z or Ctrl+D at the keyboard) and of all that the server had to say to it\n"
    "    1  when it cannot connect, or the connection is lost\n"
    "    2  when HOST and PORT are not given\n"
    "    3  when the server closes the connection first\n"
    "  130  after Ctrl+C\n";

static SOCKET sock = INVALID_SOCKET;
static volatile LONG input_ended; /* all that was typed is sent, and the server told so */

/* ---- the console ---- */

static HANDLE input, output;
static bool typed, shown; /* input and output are the console, not a file or a pipe */
static UINT codepage;     /* as it was */

static void console_restore(void)
{
    if (codepage) SetConsoleOutputCP(codepage);
}

/* Runs on a thread that Windows makes for it. */
static BOOL WINAPI console_event(DWORD type)
{
    (void)type;
    console_restore();
    ExitProcess(INTERRUPTED);
    return TRUE;
}

static void console_prepare(void)
{
    DWORD mode;

    input = GetStdHandle(STD_INPUT_HANDLE);
    output = GetStdHandle(STD_OUTPUT_HANDLE);
    typed = GetConsoleMode(input, &mode) != 0;
    shown = GetConsoleMode(output, &mode) != 0;
    SetConsoleCtrlHandler(NULL, FALSE); /* undoes "ignore Ctrl+C", which a child inherits from its parent */
    SetConsoleCtrlHandler(console_event, TRUE);
    codepage = GetConsoleOutputCP();
    if (shown) SetConsoleOutputCP(CP_UTF8);
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

static bool send_all(const char *data, int bytes)
{
    while (bytes > 0) {
        int sent = send(sock, data, bytes, 0);
        if (sent == SOCKET_ERROR) return false;
        data += sent;
        bytes -= sent;
    }
    return true;
}

static unsigned __stdcall input_run(void *nothing)
{
    char data[INPUT_BYTES];
    int bytes;

    (void)nothing;
    while ((bytes = input_read(data)) > 0) {
        if (!send_all(data, bytes)) return 0; /* main's recv() fails as well, and main says why */
    }
    /* Half-close: the server reads the end of file, and can still answer. */
    InterlockedExchange(&input_ended, 1);
    shutdown(sock, SD_SEND);
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

/* How many of the bytes at the end are the beginning of a UTF-8 character. */
static DWORD unfinished(const char *data, DWORD bytes)
{
    for (DWORD n = 1; n <= 3 && n <= bytes; n++) {
        unsigned char c = (unsigned char)data[bytes - n];
        if (c >= 0xC0) return (c >= 0xF0 ? 4u : c >= 0xE0 ? 3u : 2u) > n ? n : 0;
        if (c < 0x80) return 0;
    }
    return 0;
}

/* A console shows half a character wrongly, so that waits for its other half. */
static bool output_write(const char *data, DWORD bytes)
{
    static char text[4096 + 4];
    static DWORD kept;
    DWORD rest;
    bool good;

    if (!shown) return write_all(data, bytes);
    memcpy(text + kept, data, bytes);
    bytes += kept;
    rest = unfinished(text, bytes);
    good = write_all(text, bytes - rest);
    memmove(text, text + bytes - rest, rest);
    kept = rest;
    return good;
}

/* ---- from the beginning to the end ---- */

static int fail(const char *what, int error)
{
    const char *why = error == WSAECONNREFUSED     ? " (nobody listens there)"
                      : error == WSAECONNRESET     ? " (reset by the server)"
                      : error == WSAETIMEDOUT      ? " (no answer)"
                      : error == WSAHOST_NOT_FOUND ? " (no such host)"
                                                   : "";

    fprintf(stderr, "client: %s: error %d%s\n", what, error, why);
    return FAILED;
}

/* Tries all addresses of the host, IPv6 and IPv4, one after the other. Returns 0 or the last error. */
static int connect_to(const char *host, const char *port)
{
    struct addrinfo hints, *found;
    int error;

    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    error = getaddrinfo(host, port, &hints, &found);
    if (error) return error;
    for (struct addrinfo *to = found; to; to = to->ai_next) {
        sock = socket(to->ai_family, to->ai_socktype, to->ai_protocol);
        error = 0;
        if (sock != INVALID_SOCKET && connect(sock, to->ai_addr, (int)to->ai_addrlen) == 0) break;
        error = WSAGetLastError();
        if (sock != INVALID_SOCKET) closesocket(sock);
    }
    freeaddrinfo(found);
    return error;
}

/* Until the server's end of file. Returns the exit code. */
static int listen_to_the_end(void)
{
    char data[4096];

    for (;;) {
        int bytes = recv(sock, data, sizeof data, 0);
        if (bytes == 0) return input_ended ? ENDED : CLOSED;
        if (bytes == SOCKET_ERROR) return fail("the connection is lost", WSAGetLastError());
        if (!output_write(data, (DWORD)bytes)) return fail("cannot print", (int)GetLastError());
    }
}

static int talk(const char *host, const char *port)
{
    int error = connect_to(host, port);
    HANDLE thread;

    if (error) return fail("cannot connect", error);
    thread = (HANDLE)_beginthreadex(NULL, 0, input_run, NULL, 0, NULL);
    if (!thread) return fail("no thread for the input", (int)GetLastError());
    CloseHandle(thread);
    return listen_to_the_end(); /* the other thread may wait for a key: it ends with the process */
}

int main(int argc, char *argv[])
{
    WSADATA data;
    int code;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(help, stdout);
        return ENDED;
    }
    if (argc != 3 || strspn(argv[2], "0123456789") != strlen(argv[2]) || !argv[2][0]) {
        fputs("client: usage: client.exe HOST PORT (a number); client.exe --help says more\n", stderr);
        return BAD_USAGE;
    }
    code = WSAStartup(MAKEWORD(2, 2), &data);
    if (code) return fail("cannot start Winsock", code);
    console_prepare();
    code = talk(argv[1], argv[2]);
    console_restore();
    if (sock != INVALID_SOCKET) closesocket(sock);
    return code;
}
