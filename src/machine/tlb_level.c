// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Creation of a TLB level, changes to it, and the two searches that only large sets need. The
 * searches that every look-up makes are inline in the header.
 */
#include "machine/tlb_level.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "machine/tlb_replace.h"

bool tlb_geometry_is_valid(const struct tlb_geometry *geometry)
{
    if (geometry->entries == 0)
        return geometry->ways == 0;
    return geometry->entries <= TLB_ENTRIES_MAX && geometry->ways > 0 &&
           geometry->entries % geometry->ways == 0 && geometry->policy <= TLB_RANDOM;
}

static bool is_large(const struct tlb_level *level)
{
    return level->ways > TLB_LEVEL_SCAN;
}

static int create_large(struct tlb_level *level)
{
    unsigned bits = 1;
    while ((1u << bits) < 2 * level->entries)
        bits++;
    level->hash_shift = 64 - bits;
    level->groups = (level->ways + TLB_LEVEL_SCAN - 1) / TLB_LEVEL_SCAN;
    level->heads = calloc((size_t)1 << bits, sizeof(*level->heads));
    level->next = calloc(level->entries, sizeof(*level->next));
    level->bounds = calloc((size_t)level->sets * level->groups, sizeof(*level->bounds));
    return level->heads && level->next && level->bounds ? 0 : -ENOMEM;
}

static int create_tags(struct tlb_level *level)
{
    size_t len = (size_t)level->sets * TLB_LEVEL_SCAN * sizeof(*level->tags);
    level->tags = aligned_alloc(sizeof(__m128i), len);
    if (!level->tags)
        return -ENOMEM;
    memset(level->tags, 0, len);
    return 0;
}

static int create_filled(struct tlb_level *level)
{
    level->filled = calloc(level->entries, sizeof(*level->filled));
    return level->filled ? 0 : -ENOMEM;
}

int tlb_level_create(struct tlb_geometry geometry, uint64_t seed, struct tlb_level *out)
{
    *out = (struct tlb_level){.entries = geometry.entries,
                              .ways = geometry.ways,
                              .vacant = geometry.entries,
                              .policy = geometry.policy,
                              .random_seed = seed};
    if (!tlb_geometry_is_valid(&geometry))
        return -EINVAL;
    if (geometry.entries == 0)
        return 0;
    out->sets = geometry.entries / geometry.ways;
    out->sets_are_pow2 = (out->sets & (out->sets - 1)) == 0;
    out->way = calloc(geometry.entries, sizeof(*out->way));
    if (!out->way)
        return -ENOMEM;
    for (unsigned i = 0; i < geometry.entries; i++)
        out->way[i].where = &out->way[i].stamp;
    out->is_plain = !is_large(out) && out->policy == TLB_LRU;
    int error = is_large(out) ? create_large(out) : create_tags(out);
    return !error && out->policy == TLB_FIFO ? create_filled(out) : error;
}

void tlb_level_destroy(struct tlb_level *level)
{
    free(level->way);
    free(level->tags);
    free(level->heads);
    free(level->next);
    free(level->bounds);
    free(level->filled);
}

/* ---- large sets ---- */

static uint32_t *chain_of(const struct tlb_level *level, uint64_t key)
{
    return &level->heads[tlb_key_hash(key) >> level->hash_shift];
}

struct tlb_way *tlb_level_find_hashed(const struct tlb_level *level, uint64_t key)
{
    for (uint32_t link = *chain_of(level, key); link; link = level->next[link - 1]) {
        if (level->way[link - 1].key == key)
            return &level->way[link - 1];
    }
    return NULL;
}

static void unhash(struct tlb_level *level, const struct tlb_way *way)
{
    uint32_t self = (uint32_t)(way - level->way) + 1, *link = chain_of(level, way->key);
    while (*link != self) {
        CHECK(*link != 0);
        link = &level->next[*link - 1];
    }
    *link = level->next[self - 1];
}

/* The chains follow when the key of a way is about to become `key`. */
static void rehash(struct tlb_level *level, struct tlb_way *way, uint64_t key)
{
    uint32_t self = (uint32_t)(way - level->way) + 1;
    if (way->key)
        unhash(level, way);
    uint32_t *head = chain_of(level, key);
    level->next[self - 1] = *head;
    *head = self;
}

