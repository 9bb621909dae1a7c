# chat/room.cpp: the operator's thread, not the owner, closes the member that it kicks
/^Removal room_remove/,/^}/s/^    if (result == REMOVED) proactor_wake_all(server, NULL);/    if (result == REMOVED) session_close(one->session, "removed by the operator", 0);\n&/
