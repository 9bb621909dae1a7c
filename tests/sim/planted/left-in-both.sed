# Proactor.cpp: a session that is handed over stays in its old slot too
/^static bool proactor_migrate/,/^}/s/^        proactor_take_out(proactor, index);/        ;/
