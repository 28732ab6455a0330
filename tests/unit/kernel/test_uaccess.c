// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "machine/pte.h"
#include "space_rig.h"

static struct fixture make(void)
{
    struct fixture f = fixture_create((struct rig_options){.nslots = 64});
    assert_int_equal(map_at(&f, P(0), 4, RW, 0), 0);
    assert_int_equal(map_at(&f, P(4), 1, R, 0), 0);
    return f;
}

static void test_copies_over_page_borders(void **state)
{
    struct fixture f = make();
    uint8_t in[3 * PAGE_SIZE], out[3 * PAGE_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)(i * 7 + i / 256);
    assert_int_equal(uaccess_write(f.space, vaddr(P(0) + 100), in, sizeof(in)), 0);
    assert_int_equal(uaccess_read(f.space, out, vaddr(P(0) + 100), sizeof(out)), 0);
    assert_memory_equal(in, out, sizeof(in));
    assert_int_equal(uaccess_zero(f.space, vaddr(P(1) - 1), 2), 0);
    assert_int_equal(peek(&f, P(1) - 1), 0);
    assert_int_equal(peek(&f, P(1)), 0);
    assert_int_equal(peek(&f, P(1) - 2), in[PAGE_SIZE - 102]);
    fixture_destroy(&f);
}

static void test_bytes_before_a_bad_page_are_copied(void **state)
{
    struct fixture f = make();
    uint8_t bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8}, back[8] = {0};
    (void)state;
    assert_int_equal(uaccess_write(f.space, vaddr(P(4) - 4), bytes, 8), -EFAULT);
    assert_int_equal(peek(&f, P(4) - 4), 1);
    assert_int_equal(peek(&f, P(4) - 1), 4);
    assert_int_equal(peek(&f, P(4)), 0);
    assert_int_equal(uaccess_read(f.space, back, vaddr(P(4) - 4), 8), 0);
    assert_int_equal(uaccess_read(f.space, back, vaddr(P(5) - 4), 8), -EFAULT);
    assert_int_equal(uaccess_zero(f.space, vaddr(P(4) - 2), 3), -EFAULT);
    assert_int_equal(peek(&f, P(4) - 1), 0);
    fixture_destroy(&f);
}

static void test_addresses_outside_user_space_are_refused(void **state)
{
    struct fixture f = make();
    uint8_t byte = 1;
    (void)state;
    assert_int_equal(map_at(&f, SPACE_END - PAGE_SIZE, 1, RW, 0), 0);
    static const uint64_t bad[] = {SPACE_END, UINT64_MAX, 0xffff800000000000, 1ull << 47, 0};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(uaccess_read(f.space, &byte, vaddr(bad[i]), 1), -EFAULT);
        assert_int_equal(uaccess_write(f.space, vaddr(bad[i]), &byte, 1), -EFAULT);
        assert_int_equal(uaccess_zero(f.space, vaddr(bad[i]), 1), -EFAULT);
        assert_int_equal(uaccess_read_string(f.space, (char *)&byte, vaddr(bad[i]), 1), -EFAULT);
        assert_int_equal(uaccess_probe(f.space, vaddr(bad[i]), 1, MMU_LOAD), 0);
    }
    /* Nothing of a range that leaves it is touched. */
    assert_int_equal(uaccess_zero(f.space, vaddr(P(0)), SIZE_MAX), -EFAULT);
    assert_int_equal(uaccess_zero(f.space, vaddr(SPACE_END - 1), 2), -EFAULT);
    assert_int_equal(space_resident(f.space), 0);
    assert_int_equal(uaccess_write(f.space, vaddr(SPACE_END - 1), &byte, 1), 0);
    assert_int_equal(uaccess_probe(f.space, vaddr(SPACE_END - 10), 100, MMU_STORE), 10);
    assert_int_equal(uaccess_read(f.space, NULL, vaddr(UINT64_MAX), 0), 0);
    fixture_destroy(&f);
}

