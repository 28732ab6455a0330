// SPDX-License-Identifier: GPL-2.0-or-later
/* What went wrong on the host's side, in one line in kernel->trouble for the run loop to print. */
#ifndef KERNEL_TROUBLE_H
#define KERNEL_TROUBLE_H

#include "kernel/kernel.h"

/* A swap slot could not be read, or not as it was written. `error` is -errno; -EBADMSG: damaged. */
void trouble_swap(struct kernel *kernel, swap_slot_t slot, int error);
/* A page of a file could not be read or written. `fd` is a descriptor of it. */
void trouble_file(struct kernel *kernel, const char *verb, int fd, uint64_t index, int error);
/* Adds whose page it was, if there is a message. */
void trouble_add_page(struct kernel *kernel, vaddr_t page);

#endif
