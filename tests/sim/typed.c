/* typed.c - what the operator types at the server, and what must come of it. */
#include "sim.h"

enum {
    LAZY_MOST = 200000,     /* us, at most, for which its thread is sometimes not scheduled during a command */
    KICK_LOOK = 50000,      /* us between two checks of a member that is being removed ... */
    KICK_LIMIT = 1500000,   /* ... whose session must be ending this long after the operator was told, ... */
    KICK_GIVEN_UP = 8000000 /* ... and which had already left if the operator is not told within this time */
};

typedef struct Kick {
    Conn *conn;
    unsigned long id;
    uint64_t typed_at, told_at;
} Kick;

static WCHAR typed[256]; /* the part of a line that has not been read yet */
static DWORD typed_count;
static int lines_typed;
static bool ban_typed, quit_typed;
static uint64_t resting; /* us before the next line: no line may wake a member that the operator has removed */

static bool interrupted(void *unused)
{
    (void)unused;
    return interrupt_time() != NEVER;
}

/* ---- a member is removed ---- */

/* Returns true once the operator has been told, by a line that begins with the member's number. */
static bool kick_told(const Kick *kick)
{
    char number[32];
    const char *at = console_out.bytes;

    text_write(number, sizeof number, "#%lu ", kick->id);
    while ((at = strstr(at, number)) != NULL) {
        const char *end = strchr(at, '\n');
        const char *words = strstr(at, " is removed");
        if (words && (!end || words < end)) return true;
        at++;
    }
    return false;
}

static bool kick_done(const Kick *kick)
{
    return kick->conn->server_closed || !kick->conn->socket || kick->conn->socket->shut;
}

/* Checks a removal until the session is ending, or a failure excuses it. */
static void kick_look(void *argument)
{
    Kick *kick = (Kick *)argument;

    if (kick_done(kick) || interrupt_time() != NEVER || faults_any()) return;
    if (!kick->told_at && kick_told(kick)) kick->told_at = now;
    if (!kick->told_at && now - kick->typed_at > KICK_GIVEN_UP) return;
    if (kick->told_at && now - kick->told_at > KICK_LIMIT)
        violation("#%lu was removed %lu ms ago, and has its place still", kick->id,
                  (unsigned long)(now - kick->told_at) / 1000);
    happen_in(KICK_LOOK, kick_look, kick);
}

static void kick_begin(unsigned long id, Conn *conn)
{
    Kick *kick = (Kick *)arena(sizeof *kick);

    if (plan.stall_rate || plan.console || plan.narration != SILENT) return;
    kick->conn = conn;
    kick->id = id;
    kick->typed_at = now;
    happen_in(KICK_LOOK, kick_look, kick);
}

/* Whoever is removed is excused. */
static void typed_remove(char *line, size_t size)
{
    static const char *const forms[] = { "/kick #%lu\r\n", "/kick #%lu  away with  you\n", "/KICK guest%lu x\n" };
    bool ban = chance(200);
    SOCKET sock = 0;
    unsigned long id = arrays_pick(&sock);

    for (Socket *one = sockets; one && id; one = one->next) {
        if (one->handle != sock || !one->conn) continue;
        one->conn->excused = true;
        kick_begin(id, one->conn);
    }
    if (ban) ban_typed = true;
    if (chance(300)) resting = 2 * KICK_LIMIT;
    if (ban)
        text_write(line, size, "/ban #%lu spam\n", id);
    else
        text_write(line, size, forms[rnd(3)], id);
}

/* ---- lines ---- */

static bool wide_is_half(WCHAR unit)
{
    return unit >= 0xD800 && unit < 0xDC00;
}

static void typed_draw(void)
{
    static const char *const lines[] = { "hello to all\r\n",
                                         "/who\n",
                                         "/help\n",
                                         "//who\n",
                                         "/frob\n",
                                         "\n",
                                         "/kick\n",
                                         "/ban\n",
                                         "/unban 127.0.0.1\n",
                                         "/unban ::1\n",
                                         "/kick nobody\n",
                                         "/ban #999999\n",
                                         "\xED\x95\x9C\xEA\xB8\x80 \xF0\x9F\x98\x80\n" };
    char line[128];

    if (chance(300))
        typed_remove(line, sizeof line);
    else
        text_write(line, sizeof line, "%s", lines[rnd(sizeof lines / sizeof *lines)]);
    if (lines_typed == plan.operator_lines && chance(500)) {
        text_write(line, sizeof line, "no end");
    } else if (chance(10)) {
        text_write(line, sizeof line, "/quit\n");
        quit_typed = true;
        console_quit_typed();
    }
    tell("the operator types: %s", line);
    sched_self()->lazy = chance(200) ? LAZY_MOST : 0;
    typed_count = (DWORD)MultiByteToWideChar(65001, 0, line, (int)strlen(line), typed, 256);
}

