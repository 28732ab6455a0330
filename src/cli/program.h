// SPDX-License-Identifier: GPL-2.0-or-later
/* What commands that run a program do: run it, report, and end as it did. */
#ifndef CLI_PROGRAM_H
#define CLI_PROGRAM_H

#include "cli/options.h"
#include "cli/report.h"

/* What a command does around the run. Each gives 0, or EXIT_PAGEWALK after a message. */
struct program_work {
    int (*begin)(struct pw_system *system, void *arg); /* NULL: nothing */
    int (*end)(const struct options *options, struct pw_system *system, const struct report *report,
               void *arg);
    void *arg;
};

/* Whatever can be refused is refused before the program starts. Result: the exit status; if a
 * signal killed the program it does not return. */
int program_run(const struct options *options, const struct program_work *work, char **argv);

#endif
