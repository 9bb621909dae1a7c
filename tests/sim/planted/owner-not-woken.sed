# Proactor.cpp: nobody wakes the new owner of a session that was handed over
/^static bool proactor_hand_over/,/^}/s/^    proactor_wake(other, proactor);/    ;/
