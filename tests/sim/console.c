/* console.c - the server's output and console settings, and its Ctrl+C. */
#include "sim.h"

#include <unistd.h>

enum {
    OUTPUT_BYTES = 32 << 20,
    INPUT_HANDLE = 0x1001,
    OUTPUT_HANDLE,
    ERROR_HANDLE,
    FIRST_MODE = 0x1F7,
    FIRST_COLORS = 7
};

Output console_out, console_err;

static DWORD input_mode = FIRST_MODE;
static WORD text_attributes = FIRST_COLORS;
static bool has_console, modes_may_differ, lines_lost, announced;
static const Thread *writer;
static const char first_line[] = " server listening on ";

/* ---- output ---- */

static void output_append(Output *output, const char *text, size_t count)
{
    if (output->count + count >= OUTPUT_BYTES) violation("the server prints more than %d MiB", OUTPUT_BYTES >> 20);
    bytes_copy(output->bytes + output->count, text, count);
    for (size_t i = 0; i < count; i++) output->lines += text[i] == '\n';
    output->count += count;
    if (verbose && write(output == &console_out ? 1 : 2, text, count) < 0) return;
}

/* Prints text; the caller may have to wait for the console. */
static void output_write(FILE *file, const char *text, size_t count)
{
    Output *output = file == stdout ? &console_out : &console_err;

    if (sched_self()->cs_held) rule_no_cs("console output");
    sched_self()->last_error = 4711;
    sched_point();
    if (chance(20)) sched_block(sched_never, NULL, now + rnd_between(1, 5000));
    if (writer == sched_self() && chance(plan.console)) { /* somebody selects text, or the pager is full */
        size_t part = (size_t)rnd(count + 1);

        lines_lost = true;
        tell("the console stalls");
        output_append(output, text, part);
        sched_block(sched_never, NULL, now + rnd_between(1000, 60 * 1000 * 1000));
        text += part;
        count -= part;
    }
    output_append(output, text, count);
}

static bool is_console(const FILE *file)
{
    return file == stdout || file == stderr;
}

int sim_fputs(const char *text, FILE *file)
{
    if (!is_console(file)) return fputs(text, file);
    output_write(file, text, strlen(text));
    return 1;
}

int sim_fputc(int c, FILE *file)
{
    char text[1] = { (char)c };

    if (!is_console(file)) return fputc(c, file);
    output_write(file, text, 1);
    return c;
}

size_t sim_fwrite(const void *bytes, size_t size, size_t count, FILE *file)
{
    if (!is_console(file)) return fwrite(bytes, size, count, file);
    output_write(file, (const char *)bytes, size * count);
    return count;
}

int sim_fflush(FILE *file)
{
    return is_console(file) ? 0 : fflush(file);
}

int sim_vfprintf(FILE *file, const char *format, va_list args)
{
    char text[8192];
    int length;

    if (!is_console(file)) return vfprintf(file, format, args);
    length = vsnprintf(text, sizeof text, format, args);
    if (length < 0 || (size_t)length >= sizeof text) violation("printf: too long for one line");
    output_write(file, text, (size_t)length);
    return length;
}

int sim_fprintf(FILE *file, const char *format, ...)
{
    va_list args;
    int length;

    va_start(args, format);
    length = sim_vfprintf(file, format, args);
    va_end(args);
    return length;
}

int sim_printf(const char *format, ...)
{
    va_list args;
    int length;

    va_start(args, format);
    length = sim_vfprintf(stdout, format, args);
    va_end(args);
    return length;
}

/* Notes the thread, which is about to sleep, if it is the console's writer: the first thread that the server starts, if
 * Ctrl+C has a handler. In the fuzzer, where Ctrl+C has none, the first thread is the trace file's writer. */
void console_writer(const Thread *thread)
{
    if (console_handler_known() && strcmp(thread->name, "thread 1") == 0) writer = thread;
}

bool console_is_writer(const Thread *thread)
{
    return thread == writer;
}

