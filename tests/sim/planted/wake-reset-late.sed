# Proactor.cpp: the wake event is reset after looking, not before
/^static void proactor_woken/,/^}/s/^ *WSAResetEvent(events\[slot\]);/        ;/
/^static unsigned __stdcall proactor_run/,/^}/s/^\( *\)} while (proactor_sweep(proactor));/&\n\1WSAResetEvent(proactor->server->e_arr[proactor->first + SLOT_SEND]);\n\1WSAResetEvent(proactor->server->e_arr[proactor->first + SLOT_WAKE]);/
