# Proactor.cpp: the OVERLAPPED of a receive is zeroed when it already holds the event
/^static void recv_post/,/^}/{
/ZeroMemory(&session->over, /d
s/^    session->over.hEvent = session->hevent;/&\n    ZeroMemory(\&session->over, sizeof session->over);/
}
