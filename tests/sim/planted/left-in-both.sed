# Proactor.cpp: a session that is handed over stays in its old slot too
/^static bool balance_migrate/,/^}/s/^        proactor_take_out(proactor, index);/        ;/
