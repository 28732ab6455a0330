// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Copying to and from a guest, a page at a time: translate as the processor would (accessed and
 * dirty bits included), have a failed translation's fault served, try again. The TLB is not asked
 * and not counted: these are the kernel's accesses, not the program's.
 */
#include "kernel/uaccess.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "kernel/fault.h"

/* Does the range lie in user space? */
static bool range_is_user(vaddr_t va, size_t len)
{
    return va.v < SPACE_END && len <= SPACE_END - va.v;
}

/* Bytes from va to the end of its page, at most len. */
static size_t chunk_len(vaddr_t va, size_t len)
{
    size_t rest = PAGE_SIZE - (va.v & PAGE_MASK);
    return rest < len ? rest : len;
}

static bool translate(struct space *space, vaddr_t va, enum mmu_access access,
                      struct mmu_leaf *leaf)
{
    return space->table.root.table != PFN_NONE &&
           mmu_translate(space->kernel->machine->ram, space->table.root, va, access, leaf);
}

static bool serve(struct space *space, vaddr_t va, enum mmu_access access)
{
    enum fault_result result = fault_handle(space, va, access);
    if (result == FAULT_WANTED) {
        space->wanted = va;
        space->wanted_for_store = access == MMU_STORE;
    }
    return result == FAULT_DONE;
}

/* The host address of a guest byte; NULL: the access is not allowed or its page cannot be had.
 * => good until the next call that may evict */
static uint8_t *guest_byte(struct space *space, vaddr_t va, enum mmu_access access)
{
    struct ram *ram = space->kernel->machine->ram;
    struct mmu_leaf leaf;
    if (!translate(space, va, access, &leaf)) {
        if (!serve(space, va, access))
            return NULL;
        bool is_mapped = translate(space, va, access, &leaf);
        CHECK(is_mapped); /* a served fault leaves the page mapped for the access */
    }
    if (access == MMU_STORE)
        ram_changed(ram, paddr_pfn(leaf.pa));
    frame_touch(space->kernel, paddr_pfn(leaf.pa));
    if (space->kernel->watch.access)
        space->kernel->watch.access(space->kernel->watch.context, space->number, va, access);
    return ram_at(ram, leaf.pa);
}

int uaccess_read(struct space *space, void *dst, vaddr_t src, size_t len)
{
    if (len > 0 && !range_is_user(src, len))
        return -EFAULT;
    uint8_t *to = dst;
    for (size_t n; len > 0; len -= n, to += n, src.v += n) {
        n = chunk_len(src, len);
        const uint8_t *from = guest_byte(space, src, MMU_LOAD);
        if (!from)
            return -EFAULT;
        memcpy(to, from, n);
    }
    return 0;
}

int uaccess_write(struct space *space, vaddr_t dst, const void *src, size_t len)
{
    if (len > 0 && !range_is_user(dst, len))
        return -EFAULT;
    const uint8_t *from = src;
    for (size_t n; len > 0; len -= n, from += n, dst.v += n) {
        n = chunk_len(dst, len);
        uint8_t *to = guest_byte(space, dst, MMU_STORE);
        if (!to)
            return -EFAULT;
        memcpy(to, from, n);
    }
    return 0;
}

/* The host address of a guest byte that the guest itself need not be able to store to. */
static uint8_t *forced_byte(struct space *space, vaddr_t va)
{
    struct kernel *kernel = space->kernel;
    struct mmu_leaf leaf;
    if (translate(space, va, MMU_STORE, &leaf))
        return guest_byte(space, va, MMU_STORE);
    if (fault_force(space, va) != FAULT_DONE)
        return NULL;
    bool is_mapped = translate(space, va, MMU_LOAD, &leaf);
    CHECK(is_mapped);
    if (!frame_is_set_aside(&kernel->frames, paddr_pfn(leaf.pa)))
        frame_get(&kernel->frames, paddr_pfn(leaf.pa))->flags |= FRAME_DIRTY;
    ram_changed(kernel->machine->ram, paddr_pfn(leaf.pa));
    return ram_at(kernel->machine->ram, leaf.pa);
}

int uaccess_force_write(struct space *space, vaddr_t dst, const void *src, size_t len)
{
    if (len > 0 && !range_is_user(dst, len))
        return -EFAULT;
    const uint8_t *from = src;
    for (size_t n; len > 0; len -= n, from += n, dst.v += n) {
        n = chunk_len(dst, len);
        uint8_t *to = forced_byte(space, dst);
        if (!to)
            return -EFAULT;
        memcpy(to, from, n);
    }
    return 0;
}

int uaccess_zero(struct space *space, vaddr_t dst, size_t len)
{
    if (len > 0 && !range_is_user(dst, len))
        return -EFAULT;
    for (size_t n; len > 0; len -= n, dst.v += n) {
        n = chunk_len(dst, len);
        uint8_t *to = guest_byte(space, dst, MMU_STORE);
        if (!to)
            return -EFAULT;
        memset(to, 0, n);
    }
    return 0;
}

size_t uaccess_probe(struct space *space, vaddr_t addr, size_t len, enum mmu_access access)
{
    size_t done = 0;
    if (addr.v >= SPACE_END)
        return 0;
    if (len > SPACE_END - addr.v)
        len = SPACE_END - addr.v;
    while (done < len) {
        vaddr_t va = vaddr(addr.v + done);
        if (!guest_byte(space, va, access))
            return space->wanted.v == va.v ? 0 : done;
        done += chunk_len(va, len - done);
    }
    return done;
}

int64_t uaccess_read_string(struct space *space, char *dst, vaddr_t src, size_t size)
{
    for (size_t done = 0; done < size;) {
        vaddr_t va = vaddr(src.v + done);
        if (!range_is_user(va, 1))
            return -EFAULT;
        size_t n = chunk_len(va, size - done);
        if (n > SPACE_END - va.v)
            n = SPACE_END - va.v;
        const uint8_t *from = guest_byte(space, va, MMU_LOAD);
        if (!from)
            return -EFAULT;
        const uint8_t *nul = memchr(from, 0, n);
        memcpy(dst + done, from, nul ? (size_t)(nul - from) + 1 : n);
        if (nul)
            return (int64_t)(done + (size_t)(nul - from));
        done += n;
    }
    return -ENAMETOOLONG;
}
