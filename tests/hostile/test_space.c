// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Spaces that fork and end, where everything goes wrong that can: every so many times no frames can
 * be reserved, the swap disk is full, cannot be written or cannot be read, the file cannot be
 * written. Free frames are filled with garbage after each step, and all structures are checked.
 * What must hold: a verb succeeds or gives its error, an access gives the byte last stored or a
 * fault, and a page is lost only where a read failed.
 *
 * The failures are put in by the linker (--wrap): __wrap_NAME stands before NAME.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <sys/uio.h>

#include "../unit/kernel/space_rig.h"

enum { PAGES = 120, PROCS = 3, STEPS = 6000 };

enum fate { RESERVE, SWAP_TAKE, SWAP_WRITE, SWAP_READ, FILE_WRITE, FATES };

static struct {
    uint64_t random;
    unsigned percent[FATES];
    uint64_t struck[FATES];
} fates; /* __wrap_ functions have no other way to know */

static uint64_t draw(uint64_t below)
{
    fates.random ^= fates.random << 13;
    fates.random ^= fates.random >> 7;
    fates.random ^= fates.random << 17;
    return (fates.random >> 11) % below;
}

static bool strikes(enum fate fate)
{
    bool strike = draw(100) < fates.percent[fate];
    fates.struck[fate] += strike;
    return strike;
}

int __real_frame_reserve(struct kernel *kernel, unsigned count);
int __wrap_frame_reserve(struct kernel *kernel, unsigned count);
unsigned __real_swapdisk_take(struct swapdisk *disk, unsigned want, swap_slot_t *first);
unsigned __wrap_swapdisk_take(struct swapdisk *disk, unsigned want, swap_slot_t *first);
int __real_swapdisk_write(struct swapdisk *disk, swap_slot_t first, unsigned npages,
                          const uint8_t *const *pages);
int __wrap_swapdisk_write(struct swapdisk *disk, swap_slot_t first, unsigned npages,
                          const uint8_t *const *pages);
int __real_swapdisk_read(struct swapdisk *disk, swap_slot_t slot, uint8_t *page);
int __wrap_swapdisk_read(struct swapdisk *disk, swap_slot_t slot, uint8_t *page);
ssize_t __real_pwritev64(int fd, const struct iovec *iov, int count, off_t offset);
ssize_t __wrap_pwritev64(int fd, const struct iovec *iov, int count, off_t offset);

int __wrap_frame_reserve(struct kernel *kernel, unsigned count)
{
    return strikes(RESERVE) ? -ENOMEM : __real_frame_reserve(kernel, count);
}

unsigned __wrap_swapdisk_take(struct swapdisk *disk, unsigned want, swap_slot_t *first)
{
    return strikes(SWAP_TAKE) ? 0 : __real_swapdisk_take(disk, want, first);
}

int __wrap_swapdisk_write(struct swapdisk *disk, swap_slot_t first, unsigned npages,
                          const uint8_t *const *pages)
{
    return strikes(SWAP_WRITE) ? -EIO : __real_swapdisk_write(disk, first, npages, pages);
}

int __wrap_swapdisk_read(struct swapdisk *disk, swap_slot_t slot, uint8_t *page)
{
    if (!strikes(SWAP_READ))
        return __real_swapdisk_read(disk, slot, page);
    memset(page, 0xee, PAGE_SIZE); /* half-read garbage */
    return draw(2) ? -EBADMSG : -EIO;
}

ssize_t __wrap_pwritev64(int fd, const struct iovec *iov, int count, off_t offset)
{
    /* Mapped files' descriptors are numbered from 1000; the swap disk's is not. */
    if (fd >= 1000 && strikes(FILE_WRITE)) {
        errno = ENOSPC;
        return -1;
    }
    return __real_pwritev64(fd, iov, count, offset);
}

/* ---- the world ---- */

/* What a page holds. The first third is private memory, then shared memory, then a shared file. */
struct cell {
    bool mapped, lost;
    uint32_t value; /* of a private page */
};

