/* util.cpp - start-up and tear-down: options, Winsock, the listening socket, sessions, the console, errors, the
 * trace. */
#include "Overlapped.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION "1.0"

enum {
    LINE_BYTES = 5 * 1024,   /* of one line on the console */
    BLOCK_BYTES = 16 * 1024, /* a buffer of this size is large */
    SPINS = 4000             /* tries before a thread sleeps for cs: it is held for a few instructions */
};

/* ---- the console ---- */

static bool console_quiet;
static volatile LONG console_interrupts; /* how often the user asked for the end */
static SOCKET listen_sock_open;
static volatile LONG listen_is_open; /* whoever sets it back closes the socket */
static UINT console_codepage;        /* as they were, for console_restore() */
static DWORD console_mode;

/* One WriteFile a line keeps the lines of several threads apart. Not the C library's stdout: to a console that
 * translates every byte by itself, under Wine at 20 ms a line and to the ruin of UTF-8. */
static void console_write(DWORD handle, const char *line)
{
    DWORD written;

    WriteFile(GetStdHandle(handle), line, (DWORD)strlen(line), &written, NULL);
}

void log_line(const char *format, ...)
{
    char line[LINE_BYTES];
    SYSTEMTIME now;
    va_list args;
    int used;

    if (console_quiet) return;
    GetLocalTime(&now);
    used = snprintf(line, sizeof line, "%02d:%02d:%02d ", now.wHour, now.wMinute, now.wSecond);
    va_start(args, format);
    vsnprintf(line + used, sizeof line - (size_t)used - 1, format, args);
    va_end(args);
    strcat(line, "\n");
    console_write(STD_OUTPUT_HANDLE, line);
}

void log_error(int error, const char *format, ...)
{
    char line[LINE_BYTES], text[LINE_BYTES / 2];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (error) {
        snprintf(line, sizeof line, "server: %s: %s (%d)\n", text, error_name(error), error);
    } else {
        snprintf(line, sizeof line, "server: %s\n", text);
    }
    console_write(STD_ERROR_HANDLE, line);
}

const char *error_name(int error)
{
    switch (error) {
    case ERROR_INVALID_HANDLE: return "WSA_INVALID_HANDLE";
    case ERROR_NOT_ENOUGH_MEMORY: return "WSA_NOT_ENOUGH_MEMORY";
    case ERROR_OPERATION_ABORTED: return "WSA_OPERATION_ABORTED";
    case ERROR_IO_PENDING: return "WSA_IO_PENDING";
    case WSAEACCES: return "WSAEACCES";
    case WSAEMFILE: return "WSAEMFILE";
    case WSAENOTSOCK: return "WSAENOTSOCK";
    case WSAEAFNOSUPPORT: return "WSAEAFNOSUPPORT";
    case WSAEADDRINUSE: return "WSAEADDRINUSE";
    case WSAEADDRNOTAVAIL: return "WSAEADDRNOTAVAIL";
    case WSAENETDOWN: return "WSAENETDOWN";
    case WSAENETRESET: return "WSAENETRESET";
    case WSAECONNABORTED: return "WSAECONNABORTED";
    case WSAECONNRESET: return "WSAECONNRESET";
    case WSAENOBUFS: return "WSAENOBUFS";
    case WSAENOTCONN: return "WSAENOTCONN";
    case WSAESHUTDOWN: return "WSAESHUTDOWN";
    case WSAETIMEDOUT: return "WSAETIMEDOUT";
    default: return "error";
    }
}

static void listen_close(void)
{
    if (InterlockedExchange(&listen_is_open, 0)) closesocket(listen_sock_open);
}

/* Runs on a thread that Windows makes for it. The first time it closes the listening socket, which ends Main's
 * accept; the second time it leaves the matter to Windows, which ends the process at once. */
static BOOL WINAPI console_event(DWORD type)
{
    if (InterlockedIncrement(&console_interrupts) > 1) return FALSE;
    listen_close();

    /* When the window is closed, Windows ends the process as soon as this returns ("HandlerRoutine callback
     * function"). Main's return from main() ends this wait. */
    if (type != CTRL_C_EVENT && type != CTRL_BREAK_EVENT) Sleep(INFINITE);
    return TRUE;
}

bool console_interrupted(void)
{
    return InterlockedCompareExchange(&console_interrupts, 0, 0) != 0;
}

/* UTF-8 out, Ctrl+C to us, and no QuickEdit: a selection in the window would block whoever prints. */
static bool console_prepare(LPServer server)
{
    HANDLE input = GetStdHandle(STD_INPUT_HANDLE);

    console_quiet = server->options.quiet || server->options.trace;
    console_codepage = GetConsoleOutputCP();
    SetConsoleOutputCP(CP_UTF8);
    if (GetConsoleMode(input, &console_mode)) {
        SetConsoleMode(input, (console_mode & ~(DWORD)ENABLE_QUICK_EDIT_MODE) | ENABLE_EXTENDED_FLAGS);
    } else {
        console_mode = 0; /* standard input is no console */
    }
    /* The first call undoes "ignore Ctrl+C", which a child inherits from its parent. */
    return SetConsoleCtrlHandler(NULL, FALSE) && SetConsoleCtrlHandler(console_event, TRUE);
}

static void console_restore(void)
{
    if (console_codepage) SetConsoleOutputCP(console_codepage);
    if (console_mode) SetConsoleMode(GetStdHandle(STD_INPUT_HANDLE), console_mode | ENABLE_EXTENDED_FLAGS);
}

