// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pages mapped along with the one that was touched, because they are in RAM and Linux has them
 * mapped by then too. They take no frame and are neither read nor copied; what may not be mapped
 * without a fault of its own (a store to a shared page) still has that.
 */
#ifndef KERNEL_FAULT_AROUND_H
#define KERNEL_FAULT_AROUND_H

#include "kernel/space.h"

/* After a load or fetch from an object's page: the pages of it around that are somebody's already,
 * in the same 64 KiB. => the page is mapped */
void fault_around(struct space *space, const struct region *region, vaddr_t page);

/* After a page table of the last level was made: the private pages in its 2 MiB that are shared
 * with whom this space was forked from, or with its own children. Linux copies these entries in the
 * fork. => the page is mapped, by that table */
void fault_inherit(struct space *space, vaddr_t page);

#endif
