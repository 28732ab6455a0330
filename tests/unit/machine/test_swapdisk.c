// SPDX-License-Identifier: GPL-2.0-or-later
/* The swap disk: slots, clusters, checksums, and the host's failures, which are made by putting
 * another file under the disk's descriptor. */
#include "machine/swapdisk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

enum { MANY = 600 }; /* pages: more than one host request */

static char dir[64];  /* of this run */
static char path[96]; /* of a swap file in it */

static int make_dir(void **state)
{
    snprintf(dir, sizeof(dir), "/tmp/pagewalk-test-swap-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/swap", dir);
    setenv("TMPDIR", dir, 1);
    return 0;
}

static int remove_dir(void **state)
{
    return rmdir(dir); /* fails if a test or the disk left a file */
}

static struct swapdisk *create(const char *name, uint64_t npages)
{
    struct swapdisk *disk = NULL;
    assert_int_equal(swapdisk_create(name, npages * PAGE_SIZE, &disk), 0);
    assert_int_equal(swapdisk_slots(disk), npages);
    return disk;
}

static swap_slot_t take(struct swapdisk *disk, unsigned want, unsigned expected)
{
    swap_slot_t first = SWAP_NONE;
    assert_int_equal(swapdisk_take(disk, want, &first), expected);
    assert_true(swapdisk_is_valid(disk));
    return first;
}

static void fill(uint8_t *page, unsigned seed)
{
    for (unsigned i = 0; i < PAGE_SIZE; i++)
        page[i] = (uint8_t)((seed * 2654435761u + i * (seed | 1)) >> 3);
}

static bool is_filled(const uint8_t *page, unsigned seed)
{
    uint8_t expected[PAGE_SIZE];
    fill(expected, seed);
    return memcmp(page, expected, PAGE_SIZE) == 0;
}

static int write_one(struct swapdisk *disk, swap_slot_t slot, unsigned seed)
{
    uint8_t page[PAGE_SIZE];
    const uint8_t *pages = page;
    fill(page, seed);
    return swapdisk_write(disk, slot, 1, &pages);
}

/* The disk's descriptor, found by its file. */
static int fd_of(dev_t dev, ino_t ino)
{
    DIR *list = opendir("/proc/self/fd");
    int found = -1;
    for (struct dirent *entry; (entry = readdir(list));) {
        struct stat st;
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] != '.' && fstat(fd, &st) == 0 && st.st_dev == dev && st.st_ino == ino)
            found = fd;
    }
    closedir(list);
    return found;
}

static int fd_of_path(void)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    int fd = fd_of(st.st_dev, st.st_ino);
    assert_true(fd >= 0);
    return fd;
}

static void replace_fd(int fd, const char *by, int flags)
{
    int other = open(by, flags | O_CLOEXEC);
    assert_true(other >= 0);
    assert_true(dup3(other, fd, O_CLOEXEC) >= 0);
    close(other);
}

static unsigned files_in_dir(void)
{
    DIR *list = opendir(dir);
    unsigned n = 0;
    for (struct dirent *entry; (entry = readdir(list));)
        n += entry->d_name[0] != '.';
    closedir(list);
    return n;
}

static void test_bad_len(void **state)
{
    struct swapdisk *disk = NULL;
    assert_int_equal(swapdisk_create(NULL, 0, &disk), -EINVAL);
    assert_int_equal(swapdisk_create(NULL, PAGE_SIZE - 1, &disk), -EINVAL);
    assert_int_equal(swapdisk_create(path, ((uint64_t)16 << 40) + 1, &disk), -EINVAL);
    assert_int_equal(swapdisk_create(path, UINT64_MAX, &disk), -EINVAL);
    assert_null(disk);
    assert_int_equal(files_in_dir(), 0);
    swapdisk_destroy(NULL);
}

static void test_len_is_rounded_down(void **state)
{
    struct swapdisk *disk = NULL;
    assert_int_equal(swapdisk_create(NULL, 3 * PAGE_SIZE + PAGE_SIZE - 1, &disk), 0);
    assert_int_equal(swapdisk_slots(disk), 3);
    swapdisk_destroy(disk);
}

static void test_bad_paths(void **state)
{
    struct swapdisk *disk = NULL;
    char missing[128];
    snprintf(missing, sizeof(missing), "%s/none/swap", dir);
    assert_int_equal(swapdisk_create(missing, PAGE_SIZE, &disk), -ENOENT);
    assert_int_equal(swapdisk_create(dir, PAGE_SIZE, &disk), -EISDIR);
    assert_int_equal(swapdisk_create("/dev/full", PAGE_SIZE, &disk), -ENOTBLK);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(swapdisk_create(path, PAGE_SIZE, &disk), -ENOTBLK);
    unlink(path);
    assert_null(disk);
    setenv("TMPDIR", missing, 1);
    assert_int_equal(swapdisk_create(NULL, PAGE_SIZE, &disk), -ENOENT);
    setenv("TMPDIR", dir, 1);
}