/* A line whose write is made to fail is lost, as in a pipe that nobody reads. */
BOOL WriteFile(HANDLE file, const void *bytes, DWORD count, DWORD *written, LPOVERLAPPED over)
{
    uintptr_t handle = (uintptr_t)file;

    call_begin(CALL_WriteFile);
    if (file_is(file) && !over) return file_write(file, bytes, count, written);
    if (writer && !writer->done && writer != sched_self()) violation("WriteFile on the console by another thread");
    if (over || !written || (handle != OUTPUT_HANDLE && handle != ERROR_HANDLE && file != INVALID_HANDLE_VALUE))
        violation("WriteFile: not simulated with these arguments");
    *written = 0;
    if (file == INVALID_HANDLE_VALUE || call_fault(CALL_WriteFile, NULL)) {
        lines_lost = true;
        if (strstr((const char *)bytes, first_line)) announced = true;
        return FALSE;
    }
    output_write(handle == OUTPUT_HANDLE ? stdout : stderr, (const char *)bytes, count);
    *written = count;
    return TRUE;
}

size_t console_utf8(const WCHAR *units, DWORD count, char *text)
{
    char *at = text;

    for (DWORD i = 0; i < count; i++) {
        uint32_t c = units[i];
        if (c >= 0xD800 && c < 0xDC00 && i + 1 < count) c = 0x10000 + ((c - 0xD800) << 10) + (units[++i] - 0xDC00u);
        if (c < 0x80) {
            *at++ = (char)c;
        } else if (c < 0x800) {
            *at++ = (char)(0xC0 | c >> 6);
            *at++ = (char)(0x80 | (c & 0x3F));
        } else if (c < 0x10000) {
            *at++ = (char)(0xE0 | c >> 12);
            *at++ = (char)(0x80 | (c >> 6 & 0x3F));
            *at++ = (char)(0x80 | (c & 0x3F));
        } else {
            *at++ = (char)(0xF0 | c >> 18);
            *at++ = (char)(0x80 | (c >> 12 & 0x3F));
            *at++ = (char)(0x80 | (c >> 6 & 0x3F));
            *at++ = (char)(0x80 | (c & 0x3F));
        }
    }
    return (size_t)(at - text);
}

/* Takes all, or now and then a part that does not end within a surrogate pair. */
BOOL WriteConsoleW(HANDLE console, const void *units, DWORD count, DWORD *written, void *reserved)
{
    uintptr_t handle = (uintptr_t)console;
    const WCHAR *wide = (const WCHAR *)units;
    char text[4 * 4096];

    call_begin(CALL_WriteConsoleW);
    if (writer && !writer->done && writer != sched_self()) violation("WriteConsoleW on the console by another thread");
    if (!has_console || reserved || !count || count > 4096
        || (handle != OUTPUT_HANDLE && handle != ERROR_HANDLE && console != INVALID_HANDLE_VALUE))
        violation("WriteConsoleW: not simulated with these arguments");
    *written = 0;
    if (console == INVALID_HANDLE_VALUE || call_fault(CALL_WriteConsoleW, NULL)) {
        size_t length = console_utf8(wide, count, text);
        lines_lost = true;
        text[length < sizeof text ? length : sizeof text - 1] = '\0';
        if (strstr(text, first_line)) announced = true;
        return FALSE;
    }
    if (chance(20) && count > 1) count = 1 + (DWORD)rnd(count - 1);
    if (wide[count - 1] >= 0xD800 && wide[count - 1] < 0xDC00) count++;
    output_write(handle == OUTPUT_HANDLE ? stdout : stderr, text, console_utf8(wide, count, text));
    *written = count;
    return TRUE;
}

bool console_lines_lost(void)
{
    return lines_lost || (writer && writer->given_up)
           || strstr(console_out.bytes, " not shown: the console is too slow\n");
}

bool console_announced(void)
{
    if (!announced) announced = strstr(console_out.bytes, first_line) != NULL;
    return announced;
}

/* ---- settings ---- */

HANDLE GetStdHandle(DWORD which)
{
    uintptr_t handle = which == STD_INPUT_HANDLE    ? INPUT_HANDLE
                       : which == STD_OUTPUT_HANDLE ? OUTPUT_HANDLE
                                                    : ERROR_HANDLE;

    call_begin(CALL_GetStdHandle);
    if (!call_fault(CALL_GetStdHandle, NULL)) return (HANDLE)handle;
    modes_may_differ = true;
    return INVALID_HANDLE_VALUE;
}

