/* memory.c - the server's memory: every block is known, allocations fail at random, and the buffers of pending
 * operations are off limits. */
#include "sim.h"

#include <sys/mman.h>

#ifdef SIM_ASAN
#include <sanitizer/asan_interface.h>
#endif

#ifdef SIM_TSAN
void __tsan_acquire(void *object);
void __tsan_release(void *object);
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);
#endif

enum { MAX_BLOCKS = 1 << 14 };

/* ---- annotations for ThreadSanitizer ---- */

/* It sees the accesses of the C library's functions even when the simulator calls them. */
void unseen_begin(void)
{
#ifdef SIM_TSAN
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
#endif
}

void unseen_end(void)
{
#ifdef SIM_TSAN
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
#endif
}

void order_release(void *object)
{
#ifdef SIM_TSAN
    __tsan_release(object);
#else
    (void)object;
#endif
}

void order_acquire(void *object)
{
#ifdef SIM_TSAN
    __tsan_acquire(object);
#else
    (void)object;
#endif
}

/* ---- bytes and text ---- */

void bytes_copy(void *to, const void *from, size_t count)
{
    unseen_begin();
    memcpy(to, from, count);
    unseen_end();
}

uint64_t bytes_hash(const void *bytes, size_t count)
{
    const unsigned char *at = (const unsigned char *)bytes;
    uint64_t hash = 0xCBF29CE484222325u; /* FNV-1a */

    for (size_t i = 0; i < count; i++) hash = (hash ^ at[i]) * 0x100000001B3u;
    return hash;
}

void bytes_poison(void *bytes, size_t count)
{
#ifdef SIM_ASAN
    __asan_poison_memory_region(bytes, count);
#else
    (void)bytes;
    (void)count;
#endif
}

void bytes_unpoison(void *bytes, size_t count)
{
#ifdef SIM_ASAN
    __asan_unpoison_memory_region(bytes, count);
#else
    (void)bytes;
    (void)count;
#endif
}

int text_format(char *text, size_t size, const char *format, va_list args)
{
    int length;

    unseen_begin();
    length = vsnprintf(text, size, format, args);
    unseen_end();
    return length;
}

int text_write(char *text, size_t size, const char *format, ...)
{
    va_list args;
    int length;

    va_start(args, format);
    length = text_format(text, size, format, args);
    va_end(args);
    return length;
}

void *arena(size_t size)
{
    enum { CHUNK = 4 << 20 };
    static char *chunk;
    static size_t left;
    char *block;

    size = (size + 15) / 16 * 16;
    if (size > left) {
        left = size > CHUNK ? size : CHUNK;
        unseen_begin();
        chunk = (char *)mmap(NULL, left, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        unseen_end();
        if (chunk == MAP_FAILED) violation("the simulator has no memory");
    }
    block = chunk;
    chunk += size;
    left -= size;
    return block;
}

/* ---- the server's blocks ---- */

/* An address is kept inverted, so that LeakSanitizer does not find the block through it. */
typedef struct Block {
    uintptr_t inverted;
    size_t size;
} Block;

static Block blocks[MAX_BLOCKS];
static size_t block_count;

static void block_add(void *address, size_t size)
{
    for (size_t i = 0; i < MAX_BLOCKS; i++) {
        Block *block = &blocks[((uintptr_t)address / 16 + i) % MAX_BLOCKS];
        if (block->size) continue;
        *block = (Block){ ~(uintptr_t)address, size };
        block_count++;
        return;
    }
    violation("more blocks of memory than the simulator has");
}

static Block *block_find(void *address, const char *call)
{
    for (size_t i = 0; i < MAX_BLOCKS; i++) {
        Block *block = &blocks[((uintptr_t)address / 16 + i) % MAX_BLOCKS];
        if (block->inverted == ~(uintptr_t)address && block->size) return block;
        if (!block->inverted) break; /* never used: nothing comes after it */
    }
    violation("%s: %p is not allocated, or freed already", call, address);
}

static size_t block_remove(void *address, const char *call)
{
    Block *block = block_find(address, call);
    size_t size = block->size;

    operations_check_block(address, size, call);
    block->size = 0;
    block_count--;
    return size;
}

void memory_check(void)
{
    for (size_t i = 0; i < MAX_BLOCKS; i++) {
        if (blocks[i].size) violation("leak: %zu block(s) of memory, one of %zu bytes", block_count, blocks[i].size);
    }
}

static void *block_new(size_t size, int fill)
{
    void *block = malloc(size ? size : 1);

    if (!block) violation("the machine has no memory");
    unseen_begin();
    memset(block, fill, size);
    unseen_end();
    block_add(block, size ? size : 1);
    return block;
}

void *sim_malloc(size_t size)
{
    call_begin(CALL_malloc);
    return call_fault(CALL_malloc, NULL) ? NULL : block_new(size, 0xCD);
}

void *sim_calloc(size_t count, size_t size)
{
    call_begin(CALL_calloc);
    return call_fault(CALL_calloc, NULL) ? NULL : block_new(count * size, 0);
}

/* Always moves. */
void *sim_realloc(void *block, size_t size)
{
    void *bigger;
    size_t old;

    call_begin(CALL_realloc);
    if (block) operations_check_block(block, block_find(block, "realloc")->size, "realloc");
    if (call_fault(CALL_realloc, NULL)) return NULL;
    bigger = block_new(size, 0xCD);
    if (!block) return bigger;
    old = block_remove(block, "realloc");
    memcpy(bigger, block, old < size ? old : size);
    free(block);
    return bigger;
}

void sim_free(void *block)
{
    call_begin(CALL_free);
    if (!block) return;
    block_remove(block, "free");
    free(block);
}
