// SPDX-License-Identifier: GPL-2.0-or-later
/* The summary that a person reads after a run. */
#ifndef CLI_SUMMARY_H
#define CLI_SUMMARY_H

#include <stdbool.h>
#include <stdio.h>

#include "pagewalk.h"

/* What the host spent, in seconds. */
struct summary_times {
    double wall, user, system;
};

/* What a summary or a JSON report is about. */
struct run_report {
    const struct pw_system *system;
    const struct pw_config *config;
    char *const *argv; /* the command, as typed */
    struct summary_times times;
};

void summary_write(FILE *out, const struct run_report *report, bool colour);

#endif
