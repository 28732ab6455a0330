// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * System calls about user and group ids and capabilities. A guest acts with the rights of the user
 * who started pagewalk: it may "change" ids to what they are, everything else is refused.
 * Capabilities are each task's own view (caps.h).
 */
#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include "linux/process.h"
#include "linux/syscall_calls.h"
#include "linux/user.h"

/* The ids a call may name: real, effective and saved, and -1 for "as it is". */
struct ids {
    uint32_t real, effective, saved;
};

static struct ids user_ids(void)
{
    struct ids ids = {0};
    getresuid(&ids.real, &ids.effective, &ids.saved);
    return ids;
}

static struct ids group_ids(void)
{
    struct ids ids = {0};
    getresgid(&ids.real, &ids.effective, &ids.saved);
    return ids;
}

static bool stays(uint64_t wanted, uint32_t id)
{
    return (uint32_t)wanted == UINT32_MAX || (uint32_t)wanted == id;
}

static int64_t keep_all(struct ids ids, uint64_t real, uint64_t effective, uint64_t saved)
{
    bool same = stays(real, ids.real) && stays(effective, ids.effective) && stays(saved, ids.saved);
    return same ? 0 : -EPERM;
}

/* setuid and setgid: only all three at once. */
static int64_t keep_one(struct ids ids, uint64_t wanted)
{
    if ((uint32_t)wanted == UINT32_MAX)
        return -EINVAL;
    return keep_all(ids, wanted, wanted, wanted);
}

static int64_t write_ids(struct task *task, const uint64_t args[6], struct ids ids)
{
    if (user_write(task, args[0], &ids.real, sizeof ids.real) < 0 ||
        user_write(task, args[1], &ids.effective, sizeof ids.effective) < 0 ||
        user_write(task, args[2], &ids.saved, sizeof ids.saved) < 0)
        return -EFAULT;
    return 0;
}

int64_t sys_getuid(struct task *task, const uint64_t args[6])
{
    return getuid();
}

int64_t sys_geteuid(struct task *task, const uint64_t args[6])
{
    return geteuid();
}

int64_t sys_getgid(struct task *task, const uint64_t args[6])
{
    return getgid();
}

int64_t sys_getegid(struct task *task, const uint64_t args[6])
{
    return getegid();
}

int64_t sys_getresuid(struct task *task, const uint64_t args[6])
{
    return write_ids(task, args, user_ids());
}

int64_t sys_getresgid(struct task *task, const uint64_t args[6])
{
    return write_ids(task, args, group_ids());
}

int64_t sys_setuid(struct task *task, const uint64_t args[6])
{
    return keep_one(user_ids(), args[0]);
}

int64_t sys_setgid(struct task *task, const uint64_t args[6])
{
    return keep_one(group_ids(), args[0]);
}

int64_t sys_setreuid(struct task *task, const uint64_t args[6])
{
    return keep_all(user_ids(), args[0], args[1], UINT32_MAX);
}

int64_t sys_setregid(struct task *task, const uint64_t args[6])
{
    return keep_all(group_ids(), args[0], args[1], UINT32_MAX);
}

int64_t sys_setresuid(struct task *task, const uint64_t args[6])
{
    return keep_all(user_ids(), args[0], args[1], args[2]);
}

int64_t sys_setresgid(struct task *task, const uint64_t args[6])
{
    return keep_all(group_ids(), args[0], args[1], args[2]);
}

/* These two always tell the id before the call and cannot fail. */
int64_t sys_setfsuid(struct task *task, const uint64_t args[6])
{
    return geteuid();
}

int64_t sys_setfsgid(struct task *task, const uint64_t args[6])
{
    return getegid();
}

