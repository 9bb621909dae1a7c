/* client_test.c - client.exe, the client to talk with: both directions at once, and how it ends. */
#include "../harness/test.h"

#include <stdio.h>
#include <string.h>

/* ---- a program whose input and output are ours ---- */

typedef struct Program {
    HANDLE process, in, out, err;
    DWORD pid;
    char name[40];            /* its argv[0], by which the host of Wine finds it */
    char printed[256 * 1024]; /* so far */
    size_t length;
} Program;

static Program client;

static const char *client_path(void)
{
    static char path[MAX_PATH];
    const char *name = strrchr(server_exe, '\\'), *slash = strrchr(server_exe, '/');

    if (!name || (slash && slash > name)) name = slash;
    snprintf(path, sizeof path, "%.*sclient.exe", name ? (int)(name + 1 - server_exe) : 0, server_exe);
    return path;
}

static bool have_client(void)
{
    return GetFileAttributesA(client_path()) != INVALID_FILE_ATTRIBUTES;
}

/* A pipe; the program gets `theirs`, and `*ours` is for us alone. */
static HANDLE pipe_open(HANDLE *ours, bool to_program)
{
    SECURITY_ATTRIBUTES inherit = { sizeof inherit, NULL, TRUE };
    HANDLE reading = NULL, writing = NULL;

    CreatePipe(&reading, &writing, &inherit, 0);
    *ours = to_program ? writing : reading;
    SetHandleInformation(*ours, HANDLE_FLAG_INHERIT, 0);
    return to_program ? reading : writing;
}

static void client_end_input(void)
{
    if (client.in) CloseHandle(client.in);
    client.in = NULL;
}

/* Also what a failed test left. */
static void client_free(void)
{
    if (!client.process) return;
    TerminateProcess(client.process, 99);
    client_end_input();
    CloseHandle(client.out);
    CloseHandle(client.err);
    CloseHandle(client.process);
    client.process = NULL;
}

static bool client_run(const char *options)
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

static bool client_start(const char *host, int port)
{
    char options[200];

    snprintf(options, sizeof options, "%s %d", host, port);
    return client_run(options);
}

static bool client_types(const char *text)
{
    DWORD written;

    return WriteFile(client.in, text, (DWORD)strlen(text), &written, NULL) && written == strlen(text);
}

/* Reads what is there; false at the end of the pipe. */
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

/* Waits until it has printed the text. */
static bool client_prints(const char *text)
{
    for (long long end = now_ms() + PATIENCE_MS; now_ms() < end; Sleep(5)) {
        bool more = client_look(client.out);
        if (strstr(client.printed, text)) return true;
        if (!more) break;
    }
    return false;
}

/* Its exit code, when it ends by itself, and all that it printed before; else -1. */
static int client_exit_code(void)
{
    DWORD code;

    for (long long end = now_ms() + PATIENCE_MS; now_ms() < end && client_look(client.out);) Sleep(5);
    if (WaitForSingleObject(client.process, PATIENCE_MS) != WAIT_OBJECT_0) return -1;
    return GetExitCodeProcess(client.process, &code) ? (int)code : -1;
}

/* What it printed on stderr. */
static const char *client_complaint(void)
{
    client.length = 0;
    memset(client.printed, 0, sizeof client.printed);
    while (client_look(client.err)) Sleep(5);
    return client.printed;
}

static bool client_interrupt(void)
{
    PROCESS_INFORMATION process;
    STARTUPINFOA startup;
    char command[200];

    if (!on_wine()) return GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, client.pid) != 0;
    snprintf(command, sizeof command, "/bin/sh -c \"kill -INT $(grep -ls ^%s /proc/[0-9]*/cmdline | cut -d/ -f3)\"",
             client.name);
    ZeroMemory(&process, sizeof process); /* Wine does not fill it for a program of the host */
    ZeroMemory(&startup, sizeof startup);
    startup.cb = sizeof startup;
    if (!CreateProcessA(NULL, command, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &process)) return false;
    return true;
}

