# Proactor.cpp: a session that is handed over stays in its old slot too
/^static bool proactor_hand_over/,/^}/s/^        proactor_take_out(proactor, index);/        ;/
