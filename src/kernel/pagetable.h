// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Page tables: x86-64 tables in RAM frames, one tree a space. They are a cache of what the regions
 * say: an entry may be dropped at any time and the next access faults it in again. A table with no
 * present entry is given back at once, so tables never hold RAM that pages could use.
 *
 * Every change of a present entry invalidates the TLB for that page here, and nowhere else; every
 * entry is paired with a reverse map here, and nowhere else. A translation can be in the TLB only
 * once its entry's A bit is set, so an entry that was never used costs no invalidation.
 *
 * Entries are made with neither A nor D: the processor sets both when the instruction runs again,
 * so a page that was only populated is not taken for a used one. (Linux sets A in the entry that a
 * fault makes, to save the processor the write; here that write is what is modelled.)
 *
 * Invariants, checked by pagetable_is_valid():
 *   G1  npresent, nzeros, nobjects, nhuge and ntables count what the tree holds; no table is empty
 *   G2  a table's frame knows its space, level, address and number of entries
 *   G3  a present leaf entry is for user mode, points to an ANON, OBJECT or ZERO frame and has its
 *       reverse map; the frame of zeros is never writable
 *   G4  a large page maps what the table that stands by for it maps; all of that is ANON
 *   G5  a huge page is one that somebody has, in one piece
 */
#ifndef KERNEL_PAGETABLE_H
#define KERNEL_PAGETABLE_H

#include "base/radix.h"
#include "kernel/frame.h"
#include "kernel/hugetlb_pool.h"
#include "machine/mmu.h"
#include "machine/pte.h"

struct kernel;

enum { PAGETABLE_FRAMES_MAX = 5 }; /* most frames one pagetable_map() takes */

/* A bit of ours in an entry: it maps a huge page of a pool. */
#define PTE_HUGE PTE_SW0

/* Protection of a mapping, as PROT_READ, PROT_WRITE and PROT_EXEC have it. */
enum { PROT_MASK_R = 1, PROT_MASK_W = 2, PROT_MASK_X = 4 };

/*
 * A large page is an entry of the second level that maps 2 MiB of consecutive frames. The last
 * level's table that would map them one by one stands by with all its entries and reverse maps, so
 * that each page can still be found, aged and evicted by itself, and the large page be split at any
 * time without a frame to be had for it. What the processor notes of the large page (A, D) is
 * handed out to the entries when they are asked.
 *
 * A huge page is one of a pool (hugetlb_pool.h): an entry of the second or third level with
 * PTE_HUGE, and nothing below it. It is only ever mapped, restricted and unmapped as a whole;
 * nobody looks for its reverse maps, so there are none.
 */
struct pagetable {
    struct mmu_root root; /* root.table is PFN_NONE until the first map */
    uint64_t npresent;    /* leaf entries present, but for huge pages, */
    uint64_t nzeros;      /*   those among them that map the frame of zeros, */
    uint64_t nobjects;    /*   and pages of objects */
    uint64_t nhuge;       /* pages of 4 KiB in huge pages */
    uint64_t ntables;     /* frames this tree holds */
    struct radix large;   /* address >> 21 of each large page -> its table that stands by */
};

/* An empty tree for the space of that number. Reverse maps lead back to it through
 * kernel->spaces[space]->table, so it must be that one when a frame is unmapped. */
void pagetable_create(struct kernel *kernel, uint16_t space, struct pagetable *out);
/* Unmaps all; the TLB drops the whole space at once. */
void pagetable_destroy(struct kernel *kernel, struct pagetable *table);

/* Maps one page, replacing what was there. W only if the caller wants a store to go through without
 * a fault; the frame's kind is ANON, OBJECT or ZERO, the last never with W.
 * => prot is not 0; PAGETABLE_FRAMES_MAX frames are reserved; cannot fail */
void pagetable_map(struct kernel *kernel, struct pagetable *table, vaddr_t va, struct frame *frame,
                   unsigned prot);

/* Maps the FRAME_BLOCK frames from `first` on, of kind ANON, as a large page.
 * => nothing is mapped in its 2 MiB; as pagetable_map() */
void pagetable_map_large(struct kernel *kernel, struct pagetable *table, vaddr_t va,
                         struct frame *first, unsigned prot);

