/* trace_file.cpp - the file of --trace-file. */
#include "trace_file.h"
#include "console.h"

#include <process.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    COMMAND_CHARS = 32768, /* "CreateProcessW function": a command line has at most 32,767, and a NUL */
    END_BYTES = 4,         /* kept free in each buffer for the end of the array */
    COLLECT_MS = 50,       /* the writer waits this long after the first event of a write */
    CLOSE_MS = 2000        /* for the last writes */
};

/* Bytes of each of the two buffers. Not static, so that a test can shrink them; a snapshot of all groups has to fit. */
ULONG trace_file_bytes = 512 * 1024;

/* ---- an event as JSON: threads are lanes of "process" 1, sessions of "process" 2, two lanes each ---- */

#define TRACE_LOOK(step, name, phase, lane, color) { name, phase, lane },
static const struct {
    const char *name;
    char phase;
    int lane;
} trace_looks[TRACE_STEP_COUNT] = { TRACE_STEPS(TRACE_LOOK) };
#undef TRACE_LOOK

#define TRACE_FIELD(field, name) name,
static const char *const trace_field_names[FIELD_COUNT_] = { TRACE_FIELDS(TRACE_FIELD) };
#undef TRACE_FIELD

/* Names a lane: the format makes the name from the number of the thread or session. */
static void file_put_lane(TraceText *text, int process, unsigned long lane, const char *format, unsigned long number)
{
    trace_text_put(text, ",\n{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":%d,\"tid\":%lu,\"args\":{\"name\":\"",
                   process, lane);
    trace_text_put(text, format, number);
    trace_text_put(text, "\"}}");
}

static void file_put_fields(TraceText *text, const TraceEvent *event)
{
    for (int i = 0; i < FIELD_COUNT_; i++) {
        if (!event->given[i]) continue;
        trace_text_plain(text, ",\"");
        trace_text_plain(text, trace_field_names[i]);
        trace_text_plain(text, "\":");
        if (event->texts[i]) {
            trace_text_string(text, event->texts[i], strlen(event->texts[i]));
        } else {
            trace_text_number(text, event->numbers[i]);
        }
    }
}

void trace_file_format(TraceText *text, const TraceEvent *event)
{
    char phase = trace_looks[event->step].phase;
    int lane = trace_looks[event->step].lane;
    const char *call = event->call;

    trace_text_clear(text);
    trace_text_plain(text, lane ? "\"pid\":2,\"tid\":" : "\"pid\":1,\"tid\":");
    trace_text_number(text, lane ? 2 * event->session + (lane == OF_SEND) : (unsigned long)event->thread);
    if (phase != 'E') {
        trace_text_plain(text, ",\"name\":");
        trace_text_string(text, *call ? call : "sweep", *call ? strcspn(call, "(") : strlen("sweep"));
    }
    trace_text_plain(text, ",\"args\":{\"step\":\"");
    trace_text_plain(text, trace_looks[event->step].name);
    trace_text_plain(text, "\"");
    if (event->session && !lane && event->step != WAIT_END) {
        trace_text_plain(text, ",\"session\":");
        trace_text_number(text, event->session);
    }
    file_put_fields(text, event);
    if (*call) {
        trace_text_plain(text, phase == 'E' ? ",\"result\":" : ",\"call\":");
        trace_text_string(text, call, strlen(call));
    }
    trace_text_plain(text, "}}");
    if (event->step == GROUP_OPEN) {
        file_put_lane(text, 1, event->numbers[FIELD_GROUP], "proactor %lu", event->numbers[FIELD_GROUP]);
    } else if (event->step == SESSION_NEW) {
        file_put_lane(text, 2, 2 * event->session, "#%lu receive", event->session);
        file_put_lane(text, 2, 2 * event->session + 1, "#%lu send", event->session);
    }
}

/* ---- the mirror: what the slots hold according to the events, including events that found no room ---- */

typedef struct MirrorGroup {
    bool open;
    int end;                                           /* the first empty slot */
    unsigned long ids[GROUP_SLOTS];                    /* of the sessions */
    char receiving[GROUP_SLOTS], sending[GROUP_SLOTS]; /* one character each: see snapshot_put() */
} MirrorGroup;

