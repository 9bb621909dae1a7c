# Proactor.cpp: a receive that was cancelled for its buffer keeps its session from the news
/^static bool session_received/,/^}/s/^    return !cancelled;/    return true;/
