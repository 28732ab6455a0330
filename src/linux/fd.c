// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The descriptor table: an array by guest number. Each entry of a table has a host descriptor that
 * no other entry of it has, so that close, dup and epoll mean on the host what they mean in the
 * guest. A forked table shares its parent's host descriptors, as the two share what epoll sets know
 * of them; the last user closes. Host descriptors lie high, out of the way of pagewalk's own low
 * ones, and never survive an exec of the host's.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"
#include "base/refstr.h"
#include "base/xalloc.h"
#include "linux/fd.h"
#include "linux/fd_lock.h"
#include "linux/fd_object.h"

enum { TABLE_LEN_MIN = 64, TABLE_LEN_MAX = 1 << 20 };

/* How many entries and pins there are of each host descriptor, for all tables that come from one by
 * fork. The last one closes it. */
struct fd_hosts {
    uint32_t tables;
    int len;
    uint32_t *users; /* by host descriptor */
};

struct fd_table {
    uint32_t refs;
    int len;    /* entries */
    int lowest; /* no entry below is free */
    struct fd_entry *entries;
    struct fd_locks locks;
    struct fd_hosts *hosts;
};

static const struct fd_entry free_entry = {.host = -1};

/* ---- host descriptors ---- */

static struct fd_hosts *hosts_create(void)
{
    struct fd_hosts *hosts = x_calloc(1, sizeof *hosts);
    hosts->tables = 1;
    return hosts;
}

static void hosts_put(struct fd_hosts *hosts)
{
    if (--hosts->tables > 0)
        return;
    free(hosts->users);
    free(hosts);
}

static void host_get(struct fd_hosts *hosts, int host)
{
    int len = hosts->len ? hosts->len : TABLE_LEN_MIN;
    while (len <= host)
        len *= 2;
    if (len > hosts->len) {
        hosts->users = x_realloc(hosts->users, (size_t)len * sizeof *hosts->users);
        memset(hosts->users + hosts->len, 0, (size_t)(len - hosts->len) * sizeof *hosts->users);
        hosts->len = len;
    }
    hosts->users[host]++;
}

static int host_put(struct fd_hosts *hosts, int host)
{
    CHECK(host < hosts->len && hosts->users[host] > 0);
    if (--hosts->users[host] > 0)
        return 0;
    return close(host) < 0 && errno != EINTR ? -errno : 0;
}

void fd_pin(struct fd_table *table, int host)
{
    host_get(table->hosts, host);
}

void fd_unpin(struct fd_table *table, int host)
{
    host_put(table->hosts, host);
}

bool fd_is_last(const struct fd_table *table, int host)
{
    return table->hosts->users[host] == 1;
}

/* ---- the table ---- */

int fd_table_create(struct fd_table **out)
{
    struct fd_table *table = calloc(1, sizeof *table);
    if (!table)
        return -ENOMEM;
    table->refs = 1;
    table->hosts = hosts_create();
    fd_locks_create(&table->locks);
    *out = table;
    return 0;
}

struct fd_table *fd_table_get(struct fd_table *table)
{
    table->refs++;
    return table;
}

bool fd_table_is_shared(const struct fd_table *table)
{
    return table->refs > 1;
}

struct fd_locks *fd_table_locks(struct fd_table *table)
{
    return &table->locks;
}

static int close_entry(struct fd_table *table, struct fd_entry *entry)
{
    int fd = (int)(entry - table->entries);
    fd_locks_before_close(&table->locks, entry->host);
    int result = host_put(table->hosts, entry->host);
    refstr_put(entry->proc_path);
    struct fd_object *object = entry->object;
    *entry = free_entry;
    if (fd < table->lowest)
        table->lowest = fd;
    fd_object_put(object);
    return result;
}

void fd_table_put(struct fd_table *table)
{
    if (!table || --table->refs > 0)
        return;
    for (int fd = fd_next(table, 0); fd >= 0; fd = fd_next(table, fd + 1))
        close_entry(table, &table->entries[fd]);
    hosts_put(table->hosts);
    fd_locks_destroy(&table->locks);
    free(table->entries);
    free(table);
}

struct fd_entry *fd_entry(const struct fd_table *table, int fd)
{
    if (!table || fd < 0 || fd >= table->len || table->entries[fd].host < 0)
        return NULL;
    return &table->entries[fd];
}

int fd_host(const struct fd_table *table, int fd)
{
    const struct fd_entry *entry = fd_entry(table, fd);
    return entry ? entry->host : -EBADF;
}

int fd_next(const struct fd_table *table, int from)
{
    for (int fd = from < 0 ? 0 : from; table && fd < table->len; fd++)
        if (table->entries[fd].host >= 0)
            return fd;
    return -1;
}

static int grow(struct fd_table *table, int fd)
{
    int len = table->len ? table->len : TABLE_LEN_MIN;
    while (len <= fd)
        len *= 2;
    if (len == table->len)
        return 0;
    struct fd_entry *entries = reallocarray(table->entries, (size_t)len, sizeof *entries);
    if (!entries)
        return -ENOMEM;
    for (int i = table->len; i < len; i++)
        entries[i] = free_entry;
    table->entries = entries;
    table->len = len;
    return 0;
}

/* The host's own limit may be as low as the guest's, and ours come on top. */
static void raise_host_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int fd_dup_host(int host)
{
    int high = fcntl(host, F_DUPFD_CLOEXEC, FD_HOST_MIN);
    if (high < 0 && (errno == EMFILE || errno == EINVAL)) {
        raise_host_limit();
        high = fcntl(host, F_DUPFD_CLOEXEC, FD_HOST_MIN);
    }
    return high < 0 ? -errno : high;
}

