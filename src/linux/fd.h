// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * File descriptors: a process's table from guest numbers to host descriptors. Host numbers are
 * never shown to a guest, and pagewalk's own descriptors are never reachable from one. Host
 * descriptors of guests are kept above 2 and close-on-exec.
 */
#ifndef LINUX_FD_H
#define LINUX_FD_H

#include <stdbool.h>
#include <stdint.h>

struct fd_table;

struct fd_entry {
    int host;     /* -1: free */
    bool cloexec; /* guest's FD_CLOEXEC */
};

/* `limit` is RLIMIT_NOFILE's soft value at the time of a call. */
int fd_table_create(struct fd_table **out);
struct fd_table *fd_table_get(struct fd_table *table);                  /* CLONE_FILES */
int fd_table_copy(const struct fd_table *table, struct fd_table **out); /* fork: dup each */
void fd_table_put(struct fd_table *table);                              /* the last closes all */
void fd_close_on_exec(struct fd_table *table);

/* The host descriptor of a guest one, or -EBADF. */
int fd_host(const struct fd_table *table, int fd);
/* Adopts a host descriptor at the lowest free number >= from. Result: the number, -EMFILE (the host
 * descriptor is then closed). */
int fd_install(struct fd_table *table, int host, int from, uint64_t limit, bool cloexec);
/* dup2: puts it at exactly `fd`, closing what was there. */
int fd_install_at(struct fd_table *table, int host, int fd, uint64_t limit, bool cloexec);
int fd_close(struct fd_table *table, int fd); /* 0 or -EBADF, or close's error */
bool fd_cloexec(const struct fd_table *table, int fd);
void fd_set_cloexec(struct fd_table *table, int fd, bool on);
/* The lowest guest number >= from in use; -1 if none. */
int fd_next(const struct fd_table *table, int from);

#endif
