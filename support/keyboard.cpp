/* keyboard.cpp - the keyboard: Enter for --step, lines for the operator. A separate thread reads, so that Ctrl+C need
 * not interrupt the read: that thread holds no lock meanwhile, and the process ends without waiting for it. */
#include "keyboard.h"
#include "console.h"

#include <process.h>

/* ---- --step and --slow: threads take turns, one line each ---- */

static SRWLOCK step_turn = SRWLOCK_INIT; /* held from a line until Enter or the end of its time */
static SRWLOCK step_lock = SRWLOCK_INIT; /* guards the next three */
static CONDITION_VARIABLE step_pressed = CONDITION_VARIABLE_INIT;
static int step_presses; /* presses of Enter not yet used */
static bool step_off;    /* q, Ctrl+C or the end of input: no more stops */
static DWORD step_ms;    /* the wait after a line: INFINITE with --step; 0: none. Set before other threads start */

static void step_press(bool never)
{
    AcquireSRWLockExclusive(&step_lock);
    step_presses++;
    if (never) step_off = true;
    ReleaseSRWLockExclusive(&step_lock);
    WakeConditionVariable(&step_pressed); /* only the thread whose turn it is waits */
}

bool step_is_on(void)
{
    return step_ms != 0;
}

void step_begin(void)
{
    AcquireSRWLockExclusive(&step_turn);
}

void step_end(void)
{
    AcquireSRWLockExclusive(&step_lock);
    while (!step_off && !step_presses && SleepConditionVariableSRW(&step_pressed, &step_lock, step_ms, 0)) {
    }
    if (step_presses) step_presses--;
    ReleaseSRWLockExclusive(&step_lock);
    ReleaseSRWLockExclusive(&step_turn);
}

void step_skip(void)
{
    step_press(true);
}

static unsigned __stdcall step_run(void *unused)
{
    HANDLE input = GetStdHandle(STD_INPUT_HANDLE);
    bool q = false;
    DWORD got;
    char c;

    (void)unused;
    while (ReadFile(input, &c, 1, &got, NULL) && got == 1 && !(q && c == '\n')) {
        if (c == '\n') step_press(false);
        q = c == 'q' || (q && c == '\r');
    }
    step_press(true);
    return 0;
}

/* Starts a thread that reads the keyboard. Nobody waits for its end. */
static bool keyboard_start(unsigned(__stdcall *run)(void *))
{
    HANDLE thread = (HANDLE)_beginthreadex(NULL, 0, run, NULL, 0, NULL);

    if (thread) {
        CloseHandle(thread);
    } else {
        log_error((int)GetLastError(), "cannot start a thread to read the keyboard");
    }
    return thread != NULL;
}

bool step_open(const Options *options)
{
    step_ms = options->step ? INFINITE : (DWORD)options->slow;
    if (!options->step) return true;
    console_put(STD_OUTPUT_HANDLE, 0, "Enter: the next line; q and Enter: continue without stopping\n");
    return keyboard_start(step_run);
}

/* ---- lines for the operator ---- */

enum {
    READ_UNITS = 1024,     /* of UTF-16, read from a console by one call */
    READ_BYTES = 3 * 1024, /* the same in UTF-8; or what one call reads from a pipe or file */
    LINE_PAUSE_MS = 20     /* after each line, because a file would otherwise lap every reader of the room */
};

static SRWLOCK take_lock = SRWLOCK_INIT; /* guards the next two */
static CONDITION_VARIABLE take_done = CONDITION_VARIABLE_INIT;
static bool taking, take_closed;
static void (*take_line)(LPServer server, char *line); /* set before the thread starts, as the server is */
static LPServer take_server;

/* Waits for a key that begins a line, and leaves it to ReadConsoleW. All other input is removed: the keys Shift and
 * Caps Lock, their release, the mouse, the window's size. Returns false when the console does not report its keys. */
