// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Random: every page is as likely to go as any other. The same seed gives the same choices. Needs
 * no knowledge of use, and is what hardware of unknown policy is compared with.
 *
 *   pages   [ 0 .. nfresh )            can be named
 *           [ nfresh .. count )        were named and stayed; nobody asks for them again until all
 *                                      others were named too
 *
 * Invariant: R1  places[pages[i]] == i + 1 for i < count, and 0 for every page that is not in
 *
 * The generator is xoshiro256** with its state filled by splitmix64, as its authors advise.
 * Source: D. Blackman, S. Vigna, "Scrambled Linear Pseudorandom Number Generators", 2021.
 */
#include "base/lazy.h"
#include "base/xalloc.h"
#include "kernel/policy_table.h"

#include <errno.h>
#include <stdlib.h>

struct random {
    uint64_t state[4];
    uint64_t nframes;
    pfn_t *pages;
    uint32_t *places; /* by pfn */
    uint32_t count, nfresh;
};

static uint64_t rotl(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static uint64_t next_random(uint64_t s[4])
{
    uint64_t result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

/* Uniform in [0, bound): the high half of a product; the bias of at most bound / 2^64 is below
 * anything a run could show. */
static uint32_t random_below(struct random *random, uint32_t bound)
{
    return (uint32_t)((unsigned __int128)next_random(random->state) * bound >> 64);
}

static void random_destroy(void *self)
{
    struct random *random = self;
    lazy_destroy(random->pages, random->nframes * sizeof(*random->pages));
    lazy_destroy(random->places, random->nframes * sizeof(*random->places));
    free(random);
}

static int random_create(const struct policy_env *env, void **self)
{
    struct random *random = x_calloc(1, sizeof(*random));
    uint64_t seed = env->seed;
    for (unsigned i = 0; i < 4; i++)
        random->state[i] = splitmix64(&seed);
    random->nframes = env->nframes;
    random->pages = lazy_create(env->nframes * sizeof(*random->pages));
    random->places = lazy_create(env->nframes * sizeof(*random->places));
    if (!random->pages || !random->places) {
        random_destroy(random);
        return -ENOMEM;
    }
    *self = random;
    return 0;
}

static void put_at(struct random *random, uint32_t place, pfn_t pfn)
{
    random->pages[place] = pfn;
    random->places[pfn] = place + 1;
}

static void random_insert(void *self, pfn_t pfn, uint64_t page)
{
    struct random *random = self;
    if (random->nfresh < random->count)
        put_at(random, random->count, random->pages[random->nfresh]);
    put_at(random, random->nfresh++, pfn);
    random->count++;
}

static void random_remove(void *self, pfn_t pfn, enum policy_reason why)
{
    struct random *random = self;
    uint32_t hole = random->places[pfn] - 1;
    random->places[pfn] = 0;
    if (hole < random->nfresh) {
        random->nfresh--;
        if (hole != random->nfresh)
            put_at(random, hole, random->pages[random->nfresh]);
        hole = random->nfresh;
    }
    random->count--;
    if (hole != random->count)
        put_at(random, hole, random->pages[random->count]);
}

static pfn_t random_victim(void *self)
{
    struct random *random = self;
    if (random->count == 0)
        return PFN_NONE;
    if (random->nfresh == 0)
        random->nfresh = random->count;
    uint32_t place = random_below(random, random->nfresh);
    pfn_t pfn = random->pages[place];
    random->nfresh--;
    put_at(random, place, random->pages[random->nfresh]);
    put_at(random, random->nfresh, pfn);
    return pfn;
}

static bool random_contains(const void *self, pfn_t pfn)
{
    const struct random *random = self;
    return random->places[pfn] != 0;
}

static bool random_is_valid(const void *self)
{
    const struct random *random = self;
    for (uint32_t i = 0; i < random->count; i++) {
        if (random->places[random->pages[i]] != i + 1)
            return false;
    }
    return random->nfresh <= random->count;
}

const struct policy_ops policy_random = {
    .name = "random",
    .summary = "evicts any page, all alike",
    .create = random_create,
    .destroy = random_destroy,
    .insert = random_insert,
    .remove = random_remove,
    .victim = random_victim,
    .contains = random_contains,
    .is_valid = random_is_valid,
};
