// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The memory manager as one object: the frames it hands out, the spaces it keeps, its swap disk,
 * its replacement policy and its promises. Everything in src/kernel works on a struct kernel; there
 * is no other state.
 */
#ifndef KERNEL_KERNEL_H
#define KERNEL_KERNEL_H

#include "kernel/commit.h"
#include "kernel/frame.h"
#include "kernel/hugetlb_pool.h"
#include "kernel/policy.h"
#include "machine/machine.h"
#include "machine/swapdisk.h"

/* Who is told of the pages that the kernel uses for the program (copies of system calls), and of
 * those that cease to be mapped. */
struct kernel_watch {
    void (*access)(void *context, uint16_t space, vaddr_t va,
                   enum mmu_access access); /* NULL: nobody */
    void (*gone)(void *context, uint16_t space, vaddr_t va, uint64_t npages);
    void *context;
    /* Of page-table entries: the TLB was told to drop a page (va), or all of a space (0 pages); a
     * page there may not be stored to without a fault. NULL: nobody. */
    void (*flushed)(void *context, uint16_t space, vaddr_t va, uint64_t npages);
    void (*read_only)(void *context, uint16_t space, vaddr_t va);
    /* Counts page faults by enum mmu_access, but for those that only bring back what was paged out;
     * NULL: nobody wants to know. */
    uint64_t *served;
};

struct anon;
struct space;
struct object;
struct object_table;

/* Who is told of each page fault when it has been counted, and as what. */
enum kernel_fault { KERNEL_FAULT_MINOR = 1, KERNEL_FAULT_MAJOR = 2, KERNEL_FAULT_COW = 4 };
struct kernel_listener {
    void (*fault)(void *context, const struct space *space, vaddr_t va,
                  unsigned kinds); /* enum kernel_fault, ored: 0 if it was not served */
    void *context;                 /* NULL fault: nobody */
};

enum { KERNEL_SPACES_MAX = 1 << 16 }; /* a space's number is its asid and its key in reverse maps */

/* What may be done when RAM and swap are exhausted, by who knows whose spaces these are. */
struct kernel_rescue {
    /* Ends something and gives its memory back (space_clear()). Result: false: nothing may end but
     * who uses the space that asks, or nothing at all. => leaves the asking space alone */
    bool (*make_room)(void *context, struct space *asking);
    void *context;
};

/* compact.c */
struct compact_state {
    unsigned failures; /* in a row, up to a limit */
    unsigned skip;     /* calls still to refuse */
};

/* collapse.c: where the scan goes on, and what it did so far. */
struct collapse_state {
    uint64_t ran; /* instructions since the last look */
    uint32_t space;
    uint64_t address;
    uint64_t ncollapsed, nscans;
};

/* Where private memory gets pages of 2 MiB (large.h). */
enum large_mode { LARGE_NEVER, LARGE_MADVISE, LARGE_ALWAYS, LARGE_WHOLE };

enum readahead_kind { READAHEAD_NONE, READAHEAD_CLUSTER, READAHEAD_ADAPTIVE };

/* Frames that are not evicted, see reclaim_keep(). */
struct kept {
    pfn_t frames[16]; /* the last ones; PFN_NONE: none */
    unsigned next;    /* where the next one goes */
    bool any;
};

struct kernel {
    struct machine *machine;
    struct frame_table frames;
    struct policy policy;
    struct swapdisk *swap;  /* NULL: none */
    uint64_t swap_lost;     /* slots it has but cannot be written to (swap.c) */
    unsigned swap_failures; /* writes to it in a row that failed */
    enum readahead_kind readahead;
    struct anon **swap_owners; /* by slot: whose private page lies there; NULL: nobody asks */
    struct commit commit;
    struct object_table *objects; /* file objects by device and inode (object_file.c) */
    struct object *all_objects;   /* list of every object, mapped or not (object.c) */
    struct space **spaces;        /* by number; [0] unused */
    uint32_t space_lowest;        /* no number below is free */
    uint32_t spaces_end;          /* above every number that is given */
    enum large_mode large;        /* as in the options */
    struct hugetlb_pool hugetlb[HUGETLB_SIZES];
    struct compact_state compact;
    struct collapse_state collapse;
    pfn_t zero_pfn; /* the shared frame of zeros */
    struct kernel_watch watch;
    struct kernel_listener listener;
    uint64_t map_versions; /* given so far, see struct space */
    uint64_t anons_made;   /* numbers given so far, to anons and to objects */
    uint32_t objects_made;
    uint64_t pages_live; /* pages that exist, in RAM or on disk (see pages_peak) */
    pfn_t squeeze_hand;  /* where swap_squeeze() goes on */
    pfn_t tables_hand;   /* where the search for tables of zeros goes on (reclaim.c) */
    struct system_counters gauges;
    struct kept kept;
    struct kernel_rescue rescue; /* make_room NULL: there is none */
    /* Set when something went wrong that a message must name (damaged slot, I/O error); the run
     * loop prints and clears it. Empty string: nothing. */
    char trouble[256];
};

struct kernel_options {
    const struct policy_ops *policy;
    uint64_t seed;         /* of random choices */
    struct swapdisk *swap; /* NULL: none; becomes the kernel's */
    enum readahead_kind readahead;
    enum commit_mode overcommit;
    enum large_mode large;
    uint64_t nframes; /* of RAM, the pools of huge pages included; 0: what the machine has */
    uint64_t hugepages[HUGETLB_SIZES]; /* in the pools; the machine has the frames up to the end of
                                          their hugetlb_layout() */
};

/* Errors: -EINVAL (a policy that needs the future), -ENOMEM, or those of the policy. On error the
 * swap disk stays the caller's. */
int kernel_create(struct machine *machine, const struct kernel_options *options,
                  struct kernel **out);
/* => all spaces and objects are gone, but those that rest */
void kernel_destroy(struct kernel *kernel);

/* Pages began or ceased to exist. */
void kernel_pages_born(struct kernel *kernel, uint64_t npages);
void kernel_pages_dead(struct kernel *kernel, uint64_t npages);

/* Walks every structure and checks it against the others (frames, reverse maps, page tables, anons,
 * objects, swap slots, policy). For tests and XCHECK; slow. */
bool kernel_is_valid(const struct kernel *kernel);

#endif
