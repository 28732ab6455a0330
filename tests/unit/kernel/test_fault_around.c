// SPDX-License-Identifier: GPL-2.0-or-later
/* What one page fault maps beside its own page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "machine/pte.h"
#include "space_rig.h"

enum { TABLE = 512 /* pages */ };

static struct fixture other_space(const struct fixture *f)
{
    struct fixture other = *f;
    assert_int_equal(space_create(f->kernel, &other.space), 0);
    return other;
}

static struct fixture fork_of(const struct fixture *f)
{
    struct fixture child = *f;
    assert_int_equal(space_fork(f->space, &child.space), 0);
    return child;
}

static bool is_writable(struct fixture *f, uint64_t addr)
{
    return pagetable_entry(f->kernel, &f->space->table, vaddr(addr)) & PTE_W;
}

static unsigned count_mapped(struct fixture *f, unsigned first, unsigned end)
{
    unsigned n = 0;
    for (unsigned page = first; page < end; page++)
        n += frame_at(f, P(page)) != NULL;
    return n;
}

static void fill(struct fixture *f, unsigned first, unsigned end)
{
    assert_int_equal(map_at(f, P(first), end - first, RW, 0), 0);
    for (unsigned page = first; page < end; page++)
        assert_int_equal(poke(f, P(page), (uint8_t)page), 0);
}

static void test_a_child_has_its_parents_table_after_one_fault(void **state)
{
    struct fixture f = fixture_create((struct rig_options){.nframes = 2048, .nslots = 100});
    const struct counters *counters = &f.rig->counters;
    (void)state;
    fill(&f, TABLE, TABLE + 40);
    fill(&f, TABLE + 100, TABLE + 110);  /* another region under the same table */
    fill(&f, 2 * TABLE, 2 * TABLE + 10); /* and one under the next */
    struct fixture child = fork_of(&f);
    uint64_t faults = counters->faults;
    for (unsigned page = TABLE; page < TABLE + 40; page++)
        assert_int_equal(peek(&child, P(page)), (uint8_t)page);
    assert_int_equal(counters->faults - faults, 1);
    assert_int_equal(count_mapped(&child, TABLE, TABLE + 512), 50);
    assert_int_equal(count_mapped(&child, 2 * TABLE, 3 * TABLE), 0);
    fixture_check(&child);
    assert_false(is_writable(&child, P(TABLE + 3)));
    assert_int_equal(poke(&child, P(TABLE + 3), 200), 0); /* is a fault still, and a copy */
    assert_int_equal(counters->faults_cow, 1);
    assert_int_equal(peek(&f, P(TABLE + 3)), (uint8_t)(TABLE + 3));
    fixture_check(&child);
    space_put(child.space);
    fixture_destroy(&f);
}

static void test_a_child_inherits_no_more_than_may_be_mapped(void **state)
{
    struct fixture f = fixture_create((struct rig_options){.nframes = 2048, .nslots = 100});
    (void)state;
    fill(&f, TABLE, TABLE + 10);
    fill(&f, TABLE + 20, TABLE + 30);
    fill(&f, TABLE + 40, TABLE + 50);
    struct fixture child = fork_of(&f);
    fill(&child, TABLE + 60, TABLE + 61); /* makes the table: what follows is under it already */
    assert_int_equal(count_mapped(&child, TABLE, 2 * TABLE), 31);
    space_put(child.space);
    evict(&f, P(TABLE + 1));
    child = fork_of(&f);
    assert_int_equal(space_protect(child.space, vaddr(P(TABLE + 20)), BYTES(10), 0), 0);
    assert_int_equal(space_lock(child.space, vaddr(P(TABLE + 40)), BYTES(10), true), 0);
    assert_int_equal(peek(&child, P(TABLE)), 0);
    assert_int_equal(count_mapped(&child, TABLE, 2 * TABLE), 9);
    assert_int_equal(f.rig->counters.faults_major, 0);
    fixture_check(&child);
    space_put(child.space);
    fixture_destroy(&f);
}

