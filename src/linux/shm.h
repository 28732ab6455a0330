// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * System V shared memory. A segment is a shared object of the kernel room; who has it attached is
 * who maps it, so that fork, exec, exit and munmap need no help here.
 */
#ifndef LINUX_SHM_H
#define LINUX_SHM_H

#include <sys/shm.h>

#include "linux/ipc.h"
#include "linux/task.h"

enum { SHM_SEGMENTS_MAX = 4096 };              /* kernel.shmmni */
#define SHM_LEN_MAX (UINT64_MAX - (1UL << 24)) /* kernel.shmmax, in bytes, and shmall, in pages */

struct shm_table;

struct shm_segment {
    struct object_watcher watcher; /* first; it frees a segment that was removed */
    struct ipc_entry ipc;
    struct shm_table *table;
    struct object *object;
    bool is_removed; /* IPC_RMID: it ends with its last attachment, and is found by number only */
    uint64_t len;    /* bytes, as it was asked for */
    int64_t atime, dtime, ctime;
    int creator, last_user; /* pids */
};

struct shm_table *shm_table_create(struct kernel *kernel);
/* => nothing is attached any more */
void shm_table_destroy(struct shm_table *table);
struct ipc_table *shm_entries(struct shm_table *table);
struct shm_segment *shm_segment(struct ipc_entry *entry); /* NULL gives NULL */

/* A new segment of `len` bytes. Errors: -EINVAL, -ENOSPC, -ENOMEM. */
int shm_create(struct task *task, key_t key, uint64_t len, int flags, struct shm_segment **out);
/* The segment that the object is, or NULL. */
struct shm_segment *shm_of(const struct object *object);
/* IPC_RMID. => the segment may be gone afterwards */
void shm_remove(struct shm_segment *segment);

void shm_info(const struct shm_segment *segment, struct shmid_ds *out);
/* The caller attached or detached it, now. */
void shm_used(const struct task *task, struct shm_segment *segment, bool attached);

struct shm_totals {
    unsigned segments;
    uint64_t pages, resident, swapped, locked;
};
void shm_count(struct shm_table *table, struct shm_totals *out);

#endif
