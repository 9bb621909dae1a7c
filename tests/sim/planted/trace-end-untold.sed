# support/trace.cpp: a trace file that is not whole is no reason for another exit code
/^static void trace_flush/,/^}/s/trace_failed = true;//
