/* cli_test.c - the command line and the console: options, addresses, errors, and what is printed when.
 */
#include "../harness/test.h"

#include <iphlpapi.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- bad command lines ---- */

typedef struct BadLine {
    const char *options;
    const char *named; /* what the error line must name */
} BadLine;

/* Checks for one line that names the culprit, the usage hint, exit code 2, and nothing on stdout. */
static void check_refused(const BadLine *bad)
{
    Server *server = server_run(bad->options);
    char line[300];
    const char *errors, *rest;

    CHECK_EQ(server_wait(server, PATIENCE_MS), 2);
    errors = server_errors(server);
    rest = strchr(errors, '\n');
    CHECK(rest != NULL);
    snprintf(line, sizeof line, "%.*s", (int)(rest - errors), errors);
    CHECK(strncmp(line, "server: ", 8) == 0);
    CHECK_HAS(line, bad->named);
    CHECK(strncmp(rest + 1, "usage: ", 7) == 0);
    CHECK_STR(server_output(server), "");
}

static const BadLine bad_lines[] = {
    { "--port 99999", "--port" },
    { "--port 65536", "--port" },
    { "--port -1", "--port" },
    { "--port x", "--port" },
    { "--port 80x", "--port" },
    { "--port \"\"", "--port" },
    { "--port 4294967296", "--port" },
    { "--port 18446744073709551617", "--port" },
    { "--port", "--port" },
    { "--quiet --port", "--port" },
    { "99999", "99999" },
    { "ninety", "ninety" },
    { "9000 9001", "9001" },
    { "9000 --port 9001", "--port" },
    { "--frobnicate", "--frobnicate" },
    { "-x", "-x" },
    { "--ports 9000", "--ports" },
    { "--echo --chat", "--echo and --chat: use only one" },
    { "--chat --echo", "--echo and --chat: use only one" },
    { "--echo --echo", "--echo: given already" },
    { "--chat --quiet --chat", "--chat: given already" },
    { "--port 1 --port 1", "--port: given already" },
    { "--bind ::1 --bind ::1", "--bind: given already" },
    { "--max-clients 5 --max-clients 6", "--max-clients: given already" },
    { "--max-per-ip 5 --max-per-ip 5", "--max-per-ip: given already" },
    { "--chat --codepage 949 --codepage 949", "--codepage: given already" },
    { "--quiet --quiet", "--quiet: given already" },
    { "--trace --trace", "--trace: given already" },
    { "--trace-file a --trace-file b", "--trace-file: given already" },
    { "--help --help", "--help: given already" },
    { "--version --version", "--version: given already" },
    { "--codepage 949", "--codepage: requires --chat" },
    { "--chat --codepage 1", "--codepage: not a code page of this machine that contains ASCII" },
    { "--chat --codepage 37", "--codepage: not a code page of this machine that contains ASCII" }, /* EBCDIC */
    { "--trace-file --chat", "--trace-file --chat: a value must come before the next option" },
    { "--bind --quiet", "--bind --quiet: a value must come before the next option" },
    { "--chat --codepage 65536", "--codepage 65536: not a number from 1 to 65535" },
    { "--chat --codepage", "--codepage: its value is missing" },
    { "--trace-file", "--trace-file: its value is missing" },
    { "--step --step", "--step: given already" },
    { "--slow", "--slow: its value is missing" },
    { "--slow 0", "--slow 0: not a number from 1 to 60000" },
    { "--slow fast", "--slow fast: not a number from 1 to 60000" },
    { "--step --slow 5", "--step and --slow: use only one of them" },
    { "--port +80", "--port +80: not a number" },
    { "--port \" 80\"", "--port  80: not a number" },
    { "--bind fe80::1", "--bind fe80::1: a link-local address needs an interface (%zone), which is not supported" },
    { "--bind ::ffff:127.0.0.1", "--bind ::ffff:127.0.0.1: an IPv4 address in IPv6 form" },
    /* by the rules of "Parsing C command-line arguments" */
    { "--bind \"a b\"", "--bind a b: " },
    { "--bind \"a\\\"b\"", "--bind a\"b: " },
    { "--bind a\\\\\"b c\"", "--bind a\\b c: " },
    { "--bind a\\b\\\\c", "--bind a\\b\\\\c: " },
    { "--bind \"a\"\"b c\"", "--bind a\"b c: " },
    { "--bind \t  a", "--bind a: " },
    { "--bind 주소", "--bind 주소: " },
    { "--bind 1.2.3.999", "--bind" },
    { "--bind 1.2.3.999", "1.2.3.999" },
    { "--bind localhost:80", "--bind" },
    { "--bind ::g", "--bind" },
    { "--bind \"\"", "--bind" },
    { "--bind", "--bind" },
    { "--max-clients 0", "--max-clients" },
    { "--max-clients 10001", "--max-clients" },
    { "--max-clients -5", "--max-clients" },
    { "--max-clients abc", "--max-clients" },
    { "--max-clients 4294967297", "--max-clients" },
    { "--max-clients", "--max-clients" },
};