static void test_probe_says_how_far_it_goes(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(uaccess_probe(f.space, vaddr(P(0) + 10), 100, MMU_STORE), 100);
    assert_int_equal(uaccess_probe(f.space, vaddr(P(3) + 10), 10000, MMU_STORE), PAGE_SIZE - 10);
    assert_int_equal(uaccess_probe(f.space, vaddr(P(3) + 10), 10000, MMU_LOAD), 2 * PAGE_SIZE - 10);
    assert_int_equal(uaccess_probe(f.space, vaddr(P(5)), 1, MMU_LOAD), 0);
    fixture_destroy(&f);
}

static void test_strings_end_or_do_not(void **state)
{
    struct fixture f = make();
    char text[16];
    (void)state;
    assert_int_equal(uaccess_write(f.space, vaddr(P(1) - 3), "hello", 6), 0);
    assert_int_equal(uaccess_read_string(f.space, text, vaddr(P(1) - 3), sizeof(text)), 5);
    assert_string_equal(text, "hello");
    assert_int_equal(uaccess_read_string(f.space, text, vaddr(P(1) - 3), 6), 5);
    assert_int_equal(uaccess_read_string(f.space, text, vaddr(P(1) - 3), 5), -ENAMETOOLONG);
    assert_int_equal(uaccess_read_string(f.space, text, vaddr(P(1) - 3), 0), -ENAMETOOLONG);
    assert_int_equal(space_protect(f.space, vaddr(P(4)), 1, RW), 0);
    assert_int_equal(uaccess_write(f.space, vaddr(P(5) - 3), "abc", 3), 0);
    assert_int_equal(uaccess_read_string(f.space, text, vaddr(P(5) - 3), sizeof(text)), -EFAULT);
    fixture_destroy(&f);
}

static void test_copies_leave_the_marks_of_an_access(void **state)
{
    struct fixture f = make();
    struct ram *ram = f.rig->machine.ram;
    uint64_t lookups = f.rig->counters.tlb_l1d_misses;
    (void)state;
    assert_int_equal(fault_handle(f.space, vaddr(P(0)), MMU_STORE), FAULT_DONE);
    assert_int_equal(peek(&f, P(0)), 0);
    uint64_t entry = pagetable_entry(f.kernel, &f.space->table, vaddr(P(0)));
    assert_true(entry & PTE_A);
    assert_false(entry & PTE_D);
    assert_int_equal(poke(&f, P(0), 1), 0);
    assert_true(pagetable_entry(f.kernel, &f.space->table, vaddr(P(0))) & PTE_D);
    ram_mark_code(ram, frame_pfn(&f.kernel->frames, frame_at(&f, P(0))));
    ram->code_changed = false;
    assert_int_equal(peek(&f, P(0)), 1);
    assert_false(ram->code_changed);
    assert_int_equal(poke(&f, P(0), 2), 0);
    assert_true(ram->code_changed);
    assert_int_equal(f.rig->counters.tlb_l1d_misses, lookups);
    fixture_destroy(&f);
}

static void test_faults_are_served_like_the_programs_own(void **state)
{
    struct fixture f = make();
    int fd = make_file(10);
    struct object *object = open_object(&f, fd, false);
    (void)state;
    assert_int_equal(map_object(&f, P(10), 2, R, 0, object, 0), 0);
    assert_int_equal(peek(&f, P(10) + 9), file_byte(9));
    assert_int_equal(f.rig->counters.faults_major, 1);
    assert_int_equal(peek(&f, P(11)), -EFAULT); /* would be SIGBUS */
    assert_int_equal(map_at(&f, P(1000), 1, RW, REGION_GROWSDOWN), 0);
    assert_int_equal(poke(&f, P(990), 1), 0); /* a stack grows for a system call too */
    object_put(f.kernel, object);
    close(fd);
    fixture_destroy(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies_over_page_borders),
        cmocka_unit_test(test_bytes_before_a_bad_page_are_copied),
        cmocka_unit_test(test_addresses_outside_user_space_are_refused),
        cmocka_unit_test(test_probe_says_how_far_it_goes),
        cmocka_unit_test(test_strings_end_or_do_not),
        cmocka_unit_test(test_copies_leave_the_marks_of_an_access),
        cmocka_unit_test(test_faults_are_served_like_the_programs_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
