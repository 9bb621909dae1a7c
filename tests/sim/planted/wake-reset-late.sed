# Proactor.cpp: the wake event is reset after looking, not before
/^static void wait_returned/,/^}/s/^ *WSAResetEvent(events\[slot\]);/        ;/
/^static unsigned __stdcall proactor_run/,/^}/s/^        while (proactor->look_again/        if (slot >= 0 \&\& slot < SLOT_FIRST) WSAResetEvent(proactor->server->e_arr[proactor->first + slot]);\n&/
