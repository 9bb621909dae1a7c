# Proactor.cpp: a thread that ends at once posts the first receive
/^bool proactor_add/i\
/* So that Main can go back to accept at once. */\
static unsigned __stdcall first_receive(void *argument)\
{\
    LPSession session = (LPSession)argument;\
\
    session->phase = OPEN;\
    session->handler->opened(session);\
    return 0;\
}\

/^bool proactor_add/,/^}/s/^    proactor_wake(proactor.*);/    thread = (HANDLE)_beginthreadex(NULL, 0, first_receive, session, 0, NULL);\n    WaitForSingleObject(thread, INFINITE);\n    CloseHandle(thread);\n&/
/^bool proactor_add/,/^}/s/^    LPProactor proactor = NULL;/&\n    HANDLE thread;/
