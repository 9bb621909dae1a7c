# Proactor.cpp: nobody wakes the new owner of a session that migrated
/^static bool proactor_migrate/,/^}/{/^    proactor_wake(other);/d}
