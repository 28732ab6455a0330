// SPDX-License-Identifier: GPL-2.0-or-later
/* Pages that were evicted: see policy_ghosts.h. Decides nothing. */
#include "kernel/policy_ghosts.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/xalloc.h"

void policy_ghosts_create(struct policy_ghosts *out)
{
    *out = (struct policy_ghosts){.used = 1, .room = 16};
    out->ghosts = x_calloc(out->room, sizeof(*out->ghosts));
    hashmap_create(&out->places);
}

void policy_ghosts_destroy(struct policy_ghosts *ghosts)
{
    free(ghosts->ghosts);
    hashmap_destroy(&ghosts->places);
}

static uint32_t take_place(struct policy_ghosts *ghosts)
{
    uint32_t place = ghosts->free_head;
    if (place) {
        ghosts->free_head = ghosts->ghosts[place].next;
        return place;
    }
    if (ghosts->used == ghosts->room) {
        ghosts->room *= 2;
        ghosts->ghosts = x_realloc(ghosts->ghosts, ghosts->room * sizeof(*ghosts->ghosts));
    }
    return ghosts->used++;
}

static void forget(struct policy_ghosts *ghosts, uint32_t place)
{
    struct policy_ghost *all = ghosts->ghosts, *ghost = &all[place];
    all[ghost->next].prev = ghost->prev;
    all[ghost->prev].next = ghost->next;
    hashmap_remove(&ghosts->places, ghost->page);
    ghost->next = ghosts->free_head;
    ghosts->free_head = place;
    ghosts->count--;
}

void policy_ghosts_add(struct policy_ghosts *ghosts, uint64_t page)
{
    policy_ghosts_take(ghosts, page);
    uint32_t place = take_place(ghosts);
    struct policy_ghost *all = ghosts->ghosts;
    all[place] = (struct policy_ghost){.page = page, .next = 0, .prev = all[0].prev};
    all[all[0].prev].next = place;
    all[0].prev = place;
    *hashmap_at(&ghosts->places, page) = place;
    ghosts->count++;
}

bool policy_ghosts_take(struct policy_ghosts *ghosts, uint64_t page)
{
    const uint64_t *place = hashmap_find(&ghosts->places, page);
    if (!place)
        return false;
    forget(ghosts, (uint32_t)*place);
    return true;
}

void policy_ghosts_trim(struct policy_ghosts *ghosts, uint64_t most)
{
    while (ghosts->count > most)
        forget(ghosts, ghosts->ghosts[0].next);
}

bool policy_ghosts_is_valid(const struct policy_ghosts *ghosts)
{
    const struct policy_ghost *all = ghosts->ghosts;
    uint32_t prev = 0, place = all[0].next;
    for (uint32_t seen = 0; seen < ghosts->count; seen++) {
        const uint64_t *found = hashmap_find(&ghosts->places, all[place].page);
        if (place == 0 || all[place].prev != prev || !found || *found != place)
            return false; /* G1 */
        prev = place;
        place = all[place].next;
    }
    return place == 0 && all[0].prev == prev && ghosts->places.count == ghosts->count;
}
