# Proactor.cpp: a session that falls silent is still counted as busy
/^static void session_count(/,/^}/s/^        proactor->busy--;/        ;/
