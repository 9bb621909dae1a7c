# chat/room.cpp: who has to wait for the next tick is not woken then
/^bool rate_allows/,/^}/s/^        session->deadline = room.tick_at + TICK_MS;/        ;/
/^bool rate_allows/,/^}/s/^        if (session->deadline < now + RETRY_MS).*/        ;/
