// SPDX-License-Identifier: GPL-2.0-or-later
/* shmget, shmat, shmdt and shmctl(2): decoding, rights, and mapping. */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "linux/shm.h"
#include "linux/syscall_calls.h"
#include "linux/user.h"

#ifndef SHM_STAT_ANY
#define SHM_STAT_ANY 15
#endif

static struct shm_table *table_of(const struct task *task)
{
    return task->process->system->shm;
}

/* Errors: -EINVAL, -EIDRM. */
static int find(const struct task *task, int id, struct shm_segment **out)
{
    struct ipc_entry *entry;
    int rc = ipc_find(shm_entries(table_of(task)), id, &entry);
    if (rc < 0)
        return rc;
    *out = shm_segment(entry);
    return 0;
}

/* ---- shmget ---- */

int64_t sys_shmget(struct task *task, const uint64_t args[6])
{
    key_t key = (key_t)args[0];
    uint64_t len = args[1];
    int flags = (int)args[2];
    struct ipc_entry *entry;
    int rc = ipc_get(shm_entries(table_of(task)), key, flags, &entry);
    if (rc < 0)
        return rc;
    struct shm_segment *segment = shm_segment(entry);
    if (segment)
        rc = len > segment->len ? -EINVAL : 0;
    else
        rc = shm_create(task, key, len, flags, &segment);
    return rc < 0 ? rc : segment->ipc.id;
}

/* ---- shmat ---- */

/* Where to: 0, or a page that SHM_REMAP, or nothing in the way, allows. */
static int decode_place(const struct task *task, const struct shm_segment *segment, uint64_t addr,
                        int flags, struct space_map_request *request)
{
    uint64_t len = request->len;
    if (addr & PAGE_MASK) {
        if (!(flags & SHM_RND))
            return -EINVAL;
        addr &= ~PAGE_MASK;
    }
    request->addr = vaddr(addr);
    if (addr == 0)
        return flags & SHM_REMAP ? -EINVAL : 0;
    request->flags = SPACE_MAP_FIXED;
    const struct region *above = space_region_from(task->process->space, vaddr(addr));
    bool is_taken = above && above->range.start < addr + len;
    return addr + len < addr || (is_taken && !(flags & SHM_REMAP)) ? -EINVAL : 0;
}

static unsigned decode_rights(int flags, struct space_map_request *request)
{
    unsigned rights = IPC_R;
    request->prot = PROT_MASK_R;
    request->max_prot = PROT_MASK_R | PROT_MASK_X;
    if (!(flags & SHM_RDONLY)) {
        rights |= IPC_W;
        request->prot |= PROT_MASK_W;
        request->max_prot |= PROT_MASK_W;
    }
    if (flags & SHM_EXEC) {
        rights |= IPC_X;
        request->prot |= PROT_MASK_X;
    }
    return rights;
}

static unsigned region_flags_of(const struct object *object)
{
    enum hugetlb_size size;
    if (!object_is_huge(object, &size))
        return REGION_SHARED;
    return REGION_SHARED | REGION_HUGETLB | (size == HUGETLB_1G ? REGION_HUGETLB_1G : 0u);
}

int64_t sys_shmat(struct task *task, const uint64_t args[6])
{
    struct shm_segment *segment;
    char name[32];
    int flags = (int)args[2];
    vaddr_t out;
    int rc = find(task, (int)args[0], &segment);
    if (rc < 0)
        return rc;
    struct space_map_request request = {.len = segment->object->npages << PAGE_SHIFT,
                                        .region_flags = region_flags_of(segment->object),
                                        .object = segment->object,
                                        .name = name};
    snprintf(name, sizeof name, "/SYSV%08x (deleted)", (unsigned)segment->ipc.perm.__key);
    rc = decode_place(task, segment, args[1], flags, &request);
    if (rc < 0)
        return rc;
    if (!ipc_permits(&segment->ipc, decode_rights(flags, &request)))
        return -EACCES;
    rc = space_map(task->process->space, &request, &out);
    if (rc < 0)
        return rc;
    shm_used(task, segment, true);
    return (int64_t)out.v;
}

/* ---- shmdt ---- */

/* Does the region lie where a segment attached at addr would have it? */
static bool is_attached_at(const struct region *region, uint64_t addr)
{
    return shm_of(region->object) && region->range.start - addr == region->object_page
                                                                       << PAGE_SHIFT;
}

/* The first region of the segment that is attached at addr; part of it may have been unmapped. */
static struct region *find_attached(const struct task *task, uint64_t addr)
{
    struct region *region = space_region_from(task->process->space, vaddr(addr));
    while (region && (region->range.start < addr || !is_attached_at(region, addr)))
        region = region_next(region);
    return region;
}

int64_t sys_shmdt(struct task *task, const uint64_t args[6])
{
    struct space *space = task->process->space;
    uint64_t addr = args[0];
    struct region *region = addr & PAGE_MASK ? NULL : find_attached(task, addr);
    if (!region)
        return -EINVAL;
    struct object *object = object_get(region->object); /* the segment may go with its last */
    shm_used(task, shm_of(object), false);
    uint64_t end = addr + (object->npages << PAGE_SHIFT);
    for (struct region *next; region && region->range.start < end; region = next) {
        uint64_t start = region->range.start, stop = region->range.end;
        bool is_part = region->object == object && is_attached_at(region, addr);
        if (is_part)
            space_unmap(space, vaddr(start), stop - start);
        next = space_region_from(space, vaddr(stop));
    }
    object_put(space->kernel, object);
    return 0;
}

