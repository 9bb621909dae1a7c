# Proactor.cpp: a session is freed with a receive pending
s/session->phase == CLOSED && !session->receiving && !session->sending/session->phase == CLOSED/
