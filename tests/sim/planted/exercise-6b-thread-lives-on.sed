# Proactor.cpp: exercise 6 mended by a thread that lives on
/^bool proactor_add/i\
static unsigned __stdcall session_open(void *argument)\
{\
    LPSession session = (LPSession)argument;\
\
    session->phase = OPEN;\
    session->handler->opened(session);\
    Sleep(INFINITE);\
    return 0;\
}\

/^bool proactor_add/,/^}/s/^    proactor_wake(proactor.*);/    CloseHandle((HANDLE)_beginthreadex(NULL, 0, session_open, session, 0, NULL));\n&/
