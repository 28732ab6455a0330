// SPDX-License-Identifier: GPL-2.0-or-later
/* The policies' tables of functions, one a file, for the list in policy.c. */
#ifndef KERNEL_POLICY_TABLE_H
#define KERNEL_POLICY_TABLE_H

#include "kernel/policy.h"

extern const struct policy_ops policy_two_q;
extern const struct policy_ops policy_arc;
extern const struct policy_ops policy_clock;
extern const struct policy_ops policy_clock_pro;
extern const struct policy_ops policy_fifo;
extern const struct policy_ops policy_lfu;
extern const struct policy_ops policy_lru;
extern const struct policy_ops policy_mglru;
extern const struct policy_ops policy_opt;
extern const struct policy_ops policy_random;
extern const struct policy_ops policy_s3fifo;
extern const struct policy_ops policy_second_chance;
extern const struct policy_ops policy_sieve;

#endif
