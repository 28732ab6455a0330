// SPDX-License-Identifier: GPL-2.0-or-later
/* What commands that run a program do: run it, report, and end as it did. */
#ifndef CLI_PROGRAM_H
#define CLI_PROGRAM_H

#include "cli/options.h"

/* `trace` NULL, or where a page trace goes. Whatever can be refused is refused before the program
 * starts. Result: the exit status; if a signal killed the program it does not return. */
int program_run(const struct options *options, const char *trace, char **argv);

#endif
