// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reclaim on the smallest RAM there is, with real swap files: what must hold is that no page is
 * ever lost or mixed up, that RAM and swap can be filled to the last place, and that a disk that
 * fails costs no data.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/swap.h"
#include "machine/pte.h"
#include "rig.h"

#define BASE ((uint64_t)0x10000000)

static uint64_t page_at(uint64_t i)
{
    return BASE + i * PAGE_SIZE;
}

static void store(struct rig *rig, struct space *space, uint64_t va, uint64_t value)
{
    uint8_t *byte;
    assert_int_equal(rig_touch(rig, space, va, MMU_STORE, &byte), 0);
    memcpy(byte, &value, sizeof(value));
    memcpy(byte + PAGE_SIZE - sizeof(value), &value, sizeof(value));
}

static void expect(struct rig *rig, struct space *space, uint64_t va, uint64_t value)
{
    uint8_t *byte;
    assert_int_equal(rig_touch(rig, space, va, MMU_LOAD, &byte), 0);
    assert_memory_equal(byte, &value, sizeof(value));
    assert_memory_equal(byte + PAGE_SIZE - sizeof(value), &value, sizeof(value));
}

static struct frame *frame_at(struct rig *rig, struct space *space, uint64_t va)
{
    struct anon *anon = amap_find(&space->amap, va >> PAGE_SHIFT);
    return anon && anon_is_resident(anon) ? frame_get(&rig->kernel->frames, slot_pfn(anon->slot))
                                          : NULL;
}

/* ---- paging works ---- */

static void memory_may_be_larger_than_ram(void **state)
{
    for (const struct policy_ops *const *ops = policy_all(); *ops; ops++) {
        if ((*ops)->needs_future)
            continue;
        struct rig *rig = rig_create((struct rig_options){.nslots = 1000, .policy = (*ops)->name});
        struct space *space = rig_space(rig, 1);
        uint64_t values[500];
        for (uint64_t i = 0; i < 500; i++)
            store(rig, space, page_at(i), values[i] = i + 1);
        assert_int_equal(rig->kernel->pages_live, 500);
        srand(1);
        for (unsigned step = 0; step < 5000; step++) {
            uint64_t i = (uint64_t)rand() % 500;
            if (rand() % 3 == 0)
                store(rig, space, page_at(i), values[i] = (uint64_t)step << 32 | i);
            else
                expect(rig, space, page_at(i), values[i]);
            if (step % 100 == 0)
                assert_true(kernel_is_valid(rig->kernel));
        }
        assert_true(rig->counters.swap_pages_in > 0);
        assert_true(rig->counters.swap_pages_out > 0);
        assert_true(rig->counters.reclaims >= rig->counters.swap_pages_out);
        assert_int_equal(rig->counters.pages_in, rig->counters.swap_pages_in);
        assert_true(rig->kernel->gauges.swap_peak >= 500 - RAM_FRAMES_MIN);
        rig_space_end(rig, space);
        assert_int_equal(swapdisk_used(rig->kernel->swap), 0);
        assert_int_equal(rig->kernel->pages_live, 0);
        assert_true(kernel_is_valid(rig->kernel));
        rig_destroy(rig);
    }
}

static void sparse_pages_make_progress_although_tables_take_most(void **state)
{
    struct rig *rig = rig_create((struct rig_options){.nslots = 1000});
    struct space *space = rig_space(rig, 1);
    for (unsigned round = 0; round < 3; round++) {
        for (uint64_t i = 0; i < 200; i++) {
            uint64_t va =
                i << 39 | i << 30 | i << 21 | i << 12; /* tables of its own at each level */
            if (round == 0)
                store(rig, space, va, i + 1);
            else
                expect(rig, space, va, i + 1);
        }
    }
    assert_true(kernel_is_valid(rig->kernel));
    rig_space_end(rig, space);
    assert_int_equal(rig->kernel->frames.ntables, 0);
    rig_destroy(rig);
}

