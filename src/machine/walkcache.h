// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Paging-structure caches, also called page-walk caches: one for each level of tables above the
 * last, with entries of their own number and ways. An entry says which table a prefix of addresses
 * leads to and what the entries on the way there allow, so that a walk need not read them:
 *
 *      level  entry  prefix          a walk that finds it reads
 *        2    PDE    va >> 21        the PTE
 *        3    PDPTE  va >> 30        PDE, PTE
 *        4    PML4E  va >> 39        PDPTE, PDE, PTE
 *        5    PML5E  va >> 48        PML4E, PDPTE, PDE, PTE   (5-level tables)
 *
 * The one that leaves the fewest reads is used and made young; caches above it are not asked. What
 * a walk has read above its leaf is cached when the walk ends in a translation, so an entry is only
 * there if the accessed bits above it are set. Source: Intel SDM vol. 3A, "Paging-Structure Caches"
 * and "Invalidation of TLBs and Paging-Structure Caches".
 */
#ifndef MACHINE_WALKCACHE_H
#define MACHINE_WALKCACHE_H

#include "machine/tlb_level.h"

struct walkcache {
    struct tlb_level level[MMU_LEVELS_MAX + 1]; /* [level of the entries]: 2 and up */
    bool is_used;                               /* false: all are empty */
};

/* As spec->pwc says; `number` is that of the first, for tlb_spec_seed(). Errors: -EINVAL, -ENOMEM.
 */
int walkcache_create(const struct tlb_spec *spec, unsigned number, struct walkcache *out);
void walkcache_destroy(struct walkcache *cache); /* may follow a creation that failed */

/* Where the walk for va begins. Result: the level of the entry that was found; 0: none. `space` is
 * TLB_KEY_VALID and the address-space tag, as in tlb_key(). */
unsigned walkcache_find(struct walkcache *cache, struct mmu_root root, uint64_t space, vaddr_t va,
                        uint64_t clock, struct mmu_start *out);

/* Keeps what a walk that began at `level` has read. */
void walkcache_fill(struct walkcache *cache, unsigned level, const struct mmu_leaf *leaf,
                    uint64_t space, vaddr_t va, uint64_t clock);

/* Forgets what a walk for va would use, as a page fault does. */
void walkcache_drop_address(struct walkcache *cache, uint64_t space, vaddr_t va);
/* Forgets all of a space, as INVLPG of any address in it does; of every space, if `space` is 0. */
void walkcache_drop_space(struct walkcache *cache, uint64_t space);

bool walkcache_is_valid(const struct walkcache *cache);

#endif
