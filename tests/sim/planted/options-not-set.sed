# util.cpp: TCP_NODELAY is not set on the listening socket, and so on none
s/^    if (setsockopt(sock, IPPROTO_TCP, TCP_NODELAY,.*/    if (false/
