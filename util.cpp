/* util.cpp - start-up and tear-down: the console, errors, text and addresses, the trace, options, the listening
 * socket, the server's beginning and end. */
#include "Overlapped.h"

#include <process.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION "1.0"

#ifndef TRACE_BYTES /* the simulator sets it, to see the buffer full */
#define TRACE_BYTES (128 * 1024) /* of the trace file, written with one call */
#endif

enum {
    LINE_BYTES = 5 * 1024,   /* of one line on the console */
    HALF_BYTES = 128 * 1024, /* of the lines that wait for the console, in each half of the queue */
    HALF_LINES = 4096,
    DRAIN_MS = 500,           /* for what waits at the end */
    COMMAND_CHARS = 32768,    /* "CreateProcessW function": a command line has 32,767, and a NUL */
    TRACE_ROOM = TRACE_BYTES / 2, /* for an event of each thread: what is told while cs is held is not written at once */
    TRACE_LINE = 512,         /* bytes of a line of the trace with its fields */
    TRACE_COLUMNS = 99,       /* of a line on the console */
    MAX_SLOW_MS = 60 * 1000,
    HOSTS = 4,               /* addresses of a family that are shown for other machines, at most */
    BLOCK_BYTES = 16 * 1024, /* a buffer of this size is large */
    SPINS = 4000             /* tries before a thread sleeps for cs: it is held for a few instructions */
};

/* ---- the console: one thread writes; all others leave lines for it and go on ----
 *
 * Whoever calls WriteFile on a console or a pipe waits until the reader takes the bytes: a paused pager, a selection in
 * the window, Ctrl+S. So only the writer does. The queue is two halves: threads fill one while the writer writes the
 * other. Lines that find their half full are counted instead, until the writer comes for it and puts their number
 * behind it, which is just where they are missing. */

typedef struct HalfQueue {
    char text[HALF_BYTES];
    struct {
        ULONG length;
        DWORD handle; /* STD_OUTPUT_HANDLE or STD_ERROR_HANDLE */
        WORD color;   /* for screen_color(); 0: the console's own */
    } lines[HALF_LINES];
    ULONG used;
    int count;
    unsigned long lost;
} HalfQueue;

static HalfQueue halves[2], *filling = &halves[0];
static SRWLOCK queue_lock = SRWLOCK_INIT; /* guards `filling`, what it points to, and `closing`: to copy a line */
static CONDITION_VARIABLE queue_filled = CONDITION_VARIABLE_INIT;
static HANDLE writer; /* NULL: not started, and lines are written at once */
static bool closing, console_quiet;

/* The console as it was. */
static SRWLOCK screen_lock = SRWLOCK_INIT; /* for the writer's colours, and the way back */
static bool screen_given_back;
static UINT screen_codepage;
static DWORD screen_input_mode; /* 0: standard input is no console */
static WORD screen_colors;
static bool screen_colored;

/* The screen, if stdout is one. Not the standard handle, which the writer may hang in: calls on a handle without
 * FILE_FLAG_OVERLAPPED wait for each other ("CreateFileW function"). */
static HANDLE screen;

static void console_write(DWORD handle, const char *text, ULONG length)
{
    DWORD written;

    WriteFile(GetStdHandle(handle), text, length, &written, NULL);
}

/* False when there is no room. The lock is held. */
static bool queue_add(HalfQueue *half, DWORD handle, WORD color, const char *line, ULONG length)
{
    if (half->lost || half->count == HALF_LINES || half->used + length > HALF_BYTES) return false;
    memcpy(half->text + half->used, line, length);
    half->used += length;
    half->lines[half->count].length = length;
    half->lines[half->count].handle = handle;
    half->lines[half->count++].color = color;
    return true;
}

/* Any thread; never waits for the console once the writer runs. */
static void console_put(DWORD handle, WORD color, const char *line)
{
    ULONG length = (ULONG)strlen(line);

    if (!writer) {
        console_write(handle, line, length);
        return;
    }
    AcquireSRWLockExclusive(&queue_lock);
    if (!queue_add(filling, handle, color, line, length)) filling->lost++;
    ReleaseSRWLockExclusive(&queue_lock);
    WakeConditionVariable(&queue_filled); /* no call into the kernel unless the writer sleeps */
}

/* Waits for lines. NULL: there are none, and there will be none. */
static HalfQueue *queue_take(void)
{
    HalfQueue *half;

    AcquireSRWLockExclusive(&queue_lock);
    while (filling->count == 0 && !closing) SleepConditionVariableSRW(&queue_filled, &queue_lock, INFINITE, 0);
    half = filling;
    filling = &halves[half == &halves[0]];
    ReleaseSRWLockExclusive(&queue_lock);
    return half->count ? half : NULL;
}

/* `color` has the bits of FOREGROUND_...: the low digit for a dark background, the high one for a light background. */
static WORD screen_color(WORD color)
{
    bool light = (screen_colors >> 4 & (FOREGROUND_RED | FOREGROUND_GREEN)) == (FOREGROUND_RED | FOREGROUND_GREEN);

    if (!screen_colored || color == 0) return screen_colors;
    return (WORD)((screen_colors & ~0x0F) | (light ? color >> 4 : color & 0x0F));
}

/* False when the console was given back already: nothing is written any more. */
static bool screen_begin(WORD color)
{
    static WORD now; /* the writer's alone */
    bool ours;

    AcquireSRWLockExclusive(&screen_lock);
    ours = !screen_given_back;
    if (ours && screen && color != now) SetConsoleTextAttribute(screen, screen_color(color));
    ReleaseSRWLockExclusive(&screen_lock);
    now = color;
    return ours;
}

static bool queue_write(HalfQueue *half)
{
    const char *text = half->text;
    char line[80];

    for (int i = 0; i < half->count; text += half->lines[i++].length) {
        if (!screen_begin(half->lines[i].color)) return false;
        console_write(half->lines[i].handle, text, half->lines[i].length);
    }
    if (!screen_begin(0)) return false;
    if (half->lost) {
        snprintf(line, sizeof line, "... %lu line%s not shown: the console is too slow\n", half->lost,
                 half->lost == 1 ? "" : "s");
        console_write(STD_OUTPUT_HANDLE, line, (ULONG)strlen(line));
    }
    half->used = half->lost = 0;
    half->count = 0;
    return true;
}

static unsigned __stdcall writer_run(void *nothing)
{
    HalfQueue *half;

    (void)nothing;
    do {
        half = queue_take();
    } while (half && queue_write(half));
    return 0;
}

void log_line(const char *format, ...)
{
    char line[LINE_BYTES];
    SYSTEMTIME now;
    va_list args;
    int used;

    if (console_quiet) return;
    GetLocalTime(&now);
    used = snprintf(line, sizeof line, "%02d:%02d:%02d ", now.wHour, now.wMinute, now.wSecond);
    va_start(args, format);
    vsnprintf(line + used, sizeof line - (size_t)used - 1, format, args);
    va_end(args);
    strcat(line, "\n");
    console_put(STD_OUTPUT_HANDLE, 0, line);
}

void log_error(int error, const char *format, ...)
{
    char line[LINE_BYTES], text[LINE_BYTES / 2];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (error) {
        snprintf(line, sizeof line, "server: %s: %s (%d)\n", text, error_name(error), error);
    } else {
        snprintf(line, sizeof line, "server: %s\n", text);
    }
    console_put(STD_ERROR_HANDLE, 0, line);
}

/* ---- Enter, for --step and --slow: all threads tell one line after the other ---- */

static SRWLOCK enter_turn = SRWLOCK_INIT; /* whose line it is has it, until Enter came or the time is over */
static SRWLOCK enter_lock = SRWLOCK_INIT; /* guards the two below */
static CONDITION_VARIABLE enter_pressed = CONDITION_VARIABLE_INIT;
static int enters;       /* how often Enter was pressed ahead */
static bool enter_never; /* q, Ctrl+C or the end of input: on without a stop */
static DWORD enter_ms;   /* how long to wait for it; INFINITE with --step; 0: not at all */

static void enter_press(bool never)
{
    AcquireSRWLockExclusive(&enter_lock);
    enters++;
    if (never) enter_never = true;
    ReleaseSRWLockExclusive(&enter_lock);
    WakeConditionVariable(&enter_pressed); /* only the one whose turn it is waits */
}

