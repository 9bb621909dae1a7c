/* overlap.c - overlapped operations: WSARecv and WSASend start them, the world completes them, WSAGetOverlappedResult
 * returns the result. */
#include "sim.h"

enum {
    SLOW_CANCEL = 1000 * 1000,
    GUARD = 512,
    GUARD_BYTE = 0xEE
}; /* at both ends of the buffer of a pending receive */

/* ---- rules ---- */

static bool overlap(const void *a, size_t a_size, const void *b, size_t b_size)
{
    uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;

    return x < y + b_size && y < x + a_size;
}

/* A send whose result has not been taken yet may turn out to be short, and then the rest is sent from the same
 * place. */
static bool operation_rests(const Request *operation)
{
    return operation->due && operation->socket->open && operation == &operation->socket->send;
}

static bool operation_uses(const Request *operation, const void *block, size_t size)
{
    if (!operation->pending && !operation_rests(operation)) return false;
    if (operation->pending && overlap(block, size, operation->over, sizeof *operation->over)) return true;
    for (DWORD i = 0; i < operation->count; i++) {
        if (overlap(block, size, operation->bufs[i].buf, operation->bufs[i].len)) return true;
    }
    return false;
}

void operations_check_block(const void *block, size_t size, const char *call)
{
    for (Socket *socket = sockets; socket; socket = socket->next) {
        const Request *operation = operation_uses(&socket->receive, block, size) ? &socket->receive
                                   : operation_uses(&socket->send, block, size)  ? &socket->send
                                                                                 : NULL;
        if (operation)
            violation("%s: a %s of client %d that is %s uses that memory", call, operation->name, socket->conn->client,
                      operation->pending ? "pending" : "not taken yet");
    }
}

/* A thread that sleeps, and does not see that an operation of its own is complete, may sleep forever: its event was
 * reset too late, or the wait leaves it out. */
void operations_check_sleep(const Thread *thread)
{
    for (const Socket *socket = sockets; socket; socket = socket->next) {
        const Request *operation = socket->receive.due ? &socket->receive : &socket->send;
        if (socket->open && operation->due && operation->thread == thread)
            violation("a thread goes to sleep and does not see that a %s of client %d is complete", operation->name,
                      socket->conn->client);
    }
}

/* Windows cancels what a thread has pending when it ends. */
void operations_check_thread(const Thread *thread)
{
    for (Socket *socket = sockets; socket; socket = socket->next) {
        const Request *operation = socket->receive.pending ? &socket->receive : &socket->send;
        if (operation->pending && operation->thread == thread)
            violation("a thread ends with a %s of client %d pending", operation->name, socket->conn->client);
    }
}

/* Returns true if nothing is pending, and the last result was taken. */
static bool request_settled(const Request *operation)
{
    return !operation->pending && !operation->due;
}

static void operation_check_buffers(const Request *operation, const Request *other)
{
    for (DWORD i = 0; i < operation->count; i++) {
        if (operation_uses(other, operation->bufs[i].buf, operation->bufs[i].len)
            && (other->name == other->socket->receive.name || operation->name == operation->socket->receive.name))
            violation("%s: its buffer is one of a %s that is %s", operation->name, other->name,
                      other->pending ? "pending" : "not taken yet");
    }
}

/* A session may get another owner, but not while an operation is pending or its result has not been taken. */
static void operation_check_owner(Socket *socket, const char *call)
{
    Thread *owner = socket->owner;

    socket->owner = sched_self();
    if (!owner || owner == sched_self()) return;
    if (!request_settled(&socket->receive) || !request_settled(&socket->send))
        violation("%s: posted while an operation of another thread (%s) is under way", call, owner->name);
    socket->moves++;
    stats->hand_overs++;
    tell("client %d has a new owner: %s after %s", socket->conn->client, sched_self()->name, owner->name);
}

