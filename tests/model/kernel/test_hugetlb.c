// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Huge pages of a pool, in several processes: random mappings, stores, forks, moves and ends
 * against a naive model, in which a page is a number with a count and a byte, and a place of a
 * process says which it has. What each access gives, and what is left of the pool, must be the
 * same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "../../unit/kernel/rig.h"
#include "kernel/fault.h"
#include "kernel/hugetlb.h"
#include "kernel/object.h"
#include "kernel/uaccess.h"

enum { PROCS = 4, PLACES = 10, POOL = 6, OBJECTS = 8, PAGES_MAX = 64, STEPS = 20000 };
enum { NONE = -1 };

static enum hugetlb_size size; /* each test is done for all */

/* ---- the model ---- */

struct place {
    bool mapped, owner, promised, lost;
    int page;   /* private; or NONE */
    int object; /* or NONE */
    unsigned index;
};

struct naive {
    struct {
        unsigned refs;
        uint8_t byte;
    } pages[PAGES_MAX];
    struct {
        struct object *real; /* NULL: it does not live */
        unsigned maps, promised, len;
        int pages[PLACES];
    } objects[OBJECTS];
    struct {
        struct space *space; /* NULL: it does not live */
        struct place places[PLACES];
    } procs[PROCS];
    struct rig *rig;
    uint64_t random;
};

static unsigned draw(struct naive *n, unsigned below)
{
    n->random = n->random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(n->random >> 33) % below;
}

static unsigned count_used(const struct naive *n)
{
    unsigned used = 0;
    for (unsigned i = 0; i < PAGES_MAX; i++)
        used += n->pages[i].refs > 0;
    return used;
}

static unsigned count_promised(const struct naive *n)
{
    unsigned promised = 0;
    for (unsigned p = 0; p < PROCS; p++)
        for (unsigned i = 0; n->procs[p].space && i < PLACES; i++)
            promised += n->procs[p].places[i].promised;
    for (unsigned o = 0; o < OBJECTS; o++)
        promised += n->objects[o].real ? n->objects[o].promised : 0;
    return promised;
}

static unsigned count_spare(const struct naive *n)
{
    return POOL - count_used(n) - count_promised(n);
}

static int new_page(struct naive *n, uint8_t byte)
{
    for (int i = 0; i < PAGES_MAX; i++) {
        if (n->pages[i].refs == 0) {
            n->pages[i].refs = 1;
            n->pages[i].byte = byte;
            return i;
        }
    }
    fail_msg("no number is left for a page");
    return NONE;
}

static void drop_object(struct naive *n, int object)
{
    if (--n->objects[object].maps > 0)
        return;
    for (unsigned i = 0; i < PLACES; i++)
        if (n->objects[object].pages[i] != NONE)
            n->pages[n->objects[object].pages[i]].refs--;
    n->objects[object].real = NULL;
}

static void drop_page(struct naive *n, struct place *place)
{
    if (place->page != NONE)
        n->pages[place->page].refs--;
    place->page = NONE;
}

static void clear(struct naive *n, struct place *place)
{
    drop_page(n, place);
    if (place->object != NONE)
        drop_object(n, place->object);
    *place = (struct place){.page = NONE, .object = NONE};
}

/* A page for a place that is promised one, or has none to spare for it. Result: NONE: there is
 * none. */
static int take(struct naive *n, bool *promised)
{
    if (!*promised && count_spare(n) == 0)
        return NONE;
    *promised = false;
    return new_page(n, 0);
}

static int touch_shared(struct naive *n, const struct place *place)
{
    unsigned *promised = &n->objects[place->object].promised;
    int *page = &n->objects[place->object].pages[place->index];
    bool is_promised = *promised > 0;
    if (place->index >= n->objects[place->object].len)
        return NONE;
    if (*page == NONE && (*page = take(n, &is_promised)) != NONE && *promised > 0)
        --*promised;
    return *page;
}

/* The parent takes its page from all who have it at the same place. */
static void take_from_others(struct naive *n, unsigned self, unsigned at)
{
    int page = n->procs[self].places[at].page;
    for (unsigned p = 0; p < PROCS; p++) {
        struct place *other = &n->procs[p].places[at];
        if (p == self || !n->procs[p].space || other->page != page)
            continue;
        drop_page(n, other);
        other->lost = true;
    }
}

