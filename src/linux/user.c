// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Copies between host buffers and a task's memory that may stop half-way, as read(2) and write(2)
 * do. A vector's lengths are checked when it is loaded, so that no sum can overflow later.
 */
#include <errno.h>

#include "linux/user.h"

size_t user_read_some(struct task *task, void *dst, uint64_t src, size_t len)
{
    if (user_read(task, dst, src, len) == 0)
        return len;
    size_t n = uaccess_probe(task->process->space, vaddr(src), len, MMU_LOAD);
    return user_read(task, dst, src, n) == 0 ? n : 0;
}

size_t user_write_some(struct task *task, uint64_t dst, const void *src, size_t len)
{
    if (user_write(task, dst, src, len) == 0)
        return len;
    size_t n = uaccess_probe(task->process->space, vaddr(dst), len, MMU_STORE);
    return user_write(task, dst, src, n) == 0 ? n : 0;
}

static bool is_user_range(uint64_t base, uint64_t len)
{
    return len <= SPACE_END && base <= SPACE_END - len;
}

/* Linux moves at most USER_IO_MAX bytes and silently shortens the rest. */
static int append(struct user_vec *vec, struct user_iov iov)
{
    if ((int64_t)iov.len < 0)
        return -EINVAL;
    if (iov.len > USER_IO_MAX - vec->left)
        iov.len = USER_IO_MAX - vec->left;
    if (!is_user_range(iov.base, iov.len))
        return -EFAULT;
    vec->left += iov.len;
    vec->v[vec->count++] = iov;
    return 0;
}

static void clear(struct user_vec *vec)
{
    vec->left = 0;
    vec->count = 0;
    vec->at = 0;
    vec->at_done = 0;
}

int user_vec_single(struct user_vec *vec, uint64_t base, uint64_t len)
{
    clear(vec);
    if (len > USER_IO_MAX)
        len = USER_IO_MAX;
    return append(vec, (struct user_iov){base, len});
}

int user_vec_load(struct task *task, struct user_vec *vec, uint64_t addr, uint64_t count)
{
    clear(vec);
    if (count > USER_VEC_MAX)
        return -EINVAL;
    struct user_iov iovs[64];
    for (uint64_t i = 0; i < count; i++) {
        uint64_t in_batch = i % 64;
        uint64_t batch = count - i < 64 ? count - i : 64;
        if (in_batch == 0 && user_read(task, iovs, addr + i * sizeof *iovs, batch * sizeof *iovs))
            return -EFAULT;
        int error = append(vec, iovs[in_batch]);
        if (error)
            return error;
    }
    return 0;
}

/* The rest of the buffer the cursor is in, at most len. */
static struct user_iov here(struct user_vec *vec, size_t len)
{
    while (vec->at_done == vec->v[vec->at].len) {
        vec->at++;
        vec->at_done = 0;
    }
    const struct user_iov *iov = &vec->v[vec->at];
    uint64_t rest = iov->len - vec->at_done;
    return (struct user_iov){iov->base + vec->at_done, rest < len ? rest : len};
}

static void advance(struct user_vec *vec, size_t len)
{
    vec->at_done += len;
    vec->left -= len;
}

size_t user_vec_get(struct task *task, struct user_vec *vec, void *dst, size_t len)
{
    size_t done = 0;
    while (done < len) {
        struct user_iov piece = here(vec, len - done);
        size_t n = user_read_some(task, (char *)dst + done, piece.base, piece.len);
        advance(vec, n);
        done += n;
        if (n < piece.len)
            break;
    }
    return done;
}

size_t user_vec_put(struct task *task, struct user_vec *vec, const void *src, size_t len)
{
    size_t done = 0;
    while (done < len) {
        struct user_iov piece = here(vec, len - done);
        size_t n = user_write_some(task, piece.base, (const char *)src + done, piece.len);
        advance(vec, n);
        done += n;
        if (n < piece.len)
            break;
    }
    return done;
}

size_t user_vec_probe(struct task *task, const struct user_vec *vec, size_t len,
                      enum mmu_access access)
{
    size_t done = 0;
    uint64_t skip = vec->at_done;
    for (unsigned i = vec->at; i < vec->count && done < len; i++, skip = 0) {
        uint64_t rest = vec->v[i].len - skip;
        size_t want = rest < len - done ? rest : len - done;
        size_t n = uaccess_probe(task->process->space, vaddr(vec->v[i].base + skip), want, access);
        done += n;
        if (n < want)
            break;
    }
    return done;
}
