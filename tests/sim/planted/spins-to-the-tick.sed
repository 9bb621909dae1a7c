# Proactor.cpp: the last tick before a time is not waited for, but spun through: a wait may end before its time
/^static DWORD wait_timeout/,/^}/s/return now < proactor->wait_until/return now + 16 < proactor->wait_until/
