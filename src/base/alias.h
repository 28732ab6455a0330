// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Things with many names: each name, a 64-bit number, stands for one thing, and a thing exists as
 * long as it has a name. A thing may also have an identity, by which it is found when it gets
 * another name. What a thing and a name mean is the user's, who keeps a word with each.
 */
#ifndef BASE_ALIAS_H
#define BASE_ALIAS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hashmap.h"

struct alias_name {
    uint64_t name; /* any but HASHMAP_NONE */
    void *own;     /* the user's, NULL at first */
    uint32_t thing;
    uint32_t next;  /* name of the same thing; 0: the last */
    uint32_t flags; /* the user's */
};

struct alias_thing {
    uint64_t identity; /* 0: none */
    uint32_t names;    /* the first */
    uint32_t own;      /* the user's, 0 at first */
};

/* Names and things have numbers from 1 on, which are used again. */
struct alias {
    struct hashmap by_name, by_identity;
    struct alias_name *names;
    struct alias_thing *things;
    uint32_t names_end, names_room, free_name;
    uint32_t things_end, things_room, free_thing;
    uint64_t nthings;
};

void alias_create(struct alias *out);
void alias_destroy(struct alias *alias);

uint32_t alias_find(const struct alias *alias, uint64_t name); /* the name's number; 0: unknown */
/* The thing that has the identity; 0: none. => identity is not 0 */
uint32_t alias_find_identity(const struct alias *alias, uint64_t identity);
/* A name for a thing; thing 0: a new one, which has the identity if it is not 0.
 * Result: the name's number. => the name is unknown; pointers into the arrays are bad afterwards */
uint32_t alias_add(struct alias *alias, uint64_t name, uint32_t thing, uint64_t identity);
/* The name is unknown from now on. Result: false: it was the last of its thing, which is no more.
 */
bool alias_remove(struct alias *alias, uint32_t number);

/* Calls for each name in first .. first + count - 1, with its number, in any order. `each` may
 * remove the name that it is told, and add names. */
void alias_each(struct alias *alias, uint64_t first, uint64_t count,
                void (*each)(void *context, uint32_t number), void *context);

static inline struct alias_name *alias_name(const struct alias *alias, uint32_t number)
{
    return &alias->names[number];
}

static inline struct alias_thing *alias_thing(const struct alias *alias, uint32_t number)
{
    return &alias->things[alias->names[number].thing];
}

bool alias_is_valid(const struct alias *alias);

#endif
