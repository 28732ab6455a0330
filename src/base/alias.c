// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two hash tables lead to two arrays; the names of a thing are a list, and so are the places of
 * either array that are free.
 *
 * Invariants: E1  every name is in the list of its thing, and found by by_name
 *             E2  every thing has a name; its identity, if it has one, leads to it
 */
#include "base/alias.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/xalloc.h"

enum { ROOM_MIN = 64 };

void alias_create(struct alias *out)
{
    *out = (struct alias){.names_end = 1, .things_end = 1};
    hashmap_create(&out->by_name);
    hashmap_create(&out->by_identity);
}

void alias_destroy(struct alias *alias)
{
    hashmap_destroy(&alias->by_name);
    hashmap_destroy(&alias->by_identity);
    free(alias->names);
    free(alias->things);
}

uint32_t alias_find(const struct alias *alias, uint64_t name)
{
    const uint64_t *found = hashmap_find(&alias->by_name, name);
    return found ? (uint32_t)*found : 0;
}

uint32_t alias_find_identity(const struct alias *alias, uint64_t identity)
{
    const uint64_t *found = hashmap_find(&alias->by_identity, identity);
    return found ? (uint32_t)*found : 0;
}

/* `array` with room for one more than `end`. */
static void *with_room(void *array, uint32_t end, uint32_t *room, size_t size)
{
    if (end < *room)
        return array;
    CHECK(end < UINT32_MAX / 2);
    *room = *room ? 2 * *room : ROOM_MIN;
    return x_realloc(array, *room * size);
}

static uint32_t make_thing(struct alias *alias, uint64_t identity)
{
    uint32_t thing = alias->free_thing;
    if (thing) {
        alias->free_thing = alias->things[thing].names;
    } else {
        alias->things = with_room(alias->things, alias->things_end, &alias->things_room,
                                  sizeof(*alias->things));
        thing = alias->things_end++;
    }
    alias->things[thing] = (struct alias_thing){.identity = identity};
    alias->nthings++;
    if (identity)
        *hashmap_at(&alias->by_identity, identity) = thing;
    return thing;
}

static void free_thing(struct alias *alias, uint32_t thing)
{
    if (alias->things[thing].identity)
        hashmap_remove(&alias->by_identity, alias->things[thing].identity);
    alias->things[thing] = (struct alias_thing){.names = alias->free_thing};
    alias->free_thing = thing;
    alias->nthings--;
}

uint32_t alias_add(struct alias *alias, uint64_t name, uint32_t thing, uint64_t identity)
{
    uint32_t number = alias->free_name;
    if (number) {
        alias->free_name = alias->names[number].next;
    } else {
        alias->names =
            with_room(alias->names, alias->names_end, &alias->names_room, sizeof(*alias->names));
        number = alias->names_end++;
    }
    if (!thing)
        thing = make_thing(alias, identity);
    alias->names[number] =
        (struct alias_name){.name = name, .thing = thing, .next = alias->things[thing].names};
    alias->things[thing].names = number;
    *hashmap_at(&alias->by_name, name) = number;
    return number;
}

static void unlink_name(struct alias *alias, uint32_t number)
{
    uint32_t *at = &alias->things[alias->names[number].thing].names;
    while (*at != number)
        at = &alias->names[*at].next;
    *at = alias->names[number].next;
}

bool alias_remove(struct alias *alias, uint32_t number)
{
    uint32_t thing = alias->names[number].thing;
    unlink_name(alias, number);
    hashmap_remove(&alias->by_name, alias->names[number].name);
    alias->names[number] = (struct alias_name){.name = HASHMAP_NONE, .next = alias->free_name};
    alias->free_name = number;
    if (alias->things[thing].names)
        return true;
    free_thing(alias, thing);
    return false;
}

/* Looked up one by one, or, if that is more than there are, found by looking at all. */
void alias_each(struct alias *alias, uint64_t first, uint64_t count,
                void (*each)(void *context, uint32_t number), void *context)
{
    uint32_t end = alias->names_end;
    if (count < end) {
        for (uint64_t i = 0; i < count; i++) {
            uint32_t number = alias_find(alias, first + i);
            if (number)
                each(context, number);
        }
        return;
    }
    for (uint32_t number = 1; number < end; number++)
        if (alias->names[number].name - first < count && alias->names[number].thing)
            each(context, number);
}

static bool name_is_valid(const struct alias *alias, uint32_t number)
{
    const struct alias_name *name = &alias->names[number];
    uint32_t at = alias->things[name->thing].names;
    while (at && at != number)
        at = alias->names[at].next;
    return at == number && alias_find(alias, name->name) == number; /* E1 */
}

bool alias_is_valid(const struct alias *alias)
{
    uint64_t nnames = 0, nthings = 0;
    for (uint32_t number = 1; number < alias->names_end; number++) {
        const struct alias_name *name = &alias->names[number];
        if (!name->thing)
            continue;
        uint64_t identity = alias->things[name->thing].identity;
        if (!name_is_valid(alias, number) ||
            (identity && alias_find_identity(alias, identity) != name->thing))
            return false; /* E2 */
        nnames++;
        nthings += alias->things[name->thing].names == number;
    }
    return nnames == alias->by_name.count && nthings == alias->nthings;
}
