// SPDX-License-Identifier: GPL-2.0-or-later
/* Replacement policies by what a user calls them: a name, or the path of a shared object. */
#ifndef API_POLICY_FILE_H
#define API_POLICY_FILE_H

#include "kernel/policy.h"
#include "pagewalk.h"

/*
 * The policy of that name, or the one that a shared object defines (include/pagewalk_policy.h): a
 * name with a slash, or that ends in .so, is a path. Result: the table, with a reference for the
 * caller; NULL and *why if it cannot be used, or if there is none of that name, *why empty.
 */
const struct policy_ops *policy_choose(const char *name, char *why, size_t len);

/* A reference to what policy_choose() gave; built-in ones, and NULL, do not count them. */
void policy_put(const struct policy_ops *ops);

/* What creating a machine with the policy gave: of a shared object, its create() is to blame.
 * Result: -1 and *error, or 0: it is not about the policy. */
int policy_refused(const struct policy_ops *ops, int result, struct pw_error *error);

#endif
