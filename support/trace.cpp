/* trace.cpp - the trace: lines on the console, step by step, and the file. */
#include "trace.h"
#include "address.h"
#include "console.h"
#include "keyboard.h"
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef TRACE_BYTES              /* the simulator sets it, to see the buffer full */
#define TRACE_BYTES (128 * 1024) /* of the trace file, written with one call */
#endif

enum {
    TRACE_ROOM =
        TRACE_BYTES / 2,  /* for an event of each thread: what is told while cs is held is not written at once */
    TRACE_LINE = 512,     /* bytes of a line of the trace with its fields */
    TRACE_COLUMNS = 99,   /* of a line on the console */
    COMMAND_CHARS = 32768 /* "CreateProcessW function": a command line has 32,767, and a NUL */
};

static bool trace_on;

void trace_pause(void)
{
    if (!trace_on || !step_is_on()) return;
    step_begin();
    step_end();
}

void trace_skip(void)
{
    step_skip();
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

/* What the trace knows of a thread. */
typedef struct TraceThread {
    int number;
    int completions; /* since its sweep began */
} TraceThread;

static DWORD trace_tls = TLS_OUT_OF_INDEXES;
static TraceThread trace_threads[MAX_CLIENTS / GROUP_SESSIONS + 4];

void trace_thread(int number)
{
    if (!trace_on) return;
    trace_threads[number].number = number;
    TlsSetValue(trace_tls, &trace_threads[number]);
}

static TraceThread *trace_self(void)
{
    return (TraceThread *)TlsGetValue(trace_tls);
}

/* What is told while cs is held waits for nothing: neither for Enter nor for the disk. */
static void trace(TraceStep step, LPSession session, const char *format, ...)
{
    const TraceThread *self = trace_self();
    bool in_cs = step == SESSION_IN || step == SESSION_MOVED || step == SESSION_OUT || step == SAID || step == TAKEN;
    bool waits = format && step_is_on() && !in_cs;
    unsigned long id = session ? session->id : 0;
    int thread = self ? self->number : 0;
    char text[TRACE_LINE] = "", *fields;
    unsigned long long now;
    LARGE_INTEGER counter;
    va_list args;

    va_start(args, format);
    if (format) vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fields = text + strcspn(text, "\t");
    if (*fields) *fields++ = '\0';
    if (waits) step_begin();
    EnterCriticalSection(&trace_cs);
    QueryPerformanceCounter(&counter);
    now = (unsigned long long)((counter.QuadPart - trace_start.QuadPart) * 1000000 / trace_frequency.QuadPart);
    if (trace_lines && *text) trace_line(step, now, thread, id, text, fields);
    if (trace_file && step != GROUP_DRAWN) trace_event(step, now, thread, id, text, fields);
    if (trace_file && !in_cs && trace_used > TRACE_BYTES - TRACE_ROOM) trace_flush();
    LeaveCriticalSection(&trace_cs);
    if (waits) step_end();
}

static void trace_operation(LPSession session, LPWSAOVERLAPPED overlapped, int error)
{
    static const TraceStep steps[2][4] = { { STEP, STEP, RECV_PENDING, RECV_AT_ONCE },
                                           { STEP, STEP, SEND_PENDING, SEND_AT_ONCE } };
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
    trace(steps[is_send][operation], session, "%s -> %s%s", call, outcome, fields);
}

/* Of many slots only the first are drawn, and the one that was returned. A wait of 0 ms asks for an event's state, and
 * changes nothing. */
static void trace_wait(LPProactor proactor, int returned, DWORD result)
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
    trace(WAIT_END, session, "-> WSA_WAIT_EVENT_0 + %lu: e_arr[%d], %s\tslot=%d\tevents:%s", result - WSA_WAIT_EVENT_0,
          index, name, returned, states);
    if (left_out) snprintf(line + used, sizeof line - (size_t)used, "and %d more", left_out);
    trace(GROUP_DRAWN, NULL, "%s%s", line, slots < FEW ? "  * signalled, > returned" : "");
}

