// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is behind a descriptor that the host has no equal of: a pidfd, a signalfd, a userfaultfd.
 * The guest's descriptor is one of the host's that is made readable when the object is, so that
 * poll and epoll are the host's; copies of the descriptor share the object.
 */
#ifndef LINUX_FD_OBJECT_H
#define LINUX_FD_OBJECT_H

#include <stddef.h>
#include <stdint.h>

struct fd_entry;
struct fd_object;
struct task;
struct user_vec;

struct fd_object_ops {
    void (*destroy)(struct fd_object *object);
    /* read(2). NULL: -EINVAL. */
    int64_t (*read)(struct task *task, const struct fd_entry *entry, struct user_vec *vec);
    /* The task is about to wait for it. NULL: nothing to do. */
    void (*watch)(struct task *task, struct fd_object *object);
    /* ioctl(2). NULL: as the host's descriptor. */
    int64_t (*control)(struct task *task, const struct fd_entry *entry, uint32_t request,
                       uint64_t addr);
};

struct fd_object {
    uint32_t refs;
    const struct fd_object_ops *ops; /* says what it is */
};

static inline struct fd_object *fd_object_get(struct fd_object *object) /* NULL gives NULL */
{
    if (object)
        object->refs++;
    return object;
}

static inline void fd_object_put(struct fd_object *object) /* NULL is fine */
{
    if (object && --object->refs == 0)
        object->ops->destroy(object);
}

static inline void fd_object_watch(struct task *task, struct fd_object *object) /* NULL is fine */
{
    if (object && object->ops->watch)
        object->ops->watch(task, object);
}

#endif
