// SPDX-License-Identifier: GPL-2.0-or-later
/* The host's way of reporting errors (-1 and errno) turned into ours (-errno). */
#ifndef LINUX_HOSTCALL_H
#define LINUX_HOSTCALL_H

#include <errno.h>
#include <stdint.h>

static inline int64_t host_result(long result)
{
    return result < 0 ? -errno : result;
}

#endif
