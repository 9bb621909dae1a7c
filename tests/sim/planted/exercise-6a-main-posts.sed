# Proactor.cpp: exercise 6 fixed wrongly by letting Main post the first receive
/^bool proactor_add/,/^}/s/^    proactor_wake(proactor.*);/    session->phase = OPEN;\n    session->handler->opened(session);\n&/
