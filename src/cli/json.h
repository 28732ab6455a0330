// SPDX-License-Identifier: GPL-2.0-or-later
/* The report that a program reads: schemas pagewalk.run/1 and pagewalk.replay/1. */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <jansson.h>

#include "cli/report.h"

/*
 * Result: a malloc'd text of one JSON object and a newline, or NULL out of memory. It holds no
 * times, pids of the host or generated paths: of a reproducible system it is the same on every run.
 * Bytes of the command that are not UTF-8 become U+FFFD.
 */
char *json_report(const struct report *report);

/* A string; bytes that are not UTF-8 become U+FFFD. NULL: out of memory. */
json_t *json_text_of(const char *bytes);
/* Strings as an array. */
json_t *json_command(char *const *argv);
/* The object, which is given back, as text of that form. */
char *json_text(json_t *root);

#endif
