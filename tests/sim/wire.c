/* wire.c - connections, as Winsock and the client see them from their two ends. */
#include "sim.h"

enum { MAX_CONNS = 4096, LEAST_BACKLOG = 200, TRIES = 3 };

static Conn *waiting[MAX_CONNS]; /* connected, not accepted yet */
static size_t backlog;
static size_t waiting_count;
static bool listener_gone = true, accepting;
static Conn *last_accepted;
static Conn *conns[MAX_CONNS]; /* all that ever were */
static size_t conn_count;
static uint64_t past_taken, past_given; /* of connections that were renewed */
static unsigned past_accepted;

/* ---- pipes ---- */

size_t pipe_room(const Pipe *pipe)
{
    return pipe->count < pipe->window ? pipe->window - pipe->count : 0;
}

size_t pipe_put(Pipe *pipe, const char *bytes, size_t count)
{
    size_t room = pipe_room(pipe), tail = (pipe->head + pipe->count) % pipe->size, first;

    if (count > room) count = room;
    first = count < pipe->size - tail ? count : pipe->size - tail;
    bytes_copy(pipe->bytes + tail, bytes, first);
    bytes_copy(pipe->bytes, bytes + first, count - first);
    pipe->count += count;
    return count;
}

size_t pipe_take(Pipe *pipe, char *bytes, size_t count)
{
    size_t first;

    if (count > pipe->count) count = pipe->count;
    first = count < pipe->size - pipe->head ? count : pipe->size - pipe->head;
    bytes_copy(bytes, pipe->bytes + pipe->head, first);
    bytes_copy(bytes + first, pipe->bytes, count - first);
    pipe->head = (pipe->head + count) % pipe->size;
    pipe->count -= count;
    return count;
}

void pipe_put_all(Pipe *pipe, const char *bytes, size_t count)
{
    size_t window = pipe->window, had = pipe->count;

    if (had + count > pipe->size) {
        Pipe bigger = { .size = 2 * (had + count) };
        bigger.bytes = (char *)arena(bigger.size);
        bigger.fin = pipe->fin;
        pipe_take(pipe, bigger.bytes, had);
        bigger.count = had;
        *pipe = bigger;
    }
    pipe->window = pipe->size;
    pipe_put(pipe, bytes, count);
    pipe->window = window;
}

void pipe_clear(Pipe *pipe)
{
    pipe->count = 0;
}

static void pipe_open(Pipe *pipe)
{
    pipe->size = pipe->window = plan.window;
    pipe->bytes = (char *)arena(pipe->size);
}

/* ---- the client's end ---- */

/* IPv4 clients reach an IPv6 socket as ::ffff:a.b.c.d. */
static void conn_address(Conn *conn)
{
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&conn->addr;
    struct sockaddr_in *in4 = (struct sockaddr_in *)&conn->addr;
    int family = AF_INET6;

    for (Socket *socket = sockets; socket; socket = socket->next) {
        if (!socket->conn) family = socket->family;
    }
    conn->addr.ss_family = (sa_family_t)family;
    if (family == AF_INET)
        inet_pton(AF_INET, "127.0.0.1", &in4->sin_addr);
    else if (plan.bind == 0 && chance(500))
        inet_pton(AF_INET6, "::ffff:127.0.0.1", &in6->sin6_addr);
    else
        inet_pton(AF_INET6, "::1", &in6->sin6_addr);
    in4->sin_port = htons((uint16_t)(40000 + conn->client % 25000)); /* at the same place in both */
}

bool conn_open(Conn *conn, int client)
{
    if (!conn->tries++) {
        conn->client = client;
        if (!conn->up.bytes) pipe_open(&conn->up);
        if (!conn->down.bytes) pipe_open(&conn->down);
        conn_address(conn);
    }
    if (!listener_gone && waiting_count == backlog) {
        if (backlog < LEAST_BACKLOG) violation("client %d does not find room among %zu that wait", client, backlog);
        tell("client %d finds no room", client);
        stats->turned_away++;
        if (conn->tries < TRIES) return false;
    }
    if (listener_gone || waiting_count == backlog) {
        conn->reset_by_server = conn->excused = true;
        return true;
    }
    if (conn_count == MAX_CONNS) violation("more connections than the simulator has");
    if (!conn->known) conns[conn_count++] = conn;
    conn->known = true;
    waiting[waiting_count++] = conn;
    return true;
}

