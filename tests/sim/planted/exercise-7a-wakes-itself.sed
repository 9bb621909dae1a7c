# Proactor.cpp: exercise 7 fixed wrongly by waking the old owner
/^static bool proactor_migrate/,/^}/s/^    proactor_wake(other);/    proactor_wake(proactor);/
