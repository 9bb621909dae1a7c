/* soak_echo.c - the soak's guests of the echo server: every byte that comes back is checked. */
#include "soak.h"

void echo_come(Player *player, Guest *guest)
{
    unsigned int start = noise_below(&player->noise, 1 << 24);

    ZeroMemory(guest, sizeof *guest);
    noise_start(&guest->sent, start);
    noise_start(&guest->answered, start);
    guest->client = guest_connect(player);
    if (!guest->client) wrong(&counts.wrong_echo, "echo: a client cannot connect");
}

static bool echo_say(Guest *guest, size_t bytes)
{
    char data[9000];

    noise_fill(&guest->sent, data, bytes);
    guest->owed += (long long)bytes;
    return client_send(guest->client, data, bytes)
           || wrong(&counts.wrong_echo, "echo: sending %d bytes failed", (int)bytes);
}

/* Reads everything that must come back. */
bool echo_take(Guest *guest)
{
    char data[16384];

    while (guest->owed > 0) {
        size_t part = guest->owed < (long long)sizeof data ? (size_t)guest->owed : sizeof data;
        if (!client_recv(guest->client, data, part)) {
            return wrong(&counts.wrong_echo, "echo: of %lld bytes not all came back", guest->owed);
        }
        if (!noise_check(&guest->answered, data, part))
            return wrong(&counts.wrong_echo, "echo: a wrong byte came back");
        guest->owed -= (long long)part;
        InterlockedExchangeAdd64(&counts.echoed, (long long)part);
    }
    return true;
}

void echo_leave(Player *player, Guest *guest)
{
    switch (noise_below(&player->noise, 5)) {
    case 0: guest_gone(guest, true); return;
    case 1: /* reads whatever is owed to it */
        InterlockedIncrement(&counts.vanished);
        guest_gone(guest, false);
        return;
    case 2:
        if (guest->owed < 10000) echo_say(guest, 1 + noise_below(&player->noise, 9000));
        guest_gone(guest, true);
        return;
    default: break;
    }
    InterlockedIncrement(&counts.half_closes);
    if (guest->owed < 10000) echo_say(guest, 1 + noise_below(&player->noise, 9000));
    if (!client_half_close(guest->client)) wrong(&counts.wrong_echo, "echo: a half-close failed");
    if (echo_take(guest) && !client_at_eof(guest->client))
        wrong(&counts.wrong_echo, "echo: no end of file after the last byte");
    guest_gone(guest, false);
}

/* Sends until the server takes nothing more, and then reads nothing for a while. */
static void echo_stall(Player *player, Guest *guest)
{
    long long stuffed = client_stuff(guest->client, &guest->sent, 20);

    InterlockedIncrement(&counts.stalls);
    if (stuffed < 0) wrong(&counts.wrong_echo, "echo: stuffing failed");
    guest->owed += stuffed;
    guest->until = now_ms() + noise_below(&player->noise, 3000);
}

void echo_act(Player *player, Guest *guest)
{
    unsigned int act = noise_below(&player->noise, 40);

    if (act < 4 && !player->stays) {
        echo_leave(player, guest);
    } else if (act == 4) {
        echo_stall(player, guest);
    } else if (act < 12 && guest->owed < 8000) { /* reads the answer later */
        echo_say(guest, 1 + noise_below(&player->noise, 2000));
    } else if (echo_take(guest)) {
        echo_say(guest, 1 + noise_below(&player->noise, act % 4 ? 200 : 9000));
        echo_take(guest);
    }
}
