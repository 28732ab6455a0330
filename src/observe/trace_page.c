// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading page traces: see pagetrace.h. A block is believed only after its checksum; even so no
 * token is, for a trace may be made to harm: every number and page is checked.
 *
 * What a token stands for is given out step by step: the stretches still to come, the operations
 * left of the one under way, the moves left.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/xalloc.h"
#include "observe/pagetrace.h"
#include "observe/trace_reader.h"

struct stretch {
    struct pagetrace_follow follow;
    uint64_t code_page;
    uint32_t first, npages;  /* in `pages` */
    uint32_t first_op, nops; /* in `ops` */
    uint32_t instructions, loads, stores;
    bool has_pages; /* they are known */
};

/* Arrays that grow; [0] of stretches and known pages is none. */
struct page_reader {
    const uint8_t *at, *end; /* tokens left */
    bool is_begun;           /* the file's head was read */
    bool is_ended;
    uint16_t space;
    uint64_t instructions, loads, stores;

    uint32_t run, last;            /* stretches to come as expected; the one before */
    int token;                     /* what comes after them, enum pagetrace_token; -1: nothing */
    const struct pagetrace_op *op; /* of the stretch under way */
    unsigned nops;                 /* left */
    uint64_t moves, from, to;      /* left, and their pages */

    struct stretch *stretches;
    uint32_t nstretches, stretches_room;
    struct pagetrace_op *ops;
    uint32_t nall_ops, ops_room;
    uint64_t *pages; /* of stretches, the last time */
    uint32_t npages, pages_room;
    uint64_t *known; /* by number */
    uint32_t nknown, known_room;
    uint64_t newest;

    size_t blocks;
    bool is_sought; /* the next block need not go on where another ended */
    uint8_t tokens[PAGETRACE_BLOCK_MAX];
    uint8_t packed[ZSTD_COMPRESSBOUND(PAGETRACE_BLOCK_MAX)];
};

static bool looks_like_page(const uint8_t *bytes, size_t len)
{
    return len >= PAGETRACE_MAGIC_LEN && memcmp(bytes, PAGETRACE_MAGIC, PAGETRACE_MAGIC_LEN) == 0;
}

/* `array` with room for one more than `n`. */
static void *with_room(void *array, uint32_t n, uint32_t *room, size_t size)
{
    if (n + 1 < *room)
        return array;
    *room = *room ? 2 * *room : 1 << 10;
    return x_realloc(array, *room * size);
}

static struct page_reader *reader_of(struct trace *trace)
{
    if (!trace->own) {
        struct page_reader *reader = x_calloc(1, sizeof(*reader));
        reader->token = -1;
        trace->own = reader;
    }
    return trace->own;
}

/* ---- blocks ---- */

/* Takes exactly `len` bytes. Result: 0, or -1 after the message. */
static int take(struct trace *trace, void *to, size_t len)
{
    uint8_t *out = to;
    while (len > 0) {
        size_t have, want = len < INPUT_AHEAD_MAX ? len : INPUT_AHEAD_MAX;
        const uint8_t *bytes = input_ahead(trace->input, want, &have);
        if (have == 0) {
            const char *why = input_failure(trace->input);
            return trace_fail(trace, "%s", why ? why : "the trace ends too early");
        }
        have = have < len ? have : len;
        memcpy(out, bytes, have);
        input_skip(trace->input, have);
        out += have;
        len -= have;
    }
    return 0;
}

static int read_head(struct trace *trace)
{
    struct {
        char magic[PAGETRACE_MAGIC_LEN];
        uint32_t version;
    } head;
    if (take(trace, &head.magic, sizeof(head.magic)) < 0 ||
        take(trace, &head.version, sizeof(head.version)) < 0)
        return -1;
    if (memcmp(head.magic, PAGETRACE_MAGIC, PAGETRACE_MAGIC_LEN) != 0)
        return trace_fail(trace, "this is no page trace");
    if (head.version != PAGETRACE_VERSION)
        return trace_fail(trace, "it has version %u; this pagewalk reads version %u", head.version,
                          PAGETRACE_VERSION);
    return 0;
}

