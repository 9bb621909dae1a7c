/* chat.h - the second handler: one room in which every line goes to everybody else, and its operator. */
#ifndef CHAT_H
#define CHAT_H

#include "../Overlapped.h"

extern const Handler chat_handler;

/* ---- operator.cpp: lines typed at the server ---- */

/* Begins to take lines from the console or the redirected standard input; with --step or --slow the keyboard belongs to
 * the steps, and there is no operator. Main only, once the server has started. If the thread cannot be started, logs
 * that, and the server runs without an operator. */
void operator_open(LPServer server);

/* Takes no more lines. Main only, before server_stop(). */
void operator_close(void);

#endif
