/* text.cpp - UTF-8, code pages, columns on a terminal, names. */
#include "text.h"
#include "unicode.h"

#include <stdio.h>
#include <string.h>

const char *text_plural(int n)
{
    return n == 1 ? "" : "s";
}

/* Returns how many bytes a character with this first byte has, 0 if none begins with it; sets `least` to the lowest
 * character that needs that many. */
static ULONG utf8_length(unsigned long first, unsigned long *least)
{
    *least = first < 0x80 ? 0 : first < 0xE0 ? 0x80 : first < 0xF0 ? 0x800 : 0x10000;
    return first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
}

/* Does text_next() for UTF-8. The second byte already decides whether a character is possible, so the rest of an
 * impossible one is not waited for. */
static ULONG utf8_next(const char *text, ULONG length, unsigned long *character)
{
    unsigned long c = (unsigned char)text[0], least;
    ULONG bytes = utf8_length(c, &least), i;

    *character = TEXT_INVALID;
    if (bytes == 0) return 1;
    if (bytes > 1) c &= 0x7Fu >> bytes;
    for (i = 1; i < bytes && i < length; i++) {
        if (((unsigned char)text[i] & 0xC0) != 0x80) return i;
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
    if (*character >= 0xD800 && *character <= 0xDFFF) *character = TEXT_INVALID;
    if (*character >= 0xF8F0 && *character <= 0xF8F7)
        *character = TEXT_INVALID; /* Windows' characters for undefined bytes */
    return *character == TEXT_INVALID ? 1 : two ? 2 : 1;
}

/* Writes the character as UTF-8 and returns the number of bytes. */
static ULONG utf8_put(char *text, unsigned long character)
{
    ULONG bytes = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;

    for (ULONG i = bytes - 1; i > 0; i--, character >>= 6) text[i] = (char)((character & 0x3F) | 0x80);
    text[0] = (char)(bytes == 1 ? character : (0xF00u >> bytes & 0xFF) | character);
    return bytes;
}

UINT text_guess(UINT page, UINT other, const char *text, ULONG length, bool cut)
{
    ULONG strays = 0, sequences = 0, bytes;
    unsigned long character;

    for (; length > 0; text += bytes, length -= bytes) {
        bytes = utf8_next(text, length, &character);
        if (bytes == 0) {
            bytes = length;
            strays += cut ? 0 : bytes;
        } else if (character == TEXT_INVALID) {
            strays += bytes;
        } else if (bytes >= 3) {
            sequences++;
        }
    }
    if (sequences > strays) return CP_UTF8;
    return strays ? other : page;
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
            if (used == 0) used = length - at;
            character = 0xFFFD;
            valid = false;
        }
        if (text_breaks_line(character)) character = ' ';
        if (!text_is_unsafe(character)) text += utf8_put(text, character);
    }
    *text = '\0';
    return valid;
}

bool text_is_unsafe(unsigned long c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x061C || (c >= 0x200E && c <= 0x200F)
           || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x206F);
}

bool text_breaks_line(unsigned long c)
{
    return c == 0x0B || c == 0x0C || c == 0x85 || c == 0x2028 || c == 0x2029;
}

static bool in_ranges(unsigned long c, const UnicodeRange *ranges, size_t count)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c > ranges[middle].last) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && c >= ranges[low].first;
}

#define IN_RANGES(c, table) in_ranges(c, table, sizeof table / sizeof *table)

static bool is_zero_width(unsigned long c)
{
    return c >= 0x80 && IN_RANGES(c, unicode_zero_width);
}

/* Returns true for characters that take a column but show nothing in it: spaces, Hangul's fillers, the empty braille
 * pattern. */
static bool is_blank(unsigned long c)
{
    return c == 0x115F || c == 0x2800 || c == 0x3164 || c == 0xFFA0 || IN_RANGES(c, unicode_spaces);
}

