// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Creation of a TLB level, changes to it, and the two searches that only large sets need. The
 * searches that every look-up makes are inline in the header.
 */
#include "machine/tlb_level.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"

bool tlb_geometry_is_valid(const struct tlb_geometry *geometry)
{
    if (geometry->entries == 0)
        return geometry->ways == 0;
    return geometry->entries <= TLB_ENTRIES_MAX && geometry->ways > 0 &&
           geometry->entries % geometry->ways == 0;
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

int tlb_level_create(struct tlb_geometry geometry, struct tlb_level *out)
{
    *out = (struct tlb_level){.entries = geometry.entries, .ways = geometry.ways};
    if (!tlb_geometry_is_valid(&geometry))
        return -EINVAL;
    if (geometry.entries == 0)
        return 0;
    out->sets = geometry.entries / geometry.ways;
    out->sets_are_pow2 = (out->sets & (out->sets - 1)) == 0;
    out->keys = calloc(geometry.entries, sizeof(*out->keys));
    out->values = calloc(geometry.entries, sizeof(*out->values));
    out->stamps = calloc(geometry.entries, sizeof(*out->stamps));
    if (!out->keys || !out->values || !out->stamps)
        return -ENOMEM;
    return is_large(out) ? create_large(out) : 0;
}

void tlb_level_destroy(struct tlb_level *level)
{
    free(level->keys);
    free(level->values);
    free(level->stamps);
    free(level->heads);
    free(level->next);
    free(level->bounds);
}

/* ---- large sets ---- */

static uint32_t *chain_of(const struct tlb_level *level, uint64_t key)
{
    return &level->heads[key * 0x9e3779b97f4a7c15u >> level->hash_shift]; /* 2^64 / golden ratio */
}

unsigned tlb_level_hash_find(const struct tlb_level *level, uint64_t key)
{
    for (uint32_t link = *chain_of(level, key); link; link = level->next[link - 1]) {
        if (level->keys[link - 1] == key)
            return link - 1;
    }
    return TLB_LEVEL_NONE;
}

static void hash_add(struct tlb_level *level, unsigned at)
{
    uint32_t *head = chain_of(level, level->keys[at]);
    level->next[at] = *head;
    *head = at + 1;
}

static void hash_remove(struct tlb_level *level, unsigned at)
{
    uint32_t *link = chain_of(level, level->keys[at]);
    while (*link != at + 1) {
        CHECK(*link != 0);
        link = &level->next[*link - 1];
    }
    *link = level->next[at];
}

/* The group of a set with the lowest bound, and the lowest bound among the others. */
unsigned tlb_level_group_of(const struct tlb_level *level, unsigned set, uint64_t *next_bound)
{
    const uint64_t *bounds = level->bounds + (size_t)set * level->groups;
    unsigned lowest = 0;
    uint64_t next = UINT64_MAX;
    for (unsigned i = 1; i < level->groups; i++) {
        if (bounds[i] < bounds[lowest]) {
            next = bounds[lowest];
            lowest = i;
        } else if (bounds[i] < next) {
            next = bounds[i];
        }
    }
    *next_bound = next;
    return lowest;
}

static void lower_bound(struct tlb_level *level, unsigned at)
{
    unsigned set = at / level->ways, way = at % level->ways;
    uint64_t *bound = &level->bounds[set * level->groups + way / TLB_LEVEL_SCAN];
    if (*bound > level->stamps[at])
        *bound = level->stamps[at];
}

/* ---- changes ---- */

void tlb_level_put(struct tlb_level *level, unsigned at, uint64_t key, uint64_t value,
                   uint64_t stamp)
{
    if (is_large(level) && level->keys[at])
        hash_remove(level, at);
    level->keys[at] = key;
    level->values[at] = value;
    level->stamps[at] = stamp;
    if (is_large(level))
        hash_add(level, at);
}

void tlb_level_drop(struct tlb_level *level, unsigned at)
{
    if (is_large(level) && level->keys[at])
        hash_remove(level, at);
    level->keys[at] = 0;
    level->values[at] = 0;
    level->stamps[at] = 0;
    if (is_large(level))
        lower_bound(level, at);
}

/* ---- invariants ---- */

static bool entry_is_valid(const struct tlb_level *level, unsigned at)
{
    uint64_t key = level->keys[at];
    unsigned set = at / level->ways, way = at % level->ways;
    if (is_large(level) &&
        level->stamps[at] < level->bounds[set * level->groups + way / TLB_LEVEL_SCAN])
        return false;
    if (!key)
        return level->values[at] == 0 && level->stamps[at] == 0;
    for (unsigned i = at + 1; i < (set + 1) * level->ways; i++) {
        if (level->keys[i] == key)
            return false;
    }
    return (key & TLB_KEY_VALID) && tlb_level_set(level, key) == set &&
           tlb_level_find(level, key) == at;
}

static bool hash_is_valid(const struct tlb_level *level)
{
    unsigned used = 0, linked = 0;
    for (unsigned i = 0; i < level->entries; i++)
        used += level->keys[i] != 0;
    for (size_t i = 0; i < (size_t)1 << (64 - level->hash_shift); i++) {
        for (uint32_t link = level->heads[i]; link && linked <= used; link = level->next[link - 1])
            linked++;
    }
    return linked == used;
}

bool tlb_level_is_valid(const struct tlb_level *level)
{
    for (unsigned i = 0; i < level->entries; i++) {
        if (!entry_is_valid(level, i))
            return false;
    }
    return !level->entries || !is_large(level) || hash_is_valid(level);
}
