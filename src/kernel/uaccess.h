// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How system calls reach a guest's memory: every byte through the page tables, faults served by
 * fault_handle(). One that ends in FAULT_WANTED is -EFAULT, and remembered in space->wanted: who
 * made the call waits and makes it again. No host pointer into guest memory outlives one of these
 * calls.
 */
#ifndef KERNEL_UACCESS_H
#define KERNEL_UACCESS_H

#include <stddef.h>

#include "kernel/space.h"

/* Copies. Errors: -EFAULT, with bytes before the bad page already copied.
 * A fault that ended in FAULT_OOM or a BUS result is -EFAULT too. */
int uaccess_read(struct space *space, void *dst, vaddr_t src, size_t len);
int uaccess_write(struct space *space, vaddr_t dst, const void *src, size_t len);
/* Writes to private memory whatever its protection, as ptrace(2) does: the program itself may still
 * not store there. */
int uaccess_force_write(struct space *space, vaddr_t dst, const void *src, size_t len);
int uaccess_zero(struct space *space, vaddr_t dst, size_t len);
/* How many bytes from the start can be written (read) without -EFAULT: makes pages resident page by
 * page, stops at the first that cannot be; 0 if that only has to be supplied. For calls that must
 * not consume what they cannot store.
 */
size_t uaccess_probe(struct space *space, vaddr_t addr, size_t len, enum mmu_access access);

/* A NUL-terminated string into dst[size]. Result: its length; -EFAULT; -ENAMETOOLONG if it does not
 * fit. */
int64_t uaccess_read_string(struct space *space, char *dst, vaddr_t src, size_t size);

#endif
