/* run.c - one seed, from the start to the last check. */
#include "sim.h"

#include <sys/mman.h>
#include <unistd.h>

enum {
    STOP_LIMIT = 6 * 1000 * 1000,  /* us that the server may take to stop */
    CLOSE_LIMIT = 5 * 1000 * 1000, /* ... that Windows allows it when the window is closed */
    LOOK = 20 * 1000,              /* us between checks of whether the clients are done */
    AFTER = 5 * 1000 * 1000        /* us in which the last bytes reach the clients */
};

int server_main(void);
extern ULONG trace_file_bytes; /* the server's, of each buffer for the trace file */

const char *run_arguments[16];
static int argument_count;
static bool ended;
bool violation_aborts;

#ifdef SIM_COV
void __gcov_dump(void);
#endif

void process_end(int code)
{
#ifdef SIM_COV
    __gcov_dump();
#endif
    _exit(code);
}

/* ---- words ---- */

void tell(const char *format, ...)
{
    char line[512];
    va_list args;
    int length;

    if (!verbose) return;
    length =
        text_write(line, sizeof line, "%10.3f ms %-9s ", (double)now / 1000, sched_self() ? sched_self()->name : "");
    va_start(args, format);
    length += text_format(line + length, sizeof line - (size_t)length - 1, format, args);
    va_end(args);
    if (length > (int)sizeof line - 2) length = (int)sizeof line - 2;
    line[length++] = '\n';
    if (write(2, line, (size_t)length) < 0) return;
}

#if defined(SIM_ASAN) || defined(SIM_TSAN)
void __sanitizer_print_stack_trace(void);
#endif

static void say_replay(void)
{
    char line[160];
    int length = text_write(line, sizeof line, "sim: replay with: make sim MODE=%s SEED=%lu\n", plan.mode,
                            (unsigned long)plan.seed);

    if (write(2, line, (size_t)length) < 0) process_end(98);
}

void violation(const char *format, ...)
{
    char line[512];
    va_list args;
    int length;

    length = text_write(line, sizeof line, "sim: %s, seed %lu, at %.3f ms, %s: ", plan.mode, (unsigned long)plan.seed,
                        (double)now / 1000, sched_self() ? sched_self()->name : "?");
    va_start(args, format);
    length += text_format(line + length, sizeof line - (size_t)length - 1, format, args);
    va_end(args);
    if (length > (int)sizeof line - 2) length = (int)sizeof line - 2;
    line[length++] = '\n';
    if (write(2, line, (size_t)length) < 0) process_end(98);
    say_replay();
#if defined(SIM_ASAN) || defined(SIM_TSAN)
    __sanitizer_print_stack_trace();
#endif
    if (violation_aborts) abort();
    process_end(99);
}

/* ---- the course of a run ---- */

static void overtime(void *unused)
{
    (void)unused;
    if (!ended) violation("the server was told to stop, and has not for %d s", STOP_LIMIT / 1000000);
}

/* "HandlerRoutine callback function": then Windows ends the process, done or not. */
static void window_closed(void *unused)
{
    (void)unused;
    if (!ended) violation("the window was closed %d s ago, and the server is not done", CLOSE_LIMIT / 1000000);
}

static void stop(void *unused)
{
    static const DWORD types[] = { CTRL_C_EVENT, CTRL_C_EVENT, CTRL_BREAK_EVENT, CTRL_CLOSE_EVENT };
    DWORD type;

    (void)unused;
    if (ended || interrupt_time() != NEVER) return;
    tell("Ctrl+C");
    type = types[rnd(4)];
    console_interrupt(type);
    if (type == CTRL_CLOSE_EVENT) happen_in(CLOSE_LIMIT, window_closed, NULL);
    happen_in(STOP_LIMIT, overtime, NULL);
    if (chance(20)) console_interrupt(CTRL_C_EVENT);
}

