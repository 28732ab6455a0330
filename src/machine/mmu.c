// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The walk, after Intel SDM vol. 3A, "4-Level Paging and 5-Level Paging", "Access Rights",
 * "Page-Fault Exceptions" and "Accessed and Dirty Flags", for a user-mode access on a processor
 * with EFER.NXE = 1 and no protection keys. Permissions are judged when the whole walk is done, so
 * a missing entry below wins over a forbidding one above it; a reserved bit is judged as it is
 * read.
 */
#include "machine/mmu.h"

#include "base/check.h"
#include "machine/pte.h"

static uint64_t *entry_at(const struct ram *ram, pfn_t table, vaddr_t va, unsigned level)
{
    CHECK(table < ram->nframes);
    return (uint64_t *)(void *)ram_frame(ram, table) + pte_index(va, level);
}

static uint32_t error_of(enum mmu_access access)
{
    switch (access) {
    case MMU_STORE:
        return PF_USER | PF_WRITE;
    case MMU_FETCH:
        return PF_USER | PF_FETCH;
    default:
        return PF_USER;
    }
}

/* Bits that must be 0 in a present entry of this level. Bit 12 of a large leaf is its PAT bit. */
static uint64_t reserved_bits(uint64_t pte, unsigned level)
{
    if (level == 1 || !(pte & PTE_PS))
        return PTE_BEYOND_PHYS;
    if (level > PTE_LEVEL_1G)
        return PTE_BEYOND_PHYS | PTE_PS;
    uint64_t below_leaf = pte_level_len(level) - 1;
    return PTE_BEYOND_PHYS | (below_leaf & PTE_ADDR & ~PTE_PAT_LARGE);
}

static bool is_allowed(uint64_t rights, enum mmu_access access)
{
    if (!(rights & PTE_U))
        return false;
    if (access == MMU_STORE)
        return rights & PTE_W;
    return access != MMU_FETCH || !(rights & PTE_NX);
}

static void set_bits(uint64_t *entry, uint64_t bits)
{
    if ((*entry & bits) != bits) /* leaves the host's cache line clean when there is no change */
        *entry |= bits;
}

static bool fail(struct mmu_leaf *out, uint32_t error, unsigned reads)
{
    out->error = error;
    out->reads = (uint8_t)reads;
    return false;
}

struct mmu_start mmu_top(struct mmu_root root)
{
    return (struct mmu_start){pte_make(root.table, PTE_W | PTE_U), root.levels};
}

bool mmu_translate(const struct ram *ram, struct mmu_root root, vaddr_t va, enum mmu_access access,
                   struct mmu_leaf *out)
{
    if (!mmu_is_canonical(root.levels, va))
        return fail(out, 0, 0);
    return mmu_walk(ram, mmu_top(root), va, access, out);
}

bool mmu_walk(const struct ram *ram, struct mmu_start start, vaddr_t va, enum mmu_access access,
              struct mmu_leaf *out)
{
    uint64_t *trail[MMU_LEVELS_MAX];
    unsigned reads = 0;
    uint64_t step = start.step;
    for (unsigned level = start.level;; level--) {
        uint64_t *entry = entry_at(ram, pte_pfn(step), va, level);
        uint64_t pte = *entry;
        trail[reads++] = entry;
        if (!pte_is_present(pte))
            return fail(out, error_of(access), reads);
        if (pte & reserved_bits(pte, level))
            return fail(out, error_of(access) | PF_PRESENT | PF_RESERVED, reads);
        uint64_t rights = (step & pte & (PTE_W | PTE_U)) | ((step | pte) & PTE_NX);
        step = (pte & PTE_ADDR) | rights;
        if (level == 1 || (pte & PTE_PS)) {
            out->page_shift = (uint8_t)pte_level_shift(level);
            break;
        }
        out->steps[level] = step;
    }
    if (!is_allowed(step, access))
        return fail(out, error_of(access) | PF_PRESENT, reads);

    for (unsigned i = 0; i < reads - 1; i++)
        set_bits(trail[i], PTE_A);
    uint64_t *leaf = trail[reads - 1];
    set_bits(leaf, access == MMU_STORE ? PTE_A | PTE_D : PTE_A);

    uint64_t within = ((uint64_t)1 << out->page_shift) - 1;
    out->pa = paddr((*leaf & PTE_ADDR & ~within) | (va.v & within));
    CHECK(paddr_pfn(out->pa) < ram->nframes);
    out->flags = (step & ~PTE_ADDR) | (*leaf & (PTE_A | PTE_D | PTE_G));
    if (out->page_shift != PAGE_SHIFT)
        out->flags |= PTE_PS;
    out->reads = (uint8_t)reads;
    out->error = 0;
    return true;
}

unsigned mmu_page_shift(const struct ram *ram, struct mmu_root root, vaddr_t va)
{
    pfn_t table = root.table;
    for (unsigned level = root.levels; level > 1; level--) {
        uint64_t pte = *entry_at(ram, table, va, level);
        if (!pte_is_present(pte) || (pte & reserved_bits(pte, level)))
            break;
        if (pte & PTE_PS)
            return pte_level_shift(level);
        table = pte_pfn(pte);
    }
    return PAGE_SHIFT;
}
