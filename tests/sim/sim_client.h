/* sim_client.h - a scripted client, and what sim_echo.c, sim_chat.c and sim_quiz.c add to it. */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

#include "sim.h"

/* How it behaves, whatever it says. The first three read everything at once, and so must get all that is due to
 * them. */
typedef enum Manner {
    POLITE,   /* says all, half-closes, reads to the end */
    CLOSER,   /* says all, gets all, closes */
    STAYER,   /* says all, gets all, stays until the server ends it */
    LATE,     /* reads only after a while, then as POLITE */
    HASTY,    /* closes in the middle */
    RESETTER, /* resets in the middle */
    VANISHER, /* falls silent in the middle */
    DEAF,     /* never reads */
    MANNERS
} Manner;

typedef struct Client {
    Conn conn;
    int id;
    Manner manner;
    bool witness; /* comes when all faults are over */
    bool connected, said, refused, over;
    bool eof, reset; /* how it ended */
    uint64_t pace;   /* us, at most, between two looks */
    uint64_t idle;   /* us to the next look while nothing happens */
    uint64_t doom;   /* when HASTY and the like act, and LATE begins to read */
    uint64_t last;   /* when anything last happened */
    uint64_t silent; /* it says nothing until then */
    unsigned rests;  /* ... which happens after this many in 1,000 of its messages */
    size_t cut;      /* bytes, at most, sent or read at once */
    uint64_t sent, got;
    uint64_t total; /* bytes it will send */
    char begun[64]; /* the first bytes that it got */
    void *state;    /* of sim_chat.c or sim_quiz.c */
} Client;

typedef struct Model {
    const char *mode;
    void (*prepare)(Client *client);
    size_t (*say)(Client *client, char *bytes, size_t room); /* the next bytes; does not count */
    void (*spoke)(Client *client);                           /* `sent` has grown */
    void (*hear)(Client *client, const char *bytes, size_t count);
    bool (*content)(const Client *client); /* has received all that is due */
    void (*ended)(Client *client);         /* its connection is over */
    void (*finish)(void);                  /* the run is over */
} Model;

extern const Model echo_model, chat_model;
extern const Model upper_model, quiz_model; /* of the handlers that exercises 9 and 10 ask for */
extern Client *clients[];
extern int client_count;

bool client_prompt(const Client *client);
bool begins_refusal(char first); /* the line for a refused client begins so, and nothing else that a client gets */

#endif
