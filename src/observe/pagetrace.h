// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Page traces: the project's own format, for traces of whole programs. What is kept of an access is
 * its page and kind, in order, with the instructions between; so every question about pages has the
 * same answer as with the full trace.
 *
 *   file     "pagewalk" u32 version, blocks, the end block, struct pagetrace_tail
 *   block    struct pagetrace_block (little endian, 56 bytes), then `packed_len` bytes: a zstd
 * frame of `len` bytes, which are tokens; of the end block: one struct pagetrace_index for each
 *            block, in order
 *
 * A block is read without those before it, and can be passed over by its header alone; one who can
 * seek finds it by the index, and the index by the tail.
 *
 * What a program executes comes as stretches: a stretch is defined once a block, as a row of
 * fetches and accesses, whose accesses say which of the stretch's pages they go to. After that its
 * number stands for all of it, and with the pages of the last time and in the order of the last
 * time it takes nothing at all: each stretch has an expected follower, which is the last one it
 * had, and another, which was expected before.
 *
 *   token      rrrrr kkk     r: so many stretches as expected, with the pages that each had the
 * last time (31: a number follows, r is that much more); then kkk, enum pagetrace_token number
 * LEB128; a distance is a number in zigzag code page       a number: the page of that number in
 * this block, from 1 on; 0: the next new page, and its distance to the one before follows pages
 * bytes with a bit for each page of the stretch, 8 to a byte, set if it is another than the last
 * time; then those pages
 *
 * A block begins with no stretches and no pages known.
 */
#ifndef OBSERVE_PAGETRACE_H
#define OBSERVE_PAGETRACE_H

#include "observe/trace.h"

#define PAGETRACE_MAGIC "pagewalk"
enum {
    PAGETRACE_VERSION = 3,
    PAGETRACE_MAGIC_LEN = 8,
    PAGETRACE_BLOCK_MAX = 4 << 20, /* bytes of tokens in a block */
    PAGETRACE_RUN_BITS = 5,
    PAGETRACE_RUN_MORE = 31,
    PAGETRACE_OPS_MAX = 2048, /* of a stretch */
    PAGETRACE_PAGES_MAX = 1024,
};

enum pagetrace_token {
    PAGETRACE_PAGES,         /* the expected stretch, with other pages, which follow */
    PAGETRACE_OTHER,         /* the other follower */
    PAGETRACE_OTHER_PAGES,   /* pages follow */
    PAGETRACE_STRETCH,       /* its number follows */
    PAGETRACE_STRETCH_PAGES, /* number and pages follow */
    /* The next new stretch is defined: its code page, the number of its pages, the number of
     * operations, and these: a byte `dddd s u kk`, enum trace_kind k; u: TRACE_UPDATES; s: a fetch
     * from the next code page, TRACE_REST; d: how often it is fetched, or which of the pages; 15: a
     * number follows, d is that much more. */
    PAGETRACE_DEFINE,
    /* A reference on its own: a byte `fff kk`, enum trace_kind and enum trace_flags; page; a
     * number, the count, if bit 7 of the byte is set */
    PAGETRACE_REF,
    PAGETRACE_SPECIAL, /* a byte follows, enum pagetrace_special */
};

enum pagetrace_special {
    PAGETRACE_NOTHING,
    PAGETRACE_SPACE, /* a number follows: another address space */
    PAGETRACE_MOVES, /* page, page, number: so many times a load and a store */
    /* From here on: what is no reference, of enum trace_kind TRACE_GONE on: page, as its distance
     * to the newest; TRACE_GONE: a number, the count. */
    PAGETRACE_EVENTS,
};

struct pagetrace_block {
    uint32_t magic; /* PAGETRACE_BLOCK or PAGETRACE_END */
    uint32_t len, packed_len;
    uint32_t space; /* address space in which it begins */
    /* Before this block: what was recorded so far. */
    uint64_t instructions, loads, stores;
    uint64_t offset;   /* of this header in the file */
    uint64_t checksum; /* XXH3 of the header up to here, with the packed bytes' XXH3 as seed */
};
#define PAGETRACE_BLOCK ((uint32_t)0x4b4c4250) /* "PBLK" */
#define PAGETRACE_END ((uint32_t)0x444e4550)   /* "PEND" */

struct pagetrace_index {
    uint64_t offset, instructions; /* of the block's header, and as there */
};

struct pagetrace_tail {
    uint64_t offset; /* of the end block's header */
    uint32_t magic;  /* PAGETRACE_TAIL */
    uint32_t zero;
};
#define PAGETRACE_TAIL ((uint32_t)0x4c415450) /* "PTAL" */

uint64_t pagetrace_checksum(const struct pagetrace_block *block, const void *packed);

/* The followers of a stretch, by number; 0: none. */
struct pagetrace_follow {
    uint32_t next, other;
};

static inline void pagetrace_follow(struct pagetrace_follow *follow, uint32_t number)
{
    if (follow->next == number)
        return;
    follow->other = follow->next;
    follow->next = number;
}

/* ---- writing ---- */

/* One operation of a stretch: `count` fetches, or one access. */
struct pagetrace_op {
    uint8_t kind;  /* enum trace_kind */
    uint8_t flags; /* TRACE_UPDATES; of a fetch TRACE_REST: from the next page */
    uint16_t n;    /* of a fetch: count; else: which of the stretch's pages */
};

struct pagetrace_writer;

/* Writes to a descriptor, which stays the caller's. */
void pagetrace_writer_create(int fd, struct pagetrace_writer **out);
/* The next reference on its own. A failure to write is kept for pagetrace_writer_end(). */
void pagetrace_write(struct pagetrace_writer *writer, const struct trace_ref *ref);
/* So many times a load from a page and a store to another. */
void pagetrace_write_moves(struct pagetrace_writer *writer, uint64_t from, uint64_t to,
                           uint64_t count);
/* The address space of what follows. */
void pagetrace_write_space(struct pagetrace_writer *writer, uint16_t space);

/*
 * Stretches are known to the caller by numbers of its own; for each it keeps a note, 0 at first. A
 * stretch that is executed is a row of words: its number, then addresses on its pages.
 */
enum { PAGETRACE_NOTE_SHIFT = 16 }; /* below: how many pages it has */
#define PAGETRACE_NUMBERS_MAX ((uint64_t)1 << 62)

/* Whether the note is good: if not, the stretch must be defined before it is written. */
bool pagetrace_knows(const struct pagetrace_writer *writer, uint64_t note);
/* Result: the note. */
uint64_t pagetrace_define(struct pagetrace_writer *writer, uint64_t code_page,
                          const struct pagetrace_op *ops, unsigned nops, unsigned npages);
void pagetrace_write_stretch(struct pagetrace_writer *writer, uint64_t note,
                             const uint64_t *addresses);
/* Writes stretches as long as they come as expected. Result: the word after them. */
const uint64_t *pagetrace_write_expected(struct pagetrace_writer *writer, const uint64_t *notes,
                                         const uint64_t *words, const uint64_t *end);

/* Writes what is left and the end. Result: 0 or the first error, -errno. */
int pagetrace_writer_end(struct pagetrace_writer *writer);
void pagetrace_writer_destroy(struct pagetrace_writer *writer);

#endif