static void operation_check(Request *operation, LPWSAOVERLAPPED over, const void *routine)
{
    Socket *socket = operation->socket;

    if (!over || routine) violation("%s: not overlapped by event", operation->name);
    if (operation->pending) violation("%s: one is pending on that socket", operation->name);
    operations_check_block(over, sizeof *over, operation->name);
    if (over->Internal || over->InternalHigh || over->Offset || over->OffsetHigh)
        violation("%s: the OVERLAPPED is not zeroed", operation->name);
    handle_get((uintptr_t)over->hEvent, KIND_EVENT, operation->name);
    operation_check_owner(socket, operation->name);
    operation_check_buffers(operation, &socket->receive);
    operation_check_buffers(operation, &socket->send);
}

/* ---- memory that belongs to a pending operation ---- */

static size_t guard_size(const WSABUF *buf)
{
    return buf->len < GUARD ? buf->len : GUARD;
}

static void buffer_lend(const WSABUF *buf)
{
    size_t size = guard_size(buf);

    for (size_t i = 0; i < size; i++) buf->buf[i] = buf->buf[buf->len - 1 - i] = (char)GUARD_BYTE;
    bytes_poison(buf->buf, buf->len);
}

static void buffer_return(const WSABUF *buf)
{
    size_t size = guard_size(buf);

    bytes_unpoison(buf->buf, buf->len);
    for (size_t i = 0; i < size; i++) {
        if (buf->buf[i] != (char)GUARD_BYTE || buf->buf[buf->len - 1 - i] != (char)GUARD_BYTE)
            violation("a receive's buffer was written to while it was pending");
    }
}

static uint64_t buffers_hash(const Request *operation)
{
    uint64_t hash = 0;

    for (DWORD i = 0; i < operation->count; i++)
        hash = hash * 31 + bytes_hash(operation->bufs[i].buf, operation->bufs[i].len);
    return hash;
}

static Event *event_of(const Request *operation)
{
    return (Event *)handle_peek((uintptr_t)operation->event)->object;
}

static bool is_receive(const Request *operation)
{
    return operation == &operation->socket->receive;
}

static void operation_lend(Request *operation)
{
    operation->pending = true;
    event_of(operation)->operations++;
    event_of(operation)->poster = operation->thread;
    if (is_receive(operation))
        buffer_lend(&operation->bufs[0]);
    else
        operation->hash = buffers_hash(operation);
    bytes_poison(operation->over, sizeof *operation->over);
}

static void operation_return(Request *operation)
{
    bytes_unpoison(operation->over, sizeof *operation->over);
    if (operation->over->Internal != STATUS_PENDING || operation->over->hEvent != operation->event)
        violation("the OVERLAPPED of a pending %s was changed", operation->name);
    if (is_receive(operation))
        buffer_return(&operation->bufs[0]);
    else if (operation->hash != buffers_hash(operation))
        violation("a buffer was changed while its WSASend was pending");
    event_of(operation)->operations--;
    operation->pending = false;
    socket_done(operation->socket);
}

/* ---- completion ---- */

static void operation_complete(Request *operation, int error, size_t bytes)
{
    operation->over->Internal = (ULONG_PTR)error;
    operation->over->InternalHigh = bytes;
    operation->done = bytes;
    operation->due = true;
    event_set(operation->event);
    tell("   %s of client %d is complete: error %d, %zu bytes", operation->name, operation->socket->conn->client, error,
         bytes);
}

static size_t draw_part(size_t all)
{
    return rnd(100) < plan.whole ? all : (size_t)rnd_between(1, all);
}

static size_t receive_bytes(Request *operation)
{
    const Conn *conn = operation->socket->conn;
    Pipe *pipe = &operation->socket->conn->up;
    size_t all = pipe->count < operation->total ? pipe->count : operation->total;

    if (!all) return 0;
    /* A client's first line comes whole: if it were cut, the chat would take it for keys. */
    return pipe_take(pipe, operation->bufs[0].buf, conn->taken == 0 && plan.mode[0] == 'c' ? all : draw_part(all));
}

/* Returns true if the receive has something to report: bytes, the end, an error. */
static bool receive_ripe(const Socket *socket)
{
    const Conn *conn = socket->conn;

    return !socket->open || socket->receive.cancelled || conn->reset_by_client || conn->up.count || conn->up.fin;
}

