/* console.cpp - the console: its writer thread, its settings, Ctrl+C, log lines, names of errors. */
#include "console.h"
#include "text.h"

#include <process.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINE_BYTES = 5 * 1024,     /* of one line on the console */
    BUFFER_BYTES = 128 * 1024, /* of the lines that wait for the console, in each buffer */
    BUFFER_LINES = 4096,
    PIECE_BYTES = 1024, /* of UTF-8 that one call writes to a console */
    COUNT_MS = 1000,    /* how long a repeated line is only counted */
    DRAIN_MS = 500      /* for the lines that still wait at the end */
};

/* ---- the queue: one thread writes to the console; all others leave lines for it and go on ----
 *
 * A write to a console or pipe blocks until the reader takes the bytes: a paused pager, a selection in the window,
 * Ctrl+S. So only the writer writes. The queue is a double buffer: threads fill one while the writer writes the other.
 * Lines that find that buffer full are counted until the writer takes it; the writer then prints their number after its
 * lines, where they are missing. */

typedef struct LineBuffer {
    char text[BUFFER_BYTES];
    struct {
        ULONG length;
        DWORD handle; /* STD_OUTPUT_HANDLE or STD_ERROR_HANDLE */
        WORD color;   /* as console_put() takes it */
    } lines[BUFFER_LINES];
    ULONG used;
    int count;
    unsigned long lost;
} LineBuffer;

static LineBuffer buffers[2], *front = &buffers[0];
static SRWLOCK queue_lock =
    SRWLOCK_INIT; /* guards `front`, its contents, the flags and `counted`; held only to copy a line */
static CONDITION_VARIABLE queue_filled = CONDITION_VARIABLE_INIT;
static HANDLE writer; /* NULL: not started, and lines are written directly */
static bool closing, held, console_quiet;

/* The line that log_counted() printed last. */
static struct {
    const char *text; /* a string constant */
    ULONGLONG until;  /* GetTickCount64 time: until then it is only counted */
    unsigned long more;
} counted;

/* The console's settings before the server changed them. */
static SRWLOCK screen_lock = SRWLOCK_INIT; /* guards the colors, which the writer sets, and their restoration */
static bool screen_restored;
static DWORD screen_input_mode; /* 0: standard input is not a console */
static WORD screen_colors;
static bool screen_colored;
static bool screen_out, screen_err; /* stdout and stderr are consoles */

/* The screen, if stdout is one. Not the standard handle, on which the writer may block: calls on a handle without
 * FILE_FLAG_OVERLAPPED wait for each other ("CreateFileW function"). */
static HANDLE screen;

/* Writes UTF-8 to a console as UTF-16, in pieces of whole characters. Its output code page does not matter, and stays
 * as it is: it belongs to the console, which other programs use too. */
static void screen_write(HANDLE handle, const char *text, ULONG length)
{
    WCHAR wide[PIECE_BYTES];

    while (length > 0) {
        ULONG piece = length < PIECE_BYTES ? length : text_complete(CP_UTF8, text, PIECE_BYTES);
        DWORD units = (DWORD)MultiByteToWideChar(CP_UTF8, 0, text, (int)piece, wide, PIECE_BYTES);
        DWORD written = 0, done = 0;
        while (done < units && WriteConsoleW(handle, wide + done, units - done, &written, NULL) && written)
            done += written;
        if (done < units || units == 0) return;
        text += piece;
        length -= piece;
    }
}

static void console_write(DWORD handle, const char *text, ULONG length)
{
    DWORD written;

    if (handle == STD_ERROR_HANDLE ? screen_err : screen_out) {
        screen_write(GetStdHandle(handle), text, length);
    } else {
        WriteFile(GetStdHandle(handle), text, length, &written, NULL);
    }
}

bool console_is_screen(void)
{
    return screen_out;
}

/* Adds a line to the buffer. Returns false when there is no room. The lock is held. */
static bool queue_add(LineBuffer *buffer, DWORD handle, WORD color, const char *line, ULONG length)
{
    if (buffer->lost || buffer->count == BUFFER_LINES || buffer->used + length > BUFFER_BYTES) return false;
    memcpy(buffer->text + buffer->used, line, length);
    buffer->used += length;
    buffer->lines[buffer->count].length = length;
    buffer->lines[buffer->count].handle = handle;
    buffer->lines[buffer->count++].color = color;
    return true;
}

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

