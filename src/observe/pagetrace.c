// SPDX-License-Identifier: GPL-2.0-or-later
/* What writer and reader of page traces share, and the writer: see pagetrace.h. */
#include "observe/pagetrace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include "base/check.h"
#include "base/xalloc.h"

enum { LEVEL = 7, TOKEN_MAX = 64 }; /* of zstd; bytes that one reference adds at most */

_Static_assert(sizeof(struct pagetrace_block) == 48, "the header has no holes");

uint64_t pagetrace_recent_use(struct pagetrace_recent *recent, unsigned place)
{
    uint64_t page = recent->page[place];
    memmove(&recent->page[1], &recent->page[0], place * sizeof(page));
    recent->page[0] = page;
    return page;
}

void pagetrace_recent_add(struct pagetrace_recent *recent, uint64_t page)
{
    if (recent->count < recent->most)
        recent->count++;
    recent->page[recent->count - 1] = page;
    pagetrace_recent_use(recent, recent->count - 1);
}

uint64_t pagetrace_checksum(const struct pagetrace_block *block, const void *packed)
{
    uint64_t seed = XXH3_64bits(packed, block->packed_len);
    return XXH3_64bits_withSeed(block, offsetof(struct pagetrace_block, checksum), seed);
}

struct totals {
    uint64_t instructions, loads, stores;
};

struct pagetrace_writer {
    int fd;
    int error; /* the first, -errno */
    size_t len;
    uint64_t pending; /* instructions on the current code page not written yet */
    uint16_t space;
    struct pagetrace_recent data, code;
    struct totals now, at_start; /* of the block */
    uint8_t tokens[PAGETRACE_BLOCK_MAX];
    uint8_t packed[ZSTD_COMPRESSBOUND(PAGETRACE_BLOCK_MAX)];
};

static void put_bytes(struct pagetrace_writer *writer, const void *bytes, size_t len)
{
    const uint8_t *from = bytes;
    while (len > 0 && !writer->error) {
        ssize_t n = write(writer->fd, from, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            writer->error = n < 0 ? -errno : -EIO;
            return;
        }
        from += n;
        len -= (size_t)n;
    }
}

static void put_block(struct pagetrace_writer *writer, uint32_t magic)
{
    size_t packed_len = 0;
    if (writer->len > 0)
        packed_len = ZSTD_compress(writer->packed, sizeof(writer->packed), writer->tokens,
                                   writer->len, LEVEL);
    CHECK(!ZSTD_isError(packed_len));
    struct pagetrace_block block = {.magic = magic,
                                    .len = (uint32_t)writer->len,
                                    .packed_len = (uint32_t)packed_len,
                                    .instructions = writer->at_start.instructions,
                                    .loads = writer->at_start.loads,
                                    .stores = writer->at_start.stores};
    block.checksum = pagetrace_checksum(&block, writer->packed);
    put_bytes(writer, &block, sizeof(block));
    put_bytes(writer, writer->packed, packed_len);
}

static void begin_block(struct pagetrace_writer *writer)
{
    writer->len = 0;
    writer->space = 0;
    writer->data.count = writer->code.count = 0;
    writer->at_start = writer->now;
}

void pagetrace_writer_create(int fd, struct pagetrace_writer **out)
{
    const uint32_t version = PAGETRACE_VERSION;
    struct pagetrace_writer *writer = x_calloc(1, sizeof(*writer));
    writer->fd = fd;
    writer->data.most = PAGETRACE_DATA;
    writer->code.most = PAGETRACE_CODE;
    begin_block(writer);
    put_bytes(writer, PAGETRACE_MAGIC, PAGETRACE_MAGIC_LEN);
    put_bytes(writer, &version, sizeof(version));
    *out = writer;
}

void pagetrace_writer_destroy(struct pagetrace_writer *writer)
{
    free(writer);
}

/* ---- tokens ---- */

static void put(struct pagetrace_writer *writer, uint8_t byte)
{
    writer->tokens[writer->len++] = byte;
}

static void put_number(struct pagetrace_writer *writer, uint64_t number)
{
    for (; number >= 0x80; number >>= 7)
        put(writer, (uint8_t)(number | 0x80));
    put(writer, (uint8_t)number);
}

static void put_distance(struct pagetrace_writer *writer, const struct pagetrace_recent *recent,
                         uint64_t page)
{
    int64_t distance = (int64_t)(page - (recent->count ? recent->page[0] : 0));
    uint64_t doubled = (uint64_t)distance << 1;
    put_number(writer, distance < 0 ? ~doubled : doubled);
}

static void put_special(struct pagetrace_writer *writer, enum pagetrace_special special)
{
    put(writer, (uint8_t)(PAGETRACE_DATA << 3 | special));
}