/* Returns the error with which an aborted operation ends: CancelIoEx and a bare closesocket have different ones. */
static int lost_error(const Request *operation)
{
    return operation->cancelled ? WSA_OPERATION_ABORTED : WSAECONNABORTED;
}

static void receive_happen(void *argument)
{
    Request *operation = (Request *)argument;
    Socket *socket = operation->socket;
    Conn *conn = socket->conn;
    bool lost = !socket->open || operation->cancelled;
    bool late = lost && chance(250); /* it completed before the cancellation */
    int error = 0;

    operation->scheduled = false;
    if (!operation->pending || !receive_ripe(socket)) return;
    if (!lost) error = call_fault(CALL_WSAGetOverlappedResult, conn);
    if (error)
        conn_break(conn);
    else if (conn->reset_by_client)
        error = WSAECONNRESET;
    else if (lost && !(late && (conn->up.count || conn->up.fin)))
        error = lost_error(operation);
    operation_return(operation);
    operation_complete(operation, error, error ? 0 : receive_bytes(operation));
}

static bool send_ripe(const Socket *socket)
{
    const Conn *conn = socket->conn;

    return !socket->open || socket->send.cancelled || conn->reset_by_client || conn->client_closed
           || pipe_room(&conn->down);
}

/* Windows accepts a send of any size, and withholds its completion while too much waits for the client. */
static void send_swallow(Request *operation)
{
    Conn *conn = operation->socket->conn;

    for (DWORD i = 0; i < operation->count; i++)
        pipe_put_all(&conn->down, operation->bufs[i].buf, operation->bufs[i].len);
    operation->done = operation->total;
    conn->given += operation->total;
    operation->swallowed = true;
}

/* Moves as many bytes as fit toward the client. */
static void send_bytes(Request *operation)
{
    Conn *conn = operation->socket->conn;
    size_t skip = operation->done;

    if (conn->client_closed) { /* nobody is there: the answer is a reset */
        conn->reset_by_client = true;
        conn->given += operation->total - operation->done;
        operation->done = operation->total;
        return;
    }
    for (DWORD i = 0; i < operation->count; i++) {
        const WSABUF *buf = &operation->bufs[i];
        if (skip < buf->len) {
            size_t put = pipe_put(&conn->down, buf->buf + skip, buf->len - skip);
            operation->done += put;
            conn->given += put;
            if (put < buf->len - skip) return;
            skip = 0;
        } else {
            skip -= buf->len;
        }
    }
}

static void send_happen(void *argument)
{
    Request *operation = (Request *)argument;
    Socket *socket = operation->socket;
    Conn *conn = socket->conn;
    bool lost = !socket->open || operation->cancelled;
    int error = 0;

    operation->scheduled = false;
    if (!operation->pending || !send_ripe(socket)) return;
    if (lost)
        error = lost_error(operation);
    else
        error = call_fault(CALL_WSAGetOverlappedResult, conn);
    if (error && !lost) conn_break(conn);
    if (!error && conn->reset_by_client) error = chance(500) ? WSAECONNRESET : WSAECONNABORTED;
    if (!error && !operation->swallowed) send_bytes(operation);
    if (!error && operation->done < operation->total && !(plan.short_sends && chance(300))) return;
    operation_return(operation);
    operation_complete(operation, error, error ? 0 : operation->done);
}

/* A canceled operation now and then takes longer than any pause that a server might make to wait for it. */
static uint64_t operation_delay(const Request *operation)
{
    bool lost = !operation->socket->open || operation->cancelled;

    return rnd_between(0, lost && !plan.timed && chance(50) ? SLOW_CANCEL : plan.latency);
}

static void operation_schedule(Request *operation)
{
    if (operation->scheduled) return;
    operation->scheduled = true;
    happen_in(operation_delay(operation), is_receive(operation) ? receive_happen : send_happen, operation);
}

void operations_try(Socket *socket)
{
    if (socket->receive.pending && receive_ripe(socket)) operation_schedule(&socket->receive);
    if (socket->send.pending && send_ripe(socket)) operation_schedule(&socket->send);
}

/* ---- the calls ---- */

