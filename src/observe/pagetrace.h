// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Page traces: the project's own format, for traces of whole programs. What is kept of an access is
 * its page and kind, in order; nothing is merged, so every question about pages has the same answer
 * as with the full trace.
 *
 *   file    "pagewalk" u32 version, then blocks, the last of which is the end block
 *   block   struct pagetrace_block (little endian, 48 bytes), then `packed_len` bytes: a zstd frame
 *           of `len` bytes of tokens, none for the end block
 *
 * A block is read without those before it, and can be passed over by its header alone.
 *
 * Tokens. A block begins with no pages known, in space 0. Both kinds of pages, data and code, have
 * a list of those used last, newest first; a page is named by its place there, and moves to the
 * front. `n` counts instructions since the last token, all on the current code page.
 *
 *   0 kkkk nnn   k < 15: n instructions, then a load from data page k
 *   1 kkkk nnn   k < 15: n instructions, then a store to it
 *   1 1111 nnn   n instructions, then execution goes on at another code page: a byte follows, its
 *                place, or 31 and the page's distance to the newest
 *   0 1111 sss   something special, enum pagetrace_special
 *
 * nnn is n, or 7 and a number that follows, n - 7. Numbers are LEB128; distances are zigzag coded.
 */
#ifndef OBSERVE_PAGETRACE_H
#define OBSERVE_PAGETRACE_H

#include "observe/trace.h"

#define PAGETRACE_MAGIC "pagewalk"
enum {
    PAGETRACE_VERSION = 1,
    PAGETRACE_MAGIC_LEN = 8,
    PAGETRACE_DATA = 15,           /* places of the list of data pages */
    PAGETRACE_CODE = 31,           /* and of code pages */
    PAGETRACE_BLOCK_MAX = 1 << 20, /* bytes of tokens in a block */
};

enum pagetrace_special {
    PAGETRACE_INSTRUCTIONS, /* a number follows: so many instructions, then nothing */
    PAGETRACE_NEW_PAGE,     /* a distance follows: a data page joins the list in front */
    PAGETRACE_GONE,  /* a distance as above and a number: so many pages from there on are gone */
    PAGETRACE_SPACE, /* a number follows: another address space; both lists are emptied */
    /* Of the next access (REST: or code page), the trace_flags of the same name. */
    PAGETRACE_REST,
    PAGETRACE_UPDATES,
    PAGETRACE_KERNEL,
};

struct pagetrace_block {
    uint32_t magic; /* PAGETRACE_BLOCK or PAGETRACE_END */
    uint32_t len, packed_len;
    uint32_t reserved; /* 0 */
    /* Before this block: what was recorded so far. */
    uint64_t instructions, loads, stores;
    uint64_t checksum; /* XXH3 of the header up to here, with the packed bytes' XXH3 as seed */
};
#define PAGETRACE_BLOCK ((uint32_t)0x4b4c4250) /* "PBLK" */
#define PAGETRACE_END ((uint32_t)0x444e4550)   /* "PEND" */

/* Pages used last, the newest in front. */
struct pagetrace_recent {
    uint64_t page[PAGETRACE_CODE];
    unsigned count, most;
};

/* The page at a place moves to the front. => place < count */
uint64_t pagetrace_recent_use(struct pagetrace_recent *recent, unsigned place);
void pagetrace_recent_add(struct pagetrace_recent *recent, uint64_t page);
uint64_t pagetrace_checksum(const struct pagetrace_block *block, const void *packed);

/* ---- writing ---- */

struct pagetrace_writer;

/* Writes to a descriptor, which stays the caller's. */
void pagetrace_writer_create(int fd, struct pagetrace_writer **out);
/* The next reference; one of `count` > 1 only if it is TRACE_FETCH or TRACE_GONE. A failure to
 * write is kept for pagetrace_writer_end(). */
void pagetrace_write(struct pagetrace_writer *writer, const struct trace_ref *ref);
/* Writes what is left and the end. Result: 0 or the first error, -errno. */
int pagetrace_writer_end(struct pagetrace_writer *writer);
void pagetrace_writer_destroy(struct pagetrace_writer *writer);

#endif
