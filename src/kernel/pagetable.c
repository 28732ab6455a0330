// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is done to the entries of a tree of tables (pagetree.h): to one of them first, to those of a
 * large or huge page, then the verbs that others use.
 */
#include "kernel/pagetable.h"

#include "base/check.h"
#include "kernel/kernel.h"
#include "kernel/object.h"
#include "kernel/pagetable_parts.h"
#include "kernel/pagetree.h"
#include "kernel/rmap.h"
#include "kernel/space.h"
#include "machine/pte.h"

/* ---- changes to one entry ---- */

/* With more processors, each one that ran the space would have to be told. */
static void count_shootdown(struct kernel *kernel, const struct pagetable *table)
{
    struct machine *machine = kernel->machine;
    machine->now->tlb_shootdowns += table->root.asid != tlb_space(machine->tlb);
}

static void tell_flushed(const struct kernel *kernel, const struct pagetable *table, vaddr_t va,
                         uint64_t npages)
{
    const struct kernel_watch *watch = &kernel->watch;
    if (watch->flushed)
        watch->flushed(watch->context, table->root.asid, va, npages);
}

/* An entry has changed: may the page be stored to? */
static void tell_read_only(const struct kernel *kernel, const struct pagetable *table, vaddr_t va,
                           uint64_t pte)
{
    const struct kernel_watch *watch = &kernel->watch;
    if (watch->read_only && pte_is_present(pte) && !(pte & PTE_W))
        watch->read_only(watch->context, table->root.asid, va);
}

static void flush(struct kernel *kernel, const struct pagetable *table, vaddr_t va, uint64_t pte)
{
    if (!(pte & PTE_A))
        return;
    tlb_flush_page(kernel->machine->tlb, table->root.asid, va);
    tell_flushed(kernel, table, va, 1);
    count_shootdown(kernel, table);
}

static void mark_all(const struct kernel *kernel, pfn_t leaf_table, uint64_t marks)
{
    for (unsigned i = 0; marks && i < PTE_PER_TABLE; i++)
        *pagetree_entry_at(kernel, leaf_table, vaddr((uint64_t)i << PAGE_SHIFT), 1) |= marks;
}

static bool is_zero(const uint8_t *page)
{
    const uint64_t *words = (const uint64_t *)(const void *)page;
    uint64_t any = 0;
    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*words) && !any; i++)
        any = words[i];
    return !any;
}

/* How much of a large page was never filled. */
static uint64_t count_zero_pages(const struct kernel *kernel, pfn_t first)
{
    uint64_t count = 0;
    for (pfn_t i = 0; i < FRAME_BLOCK; i++)
        count += is_zero(ram_frame(kernel->machine->ram, first + i));
    return count;
}

void pagetable_split(struct kernel *kernel, struct pagetable *table, vaddr_t va, bool forget)
{
    uint64_t *entry = pagetree_find_large(kernel, table, va), pte = entry ? *entry : 0;
    if (!entry)
        return;
    pfn_t leaf_table = pagetree_table_below(table, pte, va, PTE_LEVEL_2M);
    mark_all(kernel, leaf_table, pte & (forget ? PTE_D : PTE_A | PTE_D));
    *entry = pte_make(leaf_table, PTE_P | PTE_W | PTE_U);
    radix_set(&table->large, va.v >> PAGETREE_TABLE_SHIFT, 0);
    flush(kernel, table, va, pte);
    kernel->machine->now->large_splits += !forget;
    kernel->machine->now->large_waste += count_zero_pages(kernel, pte_pfn(pte));
}

void pagetable_hand_out_accessed(struct kernel *kernel, const struct pagetable *table, vaddr_t va)
{
    uint64_t *entry = pagetree_find_large(kernel, table, va), pte = entry ? *entry : 0;
    if (!(pte & PTE_A))
        return;
    mark_all(kernel, pagetree_table_below(table, pte, va, PTE_LEVEL_2M), PTE_A);
    *entry &= ~PTE_A;
    flush(kernel, table, va, pte);
}

static vaddr_t large_start(vaddr_t va)
{
    return vaddr(va.v & ~(pte_level_len(PTE_LEVEL_2M) - 1));
}

