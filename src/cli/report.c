// SPDX-License-Identifier: GPL-2.0-or-later
/* See report.h. Result files are checked before the work and written whole after it. */
#include "cli/report.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "cli/attribution.h"
#include "cli/cost.h"
#include "cli/json.h"
#include "cli/message.h"
#include "cli/outfile.h"
#include "cli/summary.h"

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

struct report_times report_times_now(void)
{
    struct timespec wall;
    struct rusage usage;
    clock_gettime(CLOCK_MONOTONIC, &wall);
    getrusage(RUSAGE_SELF, &usage);
    return (struct report_times){(double)wall.tv_sec + (double)wall.tv_nsec / 1e9,
                                 seconds(usage.ru_utime), seconds(usage.ru_stime)};
}

struct report_times report_times_since(struct report_times before)
{
    struct report_times now = report_times_now();
    return (struct report_times){now.wall - before.wall, now.user - before.user,
                                 now.system - before.system};
}

bool report_has(const struct report *report, int counter)
{
    return report->system ? pw_counter_has(report->system, counter)
                          : pw_replay_has(report->replay, counter);
}

uint64_t report_counter(const struct report *report, int counter)
{
    return report->system ? pw_counter(report->system, counter)
                          : pw_replay_counter(report->replay, counter);
}

/* Colour only where a person looks on: https://no-color.org */
bool report_wants_colour(const struct options *options)
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

int report_check_files(const struct options *options)
{
    struct cost cost;
    if (cost_parse(options->cost, &cost) != 0)
        return EXIT_PAGEWALK;
    bool is_bad = check_file("output", options->output_path) ||
                  check_file("json", options->json_path) || check_file("csv", options->csv_path) ||
                  check_file("folded", options->folded_path) ||
                  check_file("speedscope", options->speedscope_path) ||
                  check_file("working-set", options->working_set_path) ||
                  check_file("svg", options->svg_path);
    return is_bad ? EXIT_PAGEWALK : 0;
}

int report_write_file(const char *option, const char *path, const char *text, size_t len)
{
    int error = outfile_write(path, text, len);
    return error ? message_error("--%s: cannot write %.200s: %s", option, path, strerror(error))
                 : 0;
}

static int write_summary(const struct options *options, const struct report *report)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (!out)
        return message_error("out of memory");
    summary_write(out, report, report_wants_colour(options));
    fclose(out);
    int status = 0;
    if (options->output_path)
        status = report_write_file("output", options->output_path, text, len);
    else
        outfile_write("-", text, len); /* a closed standard error is nobody's error */
    free(text);
    return status;
}

static int write_json(const struct options *options, const struct report *report)
{
    char *text = json_report(report);
    if (!text)
        return message_error("out of memory");
    int status = report_write_file("json", options->json_path, text, strlen(text));
    free(text);
    return status;
}

/* What went wrong is said even if no summary is wanted here. */
static void write_notes(const struct pw_system *system)
{
    for (size_t i = 0; pw_note(system, i); i++)
        message_error("%s", pw_note(system, i));
}

static int write_folded(const struct options *options, const struct report *report)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (!out)
        return message_error("out of memory");
    attribution_folded(out, report->attribution, report->config);
    fclose(out);
    int status = report_write_file("folded", options->folded_path, text, len);
    free(text);
    return status;
}

static int write_speedscope(const struct options *options, const struct report *report)
{
    char *text = attribution_speedscope(report->attribution, report->config,
                                        attribution_base_name(report->argv[0]));
    if (!text)
        return message_error("out of memory");
    int status = report_write_file("speedscope", options->speedscope_path, text, strlen(text));
    free(text);
    return status;
}

static int write_all(const struct options *options, const struct report *report)
{
    signal(SIGPIPE, SIG_IGN); /* a reader of ours that left must not hide how the guest ended */
    int status = options->quiet ? 0 : write_summary(options, report);
    if (report->system && (options->quiet || options->output_path))
        write_notes(report->system);
    if (options->json_path && write_json(options, report) != 0)
        status = EXIT_PAGEWALK;
    if (options->folded_path && write_folded(options, report) != 0)
        status = EXIT_PAGEWALK;
    if (options->speedscope_path && write_speedscope(options, report) != 0)
        status = EXIT_PAGEWALK;
    return status;
}

int report_write(const struct options *options, const struct report *report)
{
    bool is_shown =
        !options->quiet || options->json_path || options->folded_path || options->speedscope_path;
    struct pw_attribution *attribution =
        report->system && is_shown ? pw_attribution_create(report->system) : NULL;
    struct report whole = *report;
    struct cost cost;
    if (cost_parse(options->cost, &cost) != 0)
        return EXIT_PAGEWALK;
    whole.cost = &cost;
    whole.attribution = attribution;
    int status = write_all(options, &whole);
    pw_attribution_destroy(attribution);
    return status;
}
