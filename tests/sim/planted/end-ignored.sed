# Main.cpp: the echo mistakes the end of a client's stream for an empty message
/^static void echo_received/,/^}/{
s/^    if (bytes == 0) {.*/    if (bytes == 0) {/
s/^        session_finish(session, "closed by the client");/        session_recv(session, 0);/
}