static void test_temporary_leaves_nothing(void **state)
{
    struct swapdisk *disk = create(NULL, 8);
    assert_int_equal(files_in_dir(), 0); /* already while it is used */
    assert_non_null(strstr(swapdisk_name(disk), dir));
    swap_slot_t slot = take(disk, 1, 1);
    assert_int_equal(write_one(disk, slot, 1), 0);
    swapdisk_destroy(disk);
    assert_int_equal(files_in_dir(), 0);
}

static void test_created_file_is_removed(void **state)
{
    struct swapdisk *disk = create(path, 1 << 20);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, (off_t)PAGE_SIZE << 20);
    assert_true(st.st_blocks < 64); /* sparse */
    assert_int_equal(st.st_mode & 0777, 0600);
    swapdisk_destroy(disk);
    assert_int_equal(files_in_dir(), 0);
}

/* The path is kept whole: neither a change of directory nor a new file of that name is harmed. */
static void test_removal_is_careful(void **state)
{
    char *cwd = getcwd(NULL, 0);
    assert_int_equal(chdir(dir), 0);
    struct swapdisk *disk = create("swap", 4);
    assert_int_equal(chdir("/"), 0);
    swapdisk_destroy(disk);
    assert_int_equal(files_in_dir(), 0);

    disk = create(path, 4);
    unlink(path);
    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    swapdisk_destroy(disk);
    assert_int_equal(files_in_dir(), 1);
    unlink(path);
    assert_int_equal(chdir(cwd), 0);
    free(cwd);
}

static void test_existing_file_stays(void **state)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(fd, 100 * PAGE_SIZE), 0);
    close(fd);
    struct swapdisk *disk = create(path, 10);
    swapdisk_destroy(disk);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 100 * PAGE_SIZE);
    disk = create(path, 200); /* a smaller one grows */
    swapdisk_destroy(disk);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 200 * PAGE_SIZE);
    unlink(path);
}

static void test_one_machine_a_device(void **state)
{
    struct swapdisk *disk = create(path, 4), *second = NULL;
    assert_int_equal(swapdisk_create(path, 4 * PAGE_SIZE, &second), -EBUSY);
    assert_null(second);
    assert_int_equal(files_in_dir(), 1);
    swapdisk_destroy(disk);
    assert_int_equal(files_in_dir(), 0);
}

static void test_file_size_limit(void **state)
{
    struct rlimit was, low = {.rlim_cur = 16 * PAGE_SIZE};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    low.rlim_max = was.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    struct swapdisk *disk = NULL;
    assert_int_equal(swapdisk_create(path, 17 * PAGE_SIZE, &disk), -EFBIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_int_equal(files_in_dir(), 0);
}

static void test_descriptor(void **state)
{
    struct swapdisk *disk = create(path, 4);
    int fd = fd_of_path();
    assert_true(fd >= 1000);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    swapdisk_destroy(disk);
    assert_int_equal(fcntl(fd, F_GETFD), -1);

    struct rlimit was, low = {.rlim_cur = 64};
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    low.rlim_max = was.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    disk = create(path, 4);
    assert_in_range(fd_of_path(), 31, 63); /* as high as the limit has room for */
    swapdisk_destroy(disk);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
}

static void test_take_and_give(void **state)
{
    struct swapdisk *disk = create(NULL, 100);
    assert_int_equal(take(disk, 10, 10), 1);
    assert_int_equal(take(disk, 60, 60), 11);
    assert_int_equal(take(disk, 60, 30), 71); /* what lies together up to the end */
    take(disk, 1, 0);
    assert_int_equal(swapdisk_used(disk), 100);
    for (swap_slot_t slot = 20; slot < 25; slot++)
        swapdisk_give(disk, slot);
    swapdisk_give(disk, 50);
    assert_int_equal(swapdisk_used(disk), 94);
    assert_false(swapdisk_is_used(disk, 22));
    assert_true(swapdisk_is_used(disk, 25));
    assert_false(swapdisk_is_used(disk, SWAP_NONE));
    assert_false(swapdisk_is_used(disk, 101));
    assert_int_equal(take(disk, 3, 3), 20);
    swapdisk_give(disk, 20);
    assert_int_equal(take(disk, 8, 2), 23); /* next-fit: goes on from where it was */
    assert_int_equal(take(disk, 8, 1), 50);
    assert_int_equal(take(disk, 8, 1), 20);
    take(disk, 8, 0);
    take(disk, 0, 0);
    swapdisk_destroy(disk);
}

static void test_slots_at_word_borders(void **state)
{
    static const unsigned sizes[] = {1, 63, 64, 65, 127, 128, 129};
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct swapdisk *disk = create(NULL, sizes[i]);
        for (unsigned slot = 1; slot <= sizes[i]; slot++)
            assert_int_equal(take(disk, 1, 1), slot);
        take(disk, 1, 0);
        swapdisk_give(disk, sizes[i]);
        assert_int_equal(take(disk, 5, 1), sizes[i]);
        swapdisk_destroy(disk);
    }
}

