// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Regions whose missing pages a program supplies (userfaultfd(2)): private memory of zeros, where a
 * fault on a page that does not exist is not served but reported, FAULT_WANTED.
 */
#ifndef KERNEL_SPACE_SUPPLY_H
#define KERNEL_SPACE_SUPPLY_H

#include "kernel/space.h"

/* Whole pages only. Errors: -EINVAL there is a hole or other memory than such, -ENOMEM too many
 * regions. */
int space_supply_begin(struct space *space, uint64_t start, uint64_t end);
void space_supply_end(struct space *space, uint64_t start, uint64_t end);
bool space_is_supplied(const struct space *space, vaddr_t va);
/* Is there such a region in [start, end)? */
bool space_has_supplied(const struct space *space, uint64_t start, uint64_t end);
/* Would a fault there be FAULT_WANTED? */
bool space_wants_page(const struct space *space, vaddr_t va);
/* Makes the page, with these PAGE_SIZE bytes or zeros if NULL. Errors: -ENOENT no such region,
 * -EEXIST the page exists, -ENOMEM. */
int space_supply(struct space *space, vaddr_t va, const void *bytes);

#endif
