// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Most recently used: the page whose last use is the newest goes, but for the few newest, which the
 * instruction that waits may need. Wrong for most programs; nearly the optimum for one that goes
 * round and round through more memory than there is. Asks for the last use of every page at every
 * eviction: for small RAMs.
 *
 * Build: cc -shared -fPIC -o mru.so mru.c $(pkg-config --cflags pagewalk)
 */
#include <errno.h>
#include <stdlib.h>

#include <pagewalk_policy.h>

enum { SPARED = 12 };

struct mru {
    const struct pw_policy_env *env;
    uint64_t named; /* when the last victim was used, if it is still there */
    uint32_t count;
    uint32_t *frames; /* those that are in, in no order */
    uint32_t *places; /* by frame */
};

static void mru_destroy(void *self)
{
    struct mru *mru = self;
    free(mru->frames);
    free(mru->places);
    free(mru);
}

static int mru_create(const struct pw_policy_env *env, void **self)
{
    struct mru *mru = calloc(1, sizeof(*mru));
    if (!mru)
        return ENOMEM;
    mru->env = env;
    mru->frames = calloc(env->nframes, sizeof(uint32_t));
    mru->places = calloc(env->nframes, sizeof(uint32_t));
    if (!mru->frames || !mru->places) {
        mru_destroy(mru);
        return ENOMEM;
    }
    *self = mru;
    return 0;
}

static void mru_insert(void *self, uint32_t frame, uint64_t page)
{
    struct mru *mru = self;
    mru->places[frame] = mru->count;
    mru->frames[mru->count++] = frame;
}

static void mru_remove(void *self, uint32_t frame, enum pw_policy_reason why)
{
    struct mru *mru = self;
    uint32_t last = mru->frames[--mru->count];
    mru->frames[mru->places[frame]] = last;
    mru->places[last] = mru->places[frame];
    mru->named = 0;
}

/* The frame whose last use is the newest of those before `before`. Result: when that was. */
static uint64_t newest_before(const struct mru *mru, uint64_t before, uint32_t *frame)
{
    uint64_t newest = 0;
    for (uint32_t i = 0; i < mru->count; i++) {
        uint64_t used = mru->env->last_use(mru->env->ctx, mru->frames[i]);
        if (used >= newest && used < before) {
            newest = used;
            *frame = mru->frames[i];
        }
    }
    return newest;
}

static uint32_t mru_victim(void *self)
{
    struct mru *mru = self;
    uint32_t frame = mru->frames[0];
    uint64_t used = mru->named ? mru->named : UINT64_MAX;
    for (int i = mru->named ? SPARED : 0; i <= SPARED && used > 0; i++)
        used = newest_before(mru, used, &frame);
    mru->named = used;
    return frame;
}

const struct pw_policy pagewalk_policy = {
    .version = PW_POLICY_VERSION,
    .flags = PW_POLICY_WANTS_LAST_USE,
    .create = mru_create,
    .destroy = mru_destroy,
    .insert = mru_insert,
    .remove = mru_remove,
    .victim = mru_victim,
};