static bool covers_large(uint64_t start, uint64_t end, vaddr_t va)
{
    vaddr_t from = large_start(va);
    return start <= from.v && end - from.v >= pte_level_len(PTE_LEVEL_2M);
}

/* Takes permissions away from a large page that lies in [start, end), else splits it.
 * Result: its entry as it was, if it is large still, *next then its end; 0 if not. */
static uint64_t restrict_large(struct kernel *kernel, struct pagetable *table, vaddr_t va,
                               uint64_t start, uint64_t end, uint64_t clear, uint64_t set,
                               uint64_t *next)
{
    uint64_t *entry = pagetree_find_large(kernel, table, va);
    if (entry && !covers_large(start, end, va))
        pagetable_split(kernel, table, va, false);
    if (!entry || !pagetree_is_large(*entry, PTE_LEVEL_2M))
        return 0;
    uint64_t old = *entry;
    pfn_t leaf_table = pagetree_table_below(table, old, va, PTE_LEVEL_2M);
    for (unsigned i = 0; i < PTE_PER_TABLE; i++) {
        uint64_t *small =
            pagetree_entry_at(kernel, leaf_table, vaddr((uint64_t)i << PAGE_SHIFT), 1);
        *small = (*small & ~clear) | set;
    }
    *entry = (old & ~clear) | set;
    *next = large_start(va).v + pte_level_len(PTE_LEVEL_2M);
    return old;
}

/* Takes a present entry out, with its reverse map; the TLB is the caller's. Result: its frame. */
static struct frame *drop_entry(struct kernel *kernel, struct pagetable *table, vaddr_t va,
                                pfn_t leaf_table, uint64_t *entry)
{
    uint64_t pte = *entry;
    struct frame *frame = frame_get(&kernel->frames, pte_pfn(pte));
    *entry = 0;
    if (pte & PTE_D)
        frame->flags |= FRAME_DIRTY;
    rmap_remove(frame, table->root.asid, va);
    pagetree_count_leaf(kernel, table, leaf_table, -1, frame);
    return frame;
}

/* What becomes of a frame that an entry was taken out for. */
static void was_unmapped(struct kernel *kernel, struct frame *frame)
{
    if (frame->nmaps == 0 && frame->kind == FRAME_OBJECT)
        object_page_unmapped(kernel, frame);
}

/* Gives the tables on the way to va back, from that of `level` up, as far as they are empty. */
static void give_empty_tables(struct kernel *kernel, struct pagetable *table, vaddr_t va,
                              unsigned level)
{
    struct pagetree_path path;
    CHECK(pagetree_descend_to(kernel, table, va, level, &path));
    for (;; level++) {
        if (pagetree_count_present(frame_get(&kernel->frames, path.table[level])) > 0)
            return;
        pagetree_give_table(kernel, table, path.table[level]);
        if (level == table->root.levels)
            break;
        *pagetree_entry_at(kernel, path.table[level + 1], va, level + 1) = 0;
        pagetree_count_entry(kernel, path.table[level + 1], -1, false);
    }
    table->root.table = PFN_NONE;
}

void pagetable_change_entry(struct kernel *kernel, const struct pagetable *table, vaddr_t va,
                            uint64_t *entry, uint64_t pte)
{
    uint64_t old = *entry;
    if (pte == old)
        return;
    *entry = pte;
    tell_read_only(kernel, table, va, pte);
    flush(kernel, table, va, old);
}

static void unmap_leaf(struct kernel *kernel, struct pagetable *table, vaddr_t va, pfn_t leaf_table,
                       uint64_t *entry)
{
    uint64_t pte = *entry;
    struct frame *frame = drop_entry(kernel, table, va, leaf_table, entry);
    flush(kernel, table, va, pte);
    was_unmapped(kernel, frame);
    if (pagetree_count_present(frame_get(&kernel->frames, leaf_table)) == 0)
        give_empty_tables(kernel, table, va, PTE_LEVEL_4K);
}

/* ---- huge pages ---- */

static void count_huge(struct kernel *kernel, struct pagetable *table, pfn_t in_table, pfn_t pfn,
                       unsigned level, int change)
{
    uint64_t by = (uint64_t)(int64_t)change;
    hugetlb_page(kernel, pfn)->maps += (uint32_t)change;
    table->nhuge += by * (pte_level_len(level) >> PAGE_SHIFT);
    pagetree_count_entry(kernel, in_table, change, false);
}

