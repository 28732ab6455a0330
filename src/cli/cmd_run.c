// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pagewalk run: runs one program to its end, reports what its memory cost, and ends as the program
 * did. Whatever can be refused is refused before the program starts.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/human.h"
#include "cli/json.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/outfile.h"
#include "cli/summary.h"
#include "pagewalk.h"

extern char **environ;

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

/* What the host has spent so far. */
static struct summary_times times_now(void)
{
    struct timespec wall;
    struct rusage usage;
    clock_gettime(CLOCK_MONOTONIC, &wall);
    getrusage(RUSAGE_SELF, &usage);
    return (struct summary_times){(double)wall.tv_sec + (double)wall.tv_nsec / 1e9,
                                  seconds(usage.ru_utime), seconds(usage.ru_stime)};
}

/* Colour only where a person looks on: https://no-color.org */
static bool wants_colour(const struct options *options)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    return !options->output_path && !(no_color && *no_color) && isatty(STDERR_FILENO) && term &&
           strcmp(term, "dumb") != 0;
}

static int check_file(const char *option, const char *path)
{
    int error = path ? outfile_check(path) : 0;
    return error ? message_error("--%s: cannot write %.200s: %s", option, path, strerror(error))
                 : 0;
}

static int write_file(const char *option, const char *path, const char *text, size_t len)
{
    int error = outfile_write(path, text, len);
    return error ? message_error("--%s: cannot write %.200s: %s", option, path, strerror(error))
                 : 0;
}

static int write_summary(const struct options *options, const struct run_report *report)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (!out)
        return message_error("out of memory");
    summary_write(out, report, wants_colour(options));
    fclose(out);
    int status = 0;
    if (options->output_path)
        status = write_file("output", options->output_path, text, len);
    else
        outfile_write("-", text, len); /* a closed standard error is nobody's error */
    free(text);
    return status;
}

static int write_json(const struct options *options, const struct run_report *report)
{
    char *text = json_report(report);
    if (!text)
        return message_error("out of memory");
    int status = write_file("json", options->json_path, text, strlen(text));
    free(text);
    return status;
}

/* What went wrong is said even if no summary is wanted here. */
static void write_notes(const struct pw_system *system)
{
    for (size_t i = 0; pw_note(system, i); i++)
        message_error("%s", pw_note(system, i));
}

/* Result: 0, or EXIT_PAGEWALK after a message. */
static int write_report(const struct options *options, const struct run_report *report)
{
    signal(SIGPIPE, SIG_IGN); /* a reader of ours that left must not hide how the guest ended */
    int status = options->quiet ? 0 : write_summary(options, report);
    if (options->quiet || options->output_path)
        write_notes(report->system);
    if (options->json_path && write_json(options, report) != 0)
        status = EXIT_PAGEWALK;
    return status;
}

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
    struct summary_times before = times_now();
    if (pw_spawn(system, argv, environ, &error) < 0) {
        message_error("%s", error.message);
        return spawn_status(&error);
    }
    int status = pw_run(system, &error) < 0 ? message_error("%s", error.message) : 0;
    struct summary_times after = times_now();
    struct run_report report = {
        system,
        options->config,
        argv,
        {after.wall - before.wall, after.user - before.user, after.system - before.system}};
    if (write_report(options, &report) != 0)
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
    if (check_file("output", options->output_path) || check_file("json", options->json_path))
        return EXIT_PAGEWALK;
    if (pw_system_create(options->config, &system, &error) < 0)
        return message_error("--%s", error.message);
    int status = run_program(system, options, argv, &killed_by);
    pw_system_destroy(system);
    return killed_by ? die_of(killed_by) : status;
}

static void print_options(FILE *out)
{
    struct option_info info;
    for (size_t i = 0; options_at(i, &info); i++) {
        char usage[80], text[256];
        options_usage(&info, usage, sizeof(usage));
        snprintf(text, sizeof(text), "%s%s%s%s", info.help, info.initial ? " Default: " : "",
                 info.initial ? info.initial : "", info.initial ? "." : "");
        fprintf(out, "  %s\n      ", usage);
        human_wrap(out, 6, 6, text);
    }
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
    print_options(out);
    fputs("\nSIZE is digits and K, M, G or T (powers of 1024). PAGEWALK_OPTS holds options\n"
          "that come first. The exit status is the program's; 125: pagewalk failed;\n"
          "126: the program cannot be executed; 127: there is no such program. A program\n"
          "killed by a signal makes pagewalk die of the same signal.\n",
          out);
}

static int run_run(int argc, char **argv)
{
    struct options options;
    if (options_create(argc, argv, &options) < 0)
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
