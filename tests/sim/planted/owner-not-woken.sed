# Proactor.cpp: nobody wakes the new owner of a session that was handed over
/^static bool balance_migrate/,/^}/s/^    proactor_wake(other);/    ;/
