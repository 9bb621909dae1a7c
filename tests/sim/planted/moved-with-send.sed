# Proactor.cpp: a session is handed over with a send pending
s/if (session->recv_put_off && !session->sending && proactor_hand_over/if (session->recv_put_off \&\& proactor_hand_over/
/^static bool proactor_hand_over/,/^}/s/^    assert(!session->receiving && !session->sending);/    ;/
