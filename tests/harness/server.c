/* server.c - starts the real server.exe, captures what it prints, stops it, and asks the system about it. */
#include "test.h"

#include <process.h>
#include <psapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A pipe that is read all the time, or as slowly as a test wants. */
typedef struct Capture {
    HANDLE pipe, thread;
    volatile LONG pause; /* ms before each read; OUTPUT_STOPS: none */
    CRITICAL_SECTION lock;
    char *text; /* without CR, and without a NUL */
    size_t size, capacity;
    char *copy; /* for the test to look at */
} Capture;

struct Server {
    HANDLE process, in,
        closing; /* its input, if a test types into it; the thread that says that its window is being closed */
    DWORD pid;
    char name[64]; /* its argv[0] */
    long host_pid; /* Wine: what the host system calls it; 0: not known yet */
    int port;
    Capture out, err;
    char line[512]; /* for server_line() */
};

enum { MAX_SERVERS = 16 };

const char *server_exe = "server.exe";

static Server *servers[MAX_SERVERS];
static CRITICAL_SECTION servers_lock;
static HANDLE job; /* its processes end when we end, in whatever way */

/* ---- capturing what it prints ---- */

static void capture_add(Capture *capture, const char *data, size_t bytes)
{
    EnterCriticalSection(&capture->lock);
    if (capture->size + bytes > capture->capacity) {
        size_t capacity = 2 * (capture->size + bytes);
        char *text = (char *)realloc(capture->text, capacity);
        if (!text) abort();
        capture->text = text;
        capture->capacity = capacity;
    }
    for (size_t i = 0; i < bytes; i++) {
        if (data[i] != '\r') capture->text[capture->size++] = data[i];
    }
    LeaveCriticalSection(&capture->lock);
}

static unsigned __stdcall capture_run(void *argument)
{
    Capture *capture = (Capture *)argument;
    char data[4096];
    DWORD bytes;

    for (;;) {
        LONG pause = InterlockedCompareExchange(&capture->pause, 0, 0);
        if (pause) Sleep(pause == OUTPUT_STOPS ? 5 : (DWORD)pause);
        if (pause == OUTPUT_STOPS) continue;
        if (!ReadFile(capture->pipe, data, sizeof data, &bytes, NULL)) return 0;
        capture_add(capture, data, bytes);
    }
}

void server_output_pace(Server *server, int ms)
{
    if (!server) return;
    InterlockedExchange(&server->out.pause, ms);
    InterlockedExchange(&server->err.pause, ms);
}

/* Returns the end that the server writes to, which it inherits. */
static HANDLE capture_open(Capture *capture)
{
    SECURITY_ATTRIBUTES inherit = { sizeof inherit, NULL, TRUE };
    HANDLE theirs;

    InitializeCriticalSection(&capture->lock);
    if (!CreatePipe(&capture->pipe, &theirs, &inherit, 0)) abort();
    SetHandleInformation(capture->pipe, HANDLE_FLAG_INHERIT, 0);
    capture->thread = (HANDLE)_beginthreadex(NULL, 0, capture_run, capture, 0, NULL);
    if (!capture->thread) abort();
    return theirs;
}

static void capture_free(Capture *capture)
{
    InterlockedExchange(&capture->pause, 0);
    WaitForSingleObject(capture->thread, PATIENCE_MS);
    CloseHandle(capture->thread);
    CloseHandle(capture->pipe);
    DeleteCriticalSection(&capture->lock);
    free(capture->text);
    free(capture->copy);
}

static const char *capture_copy(Capture *capture)
{
    char *copy;

    EnterCriticalSection(&capture->lock);
    copy = (char *)realloc(capture->copy, capture->size + 1);
    if (!copy) abort();
    if (capture->size) memcpy(copy, capture->text, capture->size);
    copy[capture->size] = '\0';
    capture->copy = copy;
    LeaveCriticalSection(&capture->lock);
    return copy;
}

/* Finds a whole line with both parts in it. */
static bool capture_find(Capture *capture, const char *part, const char *part2, char *line, size_t size)
{
    bool found = false;
    size_t start = 0;

    EnterCriticalSection(&capture->lock);
    for (size_t i = 0; i < capture->size && !found; i++) {
        if (capture->text[i] != '\n') continue;
        size_t length = i - start < size - 1 ? i - start : size - 1;
        memcpy(line, capture->text + start, length);
        line[length] = '\0';
        found = strstr(line, part) && (!part2 || strstr(line, part2));
        start = i + 1;
    }
    LeaveCriticalSection(&capture->lock);
    return found;
}

const char *server_output(Server *server)
{
    return server ? capture_copy(&server->out) : "";
}