static SRWLOCK file_lock = SRWLOCK_INIT; /* guards mirror and buffers; held only to copy an event or a snapshot */
static MirrorGroup mirror[TRACE_GROUPS];

static int mirror_slot(const MirrorGroup *group, unsigned long id)
{
    int slot = SLOT_FIRST;

    while (slot < group->end && group->ids[slot] != id) slot++;
    return slot < group->end ? slot : -1;
}

/* Copies the group's slots, which cs guards, as they are now. Each session keeps its operations. */
static void mirror_copy(const Proactor *proactor)
{
    LPSession *sessions = &proactor->server->s_arr[proactor->first];
    MirrorGroup *group = &mirror[proactor->number], old = *group;

    group->end = SLOT_FIRST + proactor->noc;
    for (int slot = SLOT_FIRST; slot < group->end; slot++) {
        unsigned long id = sessions[slot]->id;
        int from = slot < old.end && old.ids[slot] == id ? slot : mirror_slot(&old, id);
        group->ids[slot] = id;
        group->receiving[slot] = from < 0 ? '-' : old.receiving[from];
        group->sending[slot] = from < 0 ? '-' : old.sending[from];
    }
}

static void mirror_operation(const TraceEvent *event, bool is_send, char state)
{
    MirrorGroup *group = &mirror[event->owner];
    int slot = mirror_slot(group, event->session);

    if (slot >= 0) (is_send ? group->sending : group->receiving)[slot] = state;
}

static void mirror_apply(const TraceEvent *event)
{
    int lane = trace_looks[event->step].lane;

    if (event->step == GROUP_OPEN || event->step == GROUP_END) {
        MirrorGroup *group = &mirror[event->numbers[FIELD_GROUP]];
        group->open = event->step == GROUP_OPEN;
        if (group->open) group->end = SLOT_FIRST;
    } else if (lane == OF_RECEIVE || lane == OF_SEND) {
        bool pending = event->step == RECV_PENDING || event->step == SEND_PENDING;
        mirror_operation(event, lane == OF_SEND, trace_looks[event->step].phase == 'E' ? '-' : pending ? 'p' : 'd');
    }
    for (int i = 0; i < 2; i++) {
        if (event->changed[i]) mirror_copy(event->changed[i]);
    }
}

/* ---- the buffers: threads fill one while the writer writes the other ---- */

typedef struct FileBuffer {
    char *bytes; /* trace_file_bytes */
    ULONG used;
} FileBuffer;

static FileBuffer buffers[2], *front = &buffers[0];
static CONDITION_VARIABLE file_filled = CONDITION_VARIABLE_INIT;
static unsigned long missing;       /* events that found no room; nothing is added until they are reported */
static unsigned long long last_now; /* the time of the last event */
static bool closing, ended, file_failed;

static HANDLE file; /* NULL: none. Once the writer runs, it alone uses the file */
static const char *file_name;
static HANDLE file_writer;
static LARGE_INTEGER file_written;
static volatile LONG file_open; /* 1: events are wanted */

/* Adds the text as a whole, or not at all. The lock is held. */
static bool front_add(const char *head, ULONG length, const TraceText *text)
{
    if (text->full || front->used + length + text->used > trace_file_bytes - END_BYTES) return false;
    memcpy(front->bytes + front->used, head, length);
    memcpy(front->bytes + front->used + length, text->bytes, text->used);
    front->used += length + text->used;
    return true;
}

static void front_add_event(char phase, unsigned long long now, const TraceText *text)
{
    char name[2] = "?";
    TraceText head;

    name[0] = phase;
    trace_text_clear(&head);
    trace_text_plain(&head, ",\n{\"ph\":\"");
    trace_text_plain(&head, name);
    trace_text_plain(&head, "\",\"ts\":");
    trace_text_number(&head, now);
    trace_text_plain(&head, ",");
    if (missing || !front_add(head.bytes, head.used, text)) missing++;
    last_now = now;
}

