# Proactor.cpp: exercise 4 fixed wrongly by moving the event the other way
/^static void proactor_take_out/,/^}/s/^    server->e_arr\[index\] = server->e_arr\[last\];/    server->e_arr[last] = server->e_arr[index];/
