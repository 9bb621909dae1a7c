# support/console.cpp: the writer mistakes a wake-up for a line
/^static LineBuffer \*queue_take/,/^}/s/while ((front/if ((front/
