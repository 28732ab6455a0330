// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory traces as a sequence of page references, whatever their format.
 *
 * A format is a reader with one function; this file knows how to choose it. What a trace says of
 * bytes becomes pages here: an access on two pages gives a reference to each, the second marked
 * `rest`. Pages have 4 KiB.
 */
#ifndef OBSERVE_TRACE_H
#define OBSERVE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TRACE_PAGE_SHIFT = 12 };

enum trace_kind {
    TRACE_LOAD,
    TRACE_STORE,
    TRACE_FETCH,
    /* No references: */
    TRACE_GONE, /* `count` pages from this one on cease to exist */
    /* What a run's page tables and TLB went through: */
    TRACE_FLUSH,       /* the TLB drops the page */
    TRACE_FLUSH_SPACE, /* or all pages of the space; `page` means nothing */
    TRACE_READ_ONLY,   /* from now on a store to the page is a page fault, once */
    TRACE_DENIED,      /* there was such a fault; the store follows if the program goes on */
};

enum trace_flags {
    TRACE_REST = 1 << 0,    /* the second page of accesses that lie on two */
    TRACE_UPDATES = 1 << 1, /* loads by instructions that store to the same place; fetches of
                               instructions that fault then, and are fetched again */
    TRACE_KERNEL = 1 << 2,  /* by the kernel, for a system call: no access of the program */
};

/* `count` references in a row of one kind to one page; or what is no reference. */
struct trace_ref {
    uint64_t page;  /* number; canonical: of 52 bits, sign extended from 36 */
    uint32_t count; /* at least 1 */
    uint16_t space; /* address space */
    uint8_t kind;   /* enum trace_kind */
    uint8_t flags;  /* enum trace_flags */
};

static inline bool trace_is_reference(const struct trace_ref *ref)
{
    return ref->kind < TRACE_GONE;
}

struct trace;

/*
 * `path` "-": standard input. `format` NULL or "auto": found by looking; else the name of one.
 * Result: 0 and *out; -1 and `why`, one line without the path.
 */
enum { TRACE_WHY_LEN = 240 };
int trace_open(const char *path, const char *format, struct trace **out, char why[TRACE_WHY_LEN]);
void trace_close(struct trace *trace);
const char *trace_format(const struct trace *trace);

/*
 * From now on only what lies in [from, to) is read, in instructions if the format counts them (it
 * is page), else in references. => before the first trace_read()
 */
void trace_set_window(struct trace *trace, uint64_t from, uint64_t to);

/* The next references, at most `max`. Result: how many; 0 at the end; -1 and trace_why(). */
int trace_read(struct trace *trace, struct trace_ref *refs, size_t max);
const char *trace_why(const struct trace *trace);

/* Formats by number: name and one line for help; NULL beyond the last. */
const char *trace_format_name(size_t i, const char **summary);

#endif