/* Waits until somebody types, which may be when the server stops. */
static void typed_await(void)
{
    if (typed_count) return;
    if (resting) sched_block(interrupted, NULL, now + resting);
    resting = 0;
    sched_block(chance(300) ? interrupted : sched_never, NULL, now + rnd_between(1, plan.span / 2 + 1));
}

/* When no lines are left, no key is pressed. */
void operator_await(void)
{
    if (!typed_count && lines_typed >= plan.operator_lines) sched_block(sched_never, NULL, NEVER);
    typed_await();
}

/* Takes at most `count` units of what is typed, and leaves the rest for the next call. Returns 0 at the end of the
 * input. */
static DWORD typed_take(WCHAR *wide, DWORD count, bool whole)
{
    typed_await();
    if (!typed_count) {
        if (lines_typed++ >= plan.operator_lines) return 0;
        typed_draw();
    }
    if (count > typed_count) count = typed_count;
    if (count > 1 && chance(300)) count = 1 + (DWORD)rnd(count - 1);
    if (whole && wide_is_half(typed[count - 1])) count++;
    memcpy(wide, typed, count * sizeof *wide);
    typed_count -= count;
    memmove(typed, typed + count, typed_count * sizeof *typed);
    return count;
}

/* Nobody sits at the keyboard for --step: the input has ended. */
BOOL ReadFile(HANDLE file, void *bytes, DWORD count, DWORD *read, LPOVERLAPPED over)
{
    WCHAR wide[256];

    call_begin(CALL_ReadFile);
    if ((!console_is_input(file) && file != INVALID_HANDLE_VALUE) || !bytes || over || (count > 1 && count < 768))
        violation("ReadFile: not simulated with these arguments");
    rule_no_cs("ReadFile");
    *read = 0;
    if (count == 1) return TRUE;
    if (file == INVALID_HANDLE_VALUE || call_fault(CALL_ReadFile, NULL)) return FALSE;
    *read = (DWORD)console_utf8(wide, typed_take(wide, 256, true), (char *)bytes);
    return TRUE;
}

/* Keys without a character come before the one that begins a line. */
static bool key_fails(Call call, HANDLE console, INPUT_RECORD *record, DWORD count, DWORD *read)
{
    call_begin(call);
    if (!console_present() || !console_is_input(console) || !record || count != 1)
        violation("the keyboard's events: not simulated with these arguments");
    rule_no_cs("the keyboard's events");
    *read = 0;
    return call_fault(call, NULL) != 0;
}

BOOL PeekConsoleInputW(HANDLE console, INPUT_RECORD *record, DWORD count, DWORD *read)
{
    static const WCHAR units[] = { 0, 0, 'a', 0xD55C };

    if (key_fails(CALL_PeekConsoleInputW, console, record, count, read)) return FALSE;
    if (chance(100)) return TRUE; /* somebody else has taken it */
    *read = 1;
    memset(record, 0, sizeof *record);
    record->EventType = (unsigned short)(chance(800) ? KEY_EVENT : 2);
    record->Event.KeyEvent.bKeyDown = chance(700);
    record->Event.KeyEvent.wVirtualKeyCode = (unsigned short)(chance(100) ? VK_UP : 0x41);
    record->Event.KeyEvent.uChar.UnicodeChar = units[rnd(4)];
    return TRUE;
}

BOOL ReadConsoleInputW(HANDLE console, INPUT_RECORD *record, DWORD count, DWORD *read)
{
    if (key_fails(CALL_ReadConsoleInputW, console, record, count, read)) return FALSE;
    *read = 1;
    return TRUE;
}

/* A console's input has no end: nobody types anymore. */
BOOL ReadConsoleW(HANDLE console, void *units, DWORD count, DWORD *read, void *control)
{
    call_begin(CALL_ReadConsoleW);
    if (!console_present() || !console_is_input(console) || !units || count < 256 || control)
        violation("ReadConsoleW: not simulated with these arguments");
    rule_no_cs("ReadConsoleW");
    *read = 0;
    if (call_fault(CALL_ReadConsoleW, NULL)) return FALSE;
    *read = typed_take((WCHAR *)units, count, false);
    if (!*read) sched_block(sched_never, NULL, NEVER);
    return TRUE;
}

bool operator_banned(void)
{
    return ban_typed;
}

bool operator_quit(void)
{
    return quit_typed;
}

bool operator_busy(void)
{
    return plan.operator_stays && plan.narration != STEPPED && lines_typed < plan.operator_lines && !faults_any();
}

/* Windows ends the process a moment after main() has returned; until then the thread that reads the keyboard runs. */
void operator_outlives(void)
{
    if (plan.operator_lines) sched_block(sched_never, NULL, now + 3 * LAZY_MOST);
}
