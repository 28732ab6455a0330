// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pagewalk curve: the faults for every size of RAM, of a trace or of a program that it runs. Other
 * policies need the references again, for each of them: those of a program are kept in a temporary
 * trace then.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/curve.h"
#include "cli/message.h"
#include "cli/outfile.h"
#include "cli/program.h"
#include "cli/report.h"

/* ---- showing it ---- */

static int write_text(const struct options *options, const char *option, const char *path,
                      const struct curve_view *view,
                      void (*print)(FILE *out, const struct curve_view *view))
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = path ? open_memstream(&text, &len) : NULL;
    if (!path)
        return 0;
    if (!out)
        return message_error("out of memory");
    print(out, view);
    fclose(out);
    int status = report_write_file(option, path, text, len);
    free(text);
    return status;
}

static void print_plain(FILE *out, const struct curve_view *view)
{
    curve_table(out, view, false);
}

static void print_coloured(FILE *out, const struct curve_view *view)
{
    curve_table(out, view, report_wants_colour(view->options));
}

static int write_json(const struct options *options, const struct curve_view *view)
{
    char *text = options->json_path ? curve_json(view) : NULL;
    if (!options->json_path)
        return 0;
    if (!text)
        return message_error("out of memory");
    int status = report_write_file("json", options->json_path, text, strlen(text));
    free(text);
    return status;
}

static int write_all(const struct options *options, const struct curve_view *view)
{
    int status = 0;
    if (options->output_path)
        status |= write_text(options, "output", options->output_path, view, print_plain);
    else if (!options->quiet)
        write_text(options, "output", "-", view, print_coloured);
    status |= write_json(options, view);
    status |= write_text(options, "csv", options->csv_path, view, curve_csv);
    status |= write_text(options, "working-set", options->working_set_path, view, curve_set_csv);
    status |= write_text(options, "svg", options->svg_path, view, curve_svg);
    return status ? EXIT_PAGEWALK : 0;
}

/* ---- policies ---- */

static int add_policy(struct curve_view *view, const char *trace, const char *name)
{
    struct pw_error error;
    if (view->npolicies == CURVE_POLICIES_MAX)
        return message_error("--policies: at most %d", CURVE_POLICIES_MAX);
    struct curve_policy *policy = &view->policies[view->npolicies];
    if (view->nrows > 0 && pw_curve_policy(view->options->config, trace, name, view->rows,
                                           view->nrows, policy->faults, &error) < 0)
        return message_error("%s", error.message);
    policy->name = strdup(name);
    if (!policy->name)
        return message_error("out of memory");
    view->npolicies++;
    return 0;
}

static int add_policies(struct curve_view *view, const char *trace)
{
    char *names = strdup(view->options->policies), *rest = names;
    int status = names ? 0 : message_error("out of memory");
    for (char *name; status == 0 && (name = strsep(&rest, ","));)
        status = add_policy(view, trace, name);
    free(names);
    return status;
}

static void view_destroy(struct curve_view *view)
{
    for (size_t i = 0; i < view->npolicies; i++)
        free(view->policies[i].name);
    free(view);
}

/* Every one of them, before anything runs. */
static int check_policies(const char *list)
{
    struct pw_error error = {0};
    struct pw_config *config = pw_config_create_for(PW_REPLAY);
    char *names = list ? strdup(list) : NULL, *rest = names;
    for (char *name; !error.code && (name = strsep(&rest, ","));)
        pw_config_set(config, "policy", name, &error);
    free(names);
    pw_config_destroy(config);
    return error.code ? message_error("--policies: %s", error.message) : 0;
}

/* `trace` is where the policies find the references; NULL if none are asked for. */
static int show(const struct options *options, const struct pw_curve *curve, const char *trace,
                char *const *argv)
{
    struct curve_view *view = calloc(1, sizeof(*view));
    if (!view)
        return message_error("out of memory");
    view->curve = curve;
    view->options = options;
    view->argv = argv;
    int status = EXIT_PAGEWALK;
    if (cost_parse(options->cost, &view->cost) == 0) {
        curve_view_create(view);
        status = trace && options->policies ? add_policies(view, trace) : 0;
    }
    if (status == 0)
        status = write_all(options, view);
    view_destroy(view);
    return status;
}

/* ---- of a trace ---- */

static int curve_of_trace(const struct options *options, const char *path)
{
    struct pw_error error;
    struct pw_curve *curve;
    char *const argv[] = {(char *)path, NULL};
    if (strcmp(path, "-") == 0 && options->policies)
        return message_error("--policies needs a trace that can be read again, not -");
    if (report_check_files(options))
        return EXIT_PAGEWALK;
    if (pw_curve_trace(options->config, path, &curve, &error) < 0)
        return message_error("%s", error.message);
    int status = show(options, curve, path, argv);
    pw_curve_destroy(curve);
    return status;
}