static void spaces_share_one_ram(void **state)
{
    struct rig *rig = rig_create((struct rig_options){.nslots = 1000});
    struct space *spaces[4];
    for (unsigned i = 0; i < 4; i++)
        spaces[i] = rig_space(rig, (uint16_t)(100 * i + 1));
    for (uint64_t i = 0; i < 100; i++)
        for (unsigned s = 0; s < 4; s++)
            store(rig, spaces[s], page_at(i), i << 8 | s);
    for (uint64_t i = 0; i < 100; i++)
        for (unsigned s = 0; s < 4; s++)
            expect(rig, spaces[s], page_at(i), i << 8 | s);
    assert_true(kernel_is_valid(rig->kernel));
    for (unsigned i = 0; i < 4; i++)
        rig_space_end(rig, spaces[i]);
    assert_int_equal(rig->counters.tlb_flushes > 0, true);
    rig_destroy(rig);
}

static void clean_pages_are_not_written_again(void **state)
{
    struct rig *rig = rig_create((struct rig_options){.nslots = 1000});
    struct space *space = rig_space(rig, 1);
    for (uint64_t i = 0; i < 200; i++)
        store(rig, space, page_at(i), i);
    for (uint64_t i = 0; i < 200; i++)
        expect(rig, space, page_at(i), i); /* afterwards all were written once */
    uint64_t written = rig->counters.pages_out;
    for (unsigned round = 0; round < 5; round++)
        for (uint64_t i = 0; i < 200; i++)
            expect(rig, space, page_at(i), i);
    assert_true(rig->counters.pages_out <= 200);
    assert_true(rig->counters.pages_out - written <= RAM_FRAMES_MIN);
    rig_space_end(rig, space);
    rig_destroy(rig);
}

static void neighbours_go_to_neighbouring_slots(void **state)
{
    struct rig *rig = rig_create((struct rig_options){.nslots = 4096, .nframes = 2048});
    struct space *space = rig_space(rig, 1);
    for (uint64_t i = 0; i < 3000; i++)
        store(rig, space, page_at(i ^ 5), i); /* not in order, yet near each other */
    unsigned pairs = 0, together = 0;
    for (uint64_t i = 0; i + 1 < 3000; i++) {
        struct anon *a = amap_find(&space->amap, page_at(i) >> PAGE_SHIFT);
        struct anon *b = amap_find(&space->amap, page_at(i + 1) >> PAGE_SHIFT);
        if (slot_kind(a->slot) == SLOT_SWAP && slot_kind(b->slot) == SLOT_SWAP) {
            pairs++;
            together += slot_swap_slot(b->slot) == slot_swap_slot(a->slot) + 1;
        }
    }
    assert_true(pairs > 900);
    assert_true(together * 10 >= pairs * 8);
    rig_space_end(rig, space);
    rig_destroy(rig);
}

/* A page that never leaves the TLB is the one used last, though nothing has said so yet. */
static void lru_asks_the_tlb_before_it_chooses(void **state)
{
    struct rig *rig = rig_create((struct rig_options){.nslots = 1000, .policy = "lru"});
    struct space *space = rig_space(rig, 1);
    for (uint64_t i = 0; i < 40; i++)
        store(rig, space, page_at(i), i);
    assert_non_null(rig_access(rig, space, page_at(0), MMU_LOAD));
    assert_int_equal(frame_reserve(rig->kernel, 40), 0);
    frame_unreserve(rig->kernel);
    assert_non_null(frame_at(rig, space, page_at(0)));
    for (uint64_t i = 1; i < 15; i++)
        assert_null(frame_at(rig, space, page_at(i)));
    rig_space_end(rig, space);
    rig_destroy(rig);
}

/* ---- what must not go ---- */

static void wired_frames_stay(void **state)
{
    struct rig *rig = rig_create((struct rig_options){.nslots = 1000});
    struct space *space = rig_space(rig, 1);
    struct frame *wired[10];
    for (uint64_t i = 0; i < 10; i++) {
        store(rig, space, page_at(i), i);
        wired[i] = frame_at(rig, space, page_at(i));
        frame_wire(rig->kernel, wired[i]);
        assert_false(reclaim_frame(rig->kernel, wired[i]));
    }
    for (uint64_t i = 10; i < 300; i++)
        store(rig, space, page_at(i), i);
    for (uint64_t i = 0; i < 10; i++) {
        assert_ptr_equal(frame_at(rig, space, page_at(i)), wired[i]);
        frame_unwire(rig->kernel, wired[i]);
    }
    rig_space_end(rig, space);
    rig_destroy(rig);
}

