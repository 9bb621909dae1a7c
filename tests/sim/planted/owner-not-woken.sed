# Proactor.cpp: nobody wakes the new owner of a session that was migrated
/^static bool proactor_migrate/,/^}/s/^    proactor_wake(other);/    ;/
