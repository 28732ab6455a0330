// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory calls: they decode and check what the man pages promise, then call one verb of
 * kernel/space.h, which cannot fail half-way. What a mapping maps (an object of the host's file, or
 * shared anonymous memory) is made here and handed down.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mempolicy.h>
#include <linux/magic.h>
#include <linux/mman.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "kernel/hugetlb.h"
#include "linux/fd.h"
#include "linux/syscall_calls.h"
#include "linux/user.h"

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08
#endif

enum { PROT_ALL = PROT_READ | PROT_WRITE | PROT_EXEC };

static uint64_t page_up(uint64_t len)
{
    return (len + PAGE_MASK) & ~PAGE_MASK;
}

/* ---- mmap ---- */

/* What a mapping is made of, before there is one. */
struct mapping {
    struct space_map_request request;
    bool is_shared;
    char name[PATH_MAX];
};

/* Flags that MAP_SHARED_VALIDATE accepts. */
static const uint64_t known_flags = MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_DENYWRITE |
                                    MAP_EXECUTABLE | MAP_GROWSDOWN | MAP_LOCKED | MAP_NORESERVE |
                                    MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB |
                                    MAP_32BIT | MAP_FIXED_NOREPLACE;

static int decode_type(uint64_t flags, bool is_file, bool *is_shared)
{
    switch (flags & MAP_TYPE) {
    case MAP_PRIVATE:
        *is_shared = false;
        return 0;
    case MAP_SHARED:
        *is_shared = true;
        return 0;
    case MAP_SHARED_VALIDATE:
        *is_shared = true;
        return !is_file ? -EINVAL : flags & ~known_flags ? -EOPNOTSUPP : 0;
    default:
        return -EINVAL;
    }
}

static void decode_flags(const struct task *task, uint64_t flags, struct mapping *m)
{
    const struct {
        uint64_t flag;
        unsigned map, region;
    } table[] = {
        {MAP_FIXED, SPACE_MAP_FIXED, 0}, {MAP_FIXED_NOREPLACE, SPACE_MAP_FIXED_NOREPLACE, 0},
        {MAP_32BIT, SPACE_MAP_32BIT, 0}, {MAP_GROWSDOWN, 0, REGION_GROWSDOWN},
        {MAP_LOCKED, 0, REGION_LOCKED},  {MAP_NORESERVE, 0, REGION_NORESERVE}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (flags & table[i].flag) {
            m->request.flags |= table[i].map;
            m->request.region_flags |= table[i].region;
        }
    if ((flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE)
        m->request.flags |= SPACE_MAP_POPULATE;
    if (m->is_shared)
        m->request.region_flags |= REGION_SHARED;
    const struct kernel *kernel = task->process->system->kernel;
    if (kernel->commit.mode == COMMIT_NEVER) /* strict accounting ignores NORESERVE */
        m->request.region_flags &= ~(unsigned)REGION_NORESERVE;
}

static int map_shared_memory(struct task *task, struct mapping *m)
{
    struct kernel *kernel = task->process->system->kernel;
    uint64_t len = page_up(m->request.len);
    bool reserve = !(m->request.region_flags & REGION_NORESERVE);
    strcpy(m->name, "/dev/zero (deleted)");
    m->request.name = m->name;
    return object_shared(kernel, len >> PAGE_SHIFT, reserve, &m->request.object);
}

static int map_shared_huge(struct task *task, uint64_t flags, struct mapping *m)
{
    enum hugetlb_size size = hugetlb_size_of(m->request.region_flags);
    return object_huge(task->process->system->kernel, size, m->request.len,
                       !(flags & MAP_NORESERVE), &m->request.object);
}

static bool is_dev_zero(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 5);
}

static void name_mapping(const struct task *task, int host, struct mapping *m)
{
    if (guard_name(&task->process->system->options.guard, host, m->name) < 0)
        m->name[0] = 0;
    m->request.name = m->name;
}

/* What the descriptor's mode and its file system allow, as mmap(2)'s EACCES and EPERM. */
static int check_file_access(int host, struct mapping *m)
{
    int flags = fcntl(host, F_GETFL);
    int mode = flags & O_ACCMODE;
    struct statvfs fs;
    if (flags < 0 || flags & O_PATH)
        return -EBADF;
    if (mode == O_WRONLY)
        return -EACCES;
    if (m->is_shared && mode == O_RDONLY) {
        if (m->request.prot & PROT_WRITE)
            return -EACCES;
        m->request.max_prot &= ~(unsigned)PROT_WRITE;
    }
    if (fstatvfs(host, &fs) == 0 && fs.f_flag & ST_NOEXEC) {
        if (m->request.prot & PROT_EXEC)
            return -EPERM;
        m->request.max_prot &= ~(unsigned)PROT_EXEC;
    }
    return 0;
}

/* A sealed memfd cannot be mapped for shared writing. */
static int check_seals(int host, struct mapping *m)
{
    int seals = m->is_shared ? fcntl(host, F_GET_SEALS) : 0;
    if (seals < 0 || !(seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)))
        return 0;
    if (m->request.prot & PROT_WRITE)
        return -EPERM;
    m->request.max_prot &= ~(unsigned)PROT_WRITE;
    return 0;
}

