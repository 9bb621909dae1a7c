# support/keyboard.cpp: the server ends while the operator's command still runs (only operator)
/^void keyboard_close/,/^}/s/^    while (taking) .*$/    ;/
