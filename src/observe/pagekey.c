// SPDX-License-Identifier: GPL-2.0-or-later
/* A range of pages in a map: looked up one by one, or, if that is more than the map holds, found by
 * looking at all of it. */
#include "observe/pagekey.h"

#include <stdlib.h>

#include "base/xalloc.h"

static void remove_one(struct hashmap *map, uint64_t key,
                       void (*removed)(void *context, uint64_t value), void *context)
{
    const uint64_t *found = hashmap_find(map, key);
    if (!found)
        return;
    uint64_t value = *found;
    hashmap_remove(map, key);
    removed(context, value);
}

void pagekey_remove_range(struct hashmap *map, uint64_t first, uint64_t count,
                          void (*removed)(void *context, uint64_t value), void *context)
{
    uint64_t places = (uint64_t)1 << map->bits, n = 0;
    if (count <= places) {
        for (uint64_t i = 0; i < count; i++)
            remove_one(map, first + i, removed, context);
        return;
    }
    uint64_t *keys = x_malloc(places * sizeof(*keys));
    for (uint64_t i = 0; i < places; i++) {
        uint64_t key = map->entries[i].key;
        if (key != HASHMAP_NONE && key - first < count)
            keys[n++] = key;
    }
    for (uint64_t i = 0; i < n; i++)
        remove_one(map, keys[i], removed, context);
    free(keys);
}
