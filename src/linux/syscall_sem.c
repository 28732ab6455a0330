// SPDX-License-Identifier: GPL-2.0-or-later
/* semget, semop, semtimedop and semctl(2): decoding and rights. */
#include <errno.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "linux/sem.h"
#include "linux/syscall_calls.h"
#include "linux/timer.h"
#include "linux/timespec.h"
#include "linux/user.h"

#ifndef SEM_STAT_ANY
#define SEM_STAT_ANY 20
#endif

static struct sem_table *table_of(const struct task *task)
{
    return task->process->system->sem;
}

/* Errors: -EINVAL, -EIDRM. */
static int find(const struct task *task, int id, struct sem_set **out)
{
    struct ipc_entry *entry;
    int rc = ipc_find(sem_entries(table_of(task)), id, &entry);
    if (rc < 0)
        return rc;
    *out = sem_set(entry);
    return 0;
}

int64_t sys_semget(struct task *task, const uint64_t args[6])
{
    key_t key = (key_t)args[0];
    int count = (int)args[1], flags = (int)args[2];
    struct ipc_entry *entry;
    if (count < 0 || count > SEM_PER_SET_MAX)
        return -EINVAL;
    int rc = ipc_get(sem_entries(table_of(task)), key, flags, &entry);
    if (rc < 0)
        return rc;
    struct sem_set *set = sem_set(entry);
    if (set)
        rc = (unsigned)count > sem_count_of(set) ? -EINVAL : 0;
    else
        rc = sem_create(task, key, (unsigned)count, flags, &set);
    return rc < 0 ? rc : sem_entry(set)->id;
}

/* ---- semop, semtimedop ---- */

static int check_ops(struct sem_set *set, const struct sembuf *ops, unsigned count)
{
    bool changes = false;
    for (unsigned i = 0; i < count; i++) {
        if (ops[i].sem_num >= sem_count_of(set))
            return -EFBIG;
        changes |= ops[i].sem_op != 0;
    }
    return ipc_permits(sem_entry(set), changes ? IPC_W : IPC_R) ? 0 : -EACCES;
}

static int64_t operate(struct task *task, const uint64_t args[6], uint64_t deadline)
{
    struct sembuf ops[SEM_OPS_MAX];
    struct sem_set *set;
    unsigned count = (unsigned)args[2];
    int id = (int)args[0];
    if (count < 1 || id < 0)
        return -EINVAL;
    if (count > SEM_OPS_MAX)
        return -E2BIG;
    if (user_read(task, ops, args[1], count * sizeof ops[0]))
        return -EFAULT;
    int rc = find(task, id, &set);
    if (rc == 0)
        rc = check_ops(set, ops, count);
    return rc < 0 ? rc : sem_operate(task, set, ops, count, deadline);
}

int64_t sys_semop(struct task *task, const uint64_t args[6])
{
    return operate(task, args, TIMER_NEVER);
}

int64_t sys_semtimedop(struct task *task, const uint64_t args[6])
{
    uint64_t ns, now = clock_monotonic(task->process->system);
    if (args[3] == 0)
        return operate(task, args, TIMER_NEVER);
    int rc = timespec_read(task, args[3], &ns);
    return rc < 0 ? rc : operate(task, args, ns < TIMER_NEVER - now ? now + ns : TIMER_NEVER);
}

/* ---- semctl ---- */

static int64_t tell(struct task *task, const struct sem_set *set, uint64_t addr)
{
    struct semid_ds info;
    sem_info(set, &info);
    return user_write(task, addr, &info, sizeof info);
}

static int64_t ctl_set(struct task *task, struct sem_set *set, uint64_t addr)
{
    struct semid_ds wanted;
    if (user_read(task, &wanted, addr, sizeof wanted))
        return -EFAULT;
    if (!ipc_is_owner(sem_entry(set)))
        return -EPERM;
    ipc_set(sem_entry(set), &wanted.sem_perm);
    sem_changed(task->process->system, set);
    return 0;
}

static int64_t ctl_remove(struct task *task, struct sem_set *set)
{
    if (!ipc_is_owner(sem_entry(set)))
        return -EPERM;
    sem_remove(task->process->system, set);
    return 0;
}

static int64_t ctl_get_all(struct task *task, const struct sem_set *set, uint64_t addr)
{
    for (unsigned i = 0; i < sem_count_of(set); i++) {
        struct sem_state state;
        sem_get_state(set, i, &state);
        uint16_t value = (uint16_t)state.value;
        if (user_write(task, addr + i * sizeof value, &value, sizeof value))
            return -EFAULT;
    }
    return 0;
}

