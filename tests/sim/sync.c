/* sync.c - handles, event objects, waits, critical sections, and the clock as Windows shows it. */
#include "sim.h"

enum { MAX_HANDLES = 1 << 16, CS_MAGIC = 0x0C5C5C5, MAX_IDLE_WAITS = 100 };

static Handle handles[MAX_HANDLES];
static uintptr_t handle_count;

/* ---- handles ----
 *
 * Windows may give the value of a closed handle to the next object at once. In half of the runs it does; in the others
 * no value comes twice, so that the use of a closed one is always detected. */

static uintptr_t handles_closed[MAX_HANDLES];
static size_t closed_count;

uintptr_t handle_new(Kind kind, void *object)
{
    uintptr_t number = plan.reuse && closed_count ? handles_closed[--closed_count] : ++handle_count;

    if (number == MAX_HANDLES) violation("more handles than the simulator has");
    handles[number] = (Handle){ kind, false, object };
    return 4 * number;
}

void handle_close(uintptr_t value)
{
    handle_peek(value)->closed = true;
    handles_closed[closed_count++] = value / 4;
}

Handle *handle_peek(uintptr_t value)
{
    return value % 4 || !value || value / 4 > handle_count ? NULL : &handles[value / 4];
}

Handle *handle_get(uintptr_t value, Kind kind, const char *call)
{
    Handle *handle = handle_peek(value);

    if (!handle || handle->kind != kind) violation("%s: %#lx is no handle of that kind", call, (unsigned long)value);
    if (handle->closed) violation("%s: handle %#lx is closed", call, (unsigned long)value);
    return handle;
}

void handles_check(void)
{
    static const char *const kinds[] = { "", "event", "socket", "thread" };

    for (uintptr_t i = 1; i <= handle_count; i++) {
        if (!handles[i].closed)
            violation("leak: %s handle %#lx is still open", kinds[handles[i].kind], (unsigned long)(4 * i));
    }
}

void rule_no_cs(const char *call)
{
    if (sched_self()->cs_held) violation("%s while a CRITICAL_SECTION is held", call);
}

/* ---- events ---- */

static Event *event_get(WSAEVENT event, const char *call)
{
    return (Event *)handle_get((uintptr_t)event, KIND_EVENT, call)->object;
}

WSAEVENT WSACreateEvent(void)
{
    WSAEVENT event;

    call_begin(CALL_WSACreateEvent);
    rule_no_cs("WSACreateEvent");
    if (call_fault(CALL_WSACreateEvent, NULL)) return WSA_INVALID_EVENT;
    event = (WSAEVENT)handle_new(KIND_EVENT, arena(sizeof(Event)));
    tell("WSACreateEvent() -> %#lx", (unsigned long)(uintptr_t)event);
    return event;
}

/* These fail only for a handle that is not an event. When made to fail, they return the failure but still do their
 * work. */
static BOOL event_done(Call call)
{
    return call_fault(call, NULL) == 0;
}

BOOL WSACloseEvent(WSAEVENT event)
{
    Event *object;

    call_begin(CALL_WSACloseEvent);
    rule_no_cs("WSACloseEvent");
    tell("WSACloseEvent(%#lx)", (unsigned long)(uintptr_t)event);
    object = event_get(event, "WSACloseEvent");
    if (object->waiters) violation("WSACloseEvent: a thread waits on the event");
    if (object->operations) violation("WSACloseEvent: a pending operation names the event");
    handle_close((uintptr_t)event);
    return event_done(CALL_WSACloseEvent);
}

void event_set(WSAEVENT event)
{
    ((Event *)handle_peek((uintptr_t)event)->object)->set = true;
}

bool slot_mark(WSAEVENT event, uint64_t mark)
{
    Event *object = event_get(event, "a slot of e_arr");

    if (object->mark == mark) return false;
    object->mark = mark;
    return true;
}

BOOL WSASetEvent(WSAEVENT event)
{
    Event *object;

    call_begin(CALL_WSASetEvent);
    rule_no_cs("WSASetEvent");
    tell("WSASetEvent(%#lx)", (unsigned long)(uintptr_t)event);
    object = event_get(event, "WSASetEvent");
    order_release(object);
    object->set = true;
    return event_done(CALL_WSASetEvent);
}

