/* client_talk.c - the interactive client: one thread sends what is typed or redirected, the other, main's, shows what
 * the server sends. */
#include "client.h"

#include <process.h>
#include <stdio.h>
#include <string.h>

enum {
    CTRL_D = 0x04,
    CTRL_Z = 0x1A,
    CTRL_BRACKET = 0x1D,
    TYPED_CHARS = 1024,            /* UTF-16 units that are read at a time */
    RAW_BYTES = 2 * TYPED_CHARS,   /* the same in a file */
    INPUT_BYTES = 4 * TYPED_CHARS, /* a unit takes at most 4 bytes in any code page, 3 in UTF-8 */
    OUTPUT_BYTES = 4096,
    KEY_PAUSE_MS = 30,   /* between redirected keys, so that no two travel together */
    RESET_PAUSE_MS = 500 /* so that the server has read everything by then */
};

/* ---- the console ---- */

static HANDLE input, output;
static bool typed, shown;           /* input and output are the console, not a file or a pipe */
static DWORD input_mode;            /* to be restored */
static volatile LONG keys_codepage; /* of --keys: the encoding of the keys sent and the text shown */
static CRITICAL_SECTION output_lock;

void console_restore(void)
{
    if (typed) SetConsoleMode(input, input_mode);
}

/* Runs on a thread that Windows makes for it. */
static BOOL WINAPI console_event(DWORD type)
{
    (void)type;
    console_restore();
    TerminateProcess(GetCurrentProcess(),
                     INTERRUPTED); /* unlike ExitProcess(), lets no other thread print or exit meanwhile */
    return TRUE;
}

/* The console's output code page belongs to everything that runs in its window, so it is left alone. */
void console_prepare(void)
{
    DWORD mode;

    InitializeCriticalSection(&output_lock);
    input = GetStdHandle(STD_INPUT_HANDLE);
    output = GetStdHandle(STD_OUTPUT_HANDLE);
    typed = GetConsoleMode(input, &input_mode) != 0;
    shown = GetConsoleMode(output, &mode) != 0;
    SetConsoleCtrlHandler(NULL, FALSE); /* undoes "ignore Ctrl+C", which a child inherits from its parent */
    SetConsoleCtrlHandler(console_event, TRUE);
    keys_codepage = (LONG)(GetConsoleCP() ? GetConsoleCP() : GetOEMCP());
    if (typed && given[KEYS]) SetConsoleMode(input, 0); /* each key at once; Ctrl+C is one of them */
}

/* Returns how many bytes a character with this first byte has in the code page of the keys. */
static int char_bytes(unsigned char first)
{
    if (keys_codepage == CP_UTF8) return first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
    return IsDBCSLeadByteEx((UINT)keys_codepage, first) ? 2 : 1;
}

/* ---- what is typed ---- */

/* Returns the character of a keyboard event, 0 for none. It comes when the key goes down or, for a character entered by
 * its number, when Alt goes up. */
static WCHAR key_character(const INPUT_RECORD *event)
{
    const KEY_EVENT_RECORD *key = &event->Event.KeyEvent;

    if (event->EventType != KEY_EVENT || (!key->bKeyDown && key->wVirtualKeyCode != VK_MENU)) return 0;
    return key->uChar.UnicodeChar;
}

/* Returns true for a character and for the keys that recall or edit a line: arrows, Home to Page Down, F1 to F9. The
 * other keys have no character: Shift, Caps Lock, Hangul/English, Hanja, Windows. */
static bool key_begins_line(const INPUT_RECORD *event)
{
    WORD code = event->Event.KeyEvent.wVirtualKeyCode;

    if (key_character(event)) return true;
    if (event->EventType != KEY_EVENT || !event->Event.KeyEvent.bKeyDown) return false;
    return (code >= VK_PRIOR && code <= VK_DOWN) || (code >= VK_F1 && code <= VK_F9);
}

/* Waits for the first key of a line and leaves it to ReadConsoleW(). That edits the line where the cursor is when it is
 * called, so text that the server sends before the first key does not end up inside the line. Returns false at the end
 * of the input. */
static bool console_await_key(void)
{
    INPUT_RECORD event;
    DWORD count;

    while (WaitForSingleObject(input, INFINITE) == WAIT_OBJECT_0 && PeekConsoleInputW(input, &event, 1, &count)) {
        WCHAR key = count ? key_character(&event) : 0;
        if (count && key_begins_line(&event)) return key != CTRL_Z && key != CTRL_D;
        if (count) ReadConsoleInputW(input, &event, 1, &count);
    }
    return false;
}

/* Reads from the console as UTF-16, the only way to get every character, and converts it to UTF-8. Returns the number
 * of bytes, 0 at the end. */
