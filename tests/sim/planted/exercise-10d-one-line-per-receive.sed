# Main.cpp: exercise 10 with only one line answered for each receive; the rest waits for the next receive
/^static void quiz_received/,/^}/{
s/quiz->next = quiz->line;/quiz->next = 0;/
s/^    quiz->end = .*/&\n    quiz->line = 0;/
s/^}/}\n\nstatic void quiz_sent(LPSession session)\n{\n    Quiz *quiz = (Quiz *)session->state;\n\n    quiz->line = quiz->end - quiz->next;\n    memmove(session->rbuf, session->rbuf + quiz->next, quiz->line);\n    session_recv(session, quiz->line);\n}/
}
s/^\(const Handler quiz_handler = .*\)quiz_pump/\1quiz_sent/