/* Files of huge pages (MFD_HUGETLB): as with an empty pool. */
static bool is_huge(int host)
{
    struct statfs fs;
    return fstatfs(host, &fs) == 0 && fs.f_type == HUGETLBFS_MAGIC;
}

static int map_file(struct task *task, int fd, struct mapping *m)
{
    const struct fd_entry *entry = fd_entry(task->process->fds, fd);
    struct stat st;
    if (!entry)
        return -EBADF;
    int error = check_file_access(entry->host, m);
    if (error)
        return error;
    if (entry->proc_path || fstat(entry->host, &st) < 0)
        return -ENODEV;
    name_mapping(task, entry->host, m);
    if (is_dev_zero(&st)) {
        m->request.object_page = 0;
        return m->is_shared ? map_shared_memory(task, m) : 0;
    }
    if (!S_ISREG(st.st_mode))
        return -ENODEV;
    error = is_huge(entry->host) ? -ENOMEM : check_seals(entry->host, m);
    if (error)
        return error;
    bool writable = m->is_shared && m->request.max_prot & PROT_WRITE;
    return object_file(task->process->system->kernel, entry->host, writable, &m->request.object);
}

static int check_mmap(const uint64_t args[6])
{
    uint64_t addr = args[0], len = args[1], flags = args[3], offset = args[5];
    if (offset & PAGE_MASK || len == 0)
        return -EINVAL;
    if (len > SPACE_END)
        return -ENOMEM;
    if (offset + page_up(len) < offset)
        return -EOVERFLOW;
    if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) && addr & PAGE_MASK)
        return -EINVAL;
    return 0;
}

/* Huge pages, not of files. */
static int decode_huge(uint64_t flags, struct mapping *m)
{
    const uint64_t size_shift = flags >> MAP_HUGE_SHIFT & MAP_HUGE_MASK;
    if (!(flags & MAP_HUGETLB))
        return 0;
    if (!(flags & MAP_ANONYMOUS))
        return -EINVAL;
    bool is_1g = size_shift == MAP_HUGE_1GB >> MAP_HUGE_SHIFT;
    if ((size_shift && size_shift != MAP_HUGE_2MB >> MAP_HUGE_SHIFT && !is_1g) ||
        flags & MAP_GROWSDOWN)
        return -EINVAL;
    m->request.region_flags |= REGION_HUGETLB | (is_1g ? REGION_HUGETLB_1G : 0u);
    if (!m->is_shared && !(flags & MAP_NORESERVE))
        m->request.region_flags |= REGION_HUGETLB_OWNER;
    m->request.name = "/anon_hugepage (deleted)";
    return 0;
}

static int make_object(struct task *task, const uint64_t args[6], struct mapping *m)
{
    if (!(args[3] & MAP_ANONYMOUS))
        return map_file(task, (int)args[4], m);
    m->request.object_page = 0;
    if (!m->is_shared)
        return 0;
    return args[3] & MAP_HUGETLB ? map_shared_huge(task, args[3], m) : map_shared_memory(task, m);
}

int64_t sys_mmap(struct task *task, const uint64_t args[6])
{
    struct mapping m = {.request = {.addr = vaddr(args[0]),
                                    .len = args[1],
                                    .prot = (unsigned)args[2] & PROT_ALL,
                                    .max_prot = PROT_ALL,
                                    .object_page = args[5] >> PAGE_SHIFT}};
    vaddr_t out;
    int error = check_mmap(args);
    if (!error)
        error = decode_type(args[3], !(args[3] & MAP_ANONYMOUS), &m.is_shared);
    if (!error && m.is_shared && args[3] & MAP_GROWSDOWN)
        error = -EINVAL;
    if (error)
        return error;
    decode_flags(task, args[3], &m);
    error = decode_huge(args[3], &m);
    if (!error)
        error = make_object(task, args, &m);
    if (!error)
        error = space_map(task->process->space, &m.request, &out);
    if (m.request.object)
        object_put(task->process->system->kernel, m.request.object);
    return error ? error : (int64_t)out.v;
}