static int console_read(char data[INPUT_BYTES])
{
    static WCHAR wide[TYPED_CHARS]; /* may begin with the first half of a character whose second half did not fit */
    static DWORD kept;
    static WCHAR last = '\n';
    DWORD count = 0, half;

    if (last == '\n' && !console_await_key()) return 0;
    if (!ReadConsoleW(input, wide + kept, TYPED_CHARS - kept, &count, NULL)) return 0;
    if (count == 0 && GetLastError() == ERROR_OPERATION_ABORTED) Sleep(INFINITE); /* Ctrl+C: console_event() exits */
    if (count == 0) return 0;
    count += kept;
    last = wide[count - 1];
    half = count > 1 && IS_HIGH_SURROGATE(last) ? 1 : 0;
    count = (DWORD)WideCharToMultiByte(CP_UTF8, 0, wide, (int)(count - half), data, INPUT_BYTES, NULL, NULL);
    wide[0] = last;
    kept = half;
    return (int)count;
}

/* ---- what is redirected ---- */

typedef enum Encoding { UNKNOWN, AS_IT_IS, UTF16_LE, UTF16_BE } Encoding;

static char raw[RAW_BYTES]; /* read from the file but not yet converted */
static DWORD raw_bytes;

/* Reads more. Returns false at the end. */
static bool raw_read(void)
{
    DWORD bytes = 0;

    if (!ReadFile(input, raw + raw_bytes, RAW_BYTES - raw_bytes, &bytes, NULL)) return false;
    raw_bytes += bytes;
    return bytes > 0;
}

static void raw_drop(DWORD bytes)
{
    raw_bytes -= bytes;
    memmove(raw, raw + bytes, raw_bytes);
}

/* Looks for a byte order mark, and drops it. A pipe may bring it in pieces; no other bytes are held back for it. */
static Encoding encoding_find(void)
{
    static const char *const marks[] = { "\xEF\xBB\xBF", "\xFF\xFE", "\xFE\xFF" };
    static const Encoding encodings[] = { AS_IT_IS, UTF16_LE, UTF16_BE };

    for (;;) {
        bool begun = false;
        for (int i = 0; i < 3; i++) {
            DWORD length = (DWORD)strlen(marks[i]), same = raw_bytes < length ? raw_bytes : length;
            if (memcmp(raw, marks[i], same) != 0) continue;
            begun = true;
            if (same < length) continue;
            raw_drop(length);
            if (i == 0) InterlockedExchange(&keys_codepage, CP_UTF8); /* keys too are sent unchanged */
            return encodings[i];
        }
        if (!begun || !raw_read()) return AS_IT_IS;
    }
}

/* Converts the characters of UTF-16 that are complete. Returns the number of bytes, 0 if more is needed. */
static int raw_convert(char data[INPUT_BYTES], bool big_endian, UINT codepage)
{
    WCHAR wide[TYPED_CHARS];
    DWORD units = raw_bytes / 2;
    int bytes;

    for (DWORD i = 0; i < units; i++) {
        unsigned int first = (unsigned char)raw[2 * i], second = (unsigned char)raw[2 * i + 1];
        wide[i] = (WCHAR)(big_endian ? first << 8 | second : second << 8 | first);
    }
    if (units > 0 && IS_HIGH_SURROGATE(wide[units - 1])) units--;
    if (units == 0) return 0;
    bytes = WideCharToMultiByte(codepage, 0, wide, (int)units, data, INPUT_BYTES, NULL, NULL);
    raw_drop(2 * units);
    return bytes;
}

/* Reads from a file or a pipe. Notepad writes UTF-8 or UTF-16 with a byte order mark, and so does PowerShell's >;
 * either is converted to UTF-8 or, with --keys, to the code page of the keys. Returns the number of bytes, 0 at the
 * end. */
static int file_read(char data[INPUT_BYTES])
{
    static Encoding encoding;
    int bytes = 0;

    if (encoding == UNKNOWN) encoding = encoding_find();
    do {
        if (encoding == AS_IT_IS) {
            bytes = (int)raw_bytes;
            memcpy(data, raw, raw_bytes);
            raw_bytes = 0;
        } else {
            bytes = raw_convert(data, encoding == UTF16_BE, given[KEYS] ? (UINT)keys_codepage : CP_UTF8);
        }
    } while (bytes == 0 && raw_read());
    return bytes;
}

static int input_read(char data[INPUT_BYTES])
{
    return typed ? console_read(data) : file_read(data);
}

/* ---- what the server sends is shown ---- */

/* If WriteFile() succeeds, it has written everything: "nothing happens in the background" with handles like these. */
static bool bytes_write(const char *data, DWORD bytes)
{
    DWORD written;

    return WriteFile(output, data, bytes, &written, NULL) != 0;
}