static int check_block(struct trace *trace, const struct page_reader *reader,
                       const struct pagetrace_block *block)
{
    bool is_end = block->magic == PAGETRACE_END;
    if (!is_end && block->magic != PAGETRACE_BLOCK)
        return trace_fail(trace, "no block begins here: the trace is damaged");
    if (block->len > PAGETRACE_BLOCK_MAX || block->packed_len > sizeof(reader->packed) ||
        block->space > UINT16_MAX || (block->len == 0) != (block->packed_len == 0) ||
        (block->len == 0 && !is_end) || block->offset != input_offset(trace->input))
        return trace_fail(trace, "a block with an impossible head: the trace is damaged");
    if (reader->is_sought)
        return 0;
    if (block->instructions != reader->instructions || block->loads != reader->loads ||
        block->stores != reader->stores)
        return trace_fail(trace, "a block does not go on where the last one ended");
    return 0;
}

static int unpack(struct trace *trace, struct page_reader *reader,
                  const struct pagetrace_block *block)
{
    if (take(trace, reader->packed, block->packed_len) < 0)
        return -1;
    if (pagetrace_checksum(block, reader->packed) != block->checksum)
        return trace_fail(trace, "the block at byte %" PRIu64 " is damaged: its checksum differs",
                          block->offset);
    size_t len = block->len ? ZSTD_decompress(reader->tokens, sizeof(reader->tokens),
                                              reader->packed, block->packed_len)
                            : 0;
    if (ZSTD_isError(len) || len != block->len)
        return trace_fail(trace, "the block at byte %" PRIu64 " cannot be decompressed",
                          block->offset);
    reader->at = reader->tokens;
    reader->end = reader->tokens + len;
    return 0;
}

static void begin_block(struct page_reader *reader, const struct pagetrace_block *block)
{
    reader->space = (uint16_t)block->space;
    reader->instructions = block->instructions;
    reader->loads = block->loads;
    reader->stores = block->stores;
    reader->nstretches = reader->nall_ops = reader->npages = reader->nknown = 0;
    reader->stretches =
        with_room(reader->stretches, 0, &reader->stretches_room, sizeof(*reader->stretches));
    reader->stretches[0] = (struct stretch){0};
    reader->last = reader->run = 0;
    reader->token = -1;
    reader->newest = 0;
    reader->blocks++;
}

/* The end block's index says what was read. */
static int read_end(struct trace *trace, struct page_reader *reader,
                    const struct pagetrace_block *block)
{
    struct pagetrace_tail tail;
    size_t have;
    if (take(trace, &tail, sizeof(tail)) < 0)
        return -1;
    if (tail.magic != PAGETRACE_TAIL || tail.zero || tail.offset != block->offset ||
        block->len != reader->blocks * sizeof(struct pagetrace_index))
        return trace_fail(trace, "the end of the trace is damaged");
    input_ahead(trace->input, 1, &have);
    if (have > 0)
        return trace_fail(trace, "something follows the end of the trace");
    reader->at = reader->end;
    reader->is_ended = true;
    return 0;
}

static int next_block(struct trace *trace, struct page_reader *reader)
{
    struct pagetrace_block block;
    size_t have;
    if (!reader->is_begun && read_head(trace) < 0)
        return -1;
    reader->is_begun = true;
    const uint8_t *bytes = input_ahead(trace->input, sizeof(block), &have);
    if (have >= sizeof(block)) {
        memcpy(&block, bytes, sizeof(block));
        if (check_block(trace, reader, &block) < 0)
            return -1;
    }
    if (take(trace, &block, sizeof(block)) < 0 || unpack(trace, reader, &block) < 0)
        return -1;
    reader->is_sought = false;
    if (block.magic == PAGETRACE_END)
        return read_end(trace, reader, &block);
    begin_block(reader, &block);
    return 0;
}

/* ---- seeking ---- */

static int seek_to(struct trace *trace, uint64_t offset)
{
    int error = input_seek(trace->input, offset);
    return error ? trace_fail(trace, "%s", strerror(-error)) : 0;
}

