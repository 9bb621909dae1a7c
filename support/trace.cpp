/* trace.cpp - the trace: lines on the console, step by step, and the file. */
#include "trace.h"
#include "console.h"
#include "text.h"

#include <process.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TRACE_BYTES = 128 * 1024, /* of the trace file, written with one call */
    TRACE_ROOM = 64 * 1024,   /* for an event of each thread: what is told while cs is held is not written at once */
    TRACE_LINE = 512,         /* bytes of a line of the trace with its fields */
    TRACE_COLUMNS = 99,       /* of a line on the console */
    COMMAND_CHARS = 32768     /* "CreateProcessW function": a command line has 32,767, and a NUL */
};

/* ---- Enter, for --step and --slow: all threads tell one line after the other ---- */

static SRWLOCK step_owner = SRWLOCK_INIT; /* whose line it is has it, until Enter came or the time is over */
static SRWLOCK step_lock = SRWLOCK_INIT;  /* guards the two below */
static CONDITION_VARIABLE step_pressed = CONDITION_VARIABLE_INIT;
static int step_presses; /* how often Enter was pressed ahead */
static bool step_off;    /* q, Ctrl+C or the end of input: on without a stop */
static DWORD step_ms;    /* how long to wait for it; INFINITE with --step; 0: not at all */

static void step_press(bool never)
{
    AcquireSRWLockExclusive(&step_lock);
    step_presses++;
    if (never) step_off = true;
    ReleaseSRWLockExclusive(&step_lock);
    WakeConditionVariable(&step_pressed); /* only the one whose turn it is waits */
}

static void step_wait(void)
{
    AcquireSRWLockExclusive(&step_lock);
    while (!step_off && !step_presses && SleepConditionVariableSRW(&step_pressed, &step_lock, step_ms, 0)) {
    }
    if (step_presses) step_presses--;
    ReleaseSRWLockExclusive(&step_lock);
}

void trace_pause(void)
{
    if (!step_ms) return;
    AcquireSRWLockExclusive(&step_owner);
    step_wait();
    ReleaseSRWLockExclusive(&step_owner);
}

void trace_skip(void)
{
    step_press(true);
}

/* A thread of its own reads the keyboard: Ctrl+C need not interrupt the read, and the process ends without it. */
static unsigned __stdcall step_read(void *nothing)
{
    HANDLE input = GetStdHandle(STD_INPUT_HANDLE);
    bool q = false;
    DWORD got;
    char c;

    (void)nothing;
    while (ReadFile(input, &c, 1, &got, NULL) && got == 1 && !(q && c == '\n')) {
        if (c == '\n') step_press(false);
        q = c == 'q' || (q && c == '\r');
    }
    step_press(true);
    return 0;
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
    unsigned long group = step == GROUP_OPEN ? strtoul(fields + strlen("group="), NULL, 10) : 0;

    if (group) trace_name(1, group, "proactor %lu", group);
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
    if (step == GROUP_DRAWN) strcpy(client, "e_arr");
    preview = preview && preview[8] ? preview + 8 : NULL;
    length = snprintf(line, sizeof line, "%9llu %-11s %-5s %s%s%s%s%s", now, who, client,
                      step == HANDLER_BEGIN ? "handler: " : "", text, preview ? " \"" : "", preview ? preview : "",
                      preview ? "\"" : "");
    strcpy(line + text_truncate(line, (ULONG)length, TRACE_COLUMNS), "\n");
    console_put(STD_OUTPUT_HANDLE, (WORD)trace_looks[step].color, line);
}

/* What is told while cs is held waits for nothing: neither for Enter nor for the disk. */
void trace(TraceStep step, LPProactor proactor, LPSession session, const char *format, ...)
{
    bool in_cs = step == SESSION_IN || step == SESSION_MOVED || step == SESSION_OUT || step == SAID || step == TAKEN;
    bool waits = format && step_ms && !in_cs;
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
    if (waits) AcquireSRWLockExclusive(&step_owner);
    EnterCriticalSection(&trace_cs);
    QueryPerformanceCounter(&counter);
    now = (unsigned long long)((counter.QuadPart - trace_start.QuadPart) * 1000000 / trace_frequency.QuadPart);
    if (trace_lines && *text) trace_line(step, now, thread, id, text, fields);
    if (trace_file && step != GROUP_DRAWN) trace_event(step, now, thread, id, text, fields);
    if (trace_file && !in_cs && trace_used > TRACE_BYTES - TRACE_ROOM) trace_flush();
    LeaveCriticalSection(&trace_cs);
    if (waits) step_wait();
    if (waits) ReleaseSRWLockExclusive(&step_owner);
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
    int used = 0, slots = SLOT_FIRST + proactor->seen, left_out = 0, index = proactor->first + returned;
    char states[GROUP_SLOTS + 1] = "", line[TRACE_LINE], name[48] = "send";

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
    trace(GROUP_DRAWN, proactor, NULL, "%s%s", line, slots < FEW ? "  * signalled, > returned" : "");
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
    if (options->step) CloseHandle((HANDLE)_beginthreadex(NULL, 0, step_read, NULL, 0, NULL));
    step_ms = options->step ? INFINITE : (DWORD)options->slow;
    trace_on = trace_lines || trace_file;
    return true;
}

/* Returns false when the file is not whole. */
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
