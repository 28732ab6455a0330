// SPDX-License-Identifier: GPL-2.0-or-later
/* The subcommands: one row each. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdio.h>

struct command {
    const char *name;
    const char *arguments;             /* "[OPTIONS] [--] PROGRAM [ARG...]" */
    const char *summary;               /* one line */
    int (*run)(int argc, char **argv); /* argv[0] is the subcommand. Result: exit status */
    void (*help)(FILE *out);
};

extern const struct command cmd_run, cmd_record, cmd_replay, cmd_curve, cmd_help;

/* NULL beyond the last. */
const struct command *command_at(size_t i);
const struct command *command_find(const char *name); /* NULL: there is none */
/* The name that was probably meant, or NULL. */
const char *command_suggest(const char *typed);

#endif
