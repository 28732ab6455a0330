// SPDX-License-Identifier: GPL-2.0-or-later
/* What writer and reader of page traces share, and the writer: see pagetrace.h. */
#include "observe/pagetrace.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include "base/check.h"
#include "base/hashmap.h"
#include "base/xalloc.h"

enum {
    LEVEL = 3,         /* of zstd */
    ROOM = 64 << 10,   /* more than one call adds to a block */
    RUN_MAX = 1 << 20, /* stretches */
    SPAN_MAX = 1 << 26 /* instructions in a block, more or less */
};

_Static_assert(sizeof(struct pagetrace_block) == 56, "the header has no holes");
_Static_assert(PAGETRACE_OPS_MAX * 4 + PAGETRACE_PAGES_MAX * 20 < ROOM, "a stretch is smaller");

uint64_t pagetrace_checksum(const struct pagetrace_block *block, const void *packed)
{
    uint64_t seed = XXH3_64bits(packed, block->packed_len);
    return XXH3_64bits_withSeed(block, offsetof(struct pagetrace_block, checksum), seed);
}

#define ONE_STORE ((uint64_t)1 << 32) /* in a count of accesses */

struct totals {
    uint64_t instructions, loads, stores;
};

struct stretch {
    struct pagetrace_follow follow;
    uint32_t first, npages; /* where its pages of the last time are */
    uint64_t accesses;      /* loads, + 2^32 * stores */
    uint64_t instructions;
};

struct pagetrace_writer {
    int fd;
    int error; /* the first, -errno */
    size_t len;
    uint16_t space, space_at_start;
    struct totals now, at_start; /* of the block */
    uint64_t base;               /* ids of this block's stretches come after it */
    uint32_t last, run;          /* stretch before this one; as expected since the last token */
    uint32_t nstretches, stretches_room; /* [0] is none */
    struct stretch *stretches;
    uint32_t npages, pages_room;
    uint64_t *pages;    /* of stretches; PAGE_NONE: it had none yet */
    struct hashmap ids; /* of pages */
    uint64_t newest;    /* page */
    uint64_t offset;    /* in the file */
    size_t nblocks;     /* written */
    struct pagetrace_index *index;
    uint8_t tokens[PAGETRACE_BLOCK_MAX];
    uint8_t packed[ZSTD_COMPRESSBOUND(PAGETRACE_BLOCK_MAX)];
};

#define PAGE_NONE UINT64_MAX

/* ---- blocks ---- */

