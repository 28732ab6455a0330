// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * At most two thirds of the places are taken. An entry lies at its hash's place or, with no empty
 * place between, behind it; taking one out moves those behind it up, so there are no gravestones.
 */
#include "base/hashmap.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/xalloc.h"

enum { BITS_MIN = 6 };

static uint64_t home_of(const struct hashmap *map, uint64_t key)
{
    return key * 0x9e3779b97f4a7c15u >> (64 - map->bits); /* 2^64 / golden ratio */
}

static uint64_t mask_of(const struct hashmap *map)
{
    return ((uint64_t)1 << map->bits) - 1;
}

static void create_with(struct hashmap *map, unsigned bits)
{
    uint64_t places = (uint64_t)1 << bits;
    *map = (struct hashmap){.bits = bits, .entries = x_malloc(places * sizeof(*map->entries))};
    for (uint64_t i = 0; i < places; i++)
        map->entries[i].key = HASHMAP_NONE;
}

void hashmap_create(struct hashmap *out)
{
    create_with(out, BITS_MIN);
}

void hashmap_destroy(struct hashmap *map)
{
    free(map->entries);
    *map = (struct hashmap){0};
}

/* Where the key is, or the empty place where it would be put. */
static struct hashmap_entry *place_of(const struct hashmap *map, uint64_t key)
{
    uint64_t i = home_of(map, key);
    while (map->entries[i].key != key && map->entries[i].key != HASHMAP_NONE)
        i = (i + 1) & mask_of(map);
    return &map->entries[i];
}

uint64_t *hashmap_find(const struct hashmap *map, uint64_t key)
{
    struct hashmap_entry *entry = place_of(map, key);
    return entry->key == key ? &entry->value : NULL;
}

static void grow(struct hashmap *map)
{
    struct hashmap larger;
    create_with(&larger, map->bits + 1);
    for (uint64_t i = 0; i <= mask_of(map); i++) {
        if (map->entries[i].key != HASHMAP_NONE)
            *place_of(&larger, map->entries[i].key) = map->entries[i];
    }
    larger.count = map->count;
    free(map->entries);
    *map = larger;
}

uint64_t *hashmap_at(struct hashmap *map, uint64_t key)
{
    DCHECK(key != HASHMAP_NONE);
    struct hashmap_entry *entry = place_of(map, key);
    if (entry->key == key)
        return &entry->value;
    if (3 * (map->count + 1) > 2 * (mask_of(map) + 1)) {
        grow(map);
        entry = place_of(map, key);
    }
    map->count++;
    *entry = (struct hashmap_entry){.key = key};
    return &entry->value;
}

/* Moves up what lies behind an emptied place and was kept from it only by what was there. */
static void close_gap(struct hashmap *map, uint64_t gap)
{
    uint64_t mask = mask_of(map);
    for (uint64_t i = (gap + 1) & mask; map->entries[i].key != HASHMAP_NONE; i = (i + 1) & mask) {
        uint64_t home = home_of(map, map->entries[i].key);
        if (((i - home) & mask) < ((i - gap) & mask))
            continue; /* its home lies behind the gap */
        map->entries[gap] = map->entries[i];
        gap = i;
    }
    map->entries[gap].key = HASHMAP_NONE;
}

bool hashmap_remove(struct hashmap *map, uint64_t key)
{
    struct hashmap_entry *entry = place_of(map, key);
    if (entry->key != key)
        return false;
    close_gap(map, (uint64_t)(entry - map->entries));
    map->count--;
    return true;
}

bool hashmap_is_valid(const struct hashmap *map)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i <= mask_of(map); i++) {
        const struct hashmap_entry *entry = &map->entries[i];
        if (entry->key == HASHMAP_NONE)
            continue;
        if (place_of(map, entry->key) != entry)
            return false;
        count++;
    }
    return count == map->count;
}
