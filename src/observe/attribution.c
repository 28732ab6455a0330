// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sites lie in one array, in the order in which they were met, with a hash table of their indices
 * beside it, at most half full.
 */
#include "observe/attribution.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/xalloc.h"

enum { BITS_MIN = 10, OTHER = 1 /* number of "[other]" among all names */ };

const char *attribution_event_name(enum attribution_event event)
{
    static const char *const names[ATTRIBUTION_EVENTS] = {
        [ATTRIBUTION_FAULTS] = "faults",
        [ATTRIBUTION_FAULTS_MINOR] = "faults_minor",
        [ATTRIBUTION_FAULTS_MAJOR] = "faults_major",
        [ATTRIBUTION_FAULTS_COW] = "faults_cow",
        [ATTRIBUTION_WALKS] = "walks",
        [ATTRIBUTION_L1D_MISSES] = "tlb_l1d_misses",
        [ATTRIBUTION_L1I_MISSES] = "tlb_l1i_misses",
    };
    return names[event];
}

struct attribution *attribution_create(void)
{
    struct attribution *attribution = x_calloc(1, sizeof(*attribution));
    names_create(&attribution->programs);
    names_create(&attribution->regions);
    names_create(&attribution->object_names);
    names_create(&attribution->objects_known);
    calltree_create(&attribution->calls);
    attribution->bits = BITS_MIN;
    attribution->places = x_calloc((size_t)1 << BITS_MIN, sizeof(*attribution->places));
    attribution_program(attribution, "[other]");
    attribution_region(attribution, "[other]");
    attribution_object(attribution, "[other]", 0, 0);
    return attribution;
}

void attribution_destroy(struct attribution *attribution)
{
    if (!attribution)
        return;
    names_destroy(&attribution->programs);
    names_destroy(&attribution->regions);
    names_destroy(&attribution->object_names);
    names_destroy(&attribution->objects_known);
    calltree_destroy(&attribution->calls);
    free(attribution->objects);
    free(attribution->sites);
    free(attribution->places);
    free(attribution);
}

/* ---- names ---- */

static uint32_t number_of(struct names *names, const char *text)
{
    return names->count < ATTRIBUTION_NAMES_MAX ? names_get(names, text) : OTHER;
}

uint32_t attribution_program(struct attribution *attribution, const char *path)
{
    return number_of(&attribution->programs, path);
}

uint32_t attribution_region(struct attribution *attribution, const char *name)
{
    return number_of(&attribution->regions, name);
}

/* What the file is like now, if its name is still its own. */
static void look_at(struct attribution_object *object, const char *name)
{
    struct stat st;
    if (object->ino == 0 || stat(name, &st) < 0 || st.st_dev != object->dev ||
        st.st_ino != object->ino)
        return;
    object->size = (uint64_t)st.st_size;
    object->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
}

uint32_t attribution_object(struct attribution *attribution, const char *name, uint64_t dev,
                            uint64_t ino)
{
    char text[4200];
    struct names *known = &attribution->objects_known;
    uint32_t count = known->count;
    snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64 " %s", dev, ino, name);
    uint32_t number = number_of(known, text);
    if (known->count == count)
        return number;
    if (known->room > attribution->objects_room) {
        attribution->objects_room = known->room;
        attribution->objects = x_realloc(attribution->objects,
                                         attribution->objects_room * sizeof(*attribution->objects));
    }
    struct attribution_object *object = &attribution->objects[number - 1];
    *object = (struct attribution_object){
        .name = names_get(&attribution->object_names, name), .dev = dev, .ino = ino};
    look_at(object, name);
    return number;
}

/* ---- sites ---- */

static uint64_t hash_of(const struct attribution_key *key)
{
    uint64_t names = key->program ^ (uint64_t)key->object << 20 ^ (uint64_t)key->region << 40;
    names ^= (uint64_t)key->stack << 32;
    uint64_t hash = (key->address ^ names * 0x9e3779b97f4a7c15u) * 0xd6e8feb86659fd93u;
    return hash ^ hash >> 32;
}

static bool is_same(const struct attribution_key *a, const struct attribution_key *b)
{
    return a->address == b->address && a->program == b->program && a->object == b->object &&
           a->region == b->region && a->stack == b->stack;
}

/* Where the key's index is, or would be. */
static uint32_t *place_of(const struct attribution *attribution, const struct attribution_key *key)
{
    uint64_t mask = ((uint64_t)1 << attribution->bits) - 1, i = hash_of(key) & mask;
    while (attribution->places[i] &&
           !is_same(&attribution->sites[attribution->places[i] - 1].key, key))
        i = (i + 1) & mask;
    return &attribution->places[i];
}

static void grow(struct attribution *attribution)
{
    free(attribution->places);
    attribution->bits++;
    attribution->places = x_calloc((size_t)1 << attribution->bits, sizeof(*attribution->places));
    for (uint32_t i = 0; i < attribution->count; i++)
        *place_of(attribution, &attribution->sites[i].key) = i + 1;
}

static struct attribution_site *add(struct attribution *attribution,
                                    const struct attribution_key *key)
{
    if (attribution->count == attribution->room) {
        attribution->room = attribution->room ? 2 * attribution->room : 256;
        attribution->sites =
            x_realloc(attribution->sites, attribution->room * sizeof(*attribution->sites));
    }
    if (2 * (uint64_t)(attribution->count + 1) > (uint64_t)1 << attribution->bits)
        grow(attribution);
    attribution->sites[attribution->count] = (struct attribution_site){.key = *key};
    *place_of(attribution, key) = ++attribution->count;
    return &attribution->sites[attribution->count - 1];
}

struct attribution_site *attribution_at(struct attribution *attribution,
                                        const struct attribution_key *key)
{
    static const struct attribution_key other = {0, OTHER, OTHER, OTHER, 0};
    uint32_t place = *place_of(attribution, key);
    if (!place && attribution->count >= ATTRIBUTION_SITES_MAX) {
        key = &other;
        place = *place_of(attribution, key);
    }
    return place ? &attribution->sites[place - 1] : add(attribution, key);
}
