// SPDX-License-Identifier: GPL-2.0-or-later
/* The part of the summary that has a line for each process. */
#ifndef CLI_SUMMARY_TREE_H
#define CLI_SUMMARY_TREE_H

#include <stdio.h>

#include "pagewalk.h"

/* Nothing if there was only one process. */
void summary_tree_write(FILE *out, const struct pw_system *system);

#endif
