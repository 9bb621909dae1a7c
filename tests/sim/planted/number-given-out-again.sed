# Proactor.cpp: the result is requested from a closed socket, whose number may be another's
/^static int session_result/,/^}/s/if (session->phase == CLOSED) {/if (false) {/