/* Reads the tail and the end block, whose bytes are the index. */
static int read_index(struct trace *trace, struct page_reader *reader, uint64_t size)
{
    struct pagetrace_tail tail;
    struct pagetrace_block block;
    if (size < sizeof(tail) + sizeof(block))
        return trace_fail(trace, "the trace ends too early");
    if (seek_to(trace, size - sizeof(tail)) < 0 || take(trace, &tail, sizeof(tail)) < 0)
        return -1;
    if (tail.magic != PAGETRACE_TAIL || tail.offset > size - sizeof(tail) - sizeof(block))
        return trace_fail(trace, "the end of the trace is damaged or missing");
    reader->is_sought = true;
    if (seek_to(trace, tail.offset) < 0)
        return -1;
    size_t have;
    memcpy(&block, input_ahead(trace->input, sizeof(block), &have), sizeof(block));
    if (check_block(trace, reader, &block) < 0 || take(trace, &block, sizeof(block)) < 0 ||
        unpack(trace, reader, &block) < 0)
        return -1;
    if (block.magic != PAGETRACE_END)
        return trace_fail(trace, "the end of the trace is damaged");
    return 0;
}

static struct pagetrace_index index_entry(const struct page_reader *reader, size_t i)
{
    struct pagetrace_index entry;
    memcpy(&entry, reader->tokens + i * sizeof(entry), sizeof(entry));
    return entry;
}

