// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * File descriptors: a process's table from guest numbers to host descriptors. Host numbers are
 * never shown to a guest, and pagewalk's own descriptors are never reachable from one. Host
 * descriptors of guests are kept at FD_HOST_MIN or above and close-on-exec.
 *
 * Invariants, checked by fd_table_is_valid():
 *   D1  a used entry's host descriptor is open, >= FD_HOST_MIN, and no other's of the same table
 *   D2  no entry below `lowest` is free
 *   D3  a host descriptor is counted once for each entry and pin, of all tables that share it
 */
#ifndef LINUX_FD_H
#define LINUX_FD_H

#include <stdbool.h>
#include <stdint.h>

struct fd_table;
struct fd_locks;
struct fd_object;

enum { FD_HOST_MIN = 64 };

/* What kind of file it is, as far as reading and writing differ. */
enum fd_kind {
    FD_REGULAR,   /* regular file or block device: seekable, never blocks for long */
    FD_DIRECTORY, /* a directory */
    FD_SOCKET,    /* may block */
    FD_STREAM,    /* pipe or fifo: may block */
    FD_DEVICE,    /* character device: a terminal may block */
    FD_EVENTS,    /* eventfd, epoll, timerfd, inotify ...: may block */
};

struct fd_entry {
    int host;                 /* -1: free */
    bool cloexec;             /* guest's FD_CLOEXEC */
    uint8_t kind;             /* enum fd_kind */
    char *proc_path;          /* normal path of a file of proc.c (base/refstr.h), else NULL */
    struct fd_object *object; /* fd_object.h, else NULL */
};

/* `limit` is RLIMIT_NOFILE's soft value at the time of a call. */
int fd_table_create(struct fd_table **out);
struct fd_table *fd_table_get(struct fd_table *table); /* CLONE_FILES */
/* fork: the same host descriptors, shared. Errors: -ENOMEM. */
int fd_table_copy(const struct fd_table *table, struct fd_table **out);
void fd_table_put(struct fd_table *table); /* the last closes all; NULL is fine */
bool fd_table_is_shared(const struct fd_table *table);
void fd_close_on_exec(struct fd_table *table);

/* A duplicate of a host descriptor, fit to be installed. Errors: -EMFILE, -EBADF. */
int fd_dup_host(int host);
/* Do two host descriptors share one open file description? 0 yes; 1 or 2 no, as kcmp(2) orders
 * them; -errno if the host does not say. */
int fd_same_description(int host, int other);
/* The host descriptor of a guest one, or -EBADF. */
int fd_host(const struct fd_table *table, int fd);
/* The entry, or NULL if it is not open; valid until the table changes. A process that has ended has
 * no table: nothing is open in NULL. */
struct fd_entry *fd_entry(const struct fd_table *table, int fd);
/* Makes a copy's entry say all that the original's says beyond the host descriptor. */
void fd_copy_extra(struct fd_entry *copy, const struct fd_entry *original);
/* Adopts a host descriptor at the lowest free number >= from. Result: the number, -EMFILE (the host
 * descriptor is then closed). */
int fd_install(struct fd_table *table, int host, int from, uint64_t limit, bool cloexec);
/* dup2: puts it at exactly `fd`, closing what was there. Errors: -EBADF fd is beyond the limit,
 * -EMFILE; the host descriptor is then closed. */
int fd_install_at(struct fd_table *table, int host, int fd, uint64_t limit, bool cloexec);
int fd_close(struct fd_table *table, int fd); /* 0 or -EBADF, or close's error */
bool fd_cloexec(const struct fd_table *table, int fd);
void fd_set_cloexec(struct fd_table *table, int fd, bool on);
/* Keeps a host descriptor of the table open, though the guest may close it, until it is unpinned as
 * often as it was pinned. */
void fd_pin(struct fd_table *table, int host);
void fd_unpin(struct fd_table *table, int host);
/* Has the host descriptor, which is in the table, no other user? */
bool fd_is_last(const struct fd_table *table, int host);
/* The lowest guest number >= from in use; -1 if none. */
int fd_next(const struct fd_table *table, int from);

/* The table's record locks (fd_lock.h); they belong to it as POSIX locks belong to a process. */
struct fd_locks *fd_table_locks(struct fd_table *table);

bool fd_table_is_valid(const struct fd_table *table);

#endif
