# Proactor.cpp: a group takes a 63rd session
s/noc < GROUP_SESSIONS/noc <= GROUP_SESSIONS/
