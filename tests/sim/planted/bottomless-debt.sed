# chat/room.cpp: the room's debt has no floor, and a charge never looks at it (only floods)
/^static bool account_charge/,/^}/s/ || room.tokens <= reserve//
/^static bool account_charge/,/^}/s/^    if (room.tokens < -MAX_DEFICIT).*//