static Request *operation_begin(Request *operation, LPWSABUF bufs, DWORD count, LPWSAOVERLAPPED over,
                                const void *routine)
{
    if (count == 0 || count > 4) violation("%s: %u buffers", operation->name, count);
    operation->count = count;
    operation->total = operation->done = 0;
    operation->cancelled = operation->swallowed = false;
    for (DWORD i = 0; i < count; i++) {
        operation->bufs[i] = bufs[i];
        operation->total += bufs[i].len;
    }
    operation_check(operation, over, routine);
    if (!operation->total) violation("%s of no bytes", operation->name);
    operation->over = over;
    operation->event = over->hEvent;
    operation->thread = sched_self();
    operation->thread->idle_waits = 0;
    event_of(operation)->set = false;
    over->Internal = STATUS_PENDING; /* and stays that way even when the call fails at once */
    return operation;
}

static int operation_refuse(const Request *operation, int error)
{
    tell("%s(client %d, %zu bytes) -> error %d", operation->name, operation->socket->conn->client, operation->total,
         error);
    return fail_with(error);
}

static int operation_pend(Request *operation)
{
    tell("%s(client %d, %zu bytes) -> WSA_IO_PENDING", operation->name, operation->socket->conn->client,
         operation->total);
    operation_lend(operation);
    operations_try(operation->socket);
    return fail_with(WSA_IO_PENDING);
}

static bool draw_at_once(void)
{
    return rnd(100) < plan.at_once;
}

int WSARecv(SOCKET sock, LPWSABUF bufs, DWORD count, DWORD *received, DWORD *flags, LPWSAOVERLAPPED over,
            LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
    Request *operation;
    Conn *conn;
    int error;

    call_begin(CALL_WSARecv);
    rule_no_cs("WSARecv");
    if (!flags || *flags || count != 1) violation("WSARecv: flags or count");
    operation = &socket_get(sock, "WSARecv")->receive;
    conn = operation->socket->conn;
    operation_begin(operation, bufs, count, over, (const void *)(uintptr_t)routine);
    error = call_fault(CALL_WSARecv, conn);
    if (error && error != WSAENOBUFS) conn_break(conn);
    if (!error && conn->reset_by_client && draw_at_once()) error = WSAECONNRESET;
    if (error) return operation_refuse(operation, error);
    arrays_found(over);
    if (conn->reset_by_client || !receive_ripe(operation->socket) || !draw_at_once()) return operation_pend(operation);
    tell("WSARecv(client %d, %zu bytes) -> 0", conn->client, operation->total);
    operation_complete(operation, 0, receive_bytes(operation));
    if (received) *received = (DWORD)operation->done;
    return 0;
}

static bool send_can_hurry(const Socket *socket, WSAEVENT event)
{
    return socket->send.pending && socket->send.scheduled && socket->send.event == event;
}

/* A send that fails resets the event that it shares with others. The worst moment for that is when those have just
 * completed. */
static int send_fault(Conn *conn, LPWSAOVERLAPPED over)
{
    bool unseen = false;
    int error = call_fault(CALL_WSASend, conn);

    for (const Socket *socket = sockets; socket && !error; socket = socket->next) {
        if (send_can_hurry(socket, over->hEvent) && arrays_served(socket->send.over)) unseen = true;
    }
    if (unseen && sched_self()->told != conn && arrays_calm(over)) error = call_fault_aimed(CALL_WSASend, conn);
    for (Socket *socket = error ? sockets : NULL; socket; socket = socket->next) {
        if (send_can_hurry(socket, over->hEvent)) send_happen(&socket->send);
    }
    return error;
}

