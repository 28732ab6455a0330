// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Calls on the memory of another process: process_vm_readv, process_vm_writev, process_madvise(2).
 * All guests act for the same user, so each may reach each.
 */
#include <errno.h>
#include <sys/mman.h>

#include "linux/pidfd.h"
#include "linux/syscall_calls.h"
#include "linux/user.h"

/* ---- process_vm_readv, process_vm_writev ---- */

/* A transfer between the caller's buffers and another space. */
struct transfer {
    struct task *task;
    struct user_vec local;
    struct space *space;
    bool is_write;                      /* to the other space */
    uint64_t remote_addr, remote_count; /* the array of its buffers */
    uint64_t done;
};

static int remote_iov(const struct transfer *t, uint64_t i, struct user_iov *out)
{
    return user_read(t->task, out, t->remote_addr + i * sizeof *out, sizeof *out);
}

/* All of the array must be good before anything is moved; *is_empty: there is nothing to move. */
static int check_remote(const struct transfer *t, bool *is_empty)
{
    *is_empty = true;
    if (t->remote_count > USER_VEC_MAX)
        return -EINVAL;
    for (uint64_t i = 0; i < t->remote_count; i++) {
        struct user_iov iov;
        if (remote_iov(t, i, &iov))
            return -EFAULT;
        if ((int64_t)iov.len < 0)
            return -EINVAL;
        *is_empty &= iov.len == 0;
    }
    return 0;
}

/* Moves up to the end of a page. Result: bytes, or -EFAULT. */
static int64_t move_chunk(struct transfer *t, uint64_t addr, uint64_t len)
{
    uint8_t bytes[PAGE_SIZE];
    uint64_t rest = PAGE_SIZE - (addr & PAGE_MASK), n = len < rest ? len : rest;
    if (n > t->local.left)
        n = t->local.left;
    if (t->is_write) {
        n = user_vec_get(t->task, &t->local, bytes, n);
        return n == 0 || uaccess_write(t->space, vaddr(addr), bytes, n) ? -EFAULT : (int64_t)n;
    }
    if (uaccess_read(t->space, bytes, vaddr(addr), n))
        return -EFAULT;
    n = user_vec_put(t->task, &t->local, bytes, n);
    return n ? (int64_t)n : -EFAULT;
}

static int move_buffer(struct transfer *t, struct user_iov iov)
{
    while (iov.len > 0 && t->local.left > 0) {
        int64_t n = move_chunk(t, iov.base, iov.len);
        if (n < 0)
            return (int)n;
        iov.base += (uint64_t)n;
        iov.len -= (uint64_t)n;
        t->done += (uint64_t)n;
    }
    return 0;
}

static int64_t move_all(struct transfer *t)
{
    int error = 0;
    for (uint64_t i = 0; i < t->remote_count && !error; i++) {
        struct user_iov iov;
        error = remote_iov(t, i, &iov) ? -EFAULT : move_buffer(t, iov);
    }
    return t->done ? (int64_t)t->done : error;
}

static int64_t transfer(struct task *task, const uint64_t args[6], bool is_write)
{
    struct transfer t = {
        .task = task, .is_write = is_write, .remote_addr = args[3], .remote_count = args[4]};
    bool is_empty = false;
    if (args[5])
        return -EINVAL;
    int error = user_vec_load(task, &t.local, args[1], args[2]);
    if (error || t.local.left == 0)
        return error;
    error = check_remote(&t, &is_empty);
    if (error || is_empty)
        return error;
    const struct task *other = task_find(task->process->system, (int)args[0]);
    if (!other || !other->process->space)
        return -ESRCH;
    t.space = space_get(other->process->space);
    int64_t result = move_all(&t);
    space_put(t.space);
    return result;
}

int64_t sys_process_vm_readv(struct task *task, const uint64_t args[6])
{
    return transfer(task, args, false);
}

int64_t sys_process_vm_writev(struct task *task, const uint64_t args[6])
{
    return transfer(task, args, true);
}

/* ---- process_madvise ---- */

enum { PIDFD_SELF_THREAD = -10000, PIDFD_SELF_PROCESS = -10001 };

static bool is_remote_advice(int advice)
{
    return advice == MADV_COLD || advice == MADV_PAGEOUT || advice == MADV_WILLNEED;
}

/* Errors: -EBADF no pidfd, -ESRCH it has ended. */
static int find_process(struct task *task, int pidfd, struct process **out)
{
    *out = task->process;
    if (pidfd == PIDFD_SELF_THREAD || pidfd == PIDFD_SELF_PROCESS)
        return 0;
    int pid = pidfd_pid(task, pidfd);
    if (pid < 0)
        return pid;
    *out = pidfd_process(task, pidfd);
    return *out && (*out)->space ? 0 : -ESRCH;
}

int64_t sys_process_madvise(struct task *task, const uint64_t args[6])
{
    struct user_vec vec;
    struct process *process;
    int advice = (int)args[3];
    if (args[4])
        return -EINVAL;
    int error = user_vec_load(task, &vec, args[1], args[2]);
    if (!error)
        error = find_process(task, (int)args[0], &process);
    if (!error && !is_remote_advice(advice))
        error = -EINVAL;
    if (error)
        return error;
    int64_t done = 0;
    for (unsigned i = 0; i < vec.count; i++) {
        error = space_advise(process->space, vaddr(vec.v[i].base), vec.v[i].len, advice);
        if (error)
            return done ? done : error;
        done += (int64_t)vec.v[i].len;
    }
    return done;
}
