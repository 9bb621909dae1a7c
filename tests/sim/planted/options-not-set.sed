# util.cpp: TCP_NODELAY is not set on the listening socket, and so on no other
/{ IPPROTO_TCP, TCP_NODELAY, 1, false },/d
