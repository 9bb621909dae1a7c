/* load_echo.c - the scenarios for an echo server. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READY = 256 };

static const double WARM_UP = 0.2, PATIENCE = 20;

/* ---- players: clients that send a message, wait for it to come back, and send the next ---- */

typedef struct Player {
    Socket sock;
    int who;
    long turn;     /* the message under way */
    size_t got;    /* bytes of it that came back */
    double since;  /* when it was sent; 0: none is under way */
    long answered; /* in this run */
} Player;

typedef struct Game {
    Player *players;
    int count;
    Poller *poller;
    int under_way;
    float *times; /* milliseconds of each round trip of this run */
    long played, room;
    double seconds;
} Game;

/* Every message of every client is different. */
static void message_make(char text[MESSAGE], int who, long turn)
{
    char head[40];
    int length = snprintf(head, sizeof head, "%d %ld ", who, turn);

    for (int i = 0; i < MESSAGE; i++) text[i] = (char)('!' + (who * 7 + turn * 31 + i * 3) % 90);
    memcpy(text, head, (size_t)length);
}

static void player_send(Player *player)
{
    char text[MESSAGE];

    message_make(text, player->who, ++player->turn);
    player->got = 0;
    player->since = now();
    net_send_all(player->sock, text, MESSAGE);
}

/* Receives what has come. Returns true when the whole message is back. */
static bool player_receive(Player *player)
{
    char text[MESSAGE], wanted[MESSAGE];
    long got = net_recv(player->sock, text, MESSAGE - player->got);

    if (got < 0) fail("the server closed the connection of client %d", player->who);
    message_make(wanted, player->who, player->turn);
    if (memcmp(text, wanted + player->got, (size_t)got) != 0)
        fail("client %d got bytes that it did not send", player->who);
    player->got += (size_t)got;
    return player->got == MESSAGE;
}

static void player_open(Player *player, int port, int who)
{
    memset(player, 0, sizeof *player);
    player->who = who;
    player->sock = net_connect(port, who);
}

/* Opens a game with the given players, which are already connected. */
static void game_open(Game *game, Player *players, int count)
{
    memset(game, 0, sizeof *game);
    game->players = players;
    game->count = count;
    game->poller = poller_open(count);
    for (int i = 0; i < count; i++) poller_add(game->poller, players[i].sock, i, false);
}

static void game_note(Game *game, double milliseconds)
{
    if (game->played == game->room) {
        long room = game->room ? 2 * game->room : 65536;
        float *times = (float *)realloc(game->times, (size_t)room * sizeof *times);

        if (!times) fail("no memory");
        game->times = times;
        game->room = room;
    }
    game->times[game->played++] = (float)milliseconds;
}

/* Receives what is ready; a player whose answer is complete sends again, unless this is the end. */
static void game_turn(Game *game, double until, bool again)
{
    Ready ready[READY];
    int count = poller_wait(game->poller, until - now(), ready, READY);

    for (int i = 0; i < count; i++) {
        Player *player = &game->players[ready[i].index];

        if (!player_receive(player)) continue;
        game_note(game, 1000 * (now() - player->since));
        player->answered++;
        player->since = 0;
        game->under_way--;
        if (again) {
            player_send(player);
            game->under_way++;
        }
    }
}

/* Plays for `seconds`. Round trips that began earlier count as well, in the run in which they end. */
static void game_play(Game *game, double seconds)
{
    double start = now(), until = start + seconds;

    game->played = 0;
    for (int i = 0; i < game->count; i++) {
        game->players[i].answered = 0;
        if (game->players[i].since > 0) continue;
        player_send(&game->players[i]);
        game->under_way++;
    }
    while (now() < until) game_turn(game, until, true);
    game->seconds = now() - start;
}

/* Waits for all messages that are under way. */
static void game_end(Game *game)
{
    double until = now() + PATIENCE;

    while (game->under_way > 0 && now() < until) game_turn(game, until, false);
    if (game->under_way > 0) fail("%d clients were never answered", game->under_way);
}

static void game_close(Game *game)
{
    poller_close(game->poller);
    free(game->times);
}

