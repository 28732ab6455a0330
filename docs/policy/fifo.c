// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * First in, first out, as a policy of one's own: the page that came in first goes. Exactly what
 * `--policy fifo` does, in the fewest lines; begin yours with a copy of it.
 *
 * Build: cc -shared -fPIC -o fifo.so fifo.c $(pkg-config --cflags pagewalk)
 * Use:   pagewalk run --ram 8M --policy ./fifo.so -- PROGRAM
 */
#include <errno.h>
#include <stdlib.h>

#include <pagewalk_policy.h>

/* A ring through the frames in the order in which they came in; frame 0 is never a page, so it
 * joins the ends: `next` of 0 is the first, `prev` of 0 the last. */
struct fifo {
    uint32_t *next, *prev;
};

static void fifo_destroy(void *self)
{
    struct fifo *fifo = self;
    free(fifo->next);
    free(fifo->prev);
    free(fifo);
}

static int fifo_create(const struct pw_policy_env *env, void **self)
{
    struct fifo *fifo = malloc(sizeof(*fifo));
    if (!fifo)
        return ENOMEM;
    fifo->next = calloc(env->nframes, sizeof(uint32_t));
    fifo->prev = calloc(env->nframes, sizeof(uint32_t));
    if (!fifo->next || !fifo->prev) {
        fifo_destroy(fifo);
        return ENOMEM;
    }
    *self = fifo;
    return 0;
}

static void fifo_insert(void *self, uint32_t frame, uint64_t page)
{
    struct fifo *fifo = self;
    uint32_t last = fifo->prev[0];
    fifo->prev[frame] = last;
    fifo->next[frame] = 0;
    fifo->next[last] = frame;
    fifo->prev[0] = frame;
}

static void fifo_remove(void *self, uint32_t frame, enum pw_policy_reason why)
{
    struct fifo *fifo = self;
    fifo->next[fifo->prev[frame]] = fifo->next[frame];
    fifo->prev[fifo->next[frame]] = fifo->prev[frame];
}

/* A page that is named and stays goes to the end, so that the next call names another. */
static uint32_t fifo_victim(void *self)
{
    struct fifo *fifo = self;
    uint32_t first = fifo->next[0];
    fifo_remove(fifo, first, PW_POLICY_GONE);
    fifo_insert(fifo, first, 0);
    return first;
}

const struct pw_policy pagewalk_policy = {
    .version = PW_POLICY_VERSION,
    .create = fifo_create,
    .destroy = fifo_destroy,
    .insert = fifo_insert,
    .remove = fifo_remove,
    .victim = fifo_victim,
};
