/* options.h - the command line. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "../Overlapped.h"

struct Options {
    int port;
    const char *bind; /* a numeric address; NULL: every address, IPv4 and IPv6 */
    int max_clients;
    int max_per_ip; /* 0: no limit */
    int codepage;   /* of chat clients that do not send UTF-8 */
    bool echo, chat, quiet, trace, step;
    int slow;               /* ms after each line of the trace; 0: none */
    const char *trace_file; /* UTF-8; NULL: none */
    bool help, version;
};

/* Calls console_prepare(), and fills `options` from the process's command line. On bad options prints one line and the
 * usage on stderr and exits with code 2; after --help and --version exits with code 0; the console is then as it was.
 * Main only, before anything else. */
void options_read(Options *options);

#endif