/* Takes the huge page at va out of the tree; the TLB is the caller's. Result: its entry. */
static uint64_t drop_huge(struct kernel *kernel, struct pagetable *table, vaddr_t va,
                          unsigned *level)
{
    uint64_t *entry = pagetree_find_huge(kernel, table, va, level), pte = *entry;
    struct pagetree_path path;
    CHECK(pagetree_descend_to(kernel, table, va, *level, &path));
    *entry = 0;
    count_huge(kernel, table, path.table[*level], pte_pfn(pte), *level, -1);
    if (pagetree_count_present(frame_get(&kernel->frames, path.table[*level])) == 0)
        give_empty_tables(kernel, table, va, *level);
    return pte;
}

static void unmap_huge(struct kernel *kernel, struct pagetable *table, uint64_t *va)
{
    unsigned level;
    uint64_t pte = drop_huge(kernel, table, vaddr(*va), &level);
    flush(kernel, table, vaddr(*va), pte);
    *va += pte_level_len(level);
}

/* Takes permissions away; *next: where it ends. Result: the entry as it was. */
static uint64_t restrict_huge(struct kernel *kernel, const struct pagetable *table, vaddr_t va,
                              uint64_t clear, uint64_t set, uint64_t *next)
{
    unsigned level;
    uint64_t *entry = pagetree_find_huge(kernel, table, va, &level), old = *entry;
    *entry = (old & ~clear) | set;
    *next = va.v + pte_level_len(level);
    return old;
}

/* ---- a space's verbs ---- */

void pagetable_create(struct kernel *kernel, uint16_t space, struct pagetable *out)
{
    CHECK(space != 0);
    *out = (struct pagetable){
        .root = {.table = PFN_NONE, .levels = (uint8_t)kernel->machine->levels, .asid = space}};
    radix_create(&out->large);
}

/* pagetable_split() without a word to the TLB. */
static void forget_large(struct kernel *kernel, struct pagetable *table, vaddr_t va)
{
    uint64_t *entry = pagetree_find_large(kernel, table, va);
    if (entry)
        *entry &= ~PTE_A;
    pagetable_split(kernel, table, va, true);
}

bool pagetable_unmap_silently(struct kernel *kernel, struct pagetable *table, vaddr_t start,
                              vaddr_t end)
{
    bool used = false;
    pfn_t leaf_table;
    uint64_t *entry;
    for (uint64_t va = start.v;
         (entry = pagetree_next_leaf(kernel, table, &va, end.v, &leaf_table));) {
        used |= ((*entry | pagetree_large_marks(kernel, table, vaddr(va))) & PTE_A) != 0;
        if (*entry & PTE_HUGE) {
            unsigned level;
            drop_huge(kernel, table, vaddr(va), &level);
            va += pte_level_len(level);
            continue;
        }
        forget_large(kernel, table, vaddr(va));
        was_unmapped(kernel, drop_entry(kernel, table, vaddr(va), leaf_table, entry));
        if (pagetree_count_present(frame_get(&kernel->frames, leaf_table)) == 0)
            give_empty_tables(kernel, table, vaddr(va), PTE_LEVEL_4K);
        va += PAGE_SIZE;
    }
    return used;
}

void pagetable_destroy(struct kernel *kernel, struct pagetable *table)
{
    vaddr_t end = vaddr(pte_level_len(table->root.levels + 1));
    if (pagetable_unmap_silently(kernel, table, vaddr(0), end))
        pagetable_flush(kernel, table);
    radix_destroy(&table->large);
    CHECK(table->npresent == 0 && table->nhuge == 0 && table->ntables == 0);
}

static uint64_t flags_of(unsigned prot)
{
    uint64_t flags = PTE_P | PTE_U;
    if (prot & PROT_MASK_W)
        flags |= PTE_W;
    if (!(prot & PROT_MASK_X))
        flags |= PTE_NX;
    return flags;
}

