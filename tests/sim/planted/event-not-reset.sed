# Proactor.cpp: the event of a session that does not receive stays set, and the wait spins
s/^\( *\)WSAResetEvent(session->hevent);/\1;/