static BOOL mode_fails(Call call, HANDLE console)
{
    call_begin(call);
    if (file_is(console) && !file_is_screen(console)) return TRUE;
    if (has_console && console != INVALID_HANDLE_VALUE && !call_fault(call, NULL)) return FALSE;
    modes_may_differ = true;
    sched_self()->last_error = ERROR_INVALID_HANDLE;
    return TRUE;
}

BOOL GetConsoleMode(HANDLE console, DWORD *mode)
{
    if (mode_fails(CALL_GetConsoleMode, console)) return FALSE;
    *mode = (uintptr_t)console == INPUT_HANDLE ? input_mode : 3;
    return TRUE;
}

BOOL SetConsoleMode(HANDLE console, DWORD mode)
{
    if (mode_fails(CALL_SetConsoleMode, console)) return FALSE;
    if ((uintptr_t)console == INPUT_HANDLE) input_mode = mode;
    return TRUE;
}

/* The code page belongs to the console, and so to other programs too. */
BOOL SetConsoleOutputCP(UINT page)
{
    violation("the console's output code page is set to %u", page);
}

BOOL SetConsoleTextAttribute(HANDLE console, WORD attributes)
{
    if (mode_fails(CALL_SetConsoleTextAttribute, console)) return FALSE;
    text_attributes = attributes;
    return TRUE;
}

BOOL GetConsoleScreenBufferInfo(HANDLE console, CONSOLE_SCREEN_BUFFER_INFO *info)
{
    if (mode_fails(CALL_GetConsoleScreenBufferInfo, console)) return FALSE;
    info->wAttributes = text_attributes;
    return TRUE;
}

void console_check_restored(void)
{
    if (modes_may_differ) return;
    if (text_attributes != FIRST_COLORS) violation("the console is left in another color");
    if ((input_mode | ENABLE_EXTENDED_FLAGS) != FIRST_MODE)
        violation("the console is not left as it was: mode %#x", input_mode);
}

/* ---- Ctrl+C ---- */

static PHANDLER_ROUTINE handler;
static DWORD events[8];
static int events_seen, events_sent;
static uint64_t interrupted_at = NEVER;
static bool returned;

static bool event_waits(void *unused)
{
    (void)unused;
    return events_sent > events_seen;
}

/* Windows makes a thread for each event. If the handler does not handle it, the process ends. */
static unsigned __stdcall console_thread(void *unused)
{
    (void)unused;
    for (;;) {
        sched_block(event_waits, NULL, NEVER);
        order_acquire(&handler);
        tell("the console handler is called: %u", events[events_seen]);
        if (!handler(events[events_seen++])) {
            if (events_seen < 2 && !operator_quit()) violation("the handler did not take the first Ctrl+C");
            console_check_restored();
            tell("Windows ends the process");
            process_end(0);
        }
        if (events[events_seen - 1] == CTRL_CLOSE_EVENT)
            violation("the handler returned from CTRL_CLOSE_EVENT before the server was down");
        returned = true;
    }
}

void console_init(void)
{
    console_out.bytes = (char *)arena(OUTPUT_BYTES);
    console_err.bytes = (char *)arena(OUTPUT_BYTES);
    has_console = chance(500);
    sched_spawn("console", console_thread, NULL);
}

BOOL SetConsoleCtrlHandler(PHANDLER_ROUTINE routine, BOOL add)
{
    call_begin(CALL_SetConsoleCtrlHandler);
    if (call_fault(CALL_SetConsoleCtrlHandler, NULL)) return FALSE;
    if (!routine) return TRUE;
    order_release(&handler);
    handler = add ? routine : NULL;
    sched_point();
    return TRUE;
}

bool console_present(void)
{
    return has_console;
}

bool console_is_input(HANDLE handle)
{
    return (uintptr_t)handle == INPUT_HANDLE;
}

bool console_handler_known(void)
{
    return handler != NULL;
}

void console_interrupt(DWORD type)
{
    if (events_sent == 8) return;
    events[events_sent++] = type;
    if (interrupted_at == NEVER) interrupted_at = now;
}

uint64_t interrupt_time(void)
{
    return interrupted_at;
}

bool console_returned(void)
{
    return returned;
}

void console_quit_typed(void)
{
    if (interrupted_at == NEVER) interrupted_at = now;
}
