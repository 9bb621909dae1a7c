/* sim_echo.c - what the clients of the echo server say, and what they must get: every byte once and in order; from the
 * server of exercise 9 in capital letters. */
#include "sim_client.h"

/* Returns the byte at `index` of what the client says, which never begins like the line for a refused client. */
static char echo_byte(const Client *client, uint64_t index)
{
    uint64_t mixed = (index + 1) * 0x9E3779B97F4A7C15u ^ (uint64_t)client->id << 32;

    mixed ^= mixed >> 29;
    mixed *= 0xBF58476D1CE4E5B9u;
    if (index == 0 && begins_refusal((char)(mixed >> 56))) return 'S';
    return (char)(mixed >> 56);
}

static char echo_due(const Client *client, uint64_t index)
{
    char byte = echo_byte(client, index);

    return plan.mode[0] == 'u' && byte >= 'a' && byte <= 'z' ? (char)(byte - 'a' + 'A') : byte;
}

static void echo_prepare(Client *client)
{
    uint64_t most = plan.clients > 40 ? 2000 : 20000;

    if (plan.bulk)
        client->total = rnd_between(50000, 600000);
    else if (plan.crowd)
        client->total = (4 + rnd(40)) * client->cut;
    else
        client->total = chance(100) ? 0 : rnd_between(1, most);
    if (client->total / 40 > client->cut) client->cut = (size_t)(client->total / 40);
}

static size_t echo_say(Client *client, char *bytes, size_t room)
{
    uint64_t left = client->total - client->sent;
    size_t count = left < room ? (size_t)left : room;

    for (size_t i = 0; i < count; i++) bytes[i] = echo_byte(client, client->sent + i);
    return count;
}

static void echo_spoke(Client *client)
{
    (void)client;
}

static void echo_hear(Client *client, const char *bytes, size_t count)
{
    uint64_t from = client->got - count;

    if (client->got > client->sent)
        violation("client %d sent %lu bytes and got %lu", client->id, (unsigned long)client->sent,
                  (unsigned long)client->got);
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] != echo_due(client, from + i))
            violation("client %d: byte %lu of the echo is wrong", client->id, (unsigned long)(from + i));
    }
}

static bool echo_content(const Client *client)
{
    return client->got == client->sent;
}

/* All that the server received before a normal end comes back; unless it was stopped, that is all the client says. */
static void echo_ended(Client *client)
{
    const Conn *conn = &client->conn;

    if (!client->eof || conn->excused || client->manner == DEAF) return;
    if (interrupt_time() != NEVER && !client_prompt(client)) return;
    if (client->got != conn->taken)
        violation("client %d: the server received %lu bytes and sent %lu back", client->id, (unsigned long)conn->taken,
                  (unsigned long)client->got);
    if (interrupt_time() == NEVER && client->got != client->total)
        violation("client %d: the server closed after %lu of %lu bytes", client->id, (unsigned long)client->got,
                  (unsigned long)client->total);
}

static void echo_finish(void)
{
}

const Model echo_model = {
    "echo", echo_prepare, echo_say, echo_spoke, echo_hear, echo_content, echo_ended, echo_finish
};

const Model upper_model = { "upper",   echo_prepare, echo_say,   echo_spoke,
                            echo_hear, echo_content, echo_ended, echo_finish };
