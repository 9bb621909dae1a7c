# Proactor.cpp: a busy session that leaves its group is still counted there
/^static void proactor_take_out/,/^}/s/^    if (server->s_arr\[index\]->activity != QUIET) proactor->busy--;/    ;/
