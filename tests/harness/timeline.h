/* timeline.h - reads the file of --trace-file, and checks that it is a timeline that can be drawn. */
#ifndef TIMELINE_H
#define TIMELINE_H

#include "test.h"

enum { MAX_LANES = 512, THREADS = 1, SESSIONS = 2, MAX_DEPTH = 2 };

typedef struct Lane {
    long long process, number, last;
    int depth, bars;
    bool named;
} Lane;

typedef struct Timeline {
    Lane lanes[MAX_LANES];
    int count, pending;
    long receives, sends, handlers;
    bool processes_named[3];
    char *text;
} Timeline;

extern Timeline timeline;

/* Fills `options` with `mode` and the option that writes a trace file of our own, and `path` with its name (UTF-8). */
void trace_file_options(char options[512], char path[MAX_PATH], const char *mode);

/* Fills `timeline` from the file and deletes the file. Returns true if it is valid JSON in which every lane has a name,
 * its time never goes back, and every bar ends; prints what is wrong if not. */
bool timeline_read(const char *path);

#endif
