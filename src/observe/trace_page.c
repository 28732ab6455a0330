// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading page traces: see pagetrace.h. A block is believed only after its checksum; even so no
 * token is, for a trace may be made to harm: every place, number and page is checked.
 */
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/xalloc.h"
#include "observe/pagetrace.h"
#include "observe/trace_reader.h"

struct page_reader {
    const uint8_t *at, *end; /* tokens left */
    uint16_t space;
    uint8_t flags; /* of the next access or code page: enum trace_flags */
    bool is_begun; /* the file's head was read */
    bool is_ended;
    struct pagetrace_recent data, code;
    uint64_t instructions, loads, stores;

    uint8_t tokens[PAGETRACE_BLOCK_MAX];
    uint8_t packed[ZSTD_COMPRESSBOUND(PAGETRACE_BLOCK_MAX)];
};

static bool looks_like_page(const uint8_t *bytes, size_t len)
{
    return len >= PAGETRACE_MAGIC_LEN && memcmp(bytes, PAGETRACE_MAGIC, PAGETRACE_MAGIC_LEN) == 0;
}

static struct page_reader *reader_of(struct trace *trace)
{
    if (!trace->own) {
        struct page_reader *reader = x_calloc(1, sizeof(*reader));
        reader->data.most = PAGETRACE_DATA;
        reader->code.most = PAGETRACE_CODE;
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
        block->reserved || (block->len == 0) != is_end || (block->packed_len == 0) != is_end)
        return trace_fail(trace, "a block has an impossible length: the trace is damaged");
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
        return trace_fail(trace, "the block that ends here is damaged: its checksum differs");
    size_t len = block->len ? ZSTD_decompress(reader->tokens, sizeof(reader->tokens),
                                              reader->packed, block->packed_len)
                            : 0;
    if (ZSTD_isError(len) || len != block->len)
        return trace_fail(trace, "the block that ends here cannot be decompressed");
    reader->at = reader->tokens;
    reader->end = reader->tokens + len;
    reader->space = 0;
    reader->data.count = reader->code.count = 0;
    reader->is_ended = block->magic == PAGETRACE_END;
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
    input_ahead(trace->input, 1, &have);
    if (reader->is_ended && have > 0)
        return trace_fail(trace, "something follows the end of the trace");
    return 0;
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

/* A page number, given by its distance to the newest of a list. */
static bool take_page(struct page_reader *reader, const struct pagetrace_recent *recent,
                      uint64_t *page)
{
    uint64_t number;
    if (!take_number(reader, &number))
        return false;
    *page = (recent->count ? recent->page[0] : 0) + (number >> 1 ^ -(number & 1));
    return trace_is_address(*page << TRACE_PAGE_SHIFT, 1) &&
           (uint64_t)((int64_t)(*page << TRACE_PAGE_SHIFT) >> TRACE_PAGE_SHIFT) == *page;
}

static bool take_new_page(struct page_reader *reader, struct pagetrace_recent *recent)
{
    uint64_t page;
    if (!take_page(reader, recent, &page))
        return false;
    pagetrace_recent_add(recent, page);
    return true;
}

/* References being given out. */
struct batch {
    struct trace_ref *refs;
    size_t n;
};

static void give(struct page_reader *reader, struct batch *batch, uint64_t page, uint32_t count,
                 enum trace_kind kind)
{
    batch->refs[batch->n++] = (struct trace_ref){.page = page,
                                                 .count = count,
                                                 .space = reader->space,
                                                 .kind = (uint8_t)kind,
                                                 .flags = reader->flags};
    reader->flags = 0;
}

/* `n` instructions on the current code page. */
static bool give_instructions(struct page_reader *reader, struct batch *batch, uint64_t n)
{
    uint8_t flags = reader->flags;
    if (n > UINT32_MAX || (n > 0 && reader->code.count == 0))
        return false;
    reader->flags = 0;
    if (n > 0)
        give(reader, batch, reader->code.page[0], (uint32_t)n, TRACE_FETCH);
    reader->flags = flags;
    reader->instructions += n;
    return true;
}

static bool do_code_page(struct page_reader *reader, struct batch *batch)
{
    uint8_t place;
    if (!take_byte(reader, &place))
        return false;
    if (place < reader->code.count)
        pagetrace_recent_use(&reader->code, place);
    else if (place != PAGETRACE_CODE || !take_new_page(reader, &reader->code))
        return false;
    if (reader->flags & TRACE_REST)
        give(reader, batch, reader->code.page[0], 1, TRACE_FETCH);
    return true;
}

static bool do_data(struct page_reader *reader, struct batch *batch, unsigned place, bool is_store)
{
    if (place >= reader->data.count || (is_store && (reader->flags & TRACE_UPDATES)))
        return false;
    if (!(reader->flags & (TRACE_REST | TRACE_KERNEL)))
        *(is_store ? &reader->stores : &reader->loads) += 1;
    give(reader, batch, pagetrace_recent_use(&reader->data, place), 1,
         is_store ? TRACE_STORE : TRACE_LOAD);
    return true;
}

static bool do_gone(struct page_reader *reader, struct batch *batch)
{
    uint64_t page, count;
    if (!take_page(reader, &reader->data, &page) || !take_number(reader, &count) || count == 0 ||
        count > UINT32_MAX ||
        !trace_is_address(page << TRACE_PAGE_SHIFT, count << TRACE_PAGE_SHIFT))
        return false;
    reader->flags = 0;
    give(reader, batch, page, (uint32_t)count, TRACE_GONE);
    return true;
}

static bool do_special(struct page_reader *reader, struct batch *batch, unsigned special)
{
    uint64_t number;
    switch (special) {
    case PAGETRACE_INSTRUCTIONS:
        return take_number(reader, &number) && give_instructions(reader, batch, number);
    case PAGETRACE_NEW_PAGE:
        return take_new_page(reader, &reader->data);
    case PAGETRACE_GONE:
        return do_gone(reader, batch);
    case PAGETRACE_SPACE:
        if (!take_number(reader, &number) || number > UINT16_MAX)
            return false;
        reader->space = (uint16_t)number;
        reader->data.count = reader->code.count = 0;
        return true;
    case PAGETRACE_UPDATES:
        reader->flags |= TRACE_UPDATES;
        return true;
    case PAGETRACE_KERNEL:
        reader->flags |= TRACE_KERNEL;
        return true;
    case PAGETRACE_REST:
        reader->flags |= TRACE_REST;
        return true;
    default:
        return false;
    }
}

/* One token: at most two references. */
static bool do_token(struct page_reader *reader, struct batch *batch)
{
    uint8_t token = *reader->at++;
    unsigned place = token >> 3 & 15;
    bool is_store = token >> 7;
    uint64_t n = token & 7, more;
    if (place == PAGETRACE_DATA && !is_store)
        return do_special(reader, batch, token & 7);
    if (n == 7) {
        if (!take_number(reader, &more) || more > UINT32_MAX)
            return false;
        n += more;
    }
    if (n > 0 && !give_instructions(reader, batch, n))
        return false;
    return place == PAGETRACE_DATA ? do_code_page(reader, batch)
                                   : do_data(reader, batch, place, is_store);
}

static int page_read(struct trace *trace, struct trace_ref *refs, size_t max)
{
    struct page_reader *reader = reader_of(trace);
    struct batch batch = {.refs = refs};
    while (batch.n + TRACE_ROOM <= max) {
        if (reader->at == reader->end) {
            if (reader->is_ended)
                break;
            if (next_block(trace, reader) < 0)
                return -1;
        } else if (!do_token(reader, &batch)) {
            return trace_fail(trace, "the block that ends here has a token that means nothing");
        }
    }
    return (int)batch.n;
}

static void page_close(struct trace *trace)
{
    free(trace->own);
}

const struct trace_reader trace_page = {
    .name = "page",
    .summary = "what pagewalk record writes",
    .looks_like = looks_like_page,
    .read = page_read,
    .close = page_close,
};
