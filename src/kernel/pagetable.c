// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The trees of page tables. All work on the way down is done by two functions: descend() finds the
 * tables on the way to an address, next_leaf() the next entry that is there; everything else is
 * what is done to one entry, in drop_entry() and change_entry().
 *
 * A table's frame says where it belongs, so that it can be found without its tree:
 *   owner   address >> 21 : 45 | level : 3 | space : 16
 *   index   entries that map the frame of zeros : 16 | entries present : 16
 */
#include "kernel/pagetable.h"

#include <string.h>

#include "base/check.h"
#include "kernel/kernel.h"
#include "kernel/object.h"
#include "kernel/rmap.h"
#include "kernel/space.h"
#include "machine/pte.h"

enum {
    OWNER_LEVEL_SHIFT = 16,
    OWNER_ADDR_SHIFT = 19,
    TABLE_SHIFT = 21, /* a table of the last level covers 2 MiB */
    INDEX_ZEROS_SHIFT = 16,
};
#define PTE_LEN ((uint64_t)PAGE_SIZE) /* what an entry of the last level maps */

/* The tables on the way to an address; [1] is the last level's. */
struct path {
    pfn_t table[PTE_LEVELS_5 + 1];
};

/* ---- tables and their counts ---- */

static uint64_t *entry_at(const struct kernel *kernel, pfn_t table, vaddr_t va, unsigned level)
{
    return (uint64_t *)(void *)ram_frame(kernel->machine->ram, table) + pte_index(va, level);
}

static vaddr_t covered_from(vaddr_t va, unsigned level)
{
    return vaddr(va.v & ~(pte_level_len(level + 1) - 1));
}

static uint64_t owner_make(uint16_t space, unsigned level, vaddr_t va)
{
    return covered_from(va, level).v >> TABLE_SHIFT << OWNER_ADDR_SHIFT |
           (uint64_t)level << OWNER_LEVEL_SHIFT | space;
}

static unsigned owner_level(const struct frame *frame)
{
    return frame->owner >> OWNER_LEVEL_SHIFT & 7;
}

static unsigned count_present(const struct frame *frame)
{
    return frame->index & 0xffff;
}

static unsigned count_zeros(const struct frame *frame)
{
    return (unsigned)(frame->index >> INDEX_ZEROS_SHIFT);
}

static bool is_table_of_zeros(const struct frame *frame)
{
    return count_zeros(frame) > 0 && count_zeros(frame) == count_present(frame);
}

/* One entry of the table came (+1) or went (-1). */
static void count_entry(struct kernel *kernel, pfn_t table, int change, bool zero)
{
    struct frame *frame = frame_get(&kernel->frames, table);
    bool before = is_table_of_zeros(frame);
    frame->index += (uint64_t)(int64_t)change;
    if (zero)
        frame->index += (uint64_t)((int64_t)change * (1 << INDEX_ZEROS_SHIFT));
    DCHECK(count_present(frame) <= PTE_PER_TABLE && count_zeros(frame) <= count_present(frame));
    kernel->frames.nzero_tables += (uint64_t)(is_table_of_zeros(frame) - before);
}

/* One leaf entry for the frame came (+1) or went (-1). */
static void count_leaf(struct kernel *kernel, struct pagetable *table, pfn_t leaf_table, int change,
                       const struct frame *frame)
{
    uint64_t by = (uint64_t)(int64_t)change;
    bool zero = frame->kind == FRAME_ZERO;
    table->npresent += by;
    table->nzeros += zero ? by : 0;
    table->nobjects += frame->kind == FRAME_OBJECT ? by : 0;
    count_entry(kernel, leaf_table, change, zero);
}

static pfn_t take_table(struct kernel *kernel, struct pagetable *table, vaddr_t va, unsigned level)
{
    struct frame *frame = frame_take_zeroed(kernel, FRAME_TABLE);
    frame->owner = owner_make(table->root.asid, level, va);
    table->ntables++;
    return frame_pfn(&kernel->frames, frame);
}

static void give_table(struct kernel *kernel, struct pagetable *table, pfn_t pfn)
{
    frame_give(kernel, frame_get(&kernel->frames, pfn));
    table->ntables--;
}