int WSASend(SOCKET sock, LPWSABUF bufs, DWORD count, DWORD *sent, DWORD flags, LPWSAOVERLAPPED over,
            LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
    Request *operation;
    Conn *conn;
    int error;

    call_begin(CALL_WSASend);
    rule_no_cs("WSASend");
    flood_starve();
    if (flags) violation("WSASend: flags");
    operation = &socket_get(sock, "WSASend")->send;
    conn = operation->socket->conn;
    if (operation->socket->shut) violation("WSASend after shutdown(SD_SEND)");
    error = over ? send_fault(conn, over) : 0;
    operation_begin(operation, bufs, count, over, (const void *)(uintptr_t)routine);
    if (error && error != WSAENOBUFS) conn_break(conn);
    if (!error && conn->reset_by_client && draw_at_once()) error = WSAECONNRESET;
    if (error) return operation_refuse(operation, error);
    if (!conn->reset_by_client && !conn->client_closed && rnd(100) < plan.swallowed) send_swallow(operation);
    if (conn->reset_by_client || !draw_at_once()
        || (pipe_room(&conn->down) < operation->total && !conn->client_closed && !operation->swallowed))
        return operation_pend(operation);
    tell("WSASend(client %d, %zu bytes) -> 0", conn->client, operation->total);
    if (!operation->swallowed) send_bytes(operation);
    operation_complete(operation, 0, operation->done);
    if (sent) *sent = (DWORD)operation->done;
    return 0;
}

static bool operation_cancel(Request *operation, LPOVERLAPPED over)
{
    if (!operation->pending || (over && over != operation->over)) return false;
    return operation->cancelled = true;
}

BOOL CancelIoEx(HANDLE handle, LPOVERLAPPED over)
{
    Socket *socket;
    bool found;

    call_begin(CALL_CancelIoEx);
    rule_no_cs("CancelIoEx");
    socket = socket_get((SOCKET)handle, "CancelIoEx");
    tell("CancelIoEx(client %d)", socket->conn->client);
    if (call_fault(CALL_CancelIoEx, NULL)) return FALSE;
    found = operation_cancel(&socket->receive, over);
    if (operation_cancel(&socket->send, over)) found = true;
    operations_try(socket);
    return found || fail_with(ERROR_NOT_FOUND) == 0;
}

BOOL WSAGetOverlappedResult(SOCKET sock, LPWSAOVERLAPPED over, DWORD *bytes, BOOL wait, DWORD *flags)
{
    const char *call = "WSAGetOverlappedResult";
    Handle *handle = handle_peek(sock);
    Request *operation;
    Socket *socket;
    int error;

    call_begin(CALL_WSAGetOverlappedResult);
    rule_no_cs(call);
    if (wait) violation("%s with fWait TRUE: a Proactor would wait for one client, and serve no other", call);
    if (!flags || !bytes) violation("%s: not simulated with these arguments", call);
    if (handle && handle->kind == KIND_SOCKET && handle->closed) return fail_with(WSAENOTSOCK) == 0;
    socket = socket_get(sock, call);
    operation = over == socket->receive.over ? &socket->receive : &socket->send;
    if (operation->over != over) violation("%s: no operation of that socket", call);
    if (operation->pending) return fail_with(WSA_IO_INCOMPLETE) == 0;
    sched_self()->told = socket->conn;
    if (operation->thread != sched_self()) violation("%s: another thread posted the %s", call, operation->name);
    error = (int)over->Internal;
    tell("%s(%s of client %d) -> error %d, %zu bytes", call, operation->name, socket->conn->client, error,
         operation->done);
    sched_self()->idle_waits = 0;
    if (error) {
        operation->due = false;
        return fail_with(error) == 0;
    }
    if (is_receive(operation) && operation->due && !socket->shut) socket->conn->taken += operation->done;
    operation->due = false;
    *bytes = (DWORD)operation->done;
    return TRUE;
}

/* Not instrumented: the server may look at Internal of a pending OVERLAPPED, and at nothing else. */
__attribute__((no_sanitize("address"))) BOOL sim_overlapped_completed(const OVERLAPPED *over)
{
    const Handle *handle = handle_peek((uintptr_t)over->hEvent);
    const Event *event = handle && handle->kind == KIND_EVENT ? (const Event *)handle->object : NULL;

    call_begin(CALL_HasOverlappedIoCompleted);
    if (event && event->operations && event->poster != sched_self())
        violation("HasOverlappedIoCompleted: the operation is that of %s", event->poster->name);
    return over->Internal != STATUS_PENDING;
}