const char *server_errors(Server *server)
{
    return server ? capture_copy(&server->err) : "";
}

const char *server_line(Server *server, const char *part, const char *part2)
{
    long long end = now_ms() + PATIENCE_MS;
    bool last = false;

    if (!server) return NULL;
    while (!capture_find(&server->out, part, part2, server->line, sizeof server->line)) {
        if (last || now_ms() > end) return NULL;
        last = WaitForSingleObject(server->out.thread, 5) == WAIT_OBJECT_0; /* no more will come */
    }
    return server->line;
}

/* ---- starting and ending it ---- */

bool on_wine(void)
{
    return GetProcAddress(GetModuleHandleA("ntdll.dll"), "wine_get_version") != NULL;
}

void harness_init(void)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits;
    WSADATA data;

    InitializeCriticalSection(&servers_lock);
    if (WSAStartup(MAKEWORD(2, 2), &data) != 0) abort();
    ZeroMemory(&limits, sizeof limits);
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    job = CreateJobObjectA(NULL, NULL);
    SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits);
}

/* On Wine a name of its own as argv[0] makes the process easy to find among the host's. */
static void server_name(Server *server)
{
    static int count;
    LARGE_INTEGER now;

    QueryPerformanceCounter(&now);
    snprintf(server->name, sizeof server->name, "%s", "server.exe");
    if (on_wine()) {
        snprintf(server->name, sizeof server->name, "server-%lx-%llx-%d", (unsigned long)GetCurrentProcessId(),
                 (unsigned long long)now.QuadPart, ++count);
    }
}

/* Returns the end that the server reads, which it inherits. */
static HANDLE input_open(Server *server)
{
    SECURITY_ATTRIBUTES inherit = { sizeof inherit, NULL, TRUE };
    HANDLE theirs;

    if (!CreatePipe(&theirs, &server->in, &inherit, 0)) abort();
    SetHandleInformation(server->in, HANDLE_FLAG_INHERIT, 0);
    return theirs;
}

bool server_types(Server *server, const char *text)
{
    DWORD length = (DWORD)strlen(text), written;

    return server && server->in && WriteFile(server->in, text, length, &written, NULL) && written == length;
}

void server_end_input(Server *server)
{
    if (server && server->in) CloseHandle(server->in);
    if (server) server->in = NULL;
}

/* CREATE_NEW_PROCESS_GROUP lets Windows send Ctrl+Break to this process alone. */
static bool server_create(Server *server, const char *options, bool typed)
{
    SECURITY_ATTRIBUTES inherit = { sizeof inherit, NULL, TRUE };
    PROCESS_INFORMATION process;
    STARTUPINFOW startup;
    char command[1024];
    WCHAR exe[MAX_PATH], wide[1024];
    BOOL good;

    server_name(server);
    snprintf(command, sizeof command, "%s %s", server->name, options);
    MultiByteToWideChar(CP_ACP, 0, server_exe, -1, exe, MAX_PATH);
    MultiByteToWideChar(CP_UTF8, 0, command, -1, wide, 1024);
    ZeroMemory(&startup, sizeof startup);
    startup.cb = sizeof startup;
    startup.dwFlags = STARTF_USESTDHANDLES;
    startup.hStdInput =
        typed ? input_open(server) : CreateFileA("NUL", GENERIC_READ, 0, &inherit, OPEN_EXISTING, 0, NULL);
    startup.hStdOutput = capture_open(&server->out);
    startup.hStdError = capture_open(&server->err);
    good = CreateProcessW(exe, wide, NULL, NULL, TRUE, on_wine() ? 0 : CREATE_NEW_PROCESS_GROUP, NULL, NULL, &startup,
                          &process);
    CloseHandle(startup.hStdInput);
    CloseHandle(startup.hStdOutput);
    CloseHandle(startup.hStdError);
    if (!good) return false;
    AssignProcessToJobObject(job, process.hProcess);
    CloseHandle(process.hThread);
    server->process = process.hProcess;
    server->pid = process.dwProcessId;
    return true;
}

static Server *server_run_as(const char *options, bool typed)
{
    Server *server = (Server *)calloc(1, sizeof *server);
    int i = 0;

    if (!server) abort();
    while (i < MAX_SERVERS - 1 && servers[i]) i++;
    if (!server_create(server, options, typed)) {
        server_end_input(server);
        printf("\n    cannot start %s: error %lu\n", server_exe, (unsigned long)GetLastError());
        capture_free(&server->out);
        capture_free(&server->err);
        free(server);
        return NULL;
    }
    EnterCriticalSection(&servers_lock);
    servers[i] = server;
    LeaveCriticalSection(&servers_lock);
    return server;
}

