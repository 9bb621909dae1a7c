/* screen.c - a helper process gets a console without a window, starts the server in it, and answers questions that come
 * through a pipe, a byte each: s its settings, t its text, c Ctrl+C, w whether the server has ended; k, with four
 * more bytes, presses a key. */
#include "screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLORS = 0x1E, CODEPAGE = 1252, ANSWER_BYTES = 64 * 1024 };

/* ---- the helper ---- */

static HANDLE console_open(const char *name)
{
    SECURITY_ATTRIBUTES inherit = { sizeof inherit, NULL, TRUE };

    return CreateFileA(name, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, &inherit, OPEN_EXISTING,
                       0, NULL);
}

static void answer_state(HANDLE in, HANDLE out)
{
    CONSOLE_SCREEN_BUFFER_INFO info;
    DWORD mode = 0;

    ZeroMemory(&info, sizeof info);
    GetConsoleMode(in, &mode);
    GetConsoleScreenBufferInfo(out, &info);
    printf("code page %u, input mode %lx, colours %x", GetConsoleOutputCP(), (unsigned long)mode, info.wAttributes);
}

static void answer_text(HANDLE out)
{
    CONSOLE_SCREEN_BUFFER_INFO info;
    WCHAR wide[256];
    char line[1024];

    GetConsoleScreenBufferInfo(out, &info);
    for (short y = 0; y <= info.dwCursorPosition.Y; y++) {
        COORD start = { 0, 0 };
        DWORD units = 0;
        int bytes;
        start.Y = y;
        ReadConsoleOutputCharacterW(out, wide, info.dwSize.X < 256 ? (DWORD)info.dwSize.X : 256, start, &units);
        while (units > 0 && wide[units - 1] == ' ') units--;
        bytes = units ? WideCharToMultiByte(CP_UTF8, 0, wide, (int)units, line, sizeof line, NULL, NULL) : 0;
        printf("%.*s\n", bytes, line);
    }
}

/* Presses and releases a key. */
static void press_key(HANDLE in, HANDLE questions)
{
    INPUT_RECORD events[2];
    WORD key[2] = { 0, 0 };
    DWORD count = 0;

    ZeroMemory(events, sizeof events);
    if (!ReadFile(questions, key, sizeof key, &count, NULL) || count != sizeof key) return;
    for (int i = 0; i < 2; i++) {
        KEY_EVENT_RECORD *event = &events[i].Event.KeyEvent;
        events[i].EventType = KEY_EVENT;
        event->bKeyDown = i == 0;
        event->wRepeatCount = 1;
        event->wVirtualKeyCode = key[0];
        event->uChar.UnicodeChar = key[1];
    }
    printf("%d", WriteConsoleInputW(in, events, 2, &count) && count == 2);
}

static bool console_run(const WCHAR *command, HANDLE in, HANDLE out, HANDLE *process)
{
    WCHAR wide[1024];
    STARTUPINFOW startup;
    PROCESS_INFORMATION started;

    wcsncpy(wide, command, 1023); /* CreateProcessW may change it */
    wide[1023] = 0;
    ZeroMemory(&startup, sizeof startup);
    startup.cb = sizeof startup;
    startup.dwFlags = STARTF_USESTDHANDLES;
    startup.hStdInput = in;
    startup.hStdOutput = startup.hStdError = out;
    if (!CreateProcessW(NULL, wide, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &started)) return false;
    CloseHandle(started.hThread);
    *process = started.hProcess;
    return true;
}

int screen_main(const WCHAR *command)
{
    HANDLE in = console_open("CONIN$"), out = console_open("CONOUT$"), process;
    char question;
    DWORD bytes, code;

    SetConsoleOutputCP(CODEPAGE);
    SetConsoleTextAttribute(out, COLORS);
    if (!console_run(command, in, out, &process)) return 1;
    SetConsoleCtrlHandler(NULL, TRUE); /* the Ctrl+C is for the server */
    while (ReadFile(GetStdHandle(STD_INPUT_HANDLE), &question, 1, &bytes, NULL) && bytes) {
        if (question == 's') answer_state(in, out);
        if (question == 't') answer_text(out);
        if (question == 'c') printf("%d", GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0));
        if (question == 'k') press_key(in, GetStdHandle(STD_INPUT_HANDLE));
        if (question == 'w') {
            bool ended = WaitForSingleObject(process, 0) == WAIT_OBJECT_0 && GetExitCodeProcess(process, &code);
            printf("%ld", ended ? (long)code : -1);
        }
        putchar('\0');
        fflush(stdout);
    }
    TerminateProcess(process, 99);
    return 0;
}

