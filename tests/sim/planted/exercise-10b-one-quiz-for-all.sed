# Main.cpp: exercise 10 with one Quiz for all clients
/^static void quiz_opened/,/^}/s/^    Quiz \*quiz = .*/    static Quiz all, *quiz = \&all;/
/^static void quiz_closed/,/^}/s/^    free(session->state);/    (void)session;/