/* ---- text, addresses, memory ---- */

const char *text_plural(int n)
{
    return n == 1 ? "" : "s";
}

void address_text(const SOCKADDR_STORAGE *addr, char *text, size_t size)
{
    const SOCKADDR_IN *in4 = (const SOCKADDR_IN *)addr;
    const SOCKADDR_IN6 *in6 = (const SOCKADDR_IN6 *)addr;
    char host[INET6_ADDRSTRLEN] = "?";
    bool mapped = addr->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
    const void *ip = addr->ss_family == AF_INET ? (const void *)&in4->sin_addr : (const void *)&in6->sin6_addr;

    if (mapped) ip = &in6->sin6_addr.s6_addr[12];
    inet_ntop(mapped ? AF_INET : addr->ss_family, ip, host, sizeof host);
    snprintf(text, size, strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, ntohs(in4->sin_port));
}

bool address_same(const SOCKADDR_STORAGE *a, const SOCKADDR_STORAGE *b)
{
    if (a->ss_family == AF_INET) {
        return memcmp(&((const SOCKADDR_IN *)a)->sin_addr, &((const SOCKADDR_IN *)b)->sin_addr, sizeof(IN_ADDR)) == 0;
    }
    return memcmp(&((const SOCKADDR_IN6 *)a)->sin6_addr, &((const SOCKADDR_IN6 *)b)->sin6_addr, sizeof(IN6_ADDR)) == 0;
}

/* The heap would keep the pages of large blocks; the system takes them back at once ("VirtualFree function"). */
static char *block_get(ULONG size)
{
    return (char *)(size < BLOCK_BYTES ? malloc(size)
                                       : VirtualAlloc(NULL, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE));
}

void buffer_free(char *buf, ULONG bufsize)
{
    if (bufsize < BLOCK_BYTES) {
        free(buf);
    } else {
        VirtualFree(buf, 0, MEM_RELEASE);
    }
}

bool buffer_resize(char **buf, ULONG *bufsize, ULONG size)
{
    char *other = block_get(size);

    if (!other) return false;
    if (*buf) memcpy(other, *buf, size < *bufsize ? size : *bufsize);
    buffer_free(*buf, *bufsize);
    *buf = other;
    *bufsize = size;
    return true;
}

/* ---- the trace ---- */

bool trace_on;
static bool trace_lines, trace_color;
static WORD trace_plain; /* the console's colours as they were */
static FILE *trace_file;
static CRITICAL_SECTION trace_cs; /* keeps steps in the order in which they happened; cs is never taken inside */
static LARGE_INTEGER trace_start, trace_frequency;

/* The console's colours. */
enum {
    TRACE_PLAIN = 0, /* as it is */
    TRACE_BLUE = FOREGROUND_BLUE | FOREGROUND_GREEN,
    TRACE_YELLOW = FOREGROUND_RED | FOREGROUND_GREEN,
    TRACE_GREEN = FOREGROUND_GREEN | FOREGROUND_INTENSITY,
    TRACE_BRIGHT = FOREGROUND_RED | FOREGROUND_GREEN | FOREGROUND_BLUE | FOREGROUND_INTENSITY
};

#define TRACE_LOOK(step, phase, of_session, is_send, bar, cname, color)                                                \
    { phase, of_session, is_send, bar, cname, color },
static const struct {
    char phase;
    bool of_session, is_send;
    const char *bar, *cname;
    int color;
} trace_looks[TRACE_STEP_COUNT] = { TRACE_STEPS(TRACE_LOOK) };
#undef TRACE_LOOK

const char *trace_preview(char text[PREVIEW_BYTES], const char *data, ULONG bytes)
{
    size_t used = 2;
    ULONG i;

    strcpy(text, bytes ? " \"" : "");
    for (i = 0; i < bytes && used < PREVIEW_BYTES - 7; i++) {
        char c = data[i];
        if (c == '\r' || c == '\n') text[used++] = '\\';
        text[used++] = c == '\r' ? 'r' : c == '\n' ? 'n' : c >= ' ' && c <= '~' && c != '"' && c != '\\' ? c : '.';
    }
    if (bytes) strcpy(text + used, i < bytes ? "\"..." : "\"");
    return text;
}

static unsigned long long trace_now(void)
{
    LARGE_INTEGER now;

    QueryPerformanceCounter(&now);
    return (unsigned long long)(now.QuadPart - trace_start.QuadPart) * 1000000u
           / (unsigned long long)trace_frequency.QuadPart;
}

/* The first `length` bytes of `text` as a JSON string: all is ASCII without control characters. */
static void trace_quote(const char *text, size_t length)
{
    fputc('"', trace_file);
    for (; *text && length > 0; text++, length--) {
        if (*text == '"' || *text == '\\') fputc('\\', trace_file);
        fputc(*text, trace_file);
    }
    fputc('"', trace_file);
}

