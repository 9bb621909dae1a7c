# Main.cpp: the client that accept still brings after Ctrl+C is forgotten (rule 9)
/^static void accept_clients/,/^}/s/^        if (!error) {/        if (!error \&\& console_interrupted()) break;\n&/
