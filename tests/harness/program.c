/* program.c - starts client.exe, types into it, and reads what it prints. */
#include "program.h"

#include <stdio.h>
#include <string.h>

/* ---- a program whose input and output are ours ---- */

Program client;

const char *client_path(void)
{
    static char path[MAX_PATH];
    const char *name = strrchr(server_exe, '\\'), *slash = strrchr(server_exe, '/');

    if (!name || (slash && slash > name)) name = slash;
    snprintf(path, sizeof path, "%.*sclient.exe", name ? (int)(name + 1 - server_exe) : 0, server_exe);
    return path;
}

bool have_client(void)
{
    return GetFileAttributesA(client_path()) != INVALID_FILE_ATTRIBUTES;
}

/* Opens a pipe. Returns the program's end; `*ours` is not inherited. */
static HANDLE pipe_open(HANDLE *ours, bool to_program)
{
    SECURITY_ATTRIBUTES inherit = { sizeof inherit, NULL, TRUE };
    HANDLE reading = NULL, writing = NULL;

    CreatePipe(&reading, &writing, &inherit, 0);
    *ours = to_program ? writing : reading;
    SetHandleInformation(*ours, HANDLE_FLAG_INHERIT, 0);
    return to_program ? reading : writing;
}

void client_end_input(void)
{
    if (client.in) CloseHandle(client.in);
    client.in = NULL;
}

void client_free(void)
{
    if (!client.process) return;
    TerminateProcess(client.process, 99);
    client_end_input();
    CloseHandle(client.out);
    CloseHandle(client.err);
    CloseHandle(client.process);
    client.process = NULL;
}

bool client_run(const char *options)
{
    LARGE_INTEGER now;
    PROCESS_INFORMATION process;
    STARTUPINFOA startup;
    char command[300];
    BOOL good;

    client_free();
    memset(&client, 0, sizeof client);
    QueryPerformanceCounter(&now);
    snprintf(client.name, sizeof client.name, "client-%lx-%llx", (unsigned long)GetCurrentProcessId(),
             (unsigned long long)now.QuadPart);
    snprintf(command, sizeof command, "%s %s", client.name, options);
    ZeroMemory(&startup, sizeof startup);
    startup.cb = sizeof startup;
    startup.dwFlags = STARTF_USESTDHANDLES;
    startup.hStdInput = pipe_open(&client.in, true);
    startup.hStdOutput = pipe_open(&client.out, false);
    startup.hStdError = pipe_open(&client.err, false);
    good = CreateProcessA(client_path(), command, NULL, NULL, TRUE, on_wine() ? 0 : CREATE_NEW_PROCESS_GROUP, NULL,
                          NULL, &startup, &process);
    CloseHandle(startup.hStdInput);
    CloseHandle(startup.hStdOutput);
    CloseHandle(startup.hStdError);
    if (!good) return false;
    CloseHandle(process.hThread);
    client.process = process.hProcess;
    client.pid = process.dwProcessId;
    return true;
}

bool client_start(const char *host, int port)
{
    char options[200];

    snprintf(options, sizeof options, "%s %d", host, port);
    return client_run(options);
}

bool client_types(const char *text)
{
    DWORD written;

    return WriteFile(client.in, text, (DWORD)strlen(text), &written, NULL) && written == strlen(text);
}

/* Reads what is there. Returns false at the end of the pipe. */
static bool client_look(HANDLE pipe)
{
    DWORD there = 0, got = 0;

    if (!PeekNamedPipe(pipe, NULL, 0, NULL, &there, NULL)) return false;
    if (there > sizeof client.printed - 1 - client.length) there = (DWORD)(sizeof client.printed - 1 - client.length);
    if (there == 0) return true;
    if (!ReadFile(pipe, client.printed + client.length, there, &got, NULL)) return false;
    client.length += got;
    return true;
}

bool client_prints(const char *text)
{
    for (long long end = now_ms() + PATIENCE_MS; now_ms() < end; Sleep(5)) {
        bool more = client_look(client.out);
        if (strstr(client.printed, text)) return true;
        if (!more) break;
    }
    return false;
}

int client_exit_code(void)
{
    DWORD code;

    for (long long end = now_ms() + PATIENCE_MS; now_ms() < end && client_look(client.out);) Sleep(5);
    if (WaitForSingleObject(client.process, PATIENCE_MS) != WAIT_OBJECT_0) return -1;
    return GetExitCodeProcess(client.process, &code) ? (int)code : -1;
}

const char *client_complaint(void)
{
    client.length = 0;
    memset(client.printed, 0, sizeof client.printed);
    while (client_look(client.err)) Sleep(5);
    return client.printed;
}

bool client_interrupt(void)
{
    PROCESS_INFORMATION process;
    STARTUPINFOA startup;
    char command[200];

    if (!on_wine()) return GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, client.pid) != 0;
    snprintf(command, sizeof command, "/bin/sh -c \"kill -INT $(grep -ls ^%s /proc/[0-9]*/cmdline | cut -d/ -f3)\"",
             client.name);
    ZeroMemory(&process, sizeof process); /* Wine does not fill it in for a program of the host */
    ZeroMemory(&startup, sizeof startup);
    startup.cb = sizeof startup;
    if (!CreateProcessA(NULL, command, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &process)) return false;
    return true;
}

/* ---- a server that is ours ---- */

SOCKET listen_at(int wanted, int *port, int backlog)
{
    SOCKADDR_IN name;
    int size = sizeof name;
    SOCKET sock = WSASocketW(AF_INET, SOCK_STREAM, IPPROTO_TCP, NULL, 0, WSA_FLAG_NO_HANDLE_INHERIT);

    ZeroMemory(&name, sizeof name);
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    name.sin_port = htons((u_short)wanted);
    if (bind(sock, (SOCKADDR *)&name, sizeof name) != 0 || getsockname(sock, (SOCKADDR *)&name, &size) != 0
        || listen(sock, backlog) != 0) {
        closesocket(sock);
        return INVALID_SOCKET;
    }
    *port = ntohs(name.sin_port);
    return sock;
}

SOCKET listen_here(int *port)
{
    return listen_at(0, port, SOMAXCONN);
}

bool ready_here(SOCKET sock)
{
    struct timeval limit = { PATIENCE_MS / 1000, 0 };
    fd_set set;

    set.fd_count = 1;
    set.fd_array[0] = sock;
    return select(0, &set, NULL, NULL, &limit) == 1;
}

SOCKET accept_here(SOCKET listener)
{
    return ready_here(listener) ? accept(listener, NULL, NULL) : INVALID_SOCKET;
}

bool comes(SOCKET from, const char *expected, int bytes)
{
    char data[256] = "";
    int all = 0, got = 1;

    for (; all < bytes && got > 0; all += got) got = ready_here(from) ? recv(from, data + all, bytes - all, 0) : -1;
    return got > 0 && memcmp(data, expected, (size_t)bytes) == 0;
}

bool one_line(const char *text, const char *part)
{
    return strncmp(text, "client: ", 8) == 0 && count_text(text, "\n") == 1 && strstr(text, part);
}