struct proc {
    struct space *space; /* NULL: it does not live */
    struct cell cells[PAGES];
};

struct world {
    struct fixture f; /* its space is that of `proc` */
    struct proc procs[PROCS], *proc;
    uint32_t values[PAGES]; /* of shared pages */
    struct object *shared, *file;
    int fd;
    uint64_t lost, forks;
};

static bool is_private(unsigned page)
{
    return page < PAGES / 3;
}

static struct object *object_of(const struct world *w, unsigned page)
{
    return is_private(page) ? NULL : page < 2 * PAGES / 3 ? w->shared : w->file;
}

static uint32_t *value_of(struct world *w, unsigned page)
{
    return is_private(page) ? &w->proc->cells[page].value : &w->values[page];
}

static uint64_t index_of(unsigned page)
{
    return page % (PAGES / 3);
}

static int map_page(struct world *w, unsigned page)
{
    struct object *object = object_of(w, page);
    return object ? map_object(&w->f, P(page), 1, RW, REGION_SHARED, object, index_of(page))
                  : map_at(&w->f, P(page), 1, RW, 0);
}

/* Is the page gone for a reason? A shared page that cannot be read may be read another time. */
static void note_lost(struct world *w, struct cell *cell)
{
    assert_true(fates.struck[SWAP_READ] > 0);
    cell->lost = is_private((unsigned)(cell - w->proc->cells));
    w->lost += cell->lost;
}

static void do_access(struct world *w, unsigned page, enum mmu_access access)
{
    struct cell *cell = &w->proc->cells[page];
    struct fixture *f = &w->f;
    uint64_t reserve_failures = fates.struck[RESERVE];
    uint8_t *host = rig_access(f->rig, f->space, P(page) + 40, access);
    enum fault_result result = FAULT_DONE;
    for (int tries = 0; !host && result == FAULT_DONE; tries++) {
        assert_true(tries < 3);
        result = fault_handle(f->space, vaddr(P(page) + 40), access);
        host = rig_access(f->rig, f->space, P(page) + 40, access);
    }
    if (!cell->mapped)
        assert_int_equal(result, FAULT_SEGV_MAPERR);
    else if (cell->lost)
        assert_true(result == FAULT_BUS_OBJERR || result == FAULT_OOM);
    else if (result == FAULT_BUS_OBJERR)
        note_lost(w, cell);
    else if (result == FAULT_OOM)
        assert_true(fates.struck[RESERVE] > reserve_failures || fates.percent[SWAP_TAKE] > 0 ||
                    fates.percent[SWAP_WRITE] > 0);
    else
        assert_int_equal(result, FAULT_DONE);
    if (result != FAULT_DONE)
        return;
    if (access == MMU_STORE) {
        *value_of(w, page) = (uint32_t)draw(UINT32_MAX);
        memcpy(host, value_of(w, page), sizeof(uint32_t));
    } else {
        assert_memory_equal(host, value_of(w, page), sizeof(uint32_t));
    }
}

static void do_map(struct world *w, unsigned page)
{
    struct cell *cell = &w->proc->cells[page];
    if (cell->mapped && draw(8) > 0)
        return;
    assert_int_equal(map_page(w, page), 0);
    cell->mapped = true;
    if (is_private(page)) {
        cell->value = 0;
        cell->lost = false;
    }
}

static void do_unmap(struct world *w, unsigned page)
{
    unsigned n = 1 + (unsigned)draw(4);
    for (unsigned i = page; i < page + n && i < PAGES; i++)
        w->proc->cells[i].mapped = false;
    assert_int_equal(space_unmap(w->f.space, vaddr(P(page)), BYTES(n)), 0);
}

static void do_drop(struct world *w, unsigned page)
{
    int result = space_advise(w->f.space, vaddr(P(page)), PAGE_SIZE, MADV_DONTNEED);
    assert_int_equal(result, w->proc->cells[page].mapped ? 0 : -ENOMEM);
    if (is_private(page)) {
        w->proc->cells[page].value = 0;
        w->proc->cells[page].lost = false;
    }
}