BOOL WSAResetEvent(WSAEVENT event)
{
    call_begin(CALL_WSAResetEvent);
    rule_no_cs("WSAResetEvent");
    tell("WSAResetEvent(%#lx)", (unsigned long)(uintptr_t)event);
    event_get(event, "WSAResetEvent")->set = false;
    return event_done(CALL_WSAResetEvent);
}

/* ---- waits ---- */

typedef struct Wait {
    Event *events[WSA_MAXIMUM_WAIT_EVENTS];
    DWORD count;
} Wait;

static int wait_index(const Wait *wait)
{
    for (DWORD i = 0; i < wait->count; i++) {
        if (wait->events[i]->set) return (int)i;
    }
    return -1;
}

static bool wait_ready(void *argument)
{
    return wait_index((const Wait *)argument) >= 0;
}

static void wait_check(Wait *wait, DWORD count, const WSAEVENT *events, BOOL all, BOOL alertable)
{
    if (count == 0 || count > WSA_MAXIMUM_WAIT_EVENTS) violation("WSAWaitForMultipleEvents: %u events", count);
    if (all || alertable) violation("WSAWaitForMultipleEvents: not simulated with these arguments");
    wait->count = count;
    for (DWORD i = 0; i < count; i++) {
        wait->events[i] = event_get(events[i], "WSAWaitForMultipleEvents");
        for (DWORD j = 0; j < i; j++) {
            if (wait->events[j] == wait->events[i])
                violation("WSAWaitForMultipleEvents: the same event at %u and %u", j, i);
        }
        if (wait->events[i]->waiters) violation("WSAWaitForMultipleEvents: event %u is another thread's too", i);
        if (wait->events[i]->operations && wait->events[i]->poster != sched_self())
            violation("WSAWaitForMultipleEvents: event %u is of an operation that %s posted", i,
                      wait->events[i]->poster->name);
    }
}

static void wait_count(const Wait *wait, int step)
{
    for (DWORD i = 0; i < wait->count; i++) wait->events[i]->waiters += step;
}

/* Windows counts from the last tick of its clock, and checks at every tick which waits are due: a wait ends up to a
 * tick early. Now and then it ends one more tick early, before the clock reaches its time, as if that time had been
 * read on another processor. */
uint64_t deadline_after(DWORD milliseconds)
{
    uint64_t due;

    if (milliseconds == INFINITE) return NEVER;
    if (milliseconds == 0) return now;
    due = (now / plan.tick * plan.tick + (uint64_t)milliseconds * 1000 + plan.tick - 1) / plan.tick * plan.tick;
    if (due > now + 2 * plan.tick && chance(300)) due -= plan.tick;
    return due;
}

DWORD WSAWaitForMultipleEvents(DWORD count, const WSAEVENT *events, BOOL all, DWORD timeout, BOOL alertable)
{
    Wait wait;
    uint64_t start;
    int index;

    call_begin(CALL_WSAWaitForMultipleEvents);
    rule_no_cs("WSAWaitForMultipleEvents");
    wait_check(&wait, count, events, all, alertable);
    if (call_fault(CALL_WSAWaitForMultipleEvents, NULL)) return WSA_WAIT_FAILED;

    tell("WSAWaitForMultipleEvents(%u events, %d ms) ...", count, (int)timeout);
    start = now;
    wait_count(&wait, 1);
    if (wait_index(&wait) < 0 && timeout) operations_check_sleep(sched_self()); /* else it is a look, not a sleep */
    if (wait_index(&wait) < 0) sched_block(wait_ready, &wait, deadline_after(timeout));
    wait_count(&wait, -1);
    index = wait_index(&wait);
    tell("WSAWaitForMultipleEvents -> %d", index);

    sched_self()->idle_waits = now > start ? 0 : sched_self()->idle_waits + 1;
    if (sched_self()->idle_waits > MAX_IDLE_WAITS)
        violation("spinning: the wait returned at once %d times, and nothing was done in between", MAX_IDLE_WAITS);
    if (index < 0) return WSA_WAIT_TIMEOUT;
    order_acquire(wait.events[index]);
    return WSA_WAIT_EVENT_0 + (DWORD)index;
}

