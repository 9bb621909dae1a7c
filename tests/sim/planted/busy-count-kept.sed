# Proactor.cpp: a session that falls silent is still counted as busy
/^static void session_set_activity/,/^}/s/busy += change/busy += change > 0/
