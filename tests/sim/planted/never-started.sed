# Proactor.cpp: a receive that could not be posted is waited for like one that is pending
/^static void recv_post/,/^}/s/^    if (session->receiving == IDLE) session_close(session, "WSARecv", error);/    if (session->receiving == IDLE) {\n        session_close(session, "WSARecv", error);\n        session->receiving = PENDING;\n    }/