/* ---- the test's side ---- */

struct Screen {
    HANDLE process, questions, answers;
    char answer[ANSWER_BYTES];
};

static const char *screen_ask_more(Screen *screen, const char *question, DWORD length)
{
    DWORD bytes;
    size_t used = 0;

    if (!screen || !WriteFile(screen->questions, question, length, &bytes, NULL)) return "";
    while (used < sizeof screen->answer - 1 && ReadFile(screen->answers, screen->answer + used, 1, &bytes, NULL)
           && screen->answer[used]) {
        if (screen->answer[used] != '\r') used++;
    }
    screen->answer[used] = '\0';
    return screen->answer;
}

static const char *screen_ask(Screen *screen, char question)
{
    return screen_ask_more(screen, &question, 1);
}

static bool screen_create(Screen *screen, const char *options)
{
    SECURITY_ATTRIBUTES inherit = { sizeof inherit, NULL, TRUE };
    STARTUPINFOW startup;
    PROCESS_INFORMATION process;
    HANDLE their_in, their_out;
    char command[1024], me[MAX_PATH];
    WCHAR wide[1024];
    BOOL good;

    GetModuleFileNameA(NULL, me, sizeof me);
    snprintf(command, sizeof command, "\"%s\" --screen %s %s", me, server_exe, options);
    MultiByteToWideChar(CP_UTF8, 0, command, -1, wide, 1024);
    if (!CreatePipe(&their_in, &screen->questions, &inherit, 0)) return false;
    if (!CreatePipe(&screen->answers, &their_out, &inherit, 0)) return false;
    SetHandleInformation(screen->questions, HANDLE_FLAG_INHERIT, 0);
    SetHandleInformation(screen->answers, HANDLE_FLAG_INHERIT, 0);
    ZeroMemory(&startup, sizeof startup);
    startup.cb = sizeof startup;
    startup.dwFlags = STARTF_USESTDHANDLES;
    startup.hStdInput = their_in;
    startup.hStdOutput = startup.hStdError = their_out;
    good = CreateProcessW(NULL, wide, NULL, NULL, TRUE, CREATE_NO_WINDOW, NULL, NULL, &startup, &process);
    CloseHandle(their_in);
    CloseHandle(their_out);
    if (!good) return false;
    CloseHandle(process.hThread);
    screen->process = process.hProcess;
    return true;
}

Screen *screen_start(const char *options)
{
    static Screen screen;

    memset(&screen, 0, sizeof screen);
    return screen_create(&screen, options) ? &screen : NULL;
}

const char *screen_state(Screen *screen)
{
    return screen_ask(screen, 's');
}

const char *screen_text(Screen *screen)
{
    return screen_ask(screen, 't');
}

bool screen_ctrl_c(Screen *screen)
{
    return strcmp(screen_ask(screen, 'c'), "1") == 0;
}

bool screen_key(Screen *screen, int code, int character)
{
    char question[5];

    question[0] = 'k';
    question[1] = (char)(code & 0xFF);
    question[2] = (char)(code >> 8);
    question[3] = (char)(character & 0xFF);
    question[4] = (char)(character >> 8);
    return strcmp(screen_ask_more(screen, question, sizeof question), "1") == 0;
}

bool screen_types(Screen *screen, const WCHAR *units)
{
    bool good = true;

    for (; *units; units++) good = screen_key(screen, *units == '\r' ? VK_RETURN : 0, *units) && good;
    return good;
}

bool screen_shows(Screen *screen, const char *text, int ms)
{
    long long end = now_ms() + ms;

    while (!strstr(screen_text(screen), text)) {
        if (now_ms() >= end) return false;
        Sleep(20);
    }
    return true;
}

long long screen_wait(Screen *screen, int ms)
{
    long long end = now_ms() + ms, code = -1;

    while (code == -1 && now_ms() <= end) {
        code = strtoll(screen_ask(screen, 'w'), NULL, 10);
        if (code == -1) Sleep(10);
    }
    return code;
}

void screen_end(Screen *screen)
{
    if (!screen) return;
    CloseHandle(screen->questions);
    WaitForSingleObject(screen->process, PATIENCE_MS);
    CloseHandle(screen->process);
    CloseHandle(screen->answers);
}