static void reserve_keeps_its_promise_or_refuses(void **state)
{
    struct rig *rig = rig_create((struct rig_options){.nslots = 1000});
    struct space *space = rig_space(rig, 1);
    for (uint64_t i = 0; i < 100; i++)
        store(rig, space, page_at(i), i);
    assert_int_equal(frame_reserve(rig->kernel, 30), 0);
    assert_true(rig->kernel->frames.nfree >= 30);
    assert_int_equal(rig->kernel->frames.reserved, 30);
    frame_unreserve(rig->kernel);
    assert_int_equal(rig->kernel->frames.reserved, 0);
    assert_int_equal(frame_reserve(rig->kernel, RAM_FRAMES_MIN), -ENOMEM);
    assert_int_equal(rig->kernel->frames.reserved, 0);
    for (uint64_t i = 0; i < 100; i++)
        expect(rig, space, page_at(i), i);
    rig_space_end(rig, space);
    rig_destroy(rig);
}

static void reclaim_of_one_frame(void **state)
{
    struct rig *rig = rig_create((struct rig_options){.nslots = 1000});
    struct space *space = rig_space(rig, 1);
    store(rig, space, page_at(0), 77);
    struct frame *frame = frame_at(rig, space, page_at(0));
    assert_true(reclaim_frame(rig->kernel, frame));
    assert_null(frame_at(rig, space, page_at(0)));
    assert_int_equal(frame->kind, FRAME_FREE);
    assert_int_equal(space->table.npresent, 0);
    assert_true(kernel_is_valid(rig->kernel));
    assert_false(reclaim_frame(rig->kernel, frame));
    expect(rig, space, page_at(0), 77);
    rig_space_end(rig, space);
    rig_destroy(rig);
}

/* ---- no place left ---- */

/* Stores to new pages until it is refused. Result: how many pages there are. */
static uint64_t fill(struct rig *rig, struct space *space)
{
    uint64_t i = 0;
    uint8_t *byte;
    while (rig_touch(rig, space, page_at(i), MMU_STORE, &byte) == 0) {
        memcpy(byte, &i, sizeof(i));
        memcpy(byte + PAGE_SIZE - sizeof(i), &i, sizeof(i));
        i++;
    }
    return i;
}

static void without_swap_ram_is_the_limit(void **state)
{
    struct rig *rig = rig_create((struct rig_options){0});
    struct space *space = rig_space(rig, 1);
    uint64_t npages = fill(rig, space);
    assert_in_range(npages, RAM_FRAMES_MIN - 16, RAM_FRAMES_MIN);
    assert_non_null(strstr(rig->kernel->trouble, "no swap"));
    for (uint64_t i = 0; i < npages; i++)
        expect(rig, space, page_at(i), i);
    assert_true(kernel_is_valid(rig->kernel));
    rig_space_end(rig, space);
    rig_destroy(rig);
}

static void ram_and_swap_can_be_filled_to_the_last_slot(void **state)
{
    struct rig *rig = rig_create((struct rig_options){.nslots = 50});
    struct space *space = rig_space(rig, 1);
    uint64_t npages = fill(rig, space);
    assert_int_equal(swapdisk_used(rig->kernel->swap), 50);
    assert_in_range(npages, RAM_FRAMES_MIN - 16 + 50, RAM_FRAMES_MIN + 50);
    assert_non_null(strstr(rig->kernel->trouble, "50 of 50"));
    assert_true(kernel_is_valid(rig->kernel));
    rig_space_end(rig, space);
    assert_int_equal(swapdisk_used(rig->kernel->swap), 0);
    rig_destroy(rig);
}

/* Pages that are only read keep their slots; they must give them up when others need them. */
static void clean_copies_make_room_when_swap_is_full(void **state)
{
    struct rig *rig = rig_create((struct rig_options){.nslots = 60});
    struct space *space = rig_space(rig, 1);
    enum { NPAGES = RAM_FRAMES_MIN + 60 - 20 };
    uint64_t values[NPAGES];
    for (uint64_t i = 0; i < NPAGES; i++)
        store(rig, space, page_at(i), values[i] = i);
    srand(2);
    for (unsigned step = 0; step < 3000; step++) {
        uint64_t i = (uint64_t)rand() % NPAGES;
        if (step % 7 == 0)
            store(rig, space, page_at(i), values[i] = step * 1000 + i);
        else
            expect(rig, space, page_at(i), values[i]);
        if (step % 50 == 0)
            assert_true(kernel_is_valid(rig->kernel));
    }
    assert_int_equal(rig->kernel->gauges.swap_peak, 60);
    rig_space_end(rig, space);
    rig_destroy(rig);
}