/* Threads are lanes of "process" 1, sessions of "process" 2: one for the receive, one for the send. */
static void trace_event(TraceStep step, unsigned long long now, int thread, unsigned long id, const char *text)
{
    char phase = trace_looks[step].phase;
    bool of_session = trace_looks[step].of_session;
    const char *bar = trace_looks[step].bar;

    fprintf(trace_file, ",\n{\"ph\":\"%c\",\"ts\":%llu,\"pid\":%d,\"tid\":%lu", phase, now, of_session ? 2 : 1,
            of_session ? 2 * id + trace_looks[step].is_send : (unsigned long)thread);
    if (phase != 'E') {
        fputs(",\"name\":", trace_file);
        trace_quote(*bar ? bar : text, *bar ? strlen(bar) : strcspn(text, "("));
    }
    if (phase == 'B') fprintf(trace_file, ",\"cname\":\"%s\"", trace_looks[step].cname);
    if (phase == 'i') fputs(",\"s\":\"t\"", trace_file);
    if (*text) {
        fprintf(trace_file, ",\"args\":{\"%s\":", phase == 'E' ? "result" : "call");
        trace_quote(text, strlen(text));
        fputc('}', trace_file);
    }
    fputc('}', trace_file);
}

/* Names a lane, or as "process" a group of lanes, and gives it its place. */
static void trace_name(const char *what, int process, unsigned long lane, const char *name)
{
    unsigned long place = strcmp(what, "process") == 0 ? (unsigned long)process : lane;

    if (!trace_file) return;
    EnterCriticalSection(&trace_cs);
    fprintf(trace_file, ",\n{\"ph\":\"M\",\"name\":\"%s_name\",\"pid\":%d,\"tid\":%lu,\"args\":{\"name\":\"%s\"}}",
            what, process, lane, name);
    fprintf(trace_file,
            ",\n{\"ph\":\"M\",\"name\":\"%s_sort_index\",\"pid\":%d,\"tid\":%lu,\"args\":{\"sort_index\":%lu}}", what,
            process, lane, place);
    LeaveCriticalSection(&trace_cs);
}

void trace_thread(LPProactor proactor)
{
    char name[32];

    snprintf(name, sizeof name, "proactor %d", proactor->number);
    trace_name("thread", 1, (unsigned long)proactor->number, name);
}

/* A session has two lanes, for its receives and for its sends. */
void trace_session(LPSession session)
{
    char name[ADDRESS_BYTES + 32], from[ADDRESS_BYTES];

    address_text(&session->caddr, from, sizeof from);
    snprintf(name, sizeof name, "#%lu %s receive", session->id, from);
    trace_name("thread", 2, 2 * session->id, name);
    snprintf(name, sizeof name, "#%lu %s send", session->id, from);
    trace_name("thread", 2, 2 * session->id + 1, name);
}

static void trace_line(TraceStep step, unsigned long long now, int thread, unsigned long id, const char *text)
{
    HANDLE console = GetStdHandle(STD_OUTPUT_HANDLE);
    char line[LINE_BYTES], who[16] = "main", client[16] = "";
    int color = trace_color ? trace_looks[step].color : 0;

    if (thread) snprintf(who, sizeof who, "proactor %d", thread);
    if (id) snprintf(client, sizeof client, "#%lu", id);
    snprintf(line, sizeof line, "%9llu %-11s %-5s %s%s\n", now, who, client, step == HANDLER_BEGIN ? "handler: " : "",
             text);
    if (color) SetConsoleTextAttribute(console, (WORD)color);
    console_write(STD_OUTPUT_HANDLE, line);
    if (color) SetConsoleTextAttribute(console, trace_plain);
}

void trace_posted(LPSession session, LPWSAOVERLAPPED overlapped, int error)
{
    bool is_send = overlapped == &session->sover;
    Operation operation = is_send ? session->sending : session->receiving;
    ULONG bytes = is_send ? session->swsa[0].len + session->swsa[1].len : session->rwsa.len;
    TraceStep step =
        operation == IDLE ? STEP : (TraceStep)((is_send ? SEND_PENDING : RECV_PENDING) + operation - PENDING);
    char call[48];

    snprintf(call, sizeof call, is_send ? "WSASend(%lu bytes%s)" : "WSARecv(len=%lu%s)", bytes,
             is_send && session->swsa[0].len && session->swsa[1].len ? " in 2 WSABUFs" : "");
    if (operation == IDLE) {
        trace(step, session->proactor, session, "%s -> SOCKET_ERROR, %s (%d)", call, error_name(error), error);
    } else if (operation == DONE) {
        trace(step, session->proactor, session, "%s -> 0: finished at once", call);
    } else {
        trace(step, session->proactor, session, "%s -> WSA_IO_PENDING (997): returned at once, %s", call,
              is_send ? "enough is buffered" : "nothing yet");
    }
}

void trace(TraceStep step, LPProactor proactor, LPSession session, const char *format, ...)
{
    char text[256] = "";
    int thread = proactor ? proactor->number : 0;
    unsigned long long now;
    va_list args;

    if (format) {
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
    }
    EnterCriticalSection(&trace_cs);
    now = trace_now();
    if (trace_lines && format) trace_line(step, now, thread, session ? session->id : 0, text);
    if (trace_file) trace_event(step, now, thread, session ? session->id : 0, text);
    LeaveCriticalSection(&trace_cs);
}

