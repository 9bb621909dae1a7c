/* ---- quiz: three questions for each client ---- */

enum { QUESTIONS = 3 };

typedef struct Quiz {
    int question, right;
    ULONG line;      /* bytes of an unfinished line at the front of rbuf */
    ULONG next, end; /* the bytes of rbuf that have been received but not yet read */
    bool ended;      /* the client will send no more */
    char text[128];  /* the text being sent; it must not change until sent() */
} Quiz;

static void quiz_say(LPSession session, const char *before)
{
    Quiz *quiz = (Quiz *)session->state;

    if (quiz->question <= QUESTIONS) {
        snprintf(quiz->text, sizeof quiz->text, "%s%d + %d = ?\r\n", before, quiz->question, quiz->question);
    } else {
        snprintf(quiz->text, sizeof quiz->text, "%s%d of %d right\r\n", before, quiz->right, QUESTIONS);
    }
    session->swsa[0].buf = quiz->text;
    session->swsa[0].len = (ULONG)strlen(quiz->text);
    session_send(session);
    if (quiz->question > QUESTIONS) session_finish(session, "the quiz is over");
}

/* Takes the next whole line from the received bytes, or posts a receive after the part of it that is there. */
static void quiz_pump(LPSession session)
{
    Quiz *quiz = (Quiz *)session->state;
    bool right;

    if (session->sending || session->receiving || session->phase != OPEN) return;
    while (quiz->next < quiz->end && session->rbuf[quiz->next] != '\n') {
        session->rbuf[quiz->line] = session->rbuf[quiz->next++];
        if (quiz->line < 9) quiz->line++; /* as many digits as atoi() can read without an overflow */
    }
    if (quiz->next < quiz->end) {
        quiz->next++;
        session->rbuf[quiz->line] = '\0';
        right = atoi(session->rbuf) == 2 * quiz->question;
        quiz->line = 0;
        quiz->question++;
        quiz->right += right;
        quiz_say(session, right ? "right\r\n" : "wrong\r\n");
    } else if (quiz->ended || session_stop_time(session)) {
        session_finish(session, quiz->ended ? "closed by the client" : "the server is stopping");
    } else {
        session_recv(session, quiz->line);
    }
}

static void quiz_opened(LPSession session)
{
    Quiz *quiz = (Quiz *)calloc(1, sizeof *quiz);

    session->state = quiz;
    if (!quiz) {
        session_close(session, "out of memory", 0);
        return;
    }
    quiz->question = 1;
    quiz_say(session, "");
}

static void quiz_received(LPSession session, ULONG bytes)
{
    Quiz *quiz = (Quiz *)session->state;

    quiz->next = quiz->line;
    quiz->end = quiz->line + bytes;
    quiz->ended = bytes == 0;
    quiz_pump(session);
}

static void quiz_notified(LPSession session)
{
    if (session_stop_time(session) && !session->sending) session_finish(session, "the server is stopping");
}

static void quiz_closed(LPSession session)
{
    free(session->state);
}

const Handler quiz_handler = { "quiz", quiz_opened, quiz_received, quiz_pump, quiz_notified, quiz_closed };
