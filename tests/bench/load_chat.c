/* load_chat.c - the scenarios for a chat server: the first client talks, the others listen.
 *
 * Servers frame and decorate texts differently, so listeners look only for a text's mark, a '~' and eight digits, and
 * check that the numbers come one after the other. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READY = 256, BLOCK = 65536, DIGITS = 8, FRAMED = 4 };

static const double QUIET = 0.5, PATIENCE = 20;

typedef struct Listener {
    Socket sock;
    long heard;
    long number; /* the number in the mark that is being read */
    int digits;  /* digits of it still to come */
} Listener;

typedef struct Room {
    Listener *all;
    int count;
    Poller *poller;
    long heard;       /* by all but the talker */
    double last;      /* when something was heard last */
    char *text;       /* all that the talker will say ... */
    size_t line_size; /* ... with this many bytes in each line ... */
    size_t said, due; /* ... and how much of it is sent and should be sent by now */
} Room;

static void room_open(Room *room, const Options *options)
{
    memset(room, 0, sizeof *room);
    room->count = options->clients;
    room->all = (Listener *)must_alloc((size_t)room->count * sizeof *room->all);
    room->poller = poller_open(room->count);
    for (int i = 0; i < room->count; i++) {
        memset(&room->all[i], 0, sizeof room->all[i]);
        room->all[i].sock = net_connect(options->port, i);
        poller_add(room->poller, room->all[i].sock, i, false);
    }
}

static void room_close(Room *room)
{
    for (int i = 0; i < room->count; i++) net_close(room->all[i].sock);
    poller_close(room->poller);
    free(room->all);
    free(room->text);
}

/* Composes all that will be said. */
static void room_compose(Room *room, const Options *options)
{
    char text[MESSAGE + 1];
    char *end;

    room->line_size = MESSAGE + (options->framed ? FRAMED : 1);
    room->text = (char *)must_alloc(room->line_size * (size_t)options->lines + 1);
    end = room->text;
    for (long i = 0; i < options->lines; i++) {
        memset(text, 'a' + (int)(i % 26), MESSAGE);
        text[snprintf(text, sizeof text, "~%08ld", i)] = ' ';
        text[MESSAGE] = '\0';
        end += options->framed ? sprintf(end, "%4d%s", (int)MESSAGE, text) : sprintf(end, "%s\n", text);
    }
}

static void listener_hear(Listener *listener, const char *data, size_t bytes, int who)
{
    const char *end = data + bytes;

    while (data < end) {
        if (listener->digits == 0) {
            data = (const char *)memchr(data, '~', (size_t)(end - data));
            if (!data) return;
            listener->digits = DIGITS;
            listener->number = 0;
        } else {
            listener->number = 10 * listener->number + (*data - '0');
            if (--listener->digits == 0 && listener->number != listener->heard++)
                fail("client %d heard line %ld where line %ld was due", who, listener->number, listener->heard - 1);
        }
        data++;
    }
}

static void room_talk(Room *room)
{
    long sent = net_send(room->all[0].sock, room->text + room->said, room->due - room->said);

    if (sent < 0) fail("the talker was cut off");
    room->said += (size_t)sent;
}

/* Waits at most `seconds` and reads what there is. Returns false when there was nothing. */
static bool room_hear(Room *room, double seconds)
{
    static char data[BLOCK];
    Ready ready[READY];
    int count = poller_wait(room->poller, seconds, ready, READY);

    for (int i = 0; i < count; i++) {
        int who = ready[i].index;
        Listener *listener = &room->all[who];
        long before = listener->heard, got;

        if (ready[i].can_write && room->said < room->due) room_talk(room);
        if (!ready[i].can_read) continue;
        got = net_recv(listener->sock, data, BLOCK);
        if (got < 0) fail("client %d was cut off", who);
        listener_hear(listener, data, (size_t)got, who);
        if (who > 0 && listener->heard > before) {
            room->heard += listener->heard - before;
            room->last = now();
        }
    }
    return count > 0;
}

/* Waits until the welcomes are over. */
static void room_settle(Room *room)
{
    double until = now() + PATIENCE;

    while (room_hear(room, QUIET))
        if (now() > until) fail("the room does not become quiet");
    if (room->heard > 0) fail("somebody else talks in this room");
}

void run_burst(const Options *options)
{
    Room room;
    double start, until;
    long wanted = options->lines * (options->clients - 1);

    room_open(&room, options);
    room_compose(&room, options);
    room_settle(&room);
    start = now();
    until = start + options->seconds;
    room.due = room.line_size * (size_t)options->lines;
    poller_change(room.poller, room.all[0].sock, 0, true);
    while (room.heard < wanted && now() < until) {
        bool talking = room.said < room.due;

        room_hear(&room, until - now());
        if (talking && room.said == room.due) poller_change(room.poller, room.all[0].sock, 0, false);
    }
    if (room.heard == 0) fail("nothing was heard in %g s", options->seconds);
    report("rate", (double)room.heard / (room.last - start));
    report("share", (double)room.heard / (double)wanted);
    room_close(&room);
}

/* Processor time is counted from the first line to a moment after the last has arrived. */
void run_paced(const Options *options)
{
    Room room;
    double start, before, until;
    long wanted = options->lines * (options->clients - 1);

    room_open(&room, options);
    room_compose(&room, options);
    room_settle(&room);
    before = used_cpu(options->pids.pid, options->pids.count);
    start = now();
    for (long line = 0; line < options->lines; line++) {
        room.due += room.line_size;
        while (room.said < room.due) room_talk(&room);
        while (now() < start + options->pace * (double)(line + 1))
            room_hear(&room, start + options->pace * (double)(line + 1) - now());
    }
    until = now() + PATIENCE;
    while (room.heard < wanted && now() < until) room_hear(&room, until - now());
    if (room.heard < wanted) fail("%ld lines were not delivered", wanted - room.heard);
    if (options->pids.count > 0) {
        pause_for(0.05);
        report("cpu", 1e6 * (used_cpu(options->pids.pid, options->pids.count) - before) / (double)wanted);
    }
    room_close(&room);
}
