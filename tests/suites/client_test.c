/* client_test.c - client.exe: both directions at once, how it ends, and the clients that its options turn it into. */
#include "../harness/program.h"

#include <stdio.h>
#include <string.h>

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

/* Much data in both directions at once, and every byte of it arrives. */
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

/* A name may have IPv6 and IPv4 addresses, and the server may listen on only one of them. */
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

/* ---- HOST and PORT ---- */

/* Returns a listening socket on ::1. */
static SOCKET listen_ipv6(int port)
{
    SOCKADDR_IN6 name;
    SOCKET sock = WSASocketW(AF_INET6, SOCK_STREAM, IPPROTO_TCP, NULL, 0, WSA_FLAG_NO_HANDLE_INHERIT);

    ZeroMemory(&name, sizeof name);
    name.sin6_family = AF_INET6;
    name.sin6_addr.s6_addr[15] = 1;
    name.sin6_port = htons((u_short)port);
    if (bind(sock, (SOCKADDR *)&name, sizeof name) == 0 && listen(sock, SOMAXCONN) == 0) return sock;
    closesocket(sock);
    return INVALID_SOCKET;
}

/* ::1 refuses the first connection. It would take the others, but they begin with the address that worked. Under
 * Wine a small backlog holds the crowd up until ::1 is there; Windows would refuse what does not fit into it. */
TEST(client_localhost_costs_one_refusal)
{
    SOCKET listener, ipv6, socks[64];
    char options[50];
    int port = 0;

    NEED_CLIENT();
    SKIP_IF(!have_ipv6(), "no IPv6");
    listener = listen_at(0, &port, on_wine() ? 1 : SOMAXCONN);
    CHECK(listener != INVALID_SOCKET);
    snprintf(options, sizeof options, "localhost %d --crowd 64", port);
    CHECK(client_run(options));
    CHECK(ready_here(listener));
    ipv6 = listen_ipv6(port);
    CHECK(ipv6 != INVALID_SOCKET);
    for (int i = 0; i < 64; i++) {
        socks[i] = accept_here(listener);
        CHECK(socks[i] != INVALID_SOCKET);
    }
    CHECK(client_prints("64 connections are held"));
    CHECK(client_types("\n"));
    for (int i = 0; i < 64; i++) { /* the client must not see an end before it has ended its own side */
        CHECK_EQ(recv(socks[i], options, 1, 0), 0);
        closesocket(socks[i]);
    }
    CHECK_EQ(client_exit_code(), 0);
    CHECK_STR(client_complaint(), "client: localhost: ::1 refused, using 127.0.0.1\r\n");
    closesocket(listener);
    closesocket(ipv6);
}

/* Runs the client with the options, which name a listener here. Returns true if it came. */
static bool client_comes(SOCKET listener, const char *options)
{
    SOCKET sock = client_run(options) ? accept_here(listener) : INVALID_SOCKET;

    client_end_input();
    if (sock == INVALID_SOCKET) return false;
    closesocket(sock);
    return client_exit_code() >= 0;
}

