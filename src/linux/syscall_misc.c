// SPDX-License-Identifier: GPL-2.0-or-later
/* Calls that ask about the machine and the system, and the few that fit nowhere else. */
#include <errno.h>
#include <linux/kcmp.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/random.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "kernel/kernel.h"
#include "linux/clock.h"
#include "linux/syscall_calls.h"
#include "linux/user.h"

int64_t sys_uname(struct task *task, const uint64_t args[6])
{
    struct utsname name;
    if (uname(&name) < 0)
        return -errno;
    strcpy(name.machine, "x86_64");
    return user_write(task, args[0], &name, sizeof name);
}

/* The guest's RAM and swap, as programs size themselves by. */
int64_t sys_sysinfo(struct task *task, const uint64_t args[6])
{
    const struct linux_system *system = task->process->system;
    const struct kernel *kernel = system->kernel;
    struct sysinfo info;
    uint64_t up = 0;
    clock_now(system, CLOCK_BOOTTIME, &up);
    memset(&info, 0, sizeof info);
    info.uptime = (long)(up / CLOCK_NS_PER_S);
    info.totalram = (kernel->frames.nframes + kernel->frames.nset_aside) * PAGE_SIZE;
    info.freeram = kernel->frames.nfree * PAGE_SIZE;
    if (kernel->swap) {
        uint64_t slots = swapdisk_slots(kernel->swap);
        info.totalswap = slots * PAGE_SIZE;
        info.freeswap = (slots - swapdisk_used(kernel->swap)) * PAGE_SIZE;
    }
    info.procs = (unsigned short)system->ntasks;
    info.mem_unit = 1;
    return user_write(task, args[0], &info, sizeof info);
}

int64_t sys_getrandom(struct task *task, const uint64_t args[6])
{
    uint8_t bytes[4096];
    uint64_t len = args[1] < USER_IO_MAX ? args[1] : USER_IO_MAX;
    const uint64_t known = GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE;
    if (args[2] & ~known ||
        (args[2] & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    for (uint64_t done = 0; done < len;) {
        size_t want = len - done < sizeof bytes ? len - done : sizeof bytes;
        linux_random(task->process->system, bytes, want);
        size_t n = user_write_some(task, args[0] + done, bytes, want);
        done += n;
        if (n < want)
            return done ? (int64_t)done : -EFAULT;
    }
    return (int64_t)len;
}

/* One processor that changes tasks only between instructions: every barrier has happened. */
int64_t sys_membarrier(struct task *task, const uint64_t args[6])
{
    const int supported =
        MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED |
        MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED | MEMBARRIER_CMD_PRIVATE_EXPEDITED |
        MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED | MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE |
        MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE;
    int command = (int)args[0];
    if (args[1])
        return -EINVAL;
    if (command == MEMBARRIER_CMD_QUERY)
        return supported;
    bool is_single = command > 0 && !(command & (command - 1));
    return is_single && command & supported ? 0 : -EINVAL;
}

/* Orders two things by identity: 0 the same, 1 and 2 less and greater, 3 not comparable. */
static int64_t order(const void *a, const void *b)
{
    return a == b ? 0 : (uintptr_t)a < (uintptr_t)b ? 1 : 2;
}

static int64_t compare_files(const struct process *a, const struct process *b, int fd_a, int fd_b)
{
    int host_a = fd_host(a->fds, fd_a), host_b = fd_host(b->fds, fd_b);
    if (host_a < 0 || host_b < 0)
        return -EBADF;
    return fd_same_description(host_a, host_b);
}

int64_t sys_kcmp(struct task *task, const uint64_t args[6])
{
    struct linux_system *system = task->process->system;
    const struct process *a = process_find(system, (int)args[0]);
    const struct process *b = process_find(system, (int)args[1]);
    if (!a || !b)
        return -ESRCH;
    switch (args[2]) {
    case KCMP_FILE:
        return compare_files(a, b, (int)args[3], (int)args[4]);
    case KCMP_VM:
        return order(a->space, b->space);
    case KCMP_FILES:
        return order(a->fds, b->fds);
    case KCMP_SIGHAND:
        return order(a->actions, b->actions);
    case KCMP_FS:
        return order(a->fs, b->fs);
    case KCMP_SYSVSEM:
        return order(a->sem_undos, b->sem_undos);
    case KCMP_IO:
        return order(a, b);
    default:
        return -EINVAL;
    }
}
