/* soak.c - everything that clients do, for a long time: soak.exe [SERVER_EXE [SECONDS [SEED]]]
 *
 * An echo and a chat server run side by side. Players, a thread each, play a number of guests that connect, talk,
 * stall, half-close, reset and vanish at random. Every echoed byte is checked. In the chat some listeners stay the
 * whole time and know for every guest what it must say next. Every 10 s the players rest, with their guests gone; then
 * the soak checks the servers' handles and memory, and that everything said was heard. Under Wine everything runs with
 * Wine's heap checking on. */
#include "soak.h"

#include <psapi.h> /* both after windows.h */
#include <tlhelp32.h>

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _UCRT
#define C_LIBRARY "ucrtbase.dll"
#else
#define C_LIBRARY "msvcrt.dll"
#endif

enum {
    TICK_SECONDS = 10,
    WARM_SECONDS = 60, /* or a third of the time, if that is less */
    PERCENT = 5,       /* by which memory may differ afterwards */
    CHAT_PLAYERS = 4,
    PLAYERS = 9,    /* those that do not chat play echo; the guests of the last one stay */
    HOLD_MS = 300,  /* until a server has nothing to do once its clients do nothing */
    FILL = 3 * 62,  /* more than are ever there later: all groups are opened at the start */
    REST_MS = 60000 /* the limit for all players to come to rest */
};

typedef struct Watch {
    const char *name;
    Server *server;
    HANDLE process;
    long handles, kb; /* at the last rest */
    long base, most;  /* handles: at the first rest when it was warm, and the most since */
    long least_kb, most_kb;
    double rise; /* percent, the largest from any rest to a later one: shrinking does not excuse growing later */
} Watch;

Counts counts;
unsigned int seed;
volatile LONG over;

static Player players[PLAYERS];
static Watch watches[2];      /* echo, chat */
static volatile LONG resting; /* 1: the players hold, 2: their guests leave too */
static volatile LONG holding, at_rest, heap_walks, heap_bad;
static int passed_count, failed_count, skipped_count;

/* ---- failures ---- */

/* Prints the failure, and makes everything end. */
bool wrong(volatile LONG *count, const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (InterlockedIncrement(count) <= 10) printf("    WRONG: %s\n", text);
    fflush(stdout);
    InterlockedExchange(&over, 1);
    return false;
}

static void result(bool good, const char *format, ...)
{
    va_list arguments;

    printf("%s  ", good ? "ok    " : "FAILED");
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    fflush(stdout);
    if (good) {
        passed_count++;
    } else {
        failed_count++;
    }
}

/* ---- playing and resting ---- */

void guest_gone(Guest *guest, bool reset)
{
    if (reset) {
        InterlockedIncrement(&counts.resets);
        client_reset(guest->client);
    } else {
        client_close(guest->client);
    }
    guest->client = NULL;
}

Client *guest_connect(Player *player)
{
    InterlockedIncrement(&counts.connections);
    return noise_below(&player->noise, 3) ? client_connect(player->server) : client_connect_narrow(player->server);
}

static void player_rest(Player *player)
{
    InterlockedIncrement(&holding);
    while (resting == 1 && !over) Sleep(5);
    for (int i = 0; i < GUESTS; i++) {
        Guest *guest = &player->guests[i];
        if (!guest->client) continue;
        if (player->stays) {
            echo_take(guest);
        } else {
            player->leave(player, guest);
        }
    }
    InterlockedIncrement(&at_rest);
    while (resting && !over) Sleep(5);
    InterlockedDecrement(&at_rest);
    InterlockedDecrement(&holding);
}

static void player_run(void *argument)
{
    Player *player = (Player *)argument;

    while (!over) {
        Guest *guest = &player->guests[noise_below(&player->noise, GUESTS)];
        if (resting) player_rest(player);
        if (!guest->client) {
            player->come(player, guest);
        } else if (now_ms() >= guest->until) {
            player->act(player, guest);
        }
        Sleep(noise_below(&player->noise, 6));
    }
}

static bool players_start(void)
{
    for (int i = 0; i < PLAYERS; i++) {
        bool chats = i < CHAT_PLAYERS;
        players[i].server = chats ? watches[1].server : watches[0].server;
        players[i].stays = i == PLAYERS - 1;
        players[i].come = chats ? chat_come : echo_come;
        players[i].act = chats ? chat_act : echo_act;
        players[i].leave = chats ? chat_leave : echo_leave;
        noise_start(&players[i].noise, seed + (unsigned int)i);
        if (!worker_start(player_run, &players[i])) return false;
    }
    return true;
}

