// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A system call's view of its task's memory: single objects, and vectors of buffers (struct iovec)
 * with a cursor. All of it goes through kernel/uaccess.h.
 */
#ifndef LINUX_USER_H
#define LINUX_USER_H

#include "kernel/uaccess.h"
#include "linux/task.h"

enum { USER_VEC_MAX = 1024 /* UIO_MAXIOV */ };
#define USER_IO_MAX ((uint64_t)0x7ffff000) /* most bytes one call moves: MAX_RW_COUNT */

static inline int user_read(struct task *task, void *dst, uint64_t src, size_t len)
{
    return uaccess_read(task->process->space, dst, vaddr(src), len);
}

static inline int user_write(struct task *task, uint64_t dst, const void *src, size_t len)
{
    return uaccess_write(task->process->space, vaddr(dst), src, len);
}

/* As far as it goes: the number of bytes copied before the first bad page. */
size_t user_read_some(struct task *task, void *dst, uint64_t src, size_t len);
size_t user_write_some(struct task *task, uint64_t dst, const void *src, size_t len);

/* The guest's struct iovec. */
struct user_iov {
    uint64_t base, len;
};

struct user_vec {
    uint64_t left;    /* bytes not moved yet, in all */
    unsigned count;   /* buffers */
    unsigned at;      /* the one the cursor is in */
    uint64_t at_done; /* bytes of it that were moved */
    struct user_iov v[USER_VEC_MAX];
};

/* One buffer. Errors: -EFAULT it does not lie in user space. */
int user_vec_single(struct user_vec *vec, uint64_t base, uint64_t len);
/* The guest's array of `count` iovecs. Errors: -EINVAL, -EFAULT. */
int user_vec_load(struct task *task, struct user_vec *vec, uint64_t addr, uint64_t count);

/* Copy and advance. Result: bytes moved, less than len at a bad page. => len <= vec->left */
size_t user_vec_get(struct task *task, struct user_vec *vec, void *dst, size_t len);
size_t user_vec_put(struct task *task, struct user_vec *vec, const void *src, size_t len);
/* How many of the next `len` bytes can be reached; makes them resident. */
size_t user_vec_probe(struct task *task, const struct user_vec *vec, size_t len,
                      enum mmu_access access);

#endif
