# Proactor.cpp: exercise 1 fixed wrongly by leaving one place free in each group
s/noc < GROUP_SESSIONS/noc + 1 < GROUP_SESSIONS/
