// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finds loops that are worth a translation of their own: jumps back within a page are linked only
 * once they have come by HOT times; then the way from the jump's target to the jump is looked for
 * among the blocks already there.
 */
#include "machine/vex/vex.h"

enum { HOT = 64 }; /* passes */

static bool is_plain(const struct vex_block *block)
{
    return block->flavour == VEX_FAST && block->last == block->page && !block->retired;
}

enum vex_heat vex_loop_heat(const struct vex_cache *cache, uint32_t from, struct vex_block *head)
{
    const struct vex_block *tail = &cache->blocks[cache->sites[from].block];
    if (head->heat == HOT || tail->page != head->page || tail->pc < head->pc || !is_plain(head) ||
        !is_plain(tail))
        return VEX_HEAT_NONE;
    return ++head->heat == HOT ? VEX_HEAT_HOT : VEX_HEAT_WARM;
}

struct search {
    const struct vex_cache *cache;
    const struct vex_block *head, *tail;
    struct vex_path *path;
};

static bool is_on_path(const struct vex_path *path, uint64_t pc)
{
    for (unsigned i = 0; i < path->len; i++) {
        if (path->pc[i] == pc)
            return true;
    }
    return false;
}

/* Depth first, at most VEX_PATH_MAX blocks long. */
static bool find(struct search *s, const struct vex_block *at)
{
    struct vex_path *path = s->path;
    path->pc[path->len++] = at->pc;
    if (at == s->tail)
        return true;
    for (uint32_t i = at->sites; path->len < VEX_PATH_MAX && i < at->sites + at->nsites; i++) {
        const struct vex_site *site = &s->cache->sites[i];
        if (site->kind != VEX_SITE_JUMP || site->link == VEX_NONE)
            continue;
        const struct vex_block *next = &s->cache->blocks[site->link];
        if (next->page == s->head->page && next->pc > s->head->pc && is_plain(next) &&
            !is_on_path(path, next->pc) && find(s, next))
            return true;
    }
    path->len--;
    return false;
}

bool vex_loop_path(const struct vex_cache *cache, uint32_t from, const struct vex_block *head,
                   struct vex_path *path)
{
    path->len = 0;
    struct search search = {cache, head, &cache->blocks[cache->sites[from].block], path};
    return find(&search, head);
}
