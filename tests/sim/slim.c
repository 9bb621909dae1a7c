/* slim.c - slim reader/writer locks and condition variables. */
#include "sim.h"

static bool lock_free(void *argument)
{
    return ((const SRWLOCK *)argument)->owner == NULL;
}

void AcquireSRWLockExclusive(PSRWLOCK lock)
{
    call_begin(CALL_AcquireSRWLockExclusive);
    if (lock->owner == sched_self()) violation("AcquireSRWLockExclusive: the thread holds it already");
    if (!lock_free(lock)) sched_block(lock_free, lock, NEVER);
    lock->owner = sched_self();
    order_acquire(lock);
    sched_self()->cs_held++;
    sched_self()->slim_held++;
    sched_point();
}

static void lock_release(PSRWLOCK lock, const char *call)
{
    if (lock->owner != sched_self()) violation("%s: another thread holds it, or none", call);
    sched_self()->cs_held--;
    sched_self()->slim_held--;
    order_release(lock);
    lock->owner = NULL;
}

void ReleaseSRWLockExclusive(PSRWLOCK lock)
{
    call_begin(CALL_ReleaseSRWLockExclusive);
    lock_release(lock, "ReleaseSRWLockExclusive");
    sched_point();
}

typedef struct Sleeper {
    const CONDITION_VARIABLE *condition;
    uint64_t wakes;
    bool spurious; /* Windows may wake without a reason ("Condition Variables") */
} Sleeper;

static bool woken(void *argument)
{
    const Sleeper *sleeper = (const Sleeper *)argument;

    return sleeper->spurious || sleeper->condition->wakes != sleeper->wakes;
}

BOOL SleepConditionVariableSRW(PCONDITION_VARIABLE condition, PSRWLOCK lock, DWORD milliseconds, ULONG flags)
{
    Sleeper sleeper = { condition, condition->wakes, chance(50) };
    bool ended;

    call_begin(CALL_SleepConditionVariableSRW);
    if (flags) violation("SleepConditionVariableSRW: not simulated with these arguments");
    sleeper.wakes = condition->wakes;
    lock_release(lock, "SleepConditionVariableSRW");
    /* With --step, threads other than the writer wait too, for Enter, and hold the lock that says whose turn it is. */
    if (sched_self()->cs_held > sched_self()->slim_held) rule_no_cs("SleepConditionVariableSRW");
    if (!sched_self()->cs_held) console_writer(sched_self());
    ended = !sched_block(woken, &sleeper, deadline_after(milliseconds));
    if (!lock_free(lock)) sched_block(lock_free, lock, NEVER);
    lock->owner = sched_self();
    order_acquire(lock);
    sched_self()->cs_held++;
    sched_self()->slim_held++;
    return !ended;
}

/* A thread that does not sleep yet is not woken. */
void WakeConditionVariable(PCONDITION_VARIABLE condition)
{
    call_begin(CALL_WakeConditionVariable);
    condition->wakes++;
    sched_point();
}
