# Main.cpp: exercise 9 with toupper() of a char, which may be negative
s/^#include <stdio.h>/#include <ctype.h>\n&/
/^static void upper_received/,/^}/s/^        if (\*c >= 'a' && .*/        *c = (char)toupper(*c);/