/* ---- of a program ---- */

static int begin_curve(struct pw_system *system, void *arg)
{
    pw_curve_begin(system);
    return 0;
}

static int end_curve(const struct options *options, struct pw_system *system,
                     const struct report *report, void *arg)
{
    struct pw_curve *curve = pw_curve_end(system);
    int status = show(options, curve, NULL, report->argv);
    pw_curve_destroy(curve);
    return status;
}

static int begin_record(struct pw_system *system, void *path)
{
    struct pw_error error;
    return pw_record(system, path, &error) < 0 ? message_error("%s", error.message) : 0;
}

static int end_record(const struct options *options, struct pw_system *system,
                      const struct report *report, void *path)
{
    struct pw_error error;
    struct pw_curve *curve = NULL;
    if (pw_record_end(system, &error) < 0)
        return message_error("%s", error.message);
    int status = pw_curve_trace(options->config, path, &curve, &error) < 0
                     ? message_error("%s", error.message)
                     : show(options, curve, path, report->argv);
    pw_curve_destroy(curve);
    unlink(path);
    return status;
}

static int curve_of_program(const struct options *options, char **argv)
{
    const char *dir = getenv("TMPDIR");
    char path[PATH_MAX];
    struct program_work plain = {begin_curve, end_curve, NULL};
    struct program_work recorded = {begin_record, end_record, path};
    snprintf(path, sizeof(path), "%.4000s/pagewalk-curve.%d", dir && *dir ? dir : "/var/tmp",
             (int)getpid());
    return program_run(options, options->policies ? &recorded : &plain, argv);
}

/* ---- the command ---- */

static void print_help(FILE *out)
{
    fputs("Usage: pagewalk curve [OPTIONS] [--] PROGRAM [ARG...]\n"
          "       pagewalk curve [OPTIONS] --trace TRACE\n\n"
          "Says how many page faults PROGRAM, or a trace, has in every size of RAM under LRU,\n"
          "exactly and from one run; how long that would take by a simple model; and which\n"
          "size is enough. A program runs hardly slower than with 'pagewalk run'; with\n"
          "--every-access, --policies or --working-set up to twenty times slower.\n\n"
          "Examples:\n"
          "  pagewalk curve -- sort big.txt\n"
          "  pagewalk curve --svg curve.svg --csv curve.csv -- sort big.txt\n"
          "  pagewalk record -o sort.trace -- sort big.txt\n"
          "  pagewalk curve --policies clock,arc,opt --trace sort.trace\n\n"
          "Options:\n",
          out);
    options_print(out, PW_CURVE);
    fputs("\nOf a program's RAM page tables take their part; that of a trace is for pages alone.\n"
          "--ram names the present limit, whose cost is said; the program runs in that much\n"
          "too, which changes its speed but not the curve.\n",
          out);
}

static int run_with(const struct options *options, int argc, char **argv)
{
    struct cost cost;
    bool has_program = options->first < argc;
    bool has_regions = strcmp(pw_config_get(options->config, "regions"), "yes") == 0;
    if (check_policies(options->policies) || cost_parse(options->cost, &cost) != 0)
        return EXIT_PAGEWALK;
    if (has_program && options->trace_path)
        return message_error("curve: a program or a trace, not both");
    if (has_regions && options->trace_path)
        return message_error("--regions: a trace does not say what is mapped where");
    if (options->trace_path)
        return curve_of_trace(options, options->trace_path);
    if (!has_program)
        return message_error("curve: no program given: pagewalk curve [OPTIONS] [--] PROGRAM "
                             "[ARG...]");
    if (strcmp(pw_config_get(options->config, "from"), "0") != 0 ||
        strcmp(pw_config_get(options->config, "to"), "end") != 0)
        return message_error("curve: --from and --to are for a trace");
    if (strcmp(pw_config_get(options->config, "sample"), "1") != 0 &&
        strcmp(pw_config_get(options->config, "every-access"), "yes") != 0)
        return message_error("curve: --sample is for a trace, or with --every-access: without, all "
                             "pages of a program cost hardly more");
    bool is_every = options->policies || options->working_set_path ||
                    strcmp(pw_config_get(options->config, "every-access"), "yes") == 0;
    if (has_regions && is_every)
        return message_error("--regions: not with --every-access, --policies or --working-set");
    if (options->policies || options->working_set_path)
        pw_config_set(options->config, "every-access", "yes", NULL);
    return curve_of_program(options, argv + options->first);
}

static int run_curve(int argc, char **argv)
{
    return options_run(argc, argv, PW_CURVE, print_help, run_with);
}

const struct command cmd_curve = {"curve", "[OPTIONS] [--] PROGRAM [ARG...]",
                                  "one run: page faults for every size of RAM, and advice",
                                  run_curve, print_help};