/* The group with the lowest bound; *next is the lowest bound among the others. */
static unsigned lowest_group(const uint64_t *bounds, unsigned groups, uint64_t *next)
{
    unsigned lowest = 0;
    *next = UINT64_MAX;
    for (unsigned i = 1; i < groups; i++) {
        if (bounds[i] < bounds[lowest]) {
            *next = bounds[lowest];
            lowest = i;
        } else if (bounds[i] < *next) {
            *next = bounds[i];
        }
    }
    return lowest;
}

/* Stamps only grow, so a bound stays one until it is looked into; each look makes it exact. */
static struct tlb_way *oldest_grouped(struct tlb_level *level, unsigned set)
{
    uint64_t *bounds = level->bounds + (size_t)set * level->groups;
    struct tlb_way *first = level->way + (size_t)set * level->ways;
    for (;;) {
        uint64_t next;
        unsigned group = lowest_group(bounds, level->groups, &next);
        unsigned start = group * TLB_LEVEL_SCAN, left = level->ways - start;
        struct tlb_way *oldest =
            tlb_level_oldest(first + start, left < TLB_LEVEL_SCAN ? left : TLB_LEVEL_SCAN);
        bounds[group] = *oldest->where;
        if (bounds[group] <= next)
            return oldest;
    }
}

struct tlb_way *tlb_level_victim_otherwise(struct tlb_level *level, unsigned set)
{
    return level->policy == TLB_LRU ? oldest_grouped(level, set) : tlb_replace_victim(level, set);
}

static uint64_t *bound_of(const struct tlb_level *level, const struct tlb_way *way)
{
    unsigned at = (unsigned)(way - level->way), set = at / level->ways;
    return &level->bounds[set * level->groups + at % level->ways / TLB_LEVEL_SCAN];
}

/* ---- changes ---- */

/* A translation comes into a way: what is kept beside the ways follows. */
void tlb_level_prepare(struct tlb_level *level, struct tlb_way *way, uint64_t key, uint64_t stamp)
{
    if (level->tags)
        tlb_level_set_tag(level, tlb_level_set(level, key), way, tlb_key_tag(key));
    else
        rehash(level, way, key);
    tlb_replace_fill(level, way, stamp);
}

void tlb_level_drop(struct tlb_level *level, struct tlb_way *way)
{
    if (level->tags) {
        tlb_level_set_tag(level, tlb_level_set(level, way->key), way, 0);
    } else {
        unhash(level, way);
        *bound_of(level, way) = 0;
    }
    level->vacant++;
    *way = (struct tlb_way){.where = &way->stamp};
}

/* ---- invariants ---- */

static bool way_is_valid(const struct tlb_level *level, unsigned at)
{
    const struct tlb_way *way = &level->way[at];
    if (is_large(level) && *way->where < *bound_of(level, way))
        return false;
    if (!way->key)
        return way->value == 0 && way->stamp == 0 && way->where == &way->stamp;
    unsigned set = at / level->ways;
    for (unsigned i = at + 1; i < (set + 1) * level->ways; i++) {
        if (level->way[i].key == way->key)
            return false;
    }
    return (way->key & TLB_KEY_VALID) && tlb_level_set(level, way->key) == set &&
           tlb_level_find(level, set, way->key) == way;
}

static bool hash_is_valid(const struct tlb_level *level)
{
    unsigned used = 0, linked = 0;
    for (unsigned i = 0; i < level->entries; i++)
        used += level->way[i].key != 0;
    for (size_t i = 0; i < (size_t)1 << (64 - level->hash_shift); i++) {
        for (uint32_t link = level->heads[i]; link && linked <= used; link = level->next[link - 1])
            linked++;
    }
    return linked == used;
}

bool tlb_level_is_valid(const struct tlb_level *level)
{
    unsigned vacant = 0;
    for (unsigned i = 0; i < level->entries; i++) {
        if (!way_is_valid(level, i))
            return false;
        vacant += !level->way[i].key;
    }
    if (!level->is_plain && vacant != level->vacant)
        return false;
    return !level->entries || !is_large(level) || hash_is_valid(level);
}
