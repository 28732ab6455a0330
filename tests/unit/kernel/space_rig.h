// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A rig with one real space, and short words for what tests of spaces do all the time. P() is an
 * address in pages from a base that is neither at the top nor at the bottom.
 */
#ifndef TESTS_UNIT_KERNEL_SPACE_RIG_H
#define TESTS_UNIT_KERNEL_SPACE_RIG_H

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/fault.h"
#include "kernel/uaccess.h"
#include "rig.h"

enum { R = PROT_MASK_R, W = PROT_MASK_W, X = PROT_MASK_X, RW = PROT_MASK_R | PROT_MASK_W };
#define P(page) (0x100000000 + (uint64_t)(page)*PAGE_SIZE)
#define BYTES(npages) ((uint64_t)(npages)*PAGE_SIZE)

struct fixture {
    struct rig *rig;
    struct kernel *kernel;
    struct space *space;
};

static inline struct fixture fixture_create(struct rig_options options)
{
    struct fixture f = {.rig = rig_create(options)};
    f.kernel = f.rig->kernel;
    assert_int_equal(space_create(f.kernel, &f.space), 0);
    return f;
}

static inline void fixture_check(const struct fixture *f)
{
    assert_true(space_is_valid(f->space));
    assert_true(kernel_is_valid(f->kernel));
}

/* Ends the space; nothing may be left of it. */
static inline void fixture_destroy(struct fixture *f)
{
    fixture_check(f);
    space_put(f->space);
    assert_int_equal(f->kernel->pages_live, 0);
    assert_int_equal(f->kernel->commit.used, 0);
    assert_null(f->kernel->all_objects);
    assert_null(f->kernel->objects);
    if (f->kernel->swap)
        assert_int_equal(swapdisk_used(f->kernel->swap), 0);
    rig_destroy(f->rig);
}

static inline struct space_map_request request(uint64_t addr, uint64_t npages, unsigned prot,
                                               unsigned flags, unsigned region_flags)
{
    return (struct space_map_request){.addr = vaddr(addr),
                                      .len = BYTES(npages),
                                      .prot = prot,
                                      .max_prot = R | W | X,
                                      .flags = flags,
                                      .region_flags = region_flags};
}

/* Anonymous private memory at a fixed place. */
static inline int map_at(struct fixture *f, uint64_t addr, uint64_t npages, unsigned prot,
                         unsigned region_flags)
{
    struct space_map_request r = request(addr, npages, prot, SPACE_MAP_FIXED, region_flags);
    vaddr_t where;
    return space_map(f->space, &r, &where);
}

/* An object at a fixed place; the caller's reference stays the caller's. */
static inline int map_object(struct fixture *f, uint64_t addr, uint64_t npages, unsigned prot,
                             unsigned region_flags, struct object *object, uint64_t index)
{
    struct space_map_request r = request(addr, npages, prot, SPACE_MAP_FIXED, region_flags);
    vaddr_t where;
    r.object = object;
    r.object_page = index;
    return space_map(f->space, &r, &where);
}

static inline int poke(struct fixture *f, uint64_t addr, uint8_t byte)
{
    return uaccess_write(f->space, vaddr(addr), &byte, 1);
}

/* The byte, or -EFAULT. */
static inline int peek(struct fixture *f, uint64_t addr)
{
    uint8_t byte;
    int error = uaccess_read(f->space, &byte, vaddr(addr), 1);
    return error ? error : byte;
}

static inline struct frame *frame_at(struct fixture *f, uint64_t addr)
{
    uint64_t entry = pagetable_entry(f->kernel, &f->space->table, vaddr(addr));
    return entry & 1 ? frame_get(&f->kernel->frames, (pfn_t)((entry & 0xffffffffff000) >> 12))
                     : NULL;
}

/* Evicts the page that is mapped there. */
static inline void evict(struct fixture *f, uint64_t addr)
{
    struct frame *frame = frame_at(f, addr);
    assert_non_null(frame);
    assert_true(reclaim_frame(f->kernel, frame));
}

/* Flips a bit in every slot of the swap file; twice is as never. */
static inline void flip_swap(int fd, unsigned nslots)
{
    for (unsigned i = 0; i < nslots; i++) {
        uint8_t byte = 0;
        off_t offset = (off_t)BYTES(i) + 77;
        assert_true(pread(fd, &byte, 1, offset) >= 0);
        byte ^= 4;
        assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
    }
}

/* A file of `len` bytes, each (i / 4096 * 16 + i % 13) mod 256. */
static inline uint8_t file_byte(uint64_t i)
{
    return (uint8_t)(i / PAGE_SIZE * 16 + i % 13);
}

static inline int make_file(uint64_t len)
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    assert_true(fd >= 0);
    for (uint64_t i = 0; i < len; i++) {
        uint8_t byte = file_byte(i);
        assert_int_equal(pwrite(fd, &byte, 1, (off_t)i), 1);
    }
    return fd;
}

static inline struct object *open_object(struct fixture *f, int fd, bool writable)
{
    struct object *object;
    assert_int_equal(object_file(f->kernel, fd, writable, &object), 0);
    return object;
}

#endif
