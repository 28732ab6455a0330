// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Result files: written whole or not at all. A regular file is written beside its place and renamed
 * over it; a device, pipe or "-" (standard error) is written in place.
 */
#ifndef CLI_OUTFILE_H
#define CLI_OUTFILE_H

#include <stddef.h>

/* Could it be written later? Leaves nothing behind. Result: 0, or an errno value. */
int outfile_check(const char *path);

/* Result: 0, or an errno value; the file is then as it was before. */
int outfile_write(const char *path, const char *bytes, size_t len);

#endif
