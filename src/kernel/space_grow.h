// SPDX-License-Identifier: GPL-2.0-or-later
/* Stack regions that grow downward when touched just below. */
#ifndef KERNEL_SPACE_GROW_H
#define KERNEL_SPACE_GROW_H

#include "kernel/space.h"

/* Grows a REGION_GROWSDOWN region down to the page. Errors: -ENOMEM, -EPERM: a limit, the gap that
 * is kept below a stack, or no memory to promise. => page is below the region, above the one before
 */
int space_grow_stack(struct space *space, struct region *region, vaddr_t page);

#endif
