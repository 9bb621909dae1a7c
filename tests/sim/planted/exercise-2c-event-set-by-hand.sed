# Proactor.cpp: exercise 2 fixed wrongly by setting the event by hand
/^static void recv_post/,/^}/{
/ZeroMemory(&session->over, /d
s/^    session->over.hEvent = session->hevent;/&\n    ZeroMemory(\&session->over, sizeof session->over);/
s/^    session->proactor->more_work = true;/    WSASetEvent(session->hevent);\n&/
}
