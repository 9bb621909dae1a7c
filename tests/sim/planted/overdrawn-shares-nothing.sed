# chat/room.cpp: as long as the bucket is overdrawn, nobody's debt is repaid (only floods)
/^static void rate_tick/,/^}/s/share = room.tokens > .*;/share = room.tokens;/