static int64_t ctl_set_all(struct task *task, struct sem_set *set, uint64_t addr)
{
    unsigned count = sem_count_of(set);
    uint16_t *values = x_calloc(count, sizeof *values);
    int rc = user_read(task, values, addr, count * sizeof *values);
    for (unsigned i = 0; i < count && rc == 0; i++)
        rc = values[i] > SEM_VALUE_MAX ? -ERANGE : 0;
    if (rc == 0)
        sem_set_values(task, set, 0, count, values);
    free(values);
    return rc;
}

static int64_t ctl_set_value(struct task *task, struct sem_set *set, int number, int value)
{
    uint16_t wanted = (uint16_t)value;
    if (number < 0 || (unsigned)number >= sem_count_of(set))
        return -EINVAL;
    if (!ipc_permits(sem_entry(set), IPC_W))
        return -EACCES;
    sem_set_values(task, set, (unsigned)number, 1, &wanted);
    return 0;
}

static int64_t ctl_get_one(const struct sem_set *set, int number, int command)
{
    struct sem_state state;
    if (number < 0 || (unsigned)number >= sem_count_of(set))
        return -EINVAL;
    sem_get_state(set, (unsigned)number, &state);
    switch (command) {
    case GETVAL:
        return state.value;
    case GETPID:
        return state.pid;
    case GETNCNT:
        return state.waiting;
    default:
        return state.waiting_zero;
    }
}

/* The result is the highest place in use. */
static int64_t ctl_limits(struct task *task, int command, uint64_t addr)
{
    struct ipc_table *entries = sem_entries(table_of(task));
    unsigned end = ipc_end(entries), sets = 0;
    for (unsigned i = 0; i < end; i++)
        sets += ipc_at(entries, i) != NULL;
    struct seminfo info = {.semmap = SEM_TOTAL_MAX,
                           .semmni = SEM_SETS_MAX,
                           .semmns = SEM_TOTAL_MAX,
                           .semmnu = SEM_TOTAL_MAX,
                           .semmsl = SEM_PER_SET_MAX,
                           .semopm = SEM_OPS_MAX,
                           .semume = SEM_OPS_MAX,
                           .semusz = 20,
                           .semvmx = SEM_VALUE_MAX,
                           .semaem = SEM_VALUE_MAX};
    if (command == SEM_INFO) {
        info.semusz = (int)sets;
        info.semaem = (int)sem_count_all(table_of(task));
    }
    if (user_write(task, addr, &info, sizeof info))
        return -EFAULT;
    return end ? end - 1 : 0;
}

static int64_t ctl_stat_place(struct task *task, int place, int command, uint64_t addr)
{
    struct sem_set *set = sem_set(ipc_at(sem_entries(table_of(task)), (unsigned)place));
    if (!set)
        return -EINVAL;
    if (command == SEM_STAT && !ipc_permits(sem_entry(set), IPC_R))
        return -EACCES;
    return tell(task, set, addr) ? -EFAULT : sem_entry(set)->id;
}

/* Those that need rights to the set. */
static int64_t ctl_use(struct task *task, struct sem_set *set, const uint64_t args[6])
{
    int command = (int)args[2];
    if (!ipc_permits(sem_entry(set), command == SETALL ? IPC_W : IPC_R))
        return -EACCES;
    switch (command) {
    case IPC_STAT:
        return tell(task, set, args[3]);
    case GETALL:
        return ctl_get_all(task, set, args[3]);
    case SETALL:
        return ctl_set_all(task, set, args[3]);
    default:
        return ctl_get_one(set, (int)args[1], command);
    }
}

static bool is_use(int command)
{
    return command == IPC_STAT || command == GETALL || command == SETALL || command == GETVAL ||
           command == GETPID || command == GETNCNT || command == GETZCNT;
}

int64_t sys_semctl(struct task *task, const uint64_t args[6])
{
    int id = (int)args[0], command = (int)args[2], value = (int)args[3];
    struct sem_set *set;
    if (id < 0)
        return -EINVAL;
    if (command == IPC_INFO || command == SEM_INFO)
        return ctl_limits(task, command, args[3]);
    if (command == SEM_STAT || command == SEM_STAT_ANY)
        return ctl_stat_place(task, id, command, args[3]);
    if (command == SETVAL && (value < 0 || value > SEM_VALUE_MAX))
        return -ERANGE;
    if (!is_use(command) && command != SETVAL && command != IPC_SET && command != IPC_RMID)
        return -EINVAL;
    int rc = find(task, id, &set);
    if (rc < 0)
        return rc;
    if (command == SETVAL)
        return ctl_set_value(task, set, (int)args[1], value);
    if (command == IPC_SET)
        return ctl_set(task, set, args[3]);
    return command == IPC_RMID ? ctl_remove(task, set) : ctl_use(task, set, args);
}
