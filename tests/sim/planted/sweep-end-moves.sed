# Proactor.cpp: a sweep serves the sessions that come while it runs, and does not end while clients come and go
/^static void proactor_take_out/,/^}/s/^    if (proactor->seen > proactor->noc) {/    proactor->seen = proactor->noc;\n    if (true) {/
