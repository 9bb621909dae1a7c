# chat/room.cpp: a tick does not end while one Proactor never rests (only floods)
/^static void rate_tick/,/^}/s/(late < TICK_LIMIT_MS \&\& !idled)/!idled/
