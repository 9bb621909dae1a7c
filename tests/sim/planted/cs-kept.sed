# Proactor.cpp: cs is not left when a client is refused
/^static void session_count_in/,/^}/s/^    LeaveCriticalSection/    if (!session->refusal) LeaveCriticalSection/
