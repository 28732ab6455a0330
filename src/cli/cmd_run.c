// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pagewalk run: runs one program to its end, reports what its memory cost, and ends as the program
 * did. Whatever can be refused is refused before the program starts.
 */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/report.h"
#include "pagewalk.h"

extern char **environ;

/* Ends pagewalk by the signal that killed the guest, without a core file of pagewalk. */
static int die_of(int signal_number)
{
    const struct rlimit no_core = {0, 0};
    sigset_t set;
    setrlimit(RLIMIT_CORE, &no_core);
    signal(signal_number, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, signal_number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    raise(signal_number);
    return 128 + signal_number; /* one that does not kill */
}

static int spawn_status(const struct pw_error *error)
{
    switch (error->code) {
    case ENOENT:
        return EXIT_NOT_FOUND;
    case EACCES:
    case ENOEXEC:
    case E2BIG:
        return EXIT_NOT_EXECUTABLE;
    default:
        return EXIT_PAGEWALK;
    }
}

/* Runs the program and reports. Result: the exit status; *killed_by is set to its signal. */
static int run_program(struct pw_system *system, const struct options *options, char **argv,
                       int *killed_by)
{
    struct pw_error error;
    struct pw_process_info process;
    struct report_times before = report_times_now();
    if (pw_spawn(system, argv, environ, &error) < 0) {
        message_error("%s", error.message);
        return spawn_status(&error);
    }
    int status = pw_run(system, &error) < 0 ? message_error("%s", error.message) : 0;
    struct report report = {.system = system,
                            .config = options->config,
                            .argv = argv,
                            .times = report_times_since(before)};
    if (report_write(options, &report) != 0)
        status = EXIT_PAGEWALK;
    if (status == 0 && pw_process(system, 0, &process)) {
        status = process.status;
        *killed_by = process.signal;
    }
    return status;
}

static int run_with(const struct options *options, char **argv)
{
    struct pw_error error;
    struct pw_system *system;
    int killed_by = 0;
    if (report_check_files(options))
        return EXIT_PAGEWALK;
    if (pw_system_create(options->config, &system, &error) < 0)
        return message_error("--%s", error.message);
    int status = run_program(system, options, argv, &killed_by);
    pw_system_destroy(system);
    return killed_by ? die_of(killed_by) : status;
}

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
          "  pagewalk run --reproducible=7 -- ./a.out  the same numbers on every run\n\n"
          "Options:\n",
          out);
    options_print(out, PW_RUN);
    fputs("\nSIZE is digits and K, M, G or T (powers of 1024). PAGEWALK_OPTS holds options\n"
          "that come first. The exit status is the program's; 125: pagewalk failed;\n"
          "126: the program cannot be executed; 127: there is no such program. A program\n"
          "killed by a signal makes pagewalk die of the same signal.\n",
          out);
}

static int run_run(int argc, char **argv)
{
    struct options options;
    if (options_create(argc, argv, PW_RUN, &options) < 0)
        return EXIT_PAGEWALK;
    int status = 0;
    if (options.help)
        print_help(stdout);
    else if (options.version)
        printf("pagewalk %s\n", pw_version());
    else if (options.first >= argc)
        status =
            message_error("run: no program given: pagewalk run [OPTIONS] [--] PROGRAM [ARG...]");
    else
        status = run_with(&options, argv + options.first);
    options_destroy(&options);
    return status;
}

const struct command cmd_run = {"run", "[OPTIONS] [--] PROGRAM [ARG...]",
                                "run it, then say what its memory cost", run_run, print_help};