static int compare_times(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static void game_report(Game *game)
{
    long least = game->players[0].answered, most = least;

    for (int i = 1; i < game->count; i++) {
        if (game->players[i].answered < least) least = game->players[i].answered;
        if (game->players[i].answered > most) most = game->players[i].answered;
    }
    if (game->played == 0) fail("no answer");
    qsort(game->times, (size_t)game->played, sizeof game->times[0], compare_times);
    report("rate", (double)game->played / game->seconds);
    report("p50", game->times[game->played / 2]);
    report("p99", game->times[game->played * 99 / 100]);
    report("fairness", (double)least / (double)most);
}

/* Returns the microseconds of processor time per message since `before`. */
static double cpu_each(const Pids *pids, double before, long messages)
{
    return 1e6 * (used_cpu(pids->pid, pids->count) - before) / (double)messages;
}

/* Lets all send, then waits until all are answered, and so on, with `pace` seconds between the rounds. */
static void lockstep_rounds(Player *players, int count, long rounds, double pace)
{
    char text[MESSAGE], wanted[MESSAGE];

    for (long round = 0; round < rounds; round++) {
        if (pace > 0) pause_for(pace);
        for (int i = 0; i < count; i++) player_send(&players[i]);
        for (int i = 0; i < count; i++) {
            net_recv_all(players[i].sock, text, MESSAGE);
            message_make(wanted, players[i].who, players[i].turn);
            if (memcmp(text, wanted, MESSAGE) != 0) fail("client %d got wrong bytes", i);
            players[i].since = 0;
        }
    }
}

/* Connects the players. All have been accepted when it returns: each has sent a message and received it back. */
static Player *players_open(int port, int count)
{
    Player *players = (Player *)must_alloc((size_t)count * sizeof *players);

    for (int i = 0; i < count; i++) player_open(&players[i], port, i);
    lockstep_rounds(players, count, 1, 0);
    return players;
}

void run_pingpong(const Options *options)
{
    Game game;
    double before;

    game_open(&game, players_open(options->port, options->clients), options->clients);
    game_play(&game, WARM_UP);
    before = used_cpu(options->pids.pid, options->pids.count);
    game_play(&game, options->seconds);
    if (options->pids.count) report("cpu", cpu_each(&options->pids, before, game.played));
    game_report(&game);
    game_end(&game);
}

/* ---- lockstep: the same number of messages in the same order, to count the calls for each ---- */

/* Writes a line of our own to the log that another process is writing. */
static void log_mark(const char *path, const char *mark)
{
    FILE *file;

    pause_for(0.3); /* the server goes to sleep */
    file = fopen(path, "a");
    if (file) {
        fprintf(file, "\n=== %s\n", mark);
        fclose(file);
    } else {
        fail("cannot write %s", path);
    }
}

void run_lockstep(const Options *options)
{
    Player *players = players_open(options->port, options->clients);

    lockstep_rounds(players, options->clients, 10, options->pace);
    if (options->log) log_mark(options->log, "begin");
    lockstep_rounds(players, options->clients, options->lines, options->pace);
    if (options->log) log_mark(options->log, "end");
    report("messages", (double)options->lines * options->clients);
}

/* ---- crowd ---- */

/* Connects up to `want` players in all, and has each send one message, so that all have been
 * accepted when it returns. */
static void crowd_grow(Player *players, int *count, int want, int port)
{
    while (*count < want) {
        int first = *count, more = want - first < 100 ? want - first : 100;

        for (int i = first; i < first + more; i++) player_open(&players[i], port, i);
        lockstep_rounds(players + first, more, 1, 0);
        for (int i = first; i < first + more; i++) players[i].since = 0;
        *count = first + more;
    }
}

/* Connects them all and reports how the server's memory grows with each session. */
static void crowd_gather(const Options *options, Player *players, int want)
{
    int count = 0;
    double few, some;

    crowd_grow(players, &count, 100, options->port);
    few = options->pids.count ? used_memory(options->pids.pid[0]) : 0;
    crowd_grow(players, &count, 1000, options->port);
    some = options->pids.count ? used_memory(options->pids.pid[0]) : 0;
    crowd_grow(players, &count, want, options->port);
    if (options->pids.count == 0) return;
    report("memory_to_1000", (some - few) / 900);
    report("memory_to_all", (used_memory(options->pids.pid[0]) - some) / (want - 1000));
}

/* Plays one run. Returns messages per second, and sets `cpu` to the microseconds of processor time for each. */
static double crowd_play(Game *game, const Pids *pids, double seconds, double *cpu)
{
    double before;

    game_play(game, WARM_UP);
    before = used_cpu(pids->pid, pids->count);
    game_play(game, seconds);
    *cpu = cpu_each(pids, before, game->played);
    game_end(game);
    return (double)game->played / game->seconds;
}

static void crowd_pair(const Options *options, Game *alone, Game *crowd)
{
    double cpu_alone, cpu_busy;
    double rate_alone = crowd_play(alone, &options->alone_pids, options->seconds, &cpu_alone);
    double rate_busy = crowd_play(crowd, &options->pids, options->seconds, &cpu_busy);

    report("alone", rate_alone);
    report("busy", rate_busy);
    report("kept", rate_busy / rate_alone);
    if (options->pids.count == 0) return;
    report("cpu_alone", cpu_alone);
    report("cpu_busy", cpu_busy);
    report("cpu_growth", cpu_busy / cpu_alone);
}

/* Returns how many are still there: a closed one would be readable. */
static int crowd_held(Player *players, int count)
{
    char byte;
    int held = 0;

    for (int i = 0; i < count; i++)
        if (net_recv(players[i].sock, &byte, 1) == 0) held++;
    return held;
}

/* The busy ones are spread evenly over the crowd. Descriptors are left for whatever else the server and its kernel
 * open. */
void run_crowd(const Options *options)
{
    int spare = 2000, busy = options->busy, count = options->clients;
    Player *players, *chosen;
    Game alone, crowd;

    if (count > options->limit - spare) count = (int)options->limit - spare;
    if (count <= 1000) fail("too few clients, with at most %ld open files", options->limit);
    players = (Player *)must_alloc((size_t)count * sizeof *players);
    chosen = (Player *)must_alloc((size_t)busy * sizeof *chosen);
    crowd_gather(options, players, count);
    for (int i = 0; i < busy; i++) chosen[i] = players[(long)i * count / busy];

    game_open(&alone, players_open(options->alone_port, busy), busy);
    game_open(&crowd, chosen, busy);
    for (int i = 0; i < options->pairs; i++) crowd_pair(options, &alone, &crowd);
    report("held", crowd_held(players, count));
    game_close(&alone);
    game_close(&crowd);
    free(players);
    free(chosen);
}

/* ---- bulk ---- */

enum { CHUNK = 65536, PERIOD = 65521, UNDER_WAY = 1024 * 1024 };

/* Returns a stream that repeats after a prime number of bytes, so that a lost or doubled block shows. */
static char *bulk_pattern(void)
{
    char *pattern = (char *)must_alloc(PERIOD + CHUNK);
    unsigned int noise = 2463534242u;

    for (int i = 0; i < PERIOD + CHUNK; i++) {
        noise ^= noise << 13; /* Marsaglia's xorshift */
        noise ^= noise >> 17;
        noise ^= noise << 5;
        pattern[i] = i < PERIOD ? (char)(noise >> 24) : pattern[i - PERIOD];
    }
    return pattern;
}

static void bulk_receive(Socket sock, const char *pattern, long long *received)
{
    static char data[CHUNK];
    long got = net_recv(sock, data, CHUNK);

    if (got < 0) fail("the server closed the connection");
    if (memcmp(data, pattern + *received % PERIOD, (size_t)got) != 0) fail("wrong bytes after %lld", *received);
    *received += got;
}

void run_bulk(const Options *options)
{
    char *pattern = bulk_pattern();
    Socket sock = net_connect(options->port, 0);
    Poller *poller = poller_open(1);
    double start = now(), until = start + options->seconds;
    long long sent = 0, received = 0;

    poller_add(poller, sock, 0, true);
    for (;;) {
        Ready ready;
        bool more = now() < until;

        if (!more && received == sent) break;
        if (now() > until + PATIENCE) fail("%lld bytes never came back", sent - received);
        poller_change(poller, sock, 0, more && sent - received < UNDER_WAY);
        if (poller_wait(poller, 1, &ready, 1) == 0) continue;
        if (ready.can_read) bulk_receive(sock, pattern, &received);
        if (ready.can_write) {
            long bytes = net_send(sock, pattern + sent % PERIOD, CHUNK);
            if (bytes < 0) fail_call("send");
            sent += bytes;
        }
    }
    report("rate", (double)received / 1e6 / (now() - start));
    net_close(sock);
    poller_close(poller);
    free(pattern);
}

/* ---- connect ---- */

static void connect_once(int port, int nth)
{
    Player player;

    player_open(&player, port, nth);
    lockstep_rounds(&player, 1, 1, 0);
    net_close(player.sock);
}

/* Connects a number of clients if there is a log to mark; otherwise as many as there is time for. */
void run_connect(const Options *options)
{
    double start, before, until = now() + WARM_UP;
    int nth = 0, first;

    while (now() < until) connect_once(options->port, nth++);
    first = nth;
    if (options->log) {
        log_mark(options->log, "begin");
        while (nth - first < options->lines) connect_once(options->port, nth++);
        log_mark(options->log, "end");
        report("messages", nth - first);
        return;
    }
    before = used_cpu(options->pids.pid, options->pids.count);
    start = now();
    until = start + options->seconds;
    while (now() < until) connect_once(options->port, nth++);
    report("rate", (nth - first) / (now() - start));
    if (options->pids.count) report("cpu", cpu_each(&options->pids, before, nth - first));
}