static void put_bytes(struct pagetrace_writer *writer, const void *bytes, size_t len)
{
    const uint8_t *from = bytes;
    writer->offset += len;
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

static void put_block(struct pagetrace_writer *writer, uint32_t magic, const void *bytes,
                      size_t len)
{
    size_t room = ZSTD_compressBound(len), packed_len = 0;
    uint8_t *packed = room <= sizeof(writer->packed) ? writer->packed : x_malloc(room);
    if (len > 0)
        packed_len = ZSTD_compress(packed, room, bytes, len, LEVEL);
    CHECK(!ZSTD_isError(packed_len));
    struct pagetrace_block block = {.magic = magic,
                                    .len = (uint32_t)len,
                                    .packed_len = (uint32_t)packed_len,
                                    .space = writer->space_at_start,
                                    .instructions = writer->at_start.instructions,
                                    .loads = writer->at_start.loads,
                                    .stores = writer->at_start.stores,
                                    .offset = writer->offset};
    block.checksum = pagetrace_checksum(&block, packed);
    put_bytes(writer, &block, sizeof(block));
    put_bytes(writer, packed, packed_len);
    if (packed != writer->packed)
        free(packed);
}

static void begin_block(struct pagetrace_writer *writer)
{
    writer->len = 0;
    writer->space_at_start = writer->space;
    writer->at_start = writer->now;
    writer->base += writer->nstretches;
    writer->nstretches = writer->npages = 0;
    writer->stretches[0] = (struct stretch){0};
    writer->last = writer->run = 0;
    writer->newest = 0;
    hashmap_destroy(&writer->ids);
    hashmap_create(&writer->ids);
}

void pagetrace_writer_create(int fd, struct pagetrace_writer **out)
{
    const uint32_t version = PAGETRACE_VERSION;
    struct pagetrace_writer *writer = x_calloc(1, sizeof(*writer));
    writer->fd = fd;
    writer->stretches_room = writer->pages_room = 1 << 10;
    writer->stretches = x_malloc(writer->stretches_room * sizeof(*writer->stretches));
    writer->pages = x_malloc(writer->pages_room * sizeof(*writer->pages));
    begin_block(writer);
    put_bytes(writer, PAGETRACE_MAGIC, PAGETRACE_MAGIC_LEN);
    put_bytes(writer, &version, sizeof(version));
    *out = writer;
}

void pagetrace_writer_destroy(struct pagetrace_writer *writer)
{
    hashmap_destroy(&writer->ids);
    free(writer->stretches);
    free(writer->pages);
    free(writer->index);
    free(writer);
}

/* ---- tokens ---- */

static void put(struct pagetrace_writer *writer, unsigned byte)
{
    writer->tokens[writer->len++] = (uint8_t)byte;
}

static void put_number(struct pagetrace_writer *writer, uint64_t number)
{
    for (; number >= 0x80; number >>= 7)
        put(writer, (unsigned)(number & 0x7f) | 0x80);
    put(writer, (unsigned)number);
}

/* A page's distance to the newest. */
static void put_distance(struct pagetrace_writer *writer, uint64_t page)
{
    int64_t distance = (int64_t)(page - writer->newest);
    uint64_t doubled = (uint64_t)distance << 1;
    put_number(writer, distance < 0 ? ~doubled : doubled);
    writer->newest = page;
}

static void put_page(struct pagetrace_writer *writer, uint64_t page)
{
    uint64_t *id = hashmap_at(&writer->ids, page);
    put_number(writer, *id);
    if (*id)
        return;
    *id = writer->ids.count;
    put_distance(writer, page);
}

static void put_token(struct pagetrace_writer *writer, enum pagetrace_token token)
{
    uint32_t run = writer->run;
    put(writer,
        (run < PAGETRACE_RUN_MORE ? run : PAGETRACE_RUN_MORE) << (8 - PAGETRACE_RUN_BITS) | token);
    if (run >= PAGETRACE_RUN_MORE)
        put_number(writer, run - PAGETRACE_RUN_MORE);
    writer->run = 0;
}

static void put_special(struct pagetrace_writer *writer, enum pagetrace_special special)
{
    put_token(writer, PAGETRACE_SPECIAL);
    put(writer, special);
}

static void end_block(struct pagetrace_writer *writer)
{
    if (writer->run)
        put_special(writer, PAGETRACE_NOTHING);
    writer->index = x_realloc(writer->index, (writer->nblocks + 1) * sizeof(*writer->index));
    writer->index[writer->nblocks++] = (struct pagetrace_index){
        .offset = writer->offset, .instructions = writer->at_start.instructions};
    put_block(writer, PAGETRACE_BLOCK, writer->tokens, writer->len);
    begin_block(writer);
}

static void end_if_full(struct pagetrace_writer *writer)
{
    if (writer->len > PAGETRACE_BLOCK_MAX - ROOM ||
        writer->now.instructions - writer->at_start.instructions > SPAN_MAX)
        end_block(writer);
}

/* ---- stretches ---- */

/* Room for a stretch more, and its pages. */
static void make_room(struct pagetrace_writer *writer, unsigned npages)
{
    if (writer->nstretches + 1 == writer->stretches_room) {
        writer->stretches_room *= 2;
        writer->stretches =
            x_realloc(writer->stretches, writer->stretches_room * sizeof(*writer->stretches));
    }
    while (writer->npages + npages > writer->pages_room) {
        writer->pages_room *= 2;
        writer->pages = x_realloc(writer->pages, writer->pages_room * sizeof(*writer->pages));
    }
}

static void put_op(struct pagetrace_writer *writer, const struct pagetrace_op *op)
{
    enum { SHIFT = 4, UPDATES = 4, SECOND = 8, MORE = 15 };
    unsigned n = op->n < MORE ? op->n : MORE;
    put(writer, n << SHIFT | (op->flags & TRACE_REST ? SECOND : 0) |
                    (op->flags & TRACE_UPDATES ? UPDATES : 0) | op->kind);
    if (n == MORE)
        put_number(writer, op->n - MORE);
}

static void count_op(struct stretch *stretch, const struct pagetrace_op *op)
{
    if (op->kind == TRACE_LOAD)
        stretch->accesses++;
    else if (op->kind == TRACE_STORE)
        stretch->accesses += ONE_STORE;
    else if (!(op->flags & TRACE_REST))
        stretch->instructions += op->n;
}

uint64_t pagetrace_define(struct pagetrace_writer *writer, uint64_t code_page,
                          const struct pagetrace_op *ops, unsigned nops, unsigned npages)
{
    CHECK(nops <= PAGETRACE_OPS_MAX && npages <= PAGETRACE_PAGES_MAX);
    make_room(writer, npages);
    struct stretch *stretch = &writer->stretches[++writer->nstretches];
    *stretch = (struct stretch){.first = writer->npages, .npages = npages};
    for (unsigned i = 0; i < npages; i++)
        writer->pages[writer->npages++] = PAGE_NONE;
    put_token(writer, PAGETRACE_DEFINE);
    put_page(writer, code_page);
    put_number(writer, npages);
    put_number(writer, nops);
    for (unsigned i = 0; i < nops; i++) {
        put_op(writer, &ops[i]);
        count_op(stretch, &ops[i]);
    }
    return (writer->base + writer->nstretches) << PAGETRACE_NOTE_SHIFT | npages;
}

bool pagetrace_knows(const struct pagetrace_writer *writer, uint64_t note)
{
    return note >> PAGETRACE_NOTE_SHIFT > writer->base;
}

static uint64_t page_of(uint64_t address)
{
    return (uint64_t)((int64_t)address >> TRACE_PAGE_SHIFT);
}

static void put_pages(struct pagetrace_writer *writer, const struct stretch *stretch,
                      const uint64_t *addresses)
{
    uint64_t *pages = writer->pages + stretch->first;
    for (unsigned i = 0; i < stretch->npages; i += 8) {
        unsigned bits = 0;
        for (unsigned k = i; k < i + 8 && k < stretch->npages; k++)
            bits |= (unsigned)(pages[k] != page_of(addresses[k])) << (k - i);
        put(writer, bits);
    }
    for (unsigned i = 0; i < stretch->npages; i++) {
        uint64_t page = page_of(addresses[i]);
        if (pages[i] != page)
            put_page(writer, page);
        pages[i] = page;
    }
}

static bool has_other_pages(const struct pagetrace_writer *writer, const struct stretch *stretch,
                            const uint64_t *addresses)
{
    const uint64_t *pages = writer->pages + stretch->first;
    unsigned i = 0;
    while (i < stretch->npages && pages[i] == page_of(addresses[i]))
        i++;
    return i < stretch->npages;
}

static void put_stretch(struct pagetrace_writer *writer, uint32_t number, bool differs,
                        const uint64_t *addresses)
{
    const struct stretch *stretch = &writer->stretches[number];
    struct pagetrace_follow *follow = &writer->stretches[writer->last].follow;
    if (follow->next == number)
        put_token(writer, PAGETRACE_PAGES);
    else if (follow->other == number)
        put_token(writer, differs ? PAGETRACE_OTHER_PAGES : PAGETRACE_OTHER);
    else {
        put_token(writer, differs ? PAGETRACE_STRETCH_PAGES : PAGETRACE_STRETCH);
        put_number(writer, number);
    }
    if (differs || follow->next == number)
        put_pages(writer, stretch, addresses);
    pagetrace_follow(follow, number);
}

static void add(struct totals *totals, uint64_t instructions, uint64_t accesses)
{
    totals->instructions += instructions;
    totals->loads += accesses % ONE_STORE;
    totals->stores += accesses / ONE_STORE;
}

void pagetrace_write_stretch(struct pagetrace_writer *writer, uint64_t note,
                             const uint64_t *addresses)
{
    uint32_t number = (uint32_t)((note >> PAGETRACE_NOTE_SHIFT) - writer->base);
    const struct stretch *stretch = &writer->stretches[number];
    bool differs = has_other_pages(writer, stretch, addresses);
    add(&writer->now, stretch->instructions, stretch->accesses);
    put_stretch(writer, number, differs, addresses);
    writer->last = number;
    end_if_full(writer);
}

const uint64_t *pagetrace_write_expected(struct pagetrace_writer *writer, const uint64_t *notes,
                                         const uint64_t *words, const uint64_t *end)
{
    const struct stretch *last = &writer->stretches[writer->last];
    uint64_t instructions = 0, accesses = 0;
    uint32_t run = writer->run;
    while (words < end && words[0] < PAGETRACE_NUMBERS_MAX && run < RUN_MAX) {
        uint64_t number = (notes[words[0]] >> PAGETRACE_NOTE_SHIFT) - writer->base;
        const struct stretch *stretch = &writer->stretches[last->follow.next];
        if (number != last->follow.next || number == 0 ||
            has_other_pages(writer, stretch, words + 1))
            break;
        instructions += stretch->instructions;
        accesses += stretch->accesses;
        words += 1 + stretch->npages;
        last = stretch;
        run++;
    }
    add(&writer->now, instructions, accesses);
    writer->run = run;
    writer->last = (uint32_t)(last - writer->stretches);
    return words;
}

/* ---- references on their own ---- */

static void count(struct totals *totals, const struct trace_ref *ref)
{
    if (ref->flags & (TRACE_REST | TRACE_KERNEL))
        return;
    if (ref->kind == TRACE_FETCH)
        totals->instructions += ref->count;
    else if (ref->kind == TRACE_STORE)
        totals->stores += ref->count;
    else
        totals->loads += ref->count;
}

void pagetrace_write_space(struct pagetrace_writer *writer, uint16_t space)
{
    if (space == writer->space)
        return;
    put_special(writer, PAGETRACE_SPACE);
    put_number(writer, space);
    writer->space = space;
}

static void put_reference(struct pagetrace_writer *writer, const struct trace_ref *ref)
{
    enum { KIND_BITS = 2, HAS_COUNT = 0x80 };
    put_token(writer, PAGETRACE_REF);
    put(writer, (unsigned)ref->flags << KIND_BITS | ref->kind | (ref->count > 1 ? HAS_COUNT : 0));
    put_page(writer, ref->page);
    if (ref->count > 1)
        put_number(writer, ref->count);
    count(&writer->now, ref);
}

static void put_event(struct pagetrace_writer *writer, const struct trace_ref *ref)
{
    put_token(writer, PAGETRACE_SPECIAL);
    put(writer, PAGETRACE_EVENTS + ref->kind - TRACE_GONE);
    put_distance(writer, ref->page);
    if (ref->kind == TRACE_GONE)
        put_number(writer, ref->count);
}

void pagetrace_write(struct pagetrace_writer *writer, const struct trace_ref *ref)
{
    pagetrace_write_space(writer, ref->space);
    if (trace_is_reference(ref))
        put_reference(writer, ref);
    else
        put_event(writer, ref);
    end_if_full(writer);
}

void pagetrace_write_moves(struct pagetrace_writer *writer, uint64_t from, uint64_t to,
                           uint64_t times)
{
    put_special(writer, PAGETRACE_MOVES);
    put_page(writer, from);
    put_page(writer, to);
    put_number(writer, times);
    writer->now.loads += times;
    writer->now.stores += times;
    end_if_full(writer);
}

/* ---- the end ---- */

int pagetrace_writer_end(struct pagetrace_writer *writer)
{
    if (writer->len > 0 || writer->run > 0)
        end_block(writer);
    struct pagetrace_tail tail = {.offset = writer->offset, .magic = PAGETRACE_TAIL};
    put_block(writer, PAGETRACE_END, writer->index, writer->nblocks * sizeof(*writer->index));
    put_bytes(writer, &tail, sizeof(tail));
    return writer->error;
}
