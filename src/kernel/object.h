// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Objects: what a region maps below its private pages. A page of an object is cached in at most one
 * frame, whoever maps it.
 *   file    pages come from and go to a file of the host (object_file.c); one object per inode. It
 *           outlives its last reference: its pages stay cached, idle, until their frames are needed
 *   shared  anonymous shared memory: pages start as zeros and go to swap (object_shared.c)
 *   huge    anonymous shared memory in huge pages of the pool (object_huge.c)
 * A region without an object has zeros below.
 *
 * Invariants: O1  slot FRAME: the frame's kind is FRAME_OBJECT, its owner and index this place
 *             O2  slot SWAP only in a shared object, ABSENT only in a file object
 *             O3  a page of a file that is clean, unmapped and not wired is idle: it is not counted
 *                 as one that exists, and the first to go. (It may also not have been mapped yet.)
 *                 An object without references has idle pages only
 */
#ifndef KERNEL_OBJECT_H
#define KERNEL_OBJECT_H

#include "base/radix.h"
#include "kernel/kernel.h"
#include "kernel/slot.h"

struct object;

struct object_ops {
    const char *kind;
    /* A page has a place of its own on disk (a file): it may be written there and stay resident and
     * clean. Without one it is written only to be evicted, and is dirty whenever resident. */
    bool has_home;
    /* Fills the frame with the page; a swap slot it came from is given back. Counts pages_in
     * (and swap_pages_in) if a disk was read.
     * Result: 0; -EIO, -EBADMSG, other read errors (kernel->trouble names the device); -ERANGE:
     * wholly beyond the end of the file (SIGBUS). Sets *was_read if a disk was read. */
    int (*page_in)(struct kernel *kernel, struct object *object, uint64_t index, slot_t slot,
                   uint8_t *page, bool *was_read);
    /* Writes `npages` neighbouring dirty pages back and says in *slot where the first now is
     * (ABSENT, or a swap slot; the others follow it). Counts pages_out, and swap_pages_out if it
     * is swap. Result: how many were written (> 0), or -errno (-ENOSPC: the swap disk is full).
     * A caller that gets swap slots must evict these pages: the slots are the object's then. */
    int (*page_out)(struct kernel *kernel, struct object *object, uint64_t index, unsigned npages,
                    const uint8_t *const *pages, slot_t *slot);
    /* Makes an idle page hold what page_in would read, without counting it. Result: as page_in. */
    int (*refresh)(struct kernel *kernel, struct object *object, uint64_t index, pfn_t pfn);
    /* Its last reference is gone, its pages are clean: lets go of host resources but the memory of
     * its backing. Result: whether the object is worth keeping until the kind finds it again. NULL:
     * it never is. */
    bool (*rest)(struct kernel *kernel, struct object *object);
    void (*destroy)(struct kernel *kernel, struct object *object); /* host resources only */
};

/* Who wants to know when an object ends: it has no reference any more. */
struct object_watcher {
    void (*ended)(struct object_watcher *watcher);
};

struct object {
    const struct object_ops *ops;
    uint32_t refs;                  /* 0: it rests */
    uint32_t number;                /* its identity */
    struct radix pages;             /* index -> slot_t.bits */
    uint64_t npages;                /* shared, huge: its length, in pages; file: not used */
    uint64_t committed;             /* pages charged to commit */
    bool is_locked;                 /* its pages stay in RAM: each has a wire (SHM_LOCK) */
    struct object_watcher *watcher; /* NULL: nobody */
    void *backing;                  /* the ops' own */
    struct object *next, *prev;     /* in kernel->all_objects */
};

/* A new object without pages, with one reference. For the kinds' own constructors. */
struct object *object_create(struct kernel *kernel, const struct object_ops *ops, void *backing);

/* The frame has the content of a page that is in no other. For those constructors too.
 * => the frame is taken */
void object_insert(struct kernel *kernel, struct object *object, uint64_t index,
                   struct frame *frame);

struct object *object_get(struct object *object);
/* The last reference writes dirty pages back; a file object rests then, any other is freed with its
 * pages. => not mapped then */
void object_put(struct kernel *kernel, struct object *object);
/* Frees an object that rests, with its pages. */
void object_end(struct kernel *kernel, struct object *object);
/* Frees all that rest. */
void object_end_resting(struct kernel *kernel);

/*
 * The frame of a page, brought into RAM if need be and activated. Effect: counts pages_in (and
 * swap_pages_in) if a disk was read. => one frame is reserved if it is not resident
 * Result: 0 and *out; -ERANGE beyond the end; -EIO, -EBADMSG. *was_read: a disk was read.
 */
int object_page(struct kernel *kernel, struct object *object, uint64_t index, struct frame **out,
                bool *was_read);
/* Nobody maps the page's frame: it becomes idle if it is of a file and nothing keeps it. */
void object_page_unmapped(struct kernel *kernel, struct frame *frame);
/* The frame if it is resident, else NULL. */
struct frame *object_resident(const struct kernel *kernel, const struct object *object,
                              uint64_t index);

