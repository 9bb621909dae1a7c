# Proactor.cpp: the socket is closed while bytes from the client lie unread
s/session->phase = LINGERING;/session_close(session, NULL, 0);/
