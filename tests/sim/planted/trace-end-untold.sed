# support/trace_file.cpp: a trace file that is not whole is no reason for another exit code
/^static bool file_write/,/^}/s/if (!good) file_failed = true;//
