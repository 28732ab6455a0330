// SPDX-License-Identifier: GPL-2.0-or-later
/* What readers of trace formats share: for trace*.c only. */
#ifndef OBSERVE_TRACE_READER_H
#define OBSERVE_TRACE_READER_H

#include "observe/input.h"
#include "observe/trace.h"

struct trace_reader {
    const char *name, *summary;
    const char *in_name; /* part of a file name that says so, or NULL */
    /* Do the first bytes look like it? NULL: no way to tell. */
    bool (*looks_like)(const uint8_t *bytes, size_t len);
    /* As trace_read(); there is room for TRACE_ROOM references at least. */
    int (*read)(struct trace *trace, struct trace_ref *refs, size_t max);
    void (*close)(struct trace *trace); /* NULL: nothing to do */
    /* Goes as near before instruction `from` as is quickly done. Effect: *at says where that is.
     * Result: 0 or -1. NULL: the format cannot, and does not count instructions. */
    int (*seek)(struct trace *trace, uint64_t from, uint64_t *at);
};

enum { TRACE_ROOM = 16 }; /* more than one step of any reader gives */

struct trace {
    const struct trace_reader *reader;
    struct input *input;
    uint64_t line; /* text: lines read */
    bool has_window, is_sought;
    uint64_t from, to, at; /* of the window; position */
    void *own;             /* the reader's */
    char why[TRACE_WHY_LEN];
};

extern const struct trace_reader trace_page, trace_text, trace_champsim, trace_oracle;

/* Says what is wrong, and where: the offset of the next byte. Result: -1. */
int trace_fail(struct trace *trace, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The input ends in the middle of a record. Result: -1. */
int trace_fail_short(struct trace *trace);

/* Adds the references of `count` accesses of `len` bytes at va: one, or two if it lies on two
 * pages; one that only repeats the last is counted there. Result: the new number of references.
 * => room for two */
size_t trace_add(struct trace_ref *refs, size_t n, uint64_t va, uint64_t len, enum trace_kind kind);

/* The same for one instruction that loads and then stores. => room for four */
size_t trace_add_update(struct trace_ref *refs, size_t n, uint64_t va, uint64_t len);

/* Whether an access lies in the address space of the machine (48 bits, sign extended). */
bool trace_is_address(uint64_t va, uint64_t len);

#endif