/* ---- the steps ---- */

void trace_step(const char *format, ...)
{
    char text[TRACE_LINE];
    va_list args;

    if (!trace_on) return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    trace(STEP, NULL, "%s", text);
}

void trace_group_open(LPProactor proactor)
{
    if (!trace_on) return;
    trace(GROUP_OPEN, NULL, "_beginthreadex(): proactor %d, to wait for the 64 slots of group %d\tgroup=%d",
          proactor->number, proactor->number, proactor->number);
}

void trace_group_end(LPProactor proactor)
{
    if (!trace_on) return;
    trace(GROUP_END, NULL, "WaitForSingleObject() -> proactor %d has ended\tgroup=%d", proactor->number,
          proactor->number);
}

void trace_accept_begin(void)
{
    if (trace_on) trace(WAIT_BEGIN, NULL, "accept() ...");
}

void trace_accept_end(int error)
{
    if (trace_on) trace(WAIT_END, NULL, error ? "-> INVALID_SOCKET (%d)" : "-> a client's socket", error);
}

void trace_session_new(LPSession session)
{
    char from[ADDRESS_BYTES];

    if (!trace_on) return;
    address_text(&session->caddr, from, sizeof from);
    trace(SESSION_NEW, session, "WSACreateEvent() -> its event; session for %s, %s\tfrom:%s\thandler:%s", from,
          session->handler->name, from, session->handler->name);
}

void trace_session_in(LPSession session, int index)
{
    if (!trace_on) return;
    trace(SESSION_IN, session, "s_arr[%d] = #%lu, e_arr[%d] = its event: group %d\tgroup=%d\tslot=%d", index,
          session->id, index, session->proactor->number, session->proactor->number, index - session->proactor->first);
}

void trace_session_out(LPSession session, int index)
{
    const Proactor *proactor = session->proactor;

    if (!trace_on) return;
    trace(SESSION_OUT, session, "the session is freed; s_arr[%d], e_arr[%d]: %s\tgroup=%d\tslot=%d", index, index,
          index < proactor->first + SLOT_FIRST + proactor->noc ? "the last moves here" : "empty", proactor->number,
          index - proactor->first);
}

void trace_session_moved(LPSession session, LPProactor from, int index, int to_index)
{
    const Proactor *to = session->proactor;

    if (!trace_on) return;
    trace(SESSION_MOVED, session,
          "migrates to group %d, which has fewer busy sessions\tgroup=%d\tslot=%d\tto_group=%d\tto_slot=%d", to->number,
          from->number, index - from->first, to->number, to_index - to->first);
}

void trace_said(LPSession session, unsigned long number)
{
    if (trace_on) trace(SAID, session, "message %lu is in the log\tmessage=%lu", number, number);
}

void trace_taken(LPSession session, unsigned long number)
{
    if (trace_on) trace(TAKEN, session, "takes message %lu\tmessage=%lu", number, number);
}

void trace_handler_begin(LPSession session, const char *format, ...)
{
    char call[64];
    va_list args;

    if (!trace_on) return;
    va_start(args, format);
    vsnprintf(call, sizeof call, format, args);
    va_end(args);
    trace(HANDLER_BEGIN, session, "%s_%s", session->handler->name, call);
}

void trace_handler_end(LPSession session)
{
    if (trace_on) trace(HANDLER_END, session, NULL);
}

void trace_posted(LPSession session, LPWSAOVERLAPPED overlapped, int error)
{
    if (trace_on) trace_operation(session, overlapped, error);
}

