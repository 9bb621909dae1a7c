# Proactor.cpp: a session migrates with a send pending
s/if (session->receiving == DEFERRED && !session->sending && proactor_migrate/if (session->receiving == DEFERRED \&\& proactor_migrate/
/^static bool proactor_migrate/,/^}/s/^    assert(session->receiving == DEFERRED && !session->sending);/    ;/
