# Proactor.cpp: a session migrates with a send pending
s/if (session->receiving == DEFERRED && !session->sending && balance_migrate/if (session->receiving == DEFERRED \&\& balance_migrate/
/^static bool balance_migrate/,/^}/s/^    assert(session->receiving == DEFERRED && !session->sending);/    ;/
