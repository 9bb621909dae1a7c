# Proactor.cpp: the old owner posts the receive of a session that it has handed over
/^static bool proactor_hand_over/,/^}/s/^    proactor_wake(other, proactor);/    recv_post(session);\n&/
