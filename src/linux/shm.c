// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Segments of System V shared memory. A segment's number is its place in the table and, above that,
 * how often a segment has gone: an old number is not taken for a new segment's.
 *
 * The table holds a reference to a segment's object until the segment is removed (IPC_RMID); from
 * then on only its attachments hold it, and with the last one it is gone.
 */
#include "linux/shm.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/xalloc.h"

enum { PLACE_BITS = 15, TURNS = 0xffff };

struct shm_table {
    struct kernel *kernel;
    struct shm_segment *segments[SHM_SEGMENTS_MAX];
    unsigned turn; /* how many segments have gone */
};

struct shm_table *shm_table_create(struct kernel *kernel)
{
    struct shm_table *table = x_calloc(1, sizeof *table);
    table->kernel = kernel;
    return table;
}

static unsigned place_of(int id)
{
    return (unsigned)id & ((1u << PLACE_BITS) - 1);
}

/* The object is about to go. */
static void segment_ended(struct object_watcher *watcher)
{
    struct shm_segment *segment = (struct shm_segment *)watcher;
    struct shm_table *table = segment->table;
    table->segments[place_of(segment->id)] = NULL;
    table->turn = (table->turn + 1) % TURNS;
    free(segment);
}

void shm_table_destroy(struct shm_table *table)
{
    for (unsigned i = 0; i < SHM_SEGMENTS_MAX; i++) {
        struct shm_segment *segment = table->segments[i];
        CHECK(!segment || segment->object->refs == 1);
        if (segment)
            object_put(table->kernel, segment->object);
    }
    free(table);
}

static int64_t now_seconds(const struct linux_system *system)
{
    uint64_t ns = 0;
    clock_now(system, CLOCK_REALTIME, &ns);
    return (int64_t)(ns / 1000000000);
}

static void set_info(const struct task *task, key_t key, int flags, struct shm_segment *segment)
{
    struct shmid_ds *info = &segment->info;
    info->shm_perm.__key = key;
    info->shm_perm.uid = info->shm_perm.cuid = geteuid();
    info->shm_perm.gid = info->shm_perm.cgid = getegid();
    info->shm_perm.mode = (unsigned short)(flags & 0777);
    info->shm_perm.__seq = (unsigned short)(segment->id >> PLACE_BITS);
    info->shm_cpid = task->process->pid;
    info->shm_ctime = now_seconds(task->process->system);
}

static int find_place(const struct shm_table *table, unsigned *out)
{
    for (unsigned i = 0; i < SHM_SEGMENTS_MAX; i++) {
        if (!table->segments[i]) {
            *out = i;
            return 0;
        }
    }
    return -ENOSPC;
}

int shm_create(struct task *task, key_t key, uint64_t len, int flags, struct shm_segment **out)
{
    struct shm_table *table = task->process->system->shm;
    struct object *object;
    unsigned place;
    if (len < 1 || len > SHM_LEN_MAX)
        return -EINVAL;
    int rc = find_place(table, &place);
    if (rc == 0)
        rc = object_shared(table->kernel, (len + PAGE_MASK) >> PAGE_SHIFT, !(flags & SHM_NORESERVE),
                           &object);
    if (rc < 0)
        return rc;
    struct shm_segment *segment = x_calloc(1, sizeof *segment);
    segment->watcher.ended = segment_ended;
    segment->table = table;
    segment->object = object;
    segment->len = len;
    segment->id = (int)(table->turn << PLACE_BITS | place);
    set_info(task, key, flags, segment);
    object->watcher = &segment->watcher;
    table->segments[place] = segment;
    *out = segment;
    return 0;
}

struct shm_segment *shm_find_key(const struct shm_table *table, key_t key)
{
    for (unsigned i = 0; i < SHM_SEGMENTS_MAX; i++) {
        struct shm_segment *segment = table->segments[i];
        if (segment && segment->info.shm_perm.__key == key)
            return segment;
    }
    return NULL;
}

struct shm_segment *shm_at(const struct shm_table *table, unsigned place)
{
    return place < SHM_SEGMENTS_MAX ? table->segments[place] : NULL;
}

int shm_find(const struct shm_table *table, int id, struct shm_segment **out)
{
    struct shm_segment *segment = id < 0 ? NULL : shm_at(table, place_of(id));
    if (!segment)
        return -EINVAL;
    if (segment->id != id)
        return -EIDRM;
    *out = segment;
    return 0;
}

struct shm_segment *shm_of(const struct shm_table *table, const struct object *object)
{
    struct object_watcher *watcher = object ? object->watcher : NULL;
    return watcher && watcher->ended == segment_ended ? (struct shm_segment *)watcher : NULL;
}

void shm_remove(struct shm_segment *segment)
{
    if (segment->is_removed)
        return;
    segment->is_removed = true;
    segment->info.shm_perm.__key = IPC_PRIVATE;
    object_put(segment->table->kernel, segment->object);
}

/* The references that are not the table's are regions'. */
void shm_info(const struct shm_segment *segment, struct shmid_ds *out)
{
    *out = segment->info;
    out->shm_segsz = segment->len;
    out->shm_nattch = segment->object->refs - !segment->is_removed;
    out->shm_perm.mode |= (segment->is_removed ? SHM_DEST : 0);
    out->shm_perm.mode |= (segment->object->is_locked ? SHM_LOCKED : 0);
}

void shm_used(struct task *task, struct shm_segment *segment, bool attached)
{
    int64_t now = now_seconds(task->process->system);
    segment->info.shm_lpid = task->process->pid;
    *(attached ? &segment->info.shm_atime : &segment->info.shm_dtime) = now;
}

bool shm_permits(const struct shm_segment *segment, unsigned rights)
{
    const struct ipc_perm *perm = &segment->info.shm_perm;
    uid_t uid = geteuid();
    gid_t gid = getegid();
    unsigned mode = perm->mode;
    if (uid == perm->uid || uid == perm->cuid)
        mode >>= 6;
    else if (gid == perm->gid || gid == perm->cgid)
        mode >>= 3;
    return uid == 0 || !(rights & ~mode & 7);
}

static void count_segment(const struct shm_table *table, const struct shm_segment *segment,
                          struct shm_totals *out)
{
    const struct object *object = segment->object;
    out->segments++;
    out->places = place_of(segment->id) + 1;
    out->pages += object->npages;
    out->locked += object->is_locked ? object->npages : 0;
    uint64_t swapped = object_swapped(object, 0, UINT64_MAX);
    out->swapped += swapped;
    out->resident += object->pages.count - swapped;
}

void shm_count(const struct shm_table *table, struct shm_totals *out)
{
    *out = (struct shm_totals){0};
    for (unsigned i = 0; i < SHM_SEGMENTS_MAX; i++)
        if (table->segments[i])
            count_segment(table, table->segments[i], out);
}
