// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The code cache: an arena of executable memory cut into sectors, which are filled in turn; when
 * the last is full the oldest is emptied and filled again. Blocks and sites live in arrays beside
 * it, each sector with ranges of its own, so emptying a sector forgets them all at once; only jumps
 * between sectors have to be undone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/check.h"
#include "base/lazy.h"
#include "machine/vex/vex.h"

enum {
    SECTOR_LEN_MIN = 512 << 10,
    BLOCK_LEN_LEAST = 48, /* bytes of code; a sector may be full by its tables first */
    SITE_LEN_LEAST = 16,
    DOORS_LEN = PAGE_SIZE,
    HUGE_LEN = 2 << 20,
};
#define CACHE_LEN_DEFAULT ((uint64_t)256 << 20)
#define CACHE_LEN_MAX ((uint64_t)1 << 30)

/* ---- creation ---- */

/*
 * Memory in the first 2 GiB, so that 32 bits reach it, in huge host pages if the host has them.
 * Result: NULL: there is none.
 */
uint8_t *vex_low_memory(size_t len, int protection)
{
    size_t whole = len + HUGE_LEN;
    void *at = mmap(NULL, whole, protection,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_32BIT, -1, 0);
    if (at == MAP_FAILED)
        return NULL;
    uintptr_t start = ((uintptr_t)at + HUGE_LEN - 1) & ~(uintptr_t)(HUGE_LEN - 1);
    size_t before = start - (uintptr_t)at;
    if (before)
        CHECK(munmap(at, before) == 0);
    if (HUGE_LEN - before)
        CHECK(munmap((uint8_t *)start + len, HUGE_LEN - before) == 0);
    (void)madvise((void *)start, len, MADV_HUGEPAGE);
    return (uint8_t *)start;
}

static void cut_sectors(struct vex_cache *cache)
{
    uint64_t share = (cache->arena_len - DOORS_LEN) / VEX_SECTORS_MAX;
    uint64_t len = share > SECTOR_LEN_MIN ? share : SECTOR_LEN_MIN;
    len &= ~PAGE_MASK;
    cache->nsectors = (unsigned)((cache->arena_len - DOORS_LEN) / len);
    uint32_t start = (uint32_t)(uintptr_t)cache->arena + DOORS_LEN, blocks = 0, sites = 0;
    for (unsigned i = 0; i < cache->nsectors; i++) {
        struct vex_sector *sector = &cache->sectors[i];
        *sector = (struct vex_sector){.start = start,
                                      .cursor = start,
                                      .end = start + (uint32_t)len,
                                      .first_block = blocks,
                                      .max_blocks = (uint32_t)(len / BLOCK_LEN_LEAST),
                                      .first_site = sites,
                                      .max_sites = (uint32_t)(len / SITE_LEN_LEAST)};
        start = sector->end;
        blocks += sector->max_blocks;
        sites += sector->max_sites;
    }
}

static uint32_t hash_len(uint64_t arena_len)
{
    uint32_t len = 1 << 12;
    while (len < arena_len / 2048 && len < 1 << 20)
        len *= 2;
    return len;
}

int vex_cache_create(struct vex_cache *cache, uint64_t len)
{
    memset(cache, 0, sizeof(*cache));
    if (!len)
        len = CACHE_LEN_DEFAULT;
    if (len > CACHE_LEN_MAX)
        len = CACHE_LEN_MAX;
    if (len < 2 * SECTOR_LEN_MIN)
        len = 2 * SECTOR_LEN_MIN;
    cache->arena_len = (len & ~PAGE_MASK) + DOORS_LEN;
    cache->arena = vex_low_memory(cache->arena_len, PROT_READ | PROT_WRITE | PROT_EXEC);
    if (!cache->arena)
        return -ENOMEM;
    CHECK(vex_patch_doors(&cache->doors, cache->arena) <= cache->arena + DOORS_LEN);
    cut_sectors(cache);
    const struct vex_sector *last = &cache->sectors[cache->nsectors - 1];
    cache->blocks_len = (last->first_block + last->max_blocks) * sizeof(*cache->blocks);
    cache->sites_len = (last->first_site + last->max_sites) * sizeof(*cache->sites);
    cache->blocks = lazy_create(cache->blocks_len);
    cache->sites = lazy_create(cache->sites_len);
    cache->owners_len = (cache->arena_len / VEX_GRANULE + 1) * sizeof(*cache->owners);
    cache->owners = lazy_create(cache->owners_len);
    cache->hash_mask = hash_len(cache->arena_len) - 1;
    cache->hash = malloc(((size_t)cache->hash_mask + 1) * sizeof(*cache->hash));
    if (!cache->blocks || !cache->sites || !cache->owners || !cache->hash)
        return -ENOMEM;
    memset(cache->hash, 0xff, ((size_t)cache->hash_mask + 1) * sizeof(*cache->hash));
    return 0;
}

