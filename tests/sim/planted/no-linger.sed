# Proactor.cpp: the socket is closed while bytes from the client are unread
s/^\( *\)session->phase = LINGERING;/\1session_close(session, NULL, 0);\n\1return true;/
