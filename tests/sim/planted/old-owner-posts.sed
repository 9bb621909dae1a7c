# Proactor.cpp: the old owner posts the receive of a session that has migrated
/^static bool proactor_migrate/,/^}/s/^    proactor_wake(other);/    recv_post(session);\n&/