static bool keyboard_await(HANDLE input)
{
    INPUT_RECORD event;
    DWORD count;

    while (WaitForSingleObject(input, INFINITE) == WAIT_OBJECT_0 && PeekConsoleInputW(input, &event, 1, &count)) {
        const KEY_EVENT_RECORD *key = &event.Event.KeyEvent;
        bool pressed = count == 1 && event.EventType == KEY_EVENT && (key->bKeyDown || key->wVirtualKeyCode == VK_MENU);
        if (pressed && (key->uChar.UnicodeChar || key->wVirtualKeyCode == VK_UP)) return true;
        if (count == 1 && !ReadConsoleInputW(input, &event, 1, &count)) return false;
    }
    return false;
}

/* Reads a line from a console, with Windows' own editing. From its first key to its end no other line is printed, so
 * that none appears in the middle of it. Returns the number of UTF-16 units, 0 when Ctrl+C has interrupted the read. */
static DWORD keyboard_read_line(HANDLE input, WCHAR *wide, DWORD size)
{
    static bool within; /* the line was longer than the last call could take */
    DWORD got = 0;

    console_hold(within || keyboard_await(input));
    if (!ReadConsoleW(input, wide, size, &got, NULL)) got = 0;
    within = got > 0 && wide[got - 1] != '\n';
    if (!within) console_hold(false);
    return got;
}

/* Reads what there is, at most a line from a console, as UTF-8. Returns the number of bytes, 0 at the end of the input
 * and when Ctrl+C has interrupted the read. */
static ULONG keyboard_read(HANDLE input, bool console, char bytes[READ_BYTES])
{
    static WCHAR wide[READ_UNITS];
    static DWORD kept; /* 1: half of a surrogate pair, whose other half comes with the next call */
    DWORD got = 0, half;
    int length;

    if (!console) return ReadFile(input, bytes, READ_BYTES, &got, NULL) ? got : 0;
    got = keyboard_read_line(input, wide + kept, READ_UNITS - kept);
    if (got == 0) return 0;
    got += kept;
    half = (wide[got - 1] & 0xFC00) == 0xD800;
    length = WideCharToMultiByte(CP_UTF8, 0, wide, (int)(got - half), bytes, READ_BYTES, NULL, NULL);
    wide[0] = wide[got - 1];
    kept = half;
    return length > 0 ? (ULONG)length : 0;
}

/* Passes the line to take_line(), unless the keyboard was closed. */
static void keyboard_take(char *line)
{
    AcquireSRWLockExclusive(&take_lock);
    taking = !take_closed;
    ReleaseSRWLockExclusive(&take_lock);
    if (!taking) return; /* only this thread sets it */
    take_line(take_server, line);
    AcquireSRWLockExclusive(&take_lock);
    taking = false;
    ReleaseSRWLockExclusive(&take_lock);
    WakeConditionVariable(&take_done);
    Sleep(LINE_PAUSE_MS);
}

/* Adds a byte to the line of `used` bytes, or ends it. Returns the length of the unfinished line. */
static ULONG keyboard_byte(char line[TYPED_BYTES], ULONG used, char c)
{
    if (c == '\n') {
        line[used] = '\0';
        keyboard_take(line);
        return 0;
    }
    if (c != '\0' && c != '\r' && used < TYPED_BYTES - 1) line[used++] = c;
    return used;
}

static unsigned __stdcall keyboard_run(void *unused)
{
    static char line[TYPED_BYTES], bytes[READ_BYTES];
    HANDLE input = GetStdHandle(STD_INPUT_HANDLE);
    ULONG used = 0, got;
    DWORD mode;
    bool console = GetConsoleMode(input, &mode) != 0;

    (void)unused;
    while ((got = keyboard_read(input, console, bytes)) > 0) {
        for (ULONG i = 0; i < got; i++) used = keyboard_byte(line, used, bytes[i]);
    }
    if (used > 0 && !console) keyboard_byte(line, used, '\n');
    return 0;
}

bool keyboard_open(LPServer server, void (*take)(LPServer server, char *line))
{
    take_server = server;
    take_line = take;
    return keyboard_start(keyboard_run);
}

void keyboard_close(void)
{
    AcquireSRWLockExclusive(&take_lock);
    take_closed = true;
    while (taking) SleepConditionVariableSRW(&take_done, &take_lock, INFINITE, 0);
    ReleaseSRWLockExclusive(&take_lock);
}