void pagetable_map(struct kernel *kernel, struct pagetable *table, vaddr_t va, struct frame *frame,
                   unsigned prot)
{
    CHECK(prot != 0 && frame->kind >= FRAME_ANON && (va.v & PAGE_MASK) == 0);
    CHECK(frame->kind != FRAME_ZERO || !(prot & PROT_MASK_W));
    pagetable_split(kernel, table, va, false);
    pfn_t leaf_table = pagetree_descend_make(kernel, table, va, PTE_LEVEL_4K);
    uint64_t *entry = pagetree_entry_at(kernel, leaf_table, va, 1), old = *entry;
    struct frame *replaced = NULL;
    if (pte_is_present(old)) {
        replaced = drop_entry(kernel, table, va, leaf_table, entry);
        flush(kernel, table, va, old);
    }
    *entry = pte_make(frame_pfn(&kernel->frames, frame), flags_of(prot));
    tell_read_only(kernel, table, va, *entry);
    rmap_add(frame, table->root.asid, va);
    pagetree_count_leaf(kernel, table, leaf_table, 1, frame);
    if (replaced) /* perhaps by itself */
        was_unmapped(kernel, replaced);
}

void pagetable_map_large(struct kernel *kernel, struct pagetable *table, vaddr_t va,
                         struct frame *first, unsigned prot)
{
    struct pagetree_path path;
    pfn_t pfn = frame_pfn(&kernel->frames, first);
    pfn_t leaf_table = pagetree_descend_make(kernel, table, va, PTE_LEVEL_4K);
    CHECK(large_start(va).v == va.v && pfn % FRAME_BLOCK == 0 && prot != 0);
    CHECK(pagetree_count_present(frame_get(&kernel->frames, leaf_table)) == 0);
    for (unsigned i = 0; i < FRAME_BLOCK; i++) {
        vaddr_t at = vaddr(va.v + ((uint64_t)i << PAGE_SHIFT));
        *pagetree_entry_at(kernel, leaf_table, at, 1) = pte_make(pfn + i, flags_of(prot));
        rmap_add(first + i, table->root.asid, at);
        pagetree_count_leaf(kernel, table, leaf_table, 1, first + i);
    }
    CHECK(pagetree_descend(kernel, table, va, &path));
    radix_set(&table->large, va.v >> PAGETREE_TABLE_SHIFT, leaf_table);
    *pagetree_entry_at(kernel, path.table[PTE_LEVEL_2M], va, PTE_LEVEL_2M) =
        pte_make(pfn, flags_of(prot) | PTE_PS);
}

void pagetable_map_huge(struct kernel *kernel, struct pagetable *table, vaddr_t va, pfn_t pfn,
                        enum hugetlb_size size, unsigned prot)
{
    unsigned level = PTE_LEVEL_2M + (unsigned)size;
    pfn_t in_table = pagetree_descend_make(kernel, table, va, level);
    uint64_t *entry = pagetree_entry_at(kernel, in_table, va, level);
    CHECK(prot != 0 && !pte_is_present(*entry) && (va.v & (hugetlb_len(size) - 1)) == 0);
    *entry = pte_make(pfn, flags_of(prot) | PTE_PS | PTE_HUGE);
    tell_read_only(kernel, table, va, *entry);
    count_huge(kernel, table, in_table, pfn, level, 1);
}

unsigned pagetable_missing(const struct kernel *kernel, const struct pagetable *table, vaddr_t va)
{
    pfn_t pfn = table->root.table;
    unsigned level = table->root.levels;
    if (pfn == PFN_NONE)
        return level;
    for (; level > 1; level--) {
        uint64_t pte = *pagetree_entry_at(kernel, pfn, va, level);
        if (!pte_is_present(pte) || !pagetree_leads_down(pte, level))
            break;
        pfn = pte_pfn(pte);
    }
    return level - 1;
}

struct frame *pagetable_unmap(struct kernel *kernel, struct pagetable *table, vaddr_t va)
{
    struct pagetree_path path;
    pagetable_split(kernel, table, va, false);
    if (!pagetree_descend(kernel, table, va, &path))
        return NULL;
    uint64_t *entry = pagetree_entry_at(kernel, path.table[1], va, 1);
    if (!pte_is_present(*entry))
        return NULL;
    struct frame *frame = frame_get(&kernel->frames, pte_pfn(*entry));
    unmap_leaf(kernel, table, vaddr_page(va), path.table[1], entry);
    return frame;
}

