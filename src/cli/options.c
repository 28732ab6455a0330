// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Parsing is getopt_long(3)'s, on a table made from the list. Its own messages are silenced: ours
 * say what is meant and where the mistake stands (command line or PAGEWALK_OPTS).
 */
#include "cli/options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/human.h"
#include "cli/message.h"
#include "cli/suggest.h"

enum own_option {
    OWN_TRACE,
    OWN_POLICIES,
    OWN_COST,
    OWN_OUTPUT,
    OWN_QUIET,
    OWN_JSON,
    OWN_CSV,
    OWN_SVG,
    OWN_WORKING_SET,
    OWN_REUSE,
    OWN_PLOT,
    OWN_FOLDED,
    OWN_SPEEDSCOPE,
    OWN_HELP,
    OWN_VERSION,
    OWN_COUNT
};

enum { ALL = PW_RUN | PW_REPLAY | PW_RECORD | PW_CURVE };

/* An option of the command line alone. */
struct own {
    struct option_info info;
    unsigned uses; /* enum pw_use */
};

static const struct own own[OWN_COUNT] = {
    [OWN_TRACE] = {{"trace", '\0', "FILE", NULL,
                    "Take the references of a trace, not of a program; -: standard input."},
                   PW_CURVE},
    [OWN_POLICIES] = {{"policies", '\0', "NAME,...", NULL,
                       "Show the faults of these policies beside those of LRU."},
                      PW_CURVE},
    [OWN_COST] = {{"cost", '\0', "DEVICE|KEY=TIME|FILE,...", NULL,
                   "What modelled times are made of: a swap device (nvme, sata-ssd, disk, zram, "
                   "far-memory), times as in minor=500ns,read=90us, or a file of them; \"pagewalk "
                   "help cost\" shows all."},
                  ALL},
    [OWN_OUTPUT] = {{"output", 'o', "FILE", NULL,
                     "Write the summary to FILE; of record, the trace."},
                    ALL},
    [OWN_QUIET] = {{"quiet", 'q', NULL, NULL, "No summary."}, ALL},
    [OWN_JSON] = {{"json", '\0', "FILE", NULL,
                   "Write the results to FILE as one JSON object; - is standard error."},
                  ALL},
    [OWN_CSV] = {{"csv", '\0', "FILE", NULL,
                  "Write every size at which the faults change to FILE, as a table with commas."},
                 PW_CURVE},
    [OWN_SVG] = {{"svg", '\0', "FILE", NULL, "Draw the curve to FILE."}, PW_CURVE},
    [OWN_WORKING_SET] = {{"working-set", '\0', "FILE", NULL,
                          "Write the working set over time to FILE, as a table with commas."},
                         PW_CURVE},
    [OWN_REUSE] = {{"reuse", '\0', NULL, NULL,
                    "Show the reuse distances too: how much other memory is used between two uses "
                    "of a page."},
                   PW_CURVE},
    [OWN_PLOT] = {{"plot", '\0', NULL, NULL, "Draw the curve here too, as wide as the terminal."},
                  PW_CURVE},
    [OWN_FOLDED] = {{"folded", '\0', "FILE", NULL,
                     "Write where the first of the events of --attribute comes from to FILE, as "
                     "folded stacks for flame graphs."},
                    PW_RUN | PW_RECORD},
    [OWN_SPEEDSCOPE] = {{"speedscope", '\0', "FILE", NULL,
                         "Write where the events of --attribute come from to FILE, for "
                         "https://www.speedscope.app."},
                        PW_RUN | PW_RECORD},
    [OWN_HELP] = {{"help", 'h', NULL, NULL, "This help."}, ALL},
    [OWN_VERSION] = {{"version", 'V', NULL, NULL, "The version."}, ALL},
};

enum {
    TABLE_MAX = 64,
    LIBRARY_VALUE = 256, /* getopt values: own options from 512, those of the library from 256 */
    OWN_VALUE = 512,
};

/* The list as getopt_long wants it: the options of one use, or in PAGEWALK_OPTS of all, where those
 * of others are passed over. */
struct table {
    struct option rows[TABLE_MAX];
    char letters[2 * TABLE_MAX];
    const char *where;   /* "" or "PAGEWALK_OPTS: " */
    const char *command; /* "run" */
};

static struct option_info info_of(const struct pw_option_info *info)
{
    const char *initial = info->argument && info->argument[0] != '[' ? info->initial : NULL;
    return (struct option_info){info->name, '\0', info->argument, initial, info->help};
}

bool options_at(enum pw_use use, size_t i, struct option_info *out)
{
    const struct pw_option_info *info;
    for (size_t k = 0; (info = pw_option(k)); k++) {
        if ((info->uses & use) && i-- == 0) {
            *out = info_of(info);
            return true;
        }
    }
    for (size_t k = 0; k < OWN_COUNT; k++) {
        if ((own[k].uses & use) && i-- == 0) {
            *out = own[k].info;
            return true;
        }
    }
    return false;
}

