# Proactor.cpp: exercise 4 fixed wrongly by not reporting the error
/^static void proactor_take_out/,/^}/{/^    server->e_arr\[index\] = /d}
s/^        log_error(error, "WSAWaitForMultipleEvents failed/        if (error != WSA_INVALID_HANDLE) &/
s/if (error != WSA_INVALID_HANDLE)         log_error/if (error != WSA_INVALID_HANDLE) log_error/
