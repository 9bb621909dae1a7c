# Proactor.cpp: exercise 2 fixed wrongly by setting hEvent after WSARecv
/^static void recv_post/,/^}/{
/^    session->over.hEvent = session->hevent;/d
s/^    session->proactor->more_work = true;/    session->over.hEvent = session->hevent;\n&/
}