/* ---- threads ---- */

uintptr_t _beginthreadex(void *security, unsigned stack, unsigned(__stdcall *start)(void *), void *argument,
                         unsigned flags, unsigned *id)
{
    static int count;
    char name[24];
    uintptr_t handle;

    (void)security;
    (void)stack;
    (void)flags;
    call_begin(CALL__beginthreadex);
    rule_no_cs("_beginthreadex");
    if (call_fault(CALL__beginthreadex, NULL)) return 0;
    text_write(name, sizeof name, "thread %d", ++count);
    handle = handle_new(KIND_THREAD, sched_spawn(name, start, argument));
    if (id) *id = (unsigned)handle;
    stats->threads++;
    if ((uint64_t)count > stats->max_threads) stats->max_threads = (uint64_t)count;
    tell("_beginthreadex() -> %#lx (%s)", (unsigned long)handle, name);
    sched_point();
    return handle;
}

static bool thread_ended(void *argument)
{
    return ((const Thread *)argument)->done;
}

DWORD WaitForSingleObject(HANDLE handle, DWORD milliseconds)
{
    Thread *thread;
    bool ended;

    call_begin(CALL_WaitForSingleObject);
    rule_no_cs("WaitForSingleObject");
    if (console_is_input(handle)) {
        operator_await();
        return call_fault(CALL_WaitForSingleObject, NULL) ? WAIT_FAILED : WAIT_OBJECT_0;
    }
    thread = (Thread *)handle_get((uintptr_t)handle, KIND_THREAD, "WaitForSingleObject")->object;
    tell("WaitForSingleObject(%s) ...", thread->name);
    ended = sched_block(thread_ended, thread, deadline_after(milliseconds));
    tell("WaitForSingleObject -> %s", ended ? "it ended" : "time-out");
    if (!ended) thread->given_up = true;
    if (!ended) return WAIT_TIMEOUT;
    order_acquire(thread);
    return call_fault(CALL_WaitForSingleObject, NULL) ? WAIT_FAILED : WAIT_OBJECT_0;
}

BOOL CloseHandle(HANDLE handle)
{
    Thread *thread;

    call_begin(CALL_CloseHandle);
    tell("CloseHandle(%#lx)", (unsigned long)(uintptr_t)handle);
    if (file_is(handle)) {
        file_close(handle);
        return event_done(CALL_CloseHandle);
    }
    thread = (Thread *)handle_get((uintptr_t)handle, KIND_THREAD, "CloseHandle")->object;
    if (!console_is_writer(thread)) thread->let_go = true;
    handle_close((uintptr_t)handle);
    return event_done(CALL_CloseHandle);
}

DWORD GetLastError(void)
{
    return (DWORD)sched_self()->last_error;
}

int WSAGetLastError(void)
{
    return sched_self()->last_error;
}

DWORD GetCurrentThreadId(void)
{
    call_begin(CALL_GetCurrentThreadId);
    return (DWORD)sched_self()->id * 4;
}

/* ---- thread-local storage: one index, which is NULL in a thread that has set no value ---- */

enum { TLS_INDEX = 7 };

static bool tls_allocated;

static void tls_check(DWORD index, const char *call)
{
    if (!tls_allocated || index != TLS_INDEX) violation("%s: %u is no index of TlsAlloc", call, index);
}

DWORD TlsAlloc(void)
{
    call_begin(CALL_TlsAlloc);
    if (tls_allocated) violation("TlsAlloc: not simulated a second time");
    if (call_fault(CALL_TlsAlloc, NULL)) return TLS_OUT_OF_INDEXES;
    tls_allocated = true;
    return TLS_INDEX;
}

BOOL TlsFree(DWORD index)
{
    call_begin(CALL_TlsFree);
    tls_check(index, "TlsFree");
    tls_allocated = false;
    return TRUE;
}

BOOL TlsSetValue(DWORD index, void *value)
{
    call_begin(CALL_TlsSetValue);
    tls_check(index, "TlsSetValue");
    sched_self()->local = value;
    return TRUE;
}

