/* text.h - text in UTF-8 and in code pages of one or two bytes a character. Any thread. */
#ifndef TEXT_H
#define TEXT_H

#include "../Overlapped.h"

enum { NICK_CHARS = 20, NICK_BYTES = 3 * NICK_CHARS + 1 };

/* "" for 1, "s" for any other number. Any thread. */
const char *text_plural(int n);

enum { TEXT_INVALID = 0x110000 }; /* no character */

/* Returns the bytes of the first character of `text`, which has `length` > 0, in the code page, and what it is; with
 * TEXT_INVALID one byte that is none. 0: the character is well so far, but cut off. */
ULONG text_next(UINT page, const char *text, ULONG length, unsigned long *character);

/* The most bytes that one of its characters has, 1 for no text or ASCII; 0: it is not well-formed UTF-8. */
int utf8_longest(const char *text, ULONG length);

/* How many bytes of the text in the code page are whole characters: those of one that is cut off do not count. */
ULONG text_complete(UINT page, const char *text, ULONG length);

/* Writes text in the code page as UTF-8, up to three times as long, without what text_is_unsafe(). False if there was
 * something in it that is no text: it has become U+FFFD. */
bool text_decode(UINT page, const char *bytes, ULONG length, char *text);

/* Writes a name as it is kept, in UTF-16 and UTF-8. False if it is none: it is to have 1 to NICK_CHARS letters and
 * digits of any script, and "-", "_" and ".". */
bool text_name(const char *text, WCHAR wide[NICK_CHARS + 1], char nick[NICK_BYTES]);

/* Makes text in the code page of well-formed UTF-8, in place: it never grows. Returns the bytes. What the page does
 * not have becomes "?". */
ULONG text_encode(UINT page, char *text, ULONG length);

/* True for controls, line separators and what turns text around: they would steer a terminal. */
bool text_is_unsafe(unsigned long character);

/* Columns that a character of so many bytes takes on a terminal: 0, 1, or 2 for Hangul, Chinese, kana, full-width and
 * emoji. */
ULONG text_columns(UINT page, unsigned long character, ULONG bytes);

/* Where the last character of the text begins that has a place on the screen: marks and what is not seen belong to the
 * one before them. And its columns; 0 for one that is cut off, and so not shown yet. */
ULONG text_last_glyph(UINT page, const char *text, ULONG length, ULONG *columns);

/* True if something of the UTF-8 text can be seen. */
bool text_visible(const char *text);

/* How many bytes of the UTF-8 text fit into so many columns. */
ULONG text_truncate(const char *text, ULONG length, int columns);

enum { PREVIEW_COLUMNS = 24, PREVIEW_BYTES = 4 * PREVIEW_COLUMNS };

/* Writes the first of `bytes` bytes of `data` to `text`: whole characters of UTF-8 without what text_is_unsafe(), CR
 * and LF as \\r and \\n, dots for other bytes. Returns `text`. */
const char *text_preview(char text[PREVIEW_BYTES], const char *data, ULONG bytes);

#endif