void trace_result(LPSession session, LPWSAOVERLAPPED overlapped, DWORD bytes, int error)
{
    TraceStep end = overlapped == &session->over ? RECV_END : SEND_END;
    char preview[PREVIEW_BYTES];

    if (!trace_on) return;
    if (trace_self()) trace_self()->completions++;
    if (error && session->phase == CLOSED) {
        trace(end, session, "cancelled, and complete at last\terror:cancelled");
    } else if (error) {
        trace(end, session, "WSAGetOverlappedResult -> FALSE, %s (%d)\terror:%s", error_name(error), error,
              error_name(error));
    } else if (end == SEND_END) {
        trace(end, session, "WSAGetOverlappedResult -> TRUE, %lu bytes sent\tbytes=%lu", bytes, bytes);
    } else {
        trace(end, session, "WSAGetOverlappedResult -> TRUE, %lu bytes%s\tbytes=%lu\tpreview:%s", bytes,
              bytes ? "" : ": the client will send no more", bytes, text_preview(preview, session->rwsa.buf, bytes));
    }
}

void trace_cancelled(LPSession session, bool pending)
{
    if (!trace_on) return;
    trace(STEP, session, "CancelIoEx() -> %s",
          pending ? "TRUE: what is pending will end soon" : "FALSE: it is complete already");
}

void trace_half_closed(LPSession session)
{
    if (trace_on) trace(HALF_CLOSED, session, "shutdown(SD_SEND) -> 0: half-closed, the client sees the end");
}

void trace_closed(LPSession session, int result)
{
    if (trace_on) trace(SOCKET_CLOSED, session, "closesocket() -> %d", result);
}

void trace_wake_set(LPProactor proactor)
{
    if (!trace_on) return;
    trace(WAKE_SET, NULL, "WSASetEvent(e_arr[%d]): it wakes proactor %d\tgroup=%d", proactor->first + SLOT_WAKE,
          proactor->number, proactor->number);
}

void trace_event_reset(LPProactor proactor, int slot, LPSession session)
{
    if (!trace_on) return;
    trace(EVENT_RESET, session, "WSAResetEvent(e_arr[%d]): %s\tslot=%d", proactor->first + slot,
          session ? "nothing is pending that could set it" : "first reset, then look", slot);
}

void trace_wait_begin(LPProactor proactor, int slot, DWORD count)
{
    int first = proactor->first + slot;

    if (!trace_on) return;
    trace(WAIT_BEGIN, NULL, "WSAWaitForMultipleEvents(%lu event%s: e_arr[%d] to e_arr[%d]) ...\tfirst=%d\tcount=%lu",
          count, text_plural((int)count), first, first + (int)count - 1, slot, count);
}

void trace_wait_end(LPProactor proactor, int slot, DWORD result)
{
    if (trace_on) trace_wait(proactor, slot, result);
}

void trace_wait_timeout(void)
{
    if (trace_on) trace(WAIT_END, NULL, "-> WSA_WAIT_TIMEOUT: time to look around, no event is signalled");
}

void trace_wait_failed(int error)
{
    if (trace_on) trace(WAIT_END, NULL, "-> WSA_WAIT_FAILED, %s (%d)", error_name(error), error);
}

void trace_sweep_begin(void)
{
    if (!trace_on) return;
    if (trace_self()) trace_self()->completions = 0;
    trace(SWEEP_BEGIN, NULL, NULL);
}

void trace_sweep_end(int sessions)
{
    int completions;

    if (!trace_on) return;
    completions = trace_self() ? trace_self()->completions : 0;
    trace(SWEEP_END, NULL, completions ? "sweep: %d session%s, %d completion%s" : NULL, sessions, text_plural(sessions),
          completions, text_plural(completions));
}

/* ---- the trace is opened and closed ---- */

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
    if (!step_open(options)) return false;
    if ((trace_lines || trace_file) && (trace_tls = TlsAlloc()) == TLS_OUT_OF_INDEXES) {
        log_error((int)GetLastError(), "TlsAlloc failed");
        return false;
    }
    trace_on = trace_lines || trace_file;
    trace_thread(0);
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
    if (trace_tls != TLS_OUT_OF_INDEXES) TlsFree(trace_tls);
    DeleteCriticalSection(&trace_cs);
    return !trace_failed;
}
