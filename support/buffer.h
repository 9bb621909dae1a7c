/* buffer.h - buffers that grow and shrink. Any thread. */
#ifndef BUFFER_H
#define BUFFER_H

#include "../Overlapped.h"

/* Gives `*buf` `size` bytes and keeps its contents as far as they fit; `*buf` is NULL at first. A large buffer's pages
 * come from the system and go back to it when the buffer shrinks. Returns false, with the buffer unchanged, when there
 * is no memory. */
bool buffer_resize(char **buf, ULONG *bufsize, ULONG size);

/* Frees a buffer from buffer_resize(), or NULL. */
void buffer_free(char *buf, ULONG bufsize);

#endif
