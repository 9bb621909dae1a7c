# support/console.cpp: the second Ctrl+C leaves the console as the server set it
/^static BOOL WINAPI console_event/,/^}/s/if (!first) console_restore();//
