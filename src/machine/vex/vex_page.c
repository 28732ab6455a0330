// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which code stands at a virtual page. Blocks belong to a *version* of a page: the bytes they were
 * translated from. Versions are independent of the address space, so programs that map the same
 * library at the same place share them.
 *
 * The instruction front slot's tag names the version that may run now. When a fetch does not match
 * it, the TLB is asked, and the frame it gives is compared with the known versions, byte for byte
 * where blocks were translated from; other bytes may change at will, so data beside code does no
 * harm. A frame that was compared is marked in RAM: stores to it come to us (vex_page_stored), and
 * others who change it say so (ram.h). Until then it need not be compared again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/lazy.h"
#include "base/xalloc.h"
#include "machine/vex/vex.h"

int vex_pages_create(struct vex_pages *pages, uint64_t nframes)
{
    pages->frame_changed = lazy_create(nframes * sizeof(*pages->frame_changed));
    return pages->frame_changed ? 0 : -ENOMEM;
}

void vex_pages_destroy(struct vex_pages *pages, uint64_t nframes)
{
    for (unsigned i = 0; i < VEX_PAGE_BUCKETS; i++) {
        while (pages->buckets[i]) {
            struct vex_page *page = pages->buckets[i];
            pages->buckets[i] = page->next;
            free(page);
        }
    }
    lazy_destroy(pages->frame_changed, nframes * sizeof(*pages->frame_changed));
}

static struct vex_page **bucket(struct vex_pages *pages, uint64_t vpn)
{
    return &pages->buckets[(vpn ^ vpn >> 12) & (VEX_PAGE_BUCKETS - 1)];
}

uint64_t vex_page_tag(const struct vex_page *page)
{
    return page->vpn << PAGE_SHIFT | page->number;
}

uint64_t vex_page_slot(const struct vex_page *page)
{
    return tlb_front_slot(vaddr(page->vpn << PAGE_SHIFT));
}

/* A number that no version of this page has. */
static uint32_t free_number(const struct vex_page *first, uint64_t vpn)
{
    uint8_t taken[VEX_PAGE_VERSIONS + 1] = {0};
    for (const struct vex_page *page = first; page; page = page->next) {
        if (page->vpn == vpn)
            taken[page->number] = 1;
    }
    const uint8_t *number = memchr(taken, 0, VEX_PAGE_VERSIONS);
    return number ? (uint32_t)(number - taken) : VEX_NONE;
}

static struct vex_page *add(struct cpu_engine *engine, uint64_t vpn)
{
    struct vex_page **head = bucket(&engine->pages, vpn);
    uint32_t number = free_number(*head, vpn);
    if (number == VEX_NONE) { /* nobody holds a page while it fetches */
        vex_cache_flush(engine);
        vex_pages_sweep(engine);
        number = free_number(*head, vpn);
        CHECK(number != VEX_NONE);
    }
    struct vex_page *page = aligned_alloc(16, sizeof(*page));
    CHECK(page);
    memset(page, 0, sizeof(*page));
    page->vpn = vpn;
    page->number = number;
    page->next = *head;
    *head = page;
    engine->pages.count++;
    return page;
}

static void drop(struct cpu_engine *engine, struct vex_page **link)
{
    struct vex_page *page = *link;
    if (engine->ifront[vex_page_slot(page)].tag == vex_page_tag(page))
        tlb_ifront_clear(engine->machine->tlb);
    *link = page->next;
    engine->pages.count--;
    free(page);
}

void vex_pages_sweep(struct cpu_engine *engine)
{
    for (unsigned i = 0; i < VEX_PAGE_BUCKETS; i++) {
        struct vex_page **link = &engine->pages.buckets[i];
        while (*link) {
            if ((*link)->nblocks)
                link = &(*link)->next;
            else
                drop(engine, link);
        }
    }
}

bool vex_page_splits(const struct vex_page *page, uint64_t pc)
{
    uint64_t offset = pc & PAGE_MASK;
    return page->splits[offset / 8] >> offset % 8 & 1;
}

