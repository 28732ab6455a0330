// SPDX-License-Identifier: GPL-2.0-or-later
/* See names.h. Texts with the same hash lie at the hashes that follow. */
#include "base/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/xalloc.h"

void names_create(struct names *out)
{
    *out = (struct names){0};
    hashmap_create(&out->places);
}

void names_destroy(struct names *names)
{
    for (uint32_t i = 0; i < names->count; i++)
        free(names->texts[i]);
    free(names->texts);
    hashmap_destroy(&names->places);
    *names = (struct names){0};
}

#define HASH_MAX (UINT64_MAX >> 1)

/* FNV-1a, less its lowest bit: no hash is HASHMAP_NONE. */
static uint64_t hash_of(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return hash >> 1;
}

static uint32_t add(struct names *names, const char *text)
{
    if (names->count == names->room) {
        names->room = names->room ? 2 * names->room : 64;
        names->texts = x_realloc(names->texts, names->room * sizeof(*names->texts));
    }
    names->texts[names->count] = x_strdup(text);
    return ++names->count;
}

uint32_t names_get(struct names *names, const char *text)
{
    for (uint64_t hash = hash_of(text);; hash = (hash + 1) & HASH_MAX) {
        uint64_t *number = hashmap_at(&names->places, hash);
        if (*number == 0)
            *number = add(names, text);
        if (strcmp(names_text(names, (uint32_t)*number), text) == 0)
            return (uint32_t)*number;
    }
}

const char *names_text(const struct names *names, uint32_t number)
{
    CHECK(number > 0 && number <= names->count);
    return names->texts[number - 1];
}
