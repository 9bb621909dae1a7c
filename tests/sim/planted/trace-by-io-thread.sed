# support/trace_file.cpp: the thread that reports an event writes the file when its buffer is full
/^void trace_file_add/i static bool file_write(FileBuffer *full);
/^void trace_file_add/,/^}/s/^    if (wake) WakeConditionVariable(&file_filled);/&\n    if (wake \&\& front->used > trace_file_bytes \/ 2) file_write(front);/
