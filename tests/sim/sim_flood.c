/* sim_flood.c - hostile clients, as fast as they can send, and two quiet ones beside them that must not notice: now
 * and then one of them says a line, which reaches the other within a second, and neither is ever cut off.
 *
 * The simulated machine has a single processor, on which every call of the server into the kernel costs 1 to 50 us, any
 * other of its calls a quarter of a microsecond (sched.c), and the computation in between nothing. So only seeds in
 * which nothing else takes time are timed: no call fails, no thread stalls, the console never blocks, and no step is
 * traced on it. */
#include "sim.h"

enum {
    MAX_HOSTILE = 200,
    IDLERS = 62,                /* they fill a group */
    MAX_CHURNED = 400,          /* connections of a storm that the server is not done with */
    SCRIPT_BYTES = 16384,       /* the text that a hostile client sends, over and over */
    CHUNK = 16384,              /* bytes at one look */
    FIRST_ID = 1000,            /* the others count from 1 */
    IN_TIME = 1000 * 1000,      /* us from a line to its reader, or from a byte to its echo */
    GONE = 1250 * 1000,         /* ... from a reset until the server has closed its side: a little over a second */
    AFTERWARDS = 1500 * 1000,   /* ... for which the quiet ones are still timed after the flood */
    HUSH = 300 * 1000,          /* ... before its end in which nothing more is said, if the plan says so */
    DRAINED = 1000 * 1000,      /* ... from the beginning of the flood: the bucket is empty */
    STARVED = 3500 * 1000,      /* ... for which one Proactor is not scheduled */
    IN_TIME_THEN = 1500 * 1000, /* IN_TIME in such a run: the room has few tokens for those who talk all the time */
    QUIET_LOOK = 5000,
    LINE_BYTES = 8192
};

typedef struct Hostile {
    Conn conn;
    int id;
    Attack attack;
    bool connected, deaf;
    size_t prologue, length, at; /* of the script: the part that is sent once, all of it, the next byte */
    uint64_t reset_at;           /* 0: it has not */
    char script[SCRIPT_BYTES];
} Hostile;

typedef struct Quiet {
    Conn conn;
    int id;
    bool connected, welcome;
    uint64_t looked_at;
    char line[LINE_BYTES];
    size_t used;
} Quiet;

typedef struct Idler {
    Conn conn;
    bool connected;
} Idler;

static Hostile *hostile[MAX_HOSTILE];
static Idler idlers[IDLERS];
static Conn *churned[MAX_CHURNED];
static int churned_count, next_churned, last_id = FIRST_ID;
static Quiet speaker, reader; /* the echo server has only the first */
static uint64_t begun_at, over_at = NEVER;
static char tag[32];     /* what was said last ... */
static size_t tag_at;    /* ... how much of it is echoed */
static uint64_t said_at; /* ... and when; 0: the reader has received it */
static uint64_t say_next;
static int tags;

static bool is_chat(void)
{
    return plan.mode[0] == 'c';
}

static bool attack_on(void)
{
    return begun_at && now < over_at && interrupt_time() == NEVER;
}

/* Returns true if the server has reset the connection, or has half-closed it and the client has read everything. */
static bool let_go(const Conn *conn)
{
    return conn->reset_by_server || (conn->down.fin && !conn->down.count);
}

/* ---- hostile clients ---- */

static void script_add(Hostile *me, const char *bytes, size_t count, size_t times)
{
    while (times-- > 0) {
        if (me->length + count > SCRIPT_BYTES) return;
        bytes_copy(me->script + me->length, bytes, count);
        me->length += count;
    }
}

/* A client whose first input has no line end is taken for one that types. */
static void script_types(Hostile *me)
{
    script_add(me, "k", 1, 1);
    me->prologue = me->length;
}

static void script_write(Hostile *me)
{
    static const char *const lines[] = { "x\n", "hello, all of you\n", "\xFF\xF6", "/me x\n", "/nope\n" };
    static const char *const asks[] = { "/who\n", "/who\n", "/help\n", "/nick guest1\n" };

    me->length = me->prologue = me->at = 0;
    switch (me->attack) {
    case LINES: {
        const char *line = lines[rnd(is_chat() ? 5 : 1)];
        script_add(me, line, strlen(line), 1000);
        break;
    }
    case NOPS: script_add(me, "\xFF\xF1", 2, 4000); break;
    case BACKSPACES:
        if (chance(500)) script_types(me);
        script_add(me, "a", 1, 4000);
        script_add(me, chance(500) ? "\x7F" : "\b", 1, 3000);
        break;
    case TOGGLES:
        script_types(me);
        script_add(me, "a", 1, 4000);
        me->prologue = me->length;
        script_add(me, "\xFF\xFE\x01\xFF\xFD\x01", 6, 1000);
        break;
    case TYPISTS:
        script_types(me);
        script_add(me, "typing\b\b\b\x7F", 10, 1 + rnd(9));
        script_add(me, "\r", 2, chance(700));
        break;
    case ASKERS: {
        const char *ask = asks[rnd(4)];
        script_add(me, ask, strlen(ask), 500);
        break;
    }
    default: /* QUITTERS */
        script_add(me, "/quit\n", 6, 1);
        me->prologue = me->length;
        script_add(me, "more\n", 5, 1000);
    }
}

