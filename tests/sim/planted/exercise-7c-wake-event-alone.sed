# Proactor.cpp: exercise 7 fixed wrongly by setting the wake event without saying why
/^static bool proactor_migrate/,/^}/s/^    proactor_wake(other);/    WSASetEvent(server->e_arr[other->first + SLOT_WAKE]);/
