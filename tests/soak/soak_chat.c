/* soak_chat.c - the soak's guests of the chat server, and the listeners that hear all that they say. */
#include "soak.h"

#include <stdio.h>
#include <string.h>

enum {
    RING = 65536, /* more guests than come between two rests */
    TEXT_BYTES = 4096
};

/* What a listener has heard from a guest. */
typedef struct Heard {
    unsigned long number;
    unsigned int lines;
    bool over; /* it left, or its last line was torn */
} Heard;

typedef struct Listener {
    Client *client;
    Heard heard[RING];        /* of guest n at n % RING */
    volatile LONG last, here; /* the last one that left, and how many were here then */
} Listener;

static Listener listeners[LISTENERS];

/* By guest number % RING. Written by the guest's player, read when the player rests. */
static struct {
    unsigned long number; /* 0, or a guest that was told good-bye: all its lines must have been heard */
    unsigned int lines;
    volatile LONG torn; /* the guest that left in the middle of a line */
} ends[RING];

/* ---- chat: the lines ---- */

/* Writes the text that this guest says as its line `line`: that number, and a varying number of letters. */
static int line_make(char *text, unsigned long number, unsigned int line)
{
    int used = snprintf(text, TEXT_BYTES, "%u ", line), letters;
    Noise noise;

    noise_start(&noise, seed + (unsigned int)number * 40503u + line * 2246822519u);
    letters = 1 + (int)noise_below(&noise, noise_below(&noise, 16) ? 100 : 3000);
    for (; letters > 0; letters--) text[used++] = (char)('a' + noise_below(&noise, 26));
    text[used] = '\0';
    return used;
}

/* Returns true if `text` is the guest's line `line`, or the front of it, left when the guest vanished. */
static bool line_is(const char *text, unsigned long number, unsigned int line, bool *torn)
{
    char whole[TEXT_BYTES];

    line_make(whole, number, line);
    *torn = strcmp(text, whole) != 0;
    return !*torn || ((unsigned long)ends[number % RING].torn == number && strncmp(text, whole, strlen(text)) == 0);
}

static bool listener_said(Listener *listener, unsigned long number, const char *text)
{
    Heard *heard = &listener->heard[number % RING];
    bool torn;

    InterlockedIncrement(&counts.heard);
    if (heard->number != number || heard->over) {
        return wrong(&counts.wrong_chat, "chat: guest%lu is not here and says %.40s", number, text);
    }
    if (!line_is(text, number, heard->lines + 1, &torn)) {
        return wrong(&counts.wrong_chat, "chat: line %u of guest%lu is %.60s", heard->lines + 1, number, text);
    }
    heard->over = torn;
    if (!torn) heard->lines++;
    return true;
}

/* Handles the notice that a guest joined or left. */
static bool listener_told(Listener *listener, unsigned long number, const char *what)
{
    Heard *heard = &listener->heard[number % RING];

    if (strncmp(what, "joined (", 8) == 0 && heard->number != number) {
        heard->number = number;
        heard->lines = 0;
        heard->over = false;
    } else if (strncmp(what, "left", 4) == 0 && heard->number == number) {
        heard->over = true;
        InterlockedExchange(&listener->here, (LONG)number_before(what, " here)"));
        InterlockedExchange(&listener->last, (LONG)number);
    } else {
        return wrong(&counts.wrong_chat, "chat: the room was told that guest%lu %.60s", number, what);
    }
    return true;
}

static bool listener_hear(Listener *listener, const char *line)
{
    unsigned long number;
    int used = 0;

    if (sscanf(line, "guest%lu: %n", &number, &used) == 1 && used) {
        return listener_said(listener, number, line + used);
    }
    if (sscanf(line, "*** guest%lu %n", &number, &used) == 1 && used) {
        return listener_told(listener, number, line + used);
    }
    return wrong(&counts.wrong_chat, "chat: the room was told %.60s", line);
}

static void listener_run(void *argument)
{
    Listener *listener = (Listener *)argument;
    char line[TEXT_BYTES + 100];

    while (!over) {
        if (!client_readable(listener->client, 100)) continue;
        if (!client_line(listener->client, line, sizeof line)) {
            wrong(&counts.wrong_chat, "chat: a listener was left alone");
        } else {
            listener_hear(listener, line);
        }
    }
}

/* ---- chat: the guests ---- */

/* Reads and checks a line. Returns false at the end. */
static bool chat_hear(Guest *guest)
{
    char line[TEXT_BYTES + 100];
    unsigned long number;
    unsigned int said;
    int used = 0;
    bool torn;

    if (!client_line(guest->client, line, sizeof line)) return false;
    if (strcmp(line, "*** good-bye") == 0) guest->farewell = true;
    if (sscanf(line, "guest%lu: %n", &number, &used) != 1 || !used) return true; /* the listeners check those */
    if (sscanf(line + used, "%u ", &said) != 1) said = 0;
    if (!line_is(line + used, number, said, &torn)) wrong(&counts.wrong_chat, "chat: a torn line: %.60s", line);
    return true;
}

