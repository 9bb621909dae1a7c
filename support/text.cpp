/* text.cpp - UTF-8, code pages, columns on a terminal, names. */
#include "text.h"

#include <stdio.h>
#include <string.h>

const char *text_plural(int n)
{
    return n == 1 ? "" : "s";
}

/* What a first byte promises: how many bytes, 0 for none, and the least character that needs so many. */
static ULONG utf8_length(unsigned long first, unsigned long *least)
{
    *least = first < 0x80 ? 0 : first < 0xE0 ? 0x80 : first < 0xF0 ? 0x800 : 0x10000;
    return first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
}

/* The second byte tells whether it can become a character at all: so one that cannot is not waited for. */
static ULONG utf8_next(const char *text, ULONG length, unsigned long *character)
{
    unsigned long c = (unsigned char)text[0], least;
    ULONG bytes = utf8_length(c, &least), i;

    *character = TEXT_INVALID;
    if (bytes == 0) return 1;
    if (bytes > 1) c &= 0x7Fu >> bytes;
    for (i = 1; i < bytes && i < length; i++) {
        if (((unsigned char)text[i] & 0xC0) != 0x80) return 1;
        c = c << 6 | ((unsigned char)text[i] & 0x3Fu);
        if (i > 1) continue;
        if (c < least >> 6 * (bytes - 2)) return 1;                       /* fewer bytes would do */
        if (bytes == 3 && c >= 0xD800 >> 6 && c <= 0xDFFF >> 6) return 1; /* a surrogate */
        if (bytes == 4 && c > 0x10FFFF >> 12) return 1;                   /* past the last */
    }
    if (i < bytes) return 0;
    *character = c;
    return bytes;
}

ULONG text_next(UINT page, const char *text, ULONG length, unsigned long *character)
{
    bool two = page != CP_UTF8 && IsDBCSLeadByteEx(page, (BYTE)text[0]);
    WCHAR wide[2];
    int units;

    if (page == CP_UTF8) return utf8_next(text, length, character);
    if (two && length < 2) return 0;
    units = MultiByteToWideChar(page, MB_ERR_INVALID_CHARS, text, two ? 2 : 1, wide, 2);
    *character = units == 1 ? wide[0] : (unsigned long)TEXT_INVALID;
    if (units == 1 && wide[0] >= 0xD800 && wide[0] <= 0xDFFF) *character = TEXT_INVALID;
    return *character == TEXT_INVALID ? 1 : two ? 2 : 1;
}

/* Writes the character as UTF-8 and returns its bytes. */
static ULONG utf8_put(char *text, unsigned long character)
{
    ULONG bytes = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;

    for (ULONG i = bytes - 1; i > 0; i--, character >>= 6) text[i] = (char)((character & 0x3F) | 0x80);
    text[0] = (char)(bytes == 1 ? character : (0xF00u >> bytes & 0xFF) | character);
    return bytes;
}

int utf8_longest(const char *text, ULONG length)
{
    unsigned long character;
    ULONG longest = 1, bytes;

    for (; length > 0; text += bytes, length -= bytes) {
        bytes = utf8_next(text, length, &character);
        if (bytes == 0 || character == TEXT_INVALID) return 0;
        if (bytes > longest) longest = bytes;
    }
    return (int)longest;
}

ULONG text_complete(UINT page, const char *text, ULONG length)
{
    unsigned long character;
    ULONG whole = 0, bytes = 1;

    for (; whole < length && bytes > 0; whole += bytes) {
        bytes = text_next(page, text + whole, length - whole, &character);
    }
    return whole;
}

bool text_decode(UINT page, const char *bytes, ULONG length, char *text)
{
    unsigned long character;
    bool valid = true;

    for (ULONG at = 0, used; at < length; at += used) {
        used = text_next(page, bytes + at, length - at, &character);
        if (used == 0 || character == TEXT_INVALID) {
            used = 1;
            character = 0xFFFD;
            valid = false;
        }
        if (!text_is_unsafe(character)) text += utf8_put(text, character);
    }
    *text = '\0';
    return valid;
}

/* The UTF-16 of a UTF-8 text's beginning, 64 units at most, and how many bytes that is. */
static int text_widen(const char *text, ULONG length, WCHAR wide[64], ULONG *bytes)
{
    unsigned long character;
    int units = 0;

    for (*bytes = 0; *bytes < length && units < 63;) {
        *bytes += utf8_next(text + *bytes, length - *bytes, &character);
        if (character > 0xFFFF) wide[units++] = (WCHAR)(0xD7C0 + (character >> 10));
        wide[units++] = (WCHAR)(character > 0xFFFF ? 0xDC00 + (character & 0x3FF) : character);
    }
    return units;
}