/* The page that an access finds; NONE: SIGBUS. */
static int touch(struct naive *n, unsigned p, unsigned at, bool store)
{
    struct place *place = &n->procs[p].places[at];
    if (place->object != NONE)
        return touch_shared(n, place);
    if (place->lost)
        return NONE;
    if (place->page == NONE)
        return place->page = take(n, &place->promised);
    if (!store || n->pages[place->page].refs == 1)
        return place->page;
    if (count_spare(n) > 0) {
        uint8_t byte = n->pages[place->page].byte;
        drop_page(n, place);
        return place->page = new_page(n, byte);
    }
    if (place->owner)
        take_from_others(n, p, at);
    return n->pages[place->page].refs == 1 ? place->page : NONE;
}

/* ---- both ---- */

static vaddr_t address(unsigned at)
{
    return vaddr(0x400000000000 + at * hugetlb_len(size));
}

static unsigned flags_of(unsigned flags)
{
    return flags | REGION_HUGETLB | (size == HUGETLB_1G ? REGION_HUGETLB_1G : 0u);
}

static int free_object(const struct naive *n)
{
    for (int o = 0; o < OBJECTS; o++)
        if (!n->objects[o].real)
            return o;
    return NONE;
}

static int map_real(struct naive *n, unsigned p, unsigned at, unsigned len, unsigned flags,
                    struct object *object, unsigned index)
{
    vaddr_t where;
    struct space_map_request request = {.addr = address(at),
                                        .len = len * hugetlb_len(size),
                                        .prot = PROT_MASK_R | PROT_MASK_W,
                                        .max_prot = PROT_MASK_R | PROT_MASK_W | PROT_MASK_X,
                                        .flags = SPACE_MAP_FIXED,
                                        .region_flags = flags_of(flags),
                                        .object = object,
                                        .object_page = index * hugetlb_frames(size)};
    return space_map(n->procs[p].space, &request, &where);
}

static void map_private(struct naive *n, unsigned p, unsigned at, unsigned len)
{
    bool owner = draw(n, 3) > 0, fits = !owner || len <= count_spare(n);
    unsigned flags = owner ? REGION_HUGETLB_OWNER : 0;
    assert_int_equal(map_real(n, p, at, len, flags, NULL, 0), fits ? 0 : -ENOMEM);
    for (unsigned i = at; fits && i < at + len; i++) {
        clear(n, &n->procs[p].places[i]);
        n->procs[p].places[i] = (struct place){
            .mapped = true, .owner = owner, .promised = owner, .page = NONE, .object = NONE};
    }
}

/* Of a new object, which is mapped from a page of its own on and perhaps beyond its end. */
static void map_shared(struct naive *n, unsigned p, unsigned at, unsigned len)
{
    int o = free_object(n);
    bool reserve = draw(n, 2);
    unsigned long_ = 1 + draw(n, 4), first = draw(n, 2);
    struct object *object;
    if (o == NONE)
        return;
    bool fits = !reserve || long_ <= count_spare(n);
    assert_int_equal(
        object_huge(n->rig->kernel, size, long_ * hugetlb_len(size) - PAGE_SIZE, reserve, &object),
        fits ? 0 : -ENOMEM);
    if (!fits)
        return;
    assert_int_equal(map_real(n, p, at, len, REGION_SHARED, object, first), 0);
    object_put(n->rig->kernel, object);
    n->objects[o].real = object;
    n->objects[o].len = long_;
    n->objects[o].promised = reserve ? long_ : 0;
    n->objects[o].maps = len;
    for (unsigned i = 0; i < PLACES; i++)
        n->objects[o].pages[i] = NONE;
    for (unsigned i = 0; i < len; i++) {
        clear(n, &n->procs[p].places[at + i]);
        n->procs[p].places[at + i] =
            (struct place){.mapped = true, .page = NONE, .object = o, .index = first + i};
    }
}

static void unmap(struct naive *n, unsigned p, unsigned at, unsigned len)
{
    assert_int_equal(space_unmap(n->procs[p].space, address(at), len * hugetlb_len(size)), 0);
    for (unsigned i = at; i < at + len; i++)
        clear(n, &n->procs[p].places[i]);
}

static void drop(struct naive *n, unsigned p, unsigned at)
{
    struct place *place = &n->procs[p].places[at];
    int error = space_advise(n->procs[p].space, address(at), hugetlb_len(size), MADV_DONTNEED);
    assert_int_equal(error, place->mapped ? 0 : -ENOMEM);
    if (place->object == NONE)
        drop_page(n, place);
}

