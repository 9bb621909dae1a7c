# Main.cpp: exercise 5 fixed wrongly by receiving only when the send has finished at once
/^static void echo_received/,/^}/s/^    session_send(session);/&\n    if (session->sending != PENDING) session_recv(session, 0);/
