# Proactor.cpp: the thread's handle is not closed
s/^\( *\)CloseHandle(proactor->thread);/\1;/