Server *server_run(const char *options)
{
    return server_run_as(options, false);
}

bool server_listens(Server *server)
{
    const char *line = server_line(server, " listening on ", "(Ctrl+C stops it)");

    if (!line) return false;
    server->port = (int)number_after(line, "]:");
    if (server->port < 0) server->port = (int)number_before(line, " (Ctrl+C");
    return server->port > 0;
}

static Server *server_start_as(const char *options, bool typed)
{
    char all[512];
    Server *server;

    snprintf(all, sizeof all, "%s --port 0", options);
    server = server_run_as(all, typed);
    return server_listens(server) ? server : NULL;
}

Server *server_start(const char *options)
{
    return server_start_as(options, false);
}

Server *server_start_typed(const char *options)
{
    return server_start_as(options, true);
}

int server_port(Server *server)
{
    return server ? server->port : 0;
}

long long server_wait(Server *server, int ms)
{
    DWORD code;

    if (!server || WaitForSingleObject(server->process, (DWORD)ms) != WAIT_OBJECT_0) return -1;
    server_output_pace(server, 0);
    WaitForSingleObject(server->out.thread, PATIENCE_MS);
    WaitForSingleObject(server->err.thread, PATIENCE_MS);
    return GetExitCodeProcess(server->process, &code) ? (long long)code : -1;
}

long long server_stop(Server *server)
{
    clients_close();
    return server_interrupt(server) ? server_wait(server, PATIENCE_MS) : -1;
}

void servers_kill(void)
{
    EnterCriticalSection(&servers_lock);
    for (int i = 0; i < MAX_SERVERS; i++) {
        if (servers[i]) TerminateProcess(servers[i]->process, 99);
    }
    LeaveCriticalSection(&servers_lock);
}

void servers_free(void)
{
    EnterCriticalSection(&servers_lock);
    for (int i = 0; i < MAX_SERVERS; i++) {
        if (!servers[i]) continue;
        capture_free(&servers[i]->out);
        capture_free(&servers[i]->err);
        server_end_input(servers[i]);
        CloseHandle(servers[i]->process);
        free(servers[i]);
        servers[i] = NULL;
    }
    LeaveCriticalSection(&servers_lock);
}

static void capture_show(Capture *capture, const char *what)
{
    size_t start, length;

    EnterCriticalSection(&capture->lock);
    start = capture->size;
    for (int lines = 0; start > 0; start--) {
        if (capture->text[start - 1] == '\n' && ++lines > 6) break;
    }
    for (; start < capture->size; start += length + 1) {
        length = 0;
        while (start + length < capture->size && capture->text[start + length] != '\n') length++;
        printf("    %s: %.*s\n", what, (int)length, capture->text + start);
    }
    LeaveCriticalSection(&capture->lock);
}

void servers_show(void)
{
    for (int i = 0; i < MAX_SERVERS; i++) {
        if (!servers[i]) continue;
        capture_show(&servers[i]->out, "its stdout");
        capture_show(&servers[i]->err, "its stderr");
    }
}

/* ---- facts that Wine does not report and its host does ---- */

/* Reads a small file of the host's /proc; returns its size. */
static size_t proc_read(const char *pid, const char *name, char *data, size_t size)
{
    char path[MAX_PATH];
    FILE *file;
    size_t bytes;

    snprintf(path, sizeof path, "\\\\?\\unix\\proc\\%s\\%s", pid, name);
    file = fopen(path, "rb");
    if (!file) return 0;
    bytes = fread(data, 1, size - 1, file);
    fclose(file);
    data[bytes] = '\0';
    return bytes;
}

static long host_pid(Server *server)
{
    WIN32_FIND_DATAA found;
    char command[1024];
    HANDLE search;

    if (server->host_pid) return server->host_pid;
    search = FindFirstFileA("\\\\?\\unix\\proc\\*", &found);
    if (search == INVALID_HANDLE_VALUE) return 0;
    do {
        /* the command line begins with argv[0] and a NUL */
        if (found.cFileName[0] < '1' || found.cFileName[0] > '9') continue;
        if (!proc_read(found.cFileName, "cmdline", command, sizeof command)) continue;
        if (strcmp(command, server->name) == 0) server->host_pid = atol(found.cFileName);
    } while (!server->host_pid && FindNextFileA(search, &found));
    FindClose(search);
    return server->host_pid;
}

static bool host_interrupt(Server *server)
{
    PROCESS_INFORMATION process;
    STARTUPINFOA startup;
    char command[64];

    if (!host_pid(server)) return false;
    snprintf(command, sizeof command, "/bin/sh -c \"kill -INT %ld\"", server->host_pid);
    ZeroMemory(&startup, sizeof startup);
    startup.cb = sizeof startup;
    /* For a program of the host, Wine returns no real handles: closing them may close one of ours. */
    return CreateProcessA(NULL, command, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &process) != 0;
}

