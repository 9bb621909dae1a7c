# Proactor.cpp: the OVERLAPPED of a receive is zeroed when the event is in it already
/^static void recv_post/,/^}/{
/ZeroMemory(&session->over, /d
s/^    session->over.hEvent = session->hevent;/&\n    ZeroMemory(\&session->over, sizeof session->over);/
}