/* ---- large pages ---- */

static bool is_large(uint64_t pte, unsigned level)
{
    return level == PTE_LEVEL_2M && (pte & (PTE_PS | PTE_HUGE)) == PTE_PS;
}

/* Is there a table below a present entry? */
static bool leads_down(uint64_t pte, unsigned level)
{
    return level > 1 && !(pte & PTE_HUGE);
}

/* The table below a present entry: of a large page the one that stands by. */
static pfn_t table_below(const struct pagetable *table, uint64_t pte, vaddr_t va, unsigned level)
{
    return is_large(pte, level) ? (pfn_t)radix_get(&table->large, va.v >> TABLE_SHIFT)
                                : pte_pfn(pte);
}

/* ---- ways down ---- */

/* Down to the table of a level. Result: false if it is absent. */
static bool descend_to(const struct kernel *kernel, const struct pagetable *table, vaddr_t va,
                       unsigned last, struct path *path)
{
    pfn_t pfn = table->root.table;
    for (unsigned level = table->root.levels; pfn != PFN_NONE; level--) {
        path->table[level] = pfn;
        if (level == last)
            return true;
        uint64_t pte = *entry_at(kernel, pfn, va, level);
        bool is_way = pte_is_present(pte) && leads_down(pte, level);
        pfn = is_way ? table_below(table, pte, va, level) : PFN_NONE;
    }
    return false;
}

static bool descend(const struct kernel *kernel, const struct pagetable *table, vaddr_t va,
                    struct path *path)
{
    return descend_to(kernel, table, va, PTE_LEVEL_4K, path);
}

/* As descend_to(), making what is absent. Result: the table of the level. => no large or huge page
 * is there */
static pfn_t descend_make(struct kernel *kernel, struct pagetable *table, vaddr_t va, unsigned last)
{
    unsigned level = table->root.levels;
    if (table->root.table == PFN_NONE)
        table->root.table = take_table(kernel, table, va, level);
    pfn_t pfn = table->root.table;
    for (; level > last; level--) {
        uint64_t *entry = entry_at(kernel, pfn, va, level);
        if (!pte_is_present(*entry)) {
            *entry = pte_make(take_table(kernel, table, va, level - 1), PTE_P | PTE_W | PTE_U);
            count_entry(kernel, pfn, 1, false);
        }
        pfn = pte_pfn(*entry);
    }
    return pfn;
}

/* Moves *va past entries of this table that are absent, the one it is at included. */
static void skip_absent(const struct kernel *kernel, pfn_t table, unsigned level, uint64_t end,
                        uint64_t *va)
{
    uint64_t len = pte_level_len(level);
    do {
        *va = (*va & ~(len - 1)) + len;
    } while (*va < end && pte_index(vaddr(*va), level) != 0 &&
             !pte_is_present(*entry_at(kernel, table, vaddr(*va), level)));
}

/* The first present leaf entry at or after *va and before end, *va then an address that it maps; or
 * NULL. That of a huge page has PTE_HUGE. */
static uint64_t *next_leaf(const struct kernel *kernel, const struct pagetable *table, uint64_t *va,
                           uint64_t end, pfn_t *leaf_table)
{
    while (table->root.table != PFN_NONE && *va < end) {
        pfn_t pfn = table->root.table;
        unsigned level = table->root.levels;
        uint64_t *entry = entry_at(kernel, pfn, vaddr(*va), level);
        while (pte_is_present(*entry) && leads_down(*entry, level)) {
            pfn = table_below(table, *entry, vaddr(*va), level);
            entry = entry_at(kernel, pfn, vaddr(*va), --level);
        }
        if (pte_is_present(*entry)) {
            *leaf_table = pfn;
            return entry;
        }
        skip_absent(kernel, pfn, level, end, va);
    }
    return NULL;
}

/* The entry of the huge page that holds va, and its level; NULL: there is none. */
static uint64_t *find_huge(const struct kernel *kernel, const struct pagetable *table, vaddr_t va,
                           unsigned *level)
{
    struct path path;
    for (*level = PTE_LEVEL_1G; table->nhuge && *level >= PTE_LEVEL_2M; --*level) {
        if (!descend_to(kernel, table, va, *level, &path))
            return NULL;
        uint64_t *entry = entry_at(kernel, path.table[*level], va, *level);
        if (pte_is_present(*entry) && *entry & PTE_HUGE)
            return entry;
    }
    return NULL;
}