/* To where nothing is. */
static void move(struct naive *n, unsigned p, unsigned from, unsigned to)
{
    struct place *places = n->procs[p].places;
    vaddr_t out;
    if (!places[from].mapped || places[to].mapped || from == to)
        return;
    assert_int_equal(space_remap(n->procs[p].space, address(from), hugetlb_len(size),
                                 hugetlb_len(size), MREMAP_MAYMOVE | MREMAP_FIXED, address(to),
                                 &out),
                     0);
    places[to] = places[from];
    places[from] = (struct place){.page = NONE, .object = NONE};
}

static void access_one(struct naive *n, unsigned p, unsigned at)
{
    bool store = draw(n, 2);
    uint8_t byte = (uint8_t)draw(n, 256), found = 0;
    vaddr_t va = vaddr(address(at).v + 70000);
    struct space *space = n->procs[p].space;
    if (!n->procs[p].places[at].mapped) {
        assert_int_equal(fault_handle(space, va, MMU_LOAD), FAULT_SEGV_MAPERR);
        return;
    }
    int page = touch(n, p, at, store);
    if (page == NONE) {
        assert_int_equal(fault_handle(space, va, store ? MMU_STORE : MMU_LOAD), FAULT_BUS_ADRERR);
    } else if (store) {
        assert_int_equal(uaccess_write(space, va, &byte, 1), 0);
        n->pages[page].byte = byte;
    } else {
        assert_int_equal(uaccess_read(space, &found, va, 1), 0);
        assert_int_equal(found, n->pages[page].byte);
    }
}

static void fork_one(struct naive *n, unsigned p, unsigned child)
{
    if (n->procs[child].space)
        return;
    assert_int_equal(space_fork(n->procs[p].space, &n->procs[child].space), 0);
    for (unsigned i = 0; i < PLACES; i++) {
        struct place *place = &n->procs[child].places[i];
        *place = n->procs[p].places[i];
        place->owner = place->promised = place->lost = false;
        if (place->page != NONE)
            n->pages[place->page].refs++;
        if (place->object != NONE)
            n->objects[place->object].maps++;
    }
}

static void end(struct naive *n, unsigned p)
{
    space_put(n->procs[p].space);
    for (unsigned i = 0; i < PLACES; i++)
        clear(n, &n->procs[p].places[i]);
    n->procs[p].space = NULL;
}

static void begin(struct naive *n, unsigned p)
{
    assert_int_equal(space_create(n->rig->kernel, &n->procs[p].space), 0);
    for (unsigned i = 0; i < PLACES; i++)
        n->procs[p].places[i] = (struct place){.page = NONE, .object = NONE};
}

static void step(struct naive *n)
{
    unsigned p = draw(n, PROCS), at = draw(n, PLACES), len = 1 + draw(n, PLACES - at);
    if (!n->procs[p].space) {
        begin(n, p);
        return;
    }
    switch (draw(n, 20)) {
    case 0:
        map_private(n, p, at, len);
        break;
    case 1:
        map_shared(n, p, at, len);
        break;
    case 2:
        unmap(n, p, at, len);
        break;
    case 3:
        drop(n, p, at);
        break;
    case 4:
        move(n, p, at, draw(n, PLACES));
        break;
    case 5:
        fork_one(n, p, draw(n, PROCS));
        break;
    case 6:
        if (draw(n, 4) == 0)
            end(n, p);
        break;
    default:
        access_one(n, p, at);
    }
    assert_int_equal(n->rig->kernel->hugetlb[size].nfree, POOL - count_used(n));
    assert_int_equal(n->rig->kernel->hugetlb[size].nreserved, count_promised(n));
}

static void test_all_verbs_against_the_model(void **state)
{
    struct naive n = {.random = 1 + size};
    struct rig_options options = {
        .nframes = POOL * hugetlb_frames(size) + 4 * FRAME_BLOCK, .nslots = 100, .tlb = "skylake"};
    (void)state;
    options.hugepages[size] = POOL;
    n.rig = rig_create(options);
    for (unsigned i = 0; i < STEPS; i++) {
        step(&n);
        if (i % (size == HUGETLB_1G ? 1000 : 50) == 0)
            assert_true(kernel_is_valid(n.rig->kernel));
    }
    for (unsigned p = 0; p < PROCS; p++)
        if (n.procs[p].space)
            end(&n, p);
    assert_int_equal(n.rig->kernel->hugetlb[size].nfree, POOL);
    rig_destroy(n.rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_verbs_against_the_model)};
    int failed = 0;
    for (size = 0; size < HUGETLB_SIZES; size++)
        failed += cmocka_run_group_tests(tests, NULL, NULL);
    return failed;
}
