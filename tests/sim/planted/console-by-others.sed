# support/console.cpp: an error is written by the thread that has it, which may wait for the console
/^void console_put/,/^}/s/if (!writer) {/if (!writer || handle == STD_ERROR_HANDLE) {/
