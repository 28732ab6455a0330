// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tree-PLRU, FIFO and random replacement. Translated code only stamps an entry when it hits, so
 * each policy must be told from stamps:
 *
 * Tree-PLRU. A binary tree stands over the ways of a set, each node halving those below it (the
 * left half has one more if they are odd); its bit points to one half. A use of a way makes every
 * node above it point to the other half; the victim is where the bits lead from the root; dropping
 * an entry changes none. No bits are kept: a node's bit was last set by the last use of any way
 * below it, so it points away from the half in which that was; however many uses came between two
 * looks, only the last one below a node counts. A victim is only sought when every way holds an
 * entry, which came after all that its way held before: so the last use of a way is its entry's
 * stamp. No two ways of a set have the same stamp: a level serves one lookup a clock.
 *
 * FIFO. `filled` has the clock of the fill.
 *
 * Random. The n-th draw is a function of the seed and n: the same in every run, and it can be asked
 * for before it is made.
 */
#include "machine/tlb_replace.h"

#include "base/check.h"

/* The newest use of the ways [first, end). */
static uint64_t newest(const struct tlb_level *level, unsigned first, unsigned end)
{
    uint64_t stamp = 0;
    for (unsigned i = first; i < end; i++)
        stamp = *level->way[i].where > stamp ? *level->way[i].where : stamp;
    return stamp;
}

static unsigned where_tree_points(const struct tlb_level *level, unsigned first, unsigned end)
{
    while (end - first > 1) {
        unsigned middle = first + (end - first + 1) / 2;
        if (newest(level, first, middle) > newest(level, middle, end))
            first = middle;
        else
            end = middle;
    }
    return first;
}

static unsigned first_filled(const struct tlb_level *level, unsigned first, unsigned end)
{
    unsigned oldest = first;
    for (unsigned i = first + 1; i < end; i++) {
        if (level->filled[i] < level->filled[oldest])
            oldest = i;
    }
    return oldest;
}

/* SplitMix64, at its n-th step (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number
 * Generators", 2014). */
static uint64_t draw(uint64_t seed, uint64_t n)
{
    uint64_t z = seed + (n + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static unsigned chosen(const struct tlb_level *level, unsigned first, unsigned end)
{
    switch (level->policy) {
    case TLB_TREE_PLRU:
        return where_tree_points(level, first, end);
    case TLB_FIFO:
        return first_filled(level, first, end);
    default:
        CHECK(level->policy == TLB_RANDOM);
        return first + (unsigned)(draw(level->random_seed, level->random_at) % (end - first));
    }
}

struct tlb_way *tlb_replace_victim(const struct tlb_level *level, unsigned set)
{
    unsigned first = set * level->ways, end = first + level->ways;
    for (unsigned i = first; i < end && level->vacant; i++) {
        if (!level->way[i].key)
            return &level->way[i];
    }
    return &level->way[chosen(level, first, end)];
}

void tlb_replace_fill(struct tlb_level *level, const struct tlb_way *way, uint64_t stamp)
{
    if (level->policy == TLB_FIFO)
        level->filled[way - level->way] = stamp;
    if (way->key)
        level->random_at++;
    else
        level->vacant--;
}
