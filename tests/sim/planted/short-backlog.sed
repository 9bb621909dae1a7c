# util.cpp: few may wait for accept (rule 8)
s/listen(server->listen_sock, SOMAXCONN)/listen(server->listen_sock, 5)/