static void test_largest(void **state)
{
    struct swapdisk *disk = NULL;
    int error = swapdisk_create(path, (uint64_t)16 << 40, &disk);
    if (error == -EFBIG)
        skip(); /* the file system has no files that large; the limit was passed on */
    assert_int_equal(error, 0);
    assert_int_equal(swapdisk_slots(disk), UINT32_MAX);
    swap_slot_t first;
    assert_int_equal(swapdisk_take(disk, 4, &first), 4);
    assert_int_equal(write_one(disk, first + 3, 9), 0);
    swapdisk_destroy(disk);
}

static uint8_t *buffer(void)
{
    uint8_t *bytes = malloc((size_t)MANY * PAGE_SIZE);
    assert_non_null(bytes);
    return bytes;
}

/* Pages from all over memory go out in one call and come back one by one and together. */
static void test_clusters(void **state)
{
    struct swapdisk *disk = create(NULL, 2 * MANY);
    uint8_t *bytes = buffer(), *pages[MANY];
    int results[MANY];
    take(disk, 7, 7);
    swap_slot_t first = take(disk, MANY, MANY);
    for (unsigned i = 0; i < MANY; i++) {
        pages[i] = bytes + (size_t)(i * 7 % MANY) * PAGE_SIZE;
        fill(pages[i], i);
    }
    assert_int_equal(swapdisk_write(disk, first, MANY, (const uint8_t *const *)pages), 0);
    memset(bytes, 0, (size_t)MANY * PAGE_SIZE);
    swapdisk_read_cluster(disk, first, MANY, pages, results);
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(results[i], 0);
        assert_true(is_filled(pages[i], i));
    }
    for (unsigned i = 0; i < MANY; i += 17) {
        assert_int_equal(swapdisk_read(disk, first + i, bytes), 0);
        assert_true(is_filled(bytes, i));
    }
    free(bytes);
    swapdisk_destroy(disk);
}

static void test_unwritten_slot_is_no_data(void **state)
{
    struct swapdisk *disk = create(NULL, 4);
    uint8_t page[PAGE_SIZE];
    swap_slot_t slot = take(disk, 1, 1);
    assert_int_equal(swapdisk_read(disk, slot, page), -EBADMSG);
    assert_int_equal(write_one(disk, slot, 3), 0);
    assert_int_equal(swapdisk_read(disk, slot, page), 0);
    swapdisk_give(disk, slot);
    for (unsigned i = 0; i < 3; i++)
        take(disk, 1, 1);
    assert_int_equal(take(disk, 1, 1), slot);
    assert_int_equal(swapdisk_read(disk, slot, page), -EBADMSG); /* the former owner's page */
    swapdisk_destroy(disk);
}

static void test_every_damaged_byte_is_noticed(void **state)
{
    struct swapdisk *disk = create(path, 4);
    uint8_t page[PAGE_SIZE];
    take(disk, 4, 4);
    for (swap_slot_t slot = 1; slot <= 4; slot++)
        assert_int_equal(write_one(disk, slot, slot), 0);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    for (unsigned at = 0; at < PAGE_SIZE; at += 5) {
        uint8_t byte, damaged;
        off_t where = 2 * PAGE_SIZE + at; /* of slot 3 */
        assert_int_equal(pread(fd, &byte, 1, where), 1);
        damaged = byte ^ (uint8_t)(1 << at % 8);
        assert_int_equal(pwrite(fd, &damaged, 1, where), 1);
        assert_int_equal(swapdisk_read(disk, 3, page), -EBADMSG);
        assert_int_equal(pwrite(fd, &byte, 1, where), 1);
    }
    assert_int_equal(swapdisk_read(disk, 3, page), 0);
    assert_int_equal(pwrite(fd, "x", 1, 2 * PAGE_SIZE), 1);
    uint8_t four[4][PAGE_SIZE], *pages[] = {four[0], four[1], four[2], four[3]};
    int results[4];
    swapdisk_read_cluster(disk, 1, 4, pages, results);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(results[i], i == 2 ? -EBADMSG : 0);
    assert_true(is_filled(pages[3], 4));
    close(fd);
    swapdisk_destroy(disk);
}

