# Proactor.cpp: the events of the spare sessions are not closed at the end
/^void session_free_spares/,/^}/s/^        session_release(session);/        free(session->rbuf);\n        free(session);/
