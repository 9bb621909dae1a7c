# util.cpp: the end waits for a console that stalls (rule 6)
/^static void console_close/,/^}/s/DRAIN_MS/INFINITE/
