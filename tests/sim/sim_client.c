/* sim_client.c - scripted clients: how they behave, and what every one of them may expect. */
#include "sim_client.h"

enum {
    MAX_SCRIPTED = 256,
    PATIENCE = 20 * 1000 * 1000, /* us without an answer: the server hangs */
    CHUNK = 8192
};

Client *clients[MAX_SCRIPTED];
int client_count;

static const Model *model;
static int served_at_once; /* the lowest limit among the options; 0: no limit */

bool client_prompt(const Client *client)
{
    return client->manner <= STAYER;
}

/* ---- the end of a client ---- */

static void client_over(Client *client)
{
    client->over = true;
    tell("client %d is over: %s, sent %lu, got %lu", client->id,
         client->eof     ? "end of file"
         : client->reset ? "reset"
                         : "its own will",
         (unsigned long)client->sent, (unsigned long)client->got);
}

/* Returns true when so many clients may be refused at once that some are closed without a line. */
static bool crowd(void)
{
    return served_at_once && client_count >= served_at_once + 62;
}

bool begins_refusal(char first)
{
    return first == 's' || first == 't' || first == 'y';
}

static void check_refusal(Client *client)
{
    bool full = client->begun[0] == 's', banned = operator_banned() && client->begun[0] == 'y';
    int most = full ? plan.max_clients : plan.max_per_ip;
    char line[64];
    int length = text_write(line, sizeof line, "%s: %d client%s at most\r\n",
                            full ? "server full" : "too many clients from your address", most, most == 1 ? "" : "s");

    if (banned) {
        length = text_write(line, sizeof line, "you are banned\r\n");
        most = client_count - 1;
    }
    if (!most || client_count <= most) violation("client %d was refused, but the server is not full", client->id);
    if (client->eof && !client->conn.excused
        && (client->got != (uint64_t)length || memcmp(client->begun, line, (size_t)length) != 0))
        violation("client %d was refused with other words", client->id);
    stats->refused++;
}

static void client_ended(Client *client)
{
    Conn *conn = &client->conn;

    client_over(client);
    if (client->refused) {
        check_refusal(client);
    } else if (client->reset && client_prompt(client) && !conn->excused && !crowd()) {
        if (faults_loose-- <= 0) violation("client %d was reset, and had done nothing wrong", client->id);
        conn->excused = true;
    } else if (!(crowd() && client->got == 0)) {
        model->ended(client);
    }
    if (!client->reset) conn_close(conn);
}

/* ---- one look ---- */

static bool client_reads(const Client *client)
{
    if (client->manner == DEAF) return false;
    return client->manner != LATE || now >= client->doom;
}

static bool client_read(Client *client)
{
    char bytes[CHUNK];
    size_t most = client->cut < sizeof bytes ? client->cut : sizeof bytes;
    size_t count = conn_receive(&client->conn, bytes, (size_t)rnd_between(1, most));

    if (!count) return false;
    if (client->got < sizeof client->begun) {
        size_t room = sizeof client->begun - (size_t)client->got;
        memcpy(client->begun + client->got, bytes, count < room ? count : room);
    }
    if (client->got == 0 && begins_refusal(bytes[0])) client->refused = true;
    client->got += count;
    if (!client->refused) model->hear(client, bytes, count);
    return true;
}

/* Returns the time of the server's next review, about half a second later: the server looks when the clock ticks. */
static uint64_t at_review(uint64_t time)
{
    return ((time + 500000) / plan.tick + rnd(3) - 1) * plan.tick + rnd(100);
}

static bool client_send(Client *client)
{
    char bytes[CHUNK];
    size_t most = client->cut < sizeof bytes ? client->cut : sizeof bytes, count;

    if (client->said || now < client->silent) return false;
    if (plan.crowd && client->got < client->sent && chance(900)) return false; /* nearly always one at a time */
    count = model->say(client, bytes, plan.lulls ? most : (size_t)rnd_between(1, most));
    if (count) count = conn_send(&client->conn, bytes, count);
    client->sent += count;
    if (count) model->spoke(client);
    if (count && plan.lulls) client->silent = at_review(now);
    if (count && chance(client->rests)) client->silent = now + rnd_between(1000, 3000000);
    stats->bytes += count;
    return count > 0;
}

/* Does what the client does of its own accord, at the time drawn for it. Returns true when that was its end. */
static bool client_act(Client *client)
{
    bool doomed = now >= client->doom;

    if (client->manner == HASTY && doomed)
        conn_close(&client->conn);
    else if (client->manner == RESETTER && doomed)
        conn_reset(&client->conn);
    else if (client->manner == CLOSER && client->said && model->content(client))
        conn_close(&client->conn);
    else if (!(client->manner == VANISHER && doomed))
        return false;
    client_over(client);
    return true;
}