/* Maps the huge page of a pool whose first frame `pfn` is. => nothing is mapped where it goes; as
 * pagetable_map() */
void pagetable_map_huge(struct kernel *kernel, struct pagetable *table, vaddr_t va, pfn_t pfn,
                        enum hugetlb_size size, unsigned prot);

/* How many frames pagetable_map() would take for this page. */
unsigned pagetable_missing(const struct kernel *kernel, const struct pagetable *table, vaddr_t va);

/* Unmaps the page if it is mapped. Result: the frame that was there (its FRAME_DIRTY set if the
 * entry was dirty), or NULL. Empty tables are given back. */
struct frame *pagetable_unmap(struct kernel *kernel, struct pagetable *table, vaddr_t va);
/* [start, end): takes time for the tables that are there, not for the range. Frames are left to
 * their owners. */
void pagetable_unmap_range(struct kernel *kernel, struct pagetable *table, vaddr_t start,
                           vaddr_t end);

/* As pagetable_unmap_range(), and leaves the TLB as it is. Result: whether it may hold one of the
 * pages. => then pagetable_flush() follows before the space runs; no large page lies there in part
 */
bool pagetable_unmap_silently(struct kernel *kernel, struct pagetable *table, vaddr_t start,
                              vaddr_t end);

/* Takes permissions away from the present entries of [start, end); never grants any (a fault does).
 * prot 0 unmaps them. */
void pagetable_restrict_range(struct kernel *kernel, struct pagetable *table, vaddr_t start,
                              vaddr_t end, unsigned prot);

/* Takes W from the present entries of [start, end) and leaves the TLB as it is. Result: whether it
 * may hold one of them, writable. => then pagetable_flush() follows before the space runs */
bool pagetable_write_protect(struct kernel *kernel, struct pagetable *table, vaddr_t start,
                             vaddr_t end);
/* The TLB drops all of the space. */
void pagetable_flush(struct kernel *kernel, const struct pagetable *table);

/* The leaf entry, 0 if absent; with PTE_PS and the marks of the large page, if it is in one. A huge
 * page's is that of its frame there, with PTE_HUGE. */
uint64_t pagetable_entry(const struct kernel *kernel, const struct pagetable *table, vaddr_t va);

/* Is the page part of a large one? */
bool pagetable_is_large(const struct pagetable *table, vaddr_t va);

/* The next present page at or after va and before end, its entry as pagetable_entry(). Result:
 * false if there is none. */
bool pagetable_next(const struct kernel *kernel, const struct pagetable *table, vaddr_t va,
                    vaddr_t end, vaddr_t *found, uint64_t *entry);

/* Over all maps of a frame, which is not the frame of zeros. unmap: D goes to FRAME_DIRTY. */
void pagetable_unmap_frame(struct kernel *kernel, struct frame *frame);
/* Was it used since the last call? Clears A and the TLB's entry where set. */
bool pagetable_test_clear_accessed(struct kernel *kernel, struct frame *frame);
/* Moves D of all entries into FRAME_DIRTY and write-protects, so that the next store is seen. */
void pagetable_clean_frame(struct kernel *kernel, struct frame *frame);
/* FRAME_DIRTY, or D in any entry. */
bool pagetable_frame_is_dirty(const struct kernel *kernel, const struct frame *frame);

/* All entries that map a frame map frame `to` from now on; the reverse maps are the caller's. */
void pagetable_move_frame(struct kernel *kernel, const struct frame *frame, pfn_t to);
/* The entry that leads to a table leads to frame `to`; its content is the caller's. Not for a root:
 * the processor may hold it. */
bool pagetable_can_move_table(const struct kernel *kernel, const struct frame *table_frame);
void pagetable_move_table(struct kernel *kernel, const struct frame *table_frame, pfn_t to);

/* If the frame is a table of the last level whose entries all map the frame of zeros, unmaps them
 * and so gives the frame back (and those above that become empty). Result: whether it was. */
bool pagetable_drop_zeros(struct kernel *kernel, struct frame *table_frame);

bool pagetable_is_valid(const struct kernel *kernel, const struct pagetable *table);

#endif
