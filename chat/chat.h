/* chat.h - the second handler: one room in which every line goes to everybody else. */
#ifndef CHAT_H
#define CHAT_H

#include "../Overlapped.h"

extern const Handler chat_handler;

#endif