/* A character of an East Asian code page takes as many columns as it has bytes. */
ULONG text_columns(UINT page, unsigned long character, ULONG bytes)
{
    if (text_breaks_line(character)) return 1;
    if (text_is_unsafe(character)) return 0;
    if (page != CP_UTF8) return character == TEXT_INVALID ? 1 : bytes;
    if (is_zero_width(character)) return 0;
    return IN_RANGES(character, unicode_double_width) ? 2 : 1;
}

/* Searches from the beginning: the second byte of a character may look like the first of another. */
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
        if (text_columns(CP_UTF8, c, bytes) > 0 && !is_blank(c)) return true;
    }
    return false;
}

/* ---- to a code page ---- */

/* Writes the character if the page has it, or with `flags` 0 something like it; returns the number of bytes, or 0. The
 * system's best fit may be a control character: in code page 437 that of U+2022 is 07. Doubles a byte 255, as telnet
 * requires. */
static ULONG page_try(UINT page, unsigned long c, DWORD flags, char *to)
{
    unsigned long back;
    BOOL missing = FALSE;
    WCHAR wide = (WCHAR)c;
    int made = c > 0xFFFF ? 0 : WideCharToMultiByte(page, flags, &wide, 1, to, 2, "?", &missing);

    if (made <= 0 || missing) return 0;
    if (text_next(page, to, (ULONG)made, &back) != (ULONG)made || back == TEXT_INVALID || text_is_unsafe(back))
        return 0;
    if ((unsigned char)to[0] == 0xFF) to[made++] = to[0];
    return (ULONG)made;
}

/* For a character that phones write in place of the keyboard's, returns the plainer one with the same meaning; 0 if
 * there is none. */
static unsigned long text_plainer(unsigned long c)
{
    if (c == 0x2014) return 0x2015; /* a long dash: East Asia's pages have a bar */
    if ((c >= 0x2010 && c <= 0x2015) || c == 0x2212) return '-';
    if (c >= 0x2018 && c <= 0x201B) return '\'';
    if (c >= 0x201C && c <= 0x201F) return '"';
    if (c == 0x2039 || c == 0x203A) return c == 0x2039 ? '<' : '>';
    return c > 0x20 && IN_RANGES(c, unicode_spaces) ? ' ' : 0;
}

/* Writes the character, or the nearest one that the page has; returns the number of bytes. */
static ULONG page_put(UINT page, unsigned long c, char *to)
{
    ULONG made = 0;

    if (c == 0xA0) c = ' ';
    if (c < 0x80) { /* line ends too */
        to[0] = (char)c;
        return 1;
    }
    if (is_zero_width(c)) { /* Thai pages have Thai vowels; joiners and variation selectors are in no page */
        return c == 0xAD || c >= 0x2000 ? 0 : page_try(page, c, WC_NO_BEST_FIT_CHARS, to);
    }
    for (; c && made == 0; c = text_plainer(c)) {
        made = page_try(page, c, WC_NO_BEST_FIT_CHARS, to);
        if (made == 0) made = page_try(page, c, 0, to);
    }
    if (made == 0) to[made++] = '?';
    return made;
}

/* Returns true for emoji, and for the arrows and signs that are joined to them. */
static bool is_symbol(unsigned long c)
{
    return (c >= 0x2190 && c < 0x2C00) || c > 0xFFFF;
}

static bool is_flag_letter(unsigned long c)
{
    return c >= 0x1F1E6 && c <= 0x1F1FF;
}

/* Returns how many bytes of `text` belong to the emoji `c` before it: variation selectors, skin tones, joined symbols,
 * and the second letter of a flag. No code page has any of these, and one "?" for all is enough. */
static ULONG emoji_rest(unsigned long c, const char *text, ULONG length)
{
    bool joined = false, flag = is_flag_letter(c);
    unsigned long next;
    ULONG at, bytes;

    for (at = 0; at < length; at += bytes) {
        bytes = utf8_next(text + at, length - at, &next);
        if (is_zero_width(next)) {
            joined = next == 0x200D;
        } else if ((joined && is_symbol(next)) || (next >= 0x1F3FB && next <= 0x1F3FF)) {
            joined = false;
        } else if (flag && is_flag_letter(next)) {
            flag = false;
        } else {
            break;
        }
    }
    return at;
}

