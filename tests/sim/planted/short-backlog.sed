# util.cpp: only a few clients may wait for accept
s/listen(server->listen_sock, SOMAXCONN)/listen(server->listen_sock, 5)/