/* Returns false, having said why, when the file cannot be written. */
static bool trace_open(const Options *options)
{
    CONSOLE_SCREEN_BUFFER_INFO info;

    InitializeCriticalSection(&trace_cs);
    QueryPerformanceFrequency(&trace_frequency);
    QueryPerformanceCounter(&trace_start);
    trace_lines = options->trace;
    if (trace_lines && !getenv("NO_COLOR") && GetConsoleScreenBufferInfo(GetStdHandle(STD_OUTPUT_HANDLE), &info)) {
        trace_color = true; /* not redirected; and these calls work where escape sequences do not, as under Wine */
        trace_plain = info.wAttributes;
    }
    if (options->trace_file) {
        trace_file = fopen(options->trace_file, "w");
        if (!trace_file) {
            log_error(0, "cannot write the trace file %s", options->trace_file);
            return false;
        }
        fputs("[\n{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":1,\"args\":{\"name\":\"threads\"}}", trace_file);
        trace_name("process", 2, 0, "sessions: what is pending");
        trace_name("thread", 1, 0, "main");
    }
    if (trace_lines) console_write(STD_OUTPUT_HANDLE, "       us thread      client what happens\n");
    trace_on = trace_lines || trace_file;
    return true;
}

static void trace_close(void)
{
    trace_on = false;
    if (trace_file) {
        fputs("\n]\n", trace_file);
        fclose(trace_file);
    }
    trace_file = NULL;
    DeleteCriticalSection(&trace_cs);
}

/* ---- options ---- */

static const char usage[] = "usage: server.exe [PORT] [--echo|--chat [--codepage N]] [--port N] [--bind ADDR] "
                            "[--max-clients N] [--max-per-ip N] "
                            "[--quiet] [--trace] [--trace-file FILE] [--help] [--version]\n";

static const char help[] =
    "\n"
    "  --echo           send back what comes (the default)\n"
    "  --chat           one room: every line goes to everyone else\n"
    "  --codepage N     of chat clients that do not speak UTF-8 (default: this machine's OEM code page)\n"
    "  --port N         listen on port N, 0 to 65535 (default 9000; 0: a free one)\n"
    "  --bind ADDR      listen on this IPv4 or IPv6 address only (default: on all)\n"
    "  --max-clients N  serve at most N clients, 1 to 10000 (default 1000)\n"
    "  --max-per-ip N   at most N of them from one address (default: no such limit)\n"
    "  --quiet          print only the first line, errors and the totals\n"
    "  --trace          print every step of the Overlapped I/O, as it happens\n"
    "  --trace-file F   write the steps to F, for chrome://tracing or Perfetto\n"
    "  --help           print this and end\n"
    "  --version        print the version and end\n";

/* Ends the process. `value` may be NULL. */
static void option_fail(const char *option, const char *value, const char *why)
{
    log_error(0, "%s%s%s: %s", option, value ? " " : "", value ? value : "", why);
    console_write(STD_ERROR_HANDLE, usage);
    exit(2);
}

static const char *option_value(const char *option, const char *value)
{
    if (!value) option_fail(option, NULL, "its value is missing");
    return value;
}

static int option_number(const char *option, const char *text, int least, int most)
{
    const char *value = option_value(option, text);
    char *end, why[64];
    long number = strtol(value, &end, 10);

    if (end == value || *end || number < least || number > most) {
        snprintf(why, sizeof why, "not a number from %d to %d", least, most);
        option_fail(option, value, why);
    }
    return (int)number;
}

static void option_port(Options *options, const char *option, const char *value)
{
    if (options->port >= 0) option_fail(option, value, "the port was given already");
    options->port = option_number(option, value, 0, 65535);
}

/* Fills `addr` with the numeric address `text`. Returns false when it is none. */
static bool address_parse(const char *text, SOCKADDR_STORAGE *addr)
{
    ZeroMemory(addr, sizeof *addr);
    if (inet_pton(AF_INET, text, &((SOCKADDR_IN *)addr)->sin_addr) == 1) {
        addr->ss_family = AF_INET;
    } else if (inet_pton(AF_INET6, text, &((SOCKADDR_IN6 *)addr)->sin6_addr) == 1) {
        addr->ss_family = AF_INET6;
    }
    return addr->ss_family != AF_UNSPEC;
}

static void option_bind(Options *options, const char *option, const char *text)
{
    SOCKADDR_STORAGE addr;

    options->bind = option_value(option, text);
    if (!address_parse(text, &addr)) option_fail(option, text, "not an IPv4 or IPv6 address");
}

static void option_mode(Options *options, const char *option)
{
    if (options->mode && strcmp(options->mode, option) != 0) {
        option_fail(option, NULL, "only one of --echo and --chat is possible");
    }
    options->mode = option;
}

/* Those with more than two bytes a character, but UTF-8, are of no use here, nor is one that turns ASCII into
 * something else: text is converted in place. */
static void option_codepage(Options *options, const char *option, const char *value)
{
    CPINFO info;

    options->codepage = (UINT)option_number(option, value, 1, 65535);
    if (options->codepage == CP_UTF8) return;
    if (!IsValidCodePage(options->codepage) || !GetCPInfo(options->codepage, &info) || info.MaxCharSize > 2) {
        option_fail(option, value, "no code page of this machine, as 949, 437 or 65001 (UTF-8)");
    }
}

static void print_and_end(const char *text, const char *more)
{
    console_write(STD_OUTPUT_HANDLE, text);
    console_write(STD_OUTPUT_HANDLE, more);
    exit(0);
}

