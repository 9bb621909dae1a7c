# chat/room.cpp: a member whom the operator kicks is not woken, and stays until something else happens (only operator)
/^Removal room_remove/,/^}/s/^    if (result == REMOVED) proactor_wake_all(server, NULL);/    (void)result;/
