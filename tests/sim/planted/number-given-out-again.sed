# Proactor.cpp: the result is asked of a socket that is closed, and whose number may be another's (rule 7)
/^static int session_result/,/^}/s/if (session->phase == CLOSED) {/if (false) {/