static void enter_wait(void)
{
    AcquireSRWLockExclusive(&enter_lock);
    while (!enter_never && !enters && SleepConditionVariableSRW(&enter_pressed, &enter_lock, enter_ms, 0)) {
    }
    if (enters) enters--;
    ReleaseSRWLockExclusive(&enter_lock);
}

void trace_pause(void)
{
    if (!enter_ms) return;
    AcquireSRWLockExclusive(&enter_turn);
    enter_wait();
    ReleaseSRWLockExclusive(&enter_turn);
}

/* A thread of its own reads the keyboard: Ctrl+C need not interrupt the read, and the process ends without it. */
static unsigned __stdcall enter_read(void *nothing)
{
    HANDLE input = GetStdHandle(STD_INPUT_HANDLE);
    bool q = false;
    DWORD got;
    char c;

    (void)nothing;
    while (ReadFile(input, &c, 1, &got, NULL) && got == 1 && !(q && c == '\n')) {
        if (c == '\n') enter_press(false);
        q = c == 'q' || (q && c == '\r');
    }
    enter_press(true);
    return 0;
}

/* ---- the console's settings, and Ctrl+C ---- */

static volatile LONG console_interrupts; /* how often the user asked for the end */
static SOCKET listen_sock_open;
static volatile LONG listen_is_open; /* whoever sets it back closes the socket */

static void listen_close(void)
{
    if (InterlockedExchange(&listen_is_open, 0)) closesocket(listen_sock_open);
}

/* Gives code page, input mode and colours back, once: Main, or the thread of the second Ctrl+C. */
static void screen_restore(void)
{
    AcquireSRWLockExclusive(&screen_lock);
    if (!screen_given_back) {
        screen_given_back = true;
        if (screen_codepage) SetConsoleOutputCP(screen_codepage);
        if (screen_input_mode) SetConsoleMode(GetStdHandle(STD_INPUT_HANDLE), screen_input_mode);
        if (screen) SetConsoleTextAttribute(screen, screen_colors);
        if (screen) CloseHandle(screen);
    }
    ReleaseSRWLockExclusive(&screen_lock);
}

/* Runs on a thread that Windows makes for it. The first time it closes the listening socket, which ends Main's
 * accept; a second Ctrl+C it leaves to Windows, which ends the process at once. */
static BOOL WINAPI console_event(DWORD type)
{
    bool first = InterlockedIncrement(&console_interrupts) == 1;

    listen_close();
    enter_press(true);
    /* When the window is closed, Windows ends the process as soon as this returns, or after 5 seconds ("HandlerRoutine
     * callback function"). Main needs less, and its return from main() ends this wait. */
    if (type != CTRL_C_EVENT && type != CTRL_BREAK_EVENT) Sleep(INFINITE);
    if (!first) screen_restore();
    return first;
}

bool console_interrupted(void)
{
    return InterlockedCompareExchange(&console_interrupts, 0, 0) != 0;
}

/* Takes these modes off the console's input, if it is one: QuickEdit, because a selection in the window would hold up
 * the writer; and with --step the echo, because Enter would show empty lines. */
static void screen_input(DWORD off)
{
    if (screen_input_mode) {
        SetConsoleMode(GetStdHandle(STD_INPUT_HANDLE), (screen_input_mode & ~off) | ENABLE_EXTENDED_FLAGS);
    }
}

/* Keeps what is to be given back; UTF-8 out. */
static void screen_prepare(void)
{
    CONSOLE_SCREEN_BUFFER_INFO info;

    screen_codepage = GetConsoleOutputCP();
    SetConsoleOutputCP(CP_UTF8);
    if (!GetConsoleMode(GetStdHandle(STD_INPUT_HANDLE), &screen_input_mode)) screen_input_mode = 0;
    screen_input(ENABLE_QUICK_EDIT_MODE);
    if (!GetConsoleScreenBufferInfo(GetStdHandle(STD_OUTPUT_HANDLE), &info)) return; /* no console */
    screen_colors = info.wAttributes;
    screen = CreateFileA("CONOUT$", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                         OPEN_EXISTING, 0, NULL);
    if (screen == INVALID_HANDLE_VALUE) screen = NULL;
    screen_colored = screen && !getenv("NO_COLOR");
}

/* Returns false, having said why, when there is no thread or no way to hear Ctrl+C. */
static bool console_open(const Options *options)
{
    console_quiet = options->quiet || options->trace;
    if (options->step) screen_input(ENABLE_QUICK_EDIT_MODE | ENABLE_ECHO_INPUT);
    writer = (HANDLE)_beginthreadex(NULL, 0, writer_run, NULL, 0, NULL);
    if (!writer) {
        log_error((int)GetLastError(), "no thread for the console");
        return false;
    }
    /* The first call undoes "ignore Ctrl+C", which a child inherits from its parent. */
    if (SetConsoleCtrlHandler(NULL, FALSE) && SetConsoleCtrlHandler(console_event, TRUE)) return true;
    log_error((int)GetLastError(), "SetConsoleCtrlHandler failed");
    return false;
}

/* Writes what waits, for DRAIN_MS at the most, and gives the console back. A writer that hangs even then ends with the
 * process: "ExitProcess function" ends all other threads, and warns only of those that hold a lock which the way out
 * needs. This one is in WriteFile and holds none: it uses neither the heap nor the C library's files. */
static void console_close(void)
{
    if (writer) {
        AcquireSRWLockExclusive(&queue_lock);
        closing = true;
        ReleaseSRWLockExclusive(&queue_lock);
        WakeConditionVariable(&queue_filled);
        WaitForSingleObject(writer, DRAIN_MS);
        CloseHandle(writer); /* and it stays set: lines that come later come too late */
    }
    screen_restore();
}

/* ---- errors ---- */

/* What the pages of the calls that this server makes list: Winsock's errors, and those of files. */
/* clang-format off */
#define ERROR_NAMES(X)                                                                                                 \
    X(WSA_INVALID_HANDLE) X(WSA_NOT_ENOUGH_MEMORY) X(WSA_INVALID_PARAMETER) X(WSA_OPERATION_ABORTED)                   \
    X(WSA_IO_INCOMPLETE) X(WSA_IO_PENDING) X(WSAEINTR) X(WSAEACCES) X(WSAEFAULT) X(WSAEINVAL) X(WSAEMFILE)             \
    X(WSAEWOULDBLOCK) X(WSAEINPROGRESS) X(WSAENOTSOCK) X(WSAEMSGSIZE) X(WSAEPROTOTYPE) X(WSAENOPROTOOPT)               \
    X(WSAEPROTONOSUPPORT) X(WSAESOCKTNOSUPPORT) X(WSAEOPNOTSUPP) X(WSAEAFNOSUPPORT) X(WSAEADDRINUSE)                   \
    X(WSAEADDRNOTAVAIL) X(WSAENETDOWN) X(WSAENETUNREACH) X(WSAENETRESET) X(WSAECONNABORTED) X(WSAECONNRESET)           \
    X(WSAENOBUFS) X(WSAEISCONN) X(WSAENOTCONN) X(WSAESHUTDOWN) X(WSAETIMEDOUT) X(WSAEHOSTUNREACH) X(WSAEPROCLIM)       \
    X(WSASYSNOTREADY) X(WSAVERNOTSUPPORTED) X(WSANOTINITIALISED) X(WSAEDISCON) X(WSAEINVALIDPROCTABLE)                 \
    X(WSAEINVALIDPROVIDER) X(WSAEPROVIDERFAILEDINIT) X(ERROR_FILE_NOT_FOUND) X(ERROR_PATH_NOT_FOUND)                   \
    X(ERROR_TOO_MANY_OPEN_FILES) X(ERROR_ACCESS_DENIED) X(ERROR_WRITE_PROTECT) X(ERROR_SHARING_VIOLATION)              \
    X(ERROR_HANDLE_DISK_FULL) X(ERROR_DISK_FULL) X(ERROR_INVALID_NAME) X(ERROR_FILENAME_EXCED_RANGE)
/* clang-format on */

const char *error_name(int error)
{
#define ERROR_ROW(name) { name, #name },
    static const struct {
        int error;
        const char *name;
    } rows[] = { ERROR_NAMES(ERROR_ROW) };
#undef ERROR_ROW

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].error == error) return rows[i].name;
    }
    return "error";
}

/* ---- text, addresses, memory ---- */

const char *text_plural(int n)
{
    return n == 1 ? "" : "s";
}