/* A file of 40 pages at P(0) in both spaces, of which the second has touched all. */
static struct fixture map_file(struct fixture *f, unsigned flags, int *fd)
{
    struct fixture other = other_space(f);
    *fd = make_file(BYTES(40));
    struct object *object = open_object(f, *fd, true);
    unsigned prot = flags & REGION_SHARED ? RW : R;
    assert_int_equal(map_object(f, P(0), 40, RW, flags, object, 0), 0);
    assert_int_equal(map_object(&other, P(0), 40, prot, flags, object, 0), 0);
    for (unsigned page = 0; page < 40; page++)
        assert_int_equal(peek(&other, P(page)), file_byte(BYTES(page)));
    object_put(f->kernel, object);
    return other;
}

static void test_sixteen_pages_of_a_file_come_at_once(void **state)
{
    struct fixture f = fixture_create((struct rig_options){.nframes = 256});
    int fd;
    struct fixture other = map_file(&f, 0, &fd);
    uint64_t live = f.kernel->pages_live;
    (void)state;
    assert_int_equal(poke(&f, P(18), 1), 0); /* a store brings its own page alone */
    assert_int_equal(count_mapped(&f, 0, 40), 1);
    assert_int_equal(peek(&f, P(20)), file_byte(BYTES(20)));
    assert_int_equal(count_mapped(&f, 16, 32), 16);
    assert_int_equal(count_mapped(&f, 0, 40), 16);
    assert_int_equal(peek(&f, P(18)), 1);
    assert_false(is_writable(&f, P(21)));
    assert_int_equal(peek(&f, P(39)), file_byte(BYTES(39)));
    assert_int_equal(count_mapped(&f, 32, 40), 8); /* as far as the region goes */
    assert_int_equal(f.kernel->pages_live, live + 1);
    fixture_check(&f);
    space_put(other.space);
    fixture_check(&f);
    close(fd);
    fixture_destroy(&f);
}

static void test_what_nobody_has_does_not_come(void **state)
{
    struct fixture f = fixture_create((struct rig_options){.nframes = 256});
    int fd;
    struct fixture other = map_file(&f, 0, &fd);
    (void)state;
    evict(&other, P(3));
    assert_int_equal(space_unmap(other.space, vaddr(P(5)), BYTES(2)), 0); /* now idle */
    assert_int_equal(peek(&f, P(0)), file_byte(0));
    assert_int_equal(count_mapped(&f, 0, 16), 13);
    assert_null(frame_at(&f, P(5)));
    space_put(other.space);
    close(fd);
    fixture_destroy(&f);
}

static void test_stores_to_shared_neighbours_are_seen(void **state)
{
    struct fixture f = fixture_create((struct rig_options){.nframes = 256});
    int fd;
    struct fixture other = map_file(&f, REGION_SHARED, &fd);
    uint8_t byte = 0;
    (void)state;
    assert_int_equal(peek(&f, P(0)), file_byte(0));
    assert_int_equal(count_mapped(&f, 0, 16), 16);
    *rig_access(f.rig, f.space, P(7), MMU_STORE) = 99; /* without a fault of its own */
    assert_int_equal(peek(&other, P(7)), 99);
    object_before_read(f.kernel, fd, BYTES(7), 1);
    assert_int_equal(pread(fd, &byte, 1, (off_t)BYTES(7)), 1);
    assert_int_equal(byte, 99);
    fixture_check(&f);
    space_put(other.space);
    close(fd);
    fixture_destroy(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_child_has_its_parents_table_after_one_fault),
        cmocka_unit_test(test_a_child_inherits_no_more_than_may_be_mapped),
        cmocka_unit_test(test_sixteen_pages_of_a_file_come_at_once),
        cmocka_unit_test(test_what_nobody_has_does_not_come),
        cmocka_unit_test(test_stores_to_shared_neighbours_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