static void look_for_end(void *unused)
{
    static bool witness;

    (void)unused;
    if (ended || interrupt_time() != NEVER) return;
    if (clients_busy() || flood_busy() || operator_busy()) {
        happen_in(LOOK, look_for_end, NULL);
    } else if (!witness) {
        witness = true;
        faults_stop();
        clients_witness();
        happen_in(LOOK, look_for_end, NULL);
    } else {
        happen_in(rnd_between(1, 100000), stop, NULL);
    }
}

/* Starts the clients once the server has printed that it listens. */
static void look_for_start(void *unused)
{
    (void)unused;
    if (ended) return;
    if (plan.options_only && console_announced()) stop(NULL);
    if (plan.stop_at == 0 && console_handler_known()) stop(NULL);
    if (plan.options_only) {
        happen_in(20, look_for_start, NULL);
        return;
    }
    if (!console_announced()) {
        happen_in(20, look_for_start, NULL);
        return;
    }
    clients_start();
    flood_start();
    if (plan.stop_at == NEVER)
        happen_in(LOOK, look_for_end, NULL);
    else
        happen_in(plan.stop_at, stop, NULL);
}

/* ---- the last checks ---- */

static bool contains(const Output *output, const char *text)
{
    return strstr(output->bytes, text) != NULL;
}

static size_t occurrences(const Output *output, const char *text)
{
    size_t count = 0;

    for (const char *at = output->bytes; (at = strstr(at, text)) != NULL; at++) count++;
    return count;
}

static void check_failed_start(int code)
{
    if (!fault_excuses_end()) violation("exit code %d, and nothing failed at start-up", code);
    if (console_lines_lost()) return;
    if (console_err.lines < 1 || console_err.lines > 1 + (size_t)file_failed())
        violation("a failed start prints %zu lines", console_err.lines);
    if (console_out.count && !plan.trace) violation("a failed start prints on stdout");
}

static void check_totals(void)
{
    unsigned long served;
    unsigned long long in, out;
    uint64_t taken, given;
    unsigned accepted;
    int peak, threads;
    const char *line = strstr(console_out.bytes, "stopped: ");

    if (!line
        || sscanf(line, "stopped: %lu %*s served, at most %d at once, %llu bytes in, %llu bytes out, %d", &served,
                  &peak, &in, &out, &threads)
               != 5)
        violation("there is no line of totals");
    wire_totals(&taken, &given, &accepted);
    if (served > accepted) violation("%lu served, but %u accepted", served, accepted);
    if (plan.max_clients && peak > plan.max_clients) violation("%d clients at once", peak);
    if (in > taken || out > given)
        violation("totals: %llu in and %llu out, but there were %lu and %lu", in, out, (unsigned long)taken,
                  (unsigned long)given);
    if (strcmp(plan.mode, "echo") == 0 && in != taken)
        violation("totals: %llu bytes in, but there were %lu", in, (unsigned long)taken);
}

static void check_end(int code)
{
    uint64_t until = now + AFTER;
    size_t came = occurrences(&console_out, " connected (");
    size_t went = occurrences(&console_out, " client): in ") + occurrences(&console_out, " clients): in ");

    if (interrupt_time() == NEVER) violation("the server ended by itself: exit code %d", code);
    if (code != file_failed()) violation("exit code %d after Ctrl+C", code);
    if (fault_was_fatal()) violation("a failure at start-up was passed over");
    if (console_err.count && !faults_any() && !file_failed() && !contains(&console_err, "turned away"))
        violation("nothing failed, but stderr says: %s", console_err.bytes);
    if (!console_lines_lost()) check_totals();
    if (!plan.quiet && !plan.trace && !console_lines_lost() && came != went)
        violation("%zu lines of clients that came, %zu of clients that went", came, went);
    while (world_step(until)) {
    }
    clients_finish();
}

/* Checks a run with bad options: one line that says so, and the usage. */
static void check_options(int code)
{
    if (code > 2 || (code == 1 && !fault_excuses_end())) violation("exit code %d", code);
    if (code == 2 && !console_lines_lost() && (console_err.lines != 2 || !contains(&console_err, "\nusage: ")))
        violation("bad options are answered with %zu lines on stderr", console_err.lines);
    if (code == 0 && console_err.count && !faults_any()) violation("stderr: %s", console_err.bytes);
    console_check_restored();
    stats->runs++;
    process_end(0);
}