/* The address alone, without port and brackets. */
static void address_host_text(const SOCKADDR_STORAGE *addr, char text[INET6_ADDRSTRLEN])
{
    const IN6_ADDR *in6 = &((const SOCKADDR_IN6 *)addr)->sin6_addr;
    bool mapped = addr->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(in6);
    const void *ip = addr->ss_family == AF_INET ? (const void *)&((const SOCKADDR_IN *)addr)->sin_addr : in6;

    strcpy(text, "?");
    inet_ntop(mapped ? AF_INET : addr->ss_family, mapped ? &in6->s6_addr[12] : ip, text, INET6_ADDRSTRLEN);
}

void address_text(const SOCKADDR_STORAGE *addr, char *text, size_t size)
{
    char host[INET6_ADDRSTRLEN];

    address_host_text(addr, host);
    /* The port stands at the same place in SOCKADDR_IN and SOCKADDR_IN6. */
    snprintf(text, size, strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, ntohs(((const SOCKADDR_IN *)addr)->sin_port));
}

/* A machine gives itself as many IPv6 addresses as it likes, all with the same first 64 bits. Those that stand for IPv4
 * addresses and the link-local ones begin alike for everybody. */
bool address_same(const SOCKADDR_STORAGE *a, const SOCKADDR_STORAGE *b)
{
    const IN6_ADDR *a6 = &((const SOCKADDR_IN6 *)a)->sin6_addr, *b6 = &((const SOCKADDR_IN6 *)b)->sin6_addr;
    bool whole;

    if (a->ss_family == AF_INET) {
        return memcmp(&((const SOCKADDR_IN *)a)->sin_addr, &((const SOCKADDR_IN *)b)->sin_addr, sizeof(IN_ADDR)) == 0;
    }
    whole = IN6_IS_ADDR_V4MAPPED(a6) || IN6_IS_ADDR_V4MAPPED(b6) || IN6_IS_ADDR_LINKLOCAL(a6);
    return memcmp(a6, b6, whole ? sizeof *a6 : 8) == 0;
}

/* Fills `addr` with the numeric address `text`. Returns false when it is none. */
static bool address_parse(const char *text, SOCKADDR_STORAGE *addr)
{
    ZeroMemory(addr, sizeof *addr);
    if (inet_pton(AF_INET, text, &((SOCKADDR_IN *)addr)->sin_addr) == 1) {
        addr->ss_family = AF_INET;
    } else if (inet_pton(AF_INET6, text, &((SOCKADDR_IN6 *)addr)->sin6_addr) == 1) {
        addr->ss_family = AF_INET6;
    }
    return addr->ss_family != AF_UNSPEC;
}

static bool address_is_any(const SOCKADDR_STORAGE *addr)
{
    if (addr->ss_family == AF_INET) return ((const SOCKADDR_IN *)addr)->sin_addr.s_addr == 0;
    return IN6_IS_ADDR_UNSPECIFIED(&((const SOCKADDR_IN6 *)addr)->sin6_addr);
}

/* Of no use to another machine: loopback or link-local, in IPv4 169.254.x.y. */
static bool address_is_local(const SOCKADDR_STORAGE *addr)
{
    const IN6_ADDR *in6 = &((const SOCKADDR_IN6 *)addr)->sin6_addr;
    ULONG ip = ntohl(((const SOCKADDR_IN *)addr)->sin_addr.s_addr);

    if (addr->ss_family == AF_INET) return ip >> 24 == 127 || ip >> 16 == 0xA9FE;
    return IN6_IS_ADDR_LOOPBACK(in6) || IN6_IS_ADDR_LINKLOCAL(in6);
}

/* The heap would keep the pages of large blocks; the system takes them back at once ("VirtualFree function"). */
static char *block_get(ULONG size)
{
    return (char *)(size < BLOCK_BYTES ? malloc(size)
                                       : VirtualAlloc(NULL, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE));
}

void buffer_free(char *buf, ULONG bufsize)
{
    if (bufsize < BLOCK_BYTES) {
        free(buf);
    } else {
        VirtualFree(buf, 0, MEM_RELEASE);
    }
}

bool buffer_resize(char **buf, ULONG *bufsize, ULONG size)
{
    char *other = block_get(size);

    if (!other) return false;
    if (*buf) memcpy(other, *buf, size < *bufsize ? size : *bufsize);
    buffer_free(*buf, *bufsize);
    *buf = other;
    *bufsize = size;
    return true;
}

/* A file with a name in UTF-8; NULL, having said why, when it cannot be written. The threads write to it themselves, so
 * it may not be anything that makes them wait for a reader. */
static HANDLE file_create(const char *name)
{
    static WCHAR wide[COMMAND_CHARS];
    DWORD mode;
    HANDLE file;

    MultiByteToWideChar(CP_UTF8, 0, name, -1, wide, COMMAND_CHARS);
    file = CreateFileW(wide, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ, NULL, CREATE_ALWAYS, 0, NULL);
    if (file == INVALID_HANDLE_VALUE) {
        log_error((int)GetLastError(), "cannot write the trace file %s", name);
        return NULL;
    }
    if (GetFileType(file) != FILE_TYPE_PIPE && !GetConsoleMode(file, &mode)) return file;
    log_error(0, "cannot write the trace file %s: it is a pipe or a console", name);
    CloseHandle(file);
    return NULL;
}

/* ---- the trace ---- */

bool trace_on;
static bool trace_lines, trace_failed;
static CRITICAL_SECTION trace_cs; /* keeps steps in the order in which they happened; cs is never taken inside */
static LARGE_INTEGER trace_start, trace_frequency, trace_written;

/* The file (NULL: none, or not any more), guarded by trace_cs. Whole events are written together, so that it is always
 * readable. */
static HANDLE trace_file;
static const char *trace_file_name;
static char trace_text[TRACE_BYTES];
static ULONG trace_used;

#define TRACE_LOOK(step, name, phase, lane, color) { name, phase, lane, color },
static const struct {
    const char *name;
    char phase;
    int lane, color;
} trace_looks[TRACE_STEP_COUNT] = { TRACE_STEPS(TRACE_LOOK) };
#undef TRACE_LOOK

/* Writes what was collected. A disk that is full has room for the end, because what did not fit whole is taken back.
 * The failure is said at once, and by the exit code. trace_cs is held. */
static void trace_flush(void)
{
    DWORD written = 0;
    bool good = WriteFile(trace_file, trace_text, trace_used, &written, NULL);
    int error = good ? ERROR_DISK_FULL : (int)GetLastError();

    if (good && written == trace_used) {
        trace_written.QuadPart += trace_used;
    } else {
        SetFilePointerEx(trace_file, trace_written, NULL, FILE_BEGIN);
        SetEndOfFile(trace_file);
        WriteFile(trace_file, "\n]\n", 3, &written, NULL);
        CloseHandle(trace_file);
        trace_file = NULL;
        trace_failed = true;
        log_error(error, "the trace file %s ends here, the server goes on", trace_file_name);
    }
    trace_used = 0;
}

static void trace_put(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    trace_used += (ULONG)vsnprintf(trace_text + trace_used, TRACE_BYTES - trace_used, format, args);
    va_end(args);
}

/* Adds `length` bytes of `text`, which is UTF-8 without control characters, as a JSON string. */
static void trace_put_quoted(const char *text, size_t length)
{
    trace_text[trace_used++] = '"';
    for (; length > 0; text++, length--) {
        if (*text == '"' || *text == '\\') trace_text[trace_used++] = '\\';
        trace_text[trace_used++] = *text;
    }
    trace_text[trace_used++] = '"';
}

/* Adds "slot=2\tfrom:127.0.0.1:50001" as members of an object. */
static void trace_put_fields(const char *field)
{
    while (*field) {
        size_t name = strcspn(field, "=:"), length = strcspn(field, "\t");
        trace_put(",\"%.*s\":", (int)name, field);
        if (field[name] == ':') {
            trace_put_quoted(field + name + 1, length - name - 1);
        } else {
            trace_put("%.*s", (int)(length - name - 1), field + name + 1);
        }
        field += length + (field[length] == '\t');
    }
}

/* Names a lane: the format is of a string, with the number of the thread or session. */
static void trace_name(int process, unsigned long lane, const char *format, unsigned long number)
{
    trace_put(",\n{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":%d,\"tid\":%lu,\"args\":{\"name\":\"", process, lane);
    trace_put(format, number);
    trace_put("\"}}");
}

