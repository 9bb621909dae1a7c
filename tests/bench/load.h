/* load.h - the load generator's scenarios. Each plays clients on 127.0.0.1, checks every byte that
 * comes back, prints its figures as lines "name value", and ends the program with 1 if the server
 * does anything wrong. */
#ifndef LOAD_H
#define LOAD_H

#include "load_net.h"

enum { MAX_PIDS = 8, MESSAGE = 64 /* bytes of an echo message and of a chat text */ };

/* The processes whose processor time is counted: the server and, under Wine, its kernel. */
typedef struct Pids {
    long pid[MAX_PIDS];
    int count;
} Pids;

typedef struct Options {
    int port;
    int clients;
    double seconds; /* how long to play, or how long to wait for a burst to arrive */
    long lines;     /* lines of a chat, rounds of lockstep, or clients that connect */
    bool framed;    /* chat: four digits of length and a body, not a line */
    Pids pids;

    const char *log; /* lockstep, connect: marks are appended here */
    double pace;     /* paced, lockstep: seconds from line to line, or round to round */
    int busy, pairs; /* crowd */
    int alone_port;  /* crowd: the same server without the crowd ... */
    Pids alone_pids; /* ... and its processes */
    long limit;      /* of open sockets */
} Options;

void report(const char *name, double value);

/* load_echo.c */
void run_pingpong(const Options *options); /* each client sends as soon as it is answered */
void run_lockstep(const Options *options); /* all send, then all are answered, and so on */
void run_crowd(const Options *options);    /* a few clients play among thousands that do not */
void run_bulk(const Options *options);     /* one client sends and receives all it can */
void run_connect(const Options *options);  /* connect, one message, close */

/* load_chat.c: the first client talks, the others listen */
void run_burst(const Options *options); /* all lines at once */
void run_paced(const Options *options); /* one line after the other */

#endif
