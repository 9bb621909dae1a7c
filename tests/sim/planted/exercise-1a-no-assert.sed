# Proactor.cpp: exercise 1 fixed wrongly by taking out the assert
s/noc < GROUP_SESSIONS/noc <= GROUP_SESSIONS/
/^    assert(proactor->noc <= GROUP_SESSIONS);/d
