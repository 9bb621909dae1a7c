# support/text.cpp: every line is taken for UTF-8
/^UINT text_guess/,/^}/s/strays ? other/strays ? page/
