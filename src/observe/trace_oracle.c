// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libCacheSim's oracleGeneral: a record of 24 bytes a request, little endian, not aligned. A
 * request is a load of one page, whatever the object's size; objects become pages in the order in
 * which they appear, so what lies beside what is of no meaning.
 *
 *    0  time            u32
 *    4  object          u64
 *   12  size            u32
 *   16  next request    i64: its number, or -1
 *
 * Source: libCacheSim, libCacheSim/traceReader/customizedReader/oracle/oracleGeneralBin.h.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hashmap.h"
#include "base/xalloc.h"
#include "observe/trace_reader.h"

enum { RECORD_LEN = 24, OBJECT_AT = 4 };

static struct hashmap *pages_of(struct trace *trace)
{
    if (!trace->own) {
        trace->own = x_malloc(sizeof(struct hashmap));
        hashmap_create(trace->own);
    }
    return trace->own;
}

static uint64_t page_of(struct hashmap *pages, const uint8_t *record)
{
    uint64_t object;
    memcpy(&object, record + OBJECT_AT, sizeof(object));
    uint64_t *page = hashmap_at(pages, object == HASHMAP_NONE ? 0 : object);
    if (*page == 0)
        *page = pages->count;
    return *page;
}

static int oracle_read(struct trace *trace, struct trace_ref *refs, size_t max)
{
    size_t n = 0, have;
    struct hashmap *pages = pages_of(trace);
    while (n + TRACE_ROOM <= max) {
        const uint8_t *record = input_ahead(trace->input, RECORD_LEN, &have);
        if (have == 0)
            break;
        if (have < RECORD_LEN)
            return trace_fail_short(trace);
        n = trace_add(refs, n, page_of(pages, record) << TRACE_PAGE_SHIFT, 1, TRACE_LOAD);
        input_skip(trace->input, RECORD_LEN);
    }
    return (int)n;
}

static void oracle_close(struct trace *trace)
{
    if (trace->own)
        hashmap_destroy(trace->own);
    free(trace->own);
}

const struct trace_reader trace_oracle = {
    .name = "oracle",
    .summary = "libCacheSim's oracleGeneral, each object a page; by its name in the file's",
    .in_name = "oracleGeneral",
    .read = oracle_read,
    .close = oracle_close,
};