/* Returns true when anything happened. */
static bool client_live(Client *client)
{
    Conn *conn = &client->conn;
    bool busy = false;

    if (client_reads(client)) busy = client_read(client);
    if (client->eof || (conn->down.fin && client_reads(client) && !conn->down.count)) {
        client->eof = true;
        client_ended(client);
        return true;
    }
    if (conn->reset_by_server && !conn->down.count) {
        client->reset = true;
        client_ended(client);
        return true;
    }
    if (!client->refused && client_send(client)) busy = true;
    if (!client->said && client->sent == client->total) {
        client->said = busy = true;
        if (client->manner == POLITE || client->manner == LATE) conn_fin(conn);
    }
    if (client_act(client)) return true;
    return busy;
}

static void client_check_patience(const Client *client)
{
    if (!client_prompt(client) || client->conn.excused || interrupt_time() != NEVER) return;
    if (now - client->last < PATIENCE) return;
    if (!client->conn.accepted) violation("client %d was never accepted", client->id);
    if (!model->content(client) || (client->manner == POLITE && client->said))
        violation("client %d waits and waits: sent %lu, got %lu", client->id, (unsigned long)client->sent,
                  (unsigned long)client->got);
}

static void client_look(void *argument)
{
    Client *client = (Client *)argument;

    if (client->over) return;
    if (!client->connected) {
        client->last = now;
        tell("client %d connects", client->id);
        client->connected = conn_open(&client->conn, client->id);
        if (!client->connected) {
            happen_in(500000, client_look, client); /* Windows, too, tries again */
            return;
        }
    }
    if (client_live(client)) {
        client->last = now;
        client->idle = 0;
    } else {
        client_check_patience(client);
        client->idle = client->idle < (client_prompt(client) ? 5000 : 100000) ? 2 * client->idle + 100 : client->idle;
    }
    if (client->over) return;
    if (plan.lulls && now < client->silent)
        happen_in(client->silent - now, client_look, client);
    else
        happen_in(client->idle + rnd_between(1, client->pace), client_look, client);
}

/* ---- all of them ---- */

static Client *client_new(void)
{
    Client *client = (Client *)arena(sizeof *client);
    static const int likely[] = { POLITE, POLITE, POLITE, CLOSER, CLOSER, STAYER, STAYER };

    if (client_count == MAX_SCRIPTED) violation("more clients than the simulator has");
    client->id = client_count + 1;
    clients[client_count++] = client;
    client->manner = chance(700) ? (Manner)likely[rnd(7)] : (Manner)rnd(MANNERS);
    client->pace = rnd_between(1, plan.attack ? 1000 : 20000);
    client->cut = plan.bulk || plan.attack ? CHUNK : (size_t)rnd_between(1, CHUNK);
    client->doom = now + rnd_between(1, 2 * plan.span);
    if (plan.flood) client->manner = client_count == 3 ? DEAF : client->manner == DEAF ? STAYER : client->manner;
    if (plan.lulls) client->manner = STAYER;
    if (plan.crowd) {
        client->pace = rnd_between(1, 3000);
        client->cut = (size_t)rnd_between(1, 300);
        client->rests = chance(300) ? 0 : (unsigned)rnd_between(1, 100);
        if (chance(250)) client->silent = now + rnd_between(1000, 3000000); /* it is idle at first */
    }
    model->prepare(client);
    stats->clients++;
    return client;
}

void clients_start(void)
{
    static const Model *const models[] = { &echo_model, &chat_model, &upper_model, &quiz_model };

    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        if (strcmp(plan.mode, models[i]->mode) == 0) model = models[i];
    }
    served_at_once = plan.max_clients;
    if (plan.max_per_ip && (!served_at_once || plan.max_per_ip < served_at_once)) served_at_once = plan.max_per_ip;
    for (int i = 0; i < plan.clients; i++) happen_in(rnd(plan.span), client_look, client_new());
}

/* Sends one more client when nothing fails anymore: is the server alive? */
void clients_witness(void)
{
    Client *client = client_new();

    client->manner = chance(500) ? POLITE : CLOSER;
    client->witness = true;
    happen_in(0, client_look, client);
}

bool clients_busy(void)
{
    for (int i = 0; i < client_count; i++) {
        const Client *client = clients[i];
        if (client->over || client->manner == DEAF || client->manner == VANISHER) continue;
        if (client->manner == STAYER && client->said && model->content(client)) continue;
        return true;
    }
    return false;
}

int clients_total(void)
{
    return client_count;
}

void clients_finish(void)
{
    for (int i = 0; i < client_count; i++) {
        const Client *client = clients[i];
        if (client->connected && !client->over && client_prompt(client) && !client->conn.excused
            && client->conn.accepted)
            violation("client %d was never told that the server is down", client->id);
        if (client->conn.accepted && !client->conn.server_closed)
            violation("the socket of client %d was not closed", client->id);
    }
    if (model) model->finish(); /* no client ever came */
}
