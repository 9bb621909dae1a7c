# util.cpp: TCP_NODELAY is not set on the listening socket, so accepted sockets do not inherit it
/{ IPPROTO_TCP, TCP_NODELAY, 1, false },/d
