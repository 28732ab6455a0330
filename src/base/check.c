// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where a failed assertion ends. The process is aborted rather than left to go on with a structure
 * that is known to be wrong: losing the run is better than printing wrong data.
 */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void check_failed(const char *file, int line, const char *expr)
{
    fprintf(stderr, "pagewalk: internal error: %s:%d: %s\n", file, line, expr);
    abort();
}