/* Threads are lanes of "process" 1, sessions of "process" 2: one for the receives, one for the sends. */
static void trace_event(TraceStep step, unsigned long long now, int thread, unsigned long id, const char *text,
                        const char *fields)
{
    char phase = trace_looks[step].phase;
    int lane = trace_looks[step].lane;
    unsigned long window = step == WINDOW_OPEN ? strtoul(fields + strlen("window="), NULL, 10) : 0;

    if (window) trace_name(1, window, "proactor %lu", window);
    if (step == SESSION_NEW) trace_name(2, 2 * id, "#%lu receive", id);
    if (step == SESSION_NEW) trace_name(2, 2 * id + 1, "#%lu send", id);
    trace_put(",\n{\"ph\":\"%c\",\"ts\":%llu,\"pid\":%d,\"tid\":%lu", phase, now, lane ? 2 : 1,
              lane ? 2 * id + (lane == OF_SEND) : (unsigned long)thread);
    if (phase != 'E') {
        trace_put(",\"name\":");
        trace_put_quoted(*text ? text : "sweep", *text ? strcspn(text, "(") : 5);
    }
    trace_put(",\"args\":{\"step\":\"%s\"", trace_looks[step].name);
    if (id && !lane && step != WAIT_END) trace_put(",\"session\":%lu", id);
    trace_put_fields(fields);
    if (*text) {
        trace_put(",\"%s\":", phase == 'E' ? "result" : "call");
        trace_put_quoted(text, strlen(text));
    }
    trace_put("}}");
}

/* No line is longer than TRACE_COLUMNS. */
static void trace_line(TraceStep step, unsigned long long now, int thread, unsigned long id, const char *text,
                       const char *fields)
{
    char line[2 * TRACE_LINE], who[16] = "main", client[16] = "";
    const char *preview = strstr(fields, "preview:");
    int length;

    if (thread) snprintf(who, sizeof who, "proactor %d", thread);
    if (id) snprintf(client, sizeof client, "#%lu", id);
    if (step == WINDOW_DRAWN) strcpy(client, "e_arr");
    preview = preview && preview[8] ? preview + 8 : NULL;
    length = snprintf(line, sizeof line, "%9llu %-11s %-5s %s%s%s%s%s", now, who, client,
                      step == HANDLER_BEGIN ? "handler: " : "", text, preview ? " \"" : "", preview ? preview : "",
                      preview ? "\"" : "");
    strcpy(line + text_fit(line, (ULONG)length, TRACE_COLUMNS), "\n");
    console_put(STD_OUTPUT_HANDLE, (WORD)trace_looks[step].color, line);
}

/* What is told while cs is held waits for nothing: neither for Enter nor for the disk. */
void trace(TraceStep step, LPProactor proactor, LPSession session, const char *format, ...)
{
    bool in_cs = step == SESSION_IN || step == SESSION_MOVED || step == SESSION_OUT || step == SAID || step == TAKEN;
    bool waits = format && enter_ms && !in_cs;
    unsigned long id = session ? session->id : 0;
    int thread = proactor ? proactor->number : 0;
    char text[TRACE_LINE] = "", *fields;
    unsigned long long now;
    LARGE_INTEGER counter;
    va_list args;

    va_start(args, format);
    if (format) vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fields = text + strcspn(text, "\t");
    if (*fields) *fields++ = '\0';
    if (step == SWEEP_BEGIN) proactor->found = 0;
    if (step == RECV_END || step == SEND_END) proactor->found++;
    if (waits) AcquireSRWLockExclusive(&enter_turn);
    EnterCriticalSection(&trace_cs);
    QueryPerformanceCounter(&counter);
    now = (unsigned long long)((counter.QuadPart - trace_start.QuadPart) * 1000000 / trace_frequency.QuadPart);
    if (trace_lines && *text) trace_line(step, now, thread, id, text, fields);
    if (trace_file && step != WINDOW_DRAWN) trace_event(step, now, thread, id, text, fields);
    if (trace_file && !in_cs && trace_used > TRACE_BYTES - TRACE_ROOM) trace_flush();
    LeaveCriticalSection(&trace_cs);
    if (waits) enter_wait();
    if (waits) ReleaseSRWLockExclusive(&enter_turn);
}

void trace_posted(LPSession session, LPWSAOVERLAPPED overlapped, int error)
{
    static const TraceStep steps[2][3] = { { STEP, RECV_PENDING, RECV_AT_ONCE }, { STEP, SEND_PENDING, SEND_AT_ONCE } };
    bool is_send = overlapped == &session->sover;
    const WSABUF *first = &session->swsa[session->swsa[0].len == 0];
    ULONG bytes = is_send ? session->swsa[0].len + session->swsa[1].len : session->rwsa.len;
    Operation operation = is_send ? session->sending : session->receiving;
    char call[48], outcome[64] = "0: finished at once", preview[PREVIEW_BYTES], fields[PREVIEW_BYTES + 32] = "";

    snprintf(call, sizeof call, is_send ? "WSASend(%lu bytes%s)" : "WSARecv(len=%lu%s)", (unsigned long)bytes,
             is_send && first->len < bytes ? " in 2 WSABUFs" : "");
    if (operation == IDLE) snprintf(outcome, sizeof outcome, "SOCKET_ERROR, %s (%d)", error_name(error), error);
    if (operation == PENDING) {
        snprintf(outcome, sizeof outcome, "WSA_IO_PENDING (997): posted, e_arr[%d] will tell",
                 is_send ? session->proactor->first + SLOT_SEND : session_index(session));
    }
    if (is_send && operation != IDLE) {
        snprintf(fields, sizeof fields, "\tbytes=%lu\tpreview:%s", (unsigned long)bytes,
                 text_preview(preview, first->buf, first->len));
    }
    trace(steps[is_send][operation], session->proactor, session, "%s -> %s%s", call, outcome, fields);
}

/* Of many slots only the first are drawn, and the one that was returned. A wait of 0 ms asks for an event's state, and
 * changes nothing. */
void trace_wait(LPProactor proactor, int returned, DWORD result)
{
    enum { FEW = 6, ROOM = 34 };
    LPSession *s_arr = &proactor->server->s_arr[proactor->first],
              session = returned < SLOT_FIRST ? NULL : s_arr[returned];
    const WSAEVENT *e_arr = &proactor->server->e_arr[proactor->first];
    int used = 0, slots = SLOT_FIRST + proactor->known, left_out = 0, index = proactor->first + returned;
    char states[WINDOW_SLOTS + 1] = "", line[TRACE_LINE], name[48] = "send";

    for (int slot = 0; slot < slots; slot++) {
        bool signalled = WSAWaitForMultipleEvents(1, &e_arr[slot], FALSE, 0, FALSE) == WSA_WAIT_EVENT_0;
        states[slot] = signalled ? '1' : '0';
        if (slots > FEW && used > ROOM && slot != returned && ++left_out) continue;
        if (slot == SLOT_WAKE) strcpy(name, "wake");
        if (slot >= SLOT_FIRST) snprintf(name, sizeof name, "#%lu", s_arr[slot]->id);
        used += snprintf(line + used, sizeof line - (size_t)used, "[%d %s %c] ", proactor->first + slot, name,
                         slot == returned ? '>'
                         : signalled      ? '*'
                                          : ' ');
    }
    strcpy(name, returned == SLOT_SEND ? "the send event: a send is done" : "the wake event: something is new");
    if (session) snprintf(name, sizeof name, "so s_arr[%d]: #%lu", index, session->id);
    trace(WAIT_END, proactor, session, "-> WSA_WAIT_EVENT_0 + %lu: e_arr[%d], %s\tslot=%d\tevents:%s",
          result - WSA_WAIT_EVENT_0, index, name, returned, states);
    if (left_out) snprintf(line + used, sizeof line - (size_t)used, "and %d more", left_out);
    trace(WINDOW_DRAWN, proactor, NULL, "%s%s", line, slots < FEW ? "  * signalled, > returned" : "");
}

/* Returns false, having said why, when the file cannot be written. */
static bool trace_file_open(const char *name)
{
    trace_file = file_create(name);
    if (!trace_file) return false;
    trace_file_name = name;
    trace_put("[\n{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":1,\"args\":{\"name\":\"threads\"}},\n"
              "{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":2,\"args\":{\"name\":\"sessions: what is pending\"}}");
    trace_name(1, 0, "main", 0);
    return true;
}