/* A huge page's entry as that of its frame at va. */
static uint64_t part_of_huge(uint64_t pte, unsigned level, vaddr_t va)
{
    return pte + (va.v & (pte_level_len(level) - 1) & ~PAGE_MASK);
}

/* The entry of the large page that holds va; NULL: there is none. */
static uint64_t *find_large(const struct kernel *kernel, const struct pagetable *table, vaddr_t va)
{
    struct path path;
    if (!pagetable_is_large(table, va))
        return NULL;
    CHECK(descend(kernel, table, va, &path));
    return entry_at(kernel, path.table[PTE_LEVEL_2M], va, PTE_LEVEL_2M);
}

/* What the processor has noted of the large page that holds va, if there is one. */
static uint64_t large_marks(const struct kernel *kernel, const struct pagetable *table, vaddr_t va)
{
    const uint64_t *entry = find_large(kernel, table, va);
    return entry ? *entry & (PTE_A | PTE_D | PTE_PS) : 0;
}

static uint64_t *find_entry(const struct kernel *kernel, const struct pagetable *table, vaddr_t va)
{
    struct path path;
    if (!descend(kernel, table, va, &path))
        return NULL;
    uint64_t *entry = entry_at(kernel, path.table[1], va, 1);
    return pte_is_present(*entry) ? entry : NULL;
}

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
        *entry_at(kernel, leaf_table, vaddr(i * PTE_LEN), 1) |= marks;
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

/* The large page that holds va becomes small ones, of which all count as used if it was; with
 * `forget` none does, and the TLB has nothing of them. */
static void split(struct kernel *kernel, struct pagetable *table, vaddr_t va, bool forget)
{
    uint64_t *entry = find_large(kernel, table, va), pte = entry ? *entry : 0;
    if (!entry)
        return;
    pfn_t leaf_table = table_below(table, pte, va, PTE_LEVEL_2M);
    mark_all(kernel, leaf_table, pte & (forget ? PTE_D : PTE_A | PTE_D));
    *entry = pte_make(leaf_table, PTE_P | PTE_W | PTE_U);
    radix_set(&table->large, va.v >> TABLE_SHIFT, 0);
    flush(kernel, table, va, pte);
    kernel->machine->now->large_splits += !forget;
    kernel->machine->now->large_waste += count_zero_pages(kernel, pte_pfn(pte));
}