/* No "best fit": it would make one name of two that only look alike ("WideCharToMultiByte function" advises so). A
 * byte 255 would be a command to telnet. */
ULONG text_encode(UINT page, char *text, ULONG length)
{
    ULONG from = 0, to = 0, bytes;
    WCHAR wide[64];

    if (page == CP_UTF8) return length;
    for (; from < length; from += bytes) {
        int units = text_widen(text + from, length - from, wide, &bytes);
        int made = WideCharToMultiByte(page, WC_NO_BEST_FIT_CHARS, wide, units, text + to, (int)bytes, "?", NULL);
        for (ULONG end = to + (made > 0 ? (ULONG)made : 0); to < end; to++) {
            if ((unsigned char)text[to] == 0xFF) text[to] = '?';
        }
    }
    return to;
}

bool text_is_unsafe(unsigned long c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x061C || (c >= 0x200E && c <= 0x200F)
           || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x206F);
}

typedef struct Range {
    unsigned long first, last;
} Range;

static bool in_ranges(unsigned long c, const Range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (c >= ranges[i].first && c <= ranges[i].last) return true;
    }
    return false;
}

/* Marks that stand on another character, and what is not shown at all. */
static const Range zero_width[] = { { 0xAD, 0xAD },      { 0x300, 0x36F },   { 0x483, 0x489 },     { 0x591, 0x5BD },
                                    { 0x610, 0x61A },    { 0x64B, 0x65F },   { 0x93C, 0x93C },     { 0x941, 0x948 },
                                    { 0x94D, 0x94D },    { 0xE31, 0xE31 },   { 0xE34, 0xE3A },     { 0xE47, 0xE4E },
                                    { 0x1160, 0x11FF },  { 0x17B4, 0x17B5 }, { 0x180B, 0x180F },   { 0x1AB0, 0x1AFF },
                                    { 0x1DC0, 0x1DFF },  { 0x200B, 0x200F }, { 0x202A, 0x202E },   { 0x2060, 0x206F },
                                    { 0x20D0, 0x20FF },  { 0x3099, 0x309A }, { 0xFE00, 0xFE0F },   { 0xFE20, 0xFE2F },
                                    { 0xFEFF, 0xFEFF },  { 0xFFF0, 0xFFFB }, { 0x1BCA0, 0x1BCA3 }, { 0x1D173, 0x1D17A },
                                    { 0xE0000, 0xE0FFF } };

/* Hangul, Chinese, kana, full-width, emoji (Unicode's East Asian Width: W and F). */
static const Range double_width[] = {
    { 0x1100, 0x115F },   { 0x231A, 0x231B },   { 0x23E9, 0x23EC },   { 0x2614, 0x2615 },   { 0x2648, 0x2653 },
    { 0x26AA, 0x26AB },   { 0x26BD, 0x26BE },   { 0x2705, 0x2705 },   { 0x270A, 0x270B },   { 0x2728, 0x2728 },
    { 0x274C, 0x274E },   { 0x2753, 0x2757 },   { 0x2795, 0x2797 },   { 0x2B1B, 0x2B1C },   { 0x2B50, 0x2B55 },
    { 0x2E80, 0x303E },   { 0x3041, 0x4DBF },   { 0x4E00, 0xA4C6 },   { 0xA960, 0xA97C },   { 0xAC00, 0xD7A3 },
    { 0xF900, 0xFAFF },   { 0xFE10, 0xFE19 },   { 0xFE30, 0xFE6B },   { 0xFF01, 0xFF60 },   { 0xFFE0, 0xFFE6 },
    { 0x16FE0, 0x1B2FF }, { 0x1F18E, 0x1F19A }, { 0x1F200, 0x1F64F }, { 0x1F680, 0x1F6FF }, { 0x1F7E0, 0x1F7F0 },
    { 0x1F900, 0x1F9FF }, { 0x1FA70, 0x1FAFF }, { 0x20000, 0x3FFFD }
};

/* What has its place, but nothing in it. */
static const Range blank[] = { { 0x20, 0x20 },     { 0xA0, 0xA0 },     { 0x115F, 0x1160 }, { 0x1680, 0x1680 },
                               { 0x2000, 0x200A }, { 0x202F, 0x202F }, { 0x205F, 0x205F }, { 0x2800, 0x2800 },
                               { 0x3000, 0x3000 }, { 0x3164, 0x3164 }, { 0xFFA0, 0xFFA0 } };

