/* runner.c - finds the tests and runs them: tests.exe [SERVER_EXE] [FILTER ...] */
#include "screen.h"

#include <process.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool failed, skipped;
static char note[128];

/* Counts up when a test starts and when it ends: odd while one runs. */
static volatile LONG turn;
static int passed_count, failed_count, skipped_count;

static const char *running = "";

/* Printed once more at the end: a reader of only the last lines of a long run must see what failed. */
static char failures[8192];

/* ---- checks ---- */

static void fail(const char *file, int line, const char *format, ...)
{
    size_t used = strlen(failures);
    char text[2048];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    printf("%s    %s:%d: %s\n", failed ? "" : "\n", file, line, text);
    fflush(stdout);
    if (!failed)
        snprintf(failures + used, sizeof failures - used, "FAILED %s, %s:%d: %.400s\n", running, file, line, text);
    failed = true;
}

bool test_true(const char *file, int line, const char *what, bool good)
{
    if (!good) fail(file, line, "not so: %s", what);
    return good;
}

bool test_equal(const char *file, int line, const char *what, long long a, long long b)
{
    if (a != b) fail(file, line, "not so: %s (%lld and %lld)", what, a, b);
    return a == b;
}

bool test_at_most(const char *file, int line, const char *what, long long a, long long b)
{
    if (a > b) fail(file, line, "not so: %s (%lld and %lld)", what, a, b);
    return a <= b;
}

bool test_has(const char *file, int line, const char *what, const char *text, const char *part)
{
    bool good = text && strstr(text, part);

    if (!good) {
        fail(file, line, "no \"%s\" in %s, which is: %.500s", part, what, text ? text : "(nothing)");
    }
    return good;
}

bool test_same(const char *file, int line, const char *what, const char *a, const char *b)
{
    bool good = a && b && strcmp(a, b) == 0;

    if (!good) {
        fail(file, line, "not so: %s\n        \"%.300s\"\n        \"%.300s\"", what, a ? a : "(nothing)",
             b ? b : "(nothing)");
    }
    return good;
}

bool test_has_failed(void)
{
    return failed;
}

void test_skip(const char *why)
{
    skipped = true;
    test_note("%s", why);
}

void test_note(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(note, sizeof note, format, arguments);
    va_end(arguments);
}

/* ---- running ---- */

static void print_counts(void)
{
    if (failures[0]) printf("\n%s", failures);
    if (skipped_count) {
        printf("\n%d passed, %d failed, %d skipped\n", passed_count, failed_count, skipped_count);
    } else {
        printf("\n%d passed, %d failed\n", passed_count, failed_count);
    }
    fflush(stdout);
}

/* Ends the servers of a test that takes too long, so that its calls fail; ends the run if even that does not help. */
static unsigned __stdcall watchdog_run(void *argument)
{
    LONG watched = 0;
    long long since = now_ms();

    (void)argument;
    for (;;) {
        Sleep(500);
        if (watched != turn) {
            watched = turn;
            since = now_ms();
        } else if (watched % 2 == 1 && now_ms() - since > TEST_MS + 3 * PATIENCE_MS) {
            printf("\n    this test does not end: the run is given up\n");
            failed_count++;
            print_counts();
            ExitProcess(1);
        } else if (watched % 2 == 1 && now_ms() - since > TEST_MS) {
            servers_kill();
        }
    }
}

/* Ends what the test has left. Servers come first, so that no worker is still waiting for one. */
static void clean_up(void)
{
    servers_kill();
    if (failed) servers_show();
    workers_join(2 * TEST_MS);
    clients_close();
    servers_free();
}

static void run_test(const char *name, void (*test)(void))
{
    long long start = now_ms();
    long long spent;

    failed = skipped = false;
    running = name;
    note[0] = '\0';
    printf("%-28s ", name);
    fflush(stdout);
    InterlockedIncrement(&turn);
    test();
    spent = now_ms() - start;
    if (spent > TEST_MS) fail(name, 0, "took longer than %d ms", (int)TEST_MS);
    clean_up();
    InterlockedIncrement(&turn);
    if (failed) {
        printf("%-28s FAILED %6.2f s\n", name, (double)spent / 1000);
        failed_count++;
    } else if (skipped) {
        printf("skipped: %s\n", note);
        skipped_count++;
    } else {
        printf("ok %6.2f s  %s\n", (double)spent / 1000, note);
        passed_count++;
    }
    fflush(stdout);
}

static bool is_wanted(const char *name, int filters, char *filter[])
{
    for (int i = 0; i < filters; i++) {
        if (strstr(name, filter[i])) return true;
    }
    return filters == 0;
}

static bool ends_in_exe(const char *text)
{
    size_t length = strlen(text);

    return length > 4 && _stricmp(text + length - 4, ".exe") == 0;
}

/* ---- finding ---- */

/* Returns a module's exports, as the page "PE Format" describes them; NULL if there are none. */
static const IMAGE_EXPORT_DIRECTORY *exports_of(const char *module)
{
    const IMAGE_DOS_HEADER *start = (const IMAGE_DOS_HEADER *)(const void *)module;
    const IMAGE_NT_HEADERS *headers = (const IMAGE_NT_HEADERS *)(const void *)(module + start->e_lfanew);
    DWORD at = headers->OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_EXPORT].VirtualAddress;

    return at ? (const IMAGE_EXPORT_DIRECTORY *)(const void *)(module + at) : NULL;
}

/* Runs or lists every TEST() of this program that is wanted, in the order of their names, because the linker sorts them
 * that way. */
static void each_test(bool list, int filters, char *filter[])
{
    HMODULE program = GetModuleHandleA(NULL);
    const char *module = (const char *)(const void *)program;
    const IMAGE_EXPORT_DIRECTORY *exports = exports_of(module);

    for (DWORD i = 0; exports && i < exports->NumberOfNames; i++) {
        const char *symbol = module + ((const DWORD *)(const void *)(module + exports->AddressOfNames))[i];
        const char *name = symbol + strlen("TEST_");
        if (strncmp(symbol, "TEST_", strlen("TEST_")) != 0 || !is_wanted(name, filters, filter)) continue;
        if (list) {
            printf("%s\n", name);
        } else {
            run_test(name, (void (*)(void))GetProcAddress(program, symbol));
        }
    }
}

int main(int argc, char *argv[])
{
    bool list = false;
    int first = 1;

    if (argc > 1 && strcmp(argv[1], "--screen") == 0) return screen_main(wcsstr(GetCommandLineW(), L"--screen ") + 9);
    if (first < argc && strcmp(argv[first], "--list") == 0) {
        list = true;
        first++;
    } else if (first < argc && ends_in_exe(argv[first])) {
        server_exe = argv[first++];
    }
    harness_init();
    net_init();
    CloseHandle((HANDLE)_beginthreadex(NULL, 0, watchdog_run, NULL, 0, NULL));
    each_test(list, argc - first, argv + first);
    if (list) return 0;
    print_counts();
    return failed_count > 0 || passed_count + skipped_count == 0 ? 1 : 0;
}
