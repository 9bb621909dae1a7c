/* console.cpp - the console: one thread writes, settings, Ctrl+C, errors. */
#include "console.h"

#include <process.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINE_BYTES = 5 * 1024,   /* of one line on the console */
    HALF_BYTES = 128 * 1024, /* of the lines that wait for the console, in each buffer */
    HALF_LINES = 4096,
    DRAIN_MS = 500 /* for the lines that still wait at the end */
};

/* ---- the console: one thread writes; all others leave lines for it and go on ----
 *
 * Whoever calls WriteFile on a console or a pipe waits until the reader takes the bytes: a paused pager, a selection in
 * the window, Ctrl+S. So only the writer does. The queue is two buffers: threads fill one while the writer writes the
 * other. Lines that find their half full are counted instead, until the writer comes for it and puts their number
 * behind it, which is just where they are missing. */

typedef struct LineBuffer {
    char text[HALF_BYTES];
    struct {
        ULONG length;
        DWORD handle; /* STD_OUTPUT_HANDLE or STD_ERROR_HANDLE */
        WORD color;   /* for screen_color(); 0: the console's own */
    } lines[HALF_LINES];
    ULONG used;
    int count;
    unsigned long lost;
} LineBuffer;

static LineBuffer buffers[2], *front = &buffers[0];
static SRWLOCK queue_lock = SRWLOCK_INIT; /* guards `front`, what it points to, and `closing`: to copy a line */
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
static bool queue_add(LineBuffer *half, DWORD handle, WORD color, const char *line, ULONG length)
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
void console_put(DWORD handle, WORD color, const char *line)
{
    ULONG length = (ULONG)strlen(line);

    if (!writer) {
        console_write(handle, line, length);
        return;
    }
    AcquireSRWLockExclusive(&queue_lock);
    if (!queue_add(front, handle, color, line, length)) front->lost++;
    ReleaseSRWLockExclusive(&queue_lock);
    WakeConditionVariable(&queue_filled); /* no call into the kernel unless the writer sleeps */
}

/* Waits for lines. NULL: there are none, and there will be none. */
static LineBuffer *queue_take(void)
{
    LineBuffer *half;

    AcquireSRWLockExclusive(&queue_lock);
    while (front->count == 0 && !closing) SleepConditionVariableSRW(&queue_filled, &queue_lock, INFINITE, 0);
    half = front;
    front = &buffers[half == &buffers[0]];
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

static bool queue_write(LineBuffer *half)
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
    LineBuffer *half;

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

/* ---- the console's settings, and Ctrl+C ---- */

static volatile LONG console_interrupts; /* how often the user asked for the end */
static void (*console_on_interrupt)(void);

/* Gives code page, input mode and colours back, once: Main, or the thread of the second Ctrl+C. */
void console_restore(void)
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

    console_on_interrupt();
    /* When the window is closed, Windows ends the process as soon as this returns, or after 5 seconds ("HandlerRoutine
     * callback function"). Main needs less, and its return from main() ends this wait. */
    if (type != CTRL_C_EVENT && type != CTRL_BREAK_EVENT) Sleep(INFINITE);
    if (!first) console_restore();
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
void console_prepare(void)
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
bool console_open(const Options *options, void (*on_interrupt)(void))
{
    console_on_interrupt = on_interrupt;
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
void console_close(void)
{
    if (writer) {
        AcquireSRWLockExclusive(&queue_lock);
        closing = true;
        ReleaseSRWLockExclusive(&queue_lock);
        WakeConditionVariable(&queue_filled);
        WaitForSingleObject(writer, DRAIN_MS);
        CloseHandle(writer); /* and it stays set: lines that come later come too late */
    }
    console_restore();
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