TEST(cli_bad_options)
{
    for (size_t i = 0; i < sizeof bad_lines / sizeof bad_lines[0]; i++) {
        check_refused(&bad_lines[i]);
        if (test_has_failed()) printf("    with the options: %s\n", bad_lines[i].options);
        CHECK_STILL_GOOD();
        servers_free();
    }
}

TEST(cli_help_and_version)
{
    static const char *const options[] = { "PORT",       "--echo",        "--chat",       "--port",    "--bind",
                                           "--quiet",    "--max-clients", "--help",       "--version", "--max-per-ip",
                                           "--codepage", "--trace",       "--trace-file", "--step",    "--slow" };
    Server *server = server_run("--help");
    const char *text;

    CHECK_EQ(server_wait(server, PATIENCE_MS), 0);
    text = server_output(server);
    CHECK_HAS(text, "usage: ");
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) CHECK_HAS(text, options[i]);
    CHECK_STR(server_errors(server), "");

    server = server_run("--version");
    CHECK_EQ(server_wait(server, PATIENCE_MS), 0);
    text = server_output(server);
    CHECK_EQ(count_text(text, "\n"), 1);
    CHECK(strpbrk(text, "0123456789") != NULL);
    CHECK_STR(server_errors(server), "");
}

/* ---- ports ---- */

/* Returns a port that is free now, and very likely still will be a moment later. */
static int free_port(void)
{
    SOCKADDR_IN name;
    int size = sizeof name, port = 0;
    SOCKET sock = socket(AF_INET, SOCK_STREAM, 0);

    ZeroMemory(&name, sizeof name);
    name.sin_family = AF_INET;
    if (sock == INVALID_SOCKET) return 0;
    if (bind(sock, (SOCKADDR *)&name, sizeof name) == 0 && getsockname(sock, (SOCKADDR *)&name, &size) == 0) {
        port = ntohs(name.sin_port);
    }
    closesocket(sock);
    return port;
}

static void check_port(const char *format)
{
    char options[64];
    int port = free_port();
    Server *server;

    snprintf(options, sizeof options, format, port);
    server = server_run(options);
    CHECK(server_listens(server));
    CHECK_EQ(server_port(server), port);
    CHECK(client_echoes(client_connect(server), "hello"));
    CHECK_EQ(server_stop(server), 0);
}

TEST(cli_port)
{
    check_port("%d");
    CHECK_STILL_GOOD();
    check_port("--port %d");
    CHECK_STILL_GOOD();
    check_port("--echo %d --quiet --max-clients 10000");
}

static void check_port_in_use(Server *server, const char *format)
{
    char options[64], port[16];
    Server *second;

    snprintf(options, sizeof options, format, server_port(server));
    snprintf(port, sizeof port, "%d", server_port(server));
    second = server_run(options);
    CHECK_EQ(server_wait(second, PATIENCE_MS), 1);
    CHECK_HAS(server_errors(second), port);
    CHECK_HAS(server_errors(second), "server: ");
    CHECK_EQ(count_text(server_errors(second), "\n"), 1);
    CHECK_STR(server_output(second), "");
}

TEST(cli_port_in_use)
{
    Server *server = server_start("--echo --quiet");

    CHECK(server != NULL);
    check_port_in_use(server, "--port %d");
    CHECK_STILL_GOOD();
    check_port_in_use(server, "%d --bind 127.0.0.1");
    CHECK_STILL_GOOD();
    CHECK(client_echoes(client_connect(server), "undisturbed"));
    CHECK_EQ(server_stop(server), 0);
}

/* ---- addresses ---- */

static bool answers_at(Server *server, const char *address)
{
    Client *client = client_connect_to(address, server_port(server));
    bool answers = client_echoes(client, "hello");

    client_close(client);
    return answers;
}