/* Connects more clients than there will be, so that no group is opened later. In echo, each in turn sends until the
 * server takes nothing more, and then reads it all back: that leaves each with the largest buffer, and the heap with
 * the room that it will need. */
static bool servers_fill(void)
{
    static Player filler;
    static Guest guests[FILL];
    bool good = true;

    noise_start(&filler.noise, seed);
    filler.server = watches[0].server;
    for (int i = 0; i < FILL && !over; i++) {
        echo_come(&filler, &guests[i]);
        if (!over) guests[i].owed = client_stuff(guests[i].client, &guests[i].sent, 1);
        if (!over) echo_take(&guests[i]);
    }
    for (int i = 0; i < FILL; i++) client_close(guests[i].client);
    for (int i = 0; i < FILL; i++) guests[i].client = client_connect(watches[1].server);
    for (int i = 0; i < FILL; i++) {
        char byte = '\n';
        good = good && client_send(guests[i].client, &byte, 1) && client_recv(guests[i].client, &byte, 1);
        client_close(guests[i].client);
    }
    return good && !over;
}

/* ---- finding the servers' processes ---- */

static const char *file_name(const char *path)
{
    const char *name = path;

    for (; *path; path++) {
        if (*path == '/' || *path == '\\') name = path + 1;
    }
    return name;
}

/* Opens the newest of our children: the server just started. */
static HANDLE child_open(void)
{
    HANDLE snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0), newest = NULL;
    static DWORD known[8];
    static int known_count;
    PROCESSENTRY32 entry;
    BOOL more;

    entry.dwSize = sizeof entry;
    for (more = Process32First(snapshot, &entry); more && !newest; more = Process32Next(snapshot, &entry)) {
        bool is_known = entry.th32ParentProcessID != GetCurrentProcessId();
        for (int i = 0; i < known_count; i++) is_known = is_known || known[i] == entry.th32ProcessID;
        if (is_known || _stricmp(entry.szExeFile, file_name(server_exe)) != 0) continue;
        known[known_count++] = entry.th32ProcessID;
        newest = OpenProcess(PROCESS_ALL_ACCESS, FALSE, entry.th32ProcessID);
    }
    CloseHandle(snapshot);
    return newest;
}

/* ---- heap checking ---- */

/* While it is on, programs start with patterns after every heap block and in freed memory. Only under Wine: on Windows
 * that takes an administrator with gflags. */
static void heap_patterns(const char *program, bool on)
{
    static const char options[] = "Software\\Microsoft\\Windows NT\\CurrentVersion\\Image File Execution Options";
    DWORD flags = 0x10 | 0x20 | 0x40; /* tails, free blocks, parameters */
    char path[MAX_PATH + sizeof options];
    HKEY key;

    if (!on_wine()) return;
    snprintf(path, sizeof path, "%s\\%s", options, file_name(program));
    if (!on) {
        RegDeleteKeyA(HKEY_LOCAL_MACHINE, path);
    } else if (RegCreateKeyExA(HKEY_LOCAL_MACHINE, path, 0, NULL, REG_OPTION_VOLATILE, KEY_WRITE, NULL, &key, NULL)
               == ERROR_SUCCESS) {
        RegSetValueExA(key, "GlobalFlag", 0, REG_DWORD, (const BYTE *)&flags, sizeof flags);
        RegCloseKey(key);
    }
}

/* Makes a thread in that process walk its heap with _heapchk(), which is at the same address there. Checking in every
 * call instead, as GlobalFlag 0x80 does, works only for single-threaded programs: Wine writes the patterns without its
 * lock. */
static bool heap_walk(HANDLE process)
{
    FARPROC check = GetProcAddress(GetModuleHandleA(C_LIBRARY), "_heapchk");
    LPTHREAD_START_ROUTINE start = (LPTHREAD_START_ROUTINE)(void (*)(void))check;
    HANDLE thread = start ? CreateRemoteThread(process, NULL, 65536, start, NULL, 0, NULL) : NULL;
    DWORD code = 0;

    if (!thread) return false;
    if (WaitForSingleObject(thread, PATIENCE_MS) == WAIT_OBJECT_0) GetExitCodeThread(thread, &code);
    CloseHandle(thread);
    return (int)code == _HEAPOK;
}

