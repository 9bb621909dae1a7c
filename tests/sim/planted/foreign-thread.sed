# Proactor.cpp: Main posts the first receive, the owner all others
/^bool proactor_add/,/^}/s/^    proactor_wake(proactor);/    session->phase = OPEN;\n    session->handler->opened(session);\n&/
