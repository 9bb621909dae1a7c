# Main.cpp: exercise 9 without the upper bound 'z'
/^static void upper_received/,/^}/s/\*c >= 'a' && \*c <= 'z'/*c >= 'a'/