/* Returns `alive`. A guest that is not alive has been cut off, which is wrong unless it did not read for a while. */
static bool chat_alive(Guest *guest, bool alive, const char *what)
{
    if (alive) return true;
    if (guest->lazy) {
        InterlockedIncrement(&counts.cut_off);
    } else {
        wrong(&counts.wrong_chat, "chat: guest%lu, which always read, failed: %s", guest->number, what);
    }
    guest_gone(guest, false);
    return false;
}

void chat_come(Player *player, Guest *guest)
{
    char line[100];

    ZeroMemory(guest, sizeof *guest);
    guest->client = guest_connect(player);
    if (!client_line(guest->client, line, sizeof line)
        || sscanf(line, "*** welcome, you are guest%lu", &guest->number) != 1) {
        wrong(&counts.wrong_chat, "chat: a client was not welcome");
        guest_gone(guest, false);
    }
}

static bool chat_say(Guest *guest)
{
    char text[TEXT_BYTES + 2];
    int length = line_make(text, guest->number, ++guest->lines);

    strcpy(text + length, "\r\n");
    InterlockedIncrement(&counts.said);
    return chat_alive(guest, client_send(guest->client, text, (size_t)length + 2), "to send");
}

/* Leaves in such a way that nothing it said may be lost, and hears everything that is said until then. */
static void chat_leave_well(Guest *guest, bool quit)
{
    unsigned long number = guest->number;
    bool sent = quit ? client_send(guest->client, "/quit enough\r\n", 14) : client_half_close(guest->client);

    InterlockedIncrement(&counts.half_closes);
    if (!chat_alive(guest, sent, "to leave")) return;
    while (!guest->farewell && chat_hear(guest)) continue;
    if (!chat_alive(guest, guest->farewell, "to hear good-bye")) return;
    ends[number % RING].number = number;
    ends[number % RING].lines = guest->lines;
    if (client_recv(guest->client, &number, 1)) wrong(&counts.wrong_chat, "chat: no end after good-bye");
    guest_gone(guest, false);
}

void chat_leave(Player *player, Guest *guest)
{
    unsigned int way = noise_below(&player->noise, 8);
    char text[TEXT_BYTES];

    if (way >= 4) {
        chat_leave_well(guest, way >= 6);
        return;
    }
    if (way >= 2) { /* in the middle of a line */
        size_t length = (size_t)line_make(text, guest->number, guest->lines + 1);
        ends[guest->number % RING].torn = (LONG)guest->number;
        client_send(guest->client, text, length / 2);
    }
    if (way % 2) InterlockedIncrement(&counts.vanished);
    guest_gone(guest, way % 2 == 0);
}

void chat_act(Player *player, Guest *guest)
{
    unsigned int act = noise_below(&player->noise, 40);
    int lines = act == 6 ? 100 : (int)act % 4;

    for (int i = 0; i < 1000 && client_readable(guest->client, 0); i++) {
        if (!chat_alive(guest, chat_hear(guest), "to hear")) return;
    }
    if (act < 5) {
        chat_leave(player, guest);
    } else if (act == 5) {
        InterlockedIncrement(&counts.stalls);
        guest->lazy = true;
        guest->until = now_ms() + noise_below(&player->noise, 4000);
    } else if (act == 7) {
        chat_alive(guest, client_send(guest->client, "/who\r\n", 6), "to ask who is here");
    } else {
        while (lines-- > 0 && chat_say(guest)) continue;
    }
}

/* ---- listening and comparing ---- */

bool listeners_start(Server *server)
{
    char line[TEXT_BYTES];

    for (int i = 0; i < LISTENERS; i++) {
        Client *client = listeners[i].client = client_connect(server);
        if (!client_line(client, line, sizeof line) || !client_line(client, line, sizeof line)) return false;
        if (!worker_start(listener_run, &listeners[i])) return false;
    }
    return true;
}

/* One guest comes last and says a line: when the listeners know that it left, they have heard everything before it. */
void chat_check(Server *server)
{
    static Player last;
    Guest guest;
    long long end = now_ms() + PATIENCE_MS;

    last.server = server;
    noise_start(&last.noise, seed);
    chat_come(&last, &guest);
    if (over || !chat_say(&guest)) return;
    chat_leave_well(&guest, false);
    for (int i = 0; i < LISTENERS && !over; i++) {
        Listener *listener = &listeners[i];
        while (now_ms() < end && (listener->heard[guest.number % RING].over == false || listener->here != LISTENERS)) {
            Sleep(5);
        }
        if (listener->here != LISTENERS) wrong(&counts.wrong_chat, "chat: %ld are here", (long)listener->here);
        for (int k = 0; k < RING; k++) {
            if (ends[k].number == 0) continue;
            if (listener->heard[k].number != ends[k].number || listener->heard[k].lines != ends[k].lines) {
                wrong(&counts.wrong_chat, "chat: guest%lu said %u lines, heard were %u", ends[k].number, ends[k].lines,
                      listener->heard[k].lines);
            }
        }
    }
    for (int k = 0; k < RING; k++) ends[k].number = 0;
}
