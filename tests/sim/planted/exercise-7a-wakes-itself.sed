# Proactor.cpp: exercise 7 mended by waking the old owner
/^static bool proactor_hand_over/,/^}/s/^    proactor_wake(other, proactor);/    proactor_wake(proactor, proactor);/
