# Proactor.cpp: the rest of a short send is dropped
s/if (session->swsa\[0\].len || session->swsa\[1\].len) {/if (false) {/
