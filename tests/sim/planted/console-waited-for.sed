# support/console.cpp: the end waits for a console that stalls
/^void console_close/,/^}/s/DRAIN_MS/INFINITE/