TEST(cli_bind_every_address)
{
    Server *server = server_start("--echo");
    char line[128];

    SKIP_IF(!have_ipv6(), "this machine has no IPv6");
    CHECK(answers_at(server, "::1"));
    CHECK(server_line(server, "#1 [::1]:", " left (0 clients)") != NULL);
    CHECK(answers_at(server, "127.0.0.1"));
    snprintf(line, sizeof line, "echo server listening on [::]:%d (Ctrl+C stops it)\n", server_port(server));
    CHECK(strncmp(server_output(server), line, strlen(line)) == 0);
    snprintf(line, sizeof line, "\ntry: client.exe %d  or  telnet localhost %d\n", server_port(server),
             server_port(server));
    CHECK(server_line(server, "try: ", NULL) != NULL);
    CHECK_HAS(server_output(server), line);
    CHECK(server_line(server, "#1 [::1]:", " connected (1 client)") != NULL);
    CHECK(server_line(server, "#2 127.0.0.1:", " connected (1 client)") != NULL);
    CHECK_EQ(server_stop(server), 0);
}

TEST(cli_bind_ipv4)
{
    Server *server = server_start("--echo --quiet --bind 127.0.0.1");
    char line[128];

    CHECK(answers_at(server, "127.0.0.1"));
    CHECK(!have_ipv6() || !answers_at(server, "::1"));
    CHECK(!answers_at(server, "127.0.0.2"));
    snprintf(line, sizeof line, "echo server listening on 127.0.0.1:%d (Ctrl+C stops it)\n", server_port(server));
    CHECK(strncmp(server_output(server), line, strlen(line)) == 0);
    CHECK_EQ(server_stop(server), 0);
}

TEST(cli_bind_ipv6)
{
    Server *server;
    char line[128];

    SKIP_IF(!have_ipv6(), "this machine has no IPv6");
    server = server_start("--echo --quiet --bind ::1");
    CHECK(answers_at(server, "::1"));
    CHECK(!answers_at(server, "127.0.0.1"));
    snprintf(line, sizeof line, "echo server listening on [::1]:%d (Ctrl+C stops it)\n", server_port(server));
    CHECK(strncmp(server_output(server), line, strlen(line)) == 0);
    CHECK_EQ(server_stop(server), 0);
}

/* 192.0.2.1 is reserved for examples: no machine has it. */
TEST(cli_bind_foreign_address)
{
    Server *server = server_run("--port 0 --bind 192.0.2.1");

    CHECK_EQ(server_wait(server, PATIENCE_MS), 1);
    CHECK_HAS(server_errors(server), "192.0.2.1");
    CHECK_EQ(count_text(server_errors(server), "\n"), 1);
    CHECK_STR(server_output(server), "");
}

/* ---- the addresses that the first lines name ---- */

/* Returns true for addresses of no use to another machine. */
static bool is_local(const char *text)
{
    return strncmp(text, "127.", 4) == 0 || strncmp(text, "169.254.", 8) == 0 || strcmp(text, "0.0.0.0") == 0
           || strcmp(text, "::1") == 0 || strncmp(text, "fe8", 3) == 0;
}

/* Asks Windows in a different way than the server does. Returns how many of the machine's addresses are announced, and
 * sets *all to how many there are. */
static int count_announced(Server *server, int *all)
{
    static char tables[32 * 1024];
    ULONG size = sizeof tables;
    char host[64], line[128];
    int count = 0;
    const IP_ADAPTER_ADDRESSES *adapter = (const IP_ADAPTER_ADDRESSES *)(void *)tables;

    if (GetAdaptersAddresses(AF_INET, 0, NULL, (IP_ADAPTER_ADDRESSES *)(void *)tables, &size) != 0) return -1;
    for (; adapter; adapter = adapter->Next) {
        for (const IP_ADAPTER_UNICAST_ADDRESS *one = adapter->FirstUnicastAddress; one; one = one->Next) {
            const SOCKET_ADDRESS *addr = &one->Address;
            if (getnameinfo(addr->lpSockaddr, addr->iSockaddrLength, host, sizeof host, NULL, 0, NI_NUMERICHOST))
                return -1;
            if (is_local(host)) continue;
            ++*all;
            snprintf(line, sizeof line, "\nfrom another machine: client.exe %s %d\n", host, server_port(server));
            if (strstr(server_output(server), line)) count++;
        }
    }
    return count;
}

