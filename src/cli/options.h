// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The options of commands that run something: those of the library (pw_option()) and the command's
 * own. One list serves parsing, help, the man page and completion.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "cli/wordsplit.h"
#include "pagewalk.h"

struct option_info {
    const char *name;
    char letter;          /* '\0': none */
    const char *argument; /* as in struct pw_option_info */
    const char *initial;  /* NULL: nothing to say */
    const char *help;
};

/* The options of a use. Result: false beyond the last. */
bool options_at(enum pw_use use, size_t i, struct option_info *out);

/* "--ram SIZE", "--strace[=FILE]", "-o, --output FILE". */
void options_usage(const struct option_info *info, char *buf, size_t len);

/* The options as help prints them. */
void options_print(FILE *out, enum pw_use use);

struct options {
    enum pw_use use;
    struct pw_config *config;
    const char *output_path;         /* summary; NULL: standard error */
    const char *json_path;           /* NULL: no JSON */
    const char *csv_path, *svg_path; /* of a curve; NULL: none */
    const char *working_set_path;
    const char *folded_path, *speedscope_path; /* of attribution; NULL: none */
    const char *trace_path;                    /* NULL: a program */
    const char *policies;                      /* names with commas; NULL: none */
    const char *cost;                          /* NULL: the default */
    bool reuse, plot;                          /* show these of a curve too */
    bool quiet;
    bool help, version;     /* asked for instead of a run */
    int first;              /* argv index of the program or trace */
    struct wordsplit words; /* of PAGEWALK_OPTS: what the paths may point into */
};

/* Reads PAGEWALK_OPTS, of which what another use would take is passed over, then argv[1...] up to
 * the first word that is no option. Result: 0, or -1 after a message. */
int options_create(int argc, char **argv, enum pw_use use, struct options *out);
void options_destroy(struct options *options);

/* What commands with options begin with: reads them and shows help or the version if that is asked
 * for, else calls `run`. Result: the exit status. */
int options_run(int argc, char **argv, enum pw_use use, void (*help)(FILE *out),
                int (*run)(const struct options *options, int argc, char **argv));

#endif
