# Proactor.cpp: a window takes a 63rd session
s/noc < WINDOW_SESSIONS/noc <= WINDOW_SESSIONS/
