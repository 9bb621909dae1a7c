/* windows.h - the part of the Windows API that the server uses, for Linux: see sim.h.
 *
 * The server's sources include this header as they are. Every call goes to the simulator; the C
 * library's allocation and console output go there too, by the macros at the end.
 */
#ifndef SIM_WINDOWS_H
#define SIM_WINDOWS_H

#include <ctype.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef int BOOL;
typedef unsigned char BYTE;
typedef uint16_t WORD;
typedef uint32_t DWORD, ULONG, UINT;
typedef int32_t LONG;
typedef int64_t LONGLONG;
typedef uint64_t ULONGLONG;
typedef uintptr_t ULONG_PTR, UINT_PTR;
typedef void *HANDLE;
typedef uint16_t WCHAR;

#define TRUE  1
#define FALSE 0
#define WINAPI
#define WSAAPI
#define CALLBACK
#define __stdcall

#define INVALID_HANDLE_VALUE ((HANDLE) ~(uintptr_t)0)
#define INFINITE             0xFFFFFFFFu
#define WAIT_OBJECT_0        0u
#define WAIT_TIMEOUT         258u
#define WAIT_FAILED          0xFFFFFFFFu
#define STATUS_PENDING       0x103u

#define ERROR_FILE_NOT_FOUND       2
#define ERROR_PATH_NOT_FOUND       3
#define ERROR_TOO_MANY_OPEN_FILES  4
#define ERROR_ACCESS_DENIED        5
#define ERROR_WRITE_PROTECT        19
#define ERROR_SHARING_VIOLATION    32
#define ERROR_HANDLE_DISK_FULL     39
#define ERROR_DISK_FULL            112
#define ERROR_INVALID_NAME         123
#define ERROR_FILENAME_EXCED_RANGE 206

#define ERROR_INVALID_HANDLE    6
#define ERROR_NOT_ENOUGH_MEMORY 8
#define ERROR_INVALID_PARAMETER 87
#define ERROR_OPERATION_ABORTED 995
#define ERROR_IO_INCOMPLETE     996
#define ERROR_IO_PENDING        997
#define ERROR_NOT_FOUND         1168

#define ZeroMemory(where, size) memset((where), 0, (size))
#define MAKEWORD(low, high)     ((WORD)((low) | (high) << 8))

typedef struct SYSTEMTIME {
    WORD wYear, wMonth, wDayOfWeek, wDay, wHour, wMinute, wSecond, wMilliseconds;
} SYSTEMTIME;

typedef struct OVERLAPPED {
    ULONG_PTR Internal, InternalHigh;
    DWORD Offset, OffsetHigh;
    HANDLE hEvent;
} OVERLAPPED, *LPOVERLAPPED;

typedef struct CRITICAL_SECTION {
    uint64_t magic;
    void *owner;
    int depth;
} CRITICAL_SECTION, *LPCRITICAL_SECTION;

typedef struct SRWLOCK {
    void *owner;
} SRWLOCK, *PSRWLOCK;

typedef struct CONDITION_VARIABLE {
    uint64_t wakes;
} CONDITION_VARIABLE, *PCONDITION_VARIABLE;

/* The versions of clang-format differ here. */
/* clang-format off */
#define SRWLOCK_INIT            { 0 }
#define CONDITION_VARIABLE_INIT { 0 }
/* clang-format on */

typedef union LARGE_INTEGER {
    LONGLONG QuadPart;
} LARGE_INTEGER;

/* ---- threads, time ---- */

#define STACK_SIZE_PARAM_IS_A_RESERVATION 0x00010000u

DWORD WaitForSingleObject(HANDLE handle, DWORD milliseconds);
BOOL CloseHandle(HANDLE handle);
BOOL CancelIoEx(HANDLE handle, LPOVERLAPPED over);
DWORD GetLastError(void);
DWORD GetCurrentThreadId(void);

#define TLS_OUT_OF_INDEXES 0xFFFFFFFFu

DWORD TlsAlloc(void);
BOOL TlsFree(DWORD index);
BOOL TlsSetValue(DWORD index, void *value);
void *TlsGetValue(DWORD index);
void Sleep(DWORD milliseconds);
ULONGLONG GetTickCount64(void);
void GetLocalTime(SYSTEMTIME *now);
BOOL QueryPerformanceCounter(LARGE_INTEGER *count);
BOOL QueryPerformanceFrequency(LARGE_INTEGER *frequency);

BOOL InitializeCriticalSectionAndSpinCount(LPCRITICAL_SECTION cs, DWORD spins);
void EnterCriticalSection(LPCRITICAL_SECTION cs);
void LeaveCriticalSection(LPCRITICAL_SECTION cs);
void DeleteCriticalSection(LPCRITICAL_SECTION cs);