/* Checks the heap more than once: a block that is just being allocated or freed looks bad for a moment. */
static bool heap_good(HANDLE process)
{
    for (int tries = 0; tries < 5; tries++) {
        InterlockedIncrement(&heap_walks);
        if (heap_walk(process)) return true;
        Sleep(200);
    }
    return false;
}

/* Does what soak.exe --overrun or --late asks for: writes one byte too many, or one after free(). */
static int heap_spoil(bool late)
{
    static volatile char *volatile block; /* so that no compiler or checker sees the bug */
    int place = late ? 5 : 10;
    char *fresh = (char *)malloc(10);

    if (!fresh) return 1;
    block = fresh;
    if (late) free(fresh);
    printf("ready\n");
    fflush(stdout);
    Sleep(1000);
    block[place] = 1;
    printf("spoilt\n");
    fflush(stdout);
    Sleep(REST_MS);
    ExitProcess(0); /* the heap must not be touched anymore */
}

/* Verifies that such bytes are found. */
static void heap_planted(const char *self, const char *how)
{
    const char *program = server_exe;
    bool before, after;
    HANDLE process;
    Server *server;

    server_exe = self;
    heap_patterns(self, true);
    server = server_run(how);
    before = server_line(server, "ready", NULL) != NULL;
    heap_patterns(self, false);
    process = child_open();
    before = before && heap_walk(process);
    after = server_line(server, "spoilt", NULL) && heap_walk(process);
    result(before && !after, "heap checking is on: it finds what soak.exe %s does", how);
    if (process) CloseHandle(process);
    servers_kill();
    server_exe = program;
}

/* ---- memory and handles ---- */

/* Returns the private memory: the memory committed on Windows, the anonymous pages touched under Wine. */
static long watch_kb(const Watch *watch)
{
    PROCESS_MEMORY_COUNTERS memory;

    if (!GetProcessMemoryInfo(watch->process, &memory, sizeof memory)) return -1;
    return (long)(memory.PagefileUsage / 1024);
}

/* Checks handles and memory. Sockets may be closed a moment after the client is gone. */
static void watch_look(Watch *watch, bool warm)
{
    long long end = now_ms() + 5000;
    long before;
    double rise;

    do {
        before = server_handles(watch->server);
        Sleep(150);
        watch->handles = server_handles(watch->server);
    } while (now_ms() < end && (before != watch->handles || (watch->base && before > watch->base)));
    watch->kb = watch_kb(watch);
    if (!warm) return;
    if (!watch->base) {
        watch->base = watch->handles;
        watch->least_kb = watch->most_kb = watch->kb;
    }
    if (watch->handles > watch->most) watch->most = watch->handles;
    if (watch->kb > watch->most_kb) watch->most_kb = watch->kb;
    if (watch->kb < watch->least_kb) watch->least_kb = watch->kb;
    rise = 100.0 * (double)(watch->kb - watch->least_kb) / (double)watch->least_kb;
    if (rise > watch->rise) watch->rise = rise;
}

static void watch_judge(const Watch *watch)
{
    if (!watch->base) return; /* something was wrong before it was warm */
    result(watch->most <= watch->base, "%s: handles do not grow (%ld, then at most %ld)", watch->name, watch->base,
           watch->most);
    result(watch->least_kb > 0 && watch->rise <= (double)PERCENT,
           "%s: memory stays within %d %% (%ld to %ld KiB, rises by at most %.1f %%)", watch->name, (int)PERCENT,
           watch->least_kb, watch->most_kb, watch->rise);
}

/* ---- the run ---- */

static bool players_await(LONG how, volatile LONG *count)
{
    long long end = now_ms() + REST_MS;

    InterlockedExchange(&resting, how);
    while (*count < PLAYERS && !over && now_ms() < end) Sleep(5);
    return over || *count == PLAYERS || wrong(&counts.wrong_echo, "the players do not come to rest");
}

static void heaps_check(const char *when)
{
    for (int i = 0; i < 2 && !over; i++) {
        if (!heap_good(watches[i].process)) wrong(&heap_bad, "%s: its heap is damaged, %s", watches[i].name, when);
    }
}