/* Writes the character that the text begins with, composed with its combining marks ("FoldStringW function"). Returns
 * how many bytes of `text` it took, and advances `to`. */
static ULONG page_put_composed(UINT page, const char *text, ULONG length, char **to)
{
    unsigned long c = 0, next;
    ULONG at = utf8_next(text, length, &c), bytes;
    WCHAR wide[8], composed[8];
    int units = 0;

    if (c > 0xFFFF) {
        *to += page_put(page, c, *to);
        return at + emoji_rest(c, text + at, length - at);
    }
    wide[units++] = (WCHAR)c;
    while (at < length && units < 8) {
        bytes = utf8_next(text + at, length - at, &next);
        if (!is_zero_width(next) || next > 0xFFFF) break;
        wide[units++] = (WCHAR)next;
        at += bytes;
    }
    units = units > 1 ? FoldStringW(MAP_PRECOMPOSED, wide, units, composed, 8) : 0;
    if (units <= 0) *to += page_put(page, c, *to); /* it stands alone, or there is no memory */
    for (int i = 0; i < units; i++) *to += page_put(page, composed[i], *to);
    return at;
}

/* Converts to UTF-16 the leading characters that have no combining mark and need no special care; returns the number of
 * units, and sets `bytes` to the bytes converted. */
static int text_widen(const char *text, ULONG length, WCHAR wide[64], ULONG *bytes)
{
    unsigned long c = 0;
    ULONG last = 0;
    int units = 0;

    for (*bytes = 0; *bytes < length && units < 64;) {
        ULONG used = utf8_next(text + *bytes, length - *bytes, &c);
        if (c > 0xFFFF || c == 0xA0 || is_zero_width(c)) break;
        wide[units++] = (WCHAR)c;
        last = used;
        *bytes += used;
    }
    if (units > 0 && *bytes < length) { /* the next one may be a mark */
        units--;
        *bytes -= last;
    }
    return units;
}

/* Most text needs only one call; the rest is converted character by character. */
ULONG text_encode(UINT page, char *text, ULONG length)
{
    char *to = text;
    WCHAR wide[64];
    ULONG bytes;

    if (page == CP_UTF8) return length;
    for (ULONG from = 0; from < length; from += bytes) {
        int units = text_widen(text + from, length - from, wide, &bytes), made = 0;
        BOOL missing = FALSE;

        if (units == 0) {
            bytes = page_put_composed(page, text + from, length - from, &to);
            continue;
        }
        made = WideCharToMultiByte(page, WC_NO_BEST_FIT_CHARS, wide, units, to, (int)bytes, "?", &missing);
        if (made <= 0 || missing || memchr(to, 0xFF, (size_t)made)) {
            for (int i = 0; i < units; i++) to += page_put(page, wide[i], to);
        } else {
            to += made;
        }
    }
    return (ULONG)(to - text);
}

/* ---- names, and text for people ---- */

/* Returns true for letters and digits of any script. Allows only those marks without which a script cannot be written,
 * from Devanagari to Khmer, and not at the beginning. Some of Unicode's letters and vowels are invisible: two names
 * must not differ only in those. */
static bool name_character(const WCHAR *at, bool first)
{
    WORD type1 = 0, type3 = 0;

    if (*at == '-' || *at == '_' || *at == '.') return true;
    if (!GetStringTypeW(CT_CTYPE1, at, 1, &type1) || !GetStringTypeW(CT_CTYPE3, at, 1, &type3)) return false;
    if ((type1 & (C1_ALPHA | C1_DIGIT)) && text_columns(CP_UTF8, *at, 0) > 0 && !is_blank(*at)) return true;
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

ULONG text_space(const char *text)
{
    unsigned long c = 0;
    ULONG length = 0, bytes;

    while (length < 4 && text[length]) length++;
    bytes = length ? utf8_next(text, length, &c) : 0;
    return IN_RANGES(c, unicode_spaces) ? bytes : 0;
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