void vex_cache_destroy(struct vex_cache *cache)
{
    if (cache->arena)
        munmap(cache->arena, cache->arena_len);
    for (unsigned s = 0; cache->blocks && s < cache->nsectors; s++)
        for (uint32_t i = 0; i < cache->sectors[s].nblocks; i++)
            free(cache->blocks[cache->sectors[s].first_block + i].ops);
    lazy_destroy(cache->blocks, cache->blocks_len);
    lazy_destroy(cache->sites, cache->sites_len);
    lazy_destroy(cache->owners, cache->owners_len);
    free(cache->hash);
}

/* ---- finding ---- */

static uint32_t *bucket(const struct vex_cache *cache, uint64_t pc)
{
    uint64_t mixed = pc * 0x9e3779b97f4a7c15;
    return &cache->hash[mixed >> 32 & cache->hash_mask];
}

static struct vex_block *search(const struct vex_cache *cache, uint32_t at, uint64_t pc,
                                const struct vex_page *page, enum vex_flavour flavour)
{
    while (at != VEX_NONE) {
        struct vex_block *block = &cache->blocks[at];
        if (block->pc == pc && block->page == page && block->flavour == flavour)
            return block;
        at = block->next;
    }
    return NULL;
}

struct vex_block *vex_cache_find(const struct vex_cache *cache, uint64_t pc,
                                 const struct vex_page *page, enum vex_flavour flavour)
{
    return search(cache, *bucket(cache, pc), pc, page, flavour);
}

struct vex_block *vex_cache_find_next(const struct vex_cache *cache, const struct vex_block *block)
{
    return search(cache, block->next, block->pc, block->page, block->flavour);
}

static uint32_t *owner(const struct vex_cache *cache, uint64_t code)
{
    return &cache->owners[(code - (uint64_t)(uintptr_t)cache->arena) / VEX_GRANULE];
}

/* The block whose code holds an address; blocks of a sector stand in the order of their code. */
struct vex_block *vex_cache_block_at(const struct vex_cache *cache, uint64_t code)
{
    struct vex_block *block = &cache->blocks[*owner(cache, code)];
    while (code > block->end)
        block++;
    CHECK(code >= block->code);
    return block;
}

static void own(struct vex_cache *cache, uint32_t number)
{
    const struct vex_block *block = &cache->blocks[number];
    const struct vex_sector *sector = &cache->sectors[cache->current];
    uint32_t *first = owner(cache, block->code), *last = owner(cache, block->end);
    bool shared = number > sector->first_block && owner(cache, block[-1].end) == first;
    for (uint32_t *at = first + shared; at <= last; at++)
        *at = number;
}

struct vex_site *vex_cache_site_at(const struct vex_cache *cache, uint64_t back)
{
    const struct vex_block *block = vex_cache_block_at(cache, back);
    for (uint32_t i = block->sites; i < block->sites + block->nsites; i++) {
        if (cache->sites[i].back == back)
            return &cache->sites[i];
    }
    CHECK(!"a return address without a site");
    return NULL;
}

/* ---- linking ---- */

static void unlink_site(struct vex_cache *cache, uint32_t index)
{
    struct vex_site *site = &cache->sites[index];
    if (site->kind != VEX_SITE_JUMP || site->link == VEX_NONE)
        return;
    if (site->prev != VEX_NONE)
        cache->sites[site->prev].next = site->next;
    else
        cache->blocks[site->link].incoming = site->next;
    if (site->next != VEX_NONE)
        cache->sites[site->next].prev = site->prev;
    site->link = site->next = site->prev = VEX_NONE;
    vex_patch_link(site, 0);
}

void vex_cache_unlink_incoming(struct vex_cache *cache, uint32_t block)
{
    while (cache->blocks[block].incoming != VEX_NONE)
        unlink_site(cache, cache->blocks[block].incoming);
}

static uint32_t page_entry(struct cpu_engine *engine, uint32_t number)
{
    struct vex_block *block = &engine->cache.blocks[number];
    struct vex_sector *sector = &engine->cache.sectors[engine->cache.current];
    if (!block->page_entry && sector->end - sector->cursor >= VEX_PAGE_ENTRY_LEN) {
        block->page_entry = sector->cursor;
        sector->cursor = vex_patch_page_entry(engine, (uint8_t *)(uintptr_t)sector->cursor, block,
                                              number, block->page);
    }
    return block->page_entry;
}

void vex_cache_link(struct cpu_engine *engine, uint32_t from, uint32_t to)
{
    struct vex_cache *cache = &engine->cache;
    struct vex_site *site = &cache->sites[from];
    struct vex_block *block = &cache->blocks[to];
    unlink_site(cache, from);
    bool same_page = cache->blocks[site->block].last == block->page;
    uint32_t target = same_page ? block->code : page_entry(engine, to);
    if (!target)
        return; /* no room for the stub: next time */
    site->link = to;
    site->prev = VEX_NONE;
    site->next = block->incoming;
    if (block->incoming != VEX_NONE)
        cache->sites[block->incoming].prev = from;
    block->incoming = from;
    vex_patch_link(site, target);
}

/* ---- filling and emptying ---- */

