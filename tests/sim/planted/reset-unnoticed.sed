# Proactor.cpp: nobody notices that the client of a session that has to wait is gone (only floods)
/^static void session_review/,/^}/s/waits && session_is_reset(session)/false/
