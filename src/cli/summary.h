// SPDX-License-Identifier: GPL-2.0-or-later
/* The summary that a person reads after a run or a replay. */
#ifndef CLI_SUMMARY_H
#define CLI_SUMMARY_H

#include <stdbool.h>
#include <stdio.h>

#include "cli/report.h"

void summary_write(FILE *out, const struct report *report, bool colour);

#endif
