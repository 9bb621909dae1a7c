# Proactor.cpp: exercise 7 fixed wrongly by setting the event of the session
/^static bool proactor_migrate/,/^}/s/^    proactor_wake(other);/    WSASetEvent(session->hevent);/
