// SPDX-License-Identifier: GPL-2.0-or-later
/* Replacement other than LRU in a TLB level; for tlb_level.c only. */
#ifndef MACHINE_TLB_REPLACE_H
#define MACHINE_TLB_REPLACE_H

#include "machine/tlb_level.h"

/* The way of a set that a new translation goes to. => the policy is not LRU */
struct tlb_way *tlb_replace_victim(const struct tlb_level *level, unsigned set);
/* A translation stamped `stamp` is about to come into the way, and displaces what is there. */
void tlb_replace_fill(struct tlb_level *level, const struct tlb_way *way, uint64_t stamp);

#endif
