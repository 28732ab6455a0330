// SPDX-License-Identifier: GPL-2.0-or-later
/* How the command speaks of its own errors: one line on standard error, then status 125. */
#ifndef CLI_MESSAGE_H
#define CLI_MESSAGE_H

/* Exit statuses of our own, as env(1), timeout(1) and the shell have them. */
enum {
    EXIT_PAGEWALK = 125,       /* pagewalk itself failed */
    EXIT_NOT_EXECUTABLE = 126, /* the program was found but cannot be run */
    EXIT_NOT_FOUND = 127,
};

/* Effect: prints "pagewalk: MESSAGE". Result: EXIT_PAGEWALK, to be returned. */
int message_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