/* Else the slots of pages that cannot leave would be lost to all others. */
static void wired_pages_give_up_their_copies_too(void **state)
{
    struct rig *rig = rig_create((struct rig_options){.nslots = 50});
    struct space *space = rig_space(rig, 1);
    for (uint64_t i = 0; i < 100; i++)
        store(rig, space, page_at(i), i);
    for (uint64_t i = 0; i < 10; i++) {
        expect(rig, space, page_at(i), i);
        assert_int_not_equal(frame_at(rig, space, page_at(i))->index, SWAP_NONE);
        frame_wire(rig->kernel, frame_at(rig, space, page_at(i)));
    }
    uint64_t npages = 100;
    for (uint8_t *byte; rig_touch(rig, space, page_at(npages), MMU_STORE, &byte) == 0;)
        npages++;
    assert_in_range(npages, RAM_FRAMES_MIN - 16 + 50, RAM_FRAMES_MIN + 50);
    assert_true(kernel_is_valid(rig->kernel));
    for (uint64_t i = 0; i < 10; i++) {
        assert_int_equal(frame_at(rig, space, page_at(i))->index, SWAP_NONE);
        frame_unwire(rig->kernel, frame_at(rig, space, page_at(i)));
    }
    rig_space_end(rig, space);
    rig_destroy(rig);
}

static void squeezing_gives_back_copies_only(void **state)
{
    struct rig *rig = rig_create((struct rig_options){.nslots = 200});
    struct space *space = rig_space(rig, 1);
    for (uint64_t i = 0; i < 150; i++)
        store(rig, space, page_at(i), i);
    for (uint64_t i = 0; i < 20; i++)
        expect(rig, space, page_at(i), i);
    uint64_t used = swapdisk_used(rig->kernel->swap);
    assert_int_equal(swap_squeeze(rig->kernel, 5), 5);
    assert_int_equal(swapdisk_used(rig->kernel->swap), used - 5);
    assert_in_range(swap_squeeze(rig->kernel, 1000), 10, 100);
    assert_int_equal(swap_squeeze(rig->kernel, 1000), 0);
    assert_true(kernel_is_valid(rig->kernel));
    for (uint64_t i = 0; i < 150; i++)
        expect(rig, space, page_at(i), i);
    rig_space_end(rig, space);
    rig_destroy(rig);
}

/* ---- the frame of zeros ---- */

static int map_zeros(struct rig *rig, struct space *space, uint64_t va)
{
    int error = frame_reserve(rig->kernel, PAGETABLE_FRAMES_MAX);
    if (error)
        return error;
    pagetable_map(rig->kernel, &space->table, vaddr(va),
                  frame_get(&rig->kernel->frames, rig->kernel->zero_pfn), PROT_MASK_R);
    frame_unreserve(rig->kernel);
    return 0;
}

static void reading_zeros_far_apart_needs_no_more_than_ram(void **state)
{
    struct rig *rig = rig_create((struct rig_options){0});
    struct space *space = rig_space(rig, 1);
    store(rig, space, page_at(0), 5);
    for (uint64_t i = 0; i < 5000; i++)
        assert_int_equal(map_zeros(rig, space, i << 21 | (uint64_t)1 << 40), 0);
    expect(rig, space, page_at(0), 5);
    /* No swap, so the one page never left: tables of zeros did. */
    assert_int_equal(rig->counters.reclaims, 0);
    assert_true(kernel_is_valid(rig->kernel));
    rig_space_end(rig, space);
    assert_int_equal(frame_get(&rig->kernel->frames, rig->kernel->zero_pfn)->nmaps, 0);
    rig_destroy(rig);
}

