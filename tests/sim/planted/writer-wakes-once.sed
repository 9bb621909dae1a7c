# support/console.cpp: the writer takes a wake for a line
/^static HalfQueue \*queue_take/,/^}/s/while (filling/if (filling/