/* Makes the players hold and then rest, checks the servers, and lets them go on. */
static void tick(long long seconds, bool warm)
{
    players_await(1, &holding);
    Sleep(HOLD_MS);
    heaps_check("with all clients there");
    players_await(2, &at_rest);
    if (!over) chat_check(watches[1].server);
    for (int i = 0; i < 2 && !over; i++) watch_look(&watches[i], warm);
    heaps_check("with the clients gone");
    printf(
        "%5lld s  %ld connections (%ld resets, %ld vanished, %ld half-closes or quits), %ld stalls; %lld KiB echoed; "
        "%ld lines said, %ld heard, %ld cut off; handles %ld + %ld, memory %ld + %ld KiB\n",
        seconds, (long)counts.connections, (long)counts.resets, (long)counts.vanished, (long)counts.half_closes,
        (long)counts.stalls, (long long)counts.echoed / 1024, (long)counts.said, (long)counts.heard,
        (long)counts.cut_off, watches[0].handles, watches[1].handles, watches[0].kb, watches[1].kb);
    fflush(stdout);
    InterlockedExchange(&resting, 0);
}

static void soak(long long seconds)
{
    long long start = now_ms(), warm = seconds / 3;

    if (warm > WARM_SECONDS) warm = WARM_SECONDS;
    for (long long next = 0; next < seconds && !over;) {
        next = next + TICK_SECONDS < seconds ? next + TICK_SECONDS : seconds;
        while (!over && now_ms() - start < next * 1000) Sleep(50);
        tick(next, next >= warm);
    }
    InterlockedExchange(&over, 1);
    if (!workers_join(REST_MS)) wrong(&counts.wrong_echo, "the players do not end");
}

static bool servers_open(void)
{
    watches[0].name = "echo";
    watches[1].name = "chat";
    for (int i = 0; i < 2; i++) {
        watches[i].server = server_start(i ? "--chat --quiet" : "--echo --quiet");
        watches[i].process = child_open();
        if (!watches[i].server || !watches[i].process) return false;
    }
    return listeners_start(watches[1].server) && servers_fill() && players_start();
}

/* Ends the servers and judges the whole run. */
static void servers_end(void)
{
    long long codes[2];

    for (int i = 0; i < 2; i++) codes[i] = server_stop(watches[i].server);
    result(counts.wrong_echo == 0, "every echoed byte was right (%lld KiB)", (long long)counts.echoed / 1024);
    result(counts.wrong_chat == 0, "%d listeners heard every line, once and in order (%ld)", (int)LISTENERS,
           (long)counts.heard);
    for (int i = 0; i < 2; i++) {
        watch_judge(&watches[i]);
    }
    result(heap_bad == 0, "no damage to the heaps (%ld walks)", (long)heap_walks);
    for (int i = 0; i < 2; i++) {
        result(codes[i] == 0 && !*server_errors(watches[i].server), "%s: ends well and without an error message",
               watches[i].name);
    }
    if (failed_count) servers_show();
}

/* Checks the heap checking: a program that damages its heap must be caught. */
static void heap_check_checked(const char *program)
{
    if (on_wine()) {
        heap_planted(program, "--overrun");
        heap_planted(program, "--late");
        servers_free();
    } else {
        printf("skipped: patterns in the heap, which on Windows are switched on with gflags\n");
        skipped_count++;
    }
}

static void print_counts(void)
{
    if (skipped_count) {
        printf("\n%d passed, %d failed, %d skipped\n", passed_count, failed_count, skipped_count);
    } else {
        printf("\n%d passed, %d failed\n", passed_count, failed_count);
    }
}

int main(int argc, char *argv[])
{
    long long seconds = argc > 2 ? atoi(argv[2]) : 60;
    bool started;

    if (argc > 1 && strcmp(argv[1], "--overrun") == 0) return heap_spoil(false);
    if (argc > 1 && strcmp(argv[1], "--late") == 0) return heap_spoil(true);
    if (seconds < 1) {
        printf("usage: soak.exe [SERVER_EXE [SECONDS [SEED]]]\n");
        return 2;
    }
    if (argc > 1) server_exe = argv[1];
    seed = argc > 3 ? (unsigned int)strtoul(argv[3], NULL, 10) : (unsigned int)now_ms() % 1000000;
    harness_init();
    net_init();
    printf("soak: %lld s, seed %u\n", seconds, seed);
    fflush(stdout);
    heap_check_checked(argv[0]);
    heap_patterns(server_exe, true);
    started = servers_open();
    heap_patterns(server_exe, false);
    if (started) {
        soak(seconds);
        servers_end();
    } else {
        result(false, "the servers and the first clients start");
        servers_show();
    }
    servers_kill();
    servers_free();
    print_counts();
    return failed_count ? 1 : 0;
}
