# Main.cpp: a client that accept returns after Ctrl+C is forgotten
/^static void accept_clients/,/^}/s/^        if (!error) {/        if (!error \&\& console_interrupted()) break;\n&/
