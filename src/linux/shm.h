// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * System V shared memory: segments, by number and by key. They are the guests' own: the host's
 * segments are not seen, and no host program sees these. A segment is a shared object of the kernel
 * room; who has it attached is who maps it, so that fork, exec, exit and munmap need no help here.
 */
#ifndef LINUX_SHM_H
#define LINUX_SHM_H

#include <sys/shm.h>

#include "linux/task.h"

enum { SHM_SEGMENTS_MAX = 4096 };              /* kernel.shmmni */
#define SHM_LEN_MAX (UINT64_MAX - (1UL << 24)) /* kernel.shmmax, in bytes, and shmall, in pages */

struct shm_table;

struct shm_segment {
    struct object_watcher watcher; /* first; it frees a segment that was removed */
    struct shm_table *table;
    struct object *object;
    bool is_removed; /* IPC_RMID: it ends with its last attachment, and is found by number only */
    uint64_t len;    /* bytes, as it was asked for */
    struct shmid_ds info; /* shm_nattch and size: see shm_info() */
    int id;
};

struct shm_table *shm_table_create(struct kernel *kernel);
/* => nothing is attached any more */
void shm_table_destroy(struct shm_table *table);

/* A new segment of `len` bytes; IPC_PRIVATE is a key that is never found. Errors: -EINVAL, -ENOSPC,
 * -ENOMEM. */
int shm_create(struct task *task, key_t key, uint64_t len, int flags, struct shm_segment **out);
/* NULL: there is none. => not IPC_PRIVATE, which those have that were removed */
struct shm_segment *shm_find_key(const struct shm_table *table, key_t key);
/* Errors: -EINVAL there is none, -EIDRM it is gone and its place taken. */
int shm_find(const struct shm_table *table, int id, struct shm_segment **out);
/* By place, as SHM_STAT counts; NULL: it is free. */
struct shm_segment *shm_at(const struct shm_table *table, unsigned place);
/* The segment that the object is, or NULL. */
struct shm_segment *shm_of(const struct shm_table *table, const struct object *object);
/* IPC_RMID. => the segment may be gone afterwards */
void shm_remove(struct shm_segment *segment);

void shm_info(const struct shm_segment *segment, struct shmid_ds *out);
/* The caller attached or detached it, now. */
void shm_used(struct task *task, struct shm_segment *segment, bool attached);
/* May the caller have these rights (0 to 7) of it? */
bool shm_permits(const struct shm_segment *segment, unsigned rights);

struct shm_totals {
    unsigned segments, places; /* places: above every place in use */
    uint64_t pages, resident, swapped, locked;
};
void shm_count(const struct shm_table *table, struct shm_totals *out);

#endif