int fd_same_description(int host, int other)
{
    long order = syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, host, other);
    return order < 0 ? -errno : (int)order;
}

/* Moves a descriptor up and marks it close-on-exec. On error it is closed. */
static int lift(int host)
{
    if (host >= FD_HOST_MIN) {
        fcntl(host, F_SETFD, FD_CLOEXEC);
        return host;
    }
    int high = fd_dup_host(host);
    close(host);
    return high;
}

static enum fd_kind kind_of(int host)
{
    struct stat st;
    if (fstat(host, &st) < 0)
        return FD_EVENTS;
    switch (st.st_mode & S_IFMT) {
    case S_IFREG:
    case S_IFBLK:
    case S_IFLNK: /* O_PATH */
        return FD_REGULAR;
    case S_IFDIR:
        return FD_DIRECTORY;
    case S_IFSOCK:
        return FD_SOCKET;
    case S_IFIFO:
        return FD_STREAM;
    case S_IFCHR:
        return FD_DEVICE;
    default:
        return FD_EVENTS;
    }
}

static int lowest_free(const struct fd_table *table, int from)
{
    int fd = from > table->lowest ? from : table->lowest;
    while (fd < table->len && table->entries[fd].host >= 0)
        fd++;
    return fd;
}

static void put_entry(struct fd_table *table, int fd, int host, bool cloexec)
{
    table->entries[fd] =
        (struct fd_entry){.host = host, .cloexec = cloexec, .kind = (uint8_t)kind_of(host)};
    host_get(table->hosts, host);
    if (fd == table->lowest)
        table->lowest = lowest_free(table, fd);
}

static bool is_beyond(int fd, uint64_t limit)
{
    return fd < 0 || (uint64_t)fd >= limit || fd >= TABLE_LEN_MAX;
}

int fd_install(struct fd_table *table, int host, int from, uint64_t limit, bool cloexec)
{
    DCHECK(from >= 0);
    int fd = lowest_free(table, from);
    int error = is_beyond(fd, limit) ? -EMFILE : grow(table, fd);
    if (error) {
        close(host);
        return error;
    }
    host = lift(host);
    if (host < 0)
        return host;
    put_entry(table, fd, host, cloexec);
    return fd;
}

int fd_install_at(struct fd_table *table, int host, int fd, uint64_t limit, bool cloexec)
{
    int error = is_beyond(fd, limit) ? -EBADF : grow(table, fd);
    if (error) {
        close(host);
        return error;
    }
    host = lift(host);
    if (host < 0)
        return host;
    if (table->entries[fd].host >= 0)
        close_entry(table, &table->entries[fd]);
    put_entry(table, fd, host, cloexec);
    return fd;
}

int fd_close(struct fd_table *table, int fd)
{
    struct fd_entry *entry = fd_entry(table, fd);
    return entry ? close_entry(table, entry) : -EBADF;
}

bool fd_cloexec(const struct fd_table *table, int fd)
{
    const struct fd_entry *entry = fd_entry(table, fd);
    return entry && entry->cloexec;
}

void fd_set_cloexec(struct fd_table *table, int fd, bool on)
{
    struct fd_entry *entry = fd_entry(table, fd);
    if (entry)
        entry->cloexec = on;
}

void fd_close_on_exec(struct fd_table *table)
{
    for (int fd = fd_next(table, 0); fd >= 0; fd = fd_next(table, fd + 1))
        if (table->entries[fd].cloexec)
            close_entry(table, &table->entries[fd]);
}

void fd_copy_extra(struct fd_entry *copy, const struct fd_entry *original)
{
    copy->proc_path = refstr_get(original->proc_path);
    copy->object = fd_object_get(original->object);
}

static void copy_entries(const struct fd_table *from, struct fd_table *to)
{
    for (int fd = fd_next(from, 0); fd >= 0; fd = fd_next(from, fd + 1)) {
        const struct fd_entry *entry = &from->entries[fd];
        to->entries[fd] = *entry;
        fd_copy_extra(&to->entries[fd], entry);
        host_get(to->hosts, entry->host);
    }
    to->lowest = from->lowest;
}

int fd_table_copy(const struct fd_table *table, struct fd_table **out)
{
    struct fd_table *copy;
    int error = fd_table_create(&copy);
    if (error)
        return error;
    hosts_put(copy->hosts);
    copy->hosts = table->hosts;
    copy->hosts->tables++;
    error = table->len > 0 ? grow(copy, table->len - 1) : 0;
    if (error) {
        fd_table_put(copy);
        return error;
    }
    copy_entries(table, copy);
    *out = copy;
    return 0;
}

bool fd_table_is_valid(const struct fd_table *table)
{
    for (int fd = 0; fd < table->len; fd++) {
        int host = table->entries[fd].host;
        if (host < 0 && fd < table->lowest)
            return false;
        if (host >= 0 && (host < FD_HOST_MIN || fcntl(host, F_GETFD) != FD_CLOEXEC))
            return false;
        if (host >= 0 && (host >= table->hosts->len || table->hosts->users[host] == 0))
            return false;
        for (int other = host < 0 ? table->len : fd + 1; other < table->len; other++)
            if (table->entries[other].host == host)
                return false;
    }
    return true;
}