bool trace_open(const Options *options)
{
    InitializeCriticalSection(&trace_cs);
    QueryPerformanceFrequency(&trace_frequency);
    QueryPerformanceCounter(&trace_start);
    trace_lines = options->trace;
    if (options->trace_file && !trace_file_open(options->trace_file)) return false;
    if (trace_lines) console_put(STD_OUTPUT_HANDLE, 0, "       us thread      client what happens\n");
    if (options->step) console_put(STD_OUTPUT_HANDLE, 0, "Enter: the next line; q and Enter: on without a stop\n");
    if (options->step) CloseHandle((HANDLE)_beginthreadex(NULL, 0, enter_read, NULL, 0, NULL));
    enter_ms = options->step ? INFINITE : (DWORD)options->slow;
    trace_on = trace_lines || trace_file;
    return true;
}

bool trace_close(void)
{
    trace_on = false;
    if (trace_file) trace_put("\n]\n");
    if (trace_file) trace_flush();
    if (trace_file) CloseHandle(trace_file);
    trace_file = NULL;
    DeleteCriticalSection(&trace_cs);
    return !trace_failed;
}

/* ---- options: one table, from which usage, help and reading come ---- */

typedef enum OptionKind { FLAG, NUMBER, ADDRESS, TEXT } OptionKind;

#define FIELD(name) offsetof(Options, name)
static const struct Option {
    const char *name, *value; /* the value's name; "": it takes none */
    OptionKind kind;
    size_t offset;            /* in Options, of a bool, an int or a const char * */
    int least, most, initial; /* of a number */
    const char *help;         /* a format for the three */
} option_table[] = {
    { "--echo", "", FLAG, FIELD(echo), 0, 0, 0, "send back what comes (the default)" },
    { "--chat", "", FLAG, FIELD(chat), 0, 0, 0, "one room: every line goes to everyone else" },
    { "--codepage", "N", NUMBER, FIELD(codepage), 1, 65535, 0,
      "of chat clients that do not speak UTF-8 (default: this machine's OEM code page)" },
    { "--port", "N", NUMBER, FIELD(port), 0, 65535, DEFAULT_PORT,
      "listen on port N, %d to %d (default %d; 0: a free one)" },
    { "--bind", "ADDR", ADDRESS, FIELD(bind), 0, 0, 0, "listen on this IPv4 or IPv6 address only (default: on all)" },
    { "--max-clients", "N", NUMBER, FIELD(max_clients), 1, MAX_CLIENTS, DEFAULT_CLIENTS,
      "serve at most N clients, %d to %d (default %d)" },
    { "--max-per-ip", "N", NUMBER, FIELD(max_per_ip), 1, MAX_CLIENTS, 0,
      "at most N of them from one address (default: no such limit)" },
    { "--quiet", "", FLAG, FIELD(quiet), 0, 0, 0, "print only the first line, errors and the totals" },
    { "--trace", "", FLAG, FIELD(trace), 0, 0, 0, "print every step of the Overlapped I/O, as it happens" },
    { "--step", "", FLAG, FIELD(step), 0, 0, 0, "--trace, and wait for Enter after each line" },
    { "--slow", "MS", NUMBER, FIELD(slow), 1, MAX_SLOW_MS, 0,
      "--trace, and wait so long after each line, %d to %d ms" },
    { "--trace-file", "F", TEXT, FIELD(trace_file), 0, 0, 0,
      "write the steps to F, for docs/replay.html, chrome://tracing or Perfetto" },
    { "--help", "", FLAG, FIELD(help), 0, 0, 0, "print this and end" },
    { "--version", "", FLAG, FIELD(version), 0, 0, 0, "print the version and end" },
};
#undef FIELD

typedef struct Option Option;
enum { OPTION_COUNT = sizeof option_table / sizeof *option_table };

static void options_print(DWORD handle, bool help)
{
    char text[160];

    console_put(handle, 0, "usage: server.exe [PORT]");
    for (int i = 0; i < OPTION_COUNT; i++) {
        const Option *row = &option_table[i];
        snprintf(text, sizeof text, " [%s%s%s]", row->name, *row->value ? " " : "", row->value);
        console_put(handle, 0, text);
    }
    console_put(handle, 0, help ? "\n\n" : "\n");
    for (int i = 0; help && i < OPTION_COUNT; i++) {
        const Option *row = &option_table[i];
        int used = snprintf(text, sizeof text, "  %s %-*s", row->name, 16 - (int)strlen(row->name), row->value);
        used += snprintf(text + used, sizeof text - (size_t)used, row->help, row->least, row->most, row->initial);
        snprintf(text + used, sizeof text - (size_t)used, "\n");
        console_put(handle, 0, text);
    }
}

/* Ends the process. `value` may be NULL. */
static void option_fail(const char *option, const char *value, const char *why)
{
    log_error(0, "%s%s%s: %s", option, value ? " " : "", value ? value : "", why);
    options_print(STD_ERROR_HANDLE, false);
    screen_restore();
    exit(2);
}

static int option_number(const Option *row, const char *option, const char *value)
{
    long number = strtol(value, NULL, 10);
    char why[64];

    if (!*value || value[strspn(value, "0123456789")] || number < row->least || number > row->most) {
        snprintf(why, sizeof why, "not a number from %d to %d", row->least, row->most);
        option_fail(option, value, why);
    }
    return (int)number;
}

static void option_address(const char *option, const char *value)
{
    SOCKADDR_STORAGE addr;
    const IN6_ADDR *in6 = &((const SOCKADDR_IN6 *)&addr)->sin6_addr;

    if (!address_parse(value, &addr)) option_fail(option, value, "not an IPv4 or IPv6 address");
    if (addr.ss_family == AF_INET) return;
    if (IN6_IS_ADDR_V4MAPPED(in6))
        option_fail(option, value, "an IPv4 address in IPv6 form, please give it as 1.2.3.4");
    if (IN6_IS_ADDR_LINKLOCAL(in6)) option_fail(option, value, "link-local, which says nothing without an interface");
}

static void option_set(Options *options, const Option *row, const char *option, const char *value)
{
    void *field = (char *)options + row->offset;

    if (!value) option_fail(option, NULL, "its value is missing");
    if (row->kind == ADDRESS) option_address(option, value);
    if (row->kind == FLAG) {
        *(bool *)field = true;
    } else if (row->kind == NUMBER) {
        *(int *)field = option_number(row, option, value);
    } else {
        *(const char **)field = value;
    }
}

/* What depends on several options, or on this machine. Text is converted in place, so a code page has at most two bytes
 * a character, or is UTF-8. */
static void options_check(Options *options)
{
    UINT page = options->codepage ? (UINT)options->codepage : GetOEMCP();
    CPINFO info;

    if (options->echo && options->chat) option_fail("--echo and --chat", NULL, "only one of them is possible");
    if (options->step && options->slow) option_fail("--step and --slow", NULL, "only one of them is possible");
    if (options->step || options->slow) options->trace = true;
    if (options->codepage && !options->chat) option_fail("--codepage", NULL, "goes with --chat only");
    if (options->codepage && page != CP_UTF8
        && (!IsValidCodePage(page) || !GetCPInfo(page, &info) || info.MaxCharSize > 2)) {
        option_fail("--codepage", NULL, "this machine has no such page, as 949 (Korean), 437 or 65001 (UTF-8)");
    }
    options->codepage = (int)page;
}

/* The next argument, taken apart in place by the rules of "Parsing C command-line arguments"; NULL: there is none.
 * (These hold for the program's name too, because no file's name ends with a backslash.) */
static const char *argument_next(char **rest)
{
    char *in = *rest + strspn(*rest, " \t"), *out = in, *start = in;
    bool quoted = false;

    if (!*in) return NULL;
    while (*in && (quoted || !strchr(" \t", *in))) {
        size_t slashes = strspn(in, "\\");
        bool quote = in[slashes] == '"';
        memset(out, '\\', slashes);
        out += quote ? slashes / 2 : slashes;
        in += slashes;
        if (quote && slashes % 2) { /* \" is a quote ... */
            *out++ = *in++;
        } else if (quote && quoted && in[1] == '"') { /* ... and so is "" within quotes */
            *out++ = '"';
            in += 2;
        } else if (quote) {
            quoted = !quoted;
            in++;
        } else if (!slashes) {
            *out++ = *in++;
        }
    }
    *rest = *in ? in + 1 : in;
    *out = '\0';
    return start;
}

