// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Segments of System V shared memory. The table holds a reference to a segment's object until the
 * segment is removed (IPC_RMID); from then on only its attachments hold it, and with the last one
 * it is gone.
 */
#include "linux/shm.h"

#include <errno.h>
#include <linux/mman.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/xalloc.h"

struct shm_table {
    struct ipc_table ipc;
    struct kernel *kernel;
};

struct shm_table *shm_table_create(struct kernel *kernel)
{
    struct shm_table *table = x_calloc(1, sizeof *table);
    ipc_table_create(SHM_SEGMENTS_MAX, &table->ipc);
    table->kernel = kernel;
    return table;
}

struct ipc_table *shm_entries(struct shm_table *table)
{
    return &table->ipc;
}

struct shm_segment *shm_segment(struct ipc_entry *entry)
{
    if (!entry)
        return NULL;
    return (struct shm_segment *)((char *)entry - offsetof(struct shm_segment, ipc));
}

void shm_table_destroy(struct shm_table *table)
{
    for (unsigned i = ipc_end(&table->ipc); i-- > 0;) {
        struct shm_segment *segment = shm_segment(ipc_at(&table->ipc, i));
        CHECK(!segment || segment->object->refs == 1);
        if (segment)
            object_put(table->kernel, segment->object);
    }
    ipc_table_destroy(&table->ipc);
    free(table);
}

/* The object is about to go. */
static void segment_ended(struct object_watcher *watcher)
{
    struct shm_segment *segment = (struct shm_segment *)watcher;
    ipc_remove(&segment->table->ipc, &segment->ipc);
    free(segment);
}

/* shmget(2), SHM_HUGETLB: the size's logarithm stands in the flags. Errors: -EINVAL no such pages.
 */
static int create_huge(struct kernel *kernel, uint64_t len, int flags, struct object **out)
{
    unsigned shift = (unsigned)flags >> MAP_HUGE_SHIFT & MAP_HUGE_MASK;
    enum hugetlb_size size = shift == 30 ? HUGETLB_1G : HUGETLB_2M;
    if (shift && hugetlb_len(size) != (uint64_t)1 << shift)
        return -EINVAL;
    return object_huge(kernel, size, len, !(flags & SHM_NORESERVE), out);
}

int shm_create(struct task *task, key_t key, uint64_t len, int flags, struct shm_segment **out)
{
    struct shm_table *table = task->process->system->shm;
    struct object *object;
    if (len < 1 || len > SHM_LEN_MAX)
        return -EINVAL;
    int rc = flags & SHM_HUGETLB ? create_huge(table->kernel, len, flags, &object)
                                 : object_shared(table->kernel, (len + PAGE_MASK) >> PAGE_SHIFT,
                                                 !(flags & SHM_NORESERVE), &object);
    if (rc < 0)
        return rc;
    struct shm_segment *segment = x_calloc(1, sizeof *segment);
    rc = ipc_add(&table->ipc, &segment->ipc, key, flags);
    if (rc < 0) {
        object_put(table->kernel, object);
        free(segment);
        return rc;
    }
    segment->watcher.ended = segment_ended;
    segment->table = table;
    segment->object = object;
    segment->len = len;
    segment->creator = task->process->pid;
    segment->ctime = ipc_seconds(task->process->system);
    object->watcher = &segment->watcher;
    *out = segment;
    return 0;
}

struct shm_segment *shm_of(const struct object *object)
{
    struct object_watcher *watcher = object ? object->watcher : NULL;
    return watcher && watcher->ended == segment_ended ? (struct shm_segment *)watcher : NULL;
}

void shm_remove(struct shm_segment *segment)
{
    if (segment->is_removed)
        return;
    segment->is_removed = true;
    segment->ipc.perm.__key = IPC_PRIVATE;
    object_put(segment->table->kernel, segment->object);
}

/* The references that are not the table's are regions'. */
void shm_info(const struct shm_segment *segment, struct shmid_ds *out)
{
    *out = (struct shmid_ds){
        .shm_perm = segment->ipc.perm,
        .shm_segsz = segment->len,
        .shm_atime = segment->atime,
        .shm_dtime = segment->dtime,
        .shm_ctime = segment->ctime,
        .shm_cpid = segment->creator,
        .shm_lpid = segment->last_user,
        .shm_nattch = segment->object->refs - !segment->is_removed,
    };
    out->shm_perm.mode |= (segment->is_removed ? SHM_DEST : 0);
    out->shm_perm.mode |= (segment->object->is_locked ? SHM_LOCKED : 0);
}

void shm_used(const struct task *task, struct shm_segment *segment, bool attached)
{
    segment->last_user = task->process->pid;
    *(attached ? &segment->atime : &segment->dtime) = ipc_seconds(task->process->system);
}

void shm_count(struct shm_table *table, struct shm_totals *out)
{
    *out = (struct shm_totals){0};
    for (unsigned i = ipc_end(&table->ipc); i-- > 0;) {
        const struct shm_segment *segment = shm_segment(ipc_at(&table->ipc, i));
        if (!segment)
            continue;
        const struct object *object = segment->object;
        out->segments++;
        out->pages += object->npages;
        out->locked += object->is_locked ? object->npages : 0;
        out->swapped += object_swapped(object, 0, UINT64_MAX);
        out->resident += object_resident_pages(object);
    }
}
