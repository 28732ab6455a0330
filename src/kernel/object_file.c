// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The file page cache: objects whose pages live in files of the host. One object per inode, found
 * by (device, inode) in a hash table, so that all mappings of a file share its frames and read and
 * write calls can find them.
 *
 * An object keeps a descriptor of its own, opened anew through /proc/self/fd: a mapping outlives
 * the guest's descriptor, and must not inherit its O_APPEND or O_DIRECT. It is numbered from 1000,
 * out of the guests' way.
 *
 * An object without references rests: it keeps its pages but no descriptor. It is found again by
 * whoever maps a file of the same device, inode, length and times; if one of these changed, or a
 * guest wrote to the file meanwhile, it ends. That decides only whether its pages are there or must
 * be read: each is compared with the file when it is used again (file_refresh()), so neither times
 * that are too coarse nor an inode number that is used again can bring old bytes back.
 *
 * Writing back never extends a file: what was stored beyond the end is dropped, as with a native
 * mapping. `len` remembers the length last seen, so that growth is noticed and the rest of what was
 * the last page is read again.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/check.h"
#include "base/xalloc.h"
#include "kernel/object.h"
#include "kernel/space_pages.h"
#include "kernel/trouble.h"

enum {
    FD_MIN = 1000,
    BUCKETS_MIN = 64, /* a power of two */
    IOV_PAGES = 32,
    RESTING_MAX = 1024, /* objects; what they cost the host beside RAM is bounded by that */
};

struct file {
    uint64_t dev, ino;
    int fd; /* -1: it rests */
    bool writable;
    uint64_t len; /* bytes, when last looked at */
    struct object *object;
    struct file *next; /* in its bucket */
    /* while it rests */
    struct timespec modified, changed;
    struct file *newer, *older; /* neighbours in the list of those that rest */
};

struct object_table {
    struct file **buckets;
    size_t nbuckets; /* a power of two */
    size_t count;
    struct file *newest, *oldest; /* list of the files that rest, by when they began to */
    size_t nresting;
};

static size_t bucket_of(const struct object_table *table, uint64_t dev, uint64_t ino)
{
    uint64_t hash = (ino ^ dev << 40 ^ dev >> 24) * 0x9e3779b97f4a7c15u;
    return (hash >> 32) & (table->nbuckets - 1);
}

static struct file *table_find(const struct object_table *table, uint64_t dev, uint64_t ino)
{
    if (!table)
        return NULL;
    struct file *file = table->buckets[bucket_of(table, dev, ino)];
    while (file && (file->dev != dev || file->ino != ino))
        file = file->next;
    return file;
}

static void table_link(struct object_table *table, struct file *file)
{
    struct file **bucket = &table->buckets[bucket_of(table, file->dev, file->ino)];
    file->next = *bucket;
    *bucket = file;
}

static void table_grow(struct object_table *table)
{
    struct file **old = table->buckets;
    size_t nold = table->nbuckets;
    table->nbuckets *= 2;
    table->buckets = x_calloc(table->nbuckets, sizeof(struct file *));
    for (size_t i = 0; i < nold; i++)
        for (struct file *file = old[i], *next; file; file = next) {
            next = file->next;
            table_link(table, file);
        }
    free(old);
}

/* The table exists while there is a file. */
static void table_add(struct kernel *kernel, struct file *file)
{
    struct object_table *table = kernel->objects;
    if (!table) {
        table = kernel->objects = x_calloc(1, sizeof(*table));
        table->nbuckets = BUCKETS_MIN;
        table->buckets = x_calloc(table->nbuckets, sizeof(struct file *));
    }
    if (++table->count > table->nbuckets)
        table_grow(table);
    table_link(table, file);
}

static void table_remove(struct kernel *kernel, struct file *file)
{
    struct object_table *table = kernel->objects;
    struct file **link = &table->buckets[bucket_of(table, file->dev, file->ino)];
    while (*link != file)
        link = &(*link)->next;
    *link = file->next;
    if (--table->count > 0)
        return;
    free(table->buckets);
    free(table);
    kernel->objects = NULL;
}

static struct file *object_to_file(const struct object *object)
{
    return object->backing;
}

/* Length of the open file in bytes. */
static uint64_t host_len(int fd)
{
    struct stat st;
    uint64_t len = 0;
    if (fstat(fd, &st))
        return 0;
    if (S_ISBLK(st.st_mode))
        return ioctl(fd, BLKGETSIZE64, &len) ? 0 : len;
    return (uint64_t)st.st_size;
}

