// SPDX-License-Identifier: GPL-2.0-or-later
/* See error.h. A message is one line: control characters that a file name may hold become '?'. */
#include "api/error.h"

#include <stdarg.h>

int error_set(struct pw_error *error, int code, const char *format, ...)
{
    if (!error)
        return -1;
    error->code = code;
    va_list args;
    va_start(args, format);
    vsnprintf(error->message, sizeof(error->message), format, args);
    va_end(args);
    for (char *c = error->message; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    return -1;
}
