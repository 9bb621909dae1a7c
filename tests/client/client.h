/* client.h - what the files of client.exe share: client.c has the command line, the connection and main(),
 * client_talk.c the interactive client, client_crowd.c the crowds of clients and the one that does not read. */
#ifndef CLIENT_H
#define CLIENT_H

#ifdef _MSC_VER
#define _CRT_SECURE_NO_WARNINGS
#pragma comment(lib, "ws2_32.lib")
#endif
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0600 /* Windows Vista */
#endif
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <winsock2.h>
#include <ws2tcpip.h>
#include <windows.h>

#include <stdbool.h>

enum ExitCode { ENDED = 0, FAILED = 1, BAD_USAGE = 2, CLOSED = 3, INTERRUPTED = 130 };

enum { MAX_CROWD = 10000, MAX_BUSY = 500 };

/* ---- client.c ---- */

enum { KEYS, RESET, CROWD, BUSY, SECONDS, NO_READ, THEN, OPTION_COUNT, NONE = -1 };

/* The value of each option: 1 for an option that takes none, 0 for one that was not given. */
extern long given[OPTION_COUNT];

extern SOCKET sock;                /* the connection, the last one made */
extern volatile LONG input_ended;  /* set when everything has been sent */
extern volatile LONG input_failed; /* the error of the thread that sends, 0 for none */

/* Prints "client: ", the message, the error and its meaning as one line on stderr. Returns FAILED. */
int fail(int error, const char *format, ...);

/* Opens a connection to HOST and PORT and puts it into `sock`. Returns 0 or the error. */
int connect_once(void);

/* Prints why there is no connection. Returns FAILED. */
int connect_failed(int error);

/* Sends all bytes. Returns false on an error, which WSAGetLastError() returns. */
bool send_all(SOCKET to, const char *data, int bytes);

/* Does the same on `sock`, for the thread that sends while main's thread receives. Keeps the error in input_failed. */
bool input_send(const char *data, int bytes);

/* Returns why recv() returned 0: 0 if the server closed the connection normally, otherwise an error. */
int end_error(void);

/* Formats 1234567 as 1,234,567. The text is valid until the eighth call from now. */
const char *grouped(long long number);

/* ---- client_talk.c ---- */

void console_prepare(void);
void console_restore(void);

/* The clients: each takes the connected `sock` and returns the exit code. */
int talk(void);

/* ---- client_crowd.c ---- */

int crowd(void);
int be_busy(void);
int not_read(void);

#endif
