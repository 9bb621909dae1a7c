/* demo_test.c - demo.exe, the lesson that plays by itself. */
#include "../harness/test.h"

#include <stdio.h>
#include <string.h>

enum { FAST_MS = 8000, COLUMNS = 100 };

/* Returns the path of the demo, which is beside tests.exe. */
static const char *demo_path(void)
{
    static char path[MAX_PATH + 16];
    char own[MAX_PATH];

    GetModuleFileNameA(NULL, own, sizeof own);
    snprintf(path, sizeof path, "%.*sdemo.exe", (int)(strrchr(own, '\\') + 1 - own), own);
    return path;
}

/* Starts the demo as the harness starts a server, by its name in `server_exe`; the demo starts the server itself. */
static Server *demo_run(const char *options)
{
    const char *server = server_exe;
    char line[300];
    Server *demo;

    snprintf(line, sizeof line, "%s %s", server, options);
    server_exe = demo_path();
    demo = server_run(line);
    server_exe = server;
    return demo;
}

/* Both acts are played, in time, and fit on a projector. */
TEST(demo_fast)
{
    static const char *const parts[] = {
        "==== Act 1", "-- a client connects", "WSA_IO_PENDING",        "-> TRUE, 7 bytes \"hello",
        "hello\n",    "==== Act 2",           "alice: hello bob, who", "2 WSABUFs",
        "good-bye",   "stopped: 3 clients",
    };
    long long start = now_ms();
    Server *demo;
    const char *text;

    SKIP_IF(GetFileAttributesA(demo_path()) == INVALID_FILE_ATTRIBUTES, "demo.exe is not built");
    demo = demo_run("--fast");
    CHECK_EQ(server_wait(demo, 2 * FAST_MS), 0);
    CHECK_LE(now_ms() - start, FAST_MS);
    CHECK_STR(server_errors(demo), "");
    text = server_output(demo);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) CHECK_HAS(text, parts[i]);
    for (; *text; text = strchr(text, '\n') + 1) {
        CHECK(strchr(text, '\n') != NULL);
        CHECK_LE(strcspn(text, "\n"), COLUMNS);
    }
}

/* The demo reports failures: here there is no server to start. */
TEST(demo_fails)
{
    Server *demo;

    SKIP_IF(GetFileAttributesA(demo_path()) == INVALID_FILE_ATTRIBUTES, "demo.exe is not built");
    demo = demo_run("--fast no-such.exe");
    CHECK_EQ(server_wait(demo, PATIENCE_MS), 1);
    CHECK_HAS(server_errors(demo), "demo: server.exe does not start");
    demo = demo_run("--slow");
    CHECK_EQ(server_wait(demo, PATIENCE_MS), 2);
    CHECK_HAS(server_errors(demo), "usage: demo.exe [--fast]");
}
