// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is told after a run or a replay: the summary for a person, JSON for a program. Here is what
 * both commands share: where the numbers come from, what the host spent, writing the files.
 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "cli/options.h"
#include "pagewalk.h"

/* What the host spent, in seconds. */
struct report_times {
    double wall, user, system;
};

struct cost;

struct report {
    const struct pw_system *system;           /* a run, or NULL */
    const struct pw_replay *replay;           /* a replay, or NULL */
    const struct pw_attribution *attribution; /* NULL: not asked for */
    const struct pw_config *config;
    const struct cost *cost;
    char *const *argv; /* the command as typed; of a replay the trace */
    struct report_times times;
};

bool report_has(const struct report *report, int counter);
uint64_t report_counter(const struct report *report, int counter);

/* What the host has spent so far. */
struct report_times report_times_now(void);
struct report_times report_times_since(struct report_times before);

/* Could the files be written that the options ask for? Result: 0, or EXIT_PAGEWALK after a message.
 */
int report_check_files(const struct options *options);
/* Writes what the options ask for. Result: 0, or EXIT_PAGEWALK after a message. */
int report_write(const struct options *options, const struct report *report);

/* One of the files. Result as above. */
int report_write_file(const char *option, const char *path, const char *text, size_t len);
bool report_wants_colour(const struct options *options);

#endif
