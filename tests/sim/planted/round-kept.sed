# Proactor.cpp: a session that migrates counts as already served in the new owner's round
/^static void proactor_put_in/,/^}/s/^    session->round = 0;/    session->round = proactor->round + 1;/