/* Reads up to len bytes, less only at the end of the file. Result: bytes, or -errno. */
static int64_t read_fully(int fd, uint8_t *dst, uint64_t len, uint64_t offset)
{
    uint64_t done = 0;
    while (done < len) {
        ssize_t n = pread(fd, dst + done, len - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        done += (uint64_t)n;
    }
    return (int64_t)done;
}

static void notice_growth(struct kernel *kernel, struct file *file);

/* Reads a page of the file. Errors: as page_in. */
static int read_page(struct kernel *kernel, struct file *file, uint64_t index, uint8_t *page)
{
    if (index >= (uint64_t)INT64_MAX >> PAGE_SHIFT)
        return -ERANGE;
    int64_t n = read_fully(file->fd, page, PAGE_SIZE, index << PAGE_SHIFT);
    if (n < 0) {
        trouble_file(kernel, "read", file->fd, index, (int)n);
        return -EIO;
    }
    if (n == 0)
        return -ERANGE;
    memset(page + n, 0, (size_t)(PAGE_SIZE - n));
    notice_growth(kernel, file);
    return 0;
}

static int file_page_in(struct kernel *kernel, struct object *object, uint64_t index, slot_t slot,
                        uint8_t *page, bool *was_read)
{
    (void)slot;
    int error = read_page(kernel, object_to_file(object), index, page);
    if (error)
        return error;
    kernel->machine->now->pages_in++;
    *was_read = true;
    return 0;
}

static int file_refresh(struct kernel *kernel, struct object *object, uint64_t index, pfn_t pfn)
{
    uint8_t now[PAGE_SIZE], *page = ram_frame(kernel->machine->ram, pfn);
    int error = read_page(kernel, object_to_file(object), index, now);
    if (error || memcmp(page, now, PAGE_SIZE) == 0)
        return error;
    memcpy(page, now, PAGE_SIZE);
    ram_changed(kernel->machine->ram, pfn);
    return 0;
}

/* Writes `len` bytes of the pages at the offset. Result: 0 or -errno. */
static int write_pages(int fd, const uint8_t *const *pages, uint64_t len, uint64_t offset)
{
    uint64_t done = 0;
    while (done < len) {
        struct iovec iov[IOV_PAGES];
        int count = 0;
        for (uint64_t at = done; at < len && count < IOV_PAGES; count++) {
            uint64_t in_page = at & PAGE_MASK;
            uint64_t part = PAGE_SIZE - in_page < len - at ? PAGE_SIZE - in_page : len - at;
            iov[count] = (struct iovec){(uint8_t *)pages[at >> PAGE_SHIFT] + in_page, part};
            at += part;
        }
        ssize_t n = pwritev(fd, iov, count, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        done += (uint64_t)n;
    }
    return 0;
}

static int file_page_out(struct kernel *kernel, struct object *object, uint64_t index,
                         unsigned npages, const uint8_t *const *pages, slot_t *slot)
{
    struct file *file = object_to_file(object);
    uint64_t offset = index << PAGE_SHIFT, end = offset + ((uint64_t)npages << PAGE_SHIFT);
    uint64_t len = host_len(file->fd);
    if (end > len)
        end = len > offset ? len : offset;
    int error = file->writable ? write_pages(file->fd, pages, end - offset, offset) : -EBADF;
    if (error) {
        trouble_file(kernel, "write", file->fd, index, error);
        return error;
    }
    kernel->machine->now->pages_out += npages;
    *slot = slot_absent();
    return (int)npages;
}

/* ---- files that rest ---- */

static bool is_resting(const struct file *file)
{
    return file->fd < 0;
}

static void resting_add(struct object_table *table, struct file *file)
{
    file->older = table->newest;
    file->newer = NULL;
    *(table->newest ? &table->newest->newer : &table->oldest) = file;
    table->newest = file;
    table->nresting++;
}

static void resting_remove(struct object_table *table, struct file *file)
{
    *(file->newer ? &file->newer->older : &table->newest) = file->older;
    *(file->older ? &file->older->newer : &table->oldest) = file->newer;
    table->nresting--;
}

static bool file_rest(struct kernel *kernel, struct object *object)
{
    struct object_table *table = kernel->objects;
    struct file *file = object_to_file(object);
    struct stat st;
    if (fstat(file->fd, &st) || st.st_nlink == 0)
        return false; /* nobody finds it again */
    close(file->fd);
    file->fd = -1;
    file->writable = false;
    file->len = (uint64_t)st.st_size;
    file->modified = st.st_mtim;
    file->changed = st.st_ctim;
    if (table->nresting == RESTING_MAX)
        object_end(kernel, table->oldest->object);
    resting_add(table, file);
    return true;
}

static bool is_same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool is_unchanged(const struct file *file, const struct stat *st)
{
    return file->len == (uint64_t)st->st_size && is_same_time(file->modified, st->st_mtim) &&
           is_same_time(file->changed, st->st_ctim);
}

void object_end_resting(struct kernel *kernel)
{
    while (kernel->objects && kernel->objects->oldest)
        object_end(kernel, kernel->objects->oldest->object);
}

static void file_destroy(struct kernel *kernel, struct object *object)
{
    struct file *file = object_to_file(object);
    if (is_resting(file))
        resting_remove(kernel->objects, file);
    else
        close(file->fd);
    table_remove(kernel, file);
    free(file);
}

static const struct object_ops file_ops = {
    .kind = "file",
    .has_home = true,
    .page_in = file_page_in,
    .page_out = file_page_out,
    .refresh = file_refresh,
    .rest = file_rest,
    .destroy = file_destroy,
};

/* A descriptor of the same file that shares nothing with host_fd. Result: it, or -errno. */
static int open_again(int host_fd, bool writable)
{
    char link[64];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", host_fd);
    int low = open(link, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY);
    /* Without /proc, or without the right to open it once more, share the guest's description. */
    int fd = fcntl(low >= 0 ? low : host_fd, F_DUPFD_CLOEXEC, FD_MIN);
    int error = fd < 0 ? -errno : 0;
    if (low >= 0)
        close(low);
    if (error)
        return error == -EINVAL ? -EMFILE : error; /* EINVAL: no number from FD_MIN is allowed */
    int mode = fcntl(fd, F_GETFL);
    bool fits = writable ? (mode & O_ACCMODE) == O_RDWR && !(mode & O_APPEND)
                         : (mode & O_ACCMODE) != O_WRONLY;
    if (!fits) {
        close(fd);
        return -EACCES;
    }
    return fd;
}

static int file_upgrade(struct file *file, int host_fd)
{
    int fd = open_again(host_fd, true);
    if (fd < 0)
        return fd;
    close(file->fd);
    file->fd = fd;
    file->writable = true;
    return 0;
}

static int file_create(struct kernel *kernel, int host_fd, bool writable, const struct stat *st,
                       struct file **out)
{
    int fd = open_again(host_fd, writable);
    if (fd < 0)
        return fd;
    struct file *file = x_calloc(1, sizeof(*file));
    *file = (struct file){
        .dev = st->st_dev, .ino = st->st_ino, .fd = fd, .writable = writable, .len = host_len(fd)};
    file->object = object_create(kernel, &file_ops, file);
    table_add(kernel, file);
    *out = file;
    return 0;
}

/* Somebody maps a file that rests: with a reference for the caller. */
static int file_wake(struct kernel *kernel, struct file *file, int host_fd, bool writable)
{
    int fd = open_again(host_fd, writable);
    if (fd < 0)
        return fd;
    resting_remove(kernel->objects, file);
    file->fd = fd;
    file->writable = writable;
    file->len = host_len(fd);
    object_get(file->object);
    return 0;
}

/* The file's object if somebody has it, or if it rests and may be used again; else NULL. */
static struct file *find_usable(struct kernel *kernel, const struct stat *st)
{
    struct file *file = table_find(kernel->objects, st->st_dev, st->st_ino);
    if (!file || !is_resting(file) || is_unchanged(file, st))
        return file;
    object_end(kernel, file->object);
    return NULL;
}

static int file_get(struct kernel *kernel, struct file *file, int host_fd, bool writable)
{
    if (is_resting(file))
        return file_wake(kernel, file, host_fd, writable);
    int error = writable && !file->writable ? file_upgrade(file, host_fd) : 0;
    if (!error)
        object_get(file->object);
    return error;
}

static bool is_dev_zero(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 5);
}

int object_file(struct kernel *kernel, int host_fd, bool writable, struct object **out)
{
    struct stat st;
    if (fstat(host_fd, &st))
        return -errno;
    if (is_dev_zero(&st)) {
        *out = NULL;
        return 0;
    }
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return -ENODEV;
    struct file *file = find_usable(kernel, &st);
    int error = file ? file_get(kernel, file, host_fd, writable)
                     : file_create(kernel, host_fd, writable, &st, &file);
    if (!error)
        *out = file->object;
    return error;
}

uint64_t object_file_len(const struct object *object)
{
    return object->ops == &file_ops ? host_len(object_to_file(object)->fd) : 0;
}

bool object_is_file(const struct object *object, uint64_t *dev, uint64_t *ino)
{
    if (object->ops != &file_ops)
        return false;
    *dev = object_to_file(object)->dev;
    *ino = object_to_file(object)->ino;
    return true;
}

bool object_any_file(const struct kernel *kernel)
{
    return kernel->objects;
}

int object_flush(struct object *object)
{
    if (object->ops != &file_ops)
        return 0;
    return fdatasync(object_to_file(object)->fd) ? -errno : 0;
}

int object_punch(struct kernel *kernel, struct object *object, uint64_t first, uint64_t last)
{
    if (object->ops == &file_ops) {
        int fd = object_to_file(object)->fd;
        if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(first << PAGE_SHIFT),
                      (off_t)((last - first) << PAGE_SHIFT)))
            return -errno;
    }
    object_drop(kernel, object, first, last);
    return 0;
}

