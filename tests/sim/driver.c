/* driver.c - plays many seeds, each in a process of its own, and prints which calls were made to fail. */
#include "sim.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_JOBS = 64, SEED_SECONDS = 120 };

typedef struct Job {
    pid_t pid;
    uint64_t seed;
    Stats *stats;
} Job;

static Job jobs[MAX_JOBS];
static int job_count = 2, running, failures, enough = 5;
static uint64_t first = 1, seeds = 100;
static const char *mode = "echo";

/* ---- one process for each seed ---- */

/* A thread hands over to the next with a system call; on one core that is quickest. */
static void pin(int job)
{
    cpu_set_t cpus;
    size_t count = 0;

    if (sched_getaffinity(0, sizeof cpus, &cpus)) return;
    job %= CPU_COUNT(&cpus);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &cpus) || count++ != (size_t)job) continue;
        CPU_ZERO(&cpus);
        CPU_SET(cpu, &cpus);
        sched_setaffinity(0, sizeof cpus, &cpus);
        return;
    }
}

static void job_start(int job, uint64_t seed)
{
    jobs[job].seed = seed;
    jobs[job].pid = fork();
    if (jobs[job].pid < 0) {
        perror("fork");
        exit(1);
    }
    if (jobs[job].pid == 0) {
        alarm(SEED_SECONDS);
        pin(job);
        stats = jobs[job].stats;
        run_seed(seed, mode);
    }
    running++;
}

static void job_wait(void)
{
    int status;
    pid_t pid = wait(&status);

    for (int i = 0; i < job_count; i++) {
        if (jobs[i].pid != pid) continue;
        jobs[i].pid = 0;
        running--;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
        failures++;
        fprintf(stderr, "sim: %s, seed %lu FAILED (%s %d)\n", mode, (unsigned long)jobs[i].seed,
                WIFSIGNALED(status) ? "signal" : "exit code",
                WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
}

static int free_job(void)
{
    for (int i = 0; i < job_count; i++) {
        if (!jobs[i].pid) return i;
    }
    return -1;
}

/* ---- the table at the end ---- */

static void stats_add(Stats *sum, const Stats *part)
{
    for (int i = 0; i < CALLS; i++) {
        sum->made[i] += part->made[i];
        sum->failed[i] += part->failed[i];
    }
    sum->runs += part->runs;
    sum->threads += part->threads;
    sum->clients += part->clients;
    sum->bytes += part->bytes;
    sum->refused += part->refused;
    sum->turned_away += part->turned_away;
    sum->hand_overs += part->hand_overs;
    sum->crowds += part->crowds;
    sum->crowds_moved += part->crowds_moved;
    if (part->max_threads > sum->max_threads) sum->max_threads = part->max_threads;
    if (part->max_clients > sum->max_clients) sum->max_clients = part->max_clients;
}

/* Returns false when the events that the runs are meant to test hardly happened. */
static bool stats_print(void)
{
    static const char *const names[] = {
#define SIM_NAME(name) #name,
        SIM_CALLS(SIM_NAME)
#undef SIM_NAME
    };
    Stats sum;

    memset(&sum, 0, sizeof sum);
    for (int i = 0; i < job_count; i++) stats_add(&sum, jobs[i].stats);
    printf("%-40s %14s %12s\n", "call", "made", "made to fail");
    for (int i = 0; i < CALLS; i++) {
        if (!sum.made[i]) continue;
        printf("%-40s %14lu %12lu\n", names[i], (unsigned long)sum.made[i], (unsigned long)sum.failed[i]);
    }
    printf("%s: %lu runs to the end, %lu clients (%lu in one run at most, %lu refused, "
           "%lu found no room in the backlog), %lu bytes sent, %lu Proactor threads in one run at most\n",
           mode, (unsigned long)sum.runs, (unsigned long)sum.clients, (unsigned long)sum.max_clients,
           (unsigned long)sum.refused, (unsigned long)sum.turned_away, (unsigned long)sum.bytes,
           (unsigned long)sum.max_threads);
    printf("%s: %lu hand-overs; sessions moved in %lu of %lu runs with over 62 clients\n", mode,
           (unsigned long)sum.hand_overs, (unsigned long)sum.crowds_moved, (unsigned long)sum.crowds);
    if (strcmp(mode, "echo") != 0 || sum.crowds < 30 || 3 * sum.crowds_moved >= sum.crowds) return true;
    fprintf(stderr, "sim: sessions moved in less than a third of the runs with over 62 clients\n");
    return false;
}

/* ---- the command line ---- */

static void jobs_make(void)
{
    for (int i = 0; i < job_count; i++) {
        jobs[i].stats = (Stats *)mmap(NULL, sizeof(Stats), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (jobs[i].stats == MAP_FAILED) exit(1);
    }
}

static void usage(void)
{
    fputs("usage: sim [--mode echo|chat|upper|quiz] [--from SEED] [--seeds N] [--jobs N] [--failures N] [--seed SEED]\n"
          "           [--only floods|operator]\n"
          "--failures: stop after so many; --seed plays one seed and tells all that happens; --only: each seed has\n"
          "clients that mean harm, or lines that are typed at the server\n",
          stderr);
    exit(2);
}

static void arguments_read(int argc, char *argv[])
{
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc) usage();
        if (strcmp(argv[i], "--mode") == 0)
            mode = argv[i + 1];
        else if (strcmp(argv[i], "--from") == 0)
            first = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seeds") == 0)
            seeds = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--failures") == 0)
            enough = atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--only") == 0)
            plan_only = argv[i + 1];
        else if (strcmp(argv[i], "--jobs") == 0)
            job_count = atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--seed") == 0) {
            first = strtoull(argv[i + 1], NULL, 10);
            seeds = 1;
            verbose = true;
        } else
            usage();
    }
    if (job_count < 1 || job_count > MAX_JOBS) usage();
    if (plan_only && strcmp(plan_only, "floods") != 0
        && (strcmp(plan_only, "operator") != 0 || strcmp(mode, "chat") != 0))
        usage();
}

int main(int argc, char *argv[])
{
    arguments_read(argc, argv);
    jobs_make();
    for (uint64_t seed = first; seed < first + seeds && failures < enough; seed++) {
        while (running == job_count) job_wait();
        fflush(stdout);
        job_start(free_job(), seed);
    }
    while (running) job_wait();
    if (!verbose && !stats_print()) failures++;
    printf("%s: %d of %lu seeds failed\n", mode, failures, (unsigned long)seeds);
    return failures ? 1 : 0;
}

/* ---- the sanitizers ---- */

const char *__asan_default_options(void);
const char *__tsan_default_options(void);
const char *__ubsan_default_options(void);

const char *__asan_default_options(void)
{
    return "detect_stack_use_after_return=1:abort_on_error=0:exitcode=97";
}

const char *__tsan_default_options(void)
{
    return "halt_on_error=1:exitcode=97:atexit_sleep_ms=0";
}

const char *__ubsan_default_options(void)
{
    return "print_stacktrace=1:halt_on_error=1";
}