void pagetable_unmap_range(struct kernel *kernel, struct pagetable *table, vaddr_t start,
                           vaddr_t end)
{
    pfn_t leaf_table;
    uint64_t *entry;
    for (uint64_t va = start.v;
         (entry = pagetree_next_leaf(kernel, table, &va, end.v, &leaf_table));) {
        if (*entry & PTE_HUGE) {
            unmap_huge(kernel, table, &va);
            continue;
        }
        pagetable_split(kernel, table, vaddr(va), covers_large(start.v, end.v, vaddr(va)));
        unmap_leaf(kernel, table, vaddr(va), leaf_table, entry);
        va += PAGE_SIZE;
    }
}

void pagetable_restrict_range(struct kernel *kernel, struct pagetable *table, vaddr_t start,
                              vaddr_t end, unsigned prot)
{
    if (prot == 0) {
        pagetable_unmap_range(kernel, table, start, end);
        return;
    }
    uint64_t clear = prot & PROT_MASK_W ? 0 : PTE_W;
    uint64_t set = prot & PROT_MASK_X ? 0 : PTE_NX;
    pfn_t leaf_table;
    uint64_t *entry, next;
    for (uint64_t va = start.v;
         (entry = pagetree_next_leaf(kernel, table, &va, end.v, &leaf_table)); va = next) {
        uint64_t whole;
        next = va + PAGE_SIZE;
        if (*entry & PTE_HUGE)
            whole = restrict_huge(kernel, table, vaddr(va), clear, set, &next);
        else
            whole = restrict_large(kernel, table, vaddr(va), start.v, end.v, clear, set, &next);
        if (!whole)
            pagetable_change_entry(kernel, table, vaddr(va), entry, (*entry & ~clear) | set);
        else if (((whole & ~clear) | set) != whole)
            flush(kernel, table, vaddr(va), whole);
    }
}

bool pagetable_write_protect(struct kernel *kernel, struct pagetable *table, vaddr_t start,
                             vaddr_t end)
{
    pfn_t leaf_table;
    uint64_t *entry, next;
    bool used = false;
    for (uint64_t va = start.v;
         (entry = pagetree_next_leaf(kernel, table, &va, end.v, &leaf_table)); va = next) {
        uint64_t whole;
        next = va + PAGE_SIZE;
        if (*entry & PTE_HUGE)
            whole = restrict_huge(kernel, table, vaddr(va), PTE_W, 0, &next);
        else
            whole = restrict_large(kernel, table, vaddr(va), start.v, end.v, PTE_W, 0, &next);
        uint64_t pte = whole ? whole : *entry;
        used |= (pte & (PTE_W | PTE_A)) == (PTE_W | PTE_A);
        *entry &= ~PTE_W;
        tell_read_only(kernel, table, vaddr(va), *entry);
    }
    return used;
}

void pagetable_flush(struct kernel *kernel, const struct pagetable *table)
{
    tlb_flush_space(kernel->machine->tlb, table->root.asid);
    tell_flushed(kernel, table, vaddr(0), 0);
    count_shootdown(kernel, table);
}

uint64_t pagetable_entry(const struct kernel *kernel, const struct pagetable *table, vaddr_t va)
{
    unsigned level;
    const uint64_t *huge = pagetree_find_huge(kernel, table, va, &level);
    if (huge)
        return pagetree_part_of_huge(*huge, level, va);
    const uint64_t *entry = pagetree_find_entry(kernel, table, va);
    return entry ? *entry | pagetree_large_marks(kernel, table, va) : 0;
}

bool pagetable_is_large(const struct pagetable *table, vaddr_t va)
{
    return table->large.count && radix_get(&table->large, va.v >> PAGETREE_TABLE_SHIFT);
}

bool pagetable_next(const struct kernel *kernel, const struct pagetable *table, vaddr_t va,
                    vaddr_t end, vaddr_t *found, uint64_t *entry)
{
    pfn_t leaf_table;
    uint64_t at = vaddr_page(va).v;
    const uint64_t *leaf = pagetree_next_leaf(kernel, table, &at, end.v, &leaf_table);
    if (!leaf)
        return false;
    *found = vaddr(at);
    *entry = *leaf & PTE_HUGE ? pagetable_entry(kernel, table, vaddr(at))
                              : *leaf | pagetree_large_marks(kernel, table, vaddr(at));
    return true;
}
