# Proactor.cpp: exercise 8 fixed wrongly by waiting for the send, and not for the receive
s/if (session->phase != CLOSED || session->receiving || session->sending) return true;/if (session->phase != CLOSED || session->sending) return true;/
