/* file.c - the command line, and the one file that the server writes. */
#include "sim.h"

enum { FILE_HANDLE = 0x2001, SCREEN_HANDLE = 0x2005, COMMAND_CHARS = 1024 };

static const Thread *file_writer; /* the one thread that writes the trace file */
static bool file_open, screen_open, failed;
static bool whole = true; /* the last write was complete */
static uint64_t size, at;
static char *content; /* of the trace file */
static size_t content_room;

/* ---- the command line ---- */

const WCHAR *GetCommandLineW(void)
{
    static WCHAR line[COMMAND_CHARS];
    size_t used = 0;

    call_begin(CALL_GetCommandLineW);
    for (int i = 0; run_arguments[i]; i++) {
        if (i) line[used++] = chance(100) ? '\t' : ' ';
        line[used++] = '"';
        for (const char *c = run_arguments[i]; *c; c++) line[used++] = (WCHAR)(unsigned char)*c;
        line[used++] = '"';
        if (used > COMMAND_CHARS - 100) violation("the command line is too long");
    }
    line[used] = 0;
    return line;
}

/* ---- the trace file, and the screen by its name ---- */

HANDLE CreateFileA(const char *name, DWORD access, DWORD share, void *security, DWORD how, DWORD flags, HANDLE like)
{
    (void)access;
    (void)share;
    call_begin(CALL_CreateFileA);
    if (screen_open || security || like || flags || how != OPEN_EXISTING || strcmp(name, "CONOUT$") != 0)
        violation("CreateFileA: not simulated with these arguments");
    if (call_fault(CALL_CreateFileA, NULL)) return INVALID_HANDLE_VALUE;
    screen_open = true;
    return (HANDLE)(uintptr_t)SCREEN_HANDLE;
}

HANDLE CreateFileW(const WCHAR *name, DWORD access, DWORD share, void *security, DWORD how, DWORD flags, HANDLE like)
{
    (void)name;
    (void)access;
    (void)share;
    call_begin(CALL_CreateFileW);
    rule_no_cs("CreateFileW");
    if (file_open || security || like || flags || how != CREATE_ALWAYS)
        violation("CreateFileW: not simulated with these arguments");
    if (call_fault(CALL_CreateFileW, NULL)) return INVALID_HANDLE_VALUE;
    file_open = true;
    file_writer = NULL;
    return (HANDLE)(uintptr_t)FILE_HANDLE;
}

bool file_is(HANDLE handle)
{
    return (uintptr_t)handle == FILE_HANDLE || (uintptr_t)handle == SCREEN_HANDLE;
}

bool file_is_screen(HANDLE handle)
{
    return (uintptr_t)handle == SCREEN_HANDLE;
}

static void file_check(HANDLE handle, const char *call)
{
    if ((uintptr_t)handle != FILE_HANDLE || !file_open) violation("%s: it is not the open file", call);
}

void file_close(HANDLE handle)
{
    bool *open = (uintptr_t)handle == FILE_HANDLE ? &file_open : &screen_open;

    if (!*open) violation("CloseHandle: the file is closed");
    *open = false;
}

DWORD GetFileType(HANDLE handle)
{
    call_begin(CALL_GetFileType);
    file_check(handle, "GetFileType");
    return FILE_TYPE_DISK;
}

static void file_append(const char *bytes, size_t count)
{
    if (!count) return;
    if (at + count > content_room) {
        char *more = (char *)arena(2 * ((size_t)at + count));
        if (size) bytes_copy(more, content, (size_t)size);
        content = more;
        content_room = 2 * ((size_t)at + count);
    }
    bytes_copy(content + at, bytes, count);
    at += count;
    if (at > size) size = at;
}

/* A full disk takes only a part. */
BOOL file_write(HANDLE handle, const void *bytes, DWORD count, DWORD *written)
{
    file_check(handle, "WriteFile");
    if (sched_self()->id == 1 || (file_writer && file_writer != sched_self()))
        violation("the trace file is written by a thread that has other things to do");
    file_writer = sched_self();
    rule_no_cs("WriteFile to the trace file");
    whole = !call_fault(CALL_WriteFile, NULL) && !chance(plan.disk);
    *written = whole ? count : chance(500) ? (DWORD)rnd(count) : 0;
    file_append((const char *)bytes, *written);
    if (whole) return TRUE;
    failed = true;
    sched_self()->last_error = ERROR_DISK_FULL;
    return chance(500) && *written; /* some file systems report only the short count */
}

BOOL SetFilePointerEx(HANDLE handle, LARGE_INTEGER distance, LARGE_INTEGER *position, DWORD from)
{
    call_begin(CALL_SetFilePointerEx);
    file_check(handle, "SetFilePointerEx");
    if (position || from != FILE_BEGIN) violation("SetFilePointerEx: not simulated with these arguments");
    at = (uint64_t)distance.QuadPart;
    if (at > size) violation("SetFilePointerEx: behind the end");
    return TRUE;
}

BOOL SetEndOfFile(HANDLE handle)
{
    call_begin(CALL_SetEndOfFile);
    file_check(handle, "SetEndOfFile");
    size = at;
    return TRUE;
}

/* If its end could be written, the whole file can be read. */
static void file_check_content(void)
{
    char why[160];

    if (whole && size && !json_check(content, (size_t)size, why)) violation("the trace file is no JSON: %s", why);
}

bool file_failed(void)
{
    return failed;
}

void file_check_closed(void)
{
    if (file_open || screen_open) violation("leak: a file is still open");
    file_check_content();
}

void file_begin_again(void)
{
    file_check_closed();
    size = at = 0;
}
