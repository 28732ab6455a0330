// SPDX-License-Identifier: GPL-2.0-or-later
/* pagewalk record: runs a program as `pagewalk run` does, and writes a trace of its pages. */
#include <limits.h>

#include "cli/command.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/program.h"
#include "pagewalk.h"

static void print_help(FILE *out)
{
    fputs("Usage: pagewalk record -o FILE [OPTIONS] [--] PROGRAM [ARG...]\n\n"
          "Runs PROGRAM as 'pagewalk run' does, and writes to FILE which pages it loads from,\n"
          "stores to and executes, in order. 'pagewalk replay' reads that. Recording takes\n"
          "up to three times as long as running.\n\n"
          "Examples:\n"
          "  pagewalk record -o sort.trace -- sort big.txt\n"
          "  pagewalk replay --ram 16M --policy opt sort.trace\n\n"
          "Options:\n",
          out);
    options_print(out, PW_RECORD);
    fputs("\nThe trace does not depend on RAM, swap, TLB or policy, unless the program does.\n"
          "The exit status is the program's, as with 'pagewalk run'.\n",
          out);
}

static int begin(struct pw_system *system, void *path)
{
    struct pw_error error;
    return pw_record(system, path, &error) < 0 ? message_error("%s", error.message) : 0;
}

static int end(const struct options *options, struct pw_system *system, const struct report *report,
               void *path)
{
    struct pw_error error;
    int status = pw_record_end(system, &error) < 0 ? message_error("%s", error.message) : 0;
    return report_write(options, report) != 0 ? EXIT_PAGEWALK : status;
}

/* -o is the trace's; the summary has standard error. */
static int record_with(const struct options *options, char **argv)
{
    struct options others = *options;
    others.output_path = NULL;
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s", options->output_path);
    struct program_work work = {begin, end, path};
    return program_run(&others, &work, argv);
}

static int run_with(const struct options *options, int argc, char **argv)
{
    if (!options->output_path)
        return message_error("record: where should the trace go? -o FILE");
    if (options->first >= argc)
        return message_error("record: no program given: pagewalk record -o FILE [OPTIONS] [--] "
                             "PROGRAM [ARG...]");
    return record_with(options, argv + options->first);
}

static int run_record(int argc, char **argv)
{
    return options_run(argc, argv, PW_RECORD, print_help, run_with);
}

const struct command cmd_record = {"record", "-o FILE [OPTIONS] [--] PROGRAM [ARG...]",
                                   "run it, and write a trace of the pages it uses", run_record,
                                   print_help};
