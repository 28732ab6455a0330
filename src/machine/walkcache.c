// SPDX-License-Identifier: GPL-2.0-or-later
/* The paging-structure caches: TLB levels whose pages are the prefixes of addresses. */
#include "machine/walkcache.h"

#include "machine/pte.h"

enum { LOWEST = 2 }; /* leaves are not cached here */

static uint64_t key_of(unsigned level, uint64_t space, vaddr_t va)
{
    return tlb_key(space, vaddr(va.v >> pte_level_shift(level) << PAGE_SHIFT));
}

int walkcache_create(const struct tlb_spec *spec, unsigned number, struct walkcache *out)
{
    int error = 0;
    *out = (struct walkcache){.is_used = false};
    for (unsigned i = LOWEST; i <= MMU_LEVELS_MAX && !error; i++)
        error = tlb_level_create(spec->pwc[i], tlb_spec_seed(spec, number + i - LOWEST),
                                 &out->level[i]);
    return error;
}

void walkcache_destroy(struct walkcache *cache)
{
    for (unsigned i = LOWEST; i <= MMU_LEVELS_MAX; i++)
        tlb_level_destroy(&cache->level[i]);
}

static struct tlb_way *find(const struct walkcache *cache, unsigned i, uint64_t space, vaddr_t va)
{
    const struct tlb_level *level = &cache->level[i];
    if (!level->entries)
        return NULL;
    uint64_t key = key_of(i, space, va);
    return tlb_level_find(level, tlb_level_set(level, key), key);
}

unsigned walkcache_find(struct walkcache *cache, struct mmu_root root, uint64_t space, vaddr_t va,
                        uint64_t clock, struct mmu_start *out)
{
    for (unsigned i = LOWEST; cache->is_used && i <= root.levels; i++) {
        struct tlb_way *way = find(cache, i, space, va);
        if (way) {
            way->stamp = clock;
            *out = (struct mmu_start){.step = way->value, .level = (uint8_t)(i - 1)};
            return i;
        }
    }
    *out = mmu_top(root);
    return 0;
}

void walkcache_fill(struct walkcache *cache, unsigned level, const struct mmu_leaf *leaf,
                    uint64_t space, vaddr_t va, uint64_t clock)
{
    for (unsigned i = level; pte_level_shift(i) > leaf->page_shift; i--) {
        struct tlb_level *at = &cache->level[i];
        if (!at->entries)
            continue;
        uint64_t key = key_of(i, space, va);
        unsigned set = tlb_level_set(at, key);
        tlb_level_put(at, set, tlb_level_victim(at, set), key, leaf->steps[i], clock);
        cache->is_used = true;
    }
}

void walkcache_drop_address(struct walkcache *cache, uint64_t space, vaddr_t va)
{
    for (unsigned i = LOWEST; cache->is_used && i <= MMU_LEVELS_MAX; i++) {
        struct tlb_way *way = find(cache, i, space, va);
        if (way)
            tlb_level_drop(&cache->level[i], way);
    }
}

/* Result: whether entries of other spaces stay. */
static bool drop_space(struct tlb_level *level, uint64_t space)
{
    bool others = false;
    for (unsigned i = 0; i < level->entries; i++) {
        struct tlb_way *way = &level->way[i];
        if (!way->key)
            continue;
        if (!space || (way->key & TLB_KEY_SPACE) == space)
            tlb_level_drop(level, way);
        else
            others = true;
    }
    return others;
}

void walkcache_drop_space(struct walkcache *cache, uint64_t space)
{
    bool others = false;
    for (unsigned i = LOWEST; cache->is_used && i <= MMU_LEVELS_MAX; i++)
        others |= drop_space(&cache->level[i], space);
    cache->is_used = others;
}

bool walkcache_is_valid(const struct walkcache *cache)
{
    for (unsigned i = LOWEST; i <= MMU_LEVELS_MAX; i++) {
        const struct tlb_level *level = &cache->level[i];
        if (!tlb_level_is_valid(level))
            return false;
        for (unsigned k = 0; k < level->entries && !cache->is_used; k++) {
            if (level->way[k].key)
                return false;
        }
    }
    return true;
}
