// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The command: `pagewalk COMMAND ...`. Each subcommand is a file of its own and uses the public
 * header only.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/message.h"
#include "pagewalk.h"

/*
 * Files that pagewalk opens must never become a guest's standard streams. If one of those is
 * closed, a path-only descriptor takes its place: reading and writing it fail with EBADF, as if it
 * were closed.
 */
static void guard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_PATH) != fd)
            _exit(EXIT_PAGEWALK);
}

static int run_command(int argc, char **argv)
{
    const struct command *command = command_find(argv[1]);
    if (command)
        return command->run(argc - 1, argv + 1);
    const char *meant = command_suggest(argv[1]);
    if (meant)
        return message_error("unknown command '%.80s': did you mean '%s'?", argv[1], meant);
    if (argv[1][0] == '-')
        return message_error("unknown option '%.80s': options come after the command, as in "
                             "'pagewalk run %.80s ...'",
                             argv[1], argv[1]);
    return message_error("unknown command '%.80s': 'pagewalk run -- %.80s' runs a program", argv[1],
                         argv[1]);
}

int main(int argc, char **argv)
{
    guard_streams();
    if (argc < 2)
        return message_error("no command: try 'pagewalk run -- PROGRAM' or 'pagewalk help'");
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        printf("pagewalk %s\n", pw_version());
        return 0;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return cmd_help.run(1, argv);
    return run_command(argc, argv);
}
