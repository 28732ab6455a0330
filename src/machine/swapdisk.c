// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Slot s lies at byte (s - 1) * PAGE_SIZE of the file. Two arrays of ours go with it, both lazily
 * backed, so a device of 16 TiB costs nothing until it is used: the bitmap of taken slots, and the
 * checksum of what each slot was last given. Checksum 0 means that nothing readable is there; a
 * page whose checksum happens to be 0 is remembered as 1.
 *
 *   S1  `used` is the number of bits set in the bitmap
 *   S2  no bit is set at or beyond `slots`, and the cursor lies below it
 */
#include "machine/swapdisk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <xxh_x86dispatch.h> /* xxhash with the widest vectors of this processor */

#include "base/check.h"
#include "base/lazy.h"

enum {
    WORD_BITS = 64,
    FD_FLOOR = 1000,   /* guests' descriptors are numbered below */
    BATCH_PAGES = 256, /* pages in one host request; below IOV_MAX */
};
#define LEN_MAX ((uint64_t)16 << 40)
#define SLOTS_MAX ((uint64_t)UINT32_MAX) /* numbered from 1 in a swap_slot_t */

struct swapdisk {
    int fd;
    bool created; /* the file `path` is ours: removed at the end if it is still the same one */
    dev_t dev;
    ino_t ino;
    char *path; /* absolute if created */
    uint64_t slots;
    uint64_t used;
    uint64_t cursor;  /* bit where the next search begins */
    uint64_t *bitmap; /* bit s - 1: slot s is taken */
    uint64_t *sums;   /* [s - 1] */
};

/* ---- opening and closing ---- */

static int open_temporary(struct swapdisk *disk)
{
    const char *dir = getenv("TMPDIR");
    if (!dir || !*dir)
        dir = "/var/tmp";
    char *template = NULL;
    if (asprintf(&template, "%s/pagewalk-swap-XXXXXX", dir) < 0)
        return -ENOMEM;
    disk->path = template;
    disk->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (disk->fd >= 0)
        return 0;
    disk->fd = mkostemp(template, O_CLOEXEC); /* a file system without O_TMPFILE */
    if (disk->fd < 0)
        return -errno;
    unlink(template);
    return 0;
}

static int open_path(struct swapdisk *disk, const char *path)
{
    int flags = O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    disk->fd = open(path, flags | O_CREAT | O_EXCL, 0600);
    disk->created = disk->fd >= 0;
    if (disk->fd < 0 && errno == EEXIST)
        disk->fd = open(path, flags);
    if (disk->fd < 0)
        return -errno;
    /* The working directory may have changed when the file is to be removed. */
    disk->path = disk->created ? realpath(path, NULL) : strdup(path);
    if (disk->path)
        return 0;
    if (disk->created)
        unlink(path);
    disk->created = false;
    return -ENOMEM;
}

/* Two machines on one device would damage each other's pages. */
static int lock_file(int fd)
{
    return flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK ? -EBUSY : 0;
}

static int size_regular(int fd, uint64_t size, uint64_t len)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < len)
        return -EFBIG; /* writing would raise SIGXFSZ */
    return size < len && ftruncate(fd, (off_t)len) < 0 ? -errno : 0;
}

static int check_and_size(struct swapdisk *disk, uint64_t len)
{
    struct stat st;
    if (fstat(disk->fd, &st) < 0)
        return -errno;
    disk->dev = st.st_dev;
    disk->ino = st.st_ino;
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return -ENOTBLK;
    int error = lock_file(disk->fd);
    if (error)
        return error;
    if (S_ISREG(st.st_mode))
        return size_regular(disk->fd, (uint64_t)st.st_size, len);
    off_t size = lseek(disk->fd, 0, SEEK_END);
    if (size < 0)
        return -errno;
    return (uint64_t)size < len ? -ENOSPC : 0;
}

/* Moves the descriptor out of the guests' way, as far up as the limit on descriptors lets it. */
static void raise_fd(struct swapdisk *disk)
{
    for (int floor = FD_FLOOR; floor > disk->fd; floor /= 2) {
        int fd = fcntl(disk->fd, F_DUPFD_CLOEXEC, floor);
        if (fd >= 0) {
            close(disk->fd);
            disk->fd = fd;
            return;
        }
    }
}

