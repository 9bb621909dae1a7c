# Main.cpp: a refused client's socket is closed as soon as its line is taken
/^static void refuse_opened/,/^}/s/session_finish(session, "refused");/session_close(session, "refused", 0);/