void console_hold(bool hold)
{
    AcquireSRWLockExclusive(&queue_lock);
    held = hold && screen_out;
    ReleaseSRWLockExclusive(&queue_lock);
    WakeConditionVariable(&queue_filled);
}

/* Queues the number of lines that log_counted() did not print, once it is due. The lock is held. Returns the ms until
 * then, INFINITE when there are none. */
static DWORD counted_flush(void)
{
    char line[LINE_BYTES];
    ULONGLONG time;

    if (!counted.more) return INFINITE;
    time = GetTickCount64();
    if (time < counted.until && !closing) return (DWORD)(counted.until - time);
    snprintf(line, sizeof line, "server: %s (%lu more)\n", counted.text, counted.more);
    if (!queue_add(front, STD_ERROR_HANDLE, 0, line, (ULONG)strlen(line))) return COUNT_MS;
    counted.until = time + COUNT_MS;
    counted.more = 0;
    return INFINITE;
}

/* Waits for lines. Returns NULL when there are none and there will be none. */
static LineBuffer *queue_take(void)
{
    LineBuffer *buffer;
    DWORD wait;

    AcquireSRWLockExclusive(&queue_lock);
    wait = counted_flush();
    while ((front->count == 0 || held) && !closing) {
        SleepConditionVariableSRW(&queue_filled, &queue_lock, wait, 0);
        wait = counted_flush();
    }
    buffer = front;
    front = &buffers[buffer == &buffers[0]];
    ReleaseSRWLockExclusive(&queue_lock);
    return buffer->count ? buffer : NULL;
}

/* Returns the attributes for a color of console_put() on the console's background. */
static WORD screen_color(WORD color)
{
    bool light = (screen_colors >> 4 & (FOREGROUND_RED | FOREGROUND_GREEN)) == (FOREGROUND_RED | FOREGROUND_GREEN);

    if (!screen_colored || color == 0) return screen_colors;
    return (WORD)((screen_colors & ~0x0F) | (light ? color >> 4 : color & 0x0F));
}

/* Sets the color of the next line. Returns false when the console has already been restored: nothing more is
 * written. */
static bool screen_begin(WORD color)
{
    static WORD now; /* the writer's alone */
    bool ours;

    AcquireSRWLockExclusive(&screen_lock);
    ours = !screen_restored;
    if (ours && screen && color != now) SetConsoleTextAttribute(screen, screen_color(color));
    ReleaseSRWLockExclusive(&screen_lock);
    now = color;
    return ours;
}

static bool queue_write(LineBuffer *buffer)
{
    const char *text = buffer->text;
    char line[80];

    for (int i = 0; i < buffer->count; text += buffer->lines[i++].length) {
        if (!screen_begin(buffer->lines[i].color)) return false;
        console_write(buffer->lines[i].handle, text, buffer->lines[i].length);
    }
    if (!screen_begin(0)) return false;
    if (buffer->lost) {
        snprintf(line, sizeof line, "... %lu line%s not shown: the console is too slow\n", buffer->lost,
                 buffer->lost == 1 ? "" : "s");
        console_write(STD_OUTPUT_HANDLE, line, (ULONG)strlen(line));
    }
    buffer->used = buffer->lost = 0;
    buffer->count = 0;
    return true;
}

