// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A hash table from 64-bit keys to 64-bit values, in one array with linear probing. Any key but
 * HASHMAP_NONE, any value; nothing depends on the order of keys, which is not kept.
 */
#ifndef BASE_HASHMAP_H
#define BASE_HASHMAP_H

#include <stdbool.h>
#include <stdint.h>

#define HASHMAP_NONE UINT64_MAX

struct hashmap_entry {
    uint64_t key, value; /* key HASHMAP_NONE: empty */
};

struct hashmap {
    struct hashmap_entry *entries; /* [1 << bits] */
    unsigned bits;
    uint64_t count;
};

void hashmap_create(struct hashmap *out);
void hashmap_destroy(struct hashmap *map);

/* The value of the key; NULL: it has none. => good until the next hashmap_at or _remove */
uint64_t *hashmap_find(const struct hashmap *map, uint64_t key);
/* The same, but a key that is not there is put in, with value 0. */
uint64_t *hashmap_at(struct hashmap *map, uint64_t key);
bool hashmap_remove(struct hashmap *map, uint64_t key); /* result: was it there? */
bool hashmap_is_valid(const struct hashmap *map);

#endif