/* Hands the large page's accessed bit out to the entries that stand by, if it is set. */
static void hand_out_accessed(struct kernel *kernel, const struct pagetable *table, vaddr_t va)
{
    uint64_t *entry = find_large(kernel, table, va), pte = entry ? *entry : 0;
    if (!(pte & PTE_A))
        return;
    mark_all(kernel, table_below(table, pte, va, PTE_LEVEL_2M), PTE_A);
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
    uint64_t *entry = find_large(kernel, table, va);
    if (entry && !covers_large(start, end, va))
        split(kernel, table, va, false);
    if (!entry || !is_large(*entry, PTE_LEVEL_2M))
        return 0;
    uint64_t old = *entry;
    pfn_t leaf_table = table_below(table, old, va, PTE_LEVEL_2M);
    for (unsigned i = 0; i < PTE_PER_TABLE; i++) {
        uint64_t *small = entry_at(kernel, leaf_table, vaddr(i * PTE_LEN), 1);
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
    count_leaf(kernel, table, leaf_table, -1, frame);
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
    struct path path;
    CHECK(descend_to(kernel, table, va, level, &path));
    for (;; level++) {
        if (count_present(frame_get(&kernel->frames, path.table[level])) > 0)
            return;
        give_table(kernel, table, path.table[level]);
        if (level == table->root.levels)
            break;
        *entry_at(kernel, path.table[level + 1], va, level + 1) = 0;
        count_entry(kernel, path.table[level + 1], -1, false);
    }
    table->root.table = PFN_NONE;
}

static void change_entry(struct kernel *kernel, const struct pagetable *table, vaddr_t va,
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
    if (count_present(frame_get(&kernel->frames, leaf_table)) == 0)
        give_empty_tables(kernel, table, va, PTE_LEVEL_4K);
}

/* ---- huge pages ---- */

static void count_huge(struct kernel *kernel, struct pagetable *table, pfn_t in_table, pfn_t pfn,
                       unsigned level, int change)
{
    uint64_t by = (uint64_t)(int64_t)change;
    hugetlb_page(kernel, pfn)->maps += (uint32_t)change;
    table->nhuge += by * (pte_level_len(level) >> PAGE_SHIFT);
    count_entry(kernel, in_table, change, false);
}

/* Takes the huge page at va out of the tree; the TLB is the caller's. Result: its entry. */
static uint64_t drop_huge(struct kernel *kernel, struct pagetable *table, vaddr_t va,
                          unsigned *level)
{
    uint64_t *entry = find_huge(kernel, table, va, level), pte = *entry;
    struct path path;
    CHECK(descend_to(kernel, table, va, *level, &path));
    *entry = 0;
    count_huge(kernel, table, path.table[*level], pte_pfn(pte), *level, -1);
    if (count_present(frame_get(&kernel->frames, path.table[*level])) == 0)
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
    uint64_t *entry = find_huge(kernel, table, va, &level), old = *entry;
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

/* split() without a word to the TLB. */
static void forget_large(struct kernel *kernel, struct pagetable *table, vaddr_t va)
{
    uint64_t *entry = find_large(kernel, table, va);
    if (entry)
        *entry &= ~PTE_A;
    split(kernel, table, va, true);
}

bool pagetable_unmap_silently(struct kernel *kernel, struct pagetable *table, vaddr_t start,
                              vaddr_t end)
{
    bool used = false;
    pfn_t leaf_table;
    uint64_t *entry;
    for (uint64_t va = start.v; (entry = next_leaf(kernel, table, &va, end.v, &leaf_table));) {
        used |= ((*entry | large_marks(kernel, table, vaddr(va))) & PTE_A) != 0;
        if (*entry & PTE_HUGE) {
            unsigned level;
            drop_huge(kernel, table, vaddr(va), &level);
            va += pte_level_len(level);
            continue;
        }
        forget_large(kernel, table, vaddr(va));
        was_unmapped(kernel, drop_entry(kernel, table, vaddr(va), leaf_table, entry));
        if (count_present(frame_get(&kernel->frames, leaf_table)) == 0)
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
    split(kernel, table, va, false);
    pfn_t leaf_table = descend_make(kernel, table, va, PTE_LEVEL_4K);
    uint64_t *entry = entry_at(kernel, leaf_table, va, 1), old = *entry;
    struct frame *replaced = NULL;
    if (pte_is_present(old)) {
        replaced = drop_entry(kernel, table, va, leaf_table, entry);
        flush(kernel, table, va, old);
    }
    *entry = pte_make(frame_pfn(&kernel->frames, frame), flags_of(prot));
    tell_read_only(kernel, table, va, *entry);
    rmap_add(frame, table->root.asid, va);
    count_leaf(kernel, table, leaf_table, 1, frame);
    if (replaced) /* perhaps by itself */
        was_unmapped(kernel, replaced);
}

void pagetable_map_large(struct kernel *kernel, struct pagetable *table, vaddr_t va,
                         struct frame *first, unsigned prot)
{
    struct path path;
    pfn_t pfn = frame_pfn(&kernel->frames, first);
    pfn_t leaf_table = descend_make(kernel, table, va, PTE_LEVEL_4K);
    CHECK(large_start(va).v == va.v && pfn % FRAME_BLOCK == 0 && prot != 0);
    CHECK(count_present(frame_get(&kernel->frames, leaf_table)) == 0);
    for (unsigned i = 0; i < FRAME_BLOCK; i++) {
        vaddr_t at = vaddr(va.v + i * PTE_LEN);
        *entry_at(kernel, leaf_table, at, 1) = pte_make(pfn + i, flags_of(prot));
        rmap_add(first + i, table->root.asid, at);
        count_leaf(kernel, table, leaf_table, 1, first + i);
    }
    CHECK(descend(kernel, table, va, &path));
    radix_set(&table->large, va.v >> TABLE_SHIFT, leaf_table);
    *entry_at(kernel, path.table[PTE_LEVEL_2M], va, PTE_LEVEL_2M) =
        pte_make(pfn, flags_of(prot) | PTE_PS);
}

void pagetable_map_huge(struct kernel *kernel, struct pagetable *table, vaddr_t va, pfn_t pfn,
                        enum hugetlb_size size, unsigned prot)
{
    unsigned level = PTE_LEVEL_2M + (unsigned)size;
    pfn_t in_table = descend_make(kernel, table, va, level);
    uint64_t *entry = entry_at(kernel, in_table, va, level);
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
        uint64_t pte = *entry_at(kernel, pfn, va, level);
        if (!pte_is_present(pte) || !leads_down(pte, level))
            break;
        pfn = pte_pfn(pte);
    }
    return level - 1;
}

struct frame *pagetable_unmap(struct kernel *kernel, struct pagetable *table, vaddr_t va)
{
    struct path path;
    split(kernel, table, va, false);
    if (!descend(kernel, table, va, &path))
        return NULL;
    uint64_t *entry = entry_at(kernel, path.table[1], va, 1);
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
    for (uint64_t va = start.v; (entry = next_leaf(kernel, table, &va, end.v, &leaf_table));) {
        if (*entry & PTE_HUGE) {
            unmap_huge(kernel, table, &va);
            continue;
        }
        split(kernel, table, vaddr(va), covers_large(start.v, end.v, vaddr(va)));
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
    for (uint64_t va = start.v; (entry = next_leaf(kernel, table, &va, end.v, &leaf_table));
         va = next) {
        uint64_t whole;
        next = va + PAGE_SIZE;
        if (*entry & PTE_HUGE)
            whole = restrict_huge(kernel, table, vaddr(va), clear, set, &next);
        else
            whole = restrict_large(kernel, table, vaddr(va), start.v, end.v, clear, set, &next);
        if (!whole)
            change_entry(kernel, table, vaddr(va), entry, (*entry & ~clear) | set);
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
    for (uint64_t va = start.v; (entry = next_leaf(kernel, table, &va, end.v, &leaf_table));
         va = next) {
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
    const uint64_t *huge = find_huge(kernel, table, va, &level);
    if (huge)
        return part_of_huge(*huge, level, va);
    const uint64_t *entry = find_entry(kernel, table, va);
    return entry ? *entry | large_marks(kernel, table, va) : 0;
}

bool pagetable_is_large(const struct pagetable *table, vaddr_t va)
{
    return table->large.count && radix_get(&table->large, va.v >> TABLE_SHIFT);
}

bool pagetable_next(const struct kernel *kernel, const struct pagetable *table, vaddr_t va,
                    vaddr_t end, vaddr_t *found, uint64_t *entry)
{
    pfn_t leaf_table;
    uint64_t at = vaddr_page(va).v;
    const uint64_t *leaf = next_leaf(kernel, table, &at, end.v, &leaf_table);
    if (!leaf)
        return false;
    *found = vaddr(at);
    *entry = *leaf & PTE_HUGE ? pagetable_entry(kernel, table, vaddr(at))
                              : *leaf | large_marks(kernel, table, vaddr(at));
    return true;
}

/* ---- a frame's maps, wherever they are ---- */

static struct pagetable *table_of(const struct kernel *kernel, uint16_t space)
{
    CHECK(kernel->spaces[space]);
    return &kernel->spaces[space]->table;
}

/* The entry behind a reverse map. */
static uint64_t *entry_of(const struct kernel *kernel, struct rmap_entry map,
                          struct pagetable **table)
{
    *table = table_of(kernel, map.space);
    uint64_t *entry = find_entry(kernel, *table, map.va);
    CHECK(entry);
    return entry;
}

void pagetable_unmap_frame(struct kernel *kernel, struct frame *frame)
{
    while (frame->nmaps > 0) {
        struct rmap_entry map = rmap_get(frame, frame->nmaps - 1); /* the cheapest to remove */
        CHECK(pagetable_unmap(kernel, table_of(kernel, map.space), map.va) == frame);
    }
}

bool pagetable_test_clear_accessed(struct kernel *kernel, struct frame *frame)
{
    bool accessed = false;
    for (uint32_t i = 0; i < frame->nmaps; i++) {
        struct pagetable *table;
        struct rmap_entry map = rmap_get(frame, i);
        uint64_t *entry = entry_of(kernel, map, &table);
        hand_out_accessed(kernel, table, map.va);
        accessed |= (*entry & PTE_A) != 0;
        if (find_large(kernel, table, map.va))
            *entry &= ~PTE_A; /* the TLB has nothing of the large page */
        else
            change_entry(kernel, table, map.va, entry, *entry & ~PTE_A);
    }
    return accessed;
}

void pagetable_clean_frame(struct kernel *kernel, struct frame *frame)
{
    for (uint32_t i = 0; i < frame->nmaps; i++) {
        struct pagetable *table;
        struct rmap_entry map = rmap_get(frame, i);
        uint64_t *entry = entry_of(kernel, map, &table);
        split(kernel, table, map.va, false);
        if (*entry & PTE_D)
            frame->flags |= FRAME_DIRTY;
        change_entry(kernel, table, map.va, entry, *entry & ~(PTE_D | PTE_W));
    }
}

bool pagetable_frame_is_dirty(const struct kernel *kernel, const struct frame *frame)
{
    bool dirty = frame->flags & FRAME_DIRTY;
    for (uint32_t i = 0; i < frame->nmaps && !dirty; i++) {
        struct pagetable *table;
        struct rmap_entry map = rmap_get(frame, i);
        uint64_t pte = *entry_of(kernel, map, &table);
        dirty = (pte | large_marks(kernel, table, map.va)) & PTE_D;
    }
    return dirty;
}

void pagetable_move_frame(struct kernel *kernel, const struct frame *frame, pfn_t to)
{
    for (uint32_t i = 0; i < frame->nmaps; i++) {
        struct pagetable *table;
        struct rmap_entry map = rmap_get(frame, i);
        uint64_t *entry = entry_of(kernel, map, &table);
        split(kernel, table, map.va, false);
        change_entry(kernel, table, map.va, entry, pte_make(to, *entry & ~PTE_ADDR));
    }
}

bool pagetable_can_move_table(const struct kernel *kernel, const struct frame *table_frame)
{
    return owner_level(table_frame) != table_of(kernel, (uint16_t)table_frame->owner)->root.levels;
}

static vaddr_t owner_start(const struct frame *table_frame)
{
    return vaddr(table_frame->owner >> OWNER_ADDR_SHIFT << TABLE_SHIFT);
}

/* The entry that leads to the table of a level. => it is there, and not the root */
static uint64_t *entry_above(const struct kernel *kernel, const struct pagetable *table, vaddr_t va,
                             unsigned level)
{
    pfn_t pfn = table->root.table;
    for (unsigned at = table->root.levels; at > level + 1; at--)
        pfn = pte_pfn(*entry_at(kernel, pfn, va, at));
    return entry_at(kernel, pfn, va, level + 1);
}

void pagetable_move_table(struct kernel *kernel, const struct frame *table_frame, pfn_t to)
{
    struct pagetable *table = table_of(kernel, (uint16_t)table_frame->owner);
    vaddr_t start = owner_start(table_frame);
    unsigned level = owner_level(table_frame);
    uint64_t *entry = entry_above(kernel, table, start, level);
    if (is_large(*entry, level + 1)) {
        radix_set(&table->large, start.v >> TABLE_SHIFT, to); /* the processor does not know it */
        return;
    }
    change_entry(kernel, table, start, entry, pte_make(to, *entry & ~PTE_ADDR));
}

bool pagetable_drop_zeros(struct kernel *kernel, struct frame *table_frame)
{
    if (table_frame->kind != FRAME_TABLE || !is_table_of_zeros(table_frame))
        return false;
    struct pagetable *table = table_of(kernel, (uint16_t)table_frame->owner);
    vaddr_t start = owner_start(table_frame);
    pagetable_unmap_range(kernel, table, start, vaddr(start.v + pte_level_len(2)));
    return true;
}

/* ---- checks ---- */

struct census {
    const struct kernel *kernel;
    const struct pagetable *table;
    uint64_t npresent, nzeros, nobjects, nhuge, ntables;
};

static bool has_rmap(const struct frame *frame, uint16_t space, vaddr_t va)
{
    for (uint32_t i = 0; i < frame->nmaps; i++) {
        struct rmap_entry map = rmap_get(frame, i);
        if (map.space == space && map.va.v == va.v)
            return true;
    }
    return false;
}

static bool leaf_is_valid(struct census *census, vaddr_t va, uint64_t pte)
{
    const struct frame *frame = frame_get(&census->kernel->frames, pte_pfn(pte));
    census->npresent++;
    census->nzeros += frame->kind == FRAME_ZERO;
    census->nobjects += frame->kind == FRAME_OBJECT;
    if (!(pte & PTE_U) || pte_pfn(pte) >= census->kernel->frames.fresh)
        return false;
    if (frame->kind == FRAME_ZERO)
        return !(pte & PTE_W) && frame->nmaps > 0;
    return (frame->kind == FRAME_ANON || frame->kind == FRAME_OBJECT) &&
           has_rmap(frame, census->table->root.asid, va);
}

/* G4, but for what it shares with all tables. */
static bool large_is_valid(const struct census *census, uint64_t pte, pfn_t leaf_table)
{
    for (unsigned i = 0; i < PTE_PER_TABLE; i++) {
        uint64_t small = *entry_at(census->kernel, leaf_table, vaddr(i * PTE_LEN), 1);
        if (small >> PAGE_SHIFT != (pte >> PAGE_SHIFT) + i || ((small ^ pte) & (PTE_P | PTE_W)) ||
            frame_get(&census->kernel->frames, pte_pfn(small))->kind != FRAME_ANON)
            return false;
    }
    return true;
}

/* G5 */
static bool huge_is_valid(struct census *census, uint64_t pte, unsigned level)
{
    const struct hugetlb_page *page = hugetlb_page(census->kernel, pte_pfn(pte));
    census->nhuge += pte_level_len(level) >> PAGE_SHIFT;
    return (pte & PTE_U) && (pte & PTE_PS) && level > 1 && page->refs > 0 && page->maps > 0;
}

static bool subtree_is_valid(struct census *census, pfn_t pfn, vaddr_t va, unsigned level)
{
    const struct kernel *kernel = census->kernel;
    const struct frame *frame = frame_get(&kernel->frames, pfn);
    unsigned present = 0, zeros = 0;
    census->ntables++;
    if (frame->kind != FRAME_TABLE || owner_level(frame) != level ||
        frame->owner != owner_make(census->table->root.asid, level, va))
        return false; /* G2 */
    for (unsigned i = 0; i < PTE_PER_TABLE; i++) {
        vaddr_t at = vaddr(va.v + i * pte_level_len(level));
        uint64_t pte = *entry_at(kernel, pfn, at, level);
        if (!pte_is_present(pte))
            continue;
        present++;
        if (pte & PTE_HUGE) {
            if (!huge_is_valid(census, pte, level))
                return false;
            continue;
        }
        zeros += level == 1 && pte_pfn(pte) == kernel->zero_pfn;
        pfn_t below = level == 1 ? PFN_NONE : table_below(census->table, pte, at, level);
        if (is_large(pte, level) && !large_is_valid(census, pte, below))
            return false;
        if (level == 1 ? !leaf_is_valid(census, at, pte)
                       : !subtree_is_valid(census, below, at, level - 1))
            return false;
    }
    return present > 0 && present == count_present(frame) && zeros == count_zeros(frame);
}

bool pagetable_is_valid(const struct kernel *kernel, const struct pagetable *table)
{
    struct census census = {.kernel = kernel, .table = table};
    if (table->root.table != PFN_NONE &&
        !subtree_is_valid(&census, table->root.table, vaddr(0), table->root.levels))
        return false;
    return census.npresent == table->npresent && census.nzeros == table->nzeros &&
           census.nobjects == table->nobjects && census.nhuge == table->nhuge &&
           census.ntables == table->ntables;
}