/* They serve nobody but reads of zeros, so pages in use do not make way for them. */
static void tables_of_zeros_do_not_drive_pages_out(void **state)
{
    struct rig *rig = rig_create((struct rig_options){.nslots = 100});
    struct space *space = rig_space(rig, 1);
    for (uint64_t i = 0; i < 10; i++)
        store(rig, space, page_at(i), i);
    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal(map_zeros(rig, space, i << 21 | (uint64_t)1 << 40), 0);
    assert_int_equal(rig->counters.reclaims, 0);
    rig_space_end(rig, space);
    rig_destroy(rig);
}

/* Few tables of zeros are left alone while pages can go, but not when nothing else can. */
static void tables_of_zeros_go_before_memory_runs_out(void **state)
{
    struct rig *rig = rig_create((struct rig_options){0});
    struct space *space = rig_space(rig, 1);
    for (uint64_t i = 0; i < 8; i++)
        assert_int_equal(map_zeros(rig, space, (uint64_t)i << 21 | (uint64_t)1 << 30), 0);
    uint64_t npages = fill(rig, space);
    assert_int_equal(rig->kernel->frames.nzero_tables, 0);
    assert_in_range(npages, RAM_FRAMES_MIN - 16, RAM_FRAMES_MIN);
    rig_space_end(rig, space);
    rig_destroy(rig);
}

/* ---- disks that fail ---- */

static char swap_path[] = "/tmp/pagewalk-test-swap-XXXXXX";

static struct rig *rig_on_file(uint64_t nslots)
{
    strcpy(swap_path + strlen(swap_path) - 6, "XXXXXX");
    int fd = mkstemp(swap_path);
    assert_true(fd >= 0);
    close(fd);
    return rig_create((struct rig_options){.nslots = nslots, .path = swap_path});
}

static void rig_on_file_end(struct rig *rig)
{
    rig_destroy(rig);
    unlink(swap_path);
}

/* From here on writes to files beyond `bytes` fail with EFBIG. */
static void limit_writes(rlim_t bytes)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_disk_that_cannot_be_written_costs_no_page(void **state)
{
    struct rig *rig = rig_on_file(1000);
    struct space *space = rig_space(rig, 1);
    limit_writes(0);
    uint64_t npages = fill(rig, space);
    limit_writes(RLIM_INFINITY);
    assert_in_range(npages, RAM_FRAMES_MIN - 16, RAM_FRAMES_MIN);
    assert_non_null(strstr(rig->kernel->trouble, swap_path));
    assert_non_null(strstr(rig->kernel->trouble, strerror(EFBIG)));
    assert_int_equal(swapdisk_used(rig->kernel->swap), 0);
    assert_int_equal(rig->counters.pages_out, 0);
    assert_true(kernel_is_valid(rig->kernel));
    for (uint64_t i = 0; i < npages; i++)
        expect(rig, space, page_at(i), i);
    for (uint64_t i = npages; i < 300; i++) /* the disk works again */
        store(rig, space, page_at(i), i);
    for (uint64_t i = 0; i < 300; i++)
        expect(rig, space, page_at(i), i);
    rig_space_end(rig, space);
    rig_on_file_end(rig);
}

static void a_disk_that_fills_up_is_used_as_far_as_it_goes(void **state)
{
    struct rig *rig = rig_on_file(1000);
    struct space *space = rig_space(rig, 1);
    limit_writes(100 * PAGE_SIZE);
    uint64_t npages = fill(rig, space);
    assert_in_range(npages, RAM_FRAMES_MIN - 16 + 100, RAM_FRAMES_MIN + 100);
    assert_int_equal(swapdisk_used(rig->kernel->swap), 100);
    assert_true(kernel_is_valid(rig->kernel));
    limit_writes(RLIM_INFINITY);
    for (uint64_t i = 0; i < npages; i++)
        expect(rig, space, page_at(i), i);
    rig_space_end(rig, space);
    rig_on_file_end(rig);
}