void AcquireSRWLockExclusive(PSRWLOCK lock);
void ReleaseSRWLockExclusive(PSRWLOCK lock);
BOOL SleepConditionVariableSRW(PCONDITION_VARIABLE condition, PSRWLOCK lock, DWORD milliseconds, ULONG flags);
void WakeConditionVariable(PCONDITION_VARIABLE condition);

BOOL sim_overlapped_completed(const OVERLAPPED *over);
#define HasOverlappedIoCompleted(over) sim_overlapped_completed(over)

/* These are compiled into the server's own code, so that ThreadSanitizer sees them as what they
 * are: full barriers. */
void sim_interlocked(void);

static inline LONG InterlockedExchange(volatile LONG *target, LONG value)
{
    sim_interlocked();
    return __atomic_exchange_n(target, value, __ATOMIC_SEQ_CST);
}

static inline LONG InterlockedIncrement(volatile LONG *target)
{
    sim_interlocked();
    return __atomic_add_fetch(target, 1, __ATOMIC_SEQ_CST);
}

static inline LONG InterlockedDecrement(volatile LONG *target)
{
    sim_interlocked();
    return __atomic_sub_fetch(target, 1, __ATOMIC_SEQ_CST);
}

static inline LONG InterlockedExchangeAdd(volatile LONG *target, LONG value)
{
    sim_interlocked();
    return __atomic_fetch_add(target, value, __ATOMIC_SEQ_CST);
}