/* Reads Windows' own command line, as UTF-8: main()'s is in the code page for ANSI, in which not every file has a name.
 */
void options_read(Options *options)
{
    static char line[3 * COMMAND_CHARS]; /* the options point into it */
    bool given[OPTION_COUNT] = { false };
    char *rest = line;
    const char *option;

    for (const Option *row = option_table; row < option_table + OPTION_COUNT; row++) {
        if (row->initial) *(int *)(void *)((char *)options + row->offset) = row->initial;
    }
    screen_prepare();
    WideCharToMultiByte(CP_UTF8, 0, GetCommandLineW(), -1, line, sizeof line, NULL, NULL);
    argument_next(&rest); /* the program's name */
    while ((option = argument_next(&rest)) != NULL) {
        bool port = option[0] != '-';
        const char *name = port ? "--port" : option, *value;
        int i = 0;

        while (i < OPTION_COUNT && strcmp(option_table[i].name, name) != 0) i++;
        if (i == OPTION_COUNT) option_fail(option, NULL, "no such option");
        value = port || !*option_table[i].value ? option : argument_next(&rest);
        if (given[i]) option_fail(option, NULL, port ? "the port was given already" : "given already");
        given[i] = true;
        option_set(options, &option_table[i], port ? "PORT" : option, value);
    }
    if (options->help) options_print(STD_OUTPUT_HANDLE, true);
    if (options->version) console_put(STD_OUTPUT_HANDLE, 0, "server.exe " VERSION "\n");
    if (options->help || options->version) {
        screen_restore();
        exit(0);
    }
    options_check(options);
}

/* ---- the listening socket ---- */

/* A socket for overlapped I/O, to be bound to `addr`, which is filled in. */
static SOCKET listen_socket(const Options *options, const char *text, SOCKADDR_STORAGE *addr)
{
    address_parse(text, addr);
    ((SOCKADDR_IN *)addr)->sin_port = htons((unsigned short)options->port);
    return WSASocketW(addr->ss_family, SOCK_STREAM, IPPROTO_TCP, NULL, 0, WSA_FLAG_OVERLAPPED);
}

/* The sockets that accept() makes are like this one ("accept function": "the same properties as socket s"). Returns
 * false, having said why, when one fails that the server cannot do without. */
static bool listen_options(SOCKET sock, bool dual)
{
    static const struct {
        int level, name;
        DWORD value;
        bool needed;
    } rows[] = {
        { IPPROTO_IPV6, IPV6_V6ONLY, 0, true }, /* IPv4 clients come too, as ::ffff:a.b.c.d ("Dual-Stack Sockets") */
        { SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1, true }, /* nobody takes the port over (the page of that name) */
        { IPPROTO_TCP, TCP_NODELAY, 1, false },       /* answers go out at once */
        { SOL_SOCKET, SO_KEEPALIVE, 1, false },       /* a client that vanished is noticed some day */
        { SOL_SOCKET, SO_OOBINLINE, 1, false },       /* an urgent byte, as of telnet's Synch, stays in its place */
    };

    for (size_t i = dual ? 0 : 1; i < sizeof rows / sizeof *rows; i++) {
        const char *value = (const char *)&rows[i].value;
        if (setsockopt(sock, rows[i].level, rows[i].name, value, sizeof rows[i].value) != SOCKET_ERROR) continue;
        log_error(WSAGetLastError(), "setsockopt(%d, %d) failed", rows[i].level, rows[i].name);
        if (rows[i].needed) return false;
    }
    return true;
}

/* WSAEACCES is also a port in one of the ranges that Hyper-V and others keep for themselves. */
static bool listen_bind(SOCKET sock, const Options *options, const SOCKADDR_STORAGE *addr)
{
    int error = bind(sock, (const struct sockaddr *)addr, sizeof *addr) == SOCKET_ERROR ? WSAGetLastError() : 0;

    if (error == WSAEADDRINUSE) {
        log_error(error, "port %d is in use", options->port);
    } else if (error == WSAEACCES) {
        log_error(error, "port %d is in use, or reserved by Windows (netsh interface ipv4 show excludedportrange tcp)",
                  options->port);
    } else if (error) {
        log_error(error, "cannot listen on %s, port %d", options->bind ? options->bind : "all addresses",
                  options->port);
    } else {
        TRACE(STEP, NULL, NULL, "bind(port %d) -> 0", options->port);
    }
    return error == 0;
}

/* Returns the bound socket, not listening yet, or INVALID_SOCKET, having said why. */
static SOCKET listen_open(const Options *options)
{
    SOCKADDR_STORAGE addr;
    SOCKET sock = listen_socket(options, options->bind ? options->bind : "::", &addr); /* every address */

    if (sock == INVALID_SOCKET && WSAGetLastError() == WSAEAFNOSUPPORT && !options->bind) {
        sock = listen_socket(options, "0.0.0.0", &addr); /* a machine without IPv6 */
    }
    if (sock == INVALID_SOCKET) {
        log_error(WSAGetLastError(), "cannot make the listening socket");
        return sock;
    }
    TRACE(STEP, NULL, NULL, "WSASocketW(%s, WSA_FLAG_OVERLAPPED) -> listen_sock",
          addr.ss_family == AF_INET6 ? "AF_INET6" : "AF_INET");
    if (listen_options(sock, addr.ss_family == AF_INET6 && !options->bind) && listen_bind(sock, options, &addr))
        return sock;
    closesocket(sock);
    return INVALID_SOCKET;
}

/* ---- the first lines: what to type, here and on other machines ---- */

/* Names this machine's addresses. Windows tells them from its tables ("SIO_ADDRESS_LIST_QUERY control code"), while
 * getaddrinfo() of its name might wait for a name server. */
static void announce_hosts(int family, int port)
{
    union {
        SOCKET_ADDRESS_LIST list;
        char bytes[4096];
    } answer;
    char text[INET6_ADDRSTRLEN], line[2 * ADDRESS_BYTES];
    SOCKET sock = socket(family, SOCK_DGRAM, 0);
    SOCKADDR_STORAGE host;
    DWORD bytes;

    if (sock == INVALID_SOCKET) return;
    answer.list.iAddressCount = 0;
    WSAIoctl(sock, SIO_ADDRESS_LIST_QUERY, NULL, 0, &answer, sizeof answer, &bytes, NULL, NULL);
    for (int i = 0, shown = 0; i < answer.list.iAddressCount && shown < HOSTS; i++) {
        const SOCKET_ADDRESS *found = answer.list.Address + i;
        memcpy(&host, found->lpSockaddr, (size_t)found->iSockaddrLength);
        if (host.ss_family != family || address_is_any(&host) || address_is_local(&host)) continue;
        address_host_text(&host, text);
        snprintf(line, sizeof line, "from another machine: client.exe %s %d\n", text, port);
        console_put(STD_OUTPUT_HANDLE, 0, line);
        shown++;
    }
    closesocket(sock);
}

static void server_announce(LPServer server)
{
    SOCKADDR_STORAGE addr;
    int length = sizeof addr, port;
    char text[ADDRESS_BYTES], line[3 * ADDRESS_BYTES];
    const char *bound = server->options.bind, *host = bound;

    ZeroMemory(&addr, sizeof addr);
    getsockname(server->listen_sock, (struct sockaddr *)&addr, &length);
    address_text(&addr, text, sizeof text);
    snprintf(line, sizeof line, "%s server listening on %s (Ctrl+C stops it)\n", server->handler->name, text);
    console_put(STD_OUTPUT_HANDLE, 0, line);
    if (server->options.quiet) return;
    port = ntohs(((SOCKADDR_IN *)&addr)->sin_port);
    if (!bound || address_is_any(&addr)) host = "localhost";
    snprintf(line, sizeof line, "try: client.exe %s %d  or  telnet %s %d\n", host, port, host, port);
    console_put(STD_OUTPUT_HANDLE, 0, line);
    if (host == bound) return; /* the one address that others can use too, or none */
    if (!bound || addr.ss_family == AF_INET) announce_hosts(AF_INET, port);
    if (addr.ss_family == AF_INET6) announce_hosts(AF_INET6, port);
}

/* ---- the server ---- */