bool conn_renew(Conn *conn)
{
    const Socket *socket = conn->socket;
    Conn renewed = { .up = conn->up, .down = conn->down, .known = conn->known };

    if (conn->accepted && (!conn->server_closed || socket->receive.pending || socket->send.pending)) return false;
    if (!conn->accepted && conn->tries && !conn->reset_by_server) return false; /* it waits to be accepted */
    past_taken += conn->taken;
    past_given += conn->given;
    past_accepted += conn->accepted;
    pipe_clear(&renewed.up);
    pipe_clear(&renewed.down);
    renewed.up.fin = renewed.down.fin = false;
    *conn = renewed;
    return true;
}

/* Bytes for a socket that is closed are answered with a reset, which may overtake what the client
 * has not read yet. */
static void conn_refuse(Conn *conn)
{
    conn->reset_by_server = true;
    if (chance(500)) pipe_clear(&conn->down);
}

size_t conn_send(Conn *conn, const char *bytes, size_t count)
{
    if (conn->reset_by_server) return 0;
    if (conn->server_closed) {
        conn_refuse(conn);
        return 0;
    }
    count = pipe_put(&conn->up, bytes, count);
    if (conn->socket) operations_try(conn->socket);
    return count;
}

size_t conn_receive(Conn *conn, char *bytes, size_t count)
{
    count = pipe_take(&conn->down, bytes, count);
    if (count && conn->socket) operations_try(conn->socket);
    return count;
}

void conn_fin(Conn *conn)
{
    conn->up.fin = true;
    if (conn->socket) operations_try(conn->socket);
}

void conn_close(Conn *conn)
{
    conn->client_closed = true;
    if (conn->down.count) conn->reset_by_client = true; /* closed with bytes unread */
    pipe_clear(&conn->down);
    conn_fin(conn);
}

void conn_reset(Conn *conn)
{
    conn->reset_by_client = true;
    conn->client_closed = true;
    pipe_clear(&conn->up);
    pipe_clear(&conn->down);
    if (conn->socket) operations_try(conn->socket);
}

void conn_break(Conn *conn)
{
    conn->reset_by_client = conn->reset_by_server = true;
}

/* ---- the server's end ---- */

void conn_server_closed(Conn *conn)
{
    conn->server_closed = true;
    if (conn->up.count)
        conn_refuse(conn);
    else
        conn->down.fin = true;
}

/* Windows replaces SOMAXCONN with a number of its own, 200 or more ("listen function"). */
void listener_open(int wanted)
{
    listener_gone = false;
    backlog = wanted < (int)plan.backlog ? (size_t)wanted : plan.backlog;
}

bool listener_is_open(void)
{
    return !listener_gone;
}

static bool listener_ready(void *unused)
{
    (void)unused;
    return listener_gone || waiting_count > 0;
}

Conn *listener_take(void)
{
    Conn *conn;

    if (!waiting_count) return NULL;
    conn = waiting[0];
    for (size_t i = 1; i < waiting_count; i++) waiting[i - 1] = waiting[i];
    waiting_count--;
    return last_accepted = conn;
}

Conn *listener_last(void)
{
    return last_accepted;
}

void listener_wait(void)
{
    accepting = true;
    sched_block(listener_ready, NULL, NEVER);
    accepting = false;
}

/* Resets the clients that were not accepted yet. The last one to come may still be returned by accept. */
void listener_close(void)
{
    listener_gone = true;
    while (waiting_count > (accepting && chance(500))) {
        Conn *conn = waiting[--waiting_count];
        conn->excused = conn->reset_by_server = true;
    }
}

void wire_totals(uint64_t *taken, uint64_t *given, unsigned *accepted)
{
    *taken = past_taken;
    *given = past_given;
    *accepted = past_accepted;
    for (size_t i = 0; i < conn_count; i++) {
        *taken += conns[i]->taken;
        *given += conns[i]->given;
        *accepted += conns[i]->accepted;
    }
}

int wire_moves(void)
{
    int moves = socket_moves;

    for (const Socket *socket = sockets; socket; socket = socket->next) moves += socket->moves;
    return moves;
}
