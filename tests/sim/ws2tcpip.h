/* ws2tcpip.h - everything is in winsock2.h. */
#include "winsock2.h"
