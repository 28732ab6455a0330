// SPDX-License-Identifier: GPL-2.0-or-later
/* Fills a struct pw_error: one place where messages of the library are made. */
#ifndef API_ERROR_H
#define API_ERROR_H

#include "pagewalk.h"

/* Effect: sets code (an errno value) and message; `error` may be NULL. Result: -1, to be returned.
 */
int error_set(struct pw_error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
