// SPDX-License-Identifier: GPL-2.0-or-later
/* See command.h. */
#include "cli/command.h"

#include <string.h>

#include "cli/suggest.h"

static const struct command *const commands[] = {&cmd_run, &cmd_record, &cmd_replay, &cmd_curve,
                                                 &cmd_help};
enum { NCOMMANDS = sizeof(commands) / sizeof(commands[0]) };

const struct command *command_at(size_t i)
{
    return i < NCOMMANDS ? commands[i] : NULL;
}

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < NCOMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

const char *command_suggest(const char *typed)
{
    struct suggest suggest;
    suggest_start(&suggest, typed);
    for (size_t i = 0; i < NCOMMANDS; i++)
        suggest_offer(&suggest, commands[i]->name);
    return suggest.best;
}
