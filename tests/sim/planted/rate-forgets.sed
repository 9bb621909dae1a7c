# chat/room.cpp: a refused author is not notified when the next tick has come
/^static bool rate_ask/,/^}/s/^    session_notify_at(.*/    (void)again;/
