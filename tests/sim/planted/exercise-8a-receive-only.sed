# Proactor.cpp: exercise 8 fixed wrongly by waiting for the receive, and not for the send
s/if (session->phase != CLOSED || session->receiving || session->sending) return true;/if (session->phase != CLOSED || session->receiving) return true;/