int64_t sys_getgroups(struct task *task, const uint64_t args[6])
{
    gid_t groups[NGROUPS_MAX > 1024 ? 1024 : NGROUPS_MAX];
    int room = (int)args[0];
    int n = getgroups((int)(sizeof groups / sizeof groups[0]), groups);
    if (room < 0)
        return -EINVAL;
    if (n < 0)
        return -errno;
    if (room == 0)
        return n;
    if (n > room)
        return -EINVAL;
    int rc = user_write(task, args[1], groups, (size_t)n * sizeof groups[0]);
    return rc < 0 ? rc : n;
}

int64_t sys_setgroups(struct task *task, const uint64_t args[6])
{
    return -EPERM;
}

/* ---- capabilities ---- */

enum { CAP_SETS_MAX = 2 };

/* Linux answers an unknown version with the one it prefers. */
static int read_cap_header(struct task *task, uint64_t addr,
                           struct __user_cap_header_struct *header, size_t *nsets)
{
    if (user_read(task, header, addr, sizeof *header) < 0)
        return -EFAULT;
    switch (header->version) {
    case _LINUX_CAPABILITY_VERSION_1:
        *nsets = 1;
        return 0;
    case _LINUX_CAPABILITY_VERSION_2:
    case _LINUX_CAPABILITY_VERSION_3:
        *nsets = CAP_SETS_MAX;
        return 0;
    default:
        header->version = _LINUX_CAPABILITY_VERSION_3;
        return user_write(task, addr, header, sizeof *header) < 0 ? -EFAULT : -EINVAL;
    }
}

static void split_caps(const struct caps *caps, struct __user_cap_data_struct sets[CAP_SETS_MAX])
{
    for (unsigned i = 0; i < CAP_SETS_MAX; i++)
        sets[i] = (struct __user_cap_data_struct){
            .effective = (uint32_t)(caps->effective >> 32 * i),
            .permitted = (uint32_t)(caps->permitted >> 32 * i),
            .inheritable = (uint32_t)(caps->inheritable >> 32 * i),
        };
}

/* What the host does not know of is nothing that can be asked for. */
static struct caps join_caps(const struct __user_cap_data_struct sets[CAP_SETS_MAX])
{
    struct caps caps = {0};
    uint64_t known = UINT64_MAX >> (63 - caps_last());
    for (unsigned i = 0; i < CAP_SETS_MAX; i++) {
        caps.effective |= known & (uint64_t)sets[i].effective << 32 * i;
        caps.permitted |= known & (uint64_t)sets[i].permitted << 32 * i;
        caps.inheritable |= known & (uint64_t)sets[i].inheritable << 32 * i;
    }
    return caps;
}

int64_t sys_capget(struct task *task, const uint64_t args[6])
{
    struct __user_cap_header_struct header;
    struct __user_cap_data_struct sets[CAP_SETS_MAX];
    size_t nsets;
    int rc = read_cap_header(task, args[0], &header, &nsets);
    if (rc == -EINVAL && args[1] == 0)
        return 0; /* only asked for the version */
    if (rc < 0)
        return rc;
    if (header.pid < 0)
        return -EINVAL;
    const struct task *of = header.pid ? task_find(task->process->system, header.pid) : task;
    struct caps caps;
    if (!of && header.pid != INIT_PID)
        return -ESRCH;
    caps_of_host(&caps); /* what is outside has all that pagewalk has */
    split_caps(of ? &of->caps : &caps, sets);
    return args[1] == 0 ? 0 : user_write(task, args[1], sets, nsets * sizeof sets[0]);
}

int64_t sys_capset(struct task *task, const uint64_t args[6])
{
    struct __user_cap_header_struct header;
    struct __user_cap_data_struct sets[CAP_SETS_MAX] = {0};
    size_t nsets;
    int rc = read_cap_header(task, args[0], &header, &nsets);
    if (rc < 0)
        return rc;
    if (header.pid != 0 && header.pid != task->tid)
        return -EPERM;
    if (user_read(task, sets, args[1], nsets * sizeof sets[0]) < 0)
        return -EFAULT;
    struct caps wanted = join_caps(sets);
    return caps_set(&task->caps, &wanted);
}
