/* text.h - text in UTF-8 and in code pages of one or two bytes a character. Any thread. */
#ifndef TEXT_H
#define TEXT_H

#include "../Overlapped.h"

enum { NICK_CHARS = 20, NICK_BYTES = 3 * NICK_CHARS + 1 };

/* Returns "" for 1, "s" for any other number. */
const char *text_plural(int n);

enum { TEXT_INVALID = 0x110000 }; /* not a character */

/* Returns how many bytes the first character of `text` (`length` > 0 bytes in the code page) has, and sets `character`,
 * to TEXT_INVALID if these bytes are damaged. Returns 0 when the character is valid so far, but cut off; `character` is
 * meaningless then. */
ULONG text_next(UINT page, const char *text, ULONG length, unsigned long *character);

/* Returns the encoding of a line: UTF-8 if the well-formed sequences of three bytes or more in it outnumber the bytes
 * that are not UTF-8, else `other` if it has such bytes, else `page`. Sequences of two bytes prove nothing: they are
 * syllables in code page 949 as well. `cut`: the line may end in the middle of a character. */
UINT text_guess(UINT page, UINT other, const char *text, ULONG length, bool cut);

/* Returns how many of the `length` bytes in the code page come before a character that is cut off at the end; all, if
 * none is. */
ULONG text_complete(UINT page, const char *text, ULONG length);

/* Converts `length` bytes in the code page to UTF-8, which takes up to 3 * `length` + 1 bytes of `text`. Leaves out
 * unsafe characters (text_is_unsafe()), and writes a space for line breaks (text_breaks_line()). Returns false if some
 * bytes were not text: they became U+FFFD. */
bool text_decode(UINT page, const char *bytes, ULONG length, char *text);

/* Converts a UTF-8 name to the form in which it is kept, in UTF-16 and UTF-8. Returns false if it is not a name: 1 to
 * NICK_CHARS letters and digits of any script, "-", "_" and "."; `wide` and `nick` are meaningless then. */
bool text_name(const char *text, WCHAR wide[NICK_CHARS + 1], char nick[NICK_BYTES]);

/* Converts well-formed UTF-8 to the code page in place: it never grows. Returns the number of bytes. Composes first;
 * leaves out characters that take no column; writes a no-break space as a space, and any other character as the page's
 * own, as the nearest one that is printable, or as "?". A byte 255 is doubled, because telnet would take it for a
 * command. */
ULONG text_encode(UINT page, char *text, ULONG length);

/* Returns true for control characters, line separators and bidirectional controls, which would steer a terminal. */
bool text_is_unsafe(unsigned long character);

/* Returns true for the controls and separators that some programs take for a line end: VT, FF, NEL, U+2028 and U+2029.
 * In a line they are shown as a space. */
bool text_breaks_line(unsigned long character);

/* Returns the columns that a character of `bytes` bytes in the code page takes on a terminal: 0, 1, or 2 for Hangul,
 * Chinese, kana, full-width letters and emoji. */
ULONG text_columns(UINT page, unsigned long character, ULONG bytes);

/* Returns the offset of the last character that has a column of its own: combining marks and invisible characters count
 * as part of the one before them. Sets `columns` to its width, 0 for an incomplete one, which is not on the screen yet.
 */
ULONG text_last_glyph(UINT page, const char *text, ULONG length, ULONG *columns);

/* Returns true if anything in the NUL-terminated UTF-8 text is visible. */
bool text_visible(const char *text);

/* Returns how many bytes the space at the beginning of the UTF-8 text has, whatever its width; 0 if there is none. */
ULONG text_space(const char *text);

/* Returns how many of the `length` bytes of UTF-8 fit into `columns` columns, as whole characters. */
ULONG text_truncate(const char *text, ULONG length, int columns);

enum { PREVIEW_COLUMNS = 24, PREVIEW_BYTES = 4 * PREVIEW_COLUMNS };

/* Writes the first of the `bytes` bytes of `data` to `text`: UTF-8 characters as they are, CR and LF as "\r" and "\n",
 * a dot for anything else that is damaged or text_is_unsafe(), and "..." if more follow. Returns `text`. */
const char *text_preview(char text[PREVIEW_BYTES], const char *data, ULONG bytes);

#endif