static long host_cpu_ms(Server *server)
{
    char pid[32], data[1024];
    unsigned long user = 0, system = 0;
    const char *rest;

    snprintf(pid, sizeof pid, "%ld", host_pid(server));
    if (!proc_read(pid, "stat", data, sizeof data)) return -1;
    rest = strrchr(data, ')'); /* ends the name; fields 14 and 15 are the times in 1/100 s */
    if (!rest || sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2) {
        return -1;
    }
    return (long)(user + system) * 10;
}

/* ---- asking about it ---- */

bool server_interrupt(Server *server)
{
    if (!server) return false;
    if (on_wine()) return host_interrupt(server);
    return GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, server->pid) != 0;
}

/* Waits for the handler's return, at most 5 s, then ends the process as Windows does, unless it ends by itself within
 * a moment. */
static void window_is_closing(void *argument)
{
    Server *server = (Server *)argument;
    HANDLE either[2];

    either[0] = server->process;
    either[1] = server->closing;
    WaitForMultipleObjects(2, either, FALSE, 5000);
    if (WaitForSingleObject(server->process, 100) == WAIT_TIMEOUT)
        TerminateProcess(server->process, (UINT)CONTROL_C_EXIT);
    CloseHandle(server->closing);
}

bool server_close_window(Server *server)
{
    LPTHREAD_START_ROUTINE routine = (LPTHREAD_START_ROUTINE)(void (*)(void))GetProcAddress(
        GetModuleHandleA("kernelbase.dll"), "CtrlRoutine"); /* at the same address in every process */

    if (!server || !routine) return false;
    server->closing =
        CreateRemoteThread(server->process, NULL, 0, routine, (void *)(ULONG_PTR)CTRL_CLOSE_EVENT, 0, NULL);
    return server->closing && worker_start(window_is_closing, server);
}

long server_cpu_ms(Server *server)
{
    FILETIME created, ended, kernel, user;

    if (!server) return -1;
    if (on_wine()) return host_cpu_ms(server);
    if (!GetProcessTimes(server->process, &created, &ended, &kernel, &user)) return -1;
    return (long)((kernel.dwLowDateTime + user.dwLowDateTime) / 10000);
}

long long server_memory_kb(Server *server)
{
    PROCESS_MEMORY_COUNTERS memory;

    if (!server || !GetProcessMemoryInfo(server->process, &memory, sizeof memory)) return -1;
    return (long long)(memory.PagefileUsage / 1024);
}

/* SystemExtendedHandleInformation: all handles of all processes. */
typedef struct SystemHandle {
    void *object;
    ULONG_PTR pid, handle;
    ULONG access;
    USHORT trace, type;
    ULONG attributes, reserved;
} SystemHandle;

typedef struct SystemHandles {
    ULONG_PTR count, reserved;
    SystemHandle handles[1];
} SystemHandles;

typedef LONG(WINAPI *QueryFunction)(ULONG, void *, ULONG, ULONG *);

static long count_handles(DWORD pid)
{
    QueryFunction query =
        (QueryFunction)(void (*)(void))GetProcAddress(GetModuleHandleA("ntdll.dll"), "NtQuerySystemInformation");
    ULONG size = 4 << 20, needed;
    SystemHandles *all = (SystemHandles *)malloc(size);
    long count = -1;

    if (query && all && query(64, all, size, &needed) == 0) {
        count = 0;
        for (ULONG_PTR i = 0; i < all->count; i++) count += all->handles[i].pid == pid;
    }
    free(all);
    return count;
}

long server_handles(Server *server)
{
    DWORD count;

    if (!server) return -1;
    if (on_wine()) return count_handles(server->pid);
    return GetProcessHandleCount(server->process, &count) ? (long)count : -1;
}

/* ---- text ---- */

long long number_after(const char *line, const char *label)
{
    const char *at = line ? strstr(line, label) : NULL;

    if (!at) return -1;
    at += strlen(label);
    return *at >= '0' && *at <= '9' ? strtoll(at, NULL, 10) : -1;
}

long long number_before(const char *line, const char *label)
{
    const char *at = line ? strstr(line, label) : NULL;
    const char *end = at;

    if (!at) return -1;
    while (at > line && at[-1] >= '0' && at[-1] <= '9') at--;
    return at == end ? -1 : strtoll(at, NULL, 10);
}

int count_text(const char *text, const char *part)
{
    int count = 0;

    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part)) count++;
    return count;
}
