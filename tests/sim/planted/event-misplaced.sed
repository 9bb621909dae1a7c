# Proactor.cpp: the last session takes the place of one that left, and its event does not
/^static void proactor_take_out/,/^}/{/^    server->e_arr\[index\] = /d}
