/* member.c - joins the chat room, talks and listens: what every test of the chat begins with. */
#include "member.h"

#include <stdio.h>
#include <string.h>

Client *member_join(Server *server, const char *nick)
{
    Client *client = client_connect(server);
    char line[LINE_SIZE], command[200], answer[200];

    if (!client_line(client, line, sizeof line) || strncmp(line, "*** welcome, ", 13) != 0) return NULL;
    if (!client_line(client, line, sizeof line) || !strstr(line, "/help")) return NULL;
    if (!nick) return client;
    snprintf(command, sizeof command, "/nick %s\r\n", nick);
    snprintf(answer, sizeof answer, "*** you are now %s", nick);
    if (!client_send(client, command, strlen(command))) return NULL;
    return member_awaits(client, answer) ? client : NULL;
}

bool member_says(Client *client, const char *line)
{
    char text[LINE_SIZE];

    snprintf(text, sizeof text, "%s\r\n", line);
    return client_send(client, text, strlen(text));
}

bool member_hears(Client *client, const char *line)
{
    char heard[LINE_SIZE];

    if (!client_line(client, heard, sizeof heard)) strcpy(heard, "(nothing)");
    if (strcmp(heard, line) == 0) return true;
    printf("\n    heard \"%s\" instead of \"%s\"\n", heard, line);
    return false;
}

const char *member_hears_until(Client *client, const char *last)
{
    static char heard[32 * 1024];
    char line[LINE_SIZE];
    size_t used = 0;

    while (used < sizeof heard - LINE_SIZE - 16) {
        heard[used] = '\0';
        if (!client_line(client, line, sizeof line)) break;
        if (strcmp(line, last) == 0) return heard;
        used += (size_t)snprintf(heard + used, LINE_SIZE + 2, "%s\n", line);
    }
    strcpy(heard + used, "(no more)");
    return heard;
}

bool member_awaits(Client *client, const char *last)
{
    char line[LINE_SIZE];

    while (client_line(client, line, sizeof line)) {
        if (strcmp(line, last) == 0) return true;
    }
    printf("\n    \"%s\" did not come\n", last);
    return false;
}

bool member_asks(Client *client)
{
    return member_says(client, "/") && member_awaits(client, NO_COMMAND);
}

bool member_hears_goodbye(Client *client)
{
    return member_hears(client, "*** good-bye") && client_at_eof(client);
}