void run_end(int code)
{
    ended = true;
    tell("the server ends with %d", code);
    if (sched_self()->cs_held) violation("the server ends and holds a CRITICAL_SECTION");
    if (plan.options_only) check_options(code);
    if (contains(&console_out, "(4711)") || contains(&console_err, "(4711)"))
        violation("an error code was asked for too late: another call had changed it");
    if (!sched_threads_done()) violation("the server ends before its threads");
    if (code == 1 && !(file_failed() && (contains(&console_out, "stopped: ") || interrupt_time() != NEVER)))
        check_failed_start(code);
    else
        check_end(code);
    if (winsock_started()) violation("WSACleanup was forgotten");
    handles_check();
    file_check_closed();
    cs_all_deleted();
    memory_check();
    console_check_restored();
    operator_outlives();
    stats->runs++;
    if (clients_total() > 62) {
        stats->crowds++;
        stats->crowds_moved += wire_moves() > 0;
    }
    if ((uint64_t)clients_total() > stats->max_clients) stats->max_clients = (uint64_t)clients_total();
    process_end(0);
}

void sim_exit(int code)
{
    if (!plan.options_only && code != 1) violation("exit(%d)", code);
    run_end(code);
}

/* ---- the start ---- */

static void argument(const char *text)
{
    char *copy = (char *)arena(strlen(text) + 1);

    memcpy(copy, text, strlen(text));
    run_arguments[argument_count++] = copy;
}

static void arguments_draw(void)
{
    char number[16];

    argument("server.exe");
    if (chance(500) || strcmp(plan.mode, "chat") == 0) argument(strcmp(plan.mode, "chat") == 0 ? "--chat" : "--echo");
    if (chance(500)) {
        argument("--port");
        argument("0");
    } else if (chance(500)) {
        argument("9000");
    }
    if (plan.bind) {
        argument("--bind");
        argument(plan.bind == 1 ? "127.0.0.1" : "::1");
    }
    if (plan.max_clients) {
        text_write(number, sizeof number, "%d", plan.max_clients);
        argument("--max-clients");
        argument(number);
    }
    if (plan.codepage) {
        argument("--codepage");
        argument("949");
    }
    if (plan.narration != SILENT) argument(plan.narration == STEPPED ? "--step" : "--trace");
    if (plan.trace) {
        if (chance(500)) trace_file_bytes = 24 * 1024; /* a run can fill that; a snapshot of all groups fits */
        argument("--trace-file");
        argument("/dev/null");
    }
    if (plan.max_per_ip) {
        text_write(number, sizeof number, "%d", plan.max_per_ip);
        argument("--max-per-ip");
        argument(number);
    }
    if (plan.quiet) argument("--quiet");
}

/* Draws command lines that end the server at once, or would start it: any order, any nonsense. */
static void arguments_draw_any(void)
{
    static const char *const words[] = { "--echo",    "--chat",    "--port",    "--bind",
                                         "9000",      "x",         "70000",     "--max-clients",
                                         "--quiet",   "--help",    "--frob",    "::1",
                                         "127.0.0.1", "localhost", "0",         "--quiet",
                                         "--chat",    "-1",        "--version", "" };

    argument("server.exe");
    for (uint64_t count = rnd(6); count; count--) argument(words[rnd(sizeof words / sizeof *words)]);
    if (chance(500)) argument("--help");
}

void run_seed(uint64_t seed, const char *mode)
{
    plan_draw(seed, mode);
    sched_init();
    console_init();
    if (plan.options_only)
        arguments_draw_any();
    else
        arguments_draw();
    for (int i = 1; i < argument_count; i++) tell("argument: %s", run_arguments[i]);
    happen_in(0, look_for_start, NULL);
    run_end(server_main());
}