/* The last block that begins at instruction `from` or before. */
static size_t find_block(const struct page_reader *reader, size_t nblocks, uint64_t from)
{
    size_t low = 0, high = nblocks;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (index_entry(reader, middle).instructions <= from)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* An input that has no places is read from its beginning. */
static int page_seek(struct trace *trace, uint64_t from, uint64_t *at)
{
    struct page_reader *reader = reader_of(trace);
    uint64_t size;
    *at = 0;
    if (!input_size(trace->input, &size))
        return 0;
    if (read_head(trace) < 0 || read_index(trace, reader, size) < 0)
        return -1;
    reader->is_begun = true;
    size_t nblocks = (size_t)(reader->end - reader->tokens) / sizeof(struct pagetrace_index);
    size_t block = find_block(reader, nblocks, from);
    struct pagetrace_index entry = {.offset = PAGETRACE_MAGIC_LEN + sizeof(uint32_t)};
    if (nblocks > 0)
        entry = index_entry(reader, block);
    reader->at = reader->end;
    reader->blocks = block;
    *at = entry.instructions;
    if (entry.offset > size)
        return trace_fail(trace, "the index leads beyond the trace's end");
    return seek_to(trace, entry.offset);
}

/* ---- tokens ---- */

static bool take_byte(struct page_reader *reader, uint8_t *byte)
{
    if (reader->at == reader->end)
        return false;
    *byte = *reader->at++;
    return true;
}

static bool take_number(struct page_reader *reader, uint64_t *number)
{
    uint8_t byte = 0x80;
    *number = 0;
    for (unsigned shift = 0; byte & 0x80; shift += 7) {
        if (shift > 56 || !take_byte(reader, &byte))
            return false;
        *number |= (uint64_t)(byte & 0x7f) << shift;
    }
    return true;
}

static bool take_number_below(struct page_reader *reader, uint64_t limit, uint64_t *number)
{
    return take_number(reader, number) && *number < limit;
}

static bool take_distance(struct page_reader *reader, uint64_t *page)
{
    uint64_t number;
    if (!take_number(reader, &number))
        return false;
    *page = reader->newest + (number >> 1 ^ -(number & 1));
    reader->newest = *page;
    return trace_is_address(*page << TRACE_PAGE_SHIFT, 1) &&
           (uint64_t)((int64_t)(*page << TRACE_PAGE_SHIFT) >> TRACE_PAGE_SHIFT) == *page;
}

static bool take_page(struct page_reader *reader, uint64_t *page)
{
    uint64_t number;
    if (!take_number(reader, &number) || number > reader->nknown)
        return false;
    if (number > 0) {
        *page = reader->known[number];
        return true;
    }
    if (!take_distance(reader, page))
        return false;
    reader->known =
        with_room(reader->known, ++reader->nknown, &reader->known_room, sizeof(*reader->known));
    reader->known[reader->nknown] = *page;
    return true;
}

/* ---- stretches ---- */

static bool take_op(struct page_reader *reader, const struct stretch *stretch,
                    struct pagetrace_op *op)
{
    enum { KIND = 3, UPDATES = 4, SECOND = 8, SHIFT = 4, MORE = 15 };
    uint8_t byte;
    uint64_t more = 0;
    if (!take_byte(reader, &byte) ||
        (byte >> SHIFT == MORE && !take_number_below(reader, PAGETRACE_OPS_MAX, &more)))
        return false;
    *op = (struct pagetrace_op){.kind = byte & KIND, .n = (uint16_t)((byte >> SHIFT) + more)};
    op->flags = (uint8_t)((byte & UPDATES ? TRACE_UPDATES : 0) | (byte & SECOND ? TRACE_REST : 0));
    if (op->kind == TRACE_FETCH)
        return op->n > 0 && !(byte & UPDATES) &&
               (!(byte & SECOND) ||
                trace_is_address((stretch->code_page + 1) << TRACE_PAGE_SHIFT, 1));
    if (byte & SECOND)
        return false;
    return op->kind != TRACE_GONE && op->n < stretch->npages &&
           (op->kind == TRACE_LOAD || !(byte & UPDATES));
}

static void count_op(struct stretch *stretch, const struct pagetrace_op *op)
{
    if (op->kind == TRACE_LOAD)
        stretch->loads++;
    else if (op->kind == TRACE_STORE)
        stretch->stores++;
    else if (!(op->flags & TRACE_REST))
        stretch->instructions += op->n;
}

static bool take_ops(struct page_reader *reader, struct stretch *stretch)
{
    for (uint32_t i = 0; i < stretch->nops; i++) {
        reader->ops =
            with_room(reader->ops, reader->nall_ops, &reader->ops_room, sizeof(*reader->ops));
        struct pagetrace_op *op = &reader->ops[reader->nall_ops++];
        if (!take_op(reader, stretch, op))
            return false;
        count_op(stretch, op);
    }
    return true;
}

static bool define(struct page_reader *reader)
{
    struct stretch stretch = {.first = reader->npages, .first_op = reader->nall_ops};
    uint64_t npages, nops;
    if (!take_page(reader, &stretch.code_page) ||
        !take_number_below(reader, PAGETRACE_PAGES_MAX + 1, &npages) ||
        !take_number_below(reader, PAGETRACE_OPS_MAX + 1, &nops) || nops == 0)
        return false;
    stretch.npages = (uint32_t)npages;
    stretch.nops = (uint32_t)nops;
    stretch.has_pages = npages == 0;
    for (uint32_t i = 0; i < npages; i++) {
        reader->pages =
            with_room(reader->pages, reader->npages, &reader->pages_room, sizeof(*reader->pages));
        reader->pages[reader->npages++] = 0;
    }
    if (!take_ops(reader, &stretch))
        return false;
    reader->stretches = with_room(reader->stretches, ++reader->nstretches, &reader->stretches_room,
                                  sizeof(*reader->stretches));
    reader->stretches[reader->nstretches] = stretch;
    return true;
}

static bool take_pages(struct page_reader *reader, struct stretch *stretch)
{
    const uint8_t *bits = reader->at;
    uint32_t nbytes = (stretch->npages + 7) / 8;
    if (nbytes > (size_t)(reader->end - reader->at))
        return false;
    reader->at += nbytes;
    bool has_all = true;
    for (uint32_t i = 0; i < stretch->npages; i++) {
        bool is_other = bits[i / 8] >> i % 8 & 1;
        has_all &= is_other;
        if (is_other && !take_page(reader, &reader->pages[stretch->first + i]))
            return false;
    }
    stretch->has_pages |= has_all;
    return true;
}

/* The stretch is executed next. Result: false: there is none of this number. */
static bool start(struct page_reader *reader, uint64_t number, bool has_pages)
{
    if (number == 0 || number > reader->nstretches)
        return false;
    struct stretch *stretch = &reader->stretches[number];
    if ((has_pages && !take_pages(reader, stretch)) || !stretch->has_pages)
        return false;
    pagetrace_follow(&reader->stretches[reader->last].follow, (uint32_t)number);
    reader->last = (uint32_t)number;
    reader->op = reader->ops + stretch->first_op;
    reader->nops = stretch->nops;
    reader->instructions += stretch->instructions;
    reader->loads += stretch->loads;
    reader->stores += stretch->stores;
    return true;
}

static bool start_expected(struct page_reader *reader)
{
    reader->run--;
    return start(reader, reader->stretches[reader->last].follow.next, false);
}

/* ---- references being given out ---- */

struct batch {
    struct trace_ref *refs;
    size_t n, max;
};

static void give(const struct page_reader *reader, struct batch *batch, uint64_t page,
                 uint32_t count, unsigned kind, unsigned flags)
{
    batch->refs[batch->n++] = (struct trace_ref){.page = page,
                                                 .count = count,
                                                 .space = reader->space,
                                                 .kind = (uint8_t)kind,
                                                 .flags = (uint8_t)flags};
}

static void give_ops(struct page_reader *reader, struct batch *batch)
{
    const struct stretch *stretch = &reader->stretches[reader->last];
    const uint64_t *pages = reader->pages + stretch->first;
    const struct pagetrace_op *op = reader->op;
    size_t room = batch->max - batch->n, n = reader->nops < room ? reader->nops : room;
    for (size_t i = 0; i < n; i++, op++) {
        if (op->kind == TRACE_FETCH)
            give(reader, batch, stretch->code_page + (op->flags & TRACE_REST), op->n, TRACE_FETCH,
                 op->flags);
        else
            give(reader, batch, pages[op->n], 1, op->kind, op->flags);
    }
    reader->op = op;
    reader->nops -= (unsigned)n;
}
_Static_assert(TRACE_REST == 1, "it is the distance of the second page");

static void give_moves(struct page_reader *reader, struct batch *batch)
{
    while (reader->moves > 0 && batch->n + 2 <= batch->max) {
        give(reader, batch, reader->from, 1, TRACE_LOAD, 0);
        give(reader, batch, reader->to, 1, TRACE_STORE, 0);
        reader->moves--;
    }
}

static void count(struct page_reader *reader, const struct trace_ref *ref)
{
    if (ref->flags & (TRACE_REST | TRACE_KERNEL))
        return;
    if (ref->kind == TRACE_FETCH)
        reader->instructions += ref->count;
    else if (ref->kind == TRACE_STORE)
        reader->stores += ref->count;
    else
        reader->loads += ref->count;
}

static bool do_ref(struct page_reader *reader, struct batch *batch)
{
    enum { KIND = 3, FLAGS_SHIFT = 2, FLAGS = 7, HAS_COUNT = 0x80 };
    uint8_t byte;
    uint64_t page, n = 1;
    if (!take_byte(reader, &byte))
        return false;
    unsigned kind = byte & KIND, flags = byte >> FLAGS_SHIFT & FLAGS;
    if (kind > TRACE_FETCH || !take_page(reader, &page))
        return false;
    if ((byte & HAS_COUNT) && (!take_number_below(reader, (uint64_t)UINT32_MAX + 1, &n) || n == 0))
        return false;
    if ((flags & TRACE_UPDATES) && kind == TRACE_STORE)
        return false;
    give(reader, batch, page, (uint32_t)n, kind, flags);
    count(reader, &batch->refs[batch->n - 1]);
    return true;
}

static bool do_moves(struct page_reader *reader)
{
    if (!take_page(reader, &reader->from) || !take_page(reader, &reader->to) ||
        !take_number(reader, &reader->moves))
        return false;
    reader->loads += reader->moves;
    reader->stores += reader->moves;
    return true;
}

/* `kind` is not trusted yet. */
static bool do_event(struct page_reader *reader, struct batch *batch, unsigned kind)
{
    uint64_t page, n = 1;
    if (kind > TRACE_DENIED || !take_distance(reader, &page) ||
        (kind == TRACE_GONE && !take_number_below(reader, (uint64_t)UINT32_MAX + 1, &n)) ||
        n == 0 || !trace_is_address(page << TRACE_PAGE_SHIFT, n << TRACE_PAGE_SHIFT))
        return false;
    give(reader, batch, page, (uint32_t)n, kind, 0);
    return true;
}

static bool do_special(struct page_reader *reader, struct batch *batch)
{
    uint8_t byte;
    uint64_t number;
    if (!take_byte(reader, &byte))
        return false;
    switch (byte) {
    case PAGETRACE_NOTHING:
        return true;
    case PAGETRACE_SPACE:
        if (!take_number_below(reader, UINT16_MAX + 1, &number))
            return false;
        reader->space = (uint16_t)number;
        return true;
    case PAGETRACE_MOVES:
        return do_moves(reader);
    default:
        return do_event(reader, batch, (unsigned)byte - PAGETRACE_EVENTS + TRACE_GONE);
    }
}

static bool do_token(struct page_reader *reader, struct batch *batch, int token)
{
    const struct pagetrace_follow *follow = &reader->stretches[reader->last].follow;
    uint64_t number;
    switch (token) {
    case PAGETRACE_PAGES:
        return start(reader, follow->next, true);
    case PAGETRACE_OTHER:
    case PAGETRACE_OTHER_PAGES:
        return start(reader, follow->other, token == PAGETRACE_OTHER_PAGES);
    case PAGETRACE_STRETCH:
    case PAGETRACE_STRETCH_PAGES:
        return take_number(reader, &number) &&
               start(reader, number, token == PAGETRACE_STRETCH_PAGES);
    case PAGETRACE_DEFINE:
        return define(reader);
    case PAGETRACE_REF:
        return do_ref(reader, batch);
    default:
        return do_special(reader, batch);
    }
}

static bool take_token(struct page_reader *reader)
{
    enum { TOKEN = 7, RUN_SHIFT = 8 - PAGETRACE_RUN_BITS };
    uint8_t byte = *reader->at++;
    uint64_t more = 0;
    if (byte >> RUN_SHIFT == PAGETRACE_RUN_MORE && !take_number_below(reader, INT32_MAX, &more))
        return false;
    reader->run = (byte >> RUN_SHIFT) + (uint32_t)more;
    reader->token = byte & TOKEN;
    return true;
}

/* What is next. */
static bool step(struct page_reader *reader, struct batch *batch)
{
    if (reader->nops > 0) {
        give_ops(reader, batch);
        return true;
    }
    if (reader->moves > 0) {
        give_moves(reader, batch);
        return true;
    }
    if (reader->run > 0)
        return start_expected(reader);
    if (reader->token < 0)
        return take_token(reader);
    int token = reader->token;
    reader->token = -1;
    return do_token(reader, batch, token);
}

static bool has_tokens(const struct page_reader *reader)
{
    return reader->nops > 0 || reader->moves > 0 || reader->run > 0 || reader->token >= 0 ||
           reader->at != reader->end;
}

static int page_read(struct trace *trace, struct trace_ref *refs, size_t max)
{
    struct page_reader *reader = reader_of(trace);
    struct batch batch = {.refs = refs, .max = max};
    while (batch.n + 2 <= max) {
        if (!has_tokens(reader)) {
            if (reader->is_ended)
                break;
            if (next_block(trace, reader) < 0)
                return -1;
        } else if (!step(reader, &batch)) {
            return trace_fail(trace, "the block that ends here has a token that means nothing");
        }
    }
    return (int)batch.n;
}

static void page_close(struct trace *trace)
{
    struct page_reader *reader = trace->own;
    if (!reader)
        return;
    free(reader->stretches);
    free(reader->ops);
    free(reader->pages);
    free(reader->known);
    free(reader);
}

const struct trace_reader trace_page = {
    .name = "page",
    .summary = "what pagewalk record writes",
    .looks_like = looks_like_page,
    .read = page_read,
    .close = page_close,
    .seek = page_seek,
};
