// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Words for host failures: which device or file, which slot or page, why. The last message wins;
 * the run loop prints and clears it.
 */
#include "kernel/trouble.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void trouble_swap(struct kernel *kernel, swap_slot_t slot, int error)
{
    const char *name = swapdisk_name(kernel->swap);
    size_t size = sizeof(kernel->trouble);
    if (error == -EBADMSG)
        snprintf(kernel->trouble, size, "swap device %s: slot %u is damaged", name, slot);
    else
        snprintf(kernel->trouble, size, "swap device %s: slot %u cannot be read: %s", name, slot,
                 strerror(-error));
}

void trouble_file(struct kernel *kernel, const char *verb, int fd, uint64_t index, int error)
{
    char link[64], path[128];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof(path) - 1);
    path[len > 0 ? len : 0] = '\0';
    snprintf(kernel->trouble, sizeof(kernel->trouble), "file %s: cannot %s page %" PRIu64 ": %s",
             path, verb, index, strerror(-error));
}

void trouble_add_page(struct kernel *kernel, vaddr_t page)
{
    size_t len = strlen(kernel->trouble);
    if (len > 0)
        snprintf(kernel->trouble + len, sizeof(kernel->trouble) - len,
                 " (page at address 0x%" PRIx64 ")", page.v);
}