void options_print(FILE *out, enum pw_use use)
{
    struct option_info info;
    for (size_t i = 0; options_at(use, i, &info); i++) {
        char usage[80], text[256];
        options_usage(&info, usage, sizeof(usage));
        snprintf(text, sizeof(text), "%s%s%s%s", info.help, info.initial ? " Default: " : "",
                 info.initial ? info.initial : "", info.initial ? "." : "");
        fprintf(out, "  %s\n      ", usage);
        human_wrap(out, 6, 6, text);
    }
}

void options_usage(const struct option_info *info, char *buf, size_t len)
{
    int n = info->letter ? snprintf(buf, len, "-%c, ", info->letter) : 0;
    if (!info->argument)
        snprintf(buf + n, len - (size_t)n, "--%s", info->name);
    else if (info->argument[0] == '[')
        snprintf(buf + n, len - (size_t)n, "--%s[=%s", info->name, info->argument + 1);
    else
        snprintf(buf + n, len - (size_t)n, "--%s %s", info->name, info->argument);
}

static void add_row(struct table *table, size_t n, char **letter, const struct option_info *info,
                    int value)
{
    int has = !info->argument            ? no_argument
              : info->argument[0] == '[' ? optional_argument
                                         : required_argument;
    table->rows[n] = (struct option){info->name, has, NULL, value};
    if (info->letter)
        *letter += sprintf(*letter, "%c%s", info->letter, info->argument ? ":" : "");
}

static const char *use_name(enum pw_use use)
{
    return use == PW_REPLAY   ? "replay"
           : use == PW_RECORD ? "record"
           : use == PW_CURVE  ? "curve"
                              : "run";
}

static void table_create(const char *where, enum pw_use use, struct table *table)
{
    unsigned uses = *where ? ALL : (unsigned)use;
    size_t n = 0;
    char *letter = table->letters;
    *table = (struct table){.where = where, .command = use_name(use)};
    letter += sprintf(letter, "+:");
    for (size_t i = 0; pw_option(i); i++) {
        struct option_info info = info_of(pw_option(i));
        if (pw_option(i)->uses & uses)
            add_row(table, n++, &letter, &info, LIBRARY_VALUE + (int)i);
    }
    for (int i = 0; i < OWN_COUNT; i++) {
        if (own[i].uses & uses)
            add_row(table, n++, &letter, &own[i].info, OWN_VALUE + i);
    }
}

static int own_by_letter(int letter)
{
    for (int i = 0; i < OWN_COUNT; i++)
        if (own[i].info.letter && own[i].info.letter == letter)
            return i;
    return -1;
}

static int missing_argument(const struct table *table, int value)
{
    for (const struct option *row = table->rows; row->name; row++)
        if (row->val == value)
            return message_error("%s--%s needs a value", table->where, row->name);
    return message_error("%s-%c needs a value", table->where, value);
}

static bool is_of_another_use(const char *name)
{
    for (size_t i = 0; pw_option(i); i++)
        if (strcmp(pw_option(i)->name, name) == 0)
            return true;
    for (int i = 0; i < OWN_COUNT; i++)
        if (strcmp(own[i].info.name, name) == 0)
            return true;
    return false;
}

/* A long option that getopt_long() did not take: unknown, or short for several. */
static int unknown_long(const struct table *table, const char *word)
{
    char name[80];
    struct suggest suggest;
    int matches = 0;
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
    if (is_of_another_use(name))
        return message_error("--%s: not an option of this command", name);
    suggest_start(&suggest, name);
    for (const struct option *row = table->rows; row->name; row++) {
        matches += strncmp(row->name, name, strlen(name)) == 0;
        suggest_offer(&suggest, row->name);
    }
    if (matches > 1)
        return message_error("%s--%s is short for several options: write it in full", table->where,
                             name);
    if (suggest.best)
        return message_error("%sunknown option --%s: did you mean --%s?", table->where, name,
                             suggest.best);
    return message_error("%sunknown option --%s: see 'pagewalk %s --help'", table->where, name,
                         table->command);
}

static int unknown_option(const struct table *table, char **argv)
{
    for (const struct option *row = table->rows; row->name; row++)
        if (optopt == row->val)
            return message_error("%s--%s takes no value", table->where, row->name);
    const char *word = argv[optind - 1];
    if (optopt == 0 && strncmp(word, "--", 2) == 0)
        return unknown_long(table, word + 2);
    return message_error("%sunknown option -%c: see 'pagewalk %s --help'", table->where, optopt,
                         table->command);
}