#define NEED_CLIENT() SKIP_IF(!have_client(), "client.exe is not built")

/* ---- talking ---- */

TEST(client_converses)
{
    Server *server;

    NEED_CLIENT();
    server = server_start("--chat --quiet");
    CHECK(client_start("localhost", server_port(server)));
    CHECK(client_prints("welcome, you are guest1 (1 here)\r\n")); /* at once, without any input */
    CHECK(client_types("/nick \xEA\xB9\x80\r\n"));
    CHECK(client_prints("*** you are now \xEA\xB9\x80\r\n"));
    CHECK(client_types("/who\n"));
    CHECK(client_prints("*** 1 here: \xEA\xB9\x80\r\n"));
    client_end_input();
    CHECK_EQ(client_exit_code(), 0);
    CHECK_HAS(client.printed, "*** good-bye\r\n");
    CHECK_STR(client_complaint(), "");
    CHECK_EQ(server_stop(server), 0);
}

static void type_much(void *argument)
{
    static char line[] = "a line of forty bytes, to be sent often\r\n";

    for (int i = 0; i < 5000; i++) {
        if (!client_types(line)) return;
    }
    client_end_input();
    *(bool *)argument = true;
}

/* Much in both directions at once, and every byte of it. */
TEST(client_in_a_script)
{
    static bool good;
    Server *server;

    NEED_CLIENT();
    server = server_start("--echo --quiet");
    CHECK(client_start("localhost", server_port(server)));
    good = false;
    CHECK(worker_start(type_much, &good));
    CHECK_EQ(client_exit_code(), 0);
    CHECK(workers_join(PATIENCE_MS) && good);
    CHECK_EQ(client.length, 5000 * 41);
    CHECK_EQ(count_text(client.printed, "a line of forty bytes, to be sent often\r\n"), 5000);
    CHECK_EQ(server_stop(server), 0);
}

/* A name may stand for addresses of IPv6 and of IPv4, and the server may listen on one of them alone. */
TEST(client_tries_all_addresses)
{
    static const char *const tries[][2] = { { "127.0.0.1", "127.0.0.1" },
                                            { "127.0.0.1", "localhost" },
                                            { "::1", "::1" } };
    char options[50];

    NEED_CLIENT();
    for (int i = 0; i < (have_ipv6() ? 3 : 2); i++) {
        Server *server;
        snprintf(options, sizeof options, "--echo --quiet --bind %s", tries[i][0]);
        server = server_start(options);
        CHECK(client_start(tries[i][1], server_port(server)));
        CHECK(client_types("hello\n"));
        CHECK(client_prints("hello\n"));
        client_end_input();
        CHECK_EQ(client_exit_code(), 0);
        CHECK_EQ(server_stop(server), 0);
    }
}

/* ---- how it ends ---- */

TEST(client_server_closes)
{
    Server *server;

    NEED_CLIENT();
    server = server_start("--chat --quiet");
    CHECK(client_start("localhost", server_port(server)));
    CHECK(client_types("/quit\r\n")); /* and its input stays open */
    CHECK_EQ(client_exit_code(), 3);
    CHECK_HAS(client.printed, "*** good-bye\r\n");
    CHECK_STR(client_complaint(), "");
    CHECK_EQ(server_stop(server), 0);
}

TEST(client_ctrl_c)
{
    Server *server;

    NEED_CLIENT();
    server = server_start("--chat");
    CHECK(client_start("localhost", server_port(server)));
    CHECK(client_prints("welcome"));
    CHECK(client_interrupt());
    CHECK_EQ(client_exit_code(), 130);
    CHECK_STR(client_complaint(), "");
    CHECK(server_line(server, "*** guest1 left (0 here)", NULL) != NULL);
    CHECK_EQ(server_stop(server), 0);
}

