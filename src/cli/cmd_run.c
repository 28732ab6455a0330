// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pagewalk run: runs one program to its end, reports what its memory cost, and ends as the program
 * did. Whatever can be refused is refused before the program starts.
 */
#include "cli/command.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/program.h"
#include "pagewalk.h"

static void print_help(FILE *out)
{
    fputs("Usage: pagewalk run [OPTIONS] [--] PROGRAM [ARG...]\n\n"
          "Runs PROGRAM on virtual memory of your choice; its output is what it always is.\n"
          "Then prints what its memory cost, on standard error.\n\n"
          "Examples:\n"
          "  pagewalk run -- ls -l                     any program, with the defaults\n"
          "  pagewalk run --ram 16M -- sort big.txt    in 16 MiB of RAM; the rest is paged\n"
          "  pagewalk run --ram 8M --swap none -- python3 -c 'print(1)'\n"
          "                                            ... and nowhere to swap to\n"
          "  pagewalk run --tlb tiny -q --json cost.json -- ./a.out\n"
          "                                            numbers for a program to read\n"
          "  pagewalk run --reproducible=7 -- ./a.out  the same numbers on every run\n"
          "  pagewalk run --root rootfs --read-only --no-net -- /bin/prog\n"
          "                                            a program that is not trusted\n"
          "  pagewalk run --ram 8M --attribute -- sort big.txt\n"
          "                                            which code and which memory fault\n\n"
          "Options:\n",
          out);
    options_print(out, PW_RUN);
    fputs("\nSIZE is digits and K, M, G or T (powers of 1024). PAGEWALK_OPTS holds options\n"
          "that come first. The exit status is the program's; 125: pagewalk failed;\n"
          "126: the program cannot be executed; 127: there is no such program. A program\n"
          "killed by a signal makes pagewalk die of the same signal.\n",
          out);
}

static int end(const struct options *options, struct pw_system *system, const struct report *report,
               void *arg)
{
    return report_write(options, report);
}

static int run_with(const struct options *options, int argc, char **argv)
{
    static const struct program_work work = {.end = end};
    if (options->first >= argc)
        return message_error("run: no program given: pagewalk run [OPTIONS] [--] PROGRAM [ARG...]");
    return program_run(options, &work, argv + options->first);
}

static int run_run(int argc, char **argv)
{
    return options_run(argc, argv, PW_RUN, print_help, run_with);
}

const struct command cmd_run = {"run", "[OPTIONS] [--] PROGRAM [ARG...]",
                                "run it, then say what its memory cost", run_run, print_help};