static void take_from_hash(struct vex_cache *cache, uint32_t number)
{
    uint32_t *link = bucket(cache, cache->blocks[number].pc);
    while (*link != number)
        link = &cache->blocks[*link].next;
    *link = cache->blocks[number].next;
}

void vex_cache_retire(struct cpu_engine *engine, struct vex_block *block)
{
    uint32_t number = (uint32_t)(block - engine->cache.blocks);
    struct vex_indirect *indirect = &engine->indirect[block->pc & (VEX_INDIRECT_SLOTS - 1)];
    take_from_hash(&engine->cache, number);
    vex_cache_unlink_incoming(&engine->cache, number);
    if (indirect->code == block->code)
        *indirect = (struct vex_indirect){0};
    block->retired = true;
}

static void remove_block(struct vex_cache *cache, uint32_t number)
{
    struct vex_block *block = &cache->blocks[number];
    if (!block->retired)
        take_from_hash(cache, number);
    vex_cache_unlink_incoming(cache, number);
    for (uint32_t i = block->sites; i < block->sites + block->nsites; i++)
        unlink_site(cache, i);
    block->page->nblocks--;
    if (block->last != block->page)
        block->last->nblocks--;
    free(block->ops);
    block->ops = NULL;
}

/* No jump must match an empty entry. One for pc 0 would: its slot 0 gets a pc that belongs in
 * slot 1. */
void vex_indirect_clear(struct cpu_engine *engine)
{
    memset(engine->indirect, 0, VEX_INDIRECT_SLOTS * sizeof(*engine->indirect));
    engine->indirect[0].pc = 1;
}

static void empty(struct cpu_engine *engine, struct vex_sector *sector)
{
    struct vex_cache *cache = &engine->cache;
    if (engine->running)
        vex_log_hand_over(engine->running); /* it names the sites that go */
    for (uint32_t i = 0; i < sector->nblocks; i++)
        remove_block(cache, sector->first_block + i);
    sector->nblocks = sector->nsites = 0;
    sector->cursor = sector->start;
    vex_indirect_clear(engine);
    cache->evictions++;
}

void vex_cache_next_sector(struct cpu_engine *engine)
{
    struct vex_cache *cache = &engine->cache;
    cache->current = (cache->current + 1) % cache->nsectors;
    struct vex_sector *sector = &cache->sectors[cache->current];
    if (sector->cursor != sector->start)
        empty(engine, sector);
    XCHECK(vex_cache_is_valid(cache));
}

void vex_cache_flush(struct cpu_engine *engine)
{
    for (unsigned i = 0; i < engine->cache.nsectors; i++)
        empty(engine, &engine->cache.sectors[i]);
    engine->cache.current = 0;
}

struct vex_sector *vex_cache_reserve(struct cpu_engine *engine, uint32_t len, uint32_t nsites)
{
    struct vex_sector *sector = &engine->cache.sectors[engine->cache.current];
    bool fits = sector->end - sector->cursor >= len && sector->nblocks < sector->max_blocks &&
                sector->max_sites - sector->nsites >= nsites;
    if (!fits)
        vex_cache_next_sector(engine);
    return &engine->cache.sectors[engine->cache.current];
}

/* `block` stands at the current sector's cursor, its sites at the end of the sector's. */
struct vex_block *vex_cache_add(struct vex_cache *cache, const struct vex_block *block)
{
    struct vex_sector *sector = &cache->sectors[cache->current];
    uint32_t number = sector->first_block + sector->nblocks++;
    uint32_t *head = bucket(cache, block->pc);
    cache->blocks[number] = *block;
    cache->blocks[number].next = *head;
    *head = number;
    sector->nsites += block->nsites;
    sector->cursor = block->end;
    block->page->nblocks++;
    if (block->last != block->page)
        block->last->nblocks++;
    for (uint32_t i = block->sites; i < block->sites + block->nsites; i++)
        cache->sites[i].block = number;
    own(cache, number);
    return &cache->blocks[number];
}

/* ---- invariants ---- */

static bool incoming_is_valid(const struct vex_cache *cache, uint32_t number)
{
    uint32_t prev = VEX_NONE;
    for (uint32_t i = cache->blocks[number].incoming; i != VEX_NONE; i = cache->sites[i].next) {
        const struct vex_site *site = &cache->sites[i];
        if (site->kind != VEX_SITE_JUMP || site->link != number || site->prev != prev)
            return false;
        prev = i;
    }
    return true;
}

bool vex_cache_is_valid(const struct vex_cache *cache)
{
    for (unsigned s = 0; s < cache->nsectors; s++) {
        const struct vex_sector *sector = &cache->sectors[s];
        uint32_t code = sector->start;
        for (uint32_t i = 0; i < sector->nblocks; i++) {
            uint32_t number = sector->first_block + i;
            const struct vex_block *block = &cache->blocks[number];
            if (block->code < code || block->end > sector->end || !incoming_is_valid(cache, number))
                return false;
            uint32_t at = *bucket(cache, block->pc);
            while (at != number && at != VEX_NONE)
                at = cache->blocks[at].next;
            if ((at == VEX_NONE) != block->retired)
                return false;
            code = block->end;
        }
    }
    return true;
}