/* Under Wine 8 a character outside the first 65,536 is shown as two U+FFFD. */
static bool console_write(const char *data, DWORD bytes)
{
    static WCHAR wide[OUTPUT_BYTES + 4];
    UINT codepage = given[KEYS] ? (UINT)keys_codepage : CP_UTF8;
    int units = MultiByteToWideChar(codepage, 0, data, (int)bytes, wide, OUTPUT_BYTES + 4);
    DWORD written;

    return units == 0 || WriteConsoleW(output, wide, (DWORD)units, &written, NULL) != 0;
}

/* Returns how many bytes at the end belong to an incomplete character. */
static DWORD unfinished(const char *data, DWORD bytes)
{
    if (given[KEYS] && keys_codepage != CP_UTF8) {
        DWORD i = 0;
        while (i < bytes) i += (DWORD)char_bytes((unsigned char)data[i]);
        return i > bytes ? 1 : 0;
    }
    for (DWORD n = 1; n <= 3 && n <= bytes; n++) {
        unsigned char c = (unsigned char)data[bytes - n];
        if (c >= 0xC0) return (c >= 0xF0 ? 4u : c >= 0xE0 ? 3u : 2u) > n ? n : 0;
        if (c < 0x80) return 0;
    }
    return 0;
}

/* Writes only whole characters to a console; the first half of one waits for the second. With --keys both threads
 * write. */
static bool output_write(const char *data, DWORD bytes)
{
    static char text[OUTPUT_BYTES + 4];
    static DWORD kept;
    DWORD rest;
    bool good;

    if (!shown) return bytes_write(data, bytes);
    EnterCriticalSection(&output_lock);
    memcpy(text + kept, data, bytes);
    bytes += kept;
    rest = unfinished(text, bytes);
    good = console_write(text, bytes - rest);
    memmove(text, text + bytes - rest, rest);
    kept = rest;
    LeaveCriticalSection(&output_lock);
    return good;
}

/* ---- key by key, as Windows' telnet does ---- */

enum { TELNET_SE = 240, TELNET_SB = 250, TELNET_WILL, TELNET_WONT, TELNET_DO, TELNET_DONT, TELNET_IAC };
enum { TELNET_ECHO = 1, TELNET_SGA = 3 };

static volatile LONG server_echoes; /* negotiated; until then the client shows what is typed */

/* Sends one character, in one send. Enter is CR LF on the wire. */
static bool key_send(const char *key, int bytes)
{
    if (bytes == 1 && (*key == '\r' || *key == '\n')) {
        key = "\r\n";
        bytes = 2;
    }
    if (!server_echoes) output_write(key, (DWORD)bytes);
    return input_send(key, bytes);
}

/* Sends the keys of the console until Ctrl+]. A character outside the first 65,536 comes in two halves, as two keys. */
static bool keys_typed(void)
{
    WCHAR wide[2];
    int units = 0;
    INPUT_RECORD event;
    DWORD count;

    while (ReadConsoleInputW(input, &event, 1, &count)) {
        char key[8];
        int bytes;
        wide[units] = key_character(&event);
        if (!wide[units]) continue;
        if (wide[units] == CTRL_BRACKET) return true;
        if (IS_HIGH_SURROGATE(wide[units]) && units == 0) {
            units = 1;
            continue;
        }
        bytes = WideCharToMultiByte((UINT)keys_codepage, 0, wide, units + 1, key, sizeof key, NULL, NULL);
        units = 0;
        if (!key_send(key, bytes)) return false;
    }
    return true;
}

/* Sends the characters of a file or a pipe, which are in the code page of the keys, as cmd's echo writes them. */
static bool keys_redirected(void)
{
    char data[INPUT_BYTES + 4];
    int bytes, kept = 0;

    while ((bytes = file_read(data + kept)) > 0) {
        int i = 0, size;
        for (bytes += kept; i < bytes && i + (size = char_bytes((unsigned char)data[i])) <= bytes; i += size) {
            if (data[i] == '\r') continue; /* its LF is the Enter */
            if (!key_send(data + i, size)) return false;
            Sleep(KEY_PAUSE_MS);
        }
        kept = bytes - i;
        memmove(data, data + i, (size_t)kept);
    }
    return kept == 0 || key_send(data, kept);
}

static void telnet_answer(unsigned char verb, unsigned char option)
{
    unsigned char answer[3];

    answer[0] = TELNET_IAC;
    answer[1] = verb;
    answer[2] = option;
    send_all(sock, (const char *)answer, sizeof answer);
}

