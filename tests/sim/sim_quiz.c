/* sim_quiz.c - what the clients of the quiz of exercise 10 answer, in pieces or together, and what they must hear:
 * their own questions, and the results of their own answers. */
#include "sim_client.h"

enum { QUESTIONS = 3, SCRIPT_BYTES = 64, HEARD_BYTES = 256 };

typedef struct Player {
    char script[SCRIPT_BYTES]; /* all that it will send */
} Player;

static Player *player_of(const Client *client)
{
    return (Player *)client->state;
}

/* Writes what is due after the first `sent` bytes of the script. Returns the number of questions that are answered. */
static int quiz_due(const Client *client, uint64_t sent, char *text, size_t size, size_t *length)
{
    const char *line = player_of(client)->script, *end = line + sent, *next;
    int question = 1, right = 0;

    *length = (size_t)text_write(text, size, "1 + 1 = ?\r\n");
    for (; question <= QUESTIONS; question++, line = next + 1) {
        bool good;
        next = (const char *)memchr(line, '\n', (size_t)(end - line));
        if (!next) break;
        good = atoi(line) == 2 * question;
        right += good;
        *length += (size_t)text_write(text + *length, size - *length, good ? "right\r\n" : "wrong\r\n");
        if (question < QUESTIONS)
            *length +=
                (size_t)text_write(text + *length, size - *length, "%d + %d = ?\r\n", question + 1, question + 1);
        else
            *length += (size_t)text_write(text + *length, size - *length, "%d of %d right\r\n", right, QUESTIONS);
    }
    return question - 1;
}

/* Most answer all three questions; some fall silent earlier, in the middle of a line or between two. */
static void quiz_prepare(Client *client)
{
    Player *me = (Player *)arena(sizeof *me);
    int used = 0, lines = chance(700) ? QUESTIONS : (int)rnd(QUESTIONS);

    client->state = me;
    for (int i = 1; i <= lines; i++)
        used += text_write(me->script + used, (size_t)(SCRIPT_BYTES - used), "%d%s",
                           chance(600) ? 2 * i : (int)rnd(100), chance(500) ? "\r\n" : "\n");
    if (lines < QUESTIONS && chance(300)) used += text_write(me->script + used, (size_t)(SCRIPT_BYTES - used), "%d", 2);
    client->total = (uint64_t)used;
    client->cut = (size_t)rnd_between(1, 12);
    client->pace = rnd_between(1, 3000);
}

static size_t quiz_say(Client *client, char *bytes, size_t room)
{
    uint64_t left = client->total - client->sent;
    size_t count = left < room ? (size_t)left : room;

    memcpy(bytes, player_of(client)->script + client->sent, count);
    return count;
}

static void quiz_spoke(Client *client)
{
    (void)client;
}

static void quiz_hear(Client *client, const char *bytes, size_t count)
{
    char due[HEARD_BYTES];
    size_t from = (size_t)client->got - count, length;

    quiz_due(client, client->sent, due, sizeof due, &length);
    for (size_t i = 0; i < count; i++) {
        if (from + i >= length)
            violation("client %d hears more than is due after %lu bytes of its answers", client->id,
                      (unsigned long)client->sent);
        if (bytes[i] != due[from + i])
            violation("client %d: byte %zu of what it hears is wrong (%d instead of %d)", client->id, from + i,
                      (unsigned char)bytes[i], (unsigned char)due[from + i]);
    }
}

static bool quiz_content(const Client *client)
{
    char due[HEARD_BYTES];
    size_t length;

    quiz_due(client, client->sent, due, sizeof due, &length);
    return client->got == length;
}

static void quiz_ended(Client *client)
{
    char due[HEARD_BYTES];
    size_t length;
    int answered = quiz_due(client, client->sent, due, sizeof due, &length);

    if (!client->eof || client->conn.excused || !client_prompt(client) || interrupt_time() != NEVER) return;
    if (client->got == length && (answered == QUESTIONS || client->manner == POLITE)) return;
    if (faults_loose-- > 0) { /* there was no memory for it */
        client->conn.excused = true;
        return;
    }
    violation("client %d: the quiz ended after %lu of %zu bytes and %d of %d answers", client->id,
              (unsigned long)client->got, length, answered, QUESTIONS);
}

static void quiz_finish(void)
{
}

const Model quiz_model = {
    "quiz", quiz_prepare, quiz_say, quiz_spoke, quiz_hear, quiz_content, quiz_ended, quiz_finish
};
