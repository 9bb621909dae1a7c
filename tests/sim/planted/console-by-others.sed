# support/console.cpp: the thread that reports an error writes it itself, and may wait for the console
/^void console_put/,/^}/s/if (!writer) {/if (!writer || handle == STD_ERROR_HANDLE) {/
