# Main.cpp: cs is not left when a client is refused
/^static bool session_count_in/,/^}/{/return false/,$s/^    LeaveCriticalSection/    if (!refusal) LeaveCriticalSection/}