/* Slots for all clients and for those that are refused. */
static bool server_arrays(LPServer server)
{
    size_t slots;

    server->max_windows = (server->options.max_clients + 2 * WINDOW_SESSIONS - 1) / WINDOW_SESSIONS;
    slots = (size_t)server->max_windows * WINDOW_SLOTS;
    snprintf(server->full, sizeof server->full, "server full: %d client%s at most\r\n", server->options.max_clients,
             text_plural(server->options.max_clients));
    snprintf(server->address_full, sizeof server->address_full, "your address is full: %d client%s at most\r\n",
             server->options.max_per_ip, text_plural(server->options.max_per_ip));
    server->s_arr = (LPSession *)calloc(slots, sizeof *server->s_arr);
    server->e_arr = (WSAEVENT *)calloc(slots, sizeof *server->e_arr);
    server->proactors = (Proactor *)calloc((size_t)server->max_windows, sizeof *server->proactors);
    if (server->s_arr && server->e_arr && server->proactors) return true;
    log_error(0, "no memory for %d clients", server->options.max_clients);
    return false;
}

/* Ends all threads but the writer and frees what server_start() made, as far as it came. Returns false when the trace
 * file is not whole. */
static bool server_end(LPServer server)
{
    bool whole;

    EnterCriticalSection(&server->cs);
    server->stopping = true;
    LeaveCriticalSection(&server->cs);
    TRACE(STEP, NULL, NULL, "the server is stopping: no more clients, and all sessions are finished");
    proactor_wake_all(server, NULL);
    listen_close();
    for (int i = 0; i < server->windows; i++) proactor_join(&server->proactors[i]);
    for (int i = 0; i < server->windows; i++) proactor_close(&server->proactors[i]);
    free(server->proactors);
    free(server->e_arr);
    free(server->s_arr);
    DeleteCriticalSection(&server->cs);
    whole = trace_close();
    WSACleanup();
    return whole;
}

/* In the lecture's order: overlapped socket, the thread that waits, listen. */
static bool server_open(LPServer server)
{
    if (!server_arrays(server)) return false;
    server->listen_sock = listen_open(&server->options);
    if (server->listen_sock == INVALID_SOCKET) return false;
    listen_sock_open = server->listen_sock;
    InterlockedExchange(&listen_is_open, 1);
    if (!proactor_open(server)) return false;
    if (listen(server->listen_sock, SOMAXCONN) == SOCKET_ERROR && !console_interrupted()) {
        log_error(WSAGetLastError(), "listen failed");
        return false;
    }
    TRACE(STEP, NULL, NULL, "listen(SOMAXCONN) -> 0: clients may come");
    return true;
}

static bool server_begin(LPServer server)
{
    WSADATA data;
    int error = WSAStartup(MAKEWORD(2, 2), &data);

    if (error) {
        log_error(error, "WSAStartup failed");
        return false;
    }
    InitializeCriticalSectionAndSpinCount(&server->cs, SPINS);
    if (trace_open(&server->options) && server_open(server)) return true;
    server_end(server);
    return false;
}

bool server_start(LPServer server)
{
    if (console_open(&server->options) && server_begin(server)) {
        server_announce(server);
        return true;
    }
    console_close();
    return false;
}

bool server_stop(LPServer server)
{
    char line[4 * ADDRESS_BYTES];
    bool whole = server_end(server);

    snprintf(line, sizeof line,
             "stopped: %lu client%s served, %d at once, %llu bytes in, %llu bytes out, %d Proactor thread%s\n",
             server->served, text_plural((int)server->served), server->peak, server->in, server->out, server->windows,
             text_plural(server->windows));
    console_put(STD_OUTPUT_HANDLE, 0, line);
    console_close();
    return whole;
}

/* ---- text: UTF-8 inside, the client's code page at the edge ---- */

/* What a first byte promises: how many bytes, 0 for none, and the least character that needs so many. */
static ULONG utf8_length(unsigned long first, unsigned long *least)
{
    *least = first < 0x80 ? 0 : first < 0xE0 ? 0x80 : first < 0xF0 ? 0x800 : 0x10000;
    return first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
}

/* The second byte tells whether it can become a character at all: so one that cannot is not waited for. */
static ULONG utf8_next(const char *text, ULONG length, unsigned long *character)
{
    unsigned long c = (unsigned char)text[0], least;
    ULONG bytes = utf8_length(c, &least), i;

    *character = TEXT_INVALID;
    if (bytes == 0) return 1;
    if (bytes > 1) c &= 0x7Fu >> bytes;
    for (i = 1; i < bytes && i < length; i++) {
        if (((unsigned char)text[i] & 0xC0) != 0x80) return 1;
        c = c << 6 | ((unsigned char)text[i] & 0x3Fu);
        if (i > 1) continue;
        if (c < least >> 6 * (bytes - 2)) return 1;                       /* fewer bytes would do */
        if (bytes == 3 && c >= 0xD800 >> 6 && c <= 0xDFFF >> 6) return 1; /* a surrogate */
        if (bytes == 4 && c > 0x10FFFF >> 12) return 1;                   /* past the last */
    }
    if (i < bytes) return 0;
    *character = c;
    return bytes;
}

ULONG text_next(UINT page, const char *text, ULONG length, unsigned long *character)
{
    bool two = page != CP_UTF8 && IsDBCSLeadByteEx(page, (BYTE)text[0]);
    WCHAR wide[2];
    int units;

    if (page == CP_UTF8) return utf8_next(text, length, character);
    if (two && length < 2) return 0;
    units = MultiByteToWideChar(page, MB_ERR_INVALID_CHARS, text, two ? 2 : 1, wide, 2);
    *character = units == 1 ? wide[0] : (unsigned long)TEXT_INVALID;
    if (units == 1 && wide[0] >= 0xD800 && wide[0] <= 0xDFFF) *character = TEXT_INVALID;
    return *character == TEXT_INVALID ? 1 : two ? 2 : 1;
}

/* Writes the character as UTF-8 and returns its bytes. */
static ULONG utf8_put(char *text, unsigned long character)
{
    ULONG bytes = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;

    for (ULONG i = bytes - 1; i > 0; i--, character >>= 6) text[i] = (char)((character & 0x3F) | 0x80);
    text[0] = (char)(bytes == 1 ? character : (0xF00u >> bytes & 0xFF) | character);
    return bytes;
}

int text_utf8(const char *text, ULONG length)
{
    unsigned long character;
    ULONG longest = 1, bytes;

    for (; length > 0; text += bytes, length -= bytes) {
        bytes = utf8_next(text, length, &character);
        if (bytes == 0 || character == TEXT_INVALID) return 0;
        if (bytes > longest) longest = bytes;
    }
    return (int)longest;
}

ULONG text_whole(UINT page, const char *text, ULONG length)
{
    unsigned long character;
    ULONG whole = 0, bytes = 1;

    for (; whole < length && bytes > 0; whole += bytes) {
        bytes = text_next(page, text + whole, length - whole, &character);
    }
    return whole;
}

bool text_decode(UINT page, const char *bytes, ULONG length, char *text)
{
    unsigned long character;
    bool valid = true;

    for (ULONG at = 0, used; at < length; at += used) {
        used = text_next(page, bytes + at, length - at, &character);
        if (used == 0 || character == TEXT_INVALID) {
            used = 1;
            character = 0xFFFD;
            valid = false;
        }
        if (!text_steers(character)) text += utf8_put(text, character);
    }
    *text = '\0';
    return valid;
}

/* The UTF-16 of a UTF-8 text's beginning, 64 units at most, and how many bytes that is. */
static int text_widen(const char *text, ULONG length, WCHAR wide[64], ULONG *bytes)
{
    unsigned long character;
    int units = 0;

    for (*bytes = 0; *bytes < length && units < 63;) {
        *bytes += utf8_next(text + *bytes, length - *bytes, &character);
        if (character > 0xFFFF) wide[units++] = (WCHAR)(0xD7C0 + (character >> 10));
        wide[units++] = (WCHAR)(character > 0xFFFF ? 0xDC00 + (character & 0x3FF) : character);
    }
    return units;
}

/* No "best fit": it would make one name of two that only look alike ("WideCharToMultiByte function" advises so). A
 * byte 255 would be a command to telnet. */
