/* seed.c - random numbers, the plan that the seed draws for the whole run, and the calls that fail. */
#include "sim.h"

Plan plan;
const char *plan_only;
bool verbose;
Stats *stats;
int faults_loose;

/* ---- random numbers ---- */

static uint64_t state;

static uint64_t rnd_bits(void)
{
    uint64_t z = (state += 0x9E3779B97F4A7C15u); /* splitmix64 */

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

uint64_t rnd(uint64_t below)
{
    return rnd_bits() % below;
}

uint64_t rnd_between(uint64_t least, uint64_t most)
{
    int bits = 0;

    while ((most - least) >> bits) bits++;
    for (;;) {
        uint64_t value = rnd((uint64_t)1 << rnd((uint64_t)bits + 1));
        if (value <= most - least) return least + value;
    }
}

bool chance(unsigned in_thousand)
{
    return rnd(1000) < in_thousand;
}

/* ---- which calls fail ---- */

/* The errors that Microsoft Learn lists for the call, as far as they can happen to this server. 1 stands for a call
 * that has no error code. */
static const int errors[CALLS][6] = {
    [CALL_WSAStartup] = { WSASYSNOTREADY, WSAVERNOTSUPPORTED, WSAEPROCLIM },
    [CALL_WSASocketW] = { WSAEAFNOSUPPORT, WSAEMFILE, WSAENOBUFS },
    [CALL_setsockopt] = { WSAENETDOWN, WSAENOPROTOOPT, WSAEINVAL },
    [CALL_setsockopt_later] = { WSAENETDOWN, WSAENOPROTOOPT, WSAEINVAL },
    [CALL_bind] = { WSAEADDRINUSE, WSAEACCES, WSAEADDRNOTAVAIL, WSAENOBUFS },
    [CALL_listen] = { WSAEADDRINUSE, WSAEMFILE, WSAENOBUFS },
    [CALL_getsockname] = { WSAENETDOWN },
    [CALL_accept] = { WSAECONNRESET, WSAEMFILE, WSAENOBUFS, WSAENETDOWN },
    [CALL_WSACreateEvent] = { WSA_NOT_ENOUGH_MEMORY },
    [CALL__beginthreadex] = { ERROR_NOT_ENOUGH_MEMORY },
    [CALL_SetConsoleCtrlHandler] = { ERROR_NOT_ENOUGH_MEMORY },
    [CALL_WSARecv] = { WSAENOBUFS, WSAECONNRESET, WSAECONNABORTED, WSAENETRESET, WSAETIMEDOUT },
    [CALL_WSASend] = { WSAENOBUFS, WSAECONNRESET, WSAECONNABORTED, WSAENETRESET },
    [CALL_WSAGetOverlappedResult] = { WSAECONNRESET, WSAECONNABORTED, WSAENETRESET, WSAETIMEDOUT },
    [CALL_WSAWaitForMultipleEvents] = { WSA_NOT_ENOUGH_MEMORY, WSAENETDOWN },
    [CALL_shutdown] = { WSAENOTCONN, WSAECONNRESET, WSAECONNABORTED, WSAENETDOWN },
    [CALL_malloc] = { 1 },
    [CALL_calloc] = { 1 },
    [CALL_realloc] = { 1 },
    [CALL_inet_ntop] = { WSAEFAULT },
    [CALL_GetStdHandle] = { ERROR_INVALID_HANDLE },
    [CALL_GetConsoleMode] = { ERROR_INVALID_HANDLE },
    [CALL_SetConsoleMode] = { ERROR_INVALID_HANDLE },
    [CALL_WriteFile] = { 109, 232 }, /* ERROR_BROKEN_PIPE, ERROR_NO_DATA: nobody reads */
    [CALL_SetConsoleTextAttribute] = { ERROR_INVALID_HANDLE },
    [CALL_GetConsoleScreenBufferInfo] = { ERROR_INVALID_HANDLE },
    [CALL_WriteConsoleW] = { ERROR_INVALID_HANDLE },
    [CALL_QueryPerformanceCounter] = { 0 }, /* "will always succeed" since Windows XP */
    [CALL_FoldStringW] = { ERROR_INVALID_PARAMETER },
    [CALL_GetStringTypeW] = { ERROR_INVALID_PARAMETER },
    [CALL_CreateFileA] = { ERROR_ACCESS_DENIED },
    [CALL_CreateFileW] = { ERROR_ACCESS_DENIED, ERROR_PATH_NOT_FOUND },
    [CALL_TlsAlloc] = { ERROR_NOT_ENOUGH_MEMORY },
    [CALL_socket] = { WSAEMFILE, WSAENOBUFS, WSAEAFNOSUPPORT },
    [CALL_WSAPoll] = { WSAENETDOWN, WSAENOBUFS },
    [CALL_WSAIoctl] = { WSAEFAULT, WSAENETDOWN },
    [CALL_CancelIoEx] = { ERROR_NOT_FOUND, ERROR_INVALID_HANDLE },
    [CALL_closesocket] = { WSAENETDOWN },
    [CALL_WSASetEvent] = { WSA_INVALID_HANDLE },
    [CALL_WSAResetEvent] = { WSA_INVALID_HANDLE },
    [CALL_WSACloseEvent] = { WSA_INVALID_HANDLE },
    [CALL_WaitForSingleObject] = { ERROR_INVALID_HANDLE },
    [CALL_CloseHandle] = { ERROR_INVALID_HANDLE },
    [CALL_WSACleanup] = { WSAENETDOWN },
    [CALL_ReadFile] = { 109 },
    [CALL_ReadConsoleW] = { ERROR_INVALID_HANDLE },
    [CALL_PeekConsoleInputW] = { ERROR_INVALID_HANDLE },
    [CALL_ReadConsoleInputW] = { ERROR_INVALID_HANDLE },
};

static struct {
    bool on;
    bool may[CALLS];
    unsigned rate; /* in 10,000 */
    Call once;     /* with rate 0: this call, and only ... */
    uint64_t nth;  /* ... its nth */
    uint64_t made[CALLS];
    bool aimed; /* this one waits for a moment when it may do harm */
    bool fatal, excuse, any;
} faults;

/* Half of the seeds have no failure, a quarter have exactly one (in chat, half of these at the worst moment), a quarter
 * have many, of one call or of several. */
static void faults_draw(void)
{
    static const Call busy[] = { CALL_WSASend, CALL_WSASend, CALL_WSARecv, CALL_WSAGetOverlappedResult, CALL_realloc };
    uint64_t kind = rnd(8);

    faults.on = kind >= 4;
    if (!faults.on) return;
    faults.aimed = kind == 4 && plan.mode[0] == 'c';
    if (faults.aimed) { /* many sends are about to complete */
        plan.latency = rnd_between(5000, 30000);
        plan.at_once = (unsigned)rnd(50);
    }
    if (kind < 6) {
        do {
            faults.once = (Call)rnd(CALLS);
        } while (!errors[faults.once][0]);
        faults.nth = chance(400) ? 1 : rnd_between(1, 60);
        return;
    }
    if (chance(400)) {
        faults.rate = (unsigned)rnd_between(50, 1000);
        faults.may[busy[rnd(sizeof busy / sizeof *busy)]] = true;
        return;
    }
    faults.rate = (unsigned)(kind == 6 ? rnd_between(5, 50) : rnd_between(50, 1000));
    for (int i = 0; i < CALLS; i++) /* start-up calls are left out, or few runs would start */
        faults.may[i] =
            i > CALL_setsockopt && i != CALL_bind && i != CALL_listen && i != CALL_SetConsoleCtrlHandler && chance(400);
}

void faults_stop(void)
{
    faults.on = false;
}

bool faults_any(void)
{
    return faults.any;
}

bool fault_excuses_end(void)
{
    return faults.excuse;
}

bool fault_was_fatal(void)
{
    return faults.fatal;
}

static bool fault_due(Call call)
{
    faults.made[call]++;
    if (!faults.on || !errors[call][0]) return false;
    if (!faults.rate) return call == faults.once && faults.made[call] == faults.nth;
    return faults.may[call] && (console_announced() || call > CALL_SetConsoleCtrlHandler)
           && rnd(10000) < (call == CALL__beginthreadex ? 20 : 1) * faults.rate; /* it is called only now and then */
}

/* Returns true for failures with which the server cannot start; it can do without all others, at start-up or later. */
static bool fault_fatal(Call call, int error)
{
    if (console_announced()) return false;
    if (call == CALL_WSASocketW) return error != WSAEAFNOSUPPORT || plan.bind != 0;
    return call == CALL_WSAStartup || call == CALL_setsockopt || call == CALL_bind || call == CALL_listen
           || call == CALL_WSACreateEvent || call == CALL_SetConsoleCtrlHandler
           || (call == CALL__beginthreadex && !listener_is_open()) /* the keyboard's thread comes later */
           || call == CALL_TlsAlloc || call == CALL_calloc || call == CALL_malloc || call == CALL_CreateFileW;
}

static int call_fail(Call call, Conn *conn)
{
    int count = 0, error;

    while (count < 6 && errors[call][count]) count++;
    error = errors[call][rnd((uint64_t)count)];
    stats->failed[call]++;
    faults.any = true;
    if (fault_fatal(call, error)) {
        faults.excuse = true;
        if (interrupt_time() == NEVER) faults.fatal = true;
    }
    if (!conn && sched_self()->id == 1) conn = listener_last(); /* Main was busy with that one */
    if (conn)
        conn->excused = true;
    else if (call == CALL_malloc || call == CALL_calloc || call == CALL_realloc)
        faults_loose++;
    if (call != CALL_WSAGetOverlappedResult) sched_self()->last_error = error;
    tell("   this call fails: %d", error);
    return error;
}

int call_fault(Call call, Conn *conn)
{
    return !faults.aimed && fault_due(call) ? call_fail(call, conn) : 0;
}

int call_fault_aimed(Call call, Conn *conn)
{
    if (!faults.on || !faults.aimed) return 0;
    faults.on = false; /* and that was the one */
    return call_fail(call, conn);
}

/* Returns false for inline code, or for code of the C library and the like. */
static bool in_kernel(Call call)
{
    switch (call) {
    case CALL_EnterCriticalSection:
    case CALL_LeaveCriticalSection:
    case CALL_AcquireSRWLockExclusive:
    case CALL_ReleaseSRWLockExclusive:
    case CALL_Interlocked:
    case CALL_HasOverlappedIoCompleted:
    case CALL_GetTickCount64:
    case CALL_GetLocalTime:
    case CALL_GetCurrentThreadId:
    case CALL_TlsGetValue:
    case CALL_TlsSetValue:
    case CALL_FoldStringW:
    case CALL_GetStringTypeW:
    case CALL_inet_ntop:
    case CALL_inet_pton:
    case CALL_QueryPerformanceCounter:
    case CALL_MultiByteToWideChar:
    case CALL_WideCharToMultiByte:
    case CALL_CompareStringOrdinal:
    case CALL_malloc:
    case CALL_calloc:
    case CALL_realloc:
    case CALL_free: return false;
    default: return true;
    }
}

void call_begin(Call call)
{
    stats->made[call]++;
    /* A call that succeeds may change it, and here it does; these two are inline code, not calls. */
    if (call != CALL_Interlocked && call != CALL_HasOverlappedIoCompleted) sched_self()->last_error = 4711;
    sched_point_after(in_kernel(call));
}

/* ---- the plan ---- */

static void plan_draw_clients(void)
{
    uint64_t kind = rnd(100);

    if (kind < 60)
        plan.clients = (int)rnd_between(1, 8);
    else if (kind < 78)
        plan.clients = (int)rnd_between(9, 40);
    else if (kind < 95)
        plan.clients = 60 + (int)rnd(35);
    else if (kind < 99)
        plan.clients = 120 + (int)rnd(51);
    else
        plan.clients = 220 + (int)rnd(30); /* more than may wait for accept */
    plan.bulk = plan.clients <= 4 && chance(300);
    plan.crowd = (plan.mode[0] == 'e' || plan.mode[0] == 'u') && plan.clients > 62 && chance(850);
    if (chance(plan.crowd ? 50 : 200)) plan.max_clients = (int)rnd_between(1, (uint64_t)plan.clients);
}

static void plan_draw_flood(void)
{
    plan.clients = (int)rnd_between(3, 6);
    plan.max_clients = plan.max_per_ip = 0;
    plan.bulk = true;
    plan.short_sends = false;
    plan.whole = plan.at_once = 90;
    plan.latency = rnd_between(1, 1000);
    plan.window = (size_t)rnd_between(32768, 131072);
}

/* The last line, which is said while large buffers are shrunk, must reach everybody. */
static void plan_draw_lulls(void)
{
    plan.clients = (int)rnd_between(2, 8);
    plan.max_clients = plan.max_per_ip = 0;
    plan.bulk = true;
    plan.whole = plan.at_once = 90;
    plan.window = (size_t)rnd_between(32768, 131072);
    plan.span = rnd_between(1, 2000);
    plan.stop_at = NEVER;
}

/* Returns how many hostile clients there are, which depends on what they do. */
static int draw_hostile(Attack attack)
{
    static const int least[ATTACKS] = { 0, 2, 3, 20, 6, 6, 20, 20, 3 },
                     most[ATTACKS] = { 0, 4, 60, 70, 20, 20, 70, 60, 30 };

    return least[attack] + (int)rnd((uint64_t)(most[attack] - least[attack] + 1));
}

static void plan_draw_attack(void)
{
    int kinds = plan.mode[0] == 'c' ? ATTACKS : ECHO_KINDS;

    plan.attack = (Attack)(1 + rnd((uint64_t)kinds - 1));
    plan.starved = kinds == ATTACKS && chance(100);
    if (plan.starved) plan.attack = LINES;
    plan.second = plan.starved || chance(700) ? plan.attack : (Attack)(1 + rnd((uint64_t)kinds - 1));
    plan.hostile = draw_hostile(plan.attack);
    if (plan.second != plan.attack) plan.hostile += draw_hostile(plan.second);
    plan.attack_time = 1200000 + rnd(800000);
    plan.resets = chance(500) ? 0 : (unsigned)rnd_between(1, 30);
    plan.clients = (int)rnd_between(1, 4);
    plan.max_clients = plan.max_per_ip = 0;
    plan.bulk = plan.short_sends = false;
    plan.whole = (unsigned)(50 + rnd(51));
    plan.latency = rnd_between(1, 5000);
    plan.window = (size_t)rnd_between(16384, 65536);
    plan.hush = plan.attack >= ECHO_KINDS && plan.attack == plan.second && chance(250);
    if (plan.hush) { /* the server has more unread bytes than it can handle before it must notice a reset */
        plan.clients = 1;
        plan.span = 1000;
        plan.whole = 100;
        plan.window = 131072;
    }
    if (plan.starved) plan.attack_time = 5000000;
    if (plan.hush || plan.starved) plan.resets = 0;
    plan.stop_at = !plan.hush && !plan.starved && chance(250) ? rnd(2000000) : NEVER;
    plan.timed = plan.starved || chance(800);
    if (chance(400)) plan.trace = true;
    if (!plan.timed) return;
    plan.stall_rate = plan.console = 0;
    plan.narration = SILENT;
}

/* In half of the runs the clients have nothing more to say and the operator goes on. */
static void plan_draw_operator(void)
{
    plan.operator_lines = (int)rnd_between(1, 30);
    plan.operator_stays = chance(500);
}

static void plan_draw_trace(void)
{
    plan.trace = chance(80);
    plan.narration = plan.trace && chance(500) ? chance(300) ? STEPPED : TOLD : SILENT;
    plan.disk = chance(500) ? 50 : 0;
}

/* Draws the kind of run that was asked for. */
static void plan_draw_only(void)
{
    plan.options_only = plan.crowd = false;
    if (plan_only[0] == 'f')
        plan_draw_attack();
    else
        plan_draw_operator();
}

/* Draws what is special about the run: at most one of a flood, lulls and an attack, and perhaps an operator. */
static void plan_draw_kind(void)
{
    const char *mode = plan.mode;

    if (plan_only) {
        plan_draw_only();
        return;
    }
    plan.flood = mode[0] == 'c' && !plan.options_only && chance(20);
    if (plan.flood) plan_draw_flood();
    plan.lulls = mode[0] == 'c' && !plan.options_only && !plan.flood && chance(60);
    if (plan.lulls) plan_draw_lulls();
    if (!plan.options_only && !plan.flood && !plan.lulls && !plan.crowd && chance(mode[0] == 'c' ? 20 : 12)
        && (mode[0] == 'c' || mode[0] == 'e'))
        plan_draw_attack();
    if (mode[0] == 'c' && !plan.options_only && !plan.attack && !plan.lulls && chance(300)) plan_draw_operator();
}

void plan_draw(uint64_t seed, const char *mode)
{
    static const unsigned rates[] = { 5, 20, 100, 300, 600 };

    state = seed * 0xD1342543DE82EF95u + (uint64_t)(unsigned char)mode[0];
    plan.seed = seed;
    plan.mode = mode;
    plan.options_only = chance(25);
    plan_draw_clients();
    if (chance(60)) plan.max_per_ip = (int)rnd_between(1, (uint64_t)plan.clients);
    plan.quiet = chance(150);
    plan.bind = chance(200) ? (int)rnd_between(1, 2) : 0;
    plan.switch_rate = rates[rnd(5)];
    plan.stall_rate = chance(500) ? 0 : (unsigned)rnd_between(1, 20);
    plan.at_once = (unsigned)rnd(101);
    plan.whole = (unsigned)rnd(101);
    plan.swallowed = chance(300) ? 0 : (unsigned)rnd(101);
    plan.short_sends = chance(400);
    plan.reuse = chance(500);
    plan.backlog = (unsigned)(200 + rnd(60));
    plan.latency = rnd_between(1, 30000);
    plan.window = plan.bulk && chance(500) ? 128 * 1024 : (size_t)rnd_between(200, 70000);
    plan.tick = chance(500) ? 1000 : 15625;
    plan.span = rnd_between(1000, 3000000);
    if (plan.crowd) plan.span = rnd_between(1000, 100000);
    plan.stop_at = chance(plan.crowd ? 100 : 400) ? (chance(100) ? 0 : rnd_between(1000, 2 * plan.span)) : NEVER;
    if (plan.clients > 200) plan.span = rnd_between(1, 200);
    if (mode[0] == 'c' && plan.window < 4000) plan.window += 4000;
    plan.codepage = mode[0] == 'c' && !plan.options_only && chance(400);
    plan_draw_trace();
    plan.console = chance(150) ? (unsigned)rnd_between(1, 300) : 0;
    plan_draw_kind();
    if (!plan.timed) faults_draw();
}
