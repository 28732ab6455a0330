// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Objects: what a region maps below its private pages. A page of an object is cached in at most one
 * frame, whoever maps it.
 *   file    pages come from and go to a file of the host (object_file.c); one object per inode
 *   shared  anonymous shared memory: pages start as zeros and go to swap (object_shared.c)
 * A region without an object has zeros below.
 *
 * Invariants: O1  slot FRAME: the frame's kind is FRAME_OBJECT, its owner and index this place
 *             O2  slot SWAP only in a shared object, ABSENT only in a file object
 */
#ifndef KERNEL_OBJECT_H
#define KERNEL_OBJECT_H

#include "base/radix.h"
#include "kernel/kernel.h"
#include "kernel/slot.h"

struct object;

struct object_ops {
    const char *kind;
    /* Fills the frame with the page. Result: 0; -EIO, -EBADMSG; -ERANGE: wholly beyond the end of
     * the file (SIGBUS). Sets *was_read if a disk was read. */
    int (*page_in)(struct kernel *kernel, struct object *object, uint64_t index, slot_t slot,
                   uint8_t *page, bool *was_read);
    /* Writes `npages` neighbouring dirty pages back and says in *slot where the first now is
     * (ABSENT, or a swap slot; the others follow it). Result: how many were written (> 0), or
     * -errno. */
    int (*page_out)(struct kernel *kernel, struct object *object, uint64_t index, unsigned npages,
                    const uint8_t *const *pages, slot_t *slot);
    void (*destroy)(struct kernel *kernel, struct object *object); /* host resources only */
};

struct object {
    const struct object_ops *ops;
    uint32_t refs;
    struct radix pages; /* index -> slot_t.bits */
    uint64_t npages;    /* shared: its length, in pages; file: not used */
    uint64_t committed; /* pages charged to commit */
    void *backing;      /* the ops' own */
};

struct object *object_get(struct object *object);
/* The last reference writes dirty pages back and frees everything. => not mapped then */
void object_put(struct kernel *kernel, struct object *object);

/*
 * The frame of a page, brought into RAM if need be. => one frame reserved
 * Result: 0 and *out; -ERANGE beyond the end; -EIO, -EBADMSG. *was_read: a disk was read.
 */
int object_page(struct kernel *kernel, struct object *object, uint64_t index, struct frame **out,
                bool *was_read);
/* The frame if it is resident, else NULL. */
struct frame *object_resident(const struct kernel *kernel, const struct object *object,
                              uint64_t index);

/* Writes dirty pages of [first, last) back. Result: 0 or the first error. */
int object_sync(struct kernel *kernel, struct object *object, uint64_t first, uint64_t last);
/* Drops cached pages of [first, last), unmapping them everywhere; dirty content is lost. */
void object_drop(struct kernel *kernel, struct object *object, uint64_t first, uint64_t last);
/* Reclaim's half: the page at `index` was written (or is clean) and now lives at `slot`. */
void object_evicted(struct kernel *kernel, struct object *object, uint64_t index, slot_t slot);

/*
 * The object of an open host file, shared by all who map the same inode. Keeps its own descriptor;
 * `writable` asks for one that can write back. Errors: -ENODEV not a mappable kind, -EACCES,
 * -EMFILE.
 */
int object_file(struct kernel *kernel, int host_fd, bool writable, struct object **out);
/* Current length of the file in bytes; 0 for other kinds. */
uint64_t object_file_len(const struct object *object);
bool object_is_file(const struct object *object, uint64_t *dev, uint64_t *ino);

/* Coherence of mappings with system calls on the same file. `host_fd` is any descriptor of it; a
 * file nobody maps costs one hash lookup. Byte ranges; len UINT64_MAX: to the end. */
int object_before_read(struct kernel *kernel, int host_fd, uint64_t offset, uint64_t len);
void object_after_write(struct kernel *kernel, int host_fd, uint64_t offset, uint64_t len);
void object_after_truncate(struct kernel *kernel, int host_fd, uint64_t new_len);
/* Is any file mapped at all? Lets callers skip the offset look-ups. */
bool object_any_file(const struct kernel *kernel);

/* Shared anonymous memory of `npages`. Errors: -ENOMEM by commit limit. */
int object_shared(struct kernel *kernel, uint64_t npages, bool reserve, struct object **out);

#endif
