/* stop_test.c - Ctrl+C: nothing that was received is lost, and the end comes soon. */
#include "../harness/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STOP_MS = 3000 };

/* Sends Ctrl+C. Returns the exit code; *spent is the time until then. */
static long long stop_in(Server *server, long long *spent)
{
    long long start = now_ms(), code;

    if (!server_interrupt(server)) return -1;
    code = server_wait(server, STOP_MS);
    *spent = now_ms() - start;
    return code;
}

TEST(stop_without_clients)
{
    Server *server = server_start("--echo");
    long long spent = 0;

    CHECK_EQ(stop_in(server, &spent), 0);
    CHECK_HAS(server_output(server),
              "\nstopped: 0 clients served, at most 0 at once, 0 bytes in, 0 bytes out, 1 Proactor thread\n");
    CHECK_STR(server_errors(server), "");
    test_note("(after %lld ms)", spent);
}

/* A client, its noise, and the bytes that it read until the end. */
typedef struct Reader {
    Client *client;
    Noise sent, answered;
    long long bytes_sent, bytes_answered;
    bool at_end; /* a normal end of file */
    bool bad;    /* a wrong byte */
} Reader;

static Reader readers[100];

static bool reader_start(Reader *reader, Client *client, unsigned int seed)
{
    memset(reader, 0, sizeof *reader);
    reader->client = client;
    noise_start(&reader->sent, seed);
    noise_start(&reader->answered, seed);
    return client != NULL;
}

static bool reader_send(Reader *reader, size_t bytes)
{
    char data[8192];

    while (bytes > 0) {
        size_t part = bytes < sizeof data ? bytes : sizeof data;
        noise_fill(&reader->sent, data, part);
        if (!client_send(reader->client, data, part)) return false;
        reader->bytes_sent += (long long)part;
        bytes -= part;
    }
    return true;
}

/* Reads to the end; a streaming client goes on sending as much as it reads. */
static void reader_finish(Reader *reader, bool streaming)
{
    char data[8192];
    int got;

    while ((got = client_recv_some(reader->client, data, sizeof data)) > 0) {
        if (!noise_check(&reader->answered, data, (size_t)got)) reader->bad = true;
        reader->bytes_answered += got;
        if (streaming && !reader_send(reader, (size_t)got)) streaming = false;
    }
    reader->at_end = got == RECV_EOF && client_at_eof(reader->client);
}

static void reader_stream(void *argument)
{
    reader_finish((Reader *)argument, true);
}

/* Checks the server's line about it: as many bytes out as in, and all of them arrived. */
static void check_reader(Server *server, Reader *reader)
{
    char port[32];
    const char *line;

    CHECK(!reader->bad);
    CHECK(reader->at_end);
    snprintf(port, sizeof port, ":%d left ", client_port(reader->client));
    line = server_line(server, port, NULL);
    CHECK_HAS(line, "the server is stopping");
    CHECK_EQ(number_after(line, "in "), number_after(line, "out "));
    CHECK_EQ(number_after(line, "out "), reader->bytes_answered);
}

/* 80 clients have sent 0 to 79 KB and read nothing yet; 20 stream without pause. */
TEST(stop_with_100_clients)
{
    Server *server = server_start("--echo");
    long long spent = 0;

    for (int i = 0; i < 100; i++) {
        CHECK(reader_start(&readers[i], client_connect(server), (unsigned int)i));
        CHECK(reader_send(&readers[i], i < 80 ? (size_t)i * 1000 : 65536));
    }
    for (int i = 80; i < 100; i++) CHECK(worker_start(reader_stream, &readers[i]));
    Sleep(500);
    CHECK_EQ(stop_in(server, &spent), 0);
    for (int i = 0; i < 80; i++) reader_finish(&readers[i], false);
    CHECK(workers_join(PATIENCE_MS));
    for (int i = 0; i < 100; i++) {
        check_reader(server, &readers[i]);
        CHECK_STILL_GOOD();
        if (i < 80) CHECK_EQ(readers[i].bytes_answered, readers[i].bytes_sent);
    }
    CHECK_HAS(server_output(server), "\nstopped: 100 clients served, at most 100 at once, ");
    CHECK_STR(server_errors(server), "");
    test_note("(after %lld ms)", spent);
}

