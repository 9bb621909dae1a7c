/* options.cpp - the command line: one table drives usage, help and parsing. */
#include "options.h"
#include "address.h"
#include "console.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION "1.0"

enum {
    COMMAND_CHARS = 32768, /* "CreateProcessW function": a command line has at most 32,767, and a NUL */
    MAX_SLOW_MS = 60 * 1000
};

/* ---- options: one table drives usage, help and parsing ---- */

typedef enum OptionKind { FLAG, NUMBER, ADDRESS, TEXT } OptionKind;

#define FIELD(name) offsetof(Options, name)
static const struct Option {
    const char *name, *value; /* the value's name; "": it takes none */
    OptionKind kind;
    size_t offset;            /* in Options, of a bool, an int or a const char * */
    int least, most, initial; /* of a number */
    const char *help;         /* a format for the three */
} option_table[] = {
    { "--echo", "", FLAG, FIELD(echo), 0, 0, 0, "echo everything back (the default)" },
    { "--chat", "", FLAG, FIELD(chat), 0, 0, 0, "one room: every line goes to everyone else" },
    { "--codepage", "N", NUMBER, FIELD(codepage), 1, 65535, 0,
      "code page of chat clients that do not use UTF-8 (default: this machine's OEM code page)" },
    { "--port", "N", NUMBER, FIELD(port), 0, 65535, DEFAULT_PORT,
      "listen on port N, %d to %d (default %d; 0: a free one)" },
    { "--bind", "ADDR", ADDRESS, FIELD(bind), 0, 0, 0, "listen on this IPv4 or IPv6 address only (default: on all)" },
    { "--max-clients", "N", NUMBER, FIELD(max_clients), 1, MAX_CLIENTS, DEFAULT_CLIENTS,
      "serve at most N clients, %d to %d (default %d)" },
    { "--max-per-ip", "N", NUMBER, FIELD(max_per_ip), 1, MAX_CLIENTS, 0,
      "serve at most N clients from one address (default: no limit)" },
    { "--quiet", "", FLAG, FIELD(quiet), 0, 0, 0, "print only the first line, errors and the totals" },
    { "--trace", "", FLAG, FIELD(trace), 0, 0, 0, "print every step of the Overlapped I/O, as it happens" },
    { "--step", "", FLAG, FIELD(step), 0, 0, 0, "--trace, and wait for Enter after each line" },
    { "--slow", "MS", NUMBER, FIELD(slow), 1, MAX_SLOW_MS, 0,
      "--trace, and wait that long after each line, %d to %d ms" },
    { "--trace-file", "F", TEXT, FIELD(trace_file), 0, 0, 0,
      "write the steps to F, for docs/replay.html, chrome://tracing or Perfetto" },
    { "--help", "", FLAG, FIELD(help), 0, 0, 0, "print this help and exit" },
    { "--version", "", FLAG, FIELD(version), 0, 0, 0, "print the version and exit" },
};
#undef FIELD

typedef struct Option Option;
enum { OPTION_COUNT = sizeof option_table / sizeof *option_table };

static void options_print(DWORD handle, bool help)
{
    char text[160];

    console_put(handle, 0, "usage: server.exe [PORT]");
    for (int i = 0; i < OPTION_COUNT; i++) {
        const Option *row = &option_table[i];
        snprintf(text, sizeof text, " [%s%s%s]", row->name, *row->value ? " " : "", row->value);
        console_put(handle, 0, text);
    }
    console_put(handle, 0, help ? "\n\n" : "\n");
    for (int i = 0; help && i < OPTION_COUNT; i++) {
        const Option *row = &option_table[i];
        int used = snprintf(text, sizeof text, "  %s %-*s", row->name, 16 - (int)strlen(row->name), row->value);
        used += snprintf(text + used, sizeof text - (size_t)used, row->help, row->least, row->most, row->initial);
        snprintf(text + used, sizeof text - (size_t)used, "\n");
        console_put(handle, 0, text);
    }
}

/* Prints the error and the usage, and ends the process. `value` may be NULL. */
static void option_fail(const char *option, const char *value, const char *why)
{
    log_error(0, "%s%s%s: %s", option, value ? " " : "", value ? value : "", why);
    options_print(STD_ERROR_HANDLE, false);
    console_restore();
    exit(2);
}

static int option_number(const Option *row, const char *option, const char *value)
{
    long number = strtol(value, NULL, 10);
    char why[64];

    if (!*value || value[strspn(value, "0123456789")] || number < row->least || number > row->most) {
        snprintf(why, sizeof why, "not a number from %d to %d", row->least, row->most);
        option_fail(option, value, why);
    }
    return (int)number;
}

static void option_address(const char *option, const char *value)
{
    SOCKADDR_STORAGE addr;
    const IN6_ADDR *in6 = &((const SOCKADDR_IN6 *)&addr)->sin6_addr;

    if (!address_parse(value, &addr)) option_fail(option, value, "not an IPv4 or IPv6 address");
    if (addr.ss_family == AF_INET) return;
    if (IN6_IS_ADDR_V4MAPPED(in6))
        option_fail(option, value, "an IPv4 address in IPv6 form, please give it as 1.2.3.4");
    if (IN6_IS_ADDR_LINKLOCAL(in6))
        option_fail(option, value, "a link-local address needs an interface (%zone), which is not supported");
}

