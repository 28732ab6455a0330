// SPDX-License-Identifier: GPL-2.0-or-later
/* How memory calls decode and refuse: every error that the man pages name for what is decoded here,
 * and what a mapping of each kind of file gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <linux/mempolicy.h>

#include "guest_rig.h"

#define CALL(number, ...) rig_call(rig, number, __VA_ARGS__)
enum { RW = PROT_READ | PROT_WRITE, ANON = MAP_PRIVATE | MAP_ANONYMOUS };

static int64_t map(struct rig *rig, uint64_t addr, uint64_t len, int prot, int flags, int64_t fd,
                   uint64_t offset)
{
    return CALL(SYS_mmap, addr, len, (uint64_t)prot, (uint64_t)flags, (uint64_t)fd, offset);
}

static void test_mmap_errors(void **state)
{
    struct rig *rig = *state;
    rig_host_file(rig, "file", "content");
    int64_t ro = rig_open(rig, "file", O_RDONLY), wo = rig_open(rig, "file", O_WRONLY),
            path = rig_open(rig, "file", O_PATH), dir = rig_open(rig, ".", O_RDONLY);
    const struct {
        uint64_t addr, len;
        int prot, flags;
        int64_t fd;
        uint64_t offset;
        int expect;
    } cases[] = {
        {0, 0, RW, ANON, -1, 0, -EINVAL},
        {0, 4096, RW, MAP_ANONYMOUS, -1, 0, -EINVAL},
        {0, 4096, RW, MAP_ANONYMOUS | 0x0c, -1, 0, -EINVAL},
        {0, 4096, RW, MAP_ANONYMOUS | MAP_SHARED_VALIDATE, -1, 0, -EINVAL},
        {0, 4096, RW, MAP_SHARED_VALIDATE | 0x800000, ro, 0, -EOPNOTSUPP},
        {0, 4096, RW, ANON, -1, 100, -EINVAL},
        {0x1234, 4096, RW, ANON | MAP_FIXED, -1, 0, -EINVAL},
        {0, (uint64_t)1 << 47, RW, ANON, -1, 0, -ENOMEM},
        {0, ~(uint64_t)0, RW, ANON, -1, 0, -ENOMEM},
        {0, 4096, RW, MAP_PRIVATE, ro, ~(uint64_t)4095, -EOVERFLOW},
        {0, 4096, RW, ANON | MAP_HUGETLB, -1, 0, -ENOMEM},
        {0, 4096, PROT_READ, MAP_PRIVATE, 99, 0, -EBADF},
        {0, 4096, PROT_READ, MAP_PRIVATE, path, 0, -EBADF},
        {0, 4096, PROT_READ, MAP_PRIVATE, wo, 0, -EACCES},
        {0, 4096, RW, MAP_SHARED, ro, 0, -EACCES},
        {0, 4096, PROT_READ, MAP_PRIVATE, dir, 0, -ENODEV},
        {0, 4096, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0, -EINVAL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (map(rig, cases[i].addr, cases[i].len, cases[i].prot, cases[i].flags, cases[i].fd,
                cases[i].offset) != cases[i].expect)
            fail_msg("case %zu", i);
    assert_int_equal(map(rig, rig->data, 4096, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), -EEXIST);
}

static void test_protection_of_files(void **state)
{
    struct rig *rig = *state;
    rig_host_file(rig, "file", "content");
    int64_t ro = rig_open(rig, "file", O_RDONLY);
    int64_t at = map(rig, 0, 4096, PROT_READ, MAP_SHARED, ro, 0);
    assert_true(at > 0);
    assert_int_equal(CALL(SYS_mprotect, (uint64_t)at, 4096, RW), -EACCES);
    at = map(rig, 0, 4096, RW, MAP_PRIVATE, ro, 0);
    assert_true(at > 0);
    rig_put(rig, (uint64_t)at, "private", 7);
    char text[16];
    rig_slurp(rig, "file", text, sizeof text);
    assert_string_equal(text, "content");
    assert_int_equal(CALL(SYS_mprotect, rig->data, 4096, 0x40), -EINVAL);
    assert_int_equal(CALL(SYS_mprotect, rig->data + 1, 4096, RW), -EINVAL);
    assert_int_equal(CALL(SYS_pkey_mprotect, rig->data, 4096, RW, (uint64_t)-1), 0);
    assert_int_equal(CALL(SYS_pkey_mprotect, rig->data, 4096, RW, 1), -EINVAL);
    assert_int_equal(CALL(SYS_pkey_alloc, 0, 0), -ENOSPC);
}

static void test_sealed_memory(void **state)
{
    struct rig *rig = *state;
    int64_t fd = CALL(SYS_memfd_create, rig_string(rig, 0, "sealed"), 2 /* MFD_ALLOW_SEALING */);
    assert_int_equal(CALL(SYS_ftruncate, (uint64_t)fd, 8192), 0);
    assert_int_equal(CALL(SYS_fcntl, (uint64_t)fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
    assert_int_equal(CALL(SYS_fcntl, (uint64_t)fd, F_GET_SEALS), F_SEAL_WRITE);
    assert_int_equal(map(rig, 0, 4096, RW, MAP_SHARED, fd, 0), -EPERM);
    assert_true(map(rig, 0, 4096, RW, MAP_PRIVATE, fd, 0) > 0);
    int64_t at = map(rig, 0, 4096, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(at > 0);
    assert_int_equal(CALL(SYS_mprotect, (uint64_t)at, 4096, RW), -EACCES);
}

static void test_dev_zero(void **state)
{
    struct rig *rig = *state;
    int64_t fd = rig_open(rig, "/dev/zero", O_RDWR);
    for (int i = 0; i < 2; i++) {
        char byte = 1;
        int64_t at = map(rig, 0, 8192, RW, i ? MAP_SHARED : MAP_PRIVATE, fd, 0);
        assert_true(at > 0);
        rig_get(rig, &byte, (uint64_t)at + 4096, 1);
        assert_int_equal(byte, 0);
        rig_put(rig, (uint64_t)at + 4096, "x", 1);
    }
    assert_int_equal(map(rig, 0, 4096, RW, MAP_PRIVATE, rig_open(rig, "/dev/null", O_RDWR), 0),
                     -ENODEV);
}

static void test_state_calls(void **state)
{
    struct rig *rig = *state;
    uint8_t vec[3];
    uint64_t at = (uint64_t)map(rig, 0, 3 * 4096, RW, ANON, -1, 0);
    rig_put(rig, at + 4096, "x", 1);
    assert_int_equal(CALL(SYS_mincore, at, 3 * 4096, rig->data), 0);
    rig_get(rig, vec, rig->data, 3);
    assert_memory_equal(vec, "\0\1\0", 3);
    assert_int_equal(CALL(SYS_mincore, at + 1, 4096, rig->data), -EINVAL);
    assert_int_equal(CALL(SYS_mincore, at, 4096, 0x10), -EFAULT);
    assert_int_equal(CALL(SYS_mincore, 0x10000, 4096, rig->data), -ENOMEM);
    assert_int_equal(CALL(SYS_mincore, at, ~(uint64_t)0, rig->data), -ENOMEM);
    assert_int_equal(CALL(SYS_msync, at, 4096, MS_SYNC | MS_ASYNC), -EINVAL);
    assert_int_equal(CALL(SYS_msync, at + 1, 4096, MS_SYNC), -EINVAL);
    assert_int_equal(CALL(SYS_msync, at, 4096, MS_SYNC), 0);
    assert_int_equal(CALL(SYS_mlock2, at, 4096, 2), -EINVAL);
    assert_int_equal(CALL(SYS_mlockall, 0), -EINVAL);
    assert_int_equal(CALL(SYS_mlockall, MCL_ONFAULT), -EINVAL);
    assert_int_equal(CALL(SYS_mremap, at, 4096, 8192, 0x100), -EINVAL);
    assert_int_equal(CALL(SYS_madvise, at, 4096, 12345), -EINVAL);
    assert_int_equal(CALL(SYS_munmap, at, 3 * 4096), 0);
    assert_int_equal(CALL(SYS_mincore, at, 4096, rig->data), -ENOMEM);
}

static void test_memory_policy(void **state)
{
    struct rig *rig = *state;
    uint64_t node = 1;
    int mode = 9;
    rig_put(rig, rig->data, &node, 8);
    assert_int_equal(CALL(SYS_set_mempolicy, MPOL_DEFAULT, 0, 0), 0);
    assert_int_equal(CALL(SYS_set_mempolicy, MPOL_BIND, rig->data, 65), 0);
    assert_int_equal(CALL(SYS_set_mempolicy, MPOL_BIND, 0, 0), -EINVAL);
    assert_int_equal(CALL(SYS_set_mempolicy, 99, 0, 0), -EINVAL);
    node = 2;
    rig_put(rig, rig->data, &node, 8);
    assert_int_equal(CALL(SYS_set_mempolicy, MPOL_BIND, rig->data, 65), -EINVAL);
    assert_int_equal(CALL(SYS_get_mempolicy, rig->data, 0, 0, 0, 0), 0);
    rig_get(rig, &mode, rig->data, 4);
    assert_int_equal(mode, MPOL_DEFAULT);
    assert_int_equal(CALL(SYS_get_mempolicy, rig->data, 0, 0, 0x10000, MPOL_F_ADDR), -EFAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(test_mmap_errors),   RIG_TEST(test_protection_of_files),
        RIG_TEST(test_sealed_memory), RIG_TEST(test_dev_zero),
        RIG_TEST(test_state_calls),   RIG_TEST(test_memory_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
