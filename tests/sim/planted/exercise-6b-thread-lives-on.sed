# Proactor.cpp: exercise 6 fixed wrongly by a thread that lives on
/^bool proactor_add/i\
static unsigned __stdcall first_receive(void *argument)\
{\
    LPSession session = (LPSession)argument;\
\
    session->phase = OPEN;\
    session->handler->opened(session);\
    Sleep(INFINITE);\
    return 0;\
}\

/^bool proactor_add/,/^}/s/^    proactor_wake(proactor.*);/    CloseHandle((HANDLE)_beginthreadex(NULL, 0, first_receive, session, 0, NULL));\n&/
