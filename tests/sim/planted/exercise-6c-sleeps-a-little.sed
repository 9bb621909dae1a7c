# Proactor.cpp: exercise 6 mended by a thread that lives a little longer
/^bool proactor_add/i\
static unsigned __stdcall session_open_first(void *argument)\
{\
    LPSession session = (LPSession)argument;\
\
    session->phase = OPEN;\
    session->handler->opened(session);\
    Sleep(100);\
    return 0;\
}\

/^bool proactor_add/,/^}/s/^    proactor_wake(proactor.*);/    CloseHandle((HANDLE)_beginthreadex(NULL, 0, session_open_first, session, 0, NULL));\n&/