/* Writes what the group's slots hold, in their order: the sessions and, one character each, the states of their
 * receives and sends: p pending, d done at once and not taken, - idle. */
static void snapshot_put(TraceText *text, int number)
{
    const MirrorGroup *group = &mirror[number];
    int count = group->end - SLOT_FIRST;

    trace_text_clear(text);
    trace_text_put(
        text, "\"pid\":1,\"tid\":0,\"name\":\"snapshot\",\"args\":{\"step\":\"snapshot\",\"group\":%d,\"sessions\":[",
        number);
    for (int slot = SLOT_FIRST; slot < group->end; slot++)
        trace_text_put(text, slot == SLOT_FIRST ? "%lu" : ",%lu", group->ids[slot]);
    trace_text_put(text, "],\"receiving\":\"%.*s\",\"sending\":\"%.*s\"}}", count, group->receiving + SLOT_FIRST, count,
                   group->sending + SLOT_FIRST);
    file_put_lane(text, 1, (unsigned long)number, "proactor %lu", (unsigned long)number);
}

/* Writes to an empty buffer how many events are missing here, and what the slots of every open group hold: a replay
 * continues from there. The lock is held. */
static void front_resume(void)
{
    TraceText text;

    trace_text_clear(&text);
    trace_text_put(&text, "\"pid\":1,\"tid\":0,\"name\":\"gap\",\"args\":{\"step\":\"gap\",\"missing\":%lu}}", missing);
    missing = 0;
    front_add_event('i', last_now, &text);
    for (int number = 1; number < TRACE_GROUPS; number++) {
        if (!mirror[number].open) continue;
        snapshot_put(&text, number);
        front_add_event('i', last_now, &text);
    }
}

bool trace_file_is_open(void)
{
    return InterlockedCompareExchange(&file_open, 0, 0) != 0;
}

void trace_file_add(const TraceEvent *event, const TraceText *text, unsigned long long now)
{
    ULONG before;
    bool wake;

    AcquireSRWLockExclusive(&file_lock);
    before = front->used;
    if (missing && before == 0) front_resume();
    mirror_apply(event);
    front_add_event(trace_looks[event->step].phase, now, text);
    wake = before == 0 || (before < trace_file_bytes / 2 && front->used >= trace_file_bytes / 2);
    ReleaseSRWLockExclusive(&file_lock);
    if (wake) WakeConditionVariable(&file_filled);
}

/* ---- the writer: a thread of its own, because the console's may be held up by a reader for minutes ---- */

/* Waits for events, and takes the buffer after COLLECT_MS or when it is half full. Returns NULL when the end has
 * already been taken. */
static FileBuffer *file_take(void)
{
    FileBuffer *full;

    AcquireSRWLockExclusive(&file_lock);
    while (front->used == 0 && !closing) SleepConditionVariableSRW(&file_filled, &file_lock, INFINITE, 0);
    if (!closing) SleepConditionVariableSRW(&file_filled, &file_lock, COLLECT_MS, 0);
    if (front->used == 0 && closing && !ended) {
        if (missing) front_resume();
        memcpy(front->bytes + front->used, "\n]\n", 3);
        front->used += 3;
        ended = true;
    }
    full = front;
    front = &buffers[full == &buffers[0]];
    ReleaseSRWLockExclusive(&file_lock);
    return full->used ? full : NULL;
}

/* Ends the file after the last write that was complete: that leaves room for the end on a full disk. */
static void file_cut(int error)
{
    const char *end = file_written.QuadPart ? "\n]\n" : "[\n]\n";
    DWORD written;

    SetFilePointerEx(file, file_written, NULL, FILE_BEGIN);
    SetEndOfFile(file);
    WriteFile(file, end, (DWORD)strlen(end), &written, NULL);
    log_error(error, "cannot write more to the trace file %s; the server keeps running (for a new trace, restart it)",
              file_name);
}