/* A listening socket of ours, to play a server that does what ours does not. */
static SOCKET listen_here(int *port)
{
    SOCKADDR_IN name;
    int size = sizeof name;
    SOCKET sock = WSASocketW(AF_INET, SOCK_STREAM, IPPROTO_TCP, NULL, 0, WSA_FLAG_NO_HANDLE_INHERIT);

    ZeroMemory(&name, sizeof name);
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(sock, (SOCKADDR *)&name, sizeof name) != 0 || getsockname(sock, (SOCKADDR *)&name, &size) != 0
        || listen(sock, 1) != 0) {
        closesocket(sock);
        return INVALID_SOCKET;
    }
    *port = ntohs(name.sin_port);
    return sock;
}

/* Accepts the client when it comes. */
static SOCKET accept_here(SOCKET listener)
{
    struct timeval limit = { PATIENCE_MS / 1000, 0 };
    fd_set set;

    set.fd_count = 1;
    set.fd_array[0] = listener;
    return select(0, &set, NULL, NULL, &limit) == 1 ? accept(listener, NULL, NULL) : INVALID_SOCKET;
}

static bool one_line(const char *text, const char *part)
{
    return strncmp(text, "client: ", 8) == 0 && count_text(text, "\n") == 1 && strstr(text, part);
}

/* Starts the client, resets its connection, and returns its exit code. */
static int reset_client(SOCKET listener, int port)
{
    struct linger at_once = { 1, 0 };
    SOCKET sock;
    char data[5];

    if (!client_start("127.0.0.1", port) || !client_types("hello")) return -1;
    sock = accept_here(listener);
    recv(sock, data, sizeof data, 0);
    setsockopt(sock, SOL_SOCKET, SO_LINGER, (const char *)&at_once, sizeof at_once);
    closesocket(sock);
    return client_exit_code();
}

TEST(client_is_reset_or_refused)
{
    SOCKET listener;
    int port = 0, code = 3;

    NEED_CLIENT();
    listener = listen_here(&port);
    CHECK(listener != INVALID_SOCKET);
    /* Under Wine a reset now and then looks like a normal end. */
    for (int i = 0; i < (on_wine() ? 20 : 1) && code == 3; i++) code = reset_client(listener, port);
    CHECK_EQ(code, 1);
    CHECK(one_line(client_complaint(), "10054"));
    closesocket(listener);
    CHECK(client_start("127.0.0.1", port));
    CHECK_EQ(client_exit_code(), 1);
    CHECK(one_line(client_complaint(), "10061"));
}

/* After the end of its input it still hears the server out. */
TEST(client_half_closes)
{
    SOCKET listener, sock;
    char data[100];
    int port = 0, got;

    NEED_CLIENT();
    listener = listen_here(&port);
    CHECK(listener != INVALID_SOCKET);
    CHECK(client_start("127.0.0.1", port));
    sock = accept_here(listener);
    CHECK(client_types("last words"));
    client_end_input();
    for (int all = 0; all < 10; all += got) {
        got = recv(sock, data, sizeof data, 0);
        CHECK(got > 0);
    }
    CHECK_EQ(recv(sock, data, sizeof data, 0), 0);
    Sleep(100);
    CHECK_EQ(send(sock, "the rest", 8, 0), 8);
    CHECK_EQ(closesocket(sock), 0);
    CHECK_EQ(client_exit_code(), 0);
    CHECK_STR(client.printed, "the rest");
    closesocket(listener);
}

TEST(client_usage)
{
    static const char *const bad[] = { "", "localhost", "localhost x", "localhost 90x", "localhost 9000 more", "--no" };

    NEED_CLIENT();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(client_run(bad[i]));
        CHECK_EQ(client_exit_code(), 2);
        CHECK(one_line(client_complaint(), "usage: client.exe HOST PORT"));
    }
    CHECK(client_run("--help"));
    CHECK_EQ(client_exit_code(), 0);
    CHECK_HAS(client.printed, "usage: client.exe HOST PORT");
    CHECK_HAS(client.printed, "130 ");
    client_free();
}