void options_read(Options *options, int argc, char *argv[])
{
    options->port = -1;
    options->max_clients = DEFAULT_CLIENTS;
    for (int i = 1; i < argc; i++) {
        const char *option = argv[i];

        if (strcmp(option, "--echo") == 0 || strcmp(option, "--chat") == 0) {
            option_mode(options, option);
        } else if (strcmp(option, "--port") == 0) {
            option_port(options, option, argv[++i]);
        } else if (strcmp(option, "--bind") == 0) {
            option_bind(options, option, argv[++i]);
        } else if (strcmp(option, "--max-clients") == 0) {
            options->max_clients = option_number(option, argv[++i], 1, MAX_CLIENTS);
        } else if (strcmp(option, "--max-per-ip") == 0) {
            options->max_per_ip = option_number(option, argv[++i], 1, MAX_CLIENTS);
        } else if (strcmp(option, "--codepage") == 0) {
            option_codepage(options, option, argv[++i]);
        } else if (strcmp(option, "--trace") == 0) {
            options->trace = true;
        } else if (strcmp(option, "--trace-file") == 0) {
            options->trace_file = option_value(option, argv[++i]);
        } else if (strcmp(option, "--quiet") == 0) {
            options->quiet = true;
        } else if (strcmp(option, "--help") == 0) {
            print_and_end(usage, help);
        } else if (strcmp(option, "--version") == 0) {
            print_and_end("server.exe " VERSION, "\n");
        } else if (option[0] == '-') {
            option_fail(option, NULL, "no such option");
        } else {
            option_port(options, "PORT", option);
        }
    }
    options->chat = options->mode && strcmp(options->mode, "--chat") == 0;
    if (options->codepage && !options->chat) option_fail("--codepage", NULL, "goes with --chat only");
    if (!options->codepage) options->codepage = GetOEMCP();
    if (options->port < 0) options->port = DEFAULT_PORT;
}

/* ---- the listening socket ---- */

/* Fills `addr` with the address to listen on. */
static void listen_address(const Options *options, SOCKADDR_STORAGE *addr, bool ipv6)
{
    if (options->bind) {
        address_parse(options->bind, addr);
    } else {
        address_parse(ipv6 ? "::" : "0.0.0.0", addr); /* every address */
    }
    /* The port stands at the same place in SOCKADDR_IN and SOCKADDR_IN6. */
    ((SOCKADDR_IN *)addr)->sin_port = htons((unsigned short)options->port);
}

/* A socket for overlapped I/O; the sockets that accept() makes from it are so as well. */
static SOCKET listen_socket(const Options *options, SOCKADDR_STORAGE *addr)
{
    SOCKET sock;

    listen_address(options, addr, true);
    sock = WSASocketW(addr->ss_family, SOCK_STREAM, IPPROTO_TCP, NULL, 0, WSA_FLAG_OVERLAPPED);
    if (sock == INVALID_SOCKET && WSAGetLastError() == WSAEAFNOSUPPORT && !options->bind) {
        listen_address(options, addr, false); /* a machine without IPv6 */
        sock = WSASocketW(AF_INET, SOCK_STREAM, IPPROTO_TCP, NULL, 0, WSA_FLAG_OVERLAPPED);
    }
    if (sock != INVALID_SOCKET) {
        TRACE(STEP, NULL, NULL, "WSASocketW(%s, WSA_FLAG_OVERLAPPED) -> a socket for overlapped I/O",
              addr->ss_family == AF_INET6 ? "AF_INET6" : "AF_INET");
    }
    return sock;
}

static bool listen_bind(SOCKET sock, const Options *options, const SOCKADDR_STORAGE *addr)
{
    DWORD off = 0, on = 1;

    /* Dual stack: IPv4 clients arrive at the IPv6 socket too, as ::ffff:a.b.c.d ("Dual-Stack Sockets"). */
    if (addr->ss_family == AF_INET6 && !options->bind
        && setsockopt(sock, IPPROTO_IPV6, IPV6_V6ONLY, (const char *)&off, sizeof off) == SOCKET_ERROR) {
        log_error(WSAGetLastError(), "cannot make the socket dual-stack");
        return false;
    }
    /* Set here, because the sockets that accept() makes are like this one ("accept function": "the same properties as
     * socket s"). Answers go out at once, a client that vanished is noticed some day, and an urgent byte, as of
     * telnet's Synch, stays in its place in the stream. */
    if (setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, (const char *)&on, sizeof on) == SOCKET_ERROR
        || setsockopt(sock, SOL_SOCKET, SO_KEEPALIVE, (const char *)&on, sizeof on) == SOCKET_ERROR
        || setsockopt(sock, SOL_SOCKET, SO_OOBINLINE, (const char *)&on, sizeof on) == SOCKET_ERROR) {
        log_error(WSAGetLastError(), "cannot set TCP_NODELAY, SO_KEEPALIVE and SO_OOBINLINE");
        return false;
    }
    /* Without this another program could take the port over ("Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE"). */
    if (setsockopt(sock, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, (const char *)&on, sizeof on) == SOCKET_ERROR) {
        log_error(WSAGetLastError(), "cannot claim the port");
        return false;
    }
    if (bind(sock, (const struct sockaddr *)addr, sizeof *addr) == SOCKET_ERROR) {
        int error = WSAGetLastError();
        if (error == WSAEADDRINUSE || error == WSAEACCES) {
            log_error(error, "port %d is in use", options->port);
        } else {
            log_error(error, "cannot listen on %s, port %d", options->bind ? options->bind : "all addresses",
                      options->port);
        }
        return false;
    }
    TRACE(STEP, NULL, NULL, "bind(port %d) -> 0", options->port);
    return true;
}