/* Sends the next part of the script, which may end within a line: one byte for TYPISTS, otherwise up to CHUNK. */
static void hostile_send(Hostile *me)
{
    size_t most = me->attack == TYPISTS ? 1 : CHUNK, sent;

    do {
        size_t count = me->length - me->at;
        if (me->at < me->prologue && count > me->prologue - me->at) count = me->prologue - me->at;
        sent = conn_send(&me->conn, me->script + me->at, count < most ? count : most);
        me->at += sent;
        most -= sent;
        stats->bytes += sent;
        if (me->at == me->length) me->at = me->prologue < me->length ? me->prologue : 0;
    } while (sent && most);
}

static void hostile_read(Hostile *me)
{
    char bytes[CHUNK];

    while (!me->deaf && conn_receive(&me->conn, bytes, sizeof bytes)) {
    }
}

static void check_gone(const Hostile *me)
{
    if (plan.timed && interrupt_time() == NEVER && now - me->reset_at > GONE)
        violation("client %d reset its connection %lu ms ago, and has its place still", me->id,
                  (unsigned long)(now - me->reset_at) / 1000);
}

/* Returns false when it must try again later. */
static bool hostile_connect(Hostile *me)
{
    if (me->reset_at && !me->conn.accepted) me->reset_at = now; /* the server does not know of it yet */
    if (me->reset_at && me->conn.accepted && !me->conn.server_closed) check_gone(me);
    if (!attack_on() || !conn_renew(&me->conn)) return false;
    me->reset_at = 0;
    me->id = ++last_id;
    me->connected = conn_open(&me->conn, me->id);
    script_write(me);
    return me->connected;
}

/* At the end they leave, in one way or another; or all reset at once, and then nobody says anything that would make
 * the server notice it. */
static bool hostile_leaves(Hostile *me)
{
    unsigned often = attack_on() ? plan.resets : plan.hush ? 1000 : 100;

    if (let_go(&me->conn)) {
        conn_close(&me->conn);
        return true;
    }
    if (!chance(often)) return false;
    if (attack_on() || plan.hush || chance(500)) {
        conn_reset(&me->conn);
        me->reset_at = now;
    } else {
        conn_close(&me->conn);
    }
    return true;
}

static void hostile_look(void *argument)
{
    Hostile *me = (Hostile *)argument;
    uint64_t later = me->attack == TYPISTS ? rnd_between(1000, 100000) : rnd_between(1, 4000);

    if (!me->connected) {
        if (!hostile_connect(me)) later = rnd_between(1000, 50000);
    } else {
        hostile_read(me);
        if (attack_on()) hostile_send(me);
        if (hostile_leaves(me)) me->connected = false;
    }
    if (interrupt_time() == NEVER || me->connected) happen_in(later, hostile_look, me);
}

/* ---- storms of connections ---- */

static Conn *churned_conn(void)
{
    for (int i = 0; i < churned_count; i++) {
        next_churned = (next_churned + 1) % churned_count;
        if (conn_renew(churned[next_churned])) return churned[next_churned];
    }
    if (churned_count == MAX_CHURNED) return NULL;
    return churned[churned_count++] = (Conn *)arena(sizeof(Conn));
}

static void churn_end(void *argument)
{
    Conn *conn = (Conn *)argument;

    if (chance(500))
        conn_close(conn);
    else
        conn_reset(conn);
}

static void churn_look(void *argument)
{
    Conn *conn = attack_on() ? churned_conn() : NULL;

    if (conn && conn_open(conn, ++last_id)) {
        if (chance(200)) conn_send(conn, "x\n", 2);
        if (chance(800))
            churn_end(conn);
        else
            happen_in(rnd_between(1, 2000), churn_end, conn);
    }
    if (attack_on() || !begun_at) happen_in(begun_at ? rnd_between(10, 400) : 1000, churn_look, argument);
}

/* ---- those who only read ---- */

static void idler_look(void *argument)
{
    Idler *me = (Idler *)argument;
    char bytes[CHUNK];

    if (!me->connected) me->connected = conn_open(&me->conn, reader.id + 1 + (int)(me - idlers));
    while (me->connected && conn_receive(&me->conn, bytes, sizeof bytes)) {
    }
    if (me->connected && let_go(&me->conn))
        conn_close(&me->conn);
    else
        happen_in(rnd_between(1000, 50000), idler_look, me);
}

/* Those who come later are in other groups. */
static bool idlers_here(void)
{
    for (int i = 0; plan.starved && i < IDLERS; i++) {
        if (!idlers[i].conn.accepted) return false;
    }
    return true;
}

/* Starves, once, the group of those who only read: no session can join it, and none of its sessions is timed. */
void flood_starve(void)
{
    static bool starved;

    if (!plan.starved || starved || !attack_on() || now < begun_at + DRAINED) return;
    if (!arrays_full_without(sched_self(), speaker.conn.socket->handle, reader.conn.socket->handle)) return;
    starved = true;
    tell("is not scheduled for %d ms", STARVED / 1000);
    sched_stall(STARVED);
}

