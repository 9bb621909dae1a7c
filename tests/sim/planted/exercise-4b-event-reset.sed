# Proactor.cpp: exercise 4 fixed wrongly by resetting the event of the session that left
/^static void proactor_take_out/,/^}/s/^    server->e_arr\[index\] = server->e_arr\[last\];/    WSAResetEvent(server->e_arr[index]);/