/* ---- changing what is mapped ---- */

int64_t sys_munmap(struct task *task, const uint64_t args[6])
{
    return space_unmap(task->process->space, vaddr(args[0]), args[1]);
}

static int64_t protect(struct task *task, const uint64_t args[6])
{
    const uint64_t known = PROT_ALL | 0x8 /* PROT_SEM */ | PROT_GROWSDOWN | PROT_GROWSUP;
    if (args[2] & ~known)
        return -EINVAL;
    return space_protect(task->process->space, vaddr(args[0]), args[1], (unsigned)args[2] & ~0x8u);
}

int64_t sys_mprotect(struct task *task, const uint64_t args[6])
{
    return protect(task, args);
}

/* Protection keys: this processor has none, so only the default key -1 goes. */
int64_t sys_pkey_mprotect(struct task *task, const uint64_t args[6])
{
    return (int)args[3] == -1 ? protect(task, args) : -EINVAL;
}

int64_t sys_pkey_alloc(struct task *task, const uint64_t args[6])
{
    return args[0] || args[1] & ~(uint64_t)3 ? -EINVAL : -ENOSPC;
}

int64_t sys_pkey_free(struct task *task, const uint64_t args[6])
{
    return -EINVAL;
}

int64_t sys_mremap(struct task *task, const uint64_t args[6])
{
    vaddr_t out;
    const uint64_t known = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
    if (args[3] & ~known)
        return -EINVAL;
    int error = space_remap(task->process->space, vaddr(args[0]), args[1], args[2],
                            (unsigned)args[3], vaddr(args[4]), &out);
    return error ? error : (int64_t)out.v;
}

int64_t sys_brk(struct task *task, const uint64_t args[6])
{
    return (int64_t)space_brk(task->process->space, vaddr(args[0])).v;
}

/* Does one kind of shared mapping of one object cover the range? */
static bool is_one_mapping(const struct region *region, uint64_t end)
{
    for (const struct region *next; region->range.end < end; region = next) {
        next = region_next(region);
        if (!next || next->range.start != region->range.end || next->object != region->object ||
            next->flags != region->flags)
            return false;
    }
    return true;
}

/* Pages of a shared mapping, replaced by others of its object: a mapping of their own, as Linux has
 * it since 4.0. */
int64_t sys_remap_file_pages(struct task *task, const uint64_t args[6])
{
    struct space *space = task->process->space;
    uint64_t start = args[0] & ~PAGE_MASK, len = args[1] & ~PAGE_MASK, page = args[3];
    vaddr_t out;
    if (args[2] || start + len <= start || page + (len >> PAGE_SHIFT) < page)
        return -EINVAL;
    const struct region *region = space_region_at(space, vaddr(start));
    if (!region || !(region->flags & REGION_SHARED) || !is_one_mapping(region, start + len))
        return -EINVAL;
    struct object *object = object_get(region->object);
    char *name = region->name ? x_strdup(region->name) : NULL;
    struct space_map_request request = {
        .addr = vaddr(start),
        .len = len,
        .prot = region->prot,
        .max_prot = region->max_prot,
        .flags = SPACE_MAP_FIXED | (args[4] & MAP_NONBLOCK ? 0 : SPACE_MAP_POPULATE),
        .region_flags = region->flags,
        .object = object,
        .object_page = page,
        .name = name,
    };
    int error = space_map(space, &request, &out);
    free(name);
    object_put(space->kernel, object);
    return error;
}

/* ---- advice and state ---- */

int64_t sys_madvise(struct task *task, const uint64_t args[6])
{
    return space_advise(task->process->space, vaddr(args[0]), args[1], (int)args[2]);
}

int64_t sys_mincore(struct task *task, const uint64_t args[6])
{
    uint8_t vec[4096];
    struct space *space = task->process->space;
    uint64_t addr = args[0], len = args[1], out = args[2];
    if (addr & PAGE_MASK)
        return -EINVAL;
    if (len > SPACE_END || addr > SPACE_END - len)
        return -ENOMEM;
    uint64_t npages = page_up(len) >> PAGE_SHIFT;
    for (uint64_t done = 0; done < npages;) {
        uint64_t n = npages - done < sizeof vec ? npages - done : sizeof vec;
        int error = space_incore(space, vaddr(addr + (done << PAGE_SHIFT)), n << PAGE_SHIFT, vec);
        if (!error)
            error = user_write(task, out + done, vec, n);
        if (error)
            return error;
        done += n;
    }
    return 0;
}

