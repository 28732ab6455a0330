// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What System V's segments and sets of semaphores have in common: numbers, keys, owners and rights.
 * They are the guests' own: the host's are not seen, and no host program sees these.
 *
 * A number is a place in the table and, above that, how often something has gone from it: an old
 * number is not taken for something new.
 */
#ifndef LINUX_IPC_H
#define LINUX_IPC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/ipc.h>

struct linux_system;

enum { IPC_R = 4, IPC_W = 2, IPC_X = 1 }; /* rights, as in the lowest bits of a mode */

struct ipc_entry {
    int id;
    struct ipc_perm perm; /* its key is IPC_PRIVATE if it cannot be found by one */
};

struct ipc_table {
    struct ipc_entry **entries; /* by place; NULL: free */
    unsigned nplaces, max;      /* places there are; entries there may be */
    unsigned turn;              /* how many have gone */
};

void ipc_table_create(unsigned max, struct ipc_table *out);
void ipc_table_destroy(struct ipc_table *table); /* => empty */

/* Puts a new entry in, with the caller as its owner. Errors: -ENOSPC. */
int ipc_add(struct ipc_table *table, struct ipc_entry *entry, key_t key, int flags);
void ipc_remove(struct ipc_table *table, const struct ipc_entry *entry);

/* As shmget(2) and its like begin: the entry of a key, with the rights that `flags` ask for.
 * Result: 0 and *out, which is NULL if a new one is to be made. Errors: -ENOENT, -EEXIST, -EACCES.
 */
int ipc_get(const struct ipc_table *table, key_t key, int flags, struct ipc_entry **out);
/* Errors: -EINVAL there is none, -EIDRM it is gone and its place taken. */
int ipc_find(const struct ipc_table *table, int id, struct ipc_entry **out);
/* NULL: the place is free. */
struct ipc_entry *ipc_at(const struct ipc_table *table, unsigned place);
/* Above every place in use. */
unsigned ipc_end(const struct ipc_table *table);

/* May the caller have these rights of it? May it change and remove it? */
bool ipc_permits(const struct ipc_entry *entry, unsigned rights);
bool ipc_is_owner(const struct ipc_entry *entry);
/* What IPC_SET may change. */
void ipc_set(struct ipc_entry *entry, const struct ipc_perm *wanted);

int64_t ipc_seconds(const struct linux_system *system); /* the guests' time of day */

#endif
