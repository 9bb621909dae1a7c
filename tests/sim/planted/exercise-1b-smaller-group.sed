# Proactor.cpp Overlapped.h: exercise 1 fixed wrongly by a smaller group
s/noc < GROUP_SESSIONS/noc <= GROUP_SESSIONS/
s/GROUP_SESSIONS = GROUP_SLOTS - SLOT_FIRST/& - 1/
