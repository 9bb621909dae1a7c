# Proactor.cpp: the wake event is reset after looking, not before
/^static int proactor_wait/,/^}/s/^ *WSAResetEvent(proactor->server->e_arr\[.*\]);/    ;/
/^static unsigned __stdcall proactor_run/,/^}/s/^        while (proactor->more_work/        WSAResetEvent(proactor->server->e_arr[proactor->first + SLOT_SEND]);\n        WSAResetEvent(proactor->server->e_arr[proactor->first + SLOT_WAKE]);\n&/
