# Main.cpp: exercise 3 fixed wrongly by closing the socket in the handler
/^static void echo_received/,/^}/s/^        session_finish(session, "closed by the client");/        closesocket(session->sock);/
