// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A fifo's open(2) sleeps in the host until there is a partner, and the host offers no other way to
 * wait for one. So this one call is made by a thread of its own, which does nothing else and tells
 * an eventfd when it is done; the task waits for that like for any descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "linux/fifo.h"
#include "linux/hostsig.h"

struct opening {
    char name[32];
    int flags;
    int done;   /* eventfd */
    int result; /* a descriptor or -errno; the thread's until it has ended */
};

static void *open_and_tell(void *arg)
{
    struct opening *opening = arg;
    int host = open(opening->name, opening->flags);
    opening->result = host < 0 ? -errno : host;
    eventfd_write(opening->done, 1);
    return NULL;
}

/* Signals are for the one thread that runs guests. */
static int start(struct opening *opening, pthread_t *thread)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = pthread_create(thread, NULL, open_and_tell, opening);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return error ? -ENOMEM : 0;
}

/* Waits for the thread, and for an event of `reader` (-1: none). Result: > 0, or -errno. */
static int wait_for_either(struct task *task, const struct opening *opening, int reader)
{
    struct pollfd fds[2] = {{.fd = opening->done, .events = POLLIN},
                            {.fd = reader, .events = POLLIN}};
    int ready = hostsig_poll(task, fds, 2, -1);
    return ready == 0 ? -EINTR : ready;
}

/* Result: what the thread's open gave, or -EINTR if `reader` was first; else -errno. */
static int open_in_thread(struct task *task, struct opening *opening, int reader)
{
    pthread_t thread;
    int error = start(opening, &thread);
    if (error)
        return error;
    int ready = wait_for_either(task, opening, reader);
    pthread_cancel(thread); /* if it is still in its open: that is where it can be ended */
    pthread_join(thread, NULL);
    if (ready > 0)
        return opening->result;
    if (opening->result >= 0)
        close(opening->result);
    return ready;
}

static int open_partner(struct task *task, int host, int flags, int reader)
{
    struct opening opening = {
        .flags = flags | O_CLOEXEC | O_NOCTTY,
        .done = eventfd(0, EFD_CLOEXEC),
        .result = -EINTR,
    };
    if (opening.done < 0)
        return -errno;
    snprintf(opening.name, sizeof opening.name, "/proc/self/fd/%d", host);
    int result = open_in_thread(task, &opening, reader);
    close(opening.done);
    return result;
}

/*
 * The thread opens the fifo once more, which ends when there is a writer. One that comes and goes
 * before the thread gets there has left bytes or a hang-up at `host`.
 */
int fifo_wait_for_writer(struct task *task, int host)
{
    int again = open_partner(task, host, O_RDONLY, host);
    if (again >= 0)
        close(again);
    return again >= 0 || again == -EINTR ? 0 : again;
}

int fifo_open_for_writing(struct task *task, int host, int flags)
{
    return open_partner(task, host, O_WRONLY | (flags & (O_APPEND | O_NOATIME)), -1);
}
