# support/console.cpp: the writer takes a wake for a line
/^static LineBuffer \*queue_take/,/^}/s/while ((front/if ((front/
