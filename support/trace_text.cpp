/* trace_text.cpp - the text of one event of the trace file. */
#include "trace_text.h"
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void trace_text_clear(TraceText *text)
{
    text->used = 0;
    text->full = false;
}

void trace_text_put(TraceText *text, const char *format, ...)
{
    ULONG room = TRACE_EVENT_BYTES - text->used;
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(text->bytes + text->used, room, format, args);
    va_end(args);
    if (length < 0 || (ULONG)length >= room) text->full = true;
    if (!text->full) text->used += (ULONG)length;
}

void trace_text_plain(TraceText *text, const char *plain)
{
    size_t length = strlen(plain);

    if (length > TRACE_EVENT_BYTES - text->used) text->full = true;
    if (text->full) return;
    memcpy(text->bytes + text->used, plain, length);
    text->used += (ULONG)length;
}

void trace_text_number(TraceText *text, unsigned long long number)
{
    char digits[24];
    int at = sizeof digits - 1;

    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    trace_text_plain(text, digits + at);
}

void trace_text_string(TraceText *text, const char *string, size_t length)
{
    length = text_complete(CP_UTF8, string, (ULONG)length);
    if (2 * length + 2 > TRACE_EVENT_BYTES - text->used) text->full = true;
    if (text->full) return;
    text->bytes[text->used++] = '"';
    for (; length > 0; string++, length--) {
        char c = *string;
        if (c == '"' || c == '\\') text->bytes[text->used++] = '\\';
        text->bytes[text->used++] = (unsigned char)c < ' ' || c == 0x7F ? '.' : c;
    }
    text->bytes[text->used++] = '"';
}