/* Returns the bound socket, not listening yet, or INVALID_SOCKET, having said why. */
static SOCKET listen_open(const Options *options)
{
    SOCKADDR_STORAGE addr;
    SOCKET sock = listen_socket(options, &addr);

    if (sock == INVALID_SOCKET) {
        log_error(WSAGetLastError(), "cannot make the listening socket");
    } else if (!listen_bind(sock, options, &addr)) {
        closesocket(sock);
        sock = INVALID_SOCKET;
    }
    return sock;
}

/* ---- the server ---- */

/* Slots for all clients and for those that are refused. */
static bool server_arrays(LPServer server)
{
    size_t slots;

    server->max_windows = (server->options.max_clients + 2 * WINDOW_SESSIONS - 1) / WINDOW_SESSIONS;
    slots = (size_t)server->max_windows * WINDOW_SLOTS;
    snprintf(server->full, sizeof server->full, "server full: %d client%s at most\r\n", server->options.max_clients,
             text_plural(server->options.max_clients));
    snprintf(server->address_full, sizeof server->address_full, "your address is full: %d client%s at most\r\n",
             server->options.max_per_ip, text_plural(server->options.max_per_ip));
    server->s_arr = (LPSession *)calloc(slots, sizeof *server->s_arr);
    server->e_arr = (WSAEVENT *)calloc(slots, sizeof *server->e_arr);
    server->proactors = (Proactor *)calloc((size_t)server->max_windows, sizeof *server->proactors);
    if (server->s_arr && server->e_arr && server->proactors) return true;
    log_error(0, "no memory for %d clients", server->options.max_clients);
    return false;
}

static void server_announce(LPServer server)
{
    SOCKADDR_STORAGE addr;
    int length = sizeof addr;
    char text[ADDRESS_BYTES], line[2 * ADDRESS_BYTES];
    const char *host = server->options.bind ? server->options.bind : "localhost";

    ZeroMemory(&addr, sizeof addr);
    getsockname(server->listen_sock, (struct sockaddr *)&addr, &length);
    address_text(&addr, text, sizeof text);
    snprintf(line, sizeof line, "%s server listening on %s (Ctrl+C stops it)\n", server->handler->name, text);
    console_write(STD_OUTPUT_HANDLE, line);
    snprintf(line, sizeof line, "try: telnet %s %d\n", host, ntohs(((SOCKADDR_IN *)&addr)->sin_port));
    if (!server->options.quiet) console_write(STD_OUTPUT_HANDLE, line);
}

/* Frees what server_start() made, as far as it came. The Proactors have been told to stop. */
static void server_free(LPServer server)
{
    listen_close();
    for (int i = 0; i < server->windows; i++) proactor_join(&server->proactors[i]);
    for (int i = 0; i < server->windows; i++) proactor_close(&server->proactors[i]);
    session_free_spares(server);
    free(server->proactors);
    free(server->e_arr);
    free(server->s_arr);
    DeleteCriticalSection(&server->cs);
    console_restore();
    trace_close();
    WSACleanup();
}

static void server_tell_stop(LPServer server)
{
    EnterCriticalSection(&server->cs);
    server->stopping = true;
    LeaveCriticalSection(&server->cs);
    TRACE(STEP, NULL, NULL, "stopping: WSASetEvent(wake) for every proactor");
    proactor_wake_all(server, NULL);
}

/* In the lecture's order: overlapped socket, the thread that waits, listen. */
static bool server_open(LPServer server)
{
    if (!server_arrays(server)) return false;
    server->listen_sock = listen_open(&server->options);
    if (server->listen_sock == INVALID_SOCKET) return false;
    listen_sock_open = server->listen_sock;
    InterlockedExchange(&listen_is_open, 1);
    if (!proactor_open(server)) return false;
    if (!console_prepare(server)) {
        log_error((int)GetLastError(), "SetConsoleCtrlHandler failed");
        return false;
    }
    if (listen(server->listen_sock, SOMAXCONN) == SOCKET_ERROR && !console_interrupted()) {
        log_error(WSAGetLastError(), "listen failed");
        return false;
    }
    TRACE(STEP, NULL, NULL, "listen(SOMAXCONN) -> 0: clients may come");
    return true;
}

bool server_start(LPServer server)
{
    WSADATA data;
    int error = WSAStartup(MAKEWORD(2, 2), &data);

    if (error) {
        log_error(error, "WSAStartup failed");
        return false;
    }
    InitializeCriticalSectionAndSpinCount(&server->cs, SPINS);
    server->listen_sock = INVALID_SOCKET;
    if (!trace_open(&server->options) || !server_open(server)) {
        server_tell_stop(server);
        server_free(server);
        return false;
    }
    server_announce(server);
    return true;
}

void server_stop(LPServer server)
{
    char line[4 * ADDRESS_BYTES];

    server_tell_stop(server);
    server_free(server);
    snprintf(line, sizeof line,
             "stopped: %lu client%s served, %d at once, %llu bytes in, %llu bytes out, %d Proactor thread%s\n",
             server->served, text_plural((int)server->served), server->peak, server->in, server->out, server->windows,
             text_plural(server->windows));
    console_write(STD_OUTPUT_HANDLE, line);
}

/* ---- text: UTF-8 inside, the client's code page at the edge ---- */

/* What a first byte promises: how many bytes, 0 for none, and the least character that needs so many. */
static ULONG utf8_length(unsigned long first, unsigned long *least)
{
    *least = first < 0x80 ? 0 : first < 0xE0 ? 0x80 : first < 0xF0 ? 0x800 : 0x10000;
    return first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
}

