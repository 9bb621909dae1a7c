# Proactor.cpp: exercise 8 fixed wrongly by sleeping a little
s/^    if (session->phase != CLOSED || session->receiving || session->sending) return true;/    if (session->phase != CLOSED) return true;\n    if (session->receiving || session->sending) Sleep(10);/