static void a_damaged_slot_is_reported_and_its_neighbours_live(void **state)
{
    struct rig *rig = rig_on_file(1000);
    struct space *space = rig_space(rig, 1);
    uint8_t *byte, bad = 0x5a;
    for (uint64_t i = 0; i < 200; i++)
        store(rig, space, page_at(i), i);
    struct anon *anon = amap_find(&space->amap, page_at(0) >> PAGE_SHIFT);
    assert_int_equal(slot_kind(anon->slot), SLOT_SWAP);
    swap_slot_t slot = slot_swap_slot(anon->slot);
    int fd = open(swap_path, O_WRONLY);
    assert_int_equal(pwrite(fd, &bad, 1, (off_t)(slot - 1) * PAGE_SIZE + 100), 1);
    close(fd);
    assert_int_equal(rig_touch(rig, space, page_at(0), MMU_LOAD, &byte), -EBADMSG);
    char expected[32];
    snprintf(expected, sizeof(expected), "slot %u", slot);
    assert_non_null(strstr(rig->kernel->trouble, expected));
    assert_non_null(strstr(rig->kernel->trouble, swap_path));
    assert_non_null(strstr(rig->kernel->trouble, "damaged"));
    for (uint64_t i = 1; i < 200; i++)
        expect(rig, space, page_at(i), i);
    assert_true(kernel_is_valid(rig->kernel));
    rig_space_end(rig, space);
    rig_on_file_end(rig);
}

static void taking_a_slot_of_a_full_device_squeezes(void **state)
{
    struct rig *rig = rig_create((struct rig_options){.nslots = 100});
    struct space *space = rig_space(rig, 1);
    for (uint64_t i = 0; i < 100; i++)
        store(rig, space, page_at(i), i);
    expect(rig, space, page_at(0), 0);
    swap_slot_t slot, last = SWAP_NONE;
    while (swap_free(rig->kernel) > 0)
        assert_int_equal(swapdisk_take(rig->kernel->swap, 1, &last), 1);
    assert_int_not_equal(frame_at(rig, space, page_at(0))->index, SWAP_NONE);
    assert_int_equal(swap_take(rig->kernel, 1, &slot), 1);
    assert_int_equal(frame_at(rig, space, page_at(0))->index, SWAP_NONE);
    while (swap_squeeze(rig->kernel, 1) > 0 || swap_free(rig->kernel) > 0)
        swapdisk_take(rig->kernel->swap, 1, &last);
    assert_int_equal(swap_take(rig->kernel, 1, &slot), 0);
    expect(rig, space, page_at(0), 0);
    rig_space_end(rig, space);
    rig_destroy(rig);
}

static void without_a_swap_disk_there_are_no_slots(void **state)
{
    struct rig *rig = rig_create((struct rig_options){0});
    swap_slot_t slot;
    assert_int_equal(swap_free(rig->kernel), 0);
    assert_int_equal(swap_take(rig->kernel, 1, &slot), 0);
    rig_destroy(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_may_be_larger_than_ram),
        cmocka_unit_test(sparse_pages_make_progress_although_tables_take_most),
        cmocka_unit_test(spaces_share_one_ram),
        cmocka_unit_test(clean_pages_are_not_written_again),
        cmocka_unit_test(neighbours_go_to_neighbouring_slots),
        cmocka_unit_test(lru_asks_the_tlb_before_it_chooses),
        cmocka_unit_test(wired_frames_stay),
        cmocka_unit_test(reserve_keeps_its_promise_or_refuses),
        cmocka_unit_test(reclaim_of_one_frame),
        cmocka_unit_test(without_swap_ram_is_the_limit),
        cmocka_unit_test(ram_and_swap_can_be_filled_to_the_last_slot),
        cmocka_unit_test(clean_copies_make_room_when_swap_is_full),
        cmocka_unit_test(wired_pages_give_up_their_copies_too),
        cmocka_unit_test(squeezing_gives_back_copies_only),
        cmocka_unit_test(reading_zeros_far_apart_needs_no_more_than_ram),
        cmocka_unit_test(tables_of_zeros_do_not_drive_pages_out),
        cmocka_unit_test(tables_of_zeros_go_before_memory_runs_out),
        cmocka_unit_test(a_disk_that_cannot_be_written_costs_no_page),
        cmocka_unit_test(a_disk_that_fills_up_is_used_as_far_as_it_goes),
        cmocka_unit_test(a_damaged_slot_is_reported_and_its_neighbours_live),
        cmocka_unit_test(taking_a_slot_of_a_full_device_squeezes),
        cmocka_unit_test(without_a_swap_disk_there_are_no_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
