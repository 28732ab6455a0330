// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Record locks on descriptions of our own. The description is opened for reading and writing if the
 * file allows it at all, so that it can take both kinds of lock; whether the guest may is decided
 * by the guest's own descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "linux/fd.h"
#include "linux/fd_lock.h"

struct fd_lock {
    struct fd_lock *next;
    dev_t dev;
    ino_t ino;
    int host; /* a description that only locks use */
};

void fd_locks_create(struct fd_locks *out)
{
    out->first = NULL;
}

static void remove_lock(struct fd_lock **link)
{
    struct fd_lock *lock = *link;
    *link = lock->next;
    close(lock->host);
    free(lock);
}

void fd_locks_destroy(struct fd_locks *locks)
{
    while (locks->first)
        remove_lock(&locks->first);
}

void fd_locks_before_close(struct fd_locks *locks, int host)
{
    struct stat st;
    if (!locks->first || fstat(host, &st) < 0)
        return;
    for (struct fd_lock **link = &locks->first; *link;) {
        if ((*link)->dev == st.st_dev && (*link)->ino == st.st_ino)
            remove_lock(link);
        else
            link = &(*link)->next;
    }
}

static struct fd_lock *find(const struct fd_locks *locks, const struct stat *st)
{
    struct fd_lock *lock = locks->first;
    while (lock && (lock->dev != st->st_dev || lock->ino != st->st_ino))
        lock = lock->next;
    return lock;
}

/* One line of fdinfo(proc(5)): "lock:  1: OFDLCK ADVISORY WRITE -1 08:01:1234 0 EOF". */
static bool is_line_of(const char *line, const struct flock *lock)
{
    char type[8];
    long long start, end = -1;
    if (sscanf(line, "lock: %*d: OFDLCK %*s %7s %*d %*s %lld %lld", type, &start, &end) < 2)
        return false;
    long long wanted_end = lock->l_len ? lock->l_start + lock->l_len - 1 : -1;
    return start == lock->l_start && end == wanted_end &&
           strcmp(type, lock->l_type == F_WRLCK ? "WRITE" : "READ") == 0;
}

bool fd_locks_hold(const struct fd_locks *locks, int host, const struct flock *lock)
{
    struct stat st;
    char text[256];
    bool found = false;
    const struct fd_lock *own = fstat(host, &st) < 0 ? NULL : find(locks, &st);
    if (!own)
        return false;
    snprintf(text, sizeof text, "/proc/self/fdinfo/%d", own->host);
    FILE *file = fopen(text, "re");
    while (file && !found && fgets(text, sizeof text, file))
        found = is_line_of(text, lock);
    if (file)
        fclose(file);
    return found;
}

/* The same file once more, as a description of its own, with the widest access that is allowed. */
static int reopen(int host)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", host);
    int flags = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    int copy = open(path, flags | O_RDWR);
    if (copy < 0)
        copy = open(path, flags | (fcntl(host, F_GETFL) & O_ACCMODE));
    if (copy < 0)
        return -errno;
    int high = fcntl(copy, F_DUPFD_CLOEXEC, FD_HOST_MIN);
    if (high < 0)
        return copy;
    close(copy);
    return high;
}

static int find_or_create(struct fd_locks *locks, int host, struct fd_lock **out)
{
    struct stat st;
    if (fstat(host, &st) < 0)
        return -errno;
    struct fd_lock *lock = find(locks, &st);
    if (!lock) {
        int copy = reopen(host);
        if (copy < 0)
            return copy;
        lock = malloc(sizeof *lock);
        if (!lock) {
            close(copy);
            return -ENOLCK;
        }
        *lock = (struct fd_lock){locks->first, st.st_dev, st.st_ino, copy};
        locks->first = lock;
    }
    *out = lock;
    return 0;
}

/* Access that fcntl(2) asks of the guest's own descriptor. */
static bool may_lock(int host, short type)
{
    int mode = fcntl(host, F_GETFL);
    if (mode < 0 || mode & O_PATH)
        return false;
    mode &= O_ACCMODE;
    return !(type == F_RDLCK && mode == O_WRONLY) && !(type == F_WRLCK && mode == O_RDONLY);
}

/* Offsets that count from the position or the end mean the guest's description, not ours. */
static int make_absolute(int host, struct flock *lock)
{
    off_t base = 0;
    struct stat st;
    if (lock->l_whence == SEEK_CUR)
        base = lseek(host, 0, SEEK_CUR);
    else if (lock->l_whence == SEEK_END)
        base = fstat(host, &st) < 0 ? -1 : st.st_size;
    else if (lock->l_whence != SEEK_SET)
        return -EINVAL;
    if (base < 0)
        return -errno;
    if (__builtin_add_overflow(lock->l_start, base, &lock->l_start))
        return -EOVERFLOW;
    lock->l_whence = SEEK_SET;
    return 0;
}

int fd_locks_control(struct fd_locks *locks, int host, int command, struct flock *lock)
{
    if (lock->l_type != F_RDLCK && lock->l_type != F_WRLCK && lock->l_type != F_UNLCK)
        return -EINVAL;
    if (command != F_GETLK && !may_lock(host, lock->l_type))
        return -EBADF;
    int error = make_absolute(host, lock);
    if (error)
        return error;
    struct fd_lock *own = NULL;
    error = find_or_create(locks, host, &own);
    if (error)
        return error;
    lock->l_pid = 0;
    if (fcntl(own->host, command == F_GETLK ? F_OFD_GETLK : F_OFD_SETLK, lock) < 0)
        return -errno;
    return 0;
}
