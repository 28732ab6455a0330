// SPDX-License-Identifier: GPL-2.0-or-later
/* pagewalk replay: sends a memory trace through a machine and reports what it cost there. */
#include "cli/command.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/report.h"
#include "pagewalk.h"

static int replay_with(const struct options *options, char **argv)
{
    struct pw_error error;
    struct pw_replay *replay;
    if (report_check_files(options))
        return EXIT_PAGEWALK;
    struct report_times before = report_times_now();
    if (pw_replay_run(options->config, argv[0], &replay, &error) < 0)
        return message_error("%s", error.message);
    struct report report = {.replay = replay,
                            .config = options->config,
                            .argv = argv,
                            .times = report_times_since(before)};
    int status = report_write(options, &report);
    pw_replay_destroy(replay);
    return status;
}

static void print_help(FILE *out)
{
    fputs("Usage: pagewalk replay [OPTIONS] TRACE\n\n"
          "Sends the memory references of TRACE (-: standard input) through TLB, page tables\n"
          "and replacement policy of your choice, and says what they cost, on standard error.\n"
          "RAM holds the pages of the trace alone: --ram 12K is three of them.\n\n"
          "Examples:\n"
          "  printf '0x1000\\nS 0x2000\\n' | pagewalk replay --ram 4K -\n"
          "                                            a trace by hand\n"
          "  pagewalk replay --ram 16M --policy opt trace.gz\n"
          "                                            the least faults that are possible\n"
          "  valgrind --tool=lackey --trace-mem=yes --log-fd=9 ls 9>&1 >/dev/null |\n"
          "      pagewalk replay --ram 1M -            a trace by another program\n\n"
          "Options:\n",
          out);
    options_print(out, PW_REPLAY);
    fputs("\nTRACE may be compressed (gzip, xz, zstd). SIZE is digits and K, M, G or T (powers\n"
          "of 1024). PAGEWALK_OPTS holds options that come first.\n",
          out);
}

static int run_with(const struct options *options, int argc, char **argv)
{
    if (options->first + 1 != argc)
        return message_error("replay: one trace is wanted: pagewalk replay [OPTIONS] TRACE");
    return replay_with(options, argv + options->first);
}

static int run_replay(int argc, char **argv)
{
    return options_run(argc, argv, PW_REPLAY, print_help, run_with);
}

const struct command cmd_replay = {"replay", "[OPTIONS] TRACE",
                                   "what a memory trace costs on the same machine", run_replay,
                                   print_help};