/* Was the page paged out while somebody had it? */
bool object_is_out(const struct object *object, uint64_t index);

/* How many of its pages are in RAM; those of huge pages as so many. */
uint64_t object_resident_pages(const struct object *object);
/* How many pages of [first, last) are in swap. */
uint64_t object_swapped(const struct object *object, uint64_t first, uint64_t last);

/* Keeps the pages in RAM that are there, and those that come, until it is unlocked. */
void object_set_locked(struct kernel *kernel, struct object *object, bool locked);

/* Writes dirty pages of [first, last) back. Result: 0 or the first error. */
int object_sync(struct kernel *kernel, struct object *object, uint64_t first, uint64_t last);
/* Has the host put what was written to a file on its disk. Result: 0 or -errno. */
int object_flush(struct object *object);
/* Makes pages [first, last) read as zeros from now on, on disk too (MADV_REMOVE).
 * Errors: -EOPNOTSUPP and others of fallocate(2), and nothing is changed. */
int object_punch(struct kernel *kernel, struct object *object, uint64_t first, uint64_t last);
/* Drops cached pages of [first, last), unmapping them everywhere; dirty content is lost. */
void object_drop(struct kernel *kernel, struct object *object, uint64_t first, uint64_t last);
/* Reclaim's half: the page at `index` was written (or is clean) and now lives at `slot`; reclaim
 * then gives its frame back. A clean page of a file: slot_absent(); it is forgotten if it is idle.
 * Pages of a shared object have no copy on the swap disk while resident, so they are always dirty.
 * => the frame is unmapped */
void object_evicted(struct kernel *kernel, struct object *object, uint64_t index, slot_t slot);

/* The page at `index` lies in another frame now, whose owner the object is. => it is resident */
void object_moved(struct object *object, uint64_t index, pfn_t pfn);

/*
 * The object of an open host file, shared by all who map the same inode, with a reference for the
 * caller. Keeps its own descriptor, numbered from 1000; `writable` asks for one that can write back
 * (shared mappings of a file opened for writing) and upgrades an object that could not. Whether the
 * guest's descriptor allows the mapping is the caller's business (fcntl F_GETFL).
 * Result: 0 and *out; for /dev/zero 0 and *out == NULL: it maps zeros, so the caller makes a
 * private mapping without an object, a shared one of object_shared().
 * Errors: -ENODEV not a mappable kind, -EACCES, -EMFILE.
 */
int object_file(struct kernel *kernel, int host_fd, bool writable, struct object **out);
/* Current length of the file in bytes; 0 for other kinds. */
uint64_t object_file_len(const struct object *object);
bool object_is_file(const struct object *object, uint64_t *dev, uint64_t *ino);

/* Coherence of mappings with system calls on the same file. `host_fd` is any descriptor of it; a
 * file nobody maps costs an fstat and one hash lookup. Byte ranges; len UINT64_MAX: to the end.
 * before_read writes dirty pages of the range, so that the host's read sees them. after_write reads
 * the range again into the pages that are resident (also after a hole was punched). after_truncate
 * drops pages beyond the end, private copies too, so that touching them is SIGBUS, and zeroes the
 * rest of the last page. */
int object_before_read(struct kernel *kernel, int host_fd, uint64_t offset, uint64_t len);
void object_after_write(struct kernel *kernel, int host_fd, uint64_t offset, uint64_t len);
void object_after_truncate(struct kernel *kernel, int host_fd, uint64_t new_len);
/* Is any file mapped at all? Lets callers skip the offset look-ups. */
bool object_any_file(const struct kernel *kernel);

/* Shared anonymous memory of `npages`. Errors: -ENOMEM by commit limit. */
int object_shared(struct kernel *kernel, uint64_t npages, bool reserve, struct object **out);

/* The same in huge pages of a pool, for `len` bytes; `reserve`: all are promised to it. Errors:
 * -ENOMEM: the pool has too few. */
int object_huge(struct kernel *kernel, enum hugetlb_size size, uint64_t len, bool reserve,
                struct object **out);
/* Was it made by object_huge()? */
bool object_is_huge(const struct object *object, enum hugetlb_size *size);
/* The first frame of its huge page that begins at page `index`, made if it is absent; PFN_NONE: the
 * pool is empty, or that is beyond its end. => made by object_huge(), index that of a huge page */
pfn_t object_huge_page(struct kernel *kernel, struct object *object, uint64_t index);
/* The same if it is there, else PFN_NONE. */
pfn_t object_huge_resident(const struct object *object, uint64_t index);
/* How many pages its huge pages are that are there. => made by object_huge() */
uint64_t object_huge_pages(const struct object *object);
/* For checks: tells of its huge pages, if it is made of them, and adds what is promised to it. */
void object_huge_list(const struct object *object,
                      void (*note)(void *context, enum hugetlb_size size, pfn_t pfn),
                      uint64_t npromised[HUGETLB_SIZES], void *context);

#endif
