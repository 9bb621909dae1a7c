# Proactor.cpp: a session that is handed over counts as served in the new owner's round already
/^static void proactor_put_in/,/^}/s/^    session->round = 0;/    session->round = proactor->round + 1;/