/* A code page of East Asia is shown with as many columns as it has bytes. */
ULONG text_columns(UINT page, unsigned long character, ULONG bytes)
{
    if (text_is_unsafe(character)) return 0;
    if (page != CP_UTF8) return bytes;
    if (in_ranges(character, zero_width, sizeof zero_width / sizeof *zero_width)) return 0;
    return in_ranges(character, double_width, sizeof double_width / sizeof *double_width) ? 2 : 1;
}

/* Looked for from the beginning: the second byte of a character may look like the first of one. */
ULONG text_last_glyph(UINT page, const char *text, ULONG length, ULONG *columns)
{
    ULONG last = 0, bytes, width;
    unsigned long character;

    *columns = 0;
    for (ULONG at = 0; at < length; at += bytes) {
        bytes = text_next(page, text + at, length - at, &character);
        width = bytes ? text_columns(page, character, bytes) : 0;
        if (bytes && width == 0) continue;
        last = at;
        *columns = width;
        if (bytes == 0) break;
    }
    return last;
}

bool text_visible(const char *text)
{
    unsigned long c;

    for (ULONG length = (ULONG)strlen(text), bytes; length > 0; text += bytes, length -= bytes) {
        bytes = utf8_next(text, length, &c);
        if (bytes == 0) return false;
        if (text_columns(CP_UTF8, c, bytes) > 0 && !in_ranges(c, blank, sizeof blank / sizeof *blank)) return true;
    }
    return false;
}

/* Letters and digits of any script. Of marks only those without which a script cannot be written, from Devanagari to
 * Khmer, and not at the beginning. Some letters and vowels of Unicode are not seen: what takes no place on the screen
 * must not tell two names apart. */
static bool name_character(const WCHAR *at, bool first)
{
    WORD type1 = 0, type3 = 0;

    if (*at == '-' || *at == '_' || *at == '.') return true;
    if (!GetStringTypeW(CT_CTYPE1, at, 1, &type1) || !GetStringTypeW(CT_CTYPE3, at, 1, &type3)) return false;
    if ((type1 & (C1_ALPHA | C1_DIGIT)) && text_columns(CP_UTF8, *at, 0) > 0
        && !in_ranges(*at, blank, sizeof blank / sizeof *blank)) {
        return true;
    }
    return !first && ((type1 & C1_ALPHA) || (type3 & (C3_NONSPACING | C3_VOWELMARK)))
           && ((*at >= 0x900 && *at <= 0x109F) || (*at >= 0x17B6 && *at <= 0x17D3));
}

/* Precomposed, so that one name has one form. */
bool text_name(const char *text, WCHAR wide[NICK_CHARS + 1], char nick[NICK_BYTES])
{
    WCHAR typed[4 * NICK_CHARS];
    int units = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, typed, 4 * NICK_CHARS);

    if (units > 0) units = FoldStringW(MAP_PRECOMPOSED, typed, -1, wide, NICK_CHARS + 1);
    for (int i = 0; i + 1 < units; i++) {
        if (!name_character(&wide[i], i == 0)) return false;
    }
    return units > 1 && WideCharToMultiByte(CP_UTF8, 0, wide, -1, nick, NICK_BYTES, NULL, NULL) > 0;
}

ULONG text_truncate(const char *text, ULONG length, int columns)
{
    ULONG fits = 0, bytes;
    unsigned long c;

    while (fits < length) {
        bytes = text_next(CP_UTF8, text + fits, length - fits, &c);
        columns -= (int)text_columns(CP_UTF8, c, bytes);
        if (bytes == 0 || columns < 0) break;
        fits += bytes;
    }
    return fits;
}

const char *text_preview(char text[PREVIEW_BYTES], const char *data, ULONG bytes)
{
    ULONG used = 0, length;
    unsigned long c;

    text[0] = '\0';
    for (int columns = 0; bytes > 0 && columns < PREVIEW_COLUMNS && used < PREVIEW_BYTES - 8; bytes -= length) {
        length = text_next(CP_UTF8, data, bytes, &c);
        if (length == 0 || c == TEXT_INVALID || (text_is_unsafe(c) && c != '\r' && c != '\n')) {
            text[used++] = '.';
            if (length == 0) length = 1;
        } else if (c == '\r' || c == '\n') {
            text[used++] = '\\';
            text[used++] = c == '\r' ? 'r' : 'n';
        } else {
            memcpy(text + used, data, length);
            used += length;
        }
        columns += (int)text_columns(CP_UTF8, c, length);
        data += length;
    }
    strcpy(text + used, bytes ? "..." : "");
    return text;
}
