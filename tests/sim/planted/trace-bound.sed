# support/trace_file.cpp: an event is added to the trace file's buffer whether there is room or not
/^static bool front_add/,/^}/s/text->full || front->used + length + text->used > trace_file_bytes - END_BYTES/text->full/
