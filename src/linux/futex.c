// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * futex(2) for one thread: nobody else can wake a waiter or hold a lock, so a wait that is right to
 * begin ends by timeout or signal only, and waking finds nobody. Values are compared and changed as
 * with many threads.
 */
#include <errno.h>
#include <linux/futex.h>

#include "linux/hostsig.h"
#include "linux/syscall_calls.h"
#include "linux/timer.h"
#include "linux/timespec.h"
#include "linux/user.h"

struct futex_call {
    struct task *task;
    uint64_t addr, addr2;
    uint32_t value, value3;
    uint64_t timeout_addr; /* or the second value */
    int command;
    bool is_realtime;
};

static int read_word(struct task *task, uint64_t addr, uint32_t *word)
{
    if (addr % sizeof *word != 0)
        return -EINVAL;
    return user_read(task, word, addr, sizeof *word);
}

static int64_t wait_until(struct task *task, const uint64_t args[6])
{
    if (hostsig_sleep(task, args[0]) == 0)
        return -ETIMEDOUT;
    if (args[0] == TIMER_NEVER)
        return -ERESTARTSYS;
    task->restart_fn = wait_until;
    task->restart_args[0] = args[0];
    return -ERESTART_RESTARTBLOCK;
}

/* FUTEX_WAIT's timeout is relative, all others' are absolute. */
static int read_deadline(const struct futex_call *call, uint64_t *deadline)
{
    const struct linux_system *system = call->task->process->system;
    uint64_t ns, now = clock_monotonic(system);
    *deadline = TIMER_NEVER;
    if (call->timeout_addr == 0)
        return 0;
    int rc = timespec_read(call->task, call->timeout_addr, &ns);
    if (rc < 0)
        return rc;
    bool is_realtime = call->is_realtime || call->command == FUTEX_LOCK_PI;
    if (call->command == FUTEX_WAIT)
        *deadline = ns > TIMESPEC_NS_MAX - now ? TIMESPEC_NS_MAX : now + ns;
    else
        *deadline = clock_to_monotonic(system, is_realtime ? CLOCK_REALTIME : CLOCK_MONOTONIC, ns);
    return 0;
}

static int64_t futex_wait(const struct futex_call *call)
{
    uint64_t args[6] = {0};
    uint32_t word;
    if (call->command == FUTEX_WAIT_BITSET && call->value3 == 0)
        return -EINVAL;
    int rc = read_deadline(call, &args[0]);
    if (rc == 0)
        rc = read_word(call->task, call->addr, &word);
    if (rc < 0)
        return rc;
    return word != call->value ? -EAGAIN : wait_until(call->task, args);
}

static int64_t futex_wake(const struct futex_call *call)
{
    uint32_t word;
    if (call->command == FUTEX_WAKE_BITSET && call->value3 == 0)
        return -EINVAL;
    return call->addr % sizeof word != 0 ? -EINVAL : 0;
}

static int64_t futex_requeue(const struct futex_call *call)
{
    uint32_t word;
    if (call->command == FUTEX_CMP_REQUEUE) {
        int rc = read_word(call->task, call->addr, &word);
        if (rc < 0)
            return rc;
        if (word != call->value3)
            return -EAGAIN;
    }
    return (call->addr | call->addr2) % sizeof word != 0 ? -EINVAL : 0;
}

/* FUTEX_WAKE_OP: changes the second word whoever waits. */
static int64_t futex_wake_op(const struct futex_call *call)
{
    uint32_t word;
    int op = call->value3 >> 28 & 15;
    uint32_t argument = call->value3 >> 12 & 0xfff;
    if (op & FUTEX_OP_OPARG_SHIFT)
        argument = UINT32_C(1) << (argument & 31);
    int rc = read_word(call->task, call->addr2, &word);
    if (rc < 0)
        return rc;
    switch (op & 7) {
    case FUTEX_OP_SET:
        word = argument;
        break;
    case FUTEX_OP_ADD:
        word += argument;
        break;
    case FUTEX_OP_OR:
        word |= argument;
        break;
    case FUTEX_OP_ANDN:
        word &= ~argument;
        break;
    case FUTEX_OP_XOR:
        word ^= argument;
        break;
    default:
        return -ENOSYS;
    }
    return user_write(call->task, call->addr2, &word, sizeof word);
}

static int64_t futex_lock_pi(const struct futex_call *call)
{
    uint32_t word, tid = (uint32_t)call->task->tid;
    int rc = read_word(call->task, call->addr, &word);
    if (rc < 0)
        return rc;
    if ((word & FUTEX_TID_MASK) == tid)
        return -EDEADLK;
    if ((word & FUTEX_TID_MASK) != 0)
        return -ESRCH; /* an owner that does not exist */
    word = tid | (word & FUTEX_OWNER_DIED);
    return user_write(call->task, call->addr, &word, sizeof word);
}

static int64_t futex_unlock_pi(const struct futex_call *call)
{
    uint32_t word, none = 0;
    int rc = read_word(call->task, call->addr, &word);
    if (rc < 0)
        return rc;
    if ((word & FUTEX_TID_MASK) != (uint32_t)call->task->tid)
        return -EPERM;
    return user_write(call->task, call->addr, &none, sizeof none);
}

int64_t sys_futex(struct task *task, const uint64_t args[6])
{
    const struct futex_call call = {
        .task = task,
        .addr = args[0],
        .command = (int)args[1] & FUTEX_CMD_MASK,
        .is_realtime = args[1] & FUTEX_CLOCK_REALTIME,
        .value = (uint32_t)args[2],
        .timeout_addr = args[3],
        .addr2 = args[4],
        .value3 = (uint32_t)args[5],
    };
    switch (call.command) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET:
        return futex_wait(&call);
    case FUTEX_WAKE:
    case FUTEX_WAKE_BITSET:
        return futex_wake(&call);
    case FUTEX_REQUEUE:
    case FUTEX_CMP_REQUEUE:
        return futex_requeue(&call);
    case FUTEX_WAKE_OP:
        return futex_wake_op(&call);
    case FUTEX_LOCK_PI:
    case FUTEX_TRYLOCK_PI:
        return futex_lock_pi(&call);
    case FUTEX_UNLOCK_PI:
        return futex_unlock_pi(&call);
    default:
        return -ENOSYS;
    }
}
