/* client_console_test.c - client.exe in a console: what it shows, what it leaves alone, which keys begin a line. */
#include "../harness/program.h"
#include "../harness/screen.h"

#include <stdio.h>
#include <string.h>

#define HANGUL       "\xEC\x95\x88\xEB\x85\x95" /* two syllables */
#define CTRL_Z       L"\x1A"
#define CTRL_BRACKET L"\x1D"

static SOCKET listener, sock;

/* Starts client.exe in a console and accepts it into `sock`. */
static Screen *client_screen(const char *options)
{
    const char *usual = server_exe;
    char line[60];
    int port = 0;
    Screen *screen;

    listener = listen_here(&port);
    snprintf(line, sizeof line, "%d %s", port, options);
    server_exe = client_path();
    screen = screen_start(line);
    server_exe = usual;
    sock = accept_here(listener);
    return sock != INVALID_SOCKET ? screen : NULL;
}

static void end_screen(Screen *screen)
{
    screen_end(screen);
    closesocket(sock);
    closesocket(listener);
}

static bool shows(Screen *screen, const char *text)
{
    if (screen_shows(screen, text, PATIENCE_MS)) return true;
    printf("\n    the screen:\n%s", screen_text(screen));
    return false;
}

static bool says(const char *text)
{
    int bytes = (int)strlen(text);

    return send(sock, text, bytes, 0) == bytes;
}

/* Types the keys. Returns true if the client ends at once, without waiting for the server, which has not closed the
 * connection. */
static bool ends_by_itself(Screen *screen, const WCHAR *keys)
{
    char end;

    return screen_types(screen, keys) && recv(sock, &end, 1, 0) == 0;
}

/* The console of the test has code page 1252, which has no Hangul. The bytes of a character come in two pieces. */
TEST(client_console_code_page)
{
    Screen *screen;
    char state[100];

    NEED_CLIENT();
    screen = client_screen("");
    CHECK(screen != NULL);
    snprintf(state, sizeof state, "%s", screen_state(screen));
    CHECK_HAS(state, "code page 1252,");
    CHECK(says("<"
               "\xEC\x95"));
    Sleep(100);
    CHECK(says("\x88\xEB\x85\x95"
               ">\r\n"));
    CHECK(shows(screen, "<" HANGUL ">\n"));
    CHECK_STR(screen_state(screen), state);
    CHECK(ends_by_itself(screen, CTRL_Z));
    closesocket(sock);
    CHECK_EQ(screen_wait(screen, PATIENCE_MS), 0);
    CHECK_STR(screen_state(screen), state);
    end_screen(screen);
}

/* ReadConsoleW() edits the line where the cursor stood when the first key came. A key without a character must not
 * count as the first key, or the typed text would overwrite the lines that come before the next key. */
TEST(client_console_keys_without_a_character)
{
    static const int keys[] = { VK_HANGUL, VK_HANJA, VK_CAPITAL, VK_LWIN, VK_RWIN, VK_NUMLOCK, VK_SHIFT, VK_INSERT };
    Screen *screen;

    NEED_CLIENT();
    screen = client_screen("");
    CHECK(screen != NULL);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) CHECK(screen_key(screen, keys[i], 0));
    Sleep(200);
    CHECK(says("first\r\nsecond\r\n"));
    CHECK(shows(screen, "second\n"));
    CHECK(screen_types(screen, L"typed\r"));
    CHECK(comes(sock, "typed\r\n", 7));
    CHECK(shows(screen, "first\nsecond\ntyped\n"));
    CHECK(ends_by_itself(screen, CTRL_Z));
    closesocket(sock);
    CHECK_EQ(screen_wait(screen, PATIENCE_MS), 0);
    end_screen(screen);
}

/* Hangul comes from the input method as characters, without a key. The up arrow recalls the line. */
TEST(client_console_typed)
{
    Screen *screen;

    NEED_CLIENT();
    screen = client_screen("");
    CHECK(screen != NULL);
    CHECK(screen_key(screen, 0, 0xC548));
    CHECK(screen_key(screen, 0, 0xB155));
    CHECK(screen_types(screen, L"\r"));
    CHECK(comes(sock, HANGUL "\r\n", 8));
    CHECK(screen_key(screen, VK_UP, 0));
    CHECK(screen_types(screen, L"\r"));
    CHECK(comes(sock, HANGUL "\r\n", 8));
    CHECK(ends_by_itself(screen, CTRL_Z));
    closesocket(sock);
    CHECK_EQ(screen_wait(screen, PATIENCE_MS), 0);
    end_screen(screen);
}

/* With --keys, the characters are sent in the console's input code page. */
TEST(client_console_keys)
{
    Screen *screen;

    NEED_CLIENT();
    screen = client_screen("--keys");
    CHECK(screen != NULL);
    CHECK(screen_key(screen, VK_CAPITAL, 0));
    CHECK(screen_types(screen, L"ab\r"));
    CHECK(comes(sock, "ab\r\n", 4));
    CHECK(shows(screen, "ab\n"));
    CHECK(ends_by_itself(screen, CTRL_BRACKET));
    closesocket(sock);
    CHECK_EQ(screen_wait(screen, PATIENCE_MS), 0);
    CHECK_HAS(screen_state(screen), "code page 1252,");
    end_screen(screen);
}