/* "TlsGetValue function": it sets the last error to ERROR_SUCCESS when it succeeds. */
void *TlsGetValue(DWORD index)
{
    call_begin(CALL_TlsGetValue);
    tls_check(index, "TlsGetValue");
    sched_self()->last_error = 0;
    return sched_self()->local;
}

/* ---- critical sections ---- */

static int cs_alive;

static void cs_check(const CRITICAL_SECTION *cs, const char *call)
{
    if (cs->magic != CS_MAGIC) violation("%s: the CRITICAL_SECTION is not initialized", call);
}

BOOL InitializeCriticalSectionAndSpinCount(LPCRITICAL_SECTION cs, DWORD spins)
{
    (void)spins;
    call_begin(CALL_InitializeCriticalSectionAndSpinCount);
    if (cs->magic == CS_MAGIC) violation("InitializeCriticalSectionAndSpinCount: it is so already");
    cs->magic = CS_MAGIC;
    cs->owner = NULL;
    cs->depth = 0;
    cs_alive++;
    return TRUE;
}

static bool cs_free(void *argument)
{
    return ((const CRITICAL_SECTION *)argument)->owner == NULL;
}

void EnterCriticalSection(LPCRITICAL_SECTION cs)
{
    call_begin(CALL_EnterCriticalSection);
    cs_check(cs, "EnterCriticalSection");
    if (cs->owner != sched_self()) {
        if (!cs_free(cs)) sched_block(cs_free, cs, NEVER);
        cs->owner = sched_self();
        order_acquire(cs);
    }
    cs->depth++;
    sched_self()->cs_held++;
    sched_point();
}

void LeaveCriticalSection(LPCRITICAL_SECTION cs)
{
    call_begin(CALL_LeaveCriticalSection);
    cs_check(cs, "LeaveCriticalSection");
    if (cs->owner != sched_self()) violation("LeaveCriticalSection: another thread holds it");
    sched_self()->cs_held--;
    if (--cs->depth == 0) {
        arrays_check(cs);
        order_release(cs);
        cs->owner = NULL;
    }
    sched_point();
}

void DeleteCriticalSection(LPCRITICAL_SECTION cs)
{
    call_begin(CALL_DeleteCriticalSection);
    cs_check(cs, "DeleteCriticalSection");
    if (cs->owner) violation("DeleteCriticalSection: it is held");
    cs->magic = 0;
    cs_alive--;
}

void cs_all_deleted(void)
{
    if (cs_alive) violation("leak: %d CRITICAL_SECTION(s) not deleted", cs_alive);
}

void sim_interlocked(void)
{
    call_begin(CALL_Interlocked);
}

/* ---- time ---- */

void Sleep(DWORD milliseconds)
{
    call_begin(CALL_Sleep);
    rule_no_cs("Sleep");
    tell("Sleep(%d ms)", (int)milliseconds);
    sched_block(sched_never, NULL, deadline_after(milliseconds));
    sched_self()->idle_waits = 0;
}

ULONGLONG GetTickCount64(void)
{
    call_begin(CALL_GetTickCount64);
    return 4000 + now / plan.tick * plan.tick / 1000;
}

void GetLocalTime(SYSTEMTIME *time_now)
{
    uint64_t seconds = 43200 + now / 1000000;

    call_begin(CALL_GetLocalTime);
    *time_now = (SYSTEMTIME){ 2024,
                              1,
                              1,
                              1,
                              (WORD)(seconds / 3600 % 24),
                              (WORD)(seconds / 60 % 60),
                              (WORD)(seconds % 60),
                              (WORD)(now / 1000 % 1000) };
}

BOOL QueryPerformanceCounter(LARGE_INTEGER *count)
{
    call_begin(CALL_QueryPerformanceCounter);
    count->QuadPart = (LONGLONG)(now * 10);
    return TRUE;
}

BOOL QueryPerformanceFrequency(LARGE_INTEGER *frequency)
{
    call_begin(CALL_QueryPerformanceFrequency);
    frequency->QuadPart = 10 * 1000 * 1000;
    return TRUE;
}