/* A token that begins with the instructions that are pending. */
static void put_token(struct pagetrace_writer *writer, bool is_store, unsigned place)
{
    uint64_t n = writer->pending;
    put(writer, (uint8_t)((unsigned)is_store << 7 | place << 3 | (n < 7 ? n : 7)));
    if (n >= 7)
        put_number(writer, n - 7);
    writer->pending = 0;
}

static void put_pending(struct pagetrace_writer *writer)
{
    if (writer->pending == 0)
        return;
    put_special(writer, PAGETRACE_INSTRUCTIONS);
    put_number(writer, writer->pending);
    writer->pending = 0;
}

/* The page's place; `count` if it has none. */
static unsigned place_of(const struct pagetrace_recent *recent, uint64_t page)
{
    unsigned place = 0;
    while (place < recent->count && recent->page[place] != page)
        place++;
    return place;
}

static void put_data(struct pagetrace_writer *writer, uint64_t page, bool is_store)
{
    unsigned place = place_of(&writer->data, page);
    if (place == writer->data.count) {
        put_special(writer, PAGETRACE_NEW_PAGE);
        put_distance(writer, &writer->data, page);
        pagetrace_recent_add(&writer->data, page);
        place = 0;
    }
    put_token(writer, is_store, place);
    pagetrace_recent_use(&writer->data, place);
}

static void put_code_page(struct pagetrace_writer *writer, uint64_t page)
{
    struct pagetrace_recent *code = &writer->code;
    unsigned place = place_of(code, page);
    put_token(writer, true, PAGETRACE_DATA);
    if (place < code->count) {
        put(writer, (uint8_t)place);
        pagetrace_recent_use(code, place);
    } else {
        put(writer, PAGETRACE_CODE);
        put_distance(writer, code, page);
        pagetrace_recent_add(code, page);
    }
}

/* ---- references ---- */

static void put_flags(struct pagetrace_writer *writer, unsigned flags)
{
    if (flags & TRACE_REST)
        put_special(writer, PAGETRACE_REST);
    if (flags & TRACE_UPDATES)
        put_special(writer, PAGETRACE_UPDATES);
    if (flags & TRACE_KERNEL)
        put_special(writer, PAGETRACE_KERNEL);
}

static void put_fetch(struct pagetrace_writer *writer, const struct trace_ref *ref)
{
    bool is_elsewhere = writer->code.count == 0 || writer->code.page[0] != ref->page;
    bool is_rest = ref->flags & TRACE_REST;
    put_flags(writer, ref->flags);
    if (is_elsewhere || is_rest)
        put_code_page(writer, ref->page);
    if (is_rest)
        return;
    if (writer->pending + ref->count > UINT32_MAX)
        put_pending(writer);
    writer->pending += ref->count;
}

static void count(struct totals *totals, const struct trace_ref *ref)
{
    if ((ref->flags & (TRACE_REST | TRACE_KERNEL)) || ref->kind == TRACE_GONE)
        return;
    if (ref->kind == TRACE_FETCH)
        totals->instructions += ref->count;
    else if (ref->kind == TRACE_STORE)
        totals->stores += ref->count;
    else
        totals->loads += ref->count;
}

static void change_space(struct pagetrace_writer *writer, uint16_t space)
{
    put_pending(writer);
    put_special(writer, PAGETRACE_SPACE);
    put_number(writer, space);
    writer->space = space;
    writer->data.count = writer->code.count = 0;
}

static void end_block(struct pagetrace_writer *writer)
{
    put_pending(writer);
    put_block(writer, PAGETRACE_BLOCK);
    begin_block(writer);
}

void pagetrace_write(struct pagetrace_writer *writer, const struct trace_ref *ref)
{
    DCHECK(ref->count == 1 || ref->kind >= TRACE_FETCH);
    /* The second page of an access stays with the first, for the token says it is one. */
    if (writer->len + 2 * TOKEN_MAX > PAGETRACE_BLOCK_MAX && !(ref->flags & TRACE_REST))
        end_block(writer);
    if (ref->space != writer->space)
        change_space(writer, ref->space);
    if (ref->kind == TRACE_FETCH) {
        put_fetch(writer, ref);
    } else if (ref->kind == TRACE_GONE) {
        put_pending(writer);
        put_special(writer, PAGETRACE_GONE);
        put_distance(writer, &writer->data, ref->page);
        put_number(writer, ref->count);
    } else {
        put_flags(writer, ref->flags);
        put_data(writer, ref->page, ref->kind == TRACE_STORE);
    }
    count(&writer->now, ref);
}

int pagetrace_writer_end(struct pagetrace_writer *writer)
{
    if (writer->len > 0 || writer->pending > 0)
        end_block(writer);
    put_block(writer, PAGETRACE_END);
    return writer->error;
}