/* Each page intact, but in another's place. */
static void test_swapped_slots_are_noticed(void **state)
{
    struct swapdisk *disk = create(path, 2);
    uint8_t a[PAGE_SIZE], b[PAGE_SIZE];
    take(disk, 2, 2);
    assert_int_equal(write_one(disk, 1, 1), 0);
    assert_int_equal(write_one(disk, 2, 2), 0);
    fill(a, 1);
    fill(b, 2);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pwrite(fd, b, PAGE_SIZE, 0), PAGE_SIZE);
    assert_int_equal(pwrite(fd, a, PAGE_SIZE, PAGE_SIZE), PAGE_SIZE);
    close(fd);
    assert_int_equal(swapdisk_read(disk, 1, a), -EBADMSG);
    assert_int_equal(swapdisk_read(disk, 2, a), -EBADMSG);
    swapdisk_destroy(disk);
}

static void test_full_host_disk(void **state)
{
    struct swapdisk *disk = create(path, 8);
    uint8_t page[PAGE_SIZE];
    swap_slot_t slot = take(disk, 2, 2);
    assert_int_equal(write_one(disk, slot, 1), 0);
    replace_fd(fd_of_path(), "/dev/full", O_RDWR);
    assert_int_equal(write_one(disk, slot, 2), -ENOSPC);
    assert_true(swapdisk_is_used(disk, slot));
    assert_int_equal(swapdisk_used(disk), 2);
    assert_int_equal(swapdisk_read(disk, slot, page), -EBADMSG); /* neither old nor new */
    swapdisk_give(disk, slot);
    swapdisk_destroy(disk);
}

static void test_unwritable_and_unreadable(void **state)
{
    struct swapdisk *disk = create(path, 8);
    uint8_t page[PAGE_SIZE];
    swap_slot_t slot = take(disk, 1, 1);
    assert_int_equal(write_one(disk, slot, 1), 0);
    int fd = fd_of_path();
    replace_fd(fd, path, O_RDONLY);
    assert_int_equal(write_one(disk, slot, 1), -EBADF);
    replace_fd(fd, path, O_WRONLY);
    assert_int_equal(swapdisk_read(disk, slot, page), -EBADF);
    replace_fd(fd, "/", O_RDONLY);
    assert_int_equal(swapdisk_read(disk, slot, page), -EISDIR);
    swapdisk_destroy(disk);
}

/* A file cut short behind our back: what is left is served, the rest is an error. */
static void test_truncated(void **state)
{
    struct swapdisk *disk = create(path, 3);
    uint8_t three[3][PAGE_SIZE], *pages[] = {three[0], three[1], three[2]};
    int results[3];
    take(disk, 3, 3);
    for (swap_slot_t slot = 1; slot <= 3; slot++)
        assert_int_equal(write_one(disk, slot, slot), 0);
    assert_int_equal(truncate(path, PAGE_SIZE + 100), 0);
    swapdisk_read_cluster(disk, 1, 3, pages, results);
    assert_int_equal(results[0], 0);
    assert_true(is_filled(pages[0], 1));
    assert_int_equal(results[1], -EIO);
    assert_int_equal(results[2], -EIO);
    swapdisk_destroy(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_len),
        cmocka_unit_test(test_len_is_rounded_down),
        cmocka_unit_test(test_bad_paths),
        cmocka_unit_test(test_temporary_leaves_nothing),
        cmocka_unit_test(test_created_file_is_removed),
        cmocka_unit_test(test_removal_is_careful),
        cmocka_unit_test(test_existing_file_stays),
        cmocka_unit_test(test_one_machine_a_device),
        cmocka_unit_test(test_file_size_limit),
        cmocka_unit_test(test_descriptor),
        cmocka_unit_test(test_take_and_give),
        cmocka_unit_test(test_slots_at_word_borders),
        cmocka_unit_test(test_largest),
        cmocka_unit_test(test_clusters),
        cmocka_unit_test(test_unwritten_slot_is_no_data),
        cmocka_unit_test(test_every_damaged_byte_is_noticed),
        cmocka_unit_test(test_swapped_slots_are_noticed),
        cmocka_unit_test(test_full_host_disk),
        cmocka_unit_test(test_unwritable_and_unreadable),
        cmocka_unit_test(test_truncated),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