/* The second byte tells whether it can become a character at all: so one that cannot is not waited for. */
static ULONG utf8_next(const char *text, ULONG length, unsigned long *character)
{
    unsigned long c = (unsigned char)text[0], least;
    ULONG bytes = utf8_length(c, &least), i;

    *character = TEXT_INVALID;
    if (bytes == 0) return 1;
    if (bytes > 1) c &= 0x7Fu >> bytes;
    for (i = 1; i < bytes && i < length; i++) {
        if (((unsigned char)text[i] & 0xC0) != 0x80) return 1;
        c = c << 6 | ((unsigned char)text[i] & 0x3Fu);
        if (i > 1) continue;
        if (c < least >> 6 * (bytes - 2)) return 1;                       /* fewer bytes would do */
        if (bytes == 3 && c >= 0xD800 >> 6 && c <= 0xDFFF >> 6) return 1; /* a surrogate */
        if (bytes == 4 && c > 0x10FFFF >> 12) return 1;                   /* past the last */
    }
    if (i < bytes) return 0;
    *character = c;
    return bytes;
}

ULONG text_next(UINT page, const char *text, ULONG length, unsigned long *character)
{
    bool two = page != CP_UTF8 && IsDBCSLeadByteEx(page, (BYTE)text[0]);
    WCHAR wide[2];
    int units;

    if (page == CP_UTF8) return utf8_next(text, length, character);
    if (two && length < 2) return 0;
    units = MultiByteToWideChar(page, MB_ERR_INVALID_CHARS, text, two ? 2 : 1, wide, 2);
    *character = units == 1 ? wide[0] : TEXT_INVALID;
    if (units == 1 && wide[0] >= 0xD800 && wide[0] <= 0xDFFF) *character = TEXT_INVALID;
    return *character == TEXT_INVALID ? 1 : two ? 2 : 1;
}

ULONG text_put(char *text, unsigned long character)
{
    ULONG bytes = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;

    for (ULONG i = bytes - 1; i > 0; i--, character >>= 6) text[i] = (char)(0x80 | (character & 0x3F));
    text[0] = (char)(bytes == 1 ? character : (0xF00u >> bytes & 0xFF) | character);
    return bytes;
}

int text_utf8(const char *text, ULONG length)
{
    unsigned long character;
    ULONG longest = 1, bytes;

    for (; length > 0; text += bytes, length -= bytes) {
        bytes = utf8_next(text, length, &character);
        if (bytes == 0 || character == TEXT_INVALID) return 0;
        if (bytes > longest) longest = bytes;
    }
    return (int)longest;
}

ULONG text_whole(UINT page, const char *text, ULONG length)
{
    unsigned long character;
    ULONG whole = 0, bytes = 1;

    for (; whole < length && bytes > 0; whole += bytes) {
        bytes = text_next(page, text + whole, length - whole, &character);
    }
    return whole;
}

bool text_decode(UINT page, const char *bytes, ULONG length, char *text)
{
    unsigned long character;
    bool valid = true;

    for (ULONG at = 0, used; at < length; at += used) {
        used = text_next(page, bytes + at, length - at, &character);
        if (used == 0 || character == TEXT_INVALID) {
            used = 1;
            character = 0xFFFD;
            valid = false;
        }
        if (!text_steers(character)) text += text_put(text, character);
    }
    *text = '\0';
    return valid;
}

/* The UTF-16 of a UTF-8 text's beginning, 64 units at most, and how many bytes that is. */
static int text_widen(const char *text, ULONG length, WCHAR wide[64], ULONG *bytes)
{
    unsigned long character;
    int units = 0;

    for (*bytes = 0; *bytes < length && units < 63;) {
        *bytes += utf8_next(text + *bytes, length - *bytes, &character);
        if (character > 0xFFFF) wide[units++] = (WCHAR)(0xD7C0 + (character >> 10));
        wide[units++] = (WCHAR)(character > 0xFFFF ? 0xDC00 + (character & 0x3FF) : character);
    }
    return units;
}

/* No "best fit": it would make one name of two that only look alike ("WideCharToMultiByte function" advises so). A
 * byte 255 would be a command to telnet. */
ULONG text_encode(UINT page, char *text, ULONG length)
{
    ULONG from = 0, to = 0, bytes;
    WCHAR wide[64];

    if (page == CP_UTF8) return length;
    for (; from < length; from += bytes) {
        int units = text_widen(text + from, length - from, wide, &bytes);
        int made = WideCharToMultiByte(page, WC_NO_BEST_FIT_CHARS, wide, units, text + to, (int)bytes, "?", NULL);
        for (ULONG end = to + (made > 0 ? (ULONG)made : 0); to < end; to++) {
            if ((unsigned char)text[to] == 0xFF) text[to] = '?';
        }
    }
    return to;
}

bool text_steers(unsigned long c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x061C || (c >= 0x200E && c <= 0x200F)
           || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x206F);
}

typedef struct Range {
    unsigned long first, last;
} Range;

static bool text_among(unsigned long c, const Range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (c >= ranges[i].first && c <= ranges[i].last) return true;
    }
    return false;
}