static struct file *file_of_fd(const struct kernel *kernel, int host_fd)
{
    struct stat st;
    if (!kernel->objects || fstat(host_fd, &st))
        return NULL;
    return table_find(kernel->objects, st.st_dev, st.st_ino);
}

/* As file_of_fd(), for a file that changed: pages that nobody has are not kept in step. */
static struct file *changed_file_of_fd(struct kernel *kernel, int host_fd)
{
    struct file *file = file_of_fd(kernel, host_fd);
    if (!file || !is_resting(file))
        return file;
    object_end(kernel, file->object);
    return NULL;
}

int object_before_read(struct kernel *kernel, int host_fd, uint64_t offset, uint64_t len)
{
    struct file *file = file_of_fd(kernel, host_fd);
    if (!file || !file->writable || len == 0)
        return 0;
    uint64_t end = len > UINT64_MAX - PAGE_SIZE - offset ? UINT64_MAX - PAGE_SIZE : offset + len;
    return object_sync(kernel, file->object, offset >> PAGE_SHIFT,
                       (end + PAGE_SIZE - 1) >> PAGE_SHIFT);
}

/* Reads bytes [from, to) of one resident page from the file again; zeros where the file ends. */
static void refresh_page(struct kernel *kernel, struct file *file, uint64_t index, unsigned from,
                         unsigned to)
{
    struct frame *frame = object_resident(kernel, file->object, index);
    if (!frame)
        return;
    pfn_t pfn = frame_pfn(&kernel->frames, frame);
    uint8_t *page = ram_frame(kernel->machine->ram, pfn);
    int64_t n = read_fully(file->fd, page + from, to - from, (index << PAGE_SHIFT) + from);
    if (n < 0) {
        trouble_file(kernel, "read", file->fd, index, (int)n);
        n = 0;
    }
    memset(page + from + n, 0, to - from - (size_t)n);
    ram_changed(kernel->machine->ram, pfn);
}

