// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * futex(2): what a wait must find in memory to begin, and what waking, requeueing and
 * priority-inheriting locks change there. Who waits is futex_table.c's. Tasks change only between
 * calls and turns, so a value that was compared stays until the wait has begun.
 */
#include <errno.h>
#include <linux/futex.h>

#include "linux/futex_table.h"
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
    bool is_private, is_realtime;
};

static int read_word(struct task *task, uint64_t addr, uint32_t *word)
{
    return user_read(task, word, addr, sizeof *word);
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

/* args: address, value, bitset, deadline, is it private? Also restart_syscall(2)'s half. */
static int64_t wait_until(struct task *task, const uint64_t args[6])
{
    struct futex_key key;
    uint32_t word;
    int rc = futex_key(task, args[0], args[4], &key);
    if (rc == 0)
        rc = read_word(task, args[0], &word);
    if (rc < 0)
        return rc;
    if (word != (uint32_t)args[1])
        return -EAGAIN;
    rc = futex_wait(task, &key, (uint32_t)args[2], 0, args[3]);
    if (rc != -ERESTARTSYS || args[3] == TIMER_NEVER)
        return rc;
    task->restart_fn = wait_until;
    for (int i = 0; i < 6; i++)
        task->restart_args[i] = args[i];
    return -ERESTART_RESTARTBLOCK;
}

static int64_t do_wait(const struct futex_call *call)
{
    uint32_t bitset = call->command == FUTEX_WAIT ? FUTEX_ANY : call->value3;
    uint64_t args[6] = {call->addr, call->value, bitset, 0, call->is_private};
    if (bitset == 0)
        return -EINVAL;
    int rc = read_deadline(call, &args[3]);
    return rc < 0 ? rc : wait_until(call->task, args);
}

static int64_t do_wake(const struct futex_call *call)
{
    uint32_t bitset = call->command == FUTEX_WAKE ? FUTEX_ANY : call->value3;
    struct futex_key key;
    if (bitset == 0)
        return -EINVAL;
    int rc = futex_key(call->task, call->addr, call->is_private, &key);
    if (rc < 0)
        return rc;
    return futex_wake_key(call->task->process->system, &key, (int)call->value, bitset);
}

static int both_keys(const struct futex_call *call, struct futex_key *key, struct futex_key *key2)
{
    int rc = futex_key(call->task, call->addr, call->is_private, key);
    return rc < 0 ? rc : futex_key(call->task, call->addr2, call->is_private, key2);
}

static int64_t do_requeue(const struct futex_call *call)
{
    int wake = (int)call->value, move = (int)call->timeout_addr;
    struct futex_key key, key2;
    uint32_t word;
    if (wake < 0 || move < 0)
        return -EINVAL;
    int rc = both_keys(call, &key, &key2);
    if (rc == 0 && call->command == FUTEX_CMP_REQUEUE) {
        rc = read_word(call->task, call->addr, &word);
        if (rc == 0 && word != call->value3)
            return -EAGAIN;
    }
    if (rc < 0)
        return rc;
    return futex_requeue_key(call->task->process->system, &key, &key2, wake, move);
}

/* ---- FUTEX_WAKE_OP ---- */

/* A 12-bit number with sign, from bit `shift`. */
static int32_t signed_field(uint32_t value, int shift)
{
    return (int32_t)(value << (20 - shift)) >> 20;
}

static int operate(uint32_t code, uint32_t old, uint32_t *new)
{
    int op = code >> 28 & 7;
    uint32_t argument = (uint32_t)signed_field(code, 12);
    if (code >> 28 & FUTEX_OP_OPARG_SHIFT)
        argument = UINT32_C(1) << (argument & 31);
    switch (op) {
    case FUTEX_OP_SET:
        *new = argument;
        return 0;
    case FUTEX_OP_ADD:
        *new = old + argument;
        return 0;
    case FUTEX_OP_OR:
        *new = old | argument;
        return 0;
    case FUTEX_OP_ANDN:
        *new = old & ~argument;
        return 0;
    case FUTEX_OP_XOR:
        *new = old ^ argument;
        return 0;
    default:
        return -ENOSYS;
    }
}

/* Result: 0, 1, -ENOSYS. */
static int compare(uint32_t code, uint32_t word)
{
    int32_t old = (int32_t)word, with = signed_field(code, 0);
    switch (code >> 24 & 15) {
    case FUTEX_OP_CMP_EQ:
        return old == with;
    case FUTEX_OP_CMP_NE:
        return old != with;
    case FUTEX_OP_CMP_LT:
        return old < with;
    case FUTEX_OP_CMP_LE:
        return old <= with;
    case FUTEX_OP_CMP_GT:
        return old > with;
    case FUTEX_OP_CMP_GE:
        return old >= with;
    default:
        return -ENOSYS;
    }
}

static int64_t do_wake_op(const struct futex_call *call)
{
    struct linux_system *system = call->task->process->system;
    struct futex_key key, key2;
    uint32_t old, new;
    int rc = both_keys(call, &key, &key2);
    if (rc == 0)
        rc = read_word(call->task, call->addr2, &old);
    if (rc == 0)
        rc = operate(call->value3, old, &new);
    if (rc == 0)
        rc = user_write(call->task, call->addr2, &new, sizeof new);
    if (rc < 0)
        return rc;
    int holds = compare(call->value3, old);
    if (holds < 0)
        return holds;
    int woken = futex_wake_key(system, &key, (int)call->value, FUTEX_ANY);
    if (woken < 0 || !holds)
        return woken;
    int more = futex_wake_key(system, &key2, (int)call->timeout_addr, FUTEX_ANY);
    return more < 0 ? more : woken + more;
}

/* ---- locks with priority inheritance ---- */

/* Takes a lock that nobody holds, or notes in it that somebody waits. Result: 1 taken, 0 not;
 * -EDEADLK, -ESRCH its owner does not exist, -EFAULT. */
static int take_or_mark(const struct futex_call *call, int *owner)
{
    struct task *task = call->task;
    uint32_t word;
    int rc = read_word(task, call->addr, &word);
    if (rc < 0)
        return rc;
    *owner = (int)(word & FUTEX_TID_MASK);
    if (*owner == task->tid)
        return -EDEADLK;
    if (*owner != 0 && call->command == FUTEX_TRYLOCK_PI)
        return -EAGAIN;
    if (*owner != 0 && !task_find(task->process->system, *owner))
        return -ESRCH;
    word = *owner ? word | FUTEX_WAITERS : (uint32_t)task->tid | (word & ~FUTEX_TID_MASK);
    rc = user_write(task, call->addr, &word, sizeof word);
    return rc < 0 ? rc : *owner == 0;
}

static int64_t do_lock_pi(const struct futex_call *call)
{
    struct futex_key key;
    uint64_t deadline = TIMER_NEVER;
    int owner;
    int rc = call->command == FUTEX_TRYLOCK_PI ? 0 : read_deadline(call, &deadline);
    if (rc == 0)
        rc = futex_key(call->task, call->addr, call->is_private, &key);
    if (rc == 0)
        rc = take_or_mark(call, &owner);
    if (rc != 0)
        return rc > 0 ? 0 : rc;
    rc = futex_wait(call->task, &key, FUTEX_ANY, owner, deadline); /* woken: it is ours */
    return rc == -ERESTARTSYS ? -ERESTARTNOINTR : rc;
}

static int64_t do_unlock_pi(const struct futex_call *call)
{
    struct task *task = call->task;
    struct futex_key key;
    uint32_t word;
    int rc = futex_key(task, call->addr, call->is_private, &key);
    if (rc == 0)
        rc = read_word(task, call->addr, &word);
    if (rc < 0)
        return rc;
    if ((word & FUTEX_TID_MASK) != (uint32_t)task->tid)
        return -EPERM;
    int heir = futex_hand_over(task->process->system, &key);
    word = heir ? (uint32_t)heir | FUTEX_WAITERS : 0;
    return user_write(task, call->addr, &word, sizeof word);
}

/* Only these can be told which clock their deadline is on. */
static bool takes_clock(int command)
{
    return command == FUTEX_WAIT_BITSET || command == FUTEX_LOCK_PI2;
}

int64_t sys_futex(struct task *task, const uint64_t args[6])
{
    const struct futex_call call = {
        .task = task,
        .addr = args[0],
        .command = (int)args[1] & FUTEX_CMD_MASK,
        .is_private = args[1] & FUTEX_PRIVATE_FLAG,
        .is_realtime = args[1] & FUTEX_CLOCK_REALTIME,
        .value = (uint32_t)args[2],
        .timeout_addr = args[3],
        .addr2 = args[4],
        .value3 = (uint32_t)args[5],
    };
    if (call.is_realtime && !takes_clock(call.command))
        return -ENOSYS;
    switch (call.command) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET:
        return do_wait(&call);
    case FUTEX_WAKE:
    case FUTEX_WAKE_BITSET:
        return do_wake(&call);
    case FUTEX_REQUEUE:
    case FUTEX_CMP_REQUEUE:
        return do_requeue(&call);
    case FUTEX_WAKE_OP:
        return do_wake_op(&call);
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
    case FUTEX_TRYLOCK_PI:
        return do_lock_pi(&call);
    case FUTEX_UNLOCK_PI:
        return do_unlock_pi(&call);
    default:
        return -ENOSYS;
    }
}