static inline LONG InterlockedCompareExchange(volatile LONG *target, LONG value, LONG expected)
{
    sim_interlocked();
    __atomic_compare_exchange_n(target, &expected, value, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return expected;
}

/* ---- the console ---- */

#define STD_INPUT_HANDLE  ((DWORD)(-10))
#define STD_OUTPUT_HANDLE ((DWORD)(-11))
#define STD_ERROR_HANDLE  ((DWORD)(-12))

#define ENABLE_PROCESSED_OUTPUT            0x0001u
#define ENABLE_VIRTUAL_TERMINAL_PROCESSING 0x0004u
#define ENABLE_ECHO_INPUT                  0x0004u
#define ENABLE_QUICK_EDIT_MODE             0x0040u
#define ENABLE_EXTENDED_FLAGS              0x0080u
#define CP_UTF8                            65001u

#define CTRL_C_EVENT     0u
#define CTRL_BREAK_EVENT 1u
#define CTRL_CLOSE_EVENT 2u

typedef BOOL(WINAPI *PHANDLER_ROUTINE)(DWORD type);

#define FOREGROUND_BLUE      0x0001u
#define FOREGROUND_GREEN     0x0002u
#define FOREGROUND_RED       0x0004u
#define FOREGROUND_INTENSITY 0x0008u

typedef struct COORD {
    short X, Y;
} COORD;

typedef struct SMALL_RECT {
    short Left, Top, Right, Bottom;
} SMALL_RECT;

typedef struct CONSOLE_SCREEN_BUFFER_INFO {
    COORD dwSize, dwCursorPosition;
    WORD wAttributes;
    SMALL_RECT srWindow;
    COORD dwMaximumWindowSize;
} CONSOLE_SCREEN_BUFFER_INFO;

HANDLE GetStdHandle(DWORD which);
BOOL ReadFile(HANDLE file, void *bytes, DWORD count, DWORD *read, LPOVERLAPPED over);
#define KEY_EVENT 1
#define VK_MENU   0x12
#define VK_UP     0x26

typedef struct KEY_EVENT_RECORD {
    BOOL bKeyDown;
    unsigned short wVirtualKeyCode;
    union {
        WCHAR UnicodeChar;
    } uChar;
} KEY_EVENT_RECORD;

typedef struct INPUT_RECORD {
    unsigned short EventType;
    union {
        KEY_EVENT_RECORD KeyEvent;
    } Event;
} INPUT_RECORD;

BOOL PeekConsoleInputW(HANDLE console, INPUT_RECORD *records, DWORD count, DWORD *read);
BOOL ReadConsoleInputW(HANDLE console, INPUT_RECORD *records, DWORD count, DWORD *read);
BOOL ReadConsoleW(HANDLE console, void *units, DWORD count, DWORD *read, void *control);
BOOL WriteFile(HANDLE file, const void *bytes, DWORD count, DWORD *written, LPOVERLAPPED over);
BOOL SetConsoleTextAttribute(HANDLE console, WORD attributes);
BOOL GetConsoleScreenBufferInfo(HANDLE console, CONSOLE_SCREEN_BUFFER_INFO *info);
BOOL GetConsoleMode(HANDLE console, DWORD *mode);
BOOL SetConsoleMode(HANDLE console, DWORD mode);
BOOL SetConsoleOutputCP(UINT codepage);
BOOL WriteConsoleW(HANDLE console, const void *units, DWORD count, DWORD *written, void *reserved);
BOOL SetConsoleCtrlHandler(PHANDLER_ROUTINE handler, BOOL add);

/* ---- the command line, and files ---- */

#define GENERIC_READ     0x80000000u
#define GENERIC_WRITE    0x40000000u
#define FILE_SHARE_READ  1u
#define FILE_SHARE_WRITE 2u
#define CREATE_ALWAYS    2u
#define OPEN_EXISTING    3u
#define FILE_TYPE_DISK   1u
#define FILE_TYPE_PIPE   3u
#define FILE_BEGIN       0u

const WCHAR *GetCommandLineW(void);
HANDLE CreateFileA(const char *name, DWORD access, DWORD share, void *security, DWORD how, DWORD flags, HANDLE like);
HANDLE CreateFileW(const WCHAR *name, DWORD access, DWORD share, void *security, DWORD how, DWORD flags, HANDLE like);
DWORD GetFileType(HANDLE file);
BOOL SetFilePointerEx(HANDLE file, LARGE_INTEGER distance, LARGE_INTEGER *position, DWORD from);
BOOL SetEndOfFile(HANDLE file);

/* ---- text ---- */

#define MB_ERR_INVALID_CHARS 0x0008u
#define WC_NO_BEST_FIT_CHARS 0x0400u
#define MAP_PRECOMPOSED      0x0020u
#define CT_CTYPE1            1u
#define CT_CTYPE3            4u
#define C1_DIGIT             0x0004u
#define C1_ALPHA             0x0100u
#define C3_NONSPACING        0x0001u
#define C3_VOWELMARK         0x0004u
#define CSTR_EQUAL           2

typedef struct CPINFO {
    UINT MaxCharSize;
    BYTE DefaultChar[2];
    BYTE LeadByte[12];
} CPINFO;

UINT GetOEMCP(void);
BOOL IsValidCodePage(UINT codepage);
BOOL GetCPInfo(UINT codepage, CPINFO *info);
BOOL IsDBCSLeadByteEx(UINT codepage, BYTE c);
int MultiByteToWideChar(UINT codepage, DWORD flags, const char *text, int bytes, WCHAR *wide, int size);
int WideCharToMultiByte(UINT codepage, DWORD flags, const WCHAR *wide, int units, char *text, int size,
                        const char *instead, BOOL *used);
int FoldStringW(DWORD flags, const WCHAR *from, int units, WCHAR *to, int size);
int CompareStringOrdinal(const WCHAR *a, int a_units, const WCHAR *b, int b_units, BOOL ignore_case);
BOOL GetStringTypeW(DWORD kind, const WCHAR *text, int units, WORD *types);
int _stricmp(const char *a, const char *b);
int _strnicmp(const char *a, const char *b, size_t count);

/* ---- memory; the system's is watched like the C library's ---- */

#define MEM_COMMIT     0x1000u
#define MEM_RESERVE    0x2000u
#define MEM_RELEASE    0x8000u
#define PAGE_READWRITE 0x04u

#define VirtualAlloc(address, size, type, protection) sim_malloc(size)
#define VirtualFree(address, size, type)              sim_free(address)

/* ---- the C library's calls that the simulator watches ---- */

void *sim_malloc(size_t size);
void *sim_calloc(size_t count, size_t size);
void *sim_realloc(void *block, size_t size);
void sim_free(void *block);
_Noreturn void sim_exit(int code);
int sim_fputs(const char *text, FILE *file);
int sim_fputc(int c, FILE *file);
size_t sim_fwrite(const void *bytes, size_t size, size_t count, FILE *file);
int sim_fflush(FILE *file);
int sim_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
int sim_fprintf(FILE *file, const char *format, ...) __attribute__((format(printf, 2, 3)));
int sim_vfprintf(FILE *file, const char *format, va_list args);
int sim_character(int character, const char *called);

#ifndef SIM_INSIDE
#define malloc(size)                     sim_malloc(size)
#define calloc(count, size)              sim_calloc((count), (size))
#define realloc(block, size)             sim_realloc((block), (size))
#define free(block)                      sim_free(block)
#define exit(code)                       sim_exit(code)
#define fputs(text, file)                sim_fputs((text), (file))
#define fputc(c, file)                   sim_fputc((c), (file))
#define putchar(c)                       sim_fputc((c), stdout)
#define fwrite(bytes, size, count, file) sim_fwrite((bytes), (size), (count), (file))
#define fflush(file)                     sim_fflush(file)
#define printf(...)                      sim_printf(__VA_ARGS__)
#define fprintf(...)                     sim_fprintf(__VA_ARGS__)
#define vfprintf(file, format, args)     sim_vfprintf((file), (format), (args))

#undef isalpha
#undef islower
#undef isupper
#undef tolower
#undef toupper
#define isalpha(c) (isalpha)(sim_character((c), "isalpha"))
#define islower(c) (islower)(sim_character((c), "islower"))
#define isupper(c) (isupper)(sim_character((c), "isupper"))
#define tolower(c) (tolower)(sim_character((c), "tolower"))
#define toupper(c) (toupper)(sim_character((c), "toupper"))
#endif

#endif