/* Many bytes are unread when Ctrl+C comes, and the clients begin to read only then. Three have filled the buffers of
 * both directions; three got as much of their echo as the server can send, and go on talking after Ctrl+C: closing
 * with their bytes unread would reset the connection and destroy what they have not read yet. */
TEST(stop_with_late_readers)
{
    Server *server = server_start("--echo");

    for (int i = 0; i < 3; i++) {
        CHECK(reader_start(&readers[i], client_connect(server), (unsigned int)i));
        readers[i].bytes_sent = client_stuff(readers[i].client, &readers[i].sent, 200);
        CHECK_LE(100000, readers[i].bytes_sent);
    }
    for (int i = 3; i < 6; i++) {
        CHECK(reader_start(&readers[i], client_connect_narrow(server), (unsigned int)i));
        CHECK(reader_send(&readers[i], 300000));
    }
    Sleep(300);
    CHECK(server_interrupt(server));
    Sleep(150);
    for (int i = 3; i < 6; i++) CHECK(reader_send(&readers[i], 20));
    Sleep(150);
    for (int i = 0; i < 6; i++) reader_finish(&readers[i], false);
    for (int i = 0; i < 6; i++) {
        check_reader(server, &readers[i]);
        CHECK_STILL_GOOD();
        if (i >= 3) CHECK_LE(300000, readers[i].bytes_answered);
    }
    clients_close();
    CHECK_EQ(server_wait(server, STOP_MS), 0);
}

TEST(stop_with_a_deaf_client)
{
    Server *server = server_start("--echo");
    Client *deaf = client_connect(server), *other = client_connect(server);
    long long spent = 0;
    Noise noise;

    noise_start(&noise, 3);
    CHECK(client_echoes(other, "hello"));
    CHECK_LE(100000, client_stuff(deaf, &noise, 500));
    CHECK_EQ(stop_in(server, &spent), 0);
    CHECK(client_at_eof(other));
    CHECK_HAS(server_line(server, "#1 ", " left "), "the server is stopping");
    CHECK_HAS(server_output(server), "\nstopped: 2 clients served, at most 2 at once, ");
    test_note("(after %lld ms)", spent);
}

/* The first Ctrl+C waits for a client that does not read; the second does not wait. */
TEST(stop_twice_is_at_once)
{
    Server *server = server_start("--echo --quiet");
    Client *deaf = client_connect(server);
    long long start, spent;
    Noise noise;

    noise_start(&noise, 4);
    CHECK_LE(100000, client_stuff(deaf, &noise, 500));
    CHECK(server_interrupt(server));
    CHECK_EQ(server_wait(server, 300), -1);
    start = now_ms();
    CHECK(server_interrupt(server));
    CHECK(server_wait(server, 500) != -1);
    spent = now_ms() - start;
    test_note("(after %lld ms)", spent);
}

/* Everything that was received is echoed even though the window is closed, and the process ends by itself, in time. */
TEST(stop_when_the_window_is_closed)
{
    Server *server = server_start("--echo");
    long long start;

    for (int i = 0; i < 20; i++) {
        CHECK(reader_start(&readers[i], client_connect(server), (unsigned int)i));
        CHECK(reader_send(&readers[i], (size_t)i * 1000));
    }
    Sleep(300);
    start = now_ms();
    if (!server_close_window(server)) {
        test_skip("this system does not show its CtrlRoutine");
        return;
    }
    Sleep(300);
    for (int i = 0; i < 20; i++) reader_finish(&readers[i], false);
    CHECK_EQ(server_wait(server, PATIENCE_MS), 0);
    test_note("(after %lld ms)", now_ms() - start);
    for (int i = 0; i < 20; i++) {
        check_reader(server, &readers[i]);
        CHECK_STILL_GOOD();
        CHECK_EQ(readers[i].bytes_answered, readers[i].bytes_sent);
    }
    CHECK_HAS(server_output(server), "\nstopped: 20 clients served, at most 20 at once, ");
    CHECK_STR(server_errors(server), "");
}
