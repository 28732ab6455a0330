// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pages of a range of a space, whatever its regions: making them resident, dropping, moving and
 * wiring them. The verbs of space.h are region_set.h for the regions and this for the pages.
 */
#ifndef KERNEL_SPACE_PAGES_H
#define KERNEL_SPACE_PAGES_H

#include "kernel/fault.h"
#include "kernel/space.h"

/* Unmaps the pages of [start, end) and drops the private ones; what is below stays with its object.
 */
void space_pages_drop(struct space *space, uint64_t start, uint64_t end);

/* Takes the private pages, mappings and wires of `len` bytes from one place to another. Mappings
 * that find no frames for their page tables are left to faults. => the target has none */
void space_pages_move(struct space *space, uint64_t from, uint64_t to, uint64_t len);

/* Makes [start, end) resident as far as its regions allow: private writable pages as if stored to,
 * others as if read. Result: FAULT_DONE, or why it stopped. => regions cover the range */
enum fault_result space_pages_populate(struct space *space, uint64_t start, uint64_t end);

/* The file or shared object has npages pages now: unmaps what lies beyond in every space, private
 * copies too. */
void space_pages_truncate(struct kernel *kernel, struct object *object, uint64_t npages);

/* The page at this number is `frame` and must stay resident (it is in a locked region). */
void space_pages_wire(struct space *space, uint64_t vpn, struct frame *frame);
/* Wires what is mapped in [start, end). */
void space_pages_wire_present(struct space *space, uint64_t start, uint64_t end);
void space_pages_unwire(struct space *space, uint64_t start, uint64_t end);
/* In every space, because the frame's page ceases to exist. */
void space_pages_unwire_frame(struct kernel *kernel, struct frame *frame);

#endif
