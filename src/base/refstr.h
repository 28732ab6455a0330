// SPDX-License-Identifier: GPL-2.0-or-later
/* Immutable strings shared by reference: splitting a region copies its name for the price of a
 * count. */
#ifndef BASE_REFSTR_H
#define BASE_REFSTR_H

char *refstr_create(const char *text); /* NULL gives NULL */
char *refstr_get(char *text);          /* a reference; NULL gives NULL */
void refstr_put(char *text);           /* NULL is fine */

#endif