static uint64_t bitmap_len(uint64_t slots)
{
    return (slots + WORD_BITS - 1) / WORD_BITS * sizeof(uint64_t);
}

static int create_arrays(struct swapdisk *disk)
{
    disk->bitmap = lazy_create(bitmap_len(disk->slots));
    disk->sums = lazy_create(disk->slots * sizeof(uint64_t));
    return disk->bitmap && disk->sums ? 0 : -ENOMEM;
}

int swapdisk_create(const char *path, uint64_t len, struct swapdisk **out)
{
    if (len < PAGE_SIZE || len > LEN_MAX)
        return -EINVAL;
    struct swapdisk *disk = calloc(1, sizeof(*disk));
    if (!disk)
        return -ENOMEM;
    disk->fd = -1;
    disk->slots = len / PAGE_SIZE < SLOTS_MAX ? len / PAGE_SIZE : SLOTS_MAX;
    int error = path ? open_path(disk, path) : open_temporary(disk);
    if (!error) {
        raise_fd(disk);
        error = check_and_size(disk, disk->slots * PAGE_SIZE);
    }
    if (!error)
        error = create_arrays(disk);
    if (error) {
        swapdisk_destroy(disk);
        return error;
    }
    *out = disk;
    return 0;
}

static bool path_is_ours(const struct swapdisk *disk)
{
    struct stat st;
    return lstat(disk->path, &st) == 0 && st.st_dev == disk->dev && st.st_ino == disk->ino;
}

void swapdisk_destroy(struct swapdisk *disk)
{
    if (!disk)
        return;
    if (disk->created && path_is_ours(disk))
        unlink(disk->path);
    if (disk->fd >= 0)
        close(disk->fd);
    lazy_destroy(disk->bitmap, bitmap_len(disk->slots));
    lazy_destroy(disk->sums, disk->slots * sizeof(uint64_t));
    free(disk->path);
    free(disk);
}

const char *swapdisk_name(const struct swapdisk *disk)
{
    return disk->path;
}

/* ---- slots ---- */

uint64_t swapdisk_slots(const struct swapdisk *disk)
{
    return disk->slots;
}

uint64_t swapdisk_used(const struct swapdisk *disk)
{
    return disk->used;
}

static bool bit_is_set(const struct swapdisk *disk, uint64_t bit)
{
    return disk->bitmap[bit / WORD_BITS] >> (bit % WORD_BITS) & 1;
}

bool swapdisk_is_used(const struct swapdisk *disk, swap_slot_t slot)
{
    return slot != SWAP_NONE && slot <= disk->slots && bit_is_set(disk, slot - 1);
}

/* The first free bit in [from, end), or end. */
static uint64_t find_free(const struct swapdisk *disk, uint64_t from, uint64_t end)
{
    for (uint64_t bit = from; bit < end; bit = (bit / WORD_BITS + 1) * WORD_BITS) {
        uint64_t free_bits = ~disk->bitmap[bit / WORD_BITS] >> (bit % WORD_BITS);
        if (free_bits) {
            bit += (unsigned)__builtin_ctzll(free_bits);
            return bit < end ? bit : end;
        }
    }
    return end;
}

unsigned swapdisk_take(struct swapdisk *disk, unsigned want, swap_slot_t *first)
{
    if (want == 0 || disk->used == disk->slots)
        return 0;
    uint64_t start = find_free(disk, disk->cursor, disk->slots);
    if (start == disk->slots)
        start = find_free(disk, 0, disk->slots);
    uint64_t bit = start;
    for (; bit < disk->slots && bit - start < want && !bit_is_set(disk, bit); bit++)
        disk->bitmap[bit / WORD_BITS] |= (uint64_t)1 << (bit % WORD_BITS);
    disk->used += bit - start;
    disk->cursor = bit < disk->slots ? bit : 0;
    *first = (swap_slot_t)(start + 1);
    return (unsigned)(bit - start);
}

void swapdisk_give(struct swapdisk *disk, swap_slot_t slot)
{
    CHECK(swapdisk_is_used(disk, slot));
    uint64_t bit = slot - 1;
    disk->bitmap[bit / WORD_BITS] &= ~((uint64_t)1 << (bit % WORD_BITS));
    disk->sums[bit] = 0;
    disk->used--;
}