TEST(cli_announced_addresses)
{
    Server *server = server_start("--echo --bind 0.0.0.0");
    char line[128];
    int all = 0, count;

    snprintf(line, sizeof line, "try: client.exe %d  or  telnet localhost %d", server_port(server),
             server_port(server));
    CHECK_STR(server_line(server, "try: ", NULL), line);
    CHECK(client_echoes(client_connect_to("127.0.0.1", server_port(server)), "hello"));
    CHECK(server_line(server, "#1 ", NULL) != NULL); /* the first lines are all out */
    count = count_announced(server, &all);
    CHECK_EQ(count, all < 4 ? all : 4); /* enough to find the right one */
    CHECK_EQ(count_text(server_output(server), "from another machine: "), count);
    CHECK_EQ(server_stop(server), 0);
    test_note("(%d address%s)", count, count == 1 ? "" : "es");
}

static void check_not_announced(const char *address)
{
    char options[64], line[128];
    Server *server;

    snprintf(options, sizeof options, "--echo --bind %s", address);
    server = server_start(options);
    snprintf(line, sizeof line, "try: client.exe %s %d  or  telnet %s %d", address, server_port(server), address,
             server_port(server));
    CHECK_STR(server_line(server, "try: ", NULL), line);
    CHECK(answers_at(server, address));
    CHECK_EQ(server_stop(server), 0);
    CHECK(strstr(server_output(server), "from another machine") == NULL);
}

TEST(cli_announced_loopback)
{
    check_not_announced("127.0.0.1");
    CHECK_STILL_GOOD();
    if (have_ipv6()) check_not_announced("::1");
}

TEST(cli_bind_any_ipv6)
{
    Server *server;
    char line[128];

    SKIP_IF(!have_ipv6(), "this machine has no IPv6");
    server = server_start("--echo --bind ::");
    snprintf(line, sizeof line, "try: client.exe %d  or  telnet localhost %d", server_port(server),
             server_port(server));
    CHECK_STR(server_line(server, "try: ", NULL), line);
    CHECK(answers_at(server, "::1"));
    CHECK_EQ(server_stop(server), 0);
}

/* ---- --max-per-ip ---- */

/* Connects to an address of this machine, and so from it. Returns true if it is served. */
static bool gets_in(Server *server, const char *address)
{
    Client *client = client_connect_to(address, server_port(server));
    char line[64];

    if (!client_send(client, "in\n", 3) || !client_line(client, line, sizeof line)) return false;
    return strcmp(line, "in") == 0;
}

TEST(cli_max_per_ip)
{
    Server *server = server_start("--echo --max-per-ip 2");
    Client *client;
    char line[64];

    CHECK(gets_in(server, "127.0.0.1"));
    CHECK(gets_in(server, "127.0.0.1"));
    client = client_connect_to("127.0.0.1", server_port(server));
    CHECK(client_line(client, line, sizeof line));
    CHECK_STR(line, "too many clients from your address: 2 clients at most");
    CHECK(client_at_eof(client));
    if (have_ipv6()) { /* another address, though it begins with as many zeros as ::ffff:127.0.0.1 */
        CHECK(gets_in(server, "::1"));
        CHECK(gets_in(server, "::1"));
        CHECK(!gets_in(server, "::1"));
    }
    CHECK_EQ(server_stop(server), 0);
}

/* Finds two IPv6 addresses of this machine in the same 64-bit network. */
static bool find_neighbours(char first[64], char second[64])
{
    static char tables[32 * 1024];
    static SOCKADDR_IN6 seen[32];
    ULONG size = sizeof tables;
    int count = 0;
    const IP_ADAPTER_ADDRESSES *adapter = (const IP_ADAPTER_ADDRESSES *)(void *)tables;

    if (GetAdaptersAddresses(AF_UNSPEC, 0, NULL, (IP_ADAPTER_ADDRESSES *)(void *)tables, &size) != 0) return false;
    for (; adapter; adapter = adapter->Next) {
        for (const IP_ADAPTER_UNICAST_ADDRESS *one = adapter->FirstUnicastAddress; one; one = one->Next) {
            const SOCKADDR_IN6 *addr = (const SOCKADDR_IN6 *)(const void *)one->Address.lpSockaddr;
            if (addr->sin6_family != AF_INET6 || IN6_IS_ADDR_LINKLOCAL(&addr->sin6_addr) || count == 32) continue;
            for (int i = 0; i < count; i++) {
                if (memcmp(&seen[i].sin6_addr, &addr->sin6_addr, 8) != 0) continue;
                inet_ntop(AF_INET6, &seen[i].sin6_addr, first, 64);
                return inet_ntop(AF_INET6, &addr->sin6_addr, second, 64) != NULL;
            }
            seen[count++] = *addr;
        }
    }
    return false;
}

