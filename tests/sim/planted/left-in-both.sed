# Proactor.cpp: a session that migrates stays in its old slot too
/^static bool proactor_migrate/,/^}/s/^        proactor_take_out(proactor, index);/        ;/
