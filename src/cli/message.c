// SPDX-License-Identifier: GPL-2.0-or-later
/* See message.h. The line is written at once, so that it stays whole beside a guest's output. */
#include "cli/message.h"

#include <stdarg.h>
#include <stdio.h>

int message_error(const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    fprintf(stderr, "pagewalk: %s\n", line);
    return EXIT_PAGEWALK;
}