bool swapdisk_is_valid(const struct swapdisk *disk)
{
    uint64_t words = bitmap_len(disk->slots) / sizeof(uint64_t), used = 0;
    for (uint64_t i = 0; i < words; i++)
        used += (unsigned)__builtin_popcountll(disk->bitmap[i]);
    unsigned tail = disk->slots % WORD_BITS;
    bool tail_is_clear = !tail || disk->bitmap[words - 1] >> tail == 0;
    return used == disk->used && tail_is_clear && disk->cursor < disk->slots;
}

/* ---- pages ---- */

static uint64_t sum_of(const uint8_t *page)
{
    uint64_t sum = XXH3_64bits(page, PAGE_SIZE);
    return sum ? sum : 1;
}

static void check_slots(const struct swapdisk *disk, swap_slot_t first, unsigned npages)
{
    CHECK(npages > 0 && first != SWAP_NONE && npages <= disk->slots &&
          first - 1 <= disk->slots - npages);
    for (unsigned i = 0; i < npages; i++)
        CHECK(bit_is_set(disk, first - 1 + i));
}

/* The pages still to be moved when `done` bytes are, BATCH_PAGES at most. Result: how many. */
static int gather(uint8_t *const *pages, unsigned npages, uint64_t done, struct iovec *iov)
{
    int n = 0;
    for (uint64_t i = done / PAGE_SIZE; i < npages && n < BATCH_PAGES; i++)
        iov[n++] = (struct iovec){pages[i], PAGE_SIZE};
    iov[0].iov_base = (uint8_t *)iov[0].iov_base + done % PAGE_SIZE;
    iov[0].iov_len = PAGE_SIZE - done % PAGE_SIZE;
    return n;
}

static ssize_t request(const struct swapdisk *disk, bool write, const struct iovec *iov, int n,
                       uint64_t at)
{
    return write ? pwritev(disk->fd, iov, n, (off_t)at) : preadv(disk->fd, iov, n, (off_t)at);
}

/* Moves whole pages in as few requests as the host allows. Errors: the host's; -EIO at an end of
 * the file that should not be there. */
static int transfer(const struct swapdisk *disk, bool write, swap_slot_t first, unsigned npages,
                    uint8_t *const *pages)
{
    uint64_t at = (uint64_t)(first - 1) * PAGE_SIZE, len = (uint64_t)npages * PAGE_SIZE;
    struct iovec iov[BATCH_PAGES];
    for (uint64_t done = 0; done < len;) {
        int n = gather(pages, npages, done, iov);
        ssize_t moved = request(disk, write, iov, n, at + done);
        if (moved < 0 && errno != EINTR)
            return -errno;
        if (moved == 0)
            return -EIO;
        if (moved > 0)
            done += (uint64_t)moved;
    }
    return 0;
}

int swapdisk_write(struct swapdisk *disk, swap_slot_t first, unsigned npages,
                   const uint8_t *const *pages)
{
    check_slots(disk, first, npages);
    uint64_t *sums = disk->sums + first - 1;
    memset(sums, 0, npages * sizeof(*sums));
    int error = transfer(disk, true, first, npages, (uint8_t *const *)pages);
    /* A sparse file that cannot grow: go back to the slots that were written before. */
    if (error == -ENOSPC || error == -EDQUOT || error == -EFBIG)
        disk->cursor = 0;
    if (error)
        return error;
    for (unsigned i = 0; i < npages; i++)
        sums[i] = sum_of(pages[i]);
    return 0;
}

static int verify(const struct swapdisk *disk, swap_slot_t slot, const uint8_t *page)
{
    return sum_of(page) == disk->sums[slot - 1] ? 0 : -EBADMSG;
}

int swapdisk_read(struct swapdisk *disk, swap_slot_t slot, uint8_t *page)
{
    check_slots(disk, slot, 1);
    int error = transfer(disk, false, slot, 1, &page);
    return error ? error : verify(disk, slot, page);
}

void swapdisk_read_cluster(struct swapdisk *disk, swap_slot_t first, unsigned npages,
                           uint8_t *const *pages, int *results)
{
    check_slots(disk, first, npages);
    int error = transfer(disk, false, first, npages, pages);
    for (unsigned i = 0; i < npages; i++) {
        if (error) /* one bad block must not cost its neighbours */
            results[i] = swapdisk_read(disk, first + i, pages[i]);
        else
            results[i] = verify(disk, first + i, pages[i]);
    }
}
