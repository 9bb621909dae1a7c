#ifndef CHAT_H
#define CHAT_H
#include "../Overlapped.h"
extern const Handler chat_handler;
#endif
