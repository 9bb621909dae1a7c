# Proactor.cpp: a window takes a 63rd session
s/emptiest->noc == WINDOW_SESSIONS/emptiest->noc > WINDOW_SESSIONS/
s/noc < WINDOW_SESSIONS/noc <= WINDOW_SESSIONS/
