# Proactor.cpp: a session is freed with a receive pending
/^    \/\* Freed only now: /d
s/if (session->phase != CLOSED || session->receiving || session->sending) return true;/if (session->phase != CLOSED) return true;/