/* Private pages only: a shared one would show the object's other page. */
static void do_move(struct world *w, unsigned page)
{
    unsigned to = (unsigned)draw(PAGES / 3);
    vaddr_t where;
    if (!is_private(page) || !w->proc->cells[page].mapped || page == to)
        return;
    assert_int_equal(space_remap(w->f.space, vaddr(P(page)), PAGE_SIZE, PAGE_SIZE,
                                 MREMAP_MAYMOVE | MREMAP_FIXED, vaddr(P(to)), &where),
                     0);
    w->proc->cells[to] = w->proc->cells[page];
    w->proc->cells[page].mapped = false;
}

static void do_hint(struct world *w, unsigned page)
{
    static const int advices[] = {MADV_WILLNEED, MADV_PAGEOUT, MADV_COLD};
    space_advise(w->f.space, vaddr(P(page)), BYTES(10), advices[draw(3)]);
}

static void do_protect(struct world *w, unsigned page)
{
    if (!w->proc->cells[page].mapped)
        return;
    assert_int_equal(space_protect(w->f.space, vaddr(P(page)), PAGE_SIZE, 0), 0);
    assert_int_equal(peek(&w->f, P(page)), -EFAULT);
    assert_int_equal(space_protect(w->f.space, vaddr(P(page)), PAGE_SIZE, RW), 0);
}

static void do_sync(struct world *w, unsigned page)
{
    uint64_t failures = fates.struck[FILE_WRITE];
    int result = space_sync(w->f.space, vaddr(P(page)), PAGE_SIZE, MS_SYNC);
    if (w->proc->cells[page].mapped)
        assert_int_equal(result, fates.struck[FILE_WRITE] > failures ? -ENOSPC : 0);
}

static void do_lock(struct world *w, unsigned page)
{
    if (space_lock(w->f.space, vaddr(P(page)), PAGE_SIZE, false) == 0)
        do_access(w, page, MMU_LOAD);
    if (w->proc->cells[page].mapped)
        assert_int_equal(space_unlock(w->f.space, vaddr(P(page)), PAGE_SIZE), 0);
}

static void set_proc(struct world *w, struct proc *proc)
{
    w->proc = proc;
    w->f.space = proc->space;
}

static struct proc *find_proc(struct world *w, bool lives)
{
    unsigned first = (unsigned)draw(PROCS);
    for (unsigned i = 0; i < PROCS; i++) {
        struct proc *proc = &w->procs[(first + i) % PROCS];
        if (proc != w->proc && (proc->space != NULL) == lives)
            return proc;
    }
    return NULL;
}

static void do_fork(struct world *w)
{
    struct proc *child = find_proc(w, false);
    if (!child)
        return;
    assert_int_equal(space_fork(w->f.space, &child->space), 0);
    memcpy(child->cells, w->proc->cells, sizeof(child->cells));
    w->forks++;
}

static void do_end(struct world *w)
{
    struct proc *next = find_proc(w, true);
    if (!next)
        return;
    space_put(w->f.space);
    w->proc->space = NULL;
    set_proc(w, next);
}

static void step(struct world *w)
{
    unsigned page = (unsigned)draw(PAGES);
    switch (draw(60)) {
    case 0:
    case 1:
    case 2:
        do_map(w, page);
        break;
    case 3:
        do_unmap(w, page);
        break;
    case 4:
        do_drop(w, page);
        break;
    case 5:
        do_move(w, page);
        break;
    case 6:
        do_hint(w, page);
        break;
    case 7:
        do_protect(w, page);
        break;
    case 8:
        do_sync(w, page);
        break;
    case 9:
        do_lock(w, page);
        break;
    case 10:
        do_fork(w);
        break;
    case 11:
        if (draw(2))
            do_end(w);
        break;
    default:
        do_access(w, page, draw(2) ? MMU_STORE : MMU_LOAD);
    }
}