static unsigned __stdcall writer_run(void *unused)
{
    LineBuffer *buffer;

    (void)unused;
    do {
        buffer = queue_take();
    } while (buffer && queue_write(buffer));
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

void log_counted(int error, const char *text)
{
    ULONGLONG time = GetTickCount64();
    unsigned long more = 0;
    const char *last = text;
    bool again;

    AcquireSRWLockExclusive(&queue_lock);
    again = counted.text == text && time < counted.until;
    if (again) {
        counted.more++;
    } else {
        last = counted.text;
        more = counted.more;
        counted.text = text;
        counted.until = time + COUNT_MS;
        counted.more = 0;
    }
    ReleaseSRWLockExclusive(&queue_lock);
    if (more) log_error(0, "%s (%lu more)", last, more);
    if (!again) log_error(error, "%s", text);
    if (again) WakeConditionVariable(&queue_filled); /* the writer prints the count when it is due */
}

/* ---- the console's settings, and Ctrl+C ---- */

static volatile LONG console_interrupts; /* how often the user asked the server to stop */
static void (*console_on_interrupt)(void);

void console_restore(void)
{
    AcquireSRWLockExclusive(&screen_lock);
    if (!screen_restored) {
        screen_restored = true;
        if (screen_input_mode) SetConsoleMode(GetStdHandle(STD_INPUT_HANDLE), screen_input_mode);
        if (screen) SetConsoleTextAttribute(screen, screen_colors);
        if (screen) CloseHandle(screen);
    }
    ReleaseSRWLockExclusive(&screen_lock);
}

void console_quit(void)
{
    InterlockedIncrement(&console_interrupts);
    console_on_interrupt();
}

/* Runs on a thread that Windows makes for it. Leaves a second Ctrl+C to Windows, which ends the process immediately. */
static BOOL WINAPI console_event(DWORD type)
{
    bool first = InterlockedIncrement(&console_interrupts) == 1;

    console_on_interrupt();
    /* When the window is closed, Windows ends the process as soon as this returns, or after 5 seconds ("HandlerRoutine
     * callback function"). Main takes less time, and its return from main() ends this wait. */
    if (type != CTRL_C_EVENT && type != CTRL_BREAK_EVENT) Sleep(INFINITE);
    if (!first) console_restore();
    return first;
}

bool console_interrupted(void)
{
    return InterlockedCompareExchange(&console_interrupts, 0, 0) != 0;
}

/* Turns these input modes off, if standard input is a console: QuickEdit, because a selection in the window blocks the
 * writer; and with --step the echo, because Enter would show empty lines. */
static void screen_input(DWORD off)
{
    if (screen_input_mode) {
        SetConsoleMode(GetStdHandle(STD_INPUT_HANDLE), (screen_input_mode & ~off) | ENABLE_EXTENDED_FLAGS);
    }
}

static bool handle_is_console(DWORD handle)
{
    DWORD mode;

    return GetConsoleMode(GetStdHandle(handle), &mode) != 0;
}

void console_prepare(void)
{
    CONSOLE_SCREEN_BUFFER_INFO info;
    const char *no_color = getenv("NO_COLOR"); /* no-color.org: counts "when present and not an empty string" */

    screen_out = handle_is_console(STD_OUTPUT_HANDLE);
    screen_err = handle_is_console(STD_ERROR_HANDLE);
    if (!GetConsoleMode(GetStdHandle(STD_INPUT_HANDLE), &screen_input_mode)) screen_input_mode = 0;
    screen_input(ENABLE_QUICK_EDIT_MODE);
    if (!GetConsoleScreenBufferInfo(GetStdHandle(STD_OUTPUT_HANDLE), &info)) return; /* no console */
    screen_colors = info.wAttributes;
    screen = CreateFileA("CONOUT$", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                         OPEN_EXISTING, 0, NULL);
    if (screen == INVALID_HANDLE_VALUE) screen = NULL;
    screen_colored = screen && !(no_color && *no_color);
}

bool console_open(const Options *options, void (*on_interrupt)(void))
{
    console_on_interrupt = on_interrupt;
    console_quiet = options->quiet || options->trace;
    if (options->step) screen_input(ENABLE_QUICK_EDIT_MODE | ENABLE_ECHO_INPUT);
    writer = (HANDLE)_beginthreadex(NULL, 0, writer_run, NULL, 0, NULL);
    if (!writer) {
        log_error((int)GetLastError(), "cannot start a thread to write to the console");
        return false;
    }
    /* The first call undoes "ignore Ctrl+C", which a child inherits from its parent. */
    if (SetConsoleCtrlHandler(NULL, FALSE) && SetConsoleCtrlHandler(console_event, TRUE)) return true;
    log_error((int)GetLastError(), "SetConsoleCtrlHandler failed");
    return false;
}

/* A writer that is still blocked after DRAIN_MS ends with the process: "ExitProcess function" ends all other threads,
 * and warns only of those that hold a lock that the exit needs. This one is in WriteFile or WriteConsoleW and holds
 * none: it uses neither the heap nor the C library's files. */
void console_close(void)
{
    if (writer) {
        AcquireSRWLockExclusive(&queue_lock);
        closing = true;
        ReleaseSRWLockExclusive(&queue_lock);
        WakeConditionVariable(&queue_filled);
        WaitForSingleObject(writer, DRAIN_MS);
        CloseHandle(writer); /* it stays set, so later lines are queued and lost */
    }
    console_restore();
}

/* ---- errors ---- */

/* The errors that the documentation of the server's calls lists: Winsock's, and those of files. */
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