ULONG text_encode(UINT page, char *text, ULONG length)
{
    ULONG from = 0, to = 0, bytes;
    WCHAR wide[64];

    if (page == CP_UTF8) return length;
    for (; from < length; from += bytes) {
        int units = text_widen(text + from, length - from, wide, &bytes);
        int made = WideCharToMultiByte(page, WC_NO_BEST_FIT_CHARS, wide, units, text + to, (int)bytes, "?", NULL);
        for (ULONG end = to + (made > 0 ? (ULONG)made : 0); to < end; to++) {
            if ((unsigned char)text[to] == 0xFF) text[to] = '?';
        }
    }
    return to;
}

bool text_steers(unsigned long c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x061C || (c >= 0x200E && c <= 0x200F)
           || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x206F);
}

typedef struct Range {
    unsigned long first, last;
} Range;

static bool text_among(unsigned long c, const Range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (c >= ranges[i].first && c <= ranges[i].last) return true;
    }
    return false;
}

/* Marks that stand on another character, and what is not shown at all. */
static const Range narrow[] = { { 0xAD, 0xAD },      { 0x300, 0x36F },   { 0x483, 0x489 },     { 0x591, 0x5BD },
                                { 0x610, 0x61A },    { 0x64B, 0x65F },   { 0x93C, 0x93C },     { 0x941, 0x948 },
                                { 0x94D, 0x94D },    { 0xE31, 0xE31 },   { 0xE34, 0xE3A },     { 0xE47, 0xE4E },
                                { 0x1160, 0x11FF },  { 0x17B4, 0x17B5 }, { 0x180B, 0x180F },   { 0x1AB0, 0x1AFF },
                                { 0x1DC0, 0x1DFF },  { 0x200B, 0x200F }, { 0x202A, 0x202E },   { 0x2060, 0x206F },
                                { 0x20D0, 0x20FF },  { 0x3099, 0x309A }, { 0xFE00, 0xFE0F },   { 0xFE20, 0xFE2F },
                                { 0xFEFF, 0xFEFF },  { 0xFFF0, 0xFFFB }, { 0x1BCA0, 0x1BCA3 }, { 0x1D173, 0x1D17A },
                                { 0xE0000, 0xE0FFF } };

/* Hangul, Chinese, kana, full-width, emoji (Unicode's East Asian Width: W and F). */
static const Range wide_ones[] = {
    { 0x1100, 0x115F },   { 0x231A, 0x231B },   { 0x23E9, 0x23EC },   { 0x2614, 0x2615 },   { 0x2648, 0x2653 },
    { 0x26AA, 0x26AB },   { 0x26BD, 0x26BE },   { 0x2705, 0x2705 },   { 0x270A, 0x270B },   { 0x2728, 0x2728 },
    { 0x274C, 0x274E },   { 0x2753, 0x2757 },   { 0x2795, 0x2797 },   { 0x2B1B, 0x2B1C },   { 0x2B50, 0x2B55 },
    { 0x2E80, 0x303E },   { 0x3041, 0x4DBF },   { 0x4E00, 0xA4C6 },   { 0xA960, 0xA97C },   { 0xAC00, 0xD7A3 },
    { 0xF900, 0xFAFF },   { 0xFE10, 0xFE19 },   { 0xFE30, 0xFE6B },   { 0xFF01, 0xFF60 },   { 0xFFE0, 0xFFE6 },
    { 0x16FE0, 0x1B2FF }, { 0x1F18E, 0x1F19A }, { 0x1F200, 0x1F64F }, { 0x1F680, 0x1F6FF }, { 0x1F7E0, 0x1F7F0 },
    { 0x1F900, 0x1F9FF }, { 0x1FA70, 0x1FAFF }, { 0x20000, 0x3FFFD }
};

/* What has its place, but nothing in it. */
static const Range blank[] = { { 0x20, 0x20 },     { 0xA0, 0xA0 },     { 0x115F, 0x1160 }, { 0x1680, 0x1680 },
                               { 0x2000, 0x200A }, { 0x202F, 0x202F }, { 0x205F, 0x205F }, { 0x2800, 0x2800 },
                               { 0x3000, 0x3000 }, { 0x3164, 0x3164 }, { 0xFFA0, 0xFFA0 } };

/* A code page of East Asia is shown with as many columns as it has bytes. */
ULONG text_columns(UINT page, unsigned long character, ULONG bytes)
{
    if (text_steers(character)) return 0;
    if (page != CP_UTF8) return bytes;
    if (text_among(character, narrow, sizeof narrow / sizeof *narrow)) return 0;
    return text_among(character, wide_ones, sizeof wide_ones / sizeof *wide_ones) ? 2 : 1;
}

/* Looked for from the beginning: the second byte of a character may look like the first of one. */
ULONG text_last(UINT page, const char *text, ULONG length, ULONG *columns)
{
    ULONG last = 0, bytes, width;
    unsigned long character;

    *columns = 0;
    for (ULONG at = 0; at < length; at += bytes) {
        bytes = text_next(page, text + at, length - at, &character);
        width = bytes ? text_columns(page, character, bytes) : 0;
        if (bytes && width == 0) continue;
        last = at;
        *columns = width;
        if (bytes == 0) break;
    }
    return last;
}

bool text_visible(const char *text)
{
    unsigned long c;

    for (ULONG length = (ULONG)strlen(text), bytes; length > 0; text += bytes, length -= bytes) {
        bytes = utf8_next(text, length, &c);
        if (bytes == 0) return false;
        if (text_columns(CP_UTF8, c, bytes) > 0 && !text_among(c, blank, sizeof blank / sizeof *blank)) return true;
    }
    return false;
}

/* Letters and digits of any script. Of marks only those without which a script cannot be written, from Devanagari to
 * Khmer, and not at the beginning. Some letters and vowels of Unicode are not seen: what takes no place on the screen
 * must not tell two names apart. */
static bool name_character(const WCHAR *at, bool first)
{
    WORD type1 = 0, type3 = 0;

    if (*at == '-' || *at == '_' || *at == '.') return true;
    if (!GetStringTypeW(CT_CTYPE1, at, 1, &type1) || !GetStringTypeW(CT_CTYPE3, at, 1, &type3)) return false;
    if ((type1 & (C1_ALPHA | C1_DIGIT)) && text_columns(CP_UTF8, *at, 0) > 0
        && !text_among(*at, blank, sizeof blank / sizeof *blank)) {
        return true;
    }
    return !first && ((type1 & C1_ALPHA) || (type3 & (C3_NONSPACING | C3_VOWELMARK)))
           && ((*at >= 0x900 && *at <= 0x109F) || (*at >= 0x17B6 && *at <= 0x17D3));
}

/* Precomposed, so that one name has one form. */
bool text_name(const char *text, WCHAR wide[NICK_CHARS + 1], char nick[NICK_BYTES])
{
    WCHAR typed[4 * NICK_CHARS];
    int units = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, typed, 4 * NICK_CHARS);

    if (units > 0) units = FoldStringW(MAP_PRECOMPOSED, typed, -1, wide, NICK_CHARS + 1);
    for (int i = 0; i + 1 < units; i++) {
        if (!name_character(&wide[i], i == 0)) return false;
    }
    return units > 1 && WideCharToMultiByte(CP_UTF8, 0, wide, -1, nick, NICK_BYTES, NULL, NULL) > 0;
}

ULONG text_fit(const char *text, ULONG length, int columns)
{
    ULONG fits = 0, bytes;
    unsigned long c;

    while (fits < length) {
        bytes = text_next(CP_UTF8, text + fits, length - fits, &c);
        columns -= (int)text_columns(CP_UTF8, c, bytes);
        if (bytes == 0 || columns < 0) break;
        fits += bytes;
    }
    return fits;
}

const char *text_preview(char text[PREVIEW_BYTES], const char *data, ULONG bytes)
{
    ULONG used = 0, length;
    unsigned long c;

    text[0] = '\0';
    for (int columns = 0; bytes > 0 && columns < PREVIEW_COLUMNS && used < PREVIEW_BYTES - 8; bytes -= length) {
        length = text_next(CP_UTF8, data, bytes, &c);
        if (length == 0 || c == TEXT_INVALID || (text_steers(c) && c != '\r' && c != '\n')) {
            text[used++] = '.';
            if (length == 0) length = 1;
        } else if (c == '\r' || c == '\n') {
            text[used++] = '\\';
            text[used++] = c == '\r' ? 'r' : 'n';
        } else {
            memcpy(text + used, data, length);
            used += length;
        }
        columns += (int)text_columns(CP_UTF8, c, length);
        data += length;
    }
    strcpy(text + used, bytes ? "..." : "");
    return text;
}