void vex_page_set_splits(struct vex_page *page, uint64_t pc)
{
    uint64_t offset = pc & PAGE_MASK;
    page->splits[offset / 8] |= (uint8_t)(1u << offset % 8);
}

void vex_page_cover(struct vex_page *page, unsigned offset, unsigned len)
{
    memset(page->covered + offset, 0xff, len);
}

void vex_page_stored(struct cpu_engine *engine, pfn_t pfn)
{
    ram_changed(engine->machine->ram, pfn);
    engine->machine->ram->code_changed = false; /* said here, precisely */
    engine->pages.frame_changed[pfn] = ++engine->pages.tick;
    tlb_ifront_clear(engine->machine->tlb);
    engine->code_stored = true;
}

/* ---- comparing ---- */

static bool is_same(const struct vex_page *page, const uint8_t *bytes)
{
    const uint64_t *a = (const uint64_t *)page->bytes, *mask = (const uint64_t *)page->covered;
    for (unsigned i = 0; i < PAGE_SIZE / 8; i++) {
        uint64_t b;
        memcpy(&b, bytes + 8 * i, 8);
        if ((a[i] ^ b) & mask[i])
            return false;
    }
    return true;
}

static bool is_verified(const struct cpu_engine *engine, const struct vex_page *page, pfn_t pfn)
{
    const struct vex_pages *pages = &engine->pages;
    return page->pfn == pfn && page->verified > pages->frame_changed[pfn] &&
           page->verified > pages->all_changed && ram_has_code(engine->machine->ram, pfn);
}

static struct vex_page *version_of(struct cpu_engine *engine, uint64_t vpn, pfn_t pfn)
{
    struct vex_page *first = *bucket(&engine->pages, vpn);
    for (struct vex_page *page = first; page; page = page->next) {
        if (page->vpn == vpn && is_verified(engine, page, pfn))
            return page;
    }
    const uint8_t *bytes = ram_frame(engine->machine->ram, pfn);
    struct vex_page *page = first;
    while (page && !(page->vpn == vpn && is_same(page, bytes)))
        page = page->next;
    if (!page)
        page = add(engine, vpn);
    memcpy(page->bytes, bytes, PAGE_SIZE);
    page->pfn = pfn;
    page->verified = ++engine->pages.tick;
    if (!ram_has_code(engine->machine->ram, pfn)) {
        ram_mark_code(engine->machine->ram, pfn);
        tlb_front_protect(engine->machine->tlb, pfn);
    }
    return page;
}

static struct vex_page *current(struct cpu_engine *engine, uint64_t vpn, uint64_t tag)
{
    struct vex_page *page = *bucket(&engine->pages, vpn);
    while (page && !(page->vpn == vpn && vex_page_tag(page) == tag))
        page = page->next;
    CHECK(page);
    return page;
}

static struct vex_page *refuse(struct cpu *cpu, vaddr_t va, uint32_t error)
{
    bool canonical = mmu_is_canonical(cpu->engine->root.levels, va);
    cpu->why = (struct cpu_exit){.kind = canonical ? CPU_EXIT_FAULT : CPU_EXIT_TRAP,
                                 .vector = CPU_VECTOR_GP,
                                 .addr = va,
                                 .error = error,
                                 .pc = va};
    cpu->engine->meter.fetches += canonical; /* else it was no lookup */
    return NULL;
}

struct vex_page *vex_page_fetch(struct cpu *cpu, vaddr_t va)
{
    struct cpu_engine *engine = cpu->engine;
    uint64_t vpn = vaddr_vpn(va);
    struct tlb_ifront *slot = &engine->ifront[tlb_front_slot(va)];
    if ((slot->tag ^ va.v) < PAGE_SIZE && slot->tag != TLB_TAG_NONE) {
        slot->stamp = ++cpu->meter.clock;
        return current(engine, vpn, slot->tag);
    }
    struct tlb_hit hit;
    engine->machine->pc = va;
    if (!tlb_fetch(engine->machine->tlb, va, &hit))
        return refuse(cpu, va, hit.error);
    struct vex_page *page = version_of(engine, vpn, hit.pfn);
    slot->tag = vex_page_tag(page);
    return page;
}
