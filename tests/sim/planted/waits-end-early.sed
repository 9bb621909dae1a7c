# Proactor.cpp: whoever was waited for is not waited for again after a time-out, though a wait may end before its time (rule 4)
s/^static bool proactor_serve(/static bool timed_out[256];\n\n&/
/^static int proactor_wait/,/^}/s/^    InterlockedCompareExchange(&proactor->wake_state, AWAKE, ASLEEP);/&\n    timed_out[proactor->number] = result == WSA_WAIT_TIMEOUT;/
/^static bool proactor_serve/,/^}/s/^    proactor_wait_until(proactor, session->\(wake\|finish\)_at);/    if (!timed_out[proactor->number]) proactor_wait_until(proactor, session->\1_at);/