static int set_own(struct options *options, enum own_option option, const char *where)
{
    if (!(own[option].uses & options->use))
        return 0;
    if (optarg && *optarg == '\0') {
        message_error("%s--%s: the %s is empty", where, own[option].info.name,
                      strcmp(own[option].info.argument, "FILE") ? "value" : "file name");
        return -1;
    }
    switch (option) {
    case OWN_TRACE:
        options->trace_path = optarg;
        break;
    case OWN_POLICIES:
        options->policies = optarg;
        break;
    case OWN_COST:
        options->cost = optarg;
        break;
    case OWN_CSV:
        options->csv_path = optarg;
        break;
    case OWN_WORKING_SET:
        options->working_set_path = optarg;
        break;
    case OWN_REUSE:
        options->reuse = true;
        break;
    case OWN_PLOT:
        options->plot = true;
        break;
    case OWN_FOLDED:
        options->folded_path = optarg;
        break;
    case OWN_SPEEDSCOPE:
        options->speedscope_path = optarg;
        break;
    case OWN_SVG:
        options->svg_path = optarg;
        break;
    case OWN_OUTPUT:
        options->output_path = optarg;
        break;
    case OWN_QUIET:
        options->quiet = true;
        break;
    case OWN_JSON:
        options->json_path = optarg;
        break;
    case OWN_HELP:
        options->help = true;
        break;
    case OWN_VERSION:
        options->version = true;
        break;
    case OWN_COUNT:
        break;
    }
    return 0;
}

static int set_library(struct options *options, int i, const struct table *table)
{
    struct pw_error error;
    const char *value = optarg ? optarg : "yes", *where = table->where;
    if (*where && !(pw_option((size_t)i)->uses & options->use))
        return 0;
    if (pw_config_set(options->config, pw_option((size_t)i)->name, value, &error) == 0)
        return 0;
    message_error("%s--%s", where, error.message);
    return -1;
}

/* The "--" before the program, taken for a value: that was forgotten. */
static bool took_end_of_options(char **argv)
{
    return optarg && optarg == argv[optind - 1] && strcmp(optarg, "--") == 0;
}

static int set_option(struct options *options, int value, const struct table *table, char **argv)
{
    if (value == ':')
        return missing_argument(table, optopt), -1;
    if (took_end_of_options(argv))
        return missing_argument(table, value), -1;
    if (value == '?')
        return unknown_option(table, argv), -1;
    if (value >= OWN_VALUE)
        return set_own(options, (enum own_option)(value - OWN_VALUE), table->where);
    if (value >= LIBRARY_VALUE)
        return set_library(options, value - LIBRARY_VALUE, table);
    return set_own(options, (enum own_option)own_by_letter(value), table->where);
}

/* Reads options from argv[1] up to the first word that is none; its index goes to *first. */
static int read_words(struct options *options, const char *where, int argc, char **argv, int *first)
{
    struct table table;
    int value;
    table_create(where, options->use, &table);
    optind = 0; /* glibc: start anew */
    opterr = 0;
    while ((value = getopt_long(argc, argv, table.letters, table.rows, NULL)) != -1)
        if (set_option(options, value, &table, argv) < 0)
            return -1;
    *first = optind;
    return 0;
}

static int read_environment(struct options *options)
{
    const char *line = getenv("PAGEWALK_OPTS"), *why;
    if (!line)
        return 0;
    if (wordsplit_create(line, &options->words, &why) < 0) {
        message_error("PAGEWALK_OPTS: %s", why);
        return -1;
    }
    int argc = (int)options->words.count + 1, first;
    char **argv = calloc((size_t)argc + 1, sizeof(char *));
    if (!argv) {
        message_error("out of memory");
        return -1;
    }
    argv[0] = "pagewalk";
    memcpy(argv + 1, options->words.words, options->words.count * sizeof(char *));
    int result = read_words(options, "PAGEWALK_OPTS: ", argc, argv, &first);
    if (result == 0 && first < argc) {
        message_error("PAGEWALK_OPTS: '%.80s' is not an option", argv[first]);
        result = -1;
    }
    free(argv);
    return result;
}

static bool is_set(const struct pw_config *config, const char *option)
{
    const char *value = pw_config_get(config, option);
    return value && strcmp(value, "no") != 0;
}

int options_create(int argc, char **argv, enum pw_use use, struct options *out)
{
    struct options options = {.use = use, .config = pw_config_create_for(use)};
    if (read_environment(&options) < 0 ||
        read_words(&options, "", argc, argv, &options.first) < 0) {
        options_destroy(&options);
        return -1;
    }
    bool wants_events =
        options.folded_path || options.speedscope_path || is_set(options.config, "call-graph");
    if (wants_events && !is_set(options.config, "attribute"))
        pw_config_set(options.config, "attribute", "yes", NULL);
    *out = options;
    return 0;
}

void options_destroy(struct options *options)
{
    pw_config_destroy(options->config);
    wordsplit_destroy(&options->words);
}

int options_run(int argc, char **argv, enum pw_use use, void (*help)(FILE *out),
                int (*run)(const struct options *options, int argc, char **argv))
{
    struct options options;
    if (options_create(argc, argv, use, &options) < 0)
        return EXIT_PAGEWALK;
    int status = 0;
    if (options.help)
        help(stdout);
    else if (options.version)
        printf("pagewalk %s\n", pw_version());
    else
        status = run(&options, argc, argv);
    options_destroy(&options);
    return status;
}