TEST(client_address_is_optional)
{
    SOCKET listener;
    char options[50];
    int port = 0;

    NEED_CLIENT();
    listener = listen_here(&port);
    CHECK(listener != INVALID_SOCKET);
    snprintf(options, sizeof options, "%d", port);
    CHECK(client_comes(listener, options));
    snprintf(options, sizeof options, "--reset %d", port);
    CHECK(client_comes(listener, options));
    snprintf(options, sizeof options, "--crowd 1 127.0.0.1 %d", port);
    CHECK(client_comes(listener, options));
    closesocket(listener);

    listener = listen_at(9000, &port, SOMAXCONN);
    SKIP_IF(listener == INVALID_SOCKET, "port 9000 is taken");
    CHECK(client_comes(listener, ""));
    CHECK(client_comes(listener, "127.0.0.1"));
    CHECK(client_comes(listener, "--keys"));
    closesocket(listener);
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

static void reset_here(SOCKET sock)
{
    struct linger at_once = { 1, 0 };

    setsockopt(sock, SOL_SOCKET, SO_LINGER, (const char *)&at_once, sizeof at_once);
    closesocket(sock);
}

TEST(client_is_reset_or_refused)
{
    SOCKET listener, sock;
    char data[5];
    int port = 0;

    NEED_CLIENT();
    listener = listen_here(&port);
    CHECK(listener != INVALID_SOCKET);
    for (int i = 0; i < 10; i++) {
        CHECK(client_start("127.0.0.1", port));
        CHECK(client_types("hello"));
        sock = accept_here(listener);
        CHECK_EQ(recv(sock, data, sizeof data, 0), 5);
        reset_here(sock);
        CHECK_EQ(client_exit_code(), 1);
        CHECK(one_line(client_complaint(), "the connection is lost: error 10054 (reset by the server)"));
    }
    closesocket(listener);
    CHECK(client_start("127.0.0.1", port));
    CHECK_EQ(client_exit_code(), 1);
    CHECK(one_line(client_complaint(), ": error 10061 (nobody is listening there)"));
    CHECK_HAS(client.printed, "client: cannot connect to 127.0.0.1, port ");
}

/* Now the sending thread may be the one that learns of the reset, and the other sees what looks like a normal end. */
TEST(client_is_reset_while_it_sends)
{
    static bool unused;
    SOCKET listener, sock;
    char data[1000];
    int port = 0;

    NEED_CLIENT();
    listener = listen_here(&port);
    CHECK(listener != INVALID_SOCKET);
    for (int i = 0; i < 10; i++) {
        CHECK(client_start("127.0.0.1", port));
        CHECK(worker_start(type_much, &unused));
        sock = accept_here(listener);
        for (int k = 0; k < 20; k++) CHECK_LE(1, recv(sock, data, sizeof data, 0));
        reset_here(sock);
        CHECK_EQ(client_exit_code(), 1);
        CHECK(one_line(client_complaint(), "the connection is lost: error 1005")); /* 10053 or 10054 */
        CHECK(workers_join(PATIENCE_MS));
    }
    closesocket(listener);
}

/* After the end of its input it still reads everything that the server sends. */
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

/* ---- text with a byte order mark ---- */

/* Pipes both pieces into the client, one after the other. Returns true if the server gets the text. */
static bool client_converts(const char *piece, int bytes, const char *piece2, int bytes2, const char *options,
                            const char *text)
{
    SOCKET listener, sock;
    DWORD written;
    char line[60];
    int port = 0;
    bool good;

    listener = listen_here(&port);
    snprintf(line, sizeof line, "%d %s", port, options);
    if (!client_run(line)) return false;
    sock = accept_here(listener);
    if (!WriteFile(client.in, piece, (DWORD)bytes, &written, NULL)) return false;
    Sleep(50);
    if (!WriteFile(client.in, piece2, (DWORD)bytes2, &written, NULL)) return false;
    client_end_input();
    good = comes(sock, text, (int)strlen(text)) && ready_here(sock) && recv(sock, line, sizeof line, 0) == 0;
    closesocket(sock);
    closesocket(listener);
    return client_exit_code() == 0 && good;
}

/* Files from Notepad and PowerShell's > are sent as UTF-8. The pieces end within the mark, a unit, a character. */
TEST(client_byte_order_mark)
{
    static const char text[] = "/nick \xEC\x84\xA0\r\n\xF0\x9F\x98\x80\r\n"; /* Hangul seon, and a face */
    static const char utf8[] = "\xEF\xBB\xBF/nick \xEC\x84\xA0\r\n\xF0\x9F\x98\x80\r\n";
    static const char little[] = "\xFF\xFE/\0n\0i\0c\0k\0 \0\x20\xC1\r\0\n\0\x3D\xD8\x00\xDE\r\0\n";
    static const char big[] = "\xFE\xFF\0/\0n\0i\0c\0k\0 \xC1\x20\0\r\0\n\xD8\x3D\xDE\x00\0\r\0\n";
    enum { UTF8_BYTES = sizeof utf8 - 1, LITTLE_BYTES = sizeof little, BIG_BYTES = sizeof big - 1 };

    NEED_CLIENT();
    for (int cut = 1; cut < UTF8_BYTES; cut += 5) {
        CHECK(client_converts(utf8, cut, utf8 + cut, UTF8_BYTES - cut, "", text));
    }
    for (int cut = 1; cut < LITTLE_BYTES; cut += cut == 1 || cut > 20 ? 1 : 9) {
        CHECK(client_converts(little, cut, little + cut, LITTLE_BYTES - cut, "", text));
    }
    CHECK(client_converts(big, 1, big + 1, BIG_BYTES - 1, "", text));
    CHECK(client_converts(big, 23, big + 23, BIG_BYTES - 23, "", text));
    CHECK(client_converts(utf8, 11, utf8 + 11, UTF8_BYTES - 11, "--keys", text));
    CHECK(client_converts("\xFF\xFE"
                          "a\0",
                          4, "b\0\r\0\n", 6, "--keys", "ab\r\n"));
    CHECK(client_converts("\xEF", 1, "\xBC\x81", 2, "", "\xEF\xBC\x81")); /* no mark, but it begins like one */
    CHECK(client_converts("\xFF", 1, "", 0, "", "\xFF"));
}

/* ---- a crowd ---- */

static bool client_run_at(Server *server, const char *options)
{
    char line[200];

    snprintf(line, sizeof line, "localhost %d %s", server_port(server), options);
    return client_run(line);
}

/* One thread of the server could not serve all 70. They close normally, not with a reset. */
TEST(client_crowd)
{
    Server *server;

    NEED_CLIENT();
    server = server_start("--chat");
    CHECK(client_run_at(server, "--crowd 70"));
    CHECK(client_prints("70 connections are held; Enter ends"));
    CHECK(server_line(server, " joined (70 here)", NULL) != NULL);
    CHECK(client_types("\r\n"));
    CHECK_EQ(client_exit_code(), 0);
    CHECK_STR(client_complaint(), "");
    CHECK(server_line(server, " left (0 clients)", NULL) != NULL);
    CHECK_EQ(count_text(server_output(server), ", closed by the client"), 70);
    CHECK_EQ(server_stop(server), 0);
}

TEST(client_crowd_is_turned_away)
{
    Server *server;

    NEED_CLIENT();
    server = server_start("--echo --quiet --max-clients 10");
    CHECK(client_run_at(server, "--crowd 12"));
    CHECK(client_prints("12 connections are held"));
    CHECK(client_prints("; 10 left"));
    CHECK(server_interrupt(server));
    CHECK(client_prints("; 0 left"));
    CHECK_EQ(client_exit_code(), 3);
    CHECK_EQ(server_wait(server, PATIENCE_MS), 0);
}

/* ---- busy ones ---- */

/* Returns the figure after the label in the client's output, without its commas. */
static long long figure(const char *label)
{
    const char *at = strstr(client.printed, label);
    long long number = 0;

    if (!at) return -1;
    at += strlen(label) + strspn(at + strlen(label), " ");
    for (; (*at >= '0' && *at <= '9') || *at == ','; at++) {
        if (*at != ',') number = number * 10 + (*at - '0');
    }
    return number;
}

/* Its table is compared with the server's count of bytes; up to 8 messages were on their way at the end. */
TEST(client_busy)
{
    Server *server;
    long long all, most, least, in;

    NEED_CLIENT();
    server = server_start("--echo --quiet");
    CHECK(client_run_at(server, "--busy 8 --seconds 1"));
    CHECK_EQ(client_exit_code(), 0);
    CHECK_HAS(client.printed, "8 connections, 1 second, messages of 64 bytes there and back");
    all = figure("all together"), most = figure("most served"), least = figure("least served");
    CHECK_LE(1, least);
    CHECK_LE(least, most);
    CHECK_LE(least * 7 + most, all);
    CHECK_LE(all, most * 7 + least);
    CHECK_LE(figure("within "), figure("99 of 100 within "));
    CHECK_STR(client_complaint(), "");
    CHECK_EQ(server_stop(server), 0);
    in = number_before(server_output(server), " bytes in");
    CHECK_LE(all * 64, in);
    CHECK_LE(in, (all + 8) * 64);
}

TEST(client_busy_wants_an_echo)
{
    Server *server;

    NEED_CLIENT();
    server = server_start("--chat --quiet");
    CHECK(client_run_at(server, "--busy 2"));
    CHECK_EQ(client_exit_code(), 1);
    CHECK(one_line(client_complaint(), "--busy is for an echo server"));
    CHECK_EQ(server_stop(server), 0);
}

TEST(client_busy_gets_no_answer)
{
    SOCKET listener, sock;
    char options[50];
    int port = 0;

    NEED_CLIENT();
    listener = listen_here(&port);
    CHECK(listener != INVALID_SOCKET);
    snprintf(options, sizeof options, "%d --busy 1 --seconds 1", port);
    CHECK(client_run(options));
    sock = accept_here(listener);
    CHECK_EQ(client_exit_code(), 1);
    CHECK_STR(client.printed, "");
    CHECK(one_line(client_complaint(), "no answer within 1 second: --busy is for an echo server"));
    closesocket(sock);

    CHECK(client_run(options));
    sock = accept_here(listener);
    CHECK(ready_here(sock) && shutdown(sock, SD_SEND) == 0);
    CHECK_EQ(client_exit_code(), 3);
    CHECK(one_line(client_complaint(), "the server closed connection 1 of 1 after 0 messages"));
    closesocket(sock);
    closesocket(listener);
}

/* ---- one that does not read, and one that resets ---- */

/* 30 MB is more than all buffers on the way hold, so the transfer stalls until it reads. */
TEST(client_no_read)
{
    Server *server;
    long long start;

    NEED_CLIENT();
    server = server_start("--echo --quiet");
    start = now_ms();
    CHECK(client_run_at(server, "--no-read 30000000 --then 2"));
    CHECK(client_prints("sending 30,000,000 bytes, reading nothing, for 2 s"));
    CHECK(client_prints(" bytes have been taken so far; now reading"));
    CHECK_LE(1900, now_ms() - start);
    CHECK_LE(figure("for 2 s\r\n"), 29999999);
    CHECK_LE(1, figure("for 2 s\r\n"));
    CHECK_EQ(client_exit_code(), 0);
    CHECK_HAS(client.printed, "30,000,000 bytes came back");
    CHECK_STR(client_complaint(), "");
    CHECK_EQ(server_stop(server), 0);
    CHECK_EQ(number_before(server_output(server), " bytes in"), 30000000);
}

/* The server closes in three ways: with bytes unread, which sends a reset; with a half-close; after reading everything.
 */
TEST(client_no_read_server_closes)
{
    static const char *const ways[] = { "30000000", "30000000", "10" };
    static const char *const lines[] = { "the connection is lost after ", " of 30,000,000 bytes were sent",
                                         "the server closed the connection after 10 of 10 bytes were sent" };
    SOCKET listener, sock;
    char options[50];
    int port = 0;

    NEED_CLIENT();
    listener = listen_here(&port);
    CHECK(listener != INVALID_SOCKET);
    for (int i = 0; i < 3; i++) {
        snprintf(options, sizeof options, "%d --then 1 --no-read %s", port, ways[i]);
        CHECK(client_run(options));
        sock = accept_here(listener);
        CHECK(ready_here(sock));
        if (i == 1) CHECK_EQ(shutdown(sock, SD_SEND), 0);
        if (i == 2) CHECK(comes(sock, "abcdefghij", 10));
        if (i != 1) closesocket(sock);
        CHECK_EQ(client_exit_code(), i == 0 ? 1 : 3);
        CHECK_HAS(client.printed, "\n0 bytes came back");
        CHECK(one_line(client_complaint(), lines[i]));
        if (i == 1) closesocket(sock);
    }
    closesocket(listener);
}

TEST(client_resets)
{
    Server *server;
    const char *line = "";

    NEED_CLIENT();
    server = server_start("--echo");
    /* Under Wine a reset sometimes looks like a normal end. */
    for (int i = 0; i < (on_wine() ? 10 : 1) && !strstr(line, "reset by the client"); i++) {
        char left[20];
        snprintf(left, sizeof left, "#%d ", i + 1);
        CHECK(client_run_at(server, "--reset"));
        CHECK(client_types("hello\r\n"));
        client_end_input();
        CHECK_EQ(client_exit_code(), 0);
        CHECK_STR(client.printed, "hello\r\n");
        line = server_line(server, left, " left (0 clients)");
        CHECK(line != NULL);
    }
    CHECK_HAS(line, "reset by the client");
    CHECK_STR(client_complaint(), "");
    CHECK_EQ(server_stop(server), 0);
}

/* ---- key by key ---- */

/* The client half-closes, and so do we. */
static void end_here(SOCKET sock, SOCKET listener)
{
    char data[10];

    client_end_input();
    while (ready_here(sock) && recv(sock, data, sizeof data, 0) > 0) {
    }
    closesocket(sock);
    closesocket(listener);
}

/* Returns how many bytes arrive first when "abc" and Enter are typed all at once. */
static int first_bytes(void)
{
    SOCKET listener, sock;
    char data[10];
    int port = 0, got;

    listener = listen_here(&port);
    if (!client_start("127.0.0.1 --keys", port)) return -1;
    sock = accept_here(listener);
    if (!client_types("abc\r\n") || !ready_here(sock)) return -1;
    got = recv(sock, data, sizeof data, 0);
    if (!comes(sock, &"abc\r\n"[got], 5 - got)) got = -1;
    end_here(sock, listener);
    return client_exit_code() == 0 ? got : -1;
}

/* They leave in four sends. On a busy machine we may come too late to see that, but not always. */
TEST(client_keys_one_by_one)
{
    int got = 5;

    NEED_CLIENT();
    for (int i = 0; i < 10 && got > 1; i++) got = first_bytes();
    CHECK_EQ(got, 1);
}

/* Like Windows' telnet, it shows the keys itself until the server offers to; each change is answered once. */
TEST(client_keys_negotiates)
{
    SOCKET listener, sock;
    int port = 0;

    NEED_CLIENT();
    listener = listen_here(&port);
    CHECK(client_start("127.0.0.1 --keys", port));
    sock = accept_here(listener);
    CHECK(client_types("a"));
    CHECK(comes(sock, "a", 1));
    CHECK(client_prints("a"));
    /* WILL ECHO, WILL SGA, DO SGA, WILL ECHO again, DO ECHO, DO NAWS, WILL STATUS */
    CHECK_EQ(send(sock, "\xFF\xFB\1\xFF\xFB\3\xFF\xFD\3\xFF\xFB\1\xFF\xFD\1\xFF\xFD\x1F\xFF\xFB\5", 21, 0), 21);
    /* DO ECHO, DO SGA, WILL SGA, WONT ECHO, WONT NAWS, DONT STATUS */
    CHECK(comes(sock, "\xFF\xFD\1\xFF\xFD\3\xFF\xFB\3\xFF\xFC\1\xFF\xFC\x1F\xFF\xFE\5", 18));
    CHECK(client_types("b\r\n"));
    CHECK(comes(sock, "b\r\n", 3));
    /* text with a sub-negotiation and a doubled IAC, then WONT ECHO */
    CHECK_EQ(send(sock, "(\xFF\xFA\x18\1x\xFF\xFFy\xFF\xF0\xFF\xFF)\xFF\xFC\1", 17, 0), 17);
    CHECK(comes(sock, "\xFF\xFE\1", 3));
    CHECK(client_types("c"));
    CHECK(comes(sock, "c", 1));
    CHECK(client_prints("c"));
    CHECK_STR(client.printed, "a(\xFF)c");
    end_here(sock, listener);
    CHECK_EQ(client_exit_code(), 0);
}

/* An echo server negotiates nothing: every key is seen twice, as with Windows' telnet. In a chat the keys make up
 * lines. */
TEST(client_keys_at_the_server)
{
    Server *server;
    Client *listening;
    char line[100];

    NEED_CLIENT();
    server = server_start("--echo --quiet");
    CHECK(client_run_at(server, "--keys"));
    CHECK(client_types("x"));
    CHECK(client_prints("xx"));
    client_end_input();
    CHECK_EQ(client_exit_code(), 0);
    CHECK_STR(client.printed, "xx");
    CHECK_EQ(server_stop(server), 0);

    server = server_start("--chat --quiet");
    listening = client_connect(server);
    CHECK(client_line(listening, line, sizeof line));
    CHECK(client_run_at(server, "--keys"));
    CHECK(client_types("hello\r\n"));
    do {
        CHECK(client_line(listening, line, sizeof line));
    } while (!strstr(line, "guest2: hello"));
    client_end_input();
    CHECK_EQ(client_exit_code(), 0);
    CHECK_EQ(server_stop(server), 0);
}

/* ---- the command line ---- */

/* One line, which names what is wrong, and exit code 2. */
TEST(client_usage)
{
    static const char *const bad[][2] = {
        { "localhost x", "\"x\"" },
        { "0", "\"0\"" },
        { "65536", "PORT is a number from 1 to 65535, not \"65536\"" },
        { "9000 localhost", "\"localhost\"" },
        { "localhost 90x", "\"90x\"" },
        { "localhost 0", "\"0\"" },
        { "localhost 65536", "\"65536\"" },
        { "localhost 9000 more", "\"more\"" },
        { "--no", "--no" },
        { "localhost 9000 --crowd", "--crowd N: a number from 1 to 10000" },
        { "localhost 9000 --crowd 0", "\"0\"" },
        { "localhost 9000 --crowd 10001", "\"10001\"" },
        { "localhost 9000 --busy 501", "--busy N: a number from 1 to 500" },
        { "localhost 9000 --busy 5 --seconds 4294967297", "--seconds S" },
        { "localhost 9000 --no-read -1", "--no-read BYTES" },
        { "localhost 9000 --no-read 1x", "\"1x\"" },
        { "localhost 9000 --seconds 3", "--seconds goes with --busy" },
        { "localhost 9000 --busy 3 --then 3", "--then goes with --no-read" },
        { "9000 --seconds 3", "--seconds goes with --busy" },
        { "localhost 9000 --keys --reset", "--keys and --reset do not go together" },
        { "localhost 9000 --crowd 5 --busy 5", "--crowd and --busy do not go together" },
    };

    NEED_CLIENT();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(client_run(bad[i][0]));
        CHECK_EQ(client_exit_code(), 2);
        CHECK(one_line(client_complaint(), ""));
        CHECK_HAS(client.printed, bad[i][1]);
    }
}

TEST(client_help)
{
    static const char *const options[] = { "--keys",          "--reset",  "--crowd N", "--busy N", "--seconds S",
                                           "--no-read BYTES", "--then S", "--help",    "130 " };

    static const char *const ways[] = { "--help", "localhost 9000 --help", "--crowd --help", "one two three --help" };

    NEED_CLIENT();
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        CHECK(client_run(ways[i]));
        CHECK_EQ(client_exit_code(), 0);
        CHECK_HAS(client.printed, "usage: client.exe [HOST] [PORT] [OPTION ...]");
        for (size_t k = 0; k < sizeof options / sizeof options[0]; k++) CHECK_HAS(client.printed, options[k]);
        CHECK_STR(client_complaint(), "");
    }
    client_free();
}
