#include "buffer.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 16 * 1024 };

/* The heap would keep the pages of large blocks; the system takes them back at once ("VirtualFree function"). */
static char *block_get(ULONG size)
{
    return (char *)(size < BLOCK_BYTES ? malloc(size)
                                       : VirtualAlloc(NULL, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE));
}

void buffer_free(char *buf, ULONG bufsize)
{
    if (bufsize < BLOCK_BYTES) {
        free(buf);
    } else {
        VirtualFree(buf, 0, MEM_RELEASE);
    }
}

bool buffer_resize(char **buf, ULONG *bufsize, ULONG size)
{
    char *other = block_get(size);

    if (!other) return false;
    if (*buf) memcpy(other, *buf, size < *bufsize ? size : *bufsize);
    buffer_free(*buf, *bufsize);
    *buf = other;
    *bufsize = size;
    return true;
}
