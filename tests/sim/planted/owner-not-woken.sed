# Proactor.cpp: nobody wakes the new owner of a session that was handed over
/^static bool proactor_migrate/,/^}/s/^    proactor_wake(other);/    ;/
