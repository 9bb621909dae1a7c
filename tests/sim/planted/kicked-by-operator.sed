# chat/room.cpp: the operator's thread closes whom it kicks, instead of the owner
/^Removal room_remove/,/^}/s/^    if (result == REMOVED) proactor_wake_all(server, NULL);/    if (result == REMOVED) session_close(one->session, "removed by the operator", 0);\n&/