TEST(cli_max_per_ip_network)
{
    char first[64], second[64];
    Server *server;

    SKIP_IF(!find_neighbours(first, second), "this machine has no two addresses in one network of 64 bits");
    server = server_start("--echo --max-per-ip 1");
    CHECK(gets_in(server, first));
    CHECK(!gets_in(server, second));
    CHECK(gets_in(server, "::1"));
    CHECK_EQ(server_stop(server), 0);
}

/* ---- the console ---- */

/* Checks for a line "HH:MM:SS " and the rest as given, with the client's port filled in. */
static void check_line(Server *server, const char *format, int port)
{
    char expected[128];
    const char *line;

    snprintf(expected, sizeof expected, format, port);
    line = server_line(server, expected, NULL);
    CHECK_HAS(line, expected);
    CHECK_STR(line + 9, expected);
    for (int i = 0; i < 9; i++) {
        CHECK(strchr(i == 8 ? " " : i % 3 == 2 ? ":" : "0123456789", line[i]) != NULL);
    }
}

TEST(cli_console_lines)
{
    Server *server = server_start("--echo --bind 127.0.0.1");
    Client *first = client_connect_to("127.0.0.1", server_port(server)), *second;
    int port1 = client_port(first), port2;

    check_line(server, "#1 127.0.0.1:%d connected (1 client)", port1);
    CHECK_STILL_GOOD();
    second = client_connect_to("127.0.0.1", server_port(server));
    port2 = client_port(second);
    check_line(server, "#2 127.0.0.1:%d connected (2 clients)", port2);
    CHECK_STILL_GOOD();
    CHECK(client_echoes(first, "hello, world"));
    client_close(first);
    check_line(server, "#1 127.0.0.1:%d left (1 client): in 12 bytes, out 12 bytes, closed by the client", port1);
    CHECK_STILL_GOOD();
    CHECK(client_echoes(second, "12345"));
    CHECK(server_interrupt(server));
    CHECK(client_at_eof(second));
    client_close(second);
    CHECK_EQ(server_wait(server, PATIENCE_MS), 0);
    check_line(server, "#2 127.0.0.1:%d left (0 clients): in 5 bytes, out 5 bytes, the server is stopping", port2);
    CHECK_STILL_GOOD();
    CHECK_STR(server_line(server, "stopped: ", NULL),
              "stopped: 2 clients served, at most 2 at once, 17 bytes in, 17 bytes out, 1 Proactor thread");
    CHECK_EQ(count_text(server_output(server), "\n"), 7); /* bound to loopback, it names no address for others */
    CHECK_STR(server_errors(server), "");
}

TEST(cli_quiet)
{
    Server *server = server_start("--quiet --max-clients 1");
    Client *client = client_connect(server);
    char line[64];

    CHECK(client_echoes(client, "psst"));
    CHECK(client_line(client_connect(server), line, sizeof line));
    CHECK_STR(line, "server full: 1 client at most");
    CHECK_EQ(server_stop(server), 0);
    CHECK_EQ(count_text(server_output(server), "\n"), 2);
    CHECK_HAS(server_output(server), "echo server listening on ");
    CHECK_HAS(server_output(server), "\nstopped: ");
    CHECK_STR(server_errors(server), "");
}

/* Clients that get no slot, not even to be told "server full", are counted, and do not flood the console. */
TEST(cli_turned_away)
{
    enum { CROWD = 300 };
    Server *server = server_start("--quiet --max-clients 1");
    const char *errors;
    long long end = now_ms() + PATIENCE_MS;
    int lines, more = 0;

    for (int i = 0; i < CROWD; i++) {
        Client *client = client_connect(server);
        CHECK(client != NULL);
        if (i % 2) client_close(client); /* the others stay until the server closes */
    }
    while (!strstr(server_errors(server), " more)\n") && now_ms() < end) Sleep(50);
    CHECK_EQ(server_stop(server), 0);
    errors = server_errors(server);
    lines = count_text(errors, "\n");
    CHECK_HAS(errors, "server: a client was turned away: no place, event or memory for it\n");
    CHECK_EQ(count_text(errors, "server: a client was turned away: "), lines);
    for (const char *at = errors; (at = strstr(at, " for it (")) != NULL; at++)
        more += (int)number_after(at, " for it (");
    CHECK_LE(10, more);
    CHECK_LE(lines, 20); /* two a second */
    test_note("(%d lines, of them %d counted)", lines, more);
}