/* Answers what the server asks for (DO) or offers (WILL). Answers each change once, or two such programs would answer
 * each other forever (RFC 1143); refuses everything but echo and go-ahead. */
static void telnet_negotiate(unsigned char verb, unsigned char option)
{
    static bool theirs[256], ours[256];
    bool offered = verb == TELNET_WILL || verb == TELNET_WONT, on = verb == TELNET_WILL || verb == TELNET_DO;
    bool wanted = on && (option == TELNET_SGA || (option == TELNET_ECHO && offered));
    bool *agreed = offered ? &theirs[option] : &ours[option];

    if (option == TELNET_ECHO && offered) InterlockedExchange(&server_echoes, on);
    if (on != *agreed && offered) telnet_answer(wanted ? TELNET_DO : TELNET_DONT, option);
    if (on != *agreed && !offered) telnet_answer(wanted ? TELNET_WILL : TELNET_WONT, option);
    *agreed = wanted;
}

/* Removes telnet's commands from the received bytes. Returns how many bytes are left. */
static int telnet_strip(char *data, int bytes)
{
    static enum { TEXT, COMMAND, OPTION, SUB, SUB_COMMAND } state;
    static unsigned char verb;
    int left = 0;

    for (int i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)data[i];
        if (state == TEXT) {
            if (c == TELNET_IAC)
                state = COMMAND;
            else
                data[left++] = data[i];
        } else if (state == COMMAND) {
            if (c == TELNET_IAC) data[left++] = data[i]; /* doubled: the byte itself */
            state = c == TELNET_SB ? SUB : c >= TELNET_WILL && c <= TELNET_DONT ? OPTION : TEXT;
            verb = c;
        } else if (state == OPTION) {
            telnet_negotiate(verb, c);
            state = TEXT;
        } else if (state == SUB) {
            if (c == TELNET_IAC) state = SUB_COMMAND;
        } else {
            state = c == TELNET_SE ? TEXT : SUB;
        }
    }
    return left;
}
/* ---- talking ---- */

static bool lines_send(void)
{
    char data[INPUT_BYTES];
    int bytes;

    while ((bytes = input_read(data)) > 0) {
        if (!input_send(data, bytes)) return false;
    }
    return true;
}

/* Runs on the input thread. If it cannot send, the connection is lost, and main's thread says so: its recv() fails too,
 * or the server ends after the half-close. */
static unsigned __stdcall input_run(void *nothing)
{
    bool sent = !given[KEYS] ? lines_send() : typed ? keys_typed() : keys_redirected();

    (void)nothing;
    if (sent && given[RESET]) Sleep(RESET_PAUSE_MS);
    if (sent) InterlockedExchange(&input_ended, 1);
    /* Half-close: the server reads the end of the stream, and can still answer. */
    if (!sent || !given[RESET]) shutdown(sock, SD_SEND);
    return 0;
}

/* Makes closesocket() send a reset (RST) instead of an orderly end (FIN). */
static int reset(void)
{
    struct linger at_once = { 1, 0 };

    setsockopt(sock, SOL_SOCKET, SO_LINGER, (const char *)&at_once, sizeof at_once);
    closesocket(sock);
    sock = INVALID_SOCKET;
    return ENDED;
}

/* Handles the end of the stream: recv() has returned 0. */
static int ended(void)
{
    int error = end_error();

    if (error) return fail(error, "the connection is lost");
    return input_ended ? ENDED : CLOSED;
}

/* Shows what the server sends, until the end of the stream. Returns the exit code. */
static int listen_to_the_end(void)
{
    WSAPOLLFD poll;
    char data[OUTPUT_BYTES];

    poll.fd = sock;
    poll.events = POLLIN;
    for (;;) {
        int bytes;
        if (given[RESET] && input_ended) return reset();
        if (given[RESET] && WSAPoll(&poll, 1, 50) == 0) continue;
        bytes = recv(sock, data, sizeof data, 0);
        if (bytes == 0) return ended();
        if (bytes == SOCKET_ERROR) return fail(WSAGetLastError(), "the connection is lost");
        if (given[KEYS]) bytes = telnet_strip(data, bytes);
        if (!output_write(data, (DWORD)bytes)) return fail((int)GetLastError(), "cannot print");
    }
}

int talk(void)
{
    HANDLE thread;

    if (given[KEYS] && typed) fprintf(stderr, "client: each key is sent individually; Ctrl+] ends\n");
    thread = (HANDLE)_beginthreadex(NULL, 0, input_run, NULL, 0, NULL);
    if (!thread) return fail((int)GetLastError(), "cannot start a thread for the input");
    CloseHandle(thread);
    return listen_to_the_end(); /* the other thread may wait for a key: it ends with the process */
}
