# Proactor.cpp: a session is handed over with a send pending
s/if (session->recv_put_off && !session->sending && balance_migrate/if (session->recv_put_off \&\& balance_migrate/
/^static bool balance_migrate/,/^}/s/^    assert(!session->receiving && !session->sending);/    ;/