/* Every write ends with a whole event, so that the file can be read while it grows. */
static bool file_write(FileBuffer *full)
{
    DWORD written = 0;
    bool good = WriteFile(file, full->bytes, full->used, &written, NULL);
    int error = good ? ERROR_DISK_FULL : (int)GetLastError();

    good = good && written == full->used;
    if (good) {
        file_written.QuadPart += full->used;
    } else {
        InterlockedExchange(&file_open, 0);
        file_cut(error);
    }
    AcquireSRWLockExclusive(&file_lock);
    full->used = 0;
    if (!good) file_failed = true;
    ReleaseSRWLockExclusive(&file_lock);
    return good;
}

static unsigned __stdcall file_run(void *unused)
{
    FileBuffer *full;

    (void)unused;
    do {
        full = file_take();
    } while (full && file_write(full));
    return 0;
}

/* ---- opening and closing ---- */

/* Creates the file, which others may read meanwhile. Only a file on a disk will do: a device or pipe can hold up its
 * writer for good. Returns NULL, with the reason logged, when that is not possible. */
static HANDLE file_create(const char *name)
{
    static WCHAR wide[COMMAND_CHARS];
    HANDLE made;

    MultiByteToWideChar(CP_UTF8, 0, name, -1, wide, COMMAND_CHARS);
    made = CreateFileW(wide, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ, NULL, CREATE_ALWAYS, 0, NULL);
    if (made == INVALID_HANDLE_VALUE) {
        log_error((int)GetLastError(), "cannot write the trace file %s", name);
        return NULL;
    }
    if (GetFileType(made) == FILE_TYPE_DISK) return made;
    log_error(0, "cannot write the trace file %s: it is a device or a pipe, not a file on a disk", name);
    CloseHandle(made);
    return NULL;
}

/* Puts the first events into the buffer: the version of the format, and names. */
static void file_begin(void)
{
    TraceText text;

    trace_text_clear(&text);
    trace_text_put(&text, "[\n{\"ph\":\"M\",\"name\":\"trace_version\",\"pid\":1,\"args\":{\"version\":2}},\n"
                          "{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":1,\"args\":{\"name\":\"threads\"}},\n"
                          "{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":2,\"args\":{\"name\":\"sessions: what is "
                          "pending\"}}");
    file_put_lane(&text, 1, 0, "main", 0);
    front_add("", 0, &text);
}

bool trace_file_open(const char *name)
{
    file = file_create(name);
    if (!file) return false;
    file_name = name;
    closing = ended = file_failed = false;
    file_written.QuadPart = 0;
    for (int i = 0; i < 2; i++) {
        buffers[i].bytes = (char *)malloc(trace_file_bytes);
        buffers[i].used = 0;
    }
    if (!buffers[0].bytes || !buffers[1].bytes) {
        log_error(0, "out of memory for the trace file");
        return false;
    }
    file_begin();
    file_writer = (HANDLE)_beginthreadex(NULL, 0, file_run, NULL, 0, NULL);
    if (!file_writer) log_error((int)GetLastError(), "cannot start a thread to write the trace file");
    if (file_writer) InterlockedExchange(&file_open, 1);
    return file_writer != NULL;
}

/* A writer that hangs ends with the process, as the console's may, and keeps what it uses until then. */
bool trace_file_close(void)
{
    bool good = true, hangs = false;

    InterlockedExchange(&file_open, 0);
    if (file_writer) {
        AcquireSRWLockExclusive(&file_lock);
        closing = true;
        ReleaseSRWLockExclusive(&file_lock);
        WakeConditionVariable(&file_filled);
        hangs = WaitForSingleObject(file_writer, CLOSE_MS) == WAIT_TIMEOUT;
        CloseHandle(file_writer);
        file_writer = NULL;
        AcquireSRWLockExclusive(&file_lock);
        good = !file_failed && !hangs;
        ReleaseSRWLockExclusive(&file_lock);
    }
    if (hangs) {
        log_error(0, "the trace file %s is not complete: the disk did not respond in time", file_name);
        return false;
    }
    if (file) CloseHandle(file);
    file = NULL;
    for (int i = 0; i < 2; i++) {
        free(buffers[i].bytes);
        buffers[i].bytes = NULL;
    }
    return good;
}
