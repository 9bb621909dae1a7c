# Proactor.cpp: the rest of a short send is dropped
/^static void session_sent/,/^}/s/} else if (bytes < session->swsa\[0\].len + session->swsa\[1\].len) {/} else if (false) {/
