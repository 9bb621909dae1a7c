/* host.c - a program for Wine that runs the host's program of the same name: as sh.exe the host's sh, as gcc.exe its
 * cross compiler. GNU make for Windows starts it like any other program; it then starts host.sh, which is beside it,
 * because a Windows program can start a program of the host but cannot wait for it. The script writes the exit code to
 * a file, for which this program waits. */
#ifdef _MSC_VER
#define _CRT_SECURE_NO_WARNINGS
#endif
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <windows.h>

#include <stdio.h>
#include <string.h>

enum { PATIENCE_MS = 120000, PATH_BYTES = 2048 };

static int fail(const char *what)
{
    fprintf(stderr, "host: %s: error %lu\n", what, (unsigned long)GetLastError());
    return 1;
}

/* Gets our own path as the host sees it, "/.../bin/gcc.exe": Wine's drive Z: is the host's root. Returns where the name
 * begins. */
static char *own_path(char path[PATH_BYTES])
{
    GetModuleFileNameA(NULL, path, PATH_BYTES);
    for (char *at = path; *at; at++) {
        if (*at == '\\') *at = '/';
    }
    memmove(path, path + 2, strlen(path + 2) + 1);
    return strrchr(path, '/') + 1;
}

/* Writes the arguments, one per line. */
static int arguments_write(const char *path, int argc, char *argv[])
{
    FILE *file = fopen(path, "wb");

    if (!file) return 0;
    for (int i = 1; i < argc; i++) fprintf(file, "%s\n", argv[i]);
    return fclose(file) == 0;
}

/* Returns the exit code, or -1 as long as there is none. */
static int code_read(const char *path)
{
    FILE *file = fopen(path, "rb");
    int code = -1;

    if (!file) return -1;
    if (fscanf(file, "%d", &code) != 1) code = -1;
    fclose(file);
    return code;
}

int main(int argc, char *argv[])
{
    PROCESS_INFORMATION process;
    STARTUPINFOA startup;
    char path[PATH_BYTES], args[PATH_BYTES + 64], code_file[PATH_BYTES + 64], command[2 * PATH_BYTES];
    unsigned long id = GetCurrentProcessId();
    int code = -1, folder = (int)(own_path(path) - path);

    snprintf(args, sizeof args, "%s.%lu.args", path, id);
    snprintf(code_file, sizeof code_file, "%s.%lu.code", path, id);
    if (!arguments_write(args, argc, argv)) return fail("cannot write the arguments");
    snprintf(command, sizeof command, "/bin/sh \"%.*shost.sh\" \"%s\" %lu", folder, path, path, id);
    ZeroMemory(&startup, sizeof startup);
    startup.cb = sizeof startup;
    ZeroMemory(&process, sizeof process);
    if (!CreateProcessA(NULL, command, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process)) return fail("no sh");
    for (int waited = 0; code < 0 && waited < PATIENCE_MS; waited += 20) {
        Sleep(20);
        code = code_read(code_file);
    }
    DeleteFileA(args);
    DeleteFileA(code_file);
    return code < 0 ? fail("it does not end") : code;
}