/* Marks that stand on another character, and what is not shown at all. */
static const Range narrow[] = { { 0xAD, 0xAD },      { 0x300, 0x36F },   { 0x483, 0x489 },     { 0x591, 0x5BD },
                                { 0x610, 0x61A },    { 0x64B, 0x65F },   { 0x93C, 0x93C },     { 0x941, 0x948 },
                                { 0x94D, 0x94D },    { 0xE31, 0xE31 },   { 0xE34, 0xE3A },     { 0xE47, 0xE4E },
                                { 0x1160, 0x11FF },  { 0x17B4, 0x17B5 }, { 0x180B, 0x180F },   { 0x1AB0, 0x1AFF },
                                { 0x1DC0, 0x1DFF },  { 0x200B, 0x200F }, { 0x202A, 0x202E },   { 0x2060, 0x206F },
                                { 0x20D0, 0x20FF },  { 0x3099, 0x309A }, { 0xFE00, 0xFE0F },   { 0xFE20, 0xFE2F },
                                { 0xFEFF, 0xFEFF },  { 0xFFF0, 0xFFFB }, { 0x1BCA0, 0x1BCA3 }, { 0x1D173, 0x1D17A },
                                { 0xE0000, 0xE0FFF } };

/* Hangul, Chinese, kana, full-width, emoji (Unicode's East Asian Width: W and F). */
static const Range wide_ones[] = {
    { 0x1100, 0x115F },   { 0x231A, 0x231B },   { 0x23E9, 0x23EC },   { 0x2614, 0x2615 },   { 0x2648, 0x2653 },
    { 0x26AA, 0x26AB },   { 0x26BD, 0x26BE },   { 0x2705, 0x2705 },   { 0x270A, 0x270B },   { 0x2728, 0x2728 },
    { 0x274C, 0x274E },   { 0x2753, 0x2757 },   { 0x2795, 0x2797 },   { 0x2B1B, 0x2B1C },   { 0x2B50, 0x2B55 },
    { 0x2E80, 0x303E },   { 0x3041, 0x4DBF },   { 0x4E00, 0xA4C6 },   { 0xA960, 0xA97C },   { 0xAC00, 0xD7A3 },
    { 0xF900, 0xFAFF },   { 0xFE10, 0xFE19 },   { 0xFE30, 0xFE6B },   { 0xFF01, 0xFF60 },   { 0xFFE0, 0xFFE6 },
    { 0x16FE0, 0x1B2FF }, { 0x1F18E, 0x1F19A }, { 0x1F200, 0x1F64F }, { 0x1F680, 0x1F6FF }, { 0x1F7E0, 0x1F7F0 },
    { 0x1F900, 0x1F9FF }, { 0x1FA70, 0x1FAFF }, { 0x20000, 0x3FFFD }
};

/* What has its place, but nothing in it. */
static const Range blank[] = { { 0x20, 0x20 },     { 0xA0, 0xA0 },     { 0x115F, 0x1160 }, { 0x1680, 0x1680 },
                               { 0x2000, 0x200A }, { 0x202F, 0x202F }, { 0x205F, 0x205F }, { 0x2800, 0x2800 },
                               { 0x3000, 0x3000 }, { 0x3164, 0x3164 }, { 0xFFA0, 0xFFA0 } };

int text_columns(unsigned long character)
{
    if (character < 0x300 && character != 0xAD) return 1;
    if (text_among(character, narrow, sizeof narrow / sizeof *narrow)) return 0;
    return text_among(character, wide_ones, sizeof wide_ones / sizeof *wide_ones) ? 2 : 1;
}

bool text_visible(const char *text)
{
    unsigned long c;

    for (ULONG length = (ULONG)strlen(text), bytes; length > 0; text += bytes, length -= bytes) {
        bytes = utf8_next(text, length, &c);
        if (bytes == 0) return false;
        if (!text_steers(c) && text_columns(c) > 0 && !text_among(c, blank, sizeof blank / sizeof *blank)) return true;
    }
    return false;
}

/* Letters and digits of any script. Of marks only those without which a script cannot be written, from Devanagari to
 * Khmer, and not at the beginning. Some letters and vowels of Unicode are not seen: what takes no place on the screen
 * must not tell two names apart. */
static bool name_character(const WCHAR *at, bool first)
{
    WORD type1 = 0, type3 = 0;

    if (*at == '-' || *at == '_' || *at == '.') return true;
    if (!GetStringTypeW(CT_CTYPE1, at, 1, &type1) || !GetStringTypeW(CT_CTYPE3, at, 1, &type3)) return false;
    if ((type1 & (C1_ALPHA | C1_DIGIT)) && text_columns(*at) > 0
        && !text_among(*at, blank, sizeof blank / sizeof *blank)) {
        return true;
    }
    return !first && ((type1 & C1_ALPHA) || (type3 & (C3_NONSPACING | C3_VOWELMARK)))
           && ((*at >= 0x900 && *at <= 0x109F) || (*at >= 0x17B6 && *at <= 0x17D3));
}

/* Precomposed, so that one name has one form. */
bool text_name(const char *text, WCHAR wide[NICK_CHARS + 1], char nick[NICK_BYTES])
{
    WCHAR typed[4 * NICK_CHARS];
    int units = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, typed, 4 * NICK_CHARS);

    if (units > 0) units = FoldStringW(MAP_PRECOMPOSED, typed, -1, wide, NICK_CHARS + 1);
    for (int i = 0; i + 1 < units; i++) {
        if (!name_character(&wide[i], i == 0)) return false;
    }
    return units > 1 && WideCharToMultiByte(CP_UTF8, 0, wide, -1, nick, NICK_BYTES, NULL, NULL) > 0;
}
