/* load.c - the load generator: plays the clients of one scenario and prints what it measured.
 *
 *      load SCENARIO --port N [options]        (bench.sh shows every scenario at work)
 */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void run_free_port(const Options *options)
{
    (void)options;
    printf("%d\n", net_free_port());
}

/* Waits until the server accepts. */
static void run_await(const Options *options)
{
    double until = now() + options->seconds;
    Socket sock;

    while (!net_try_connect(options->port, 0, &sock)) {
        if (now() > until) fail("nobody listens on port %d", options->port);
        pause_for(0.02);
    }
    net_close(sock);
}

static const struct Scenario {
    const char *name;
    void (*run)(const Options *options);
} scenarios[] = {
    { "pingpong", run_pingpong }, { "lockstep", run_lockstep },   { "crowd", run_crowd },
    { "bulk", run_bulk },         { "connect", run_connect },     { "burst", run_burst },
    { "paced", run_paced },       { "free-port", run_free_port }, { "await", run_await },
};

enum { SCENARIOS = sizeof scenarios / sizeof scenarios[0] };

static void usage(void)
{
    fprintf(stderr, "usage: load SCENARIO --port N [--clients N] [--seconds S] [--lines N]\n"
                    "            [--framed] [--pace S] [--log FILE] [--pids N,N...]\n"
                    "            [--busy N] [--pairs N] [--alone-port N] [--alone-pids N,N...]\n"
                    "scenarios:");
    for (int i = 0; i < SCENARIOS; i++) fprintf(stderr, " %s", scenarios[i].name);
    fprintf(stderr, "\n");
    exit(2);
}

void report(const char *name, double value)
{
    printf("%s %.9g\n", name, value);
}

static void read_pids(Pids *pids, const char *text)
{
    while (*text && pids->count < MAX_PIDS) {
        char *end;
        pids->pid[pids->count++] = strtol(text, &end, 10);
        text = *end ? end + 1 : end;
    }
}

static void read_option(Options *options, const char *name, const char *value)
{
    if (strcmp(name, "--port") == 0) {
        options->port = atoi(value);
    } else if (strcmp(name, "--clients") == 0) {
        options->clients = atoi(value);
    } else if (strcmp(name, "--seconds") == 0) {
        options->seconds = atof(value);
    } else if (strcmp(name, "--lines") == 0) {
        options->lines = atol(value);
    } else if (strcmp(name, "--log") == 0) {
        options->log = value;
    } else if (strcmp(name, "--pace") == 0) {
        options->pace = atof(value);
    } else if (strcmp(name, "--pids") == 0) {
        read_pids(&options->pids, value);
    } else if (strcmp(name, "--busy") == 0) {
        options->busy = atoi(value);
    } else if (strcmp(name, "--pairs") == 0) {
        options->pairs = atoi(value);
    } else if (strcmp(name, "--alone-port") == 0) {
        options->alone_port = atoi(value);
    } else if (strcmp(name, "--alone-pids") == 0) {
        read_pids(&options->alone_pids, value);
    } else {
        usage();
    }
}

static Options read_options(int argc, char *argv[])
{
    Options options;

    memset(&options, 0, sizeof options);
    options.clients = 1;
    options.seconds = 1;
    options.lines = 100;
    options.busy = 32;
    options.pairs = 1;
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--framed") == 0) {
            options.framed = true;
        } else if (i + 1 < argc) {
            read_option(&options, argv[i], argv[i + 1]);
            i++;
        } else {
            usage();
        }
    }
    if (options.clients < 1 || options.lines < 1 || options.busy < 1) usage();
    return options;
}

int main(int argc, char *argv[])
{
    Options options = read_options(argc, argv);

    options.limit = net_start();
    for (int i = 0; argc > 1 && i < SCENARIOS; i++) {
        if (strcmp(argv[1], scenarios[i].name) == 0) {
            scenarios[i].run(&options);
            return 0;
        }
    }
    usage();
    return 2;
}
