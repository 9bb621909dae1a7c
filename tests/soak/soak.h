/* soak.h - what the parts of the soak share: guests, the players that play them, counts. */
#ifndef SOAK_H
#define SOAK_H

#include "../harness/test.h"

enum { GUESTS = 14, LISTENERS = 3 };

typedef struct Guest {
    Client *client;       /* NULL: no guest is here */
    long long until;      /* when it does something again */
    Noise sent, answered; /* echo: what it said, and what must come back */
    long long owed;       /* ... and how much of that */
    unsigned long number; /* chat: the server calls it guestNUMBER */
    unsigned int lines;   /* ... how many it has said */
    bool lazy, farewell;  /* ... did not read for a while, so may be cut off; was told good-bye */
} Guest;

typedef struct Player Player;
struct Player {
    Server *server;
    bool stays; /* its guests do */
    Noise noise;
    void (*come)(Player *player, Guest *guest);
    void (*act)(Player *player, Guest *guest);
    void (*leave)(Player *player, Guest *guest);
    Guest guests[GUESTS];
};

typedef struct Counts {
    volatile LONG connections, resets, vanished, half_closes, stalls, said, heard, cut_off;
    volatile LONG wrong_echo, wrong_chat;
    volatile LONG64 echoed; /* bytes */
} Counts;

extern Counts counts;
extern unsigned int seed;
extern volatile LONG over; /* 1: the time is up, or something is wrong */

/* Prints the failure, and makes everything end. Returns false. */
bool wrong(volatile LONG *count, const char *format, ...);

Client *guest_connect(Player *player);
void guest_gone(Guest *guest, bool reset);

/* soak_echo.c */
void echo_come(Player *player, Guest *guest);
void echo_act(Player *player, Guest *guest);
void echo_leave(Player *player, Guest *guest);
bool echo_take(Guest *guest); /* all that must still come back */

/* soak_chat.c */
void chat_come(Player *player, Guest *guest);
void chat_act(Player *player, Guest *guest);
void chat_leave(Player *player, Guest *guest);
bool listeners_start(Server *server);
void chat_check(Server *server); /* checks, with all players at rest, that everything was heard */

#endif
