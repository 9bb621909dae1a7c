/* ws2tcpip.h - all of it stands in winsock2.h. */
#include "winsock2.h"
