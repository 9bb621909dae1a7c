/* text.h - text in UTF-8 and in code pages of one or two bytes a character. Any thread. */
#ifndef TEXT_H
#define TEXT_H

#include "../Overlapped.h"

enum { NICK_CHARS = 20, NICK_BYTES = 3 * NICK_CHARS + 1 };

/* "" for 1, "s" for any other number. Any thread. */
const char *text_plural(int n);

enum { TEXT_INVALID = 0x110000 }; /* no character */

/* Returns the bytes of the first character of `text`, which has `length` > 0, in the code page, and what it is; with
 * TEXT_INVALID, the bytes of one that is damaged. 0: the character is well so far, but cut off. */
ULONG text_next(UINT page, const char *text, ULONG length, unsigned long *character);

/* Returns the encoding of a line: UTF-8 if the well-formed sequences of three bytes or more in it outnumber the bytes
 * that are no UTF-8, else `other` if it has such bytes, else `page`. Sequences of two bytes prove nothing: they are
 * syllables in code page 949 as well. `cut`: the line may end in the middle of a character. */
UINT text_guess(UINT page, UINT other, const char *text, ULONG length, bool cut);

/* How many bytes of the text in the code page are whole characters: those of one that is cut off do not count. */
ULONG text_complete(UINT page, const char *text, ULONG length);

/* Writes text in the code page as UTF-8, up to three times as long, without what text_is_unsafe(), and with a
 * space for each text_breaks_line(). Returns false if something in it was no text: it has become U+FFFD. */
bool text_decode(UINT page, const char *bytes, ULONG length, char *text);

/* Writes a name as it is kept, in UTF-16 and UTF-8. False if it is none: it is to have 1 to NICK_CHARS letters and
 * digits of any script, and "-", "_" and ".". */
bool text_name(const char *text, WCHAR wide[NICK_CHARS + 1], char nick[NICK_BYTES]);

/* Makes text in the code page of well-formed UTF-8, in place: it never grows. Returns the bytes. Composes first; leaves
 * out what takes no column; writes a no-break space as a space; then each as the page's own character, or as the
 * nearest one that is printable, or as "?". A byte 255 is doubled, because telnet would take it for a command. */
ULONG text_encode(UINT page, char *text, ULONG length);

/* True for controls, line separators and what turns text around: they would steer a terminal. */
bool text_is_unsafe(unsigned long character);

/* True for the controls and separators that end a line somewhere: VT, FF, NEL, U+2028 and U+2029. In a line they are
 * shown as a space. */
bool text_breaks_line(unsigned long character);

/* Columns that a character of so many bytes takes on a terminal: 0, 1, or 2 for Hangul, Chinese, kana, full-width and
 * emoji. */
ULONG text_columns(UINT page, unsigned long character, ULONG bytes);

/* Returns the offset of the last character that has a column of its own: combining marks and invisible characters count
 * as part of the one before them. Sets `columns` to its width, 0 for an incomplete one, which is not on the screen yet.
 */
ULONG text_last_glyph(UINT page, const char *text, ULONG length, ULONG *columns);

/* True if something of the UTF-8 text can be seen. */
bool text_visible(const char *text);

/* Returns the bytes of the space that the UTF-8 text begins with, of whatever width; 0 if it begins with none. */
ULONG text_space(const char *text);

/* How many bytes of the UTF-8 text fit into so many columns. */
ULONG text_truncate(const char *text, ULONG length, int columns);

enum { PREVIEW_COLUMNS = 24, PREVIEW_BYTES = 4 * PREVIEW_COLUMNS };

/* Writes the first of `bytes` bytes of `data` to `text`: whole characters of UTF-8 without what text_is_unsafe(), CR
 * and LF as \\r and \\n, dots for other bytes. Returns `text`. */
const char *text_preview(char text[PREVIEW_BYTES], const char *data, ULONG bytes);

#endif