int64_t sys_msync(struct task *task, const uint64_t args[6])
{
    const uint64_t known = MS_ASYNC | MS_SYNC | MS_INVALIDATE;
    if (args[2] & ~known || (args[2] & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC) ||
        args[0] & PAGE_MASK)
        return -EINVAL;
    return space_sync(task->process->space, vaddr(args[0]), args[1], (int)args[2]);
}

/* ---- locking ---- */

int64_t sys_mlock(struct task *task, const uint64_t args[6])
{
    return space_lock(task->process->space, vaddr(args[0]), args[1], false);
}

int64_t sys_mlock2(struct task *task, const uint64_t args[6])
{
    if (args[2] & ~(uint64_t)MLOCK_ONFAULT)
        return -EINVAL;
    return space_lock(task->process->space, vaddr(args[0]), args[1], args[2] & MLOCK_ONFAULT);
}

int64_t sys_munlock(struct task *task, const uint64_t args[6])
{
    return space_unlock(task->process->space, vaddr(args[0]), args[1]);
}

int64_t sys_mlockall(struct task *task, const uint64_t args[6])
{
    const uint64_t known = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT;
    if (!args[0] || args[0] & ~known || args[0] == MCL_ONFAULT)
        return -EINVAL;
    return space_lock_all(task->process->space, (int)args[0]);
}

int64_t sys_munlockall(struct task *task, const uint64_t args[6])
{
    return space_unlock_all(task->process->space);
}

/* ---- one node of memory, one processor ---- */

enum { MEMORY_NODES = 1 };

/* Reads a mask of nodes; all of them but node 0 do not exist. */
static int check_nodes(struct task *task, uint64_t addr, uint64_t maxnode, bool *is_empty)
{
    uint64_t word = 0;
    *is_empty = true;
    if (!addr || maxnode <= 1)
        return 0;
    if (maxnode > PAGE_SIZE * CHAR_BIT)
        return -EINVAL;
    for (uint64_t i = 0; i < (maxnode + 62) / 64; i++) {
        if (user_read(task, &word, addr + i * sizeof word, sizeof word))
            return -EFAULT;
        if (i == 0 && word & 1)
            *is_empty = false;
        if (i == 0 ? word & ~(uint64_t)1 : word)
            return -EINVAL;
    }
    return 0;
}

static int check_policy(struct task *task, uint64_t mode, uint64_t nodes, uint64_t maxnode)
{
    bool is_empty;
    int policy = (int)mode & ~(MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES | (1 << 13));
    int error = check_nodes(task, nodes, maxnode, &is_empty);
    if (error)
        return error;
    if (policy < 0 || policy > 6 /* MPOL_WEIGHTED_INTERLEAVE */)
        return -EINVAL;
    bool wants_nodes = policy == MPOL_BIND || policy == MPOL_INTERLEAVE || policy > MPOL_LOCAL;
    bool wants_none = policy == MPOL_DEFAULT || policy == MPOL_LOCAL;
    return (wants_nodes && is_empty) || (wants_none && !is_empty) ? -EINVAL : 0;
}

int64_t sys_set_mempolicy(struct task *task, const uint64_t args[6])
{
    return check_policy(task, args[0], args[1], args[2]);
}

int64_t sys_mbind(struct task *task, const uint64_t args[6])
{
    if (args[0] & PAGE_MASK || args[5] & ~(uint64_t)(MPOL_MF_VALID))
        return -EINVAL;
    return check_policy(task, args[2], args[3], args[4]);
}

/* Every policy that could be set means node 0, so the default is the true answer. */
int64_t sys_get_mempolicy(struct task *task, const uint64_t args[6])
{
    uint64_t flags = args[4];
    int mode = 0; /* MPOL_DEFAULT, or node 0 */
    if (flags & ~(uint64_t)(MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED))
        return -EINVAL;
    if (flags & MPOL_F_ADDR && !space_region_at(task->process->space, vaddr(args[3])))
        return -EFAULT;
    if (!(flags & MPOL_F_ADDR) && args[3])
        return -EINVAL;
    if (args[1] && args[2] < MEMORY_NODES)
        return -EINVAL;
    if (args[0] && user_write(task, args[0], &mode, sizeof mode))
        return -EFAULT;
    uint64_t word = flags & MPOL_F_MEMS_ALLOWED ? 1 : 0;
    for (uint64_t i = 0; args[1] && i < (args[2] + 63) / 64 && i < 16; i++, word = 0)
        if (user_write(task, args[1] + i * sizeof word, &word, sizeof word))
            return -EFAULT;
    return 0;
}
