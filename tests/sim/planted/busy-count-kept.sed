# Proactor.cpp: a session that falls silent is still counted as busy
/^static void session_set_busy/,/^}/s/busy ? 1 : -1/busy ? 1 : 0/
