# support/console.cpp: the end waits for a console that stalls (rule 6)
/^void console_close/,/^}/s/DRAIN_MS/INFINITE/