static void option_set(Options *options, const Option *row, const char *option, const char *value)
{
    void *field = (char *)options + row->offset;

    if (!value) option_fail(option, NULL, "its value is missing");
    if (row->kind != FLAG && strncmp(value, "--", 2) == 0)
        option_fail(option, value, "a value must come before the next option");
    if (row->kind == ADDRESS) option_address(option, value);
    if (row->kind == FLAG) {
        *(bool *)field = true;
    } else if (row->kind == NUMBER) {
        *(int *)field = option_number(row, option, value);
    } else {
        *(const char **)field = value;
    }
}

/* Returns true if the chat can use the code page: UTF-8, or one with one or two bytes per character, because text is
 * converted in place. Line ends and commands are looked for in ASCII, which EBCDIC pages do not have. */
static bool codepage_is_usable(UINT page)
{
    CPINFO info;

    if (page == CP_UTF8) return true;
    if (!IsValidCodePage(page) || !GetCPInfo(page, &info) || info.MaxCharSize > 2) return false;
    for (char c = 0x0A; c < 0x7F; c++) {
        WCHAR wide = 0;
        if (MultiByteToWideChar(page, 0, &c, 1, &wide, 1) != 1) return false;
        if (wide != c && c != '\\' && c != '~')
            return false; /* some East Asian pages show these two as a currency sign and an overline */
    }
    return true;
}

/* Checks what depends on several options, or on this machine. */
static void options_check(Options *options)
{
    UINT page = options->codepage ? (UINT)options->codepage : GetOEMCP();

    if (options->echo && options->chat) option_fail("--echo and --chat", NULL, "use only one of them");
    if (options->step && options->slow) option_fail("--step and --slow", NULL, "use only one of them");
    if (options->step || options->slow) options->trace = true;
    if (options->codepage && !options->chat) option_fail("--codepage", NULL, "requires --chat");
    if (options->codepage && !codepage_is_usable(page)) {
        option_fail("--codepage", NULL,
                    "not a code page of this machine that contains ASCII, such as 949 (Korean), 437, 65001 (UTF-8)");
    }
    options->codepage = (int)page;
}

/* Returns the next argument, parsed in place by the rules of "Parsing C command-line arguments"; NULL: there is none.
 * (The rules apply to the program's name too, because no file name ends with a backslash.) */
static const char *argument_next(char **rest)
{
    char *in = *rest + strspn(*rest, " \t"), *out = in, *start = in;
    bool quoted = false;

    if (!*in) return NULL;
    while (*in && (quoted || !strchr(" \t", *in))) {
        size_t slashes = strspn(in, "\\");
        bool quote = in[slashes] == '"';
        memset(out, '\\', slashes);
        out += quote ? slashes / 2 : slashes;
        in += slashes;
        if (quote && slashes % 2) { /* \" is a quote ... */
            *out++ = *in++;
        } else if (quote && quoted && in[1] == '"') { /* ... and so is "" within quotes */
            *out++ = '"';
            in += 2;
        } else if (quote) {
            quoted = !quoted;
            in++;
        } else if (!slashes) {
            *out++ = *in++;
        }
    }
    *rest = *in ? in + 1 : in;
    *out = '\0';
    return start;
}

/* Reads Windows' own command line, as UTF-8: main()'s arguments are in the ANSI code page, which cannot express every
 * file name. */
void options_read(Options *options)
{
    static char line[3 * COMMAND_CHARS]; /* the options point into it */
    bool given[OPTION_COUNT] = { false };
    char *rest = line;
    const char *option;

    for (const Option *row = option_table; row < option_table + OPTION_COUNT; row++) {
        if (row->initial) *(int *)(void *)((char *)options + row->offset) = row->initial;
    }
    console_prepare();
    WideCharToMultiByte(CP_UTF8, 0, GetCommandLineW(), -1, line, sizeof line, NULL, NULL);
    argument_next(&rest); /* the program's name */
    while ((option = argument_next(&rest)) != NULL) {
        bool port = option[0] != '-';
        const char *name = port ? "--port" : option, *value;
        int i = 0;

        while (i < OPTION_COUNT && strcmp(option_table[i].name, name) != 0) i++;
        if (i == OPTION_COUNT) option_fail(option, NULL, "no such option");
        value = port || !*option_table[i].value ? option : argument_next(&rest);
        if (given[i]) option_fail(option, NULL, port ? "the port was given already" : "given already");
        given[i] = true;
        option_set(options, &option_table[i], port ? "PORT" : option, value);
    }
    if (options->help) options_print(STD_OUTPUT_HANDLE, true);
    if (options->version) console_put(STD_OUTPUT_HANDLE, 0, "server.exe " VERSION "\n");
    if (options->help || options->version) {
        console_restore();
        exit(0);
    }
    options_check(options);
}
