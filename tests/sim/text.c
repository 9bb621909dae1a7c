/* text.c - what the server needs of Windows' text functions. */
#include "sim.h"

#include <strings.h>

/* Decodes one character of UTF-8; returns its bytes, or 0 where it is none. */
static int utf8_decode(const unsigned char *text, int left, uint32_t *character)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    int length = *text < 0x80 ? 1 : *text < 0xC0 ? 0 : *text < 0xE0 ? 2 : *text < 0xF0 ? 3 : *text < 0xF8 ? 4 : 0;

    if (length == 0 || length > left) return 0;
    *character = length == 1 ? *text : *text & (0x7Fu >> length);
    for (int i = 1; i < length; i++) {
        if ((text[i] & 0xC0) != 0x80) return 0;
        *character = *character << 6 | (text[i] & 0x3Fu);
    }
    if (*character < least[length] || *character > 0x10FFFF || (*character >= 0xD800 && *character < 0xE000)) return 0;
    return length;
}

static bool wide_put(WCHAR *wide, int size, int *used, uint32_t character)
{
    if (*used + (character > 0xFFFF) >= size) return false;
    if (character > 0xFFFF) {
        wide[(*used)++] = (WCHAR)(0xD800 + ((character - 0x10000) >> 10));
        character = 0xDC00 + ((character - 0x10000) & 0x3FF);
    }
    wide[(*used)++] = (WCHAR)character;
    return true;
}

int MultiByteToWideChar(UINT page, DWORD flags, const char *text, int bytes, WCHAR *wide, int size)
{
    int used = 0;

    call_begin(CALL_MultiByteToWideChar);
    if (page != CP_UTF8 || (flags != MB_ERR_INVALID_CHARS && flags != 0) || bytes != -1 || size == 0)
        violation("MultiByteToWideChar: not simulated with these arguments");
    if (call_fault(CALL_MultiByteToWideChar, NULL)) return 0;
    for (int left = (int)strlen(text) + 1; left > 0;) {
        uint32_t character;
        int length = utf8_decode((const unsigned char *)text, left, &character);
        if (length == 0 || !wide_put(wide, size, &used, character)) {
            stats->failed[CALL_MultiByteToWideChar]++;
            return 0;
        }
        text += length;
        left -= length;
    }
    return used;
}

/* The server's arguments, which are ASCII here. */
int WideCharToMultiByte(UINT page, DWORD flags, const WCHAR *wide, int units, char *text, int size, const char *instead,
                        BOOL *replaced)
{
    int used = 0;

    call_begin(CALL_WideCharToMultiByte);
    if (page != CP_UTF8 || flags || units != -1 || instead || replaced)
        violation("WideCharToMultiByte: not simulated with these arguments");
    do {
        if (used == size || wide[used] > 0x7F) violation("WideCharToMultiByte: not simulated with this text");
        text[used] = (char)wide[used];
    } while (wide[used++]);
    return used;
}

BOOL IsValidCodePage(UINT page)
{
    call_begin(CALL_IsValidCodePage);
    return page == CP_UTF8 || page == 949 || page == 437;
}

BOOL GetCPInfo(UINT page, CPINFO *info)
{
    info->MaxCharSize = page == 437 ? 1 : 2;
    return TRUE;
}

UINT GetOEMCP(void)
{
    return 949;
}

int _stricmp(const char *a, const char *b)
{
    return strcasecmp(a, b);
}

int _strnicmp(const char *a, const char *b, size_t count)
{
    return strncasecmp(a, b, count);
}
