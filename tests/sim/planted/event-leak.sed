# Main.cpp: the event of a session without memory is not closed
/^static void session_release/,/^}/s/if (session->hevent != WSA_INVALID_EVENT) /if (session->rbuf) /
