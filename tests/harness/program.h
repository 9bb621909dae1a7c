/* program.h - client.exe, with pipes as its input and output, and a listening socket to play its server. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "test.h"

/* ---- client.exe: one at a time ---- */

typedef struct Program {
    HANDLE process, in, out, err;
    DWORD pid;
    char name[40];            /* its argv[0], by which Wine's host finds it */
    char printed[256 * 1024]; /* so far */
    size_t length;
} Program;

extern Program client;

const char *client_path(void);
bool have_client(void);
#define NEED_CLIENT() SKIP_IF(!have_client(), "client.exe is not built")

/* Starts client.exe with these options. Ends the previous one, which a failed test may have left. */
bool client_run(const char *options);
bool client_start(const char *host, int port);

/* Writes the text to its input, and closes the input. */
bool client_types(const char *text);
void client_end_input(void);

/* Waits until its output contains the text. */
bool client_prints(const char *text);

/* Waits for its end and returns the exit code, -1 if it does not end. client.printed has all of its output then. */
int client_exit_code(void);

/* Returns what it wrote to stderr, in client.printed. */
const char *client_complaint(void);

/* Returns true if the text is a single line printed by the client, and contains the part. */
bool one_line(const char *text, const char *part);

bool client_interrupt(void);
void client_free(void);

/* ---- its server ---- */

/* Listens on 127.0.0.1, to play a server that does what server.exe does not. Port 0 means any; *port gets the real
 * one. */
SOCKET listen_at(int wanted, int *port, int backlog);
SOCKET listen_here(int *port);

/* Waits until there is something to accept or to receive. */
bool ready_here(SOCKET sock);

/* Waits for the client and accepts it. */
SOCKET accept_here(SOCKET listener);

/* Receives what the client sends next, and returns true if it is exactly this. */
bool comes(SOCKET from, const char *expected, int bytes);

#endif