static void refresh_range(struct kernel *kernel, struct file *file, uint64_t start, uint64_t end)
{
    uint64_t value, last = (end >> PAGE_SHIFT) + ((end & PAGE_MASK) != 0);
    for (uint64_t index = start >> PAGE_SHIFT;
         radix_next(&file->object->pages, &index, last, &value); index++) {
        uint64_t base = index << PAGE_SHIFT;
        refresh_page(kernel, file, index, start > base ? (unsigned)(start - base) : 0,
                     end - base < PAGE_SIZE ? (unsigned)(end - base) : PAGE_SIZE);
    }
}

/* The file may be longer than it was: what is cached beyond its old end is not what it holds. */
static void notice_growth(struct kernel *kernel, struct file *file)
{
    uint64_t len = host_len(file->fd);
    if (len > file->len && (file->len & PAGE_MASK))
        refresh_page(kernel, file, file->len >> PAGE_SHIFT, (unsigned)(file->len & PAGE_MASK),
                     PAGE_SIZE);
    file->len = len;
}

void object_after_write(struct kernel *kernel, int host_fd, uint64_t offset, uint64_t len)
{
    struct file *file = len > 0 ? changed_file_of_fd(kernel, host_fd) : NULL;
    if (!file)
        return;
    notice_growth(kernel, file);
    refresh_range(kernel, file, offset, len > UINT64_MAX - offset ? UINT64_MAX : offset + len);
}

/* Nothing from page `npages` on is in the file any more. */
static void drop_beyond(struct kernel *kernel, struct file *file, uint64_t npages)
{
    space_pages_truncate(kernel, file->object, npages);
    object_drop(kernel, file->object, npages, UINT64_MAX);
}

void object_after_truncate(struct kernel *kernel, int host_fd, uint64_t new_len)
{
    struct file *file = changed_file_of_fd(kernel, host_fd);
    if (!file)
        return;
    uint64_t old_len = file->len; /* no page beyond it was ever cached */
    notice_growth(kernel, file);
    if (new_len >= old_len)
        return;
    drop_beyond(kernel, file, (new_len >> PAGE_SHIFT) + ((new_len & PAGE_MASK) != 0));
    if (new_len & PAGE_MASK)
        refresh_page(kernel, file, new_len >> PAGE_SHIFT, (unsigned)(new_len & PAGE_MASK),
                     PAGE_SIZE);
}
