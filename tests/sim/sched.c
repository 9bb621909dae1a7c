/* sched.c - the threads, only one of which runs at a time, and the virtual clock. */
#include "sim.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    MAX_THREADS = 64,
    MAX_HAPPENINGS = 1 << 16,
    MAX_STEPS = 20 * 1000 * 1000, /* calls into the simulator: no run needs nearly as many */
    STACK = 512 * 1024
};

typedef struct Happening {
    uint64_t time, order;
    Happen happen;
    void *argument;
} Happening;

uint64_t now;

static Thread threads[MAX_THREADS];
static int thread_count;
static _Thread_local Thread *self;
static Happening heap[MAX_HAPPENINGS];
static size_t heap_count;
static uint64_t heap_order;
static uint64_t steps;

/* ---- timed events ---- */

static bool earlier(const Happening *a, const Happening *b)
{
    return a->time != b->time ? a->time < b->time : a->order < b->order;
}

static void heap_swap(size_t a, size_t b)
{
    Happening keep = heap[a];

    heap[a] = heap[b];
    heap[b] = keep;
}

void happen_in(uint64_t delay, Happen happen, void *argument)
{
    size_t i = heap_count++;

    if (i == MAX_HAPPENINGS) violation("the simulator's list of happenings is full");
    heap[i] = (Happening){ now + delay, heap_order++, happen, argument };
    while (i && earlier(&heap[i], &heap[(i - 1) / 2])) {
        heap_swap(i, (i - 1) / 2);
        i = (i - 1) / 2;
    }
}

static Happening heap_pop(void)
{
    Happening first = heap[0];
    size_t i = 0;

    heap[0] = heap[--heap_count];
    for (;;) {
        size_t least = i, left = 2 * i + 1, right = 2 * i + 2;
        if (left < heap_count && earlier(&heap[left], &heap[least])) least = left;
        if (right < heap_count && earlier(&heap[right], &heap[least])) least = right;
        if (least == i) return first;
        heap_swap(i, least);
        i = least;
    }
}

static void world_run_due(void)
{
    while (heap_count && heap[0].time <= now) {
        Happening next = heap_pop();
        unseen_begin();
        next.happen(next.argument);
        unseen_end();
    }
}

bool world_step(uint64_t until)
{
    if (!heap_count || heap[0].time > until) return false;
    if (heap[0].time > now) now = heap[0].time;
    world_run_due();
    return true;
}

/* ---- which thread runs ---- */

static bool runnable(const Thread *thread)
{
    if (thread->done || thread->stalled_until > now) return false;
    return !thread->ready || thread->deadline <= now || thread->ready(thread->ready_argument);
}

/* Makes the clock leap to the next event, because every thread waits. */
static void leap(void)
{
    uint64_t next = heap_count ? heap[0].time : NEVER;

    for (int i = 0; i < thread_count; i++) {
        const Thread *thread = &threads[i];
        uint64_t due = thread->deadline;
        if (thread->done) continue;
        if (thread->stalled_until > now) due = thread->stalled_until;
        if (due > now && due < next) next = due;
    }
    if (next == NEVER) violation("deadlock: every thread waits, and nothing will ever happen");
    now = next;
}

static Thread *pick(void)
{
    for (;;) {
        Thread *found[MAX_THREADS];
        size_t count = 0;

        world_run_due();
        for (int i = 0; i < thread_count; i++) {
            if (runnable(&threads[i])) found[count++] = &threads[i];
        }
        if (count) return found[rnd(count)];
        leap();
    }
}

static void futex_wait(int *word)
{
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == 0) syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    __atomic_store_n(word, 0, __ATOMIC_RELEASE);
}

/* Without pthread's primitives: ThreadSanitizer would take them for synchronization by the server. */
static void pass_on(Thread *next)
{
    __atomic_store_n(&next->baton, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, &next->baton, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void switch_to(Thread *next)
{
    Thread *me = self;

    if (next == me) return;
    pass_on(next);
    futex_wait(&me->baton);
}

void sched_stall(uint64_t time)
{
    self->stalled_until = now + time;
    switch_to(pick());
}

/* A call costs 1 to 10 us of the one processor there is. In runs with hostile clients a call into the kernel costs 1 to
 * 50 us, as under Wine, and any other a quarter of a microsecond on average. */
void sched_point_after(bool in_kernel)
{
    if (++steps > MAX_STEPS) violation("no end: more than %d calls", MAX_STEPS);
    if (!plan.attack)
        now += 1 + rnd(10);
    else
        now += in_kernel ? 1 + rnd(50) : rnd(4) == 0;
    world_run_due();
    if (self->lazy && !self->cs_held && chance(200)) {
        sched_stall(rnd_between(10, self->lazy));
    } else if (plan.stall_rate && chance(plan.stall_rate)) {
        sched_stall(rnd_between(10, 40000));
    } else if (chance(plan.switch_rate)) {
        switch_to(pick());
    }
}

void sched_point(void)
{
    sched_point_after(false);
}

bool sched_never(void *unused)
{
    (void)unused;
    return false;
}

bool sched_block(Ready ready, void *argument, uint64_t deadline)
{
    bool result;

    self->ready = ready;
    self->ready_argument = argument;
    self->deadline = deadline;
    switch_to(pick());
    result = ready(argument);
    self->ready = NULL;
    self->deadline = NEVER;
    return result;
}

/* ---- their beginning and end ---- */

static void *thread_main(void *argument)
{
    Thread *me = (Thread *)argument;

    self = me;
    futex_wait(&me->baton);
    order_acquire(&me->start);
    me->start(me->argument);
    if (me->cs_held) violation("a thread ends and holds a CRITICAL_SECTION");
    operations_check_thread(me);
    arrays_check_thread(me->argument);
    order_release(me);
    tell("ends");
    me->done = true;
    pass_on(pick());
    return NULL;
}

static Thread *thread_new(const char *name)
{
    Thread *thread = &threads[thread_count];

    if (thread_count == MAX_THREADS) violation("more threads than the simulator has");
    thread->id = ++thread_count;
    text_write(thread->name, sizeof thread->name, "%s", name);
    thread->deadline = NEVER;
    return thread;
}

void sched_init(void)
{
    self = thread_new("main");
}

void sched_begin_again(void)
{
    steps = 0;
    while (thread_count > 1 && threads[thread_count - 1].done) {
        memset(&threads[--thread_count], 0, sizeof threads[0]);
    }
}

Thread *sched_self(void)
{
    return self;
}

Thread *sched_spawn(const char *name, unsigned(__stdcall *start)(void *), void *argument)
{
    Thread *thread = thread_new(name);
    pthread_attr_t attributes;
    pthread_t id;
    int error;

    thread->start = start;
    thread->argument = argument;
    order_release(&thread->start);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    error = pthread_create(&id, &attributes, thread_main, thread);
    pthread_attr_destroy(&attributes);
    if (error) violation("the simulator cannot make a thread: %d", error);
    return thread;
}

bool sched_threads_done(void)
{
    for (int i = 0; i < thread_count; i++) {
        const Thread *thread = &threads[i];
        /* The console's writer may hang until nobody waits for it anymore, and the keyboard's reader always may. */
        bool hangs = thread->given_up || (!thread->argument && (plan.trace || thread->let_go));
        if (thread != self && !thread->done && !hangs && strcmp(thread->name, "console") != 0) return false;
    }
    return true;
}
