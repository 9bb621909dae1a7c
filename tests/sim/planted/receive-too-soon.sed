# Main.cpp: the echo receives into the buffer that is being sent
/^static void echo_received/,/^}/s/^    session_send(session);/&\n    session_recv(session, 0);/