/* ---- shmctl ---- */

static int64_t tell(struct task *task, const struct shm_segment *segment, uint64_t addr)
{
    struct shmid_ds info;
    shm_info(segment, &info);
    return user_write(task, addr, &info, sizeof info);
}

static int64_t ctl_stat(struct task *task, struct shm_segment *segment, uint64_t addr)
{
    return ipc_permits(&segment->ipc, IPC_R) ? tell(task, segment, addr) : -EACCES;
}

static int64_t ctl_set(struct task *task, struct shm_segment *segment, uint64_t addr)
{
    struct shmid_ds wanted;
    if (user_read(task, &wanted, addr, sizeof wanted))
        return -EFAULT;
    if (!ipc_is_owner(&segment->ipc))
        return -EPERM;
    ipc_set(&segment->ipc, &wanted.shm_perm);
    segment->ctime = ipc_seconds(task->process->system);
    return 0;
}

static int64_t ctl_remove(struct task *task, struct shm_segment *segment, uint64_t addr)
{
    if (!ipc_is_owner(&segment->ipc))
        return -EPERM;
    shm_remove(segment);
    return 0;
}

static int64_t ctl_lock(struct task *task, struct shm_segment *segment, uint64_t addr)
{
    uint64_t limit = task->process->limits[RLIMIT_MEMLOCK].cur >> PAGE_SHIFT;
    struct shm_totals totals;
    shm_count(segment->table, &totals);
    bool is_limited = !caps_has(&task->caps, CAP_IPC_LOCK);
    if (!ipc_is_owner(&segment->ipc) || (is_limited && limit == 0))
        return -EPERM;
    if (is_limited && !segment->object->is_locked &&
        totals.locked + segment->object->npages > limit)
        return -ENOMEM;
    object_set_locked(task->process->system->kernel, segment->object, true);
    return 0;
}

static int64_t ctl_unlock(struct task *task, struct shm_segment *segment, uint64_t addr)
{
    if (!ipc_is_owner(&segment->ipc))
        return -EPERM;
    object_set_locked(task->process->system->kernel, segment->object, false);
    return 0;
}

static int64_t highest_place(const struct task *task)
{
    unsigned end = ipc_end(shm_entries(table_of(task)));
    return end ? end - 1 : 0;
}

static int64_t ctl_limits(struct task *task, uint64_t addr)
{
    struct shminfo limits = {.shmmax = SHM_LEN_MAX,
                             .shmmin = 1,
                             .shmmni = SHM_SEGMENTS_MAX,
                             .shmseg = SHM_SEGMENTS_MAX,
                             .shmall = SHM_LEN_MAX};
    if (user_write(task, addr, &limits, sizeof limits))
        return -EFAULT;
    return highest_place(task);
}

static int64_t ctl_totals(struct task *task, uint64_t addr)
{
    struct shm_totals totals;
    shm_count(table_of(task), &totals);
    struct shm_info info = {.used_ids = (int)totals.segments,
                            .shm_tot = totals.pages,
                            .shm_rss = totals.resident,
                            .shm_swp = totals.swapped};
    if (user_write(task, addr, &info, sizeof info))
        return -EFAULT;
    return highest_place(task);
}

static int64_t ctl_stat_place(struct task *task, int place, int command, uint64_t addr)
{
    struct shm_segment *segment = shm_segment(ipc_at(shm_entries(table_of(task)), (unsigned)place));
    if (!segment)
        return -EINVAL;
    if (command == SHM_STAT && !ipc_permits(&segment->ipc, IPC_R))
        return -EACCES;
    return tell(task, segment, addr) ? -EFAULT : segment->ipc.id;
}

int64_t sys_shmctl(struct task *task, const uint64_t args[6])
{
    static const struct {
        int command;
        int64_t (*run)(struct task *task, struct shm_segment *segment, uint64_t addr);
    } commands[] = {{IPC_STAT, ctl_stat},
                    {IPC_SET, ctl_set},
                    {IPC_RMID, ctl_remove},
                    {SHM_LOCK, ctl_lock},
                    {SHM_UNLOCK, ctl_unlock}};
    int id = (int)args[0], command = (int)args[1];
    if (command < 0 || id < 0)
        return -EINVAL;
    if (command == IPC_INFO)
        return ctl_limits(task, args[2]);
    if (command == SHM_INFO)
        return ctl_totals(task, args[2]);
    if (command == SHM_STAT || command == SHM_STAT_ANY)
        return ctl_stat_place(task, id, command, args[2]);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        struct shm_segment *segment;
        if (commands[i].command != command)
            continue;
        int rc = find(task, id, &segment);
        return rc < 0 ? rc : commands[i].run(task, segment, args[2]);
    }
    return -EINVAL;
}