static void poison_free_frames(struct world *w)
{
    const struct frame_table *table = &w->f.kernel->frames;
    for (pfn_t pfn = 1; pfn < table->fresh; pfn++)
        if (frame_get(table, pfn)->kind == FRAME_FREE)
            memset(ram_frame(w->f.rig->machine.ram, pfn), 0xdb, PAGE_SIZE);
}

static void run(const unsigned percent[FATES], uint64_t seed, bool is_tight)
{
    /* A tight swap holds all pages only together with RAM. */
    struct world w = {
        .f = fixture_create((struct rig_options){.nslots = is_tight ? PAGES / 2 : 2 * PAGES})};
    memset(&fates, 0, sizeof(fates));
    fates.random = seed * 0x9e3779b97f4a7c15u + 1;
    w.fd = make_file(0);
    assert_int_equal(ftruncate(w.fd, (off_t)BYTES(PAGES / 3)), 0);
    w.file = open_object(&w.f, w.fd, true);
    assert_int_equal(object_shared(w.f.kernel, PAGES / 3, true, &w.shared), 0);
    w.procs[0].space = w.f.space;
    set_proc(&w, &w.procs[0]);
    for (unsigned page = 0; page < PAGES; page++)
        do_map(&w, page);
    memcpy(fates.percent, percent, sizeof(fates.percent));
    for (int i = 0; i < STEPS; i++) {
        struct proc *other = draw(4) ? NULL : find_proc(&w, true);
        if (other)
            set_proc(&w, other);
        step(&w);
        poison_free_frames(&w);
        fixture_check(&w.f);
    }
    for (int i = 0; i < FATES; i++)
        assert_true(percent[i] == 0 || fates.struck[i] > 0);
    memset(&fates.percent, 0, sizeof(fates.percent));
    assert_true(w.forks > 10);
    for (struct proc *left = w.proc; left; left = find_proc(&w, true)) {
        if (left != w.proc)
            do_end(&w);
        for (unsigned page = 0; page < PAGES && !is_tight; page++) /* what is not lost is there */
            do_access(&w, page, MMU_LOAD);
    }
    print_message("seed %" PRIu64 ": %" PRIu64 " forks, %" PRIu64
                  " pages lost to read errors, %" PRIu64 " reserves refused\n",
                  seed, w.forks, w.lost, fates.struck[RESERVE]);
    assert_true(percent[SWAP_READ] > 0 || w.lost == 0);
    object_put(w.f.kernel, w.file);
    object_put(w.f.kernel, w.shared);
    fixture_destroy(&w.f);
    close(w.fd);
}

static void test_frames_cannot_be_reserved(void **state)
{
    static const unsigned percent[FATES] = {[RESERVE] = 20};
    (void)state;
    run(percent, 1, false);
}

static void test_swap_is_full_or_fails_to_write(void **state)
{
    static const unsigned percent[FATES] = {[SWAP_TAKE] = 30, [SWAP_WRITE] = 30};
    (void)state;
    run(percent, 2, false);
}

static void test_swap_fails_to_read(void **state)
{
    static const unsigned percent[FATES] = {[SWAP_READ] = 3};
    (void)state;
    run(percent, 3, false);
}

static void test_the_file_fails_to_write(void **state)
{
    static const unsigned percent[FATES] = {[FILE_WRITE] = 50};
    (void)state;
    run(percent, 4, false);
}

static void test_all_at_once(void **state)
{
    static const unsigned percent[FATES] = {10, 10, 10, 2, 20};
    (void)state;
    run(percent, 5, false);
    run(percent, 6, true);
}

static void test_ram_and_swap_are_nearly_full(void **state)
{
    static const unsigned percent[FATES] = {[SWAP_WRITE] = 1};
    (void)state;
    run(percent, 7, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_cannot_be_reserved),
        cmocka_unit_test(test_swap_is_full_or_fails_to_write),
        cmocka_unit_test(test_swap_fails_to_read),
        cmocka_unit_test(test_the_file_fails_to_write),
        cmocka_unit_test(test_all_at_once),
        cmocka_unit_test(test_ram_and_swap_are_nearly_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