/* ---- the quiet ones ---- */

static void quiet_say(void)
{
    int length;

    if (said_at || !speaker.welcome || (is_chat() && !reader.welcome) || now < say_next) return;
    if (plan.hush && begun_at && now + HUSH > over_at) return;
    length = text_write(tag, sizeof tag, "quiet %d.\n", ++tags);
    if (!conn_send(&speaker.conn, tag, (size_t)length)) return;
    said_at = now;
    say_next = now + rnd_between(50000, 500000);
    tag_at = 0;
    if (is_chat()) tag[length - 1] = '\0';
}

/* Handles the arrival of the line. */
static void quiet_heard(void)
{
    if (!said_at) return;
    tell("the quiet line %d came after %lu us", tags, (unsigned long)(now - said_at));
    said_at = 0;
}

static void quiet_line(Quiet *me)
{
    if (strncmp(me->line, "*** welcome", 11) == 0) me->welcome = true;
    if (strncmp(me->line, "! you are too slow", 18) == 0 && plan.timed)
        violation("client %d takes 1 MB/s and is cut off: %s", me->id, me->line);
    if (me == &reader && said_at && strstr(me->line, tag)) quiet_heard();
}

static void quiet_hear(Quiet *me, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_chat()) {
            if (!said_at || bytes[i] != tag[tag_at++]) violation("client %d gets another echo", me->id);
            if (bytes[i] == '\n') quiet_heard();
            continue;
        }
        if (bytes[i] != '\n' && me->used + 1 < LINE_BYTES) me->line[me->used++] = bytes[i];
        if (bytes[i] != '\n') continue;
        me->line[me->used] = '\0';
        me->used = 0;
        quiet_line(me);
    }
}

/* Reads a byte a microsecond: more than the room sends. */
static void quiet_read(Quiet *me)
{
    size_t room = (size_t)(now - me->looked_at), count;
    char bytes[CHUNK];

    me->looked_at = now;
    if (room > 65536) room = 65536;
    while (room && (count = conn_receive(&me->conn, bytes, room < CHUNK ? room : CHUNK)) > 0) {
        quiet_hear(me, bytes, count);
        room -= count;
    }
}

static void quiet_check(const Quiet *me)
{
    const Conn *conn = &me->conn;

    if (interrupt_time() != NEVER || conn->excused) return;
    if (let_go(conn) && plan.timed) violation("client %d is quiet and reads, and is cut off", me->id);
    if (plan.timed && said_at && now - said_at > (plan.starved ? IN_TIME_THEN : IN_TIME))
        violation("a quiet line %s for %lu ms, %s", is_chat() ? "has not come" : "was not echoed",
                  (unsigned long)(now - said_at) / 1000, attack_on() ? "in the flood" : "the flood is over");
}

/* Begins the flood once the quiet clients are there. */
static void quiet_begin(void)
{
    if (begun_at || !speaker.welcome || (is_chat() && !reader.welcome)) return;
    begun_at = now;
    over_at = now + plan.attack_time;
}

static void quiet_look(void *argument)
{
    Quiet *me = (Quiet *)argument;

    if (!me->connected && idlers_here()) {
        me->connected = conn_open(&me->conn, me->id);
        me->welcome = me->connected && !is_chat();
        me->looked_at = now;
    }
    if (me->connected) {
        quiet_read(me);
        quiet_begin();
        if (me == &speaker) quiet_say();
        quiet_check(me);
    }
    if (me->connected && let_go(&me->conn))
        conn_close(&me->conn);
    else
        happen_in(rnd_between(1, QUIET_LOOK), quiet_look, me);
}

/* ---- all of them ---- */

static void hostile_new(int number)
{
    Hostile *me = (Hostile *)arena(sizeof *me);

    hostile[number] = me;
    me->attack = number % 2 ? plan.second : plan.attack;
    if (me->attack == CHURN) {
        if (number < 4) happen_in(rnd(1000), churn_look, NULL);
        return;
    }
    me->deaf = chance(100);
    happen_in(rnd_between(1, 50000), hostile_look, me);
}

void flood_start(void)
{
    if (!plan.attack) return;
    tell("%d hostile clients: kinds %d and %d, %u in 1,000 looks reset, for %lu us", plan.hostile, plan.attack,
         plan.second, plan.resets, (unsigned long)plan.attack_time);
    speaker.id = 901;
    reader.id = 902;
    happen_in(0, quiet_look, &speaker);
    if (is_chat()) happen_in(0, quiet_look, &reader);
    for (int i = 0; i < plan.hostile; i++) hostile_new(i);
    for (int i = 0; plan.starved && i < IDLERS; i++) happen_in(rnd_between(1, 20000), idler_look, &idlers[i]);
}

bool flood_busy(void)
{
    return plan.attack && now < (over_at == NEVER ? 20000000 : over_at + AFTERWARDS);
}
