/* text.c - the parts of Windows' text functions that the server needs. Code page 949 here has the form of the real one,
 * two bytes, the second of which may be an ASCII letter, but its syllables are in another order. */
#include "sim.h"

#include <strings.h>

enum { KOREAN = 949, TRAILS = 178, SYLLABLES = 11172, FIRST_SYLLABLE = 0xAC00 };

/* Decodes one character of UTF-8; returns its length in bytes, or 0 if there is none. */
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

bool text_is_utf8(const char *text, size_t count)
{
    uint32_t character;

    for (int length; count > 0; text += length, count -= (size_t)length) {
        length = utf8_decode((const unsigned char *)text, count < 4 ? (int)count : 4, &character);
        if (length == 0) return false;
    }
    return true;
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

/* ---- the two code pages ---- */

static bool korean_lead(unsigned char c)
{
    return c >= 0x81 && c <= 0xFE;
}

/* Returns the second byte's number, or -1. */
static int korean_trail(unsigned char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return 26 + c - 'a';
    return c >= 0x81 && c <= 0xFE ? 52 + c - 0x81 : -1;
}

/* Decodes one character; returns its length in bytes, or 0 if there is none. */
static int korean_next(const unsigned char *text, int left, uint32_t *character)
{
    int trail = left > 1 ? korean_trail(text[1]) : -1, number;

    *character = text[0];
    if (!korean_lead(text[0])) return text[0] <= 0x80 ? 1 : 0; /* 0x80 is U+0080 there too */
    number = (text[0] - 0x81) * TRAILS + trail;
    *character = (uint32_t)(FIRST_SYLLABLE + number);
    return trail >= 0 && number < SYLLABLES ? 2 : 0;
}

/* Writes a character, "?" if the page does not have it; returns the number of bytes. */
static int korean_put(uint32_t character, char *text)
{
    uint32_t number = character - FIRST_SYLLABLE, trail = number % TRAILS;

    text[0] = character < 0x80 ? (char)character : '?';
    if (number >= SYLLABLES) return 1;
    text[0] = (char)(0x81 + number / TRAILS);
    text[1] = (char)(trail < 26 ? 'A' + trail : trail < 52 ? 'a' + trail - 26 : 0x81 + trail - 52);
    return 2;
}

static int utf8_put(uint32_t character, char *text)
{
    if (character < 0x80) {
        text[0] = (char)character;
        return 1;
    }
    if (character < 0x800) {
        text[0] = (char)(0xC0 | character >> 6);
        text[1] = (char)(0x80 | (character & 0x3F));
        return 2;
    }
    if (character < 0x10000) {
        text[0] = (char)(0xE0 | character >> 12);
        text[1] = (char)(0x80 | (character >> 6 & 0x3F));
        text[2] = (char)(0x80 | (character & 0x3F));
        return 3;
    }
    text[0] = (char)(0xF0 | character >> 18);
    text[1] = (char)(0x80 | (character >> 12 & 0x3F));
    text[2] = (char)(0x80 | (character >> 6 & 0x3F));
    text[3] = (char)(0x80 | (character & 0x3F));
    return 4;
}

/* Returns a similar character, as the real tables do, and for some symbols the control character that a screen of 1981
 * showed as that symbol. */
static uint32_t best_fit(uint32_t character)
{
    switch (character) {
    case 0x2019: return '\'';
    case 0x2022: return 7;
    case 0x263A: return 1;
    case 0xE9: return 'e';
    default: return character;
    }
}

int korean_encode(const char *text, char *korean)
{
    int left = (int)strlen(text), used = 0;
    uint32_t character;

    for (int length; left > 0; text += length, left -= length) {
        length = utf8_decode((const unsigned char *)text, left, &character);
        if (length == 0) violation("korean_encode: no UTF-8");
        used += korean_put(best_fit(character), korean + used);
    }
    return used;
}

int korean_decode(const char *korean, size_t count, char *text)
{
    int used = 0;
    uint32_t character;

    for (int length; count > 0; korean += length, count -= (size_t)length) {
        length = korean_next((const unsigned char *)korean, count > 1 ? 2 : 1, &character);
        if (length == 0) return -1;
        used += utf8_put(character, text + used);
    }
    return used;
}

/* ---- Windows' functions ---- */

UINT GetOEMCP(void)
{
    return CP_UTF8;
}

BOOL IsValidCodePage(UINT page)
{
    call_begin(CALL_IsValidCodePage);
    return page == CP_UTF8 || page == KOREAN;
}

BOOL GetCPInfo(UINT page, CPINFO *info)
{
    info->MaxCharSize = page == KOREAN ? 2 : 4;
    return TRUE;
}

BOOL IsDBCSLeadByteEx(UINT page, BYTE c)
{
    return page == KOREAN && korean_lead(c);
}

int MultiByteToWideChar(UINT page, DWORD flags, const char *text, int bytes, WCHAR *wide, int size)
{
    int used = 0, left = bytes < 0 ? (int)strlen(text) + 1 : bytes;

    call_begin(CALL_MultiByteToWideChar);
    if ((page != CP_UTF8 && page != KOREAN) || (flags != MB_ERR_INVALID_CHARS && flags != 0) || size == 0)
        violation("MultiByteToWideChar: not simulated with these arguments");
    for (int length; left > 0; text += length, left -= length) {
        uint32_t character;
        length = page == CP_UTF8 ? utf8_decode((const unsigned char *)text, left, &character)
                                 : korean_next((const unsigned char *)text, left, &character);
        if (length == 0 || !wide_put(wide, size, &used, character)) {
            stats->failed[CALL_MultiByteToWideChar]++;
            return 0;
        }
    }
    return used;
}

int WideCharToMultiByte(UINT page, DWORD flags, const WCHAR *wide, int units, char *text, int size, const char *instead,
                        BOOL *used_instead)
{
    int used = 0;

    call_begin(CALL_WideCharToMultiByte);
    if ((page != CP_UTF8 && page != KOREAN) || (flags != 0 && flags != WC_NO_BEST_FIT_CHARS)
        || (page == CP_UTF8) != !used_instead || (page == CP_UTF8) != !instead || (page == CP_UTF8 && flags))
        violation("WideCharToMultiByte: not simulated with these arguments");
    if (units < 0)
        for (units = 1; wide[units - 1]; units++) continue;
    for (int i = 0; i < units; i++) {
        uint32_t character = wide[i];
        char bytes[4];
        int length;
        if (page == CP_UTF8 && character >= 0xD800 && character < 0xDC00)
            character = 0x10000 + ((character & 0x3FF) << 10) + (wide[++i] & 0x3FFu);
        if (page == KOREAN && flags == 0) character = best_fit(character);
        length = page == CP_UTF8 ? utf8_put(character, bytes) : korean_put(character, bytes);
        if (page == KOREAN && length == 1 && bytes[0] == '?' && character != '?') *used_instead = TRUE;
        if (used + length > size) return 0; /* ERROR_INSUFFICIENT_BUFFER */
        memcpy(text + used, bytes, (size_t)length);
        used += length;
    }
    return used;
}

/* Composes e and U+0301, and a syllable's first two parts, which is enough here. */
int FoldStringW(DWORD flags, const WCHAR *from, int units, WCHAR *to, int size)
{
    const WCHAR *end;
    int used = 0;

    call_begin(CALL_FoldStringW);
    if (flags != MAP_PRECOMPOSED || units < -1) violation("FoldStringW: not simulated with these arguments");
    if (call_fault(CALL_FoldStringW, NULL)) return 0;
    if (units < 0)
        for (units = 1; from[units - 1]; units++) continue;
    for (end = from + units; from < end; from++) {
        WCHAR character = *from, next = from + 1 < end ? from[1] : 0;
        if (used == size) return 0;
        if (character == 'e' && next == 0x301) {
            character = 0xE9;
            from++;
        } else if (character >= 0x1100 && character < 0x1113 && next >= 0x1161 && next < 0x1176) {
            character = (WCHAR)(FIRST_SYLLABLE + ((character - 0x1100) * 21 + next - 0x1161) * 28);
            from++;
        }
        to[used++] = character;
    }
    return used;
}

static WCHAR upper(WCHAR character)
{
    bool lower = (character >= 'a' && character <= 'z') || (character >= 0xE0 && character <= 0xFE);

    return lower ? (WCHAR)(character - 32) : character;
}

int CompareStringOrdinal(const WCHAR *a, int a_units, const WCHAR *b, int b_units, BOOL ignore_case)
{
    call_begin(CALL_CompareStringOrdinal);
    if (a_units != -1 || b_units != -1 || !ignore_case)
        violation("CompareStringOrdinal: not simulated with these arguments");
    while (*a && upper(*a) == upper(*b)) {
        a++;
        b++;
    }
    return upper(*a) < upper(*b) ? 1 : upper(*a) > upper(*b) ? 3 : CSTR_EQUAL;
}

BOOL GetStringTypeW(DWORD kind, const WCHAR *text, int units, WORD *types)
{
    WCHAR c = *text;
    bool digit = c >= '0' && c <= '9';
    bool alpha = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= 0xC0 && c < 0x250)
                 || (c >= 0x1100 && c < 0x1200) || (c >= 0x3041 && c < 0xD7A4);

    call_begin(CALL_GetStringTypeW);
    if (units != 1) violation("GetStringTypeW: not simulated with these arguments");
    if (call_fault(CALL_GetStringTypeW, NULL)) return FALSE;
    if (kind == CT_CTYPE1) *types = (WORD)(digit ? C1_DIGIT : alpha ? C1_ALPHA : 0);
    if (kind == CT_CTYPE3) *types = (WORD)(c >= 0x300 && c < 0x370 ? C3_NONSPACING : 0);
    return TRUE;
}

int _stricmp(const char *a, const char *b)
{
    return strcasecmp(a, b);
}

int _strnicmp(const char *a, const char *b, size_t count)
{
    return strncasecmp(a, b, count);
}

/* Checks what toupper() and the like are called with. They are undefined for negative numbers other than EOF, and
 * where char is signed, a byte above 127 is such a number. */
int sim_character(int character, const char *called)
{
    if (character < EOF || character > 255)
        violation("%s(%d): the argument is neither EOF nor an unsigned char", called, character);
    return character;
}
