# Proactor.cpp Overlapped.h: exercise 1 mended by a smaller window
s/noc < WINDOW_SESSIONS/noc <= WINDOW_SESSIONS/
s/WINDOW_SESSIONS = WINDOW_SLOTS - SLOT_FIRST/& - 1/
