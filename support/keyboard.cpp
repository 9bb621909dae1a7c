/* keyboard.cpp - the keyboard: Enter for --step. */
#include "keyboard.h"
#include "console.h"

#include <process.h>

/* ---- --step and --slow: threads take turns, one line each ---- */

static SRWLOCK step_turn = SRWLOCK_INIT; /* held from a line until Enter came or its time is over */
static SRWLOCK step_lock = SRWLOCK_INIT; /* guards the next three */
static CONDITION_VARIABLE step_pressed = CONDITION_VARIABLE_INIT;
static int step_presses; /* times Enter was pressed ahead */
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

/* ---- reading ---- */

/* A thread of its own reads the keyboard, so that Ctrl+C need not interrupt the read. The process ends without it. */
static unsigned __stdcall keyboard_run(void *unused)
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

bool step_open(const Options *options)
{
    HANDLE thread;

    step_ms = options->step ? INFINITE : (DWORD)options->slow;
    if (!options->step) return true;
    console_put(STD_OUTPUT_HANDLE, 0, "Enter: the next line; q and Enter: on without a stop\n");
    thread = (HANDLE)_beginthreadex(NULL, 0, keyboard_run, NULL, 0, NULL);
    if (!thread) {
        log_error((int)GetLastError(), "cannot start a thread to read the keyboard");
        return false;
    }
    CloseHandle(thread);
    return true;
}
