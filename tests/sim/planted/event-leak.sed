# Main.cpp: when there is no memory for a session, its event is not closed
/^static void session_release/,/^}/s/if (session->hevent != WSA_INVALID_EVENT) /if (session->rbuf) /
