// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A configuration after parsing: what system.c builds a system from. Every value in it was checked
 * by pw_config_set(), so creation can only fail for the host's reasons.
 */
#ifndef API_CONFIG_H
#define API_CONFIG_H

#include "kernel/kernel.h"
#include "machine/tlb.h"
#include "pagewalk.h"

enum config_swap { CONFIG_SWAP_NONE, CONFIG_SWAP_TEMPORARY, CONFIG_SWAP_PATH };

enum { CONFIG_OPTIONS_MAX = 32 };

struct pw_config {
    enum pw_use use;
    uint64_t ram_len; /* bytes, whole pages */
    enum config_swap swap;
    uint64_t swap_len;               /* bytes */
    char *swap_path;                 /* CONFIG_SWAP_PATH only, else NULL */
    const struct policy_ops *policy; /* a reference (policy_file.h) */
    struct tlb_spec tlb;
    unsigned levels; /* of page tables */
    enum large_mode large;
    unsigned page_shift;               /* of a replay's pages; 0: 12 */
    uint64_t hugepages[HUGETLB_SIZES]; /* in the pools */
    enum readahead_kind readahead;
    enum commit_mode overcommit;
    bool reproducible;
    uint64_t seed;
    char *strace_path; /* NULL: no tracing; "-": standard error */
    bool strict;
    bool attribute, call_graph; /* programs only */
    bool regions;               /* curve only */
    char *root_path;            /* what guests see as "/"; NULL: the host's */
    bool read_only, no_net;
    bool every_access;               /* curve only */
    uint64_t tau;                    /* of the working set, instructions; curve only */
    double sample;                   /* the share of pages that a curve looks at */
    uint64_t from, to;               /* of a trace: what is read of it */
    char *format;                    /* of a trace; replay only, else NULL */
    uint64_t code_cache_len;         /* bytes; 0: the engine's default */
    char *texts[CONFIG_OPTIONS_MAX]; /* canonical value of each option */
};

/* Host bytes of the seed that a system which is not reproducible uses too: choices of a policy are
 * the same on every run unless a seed says otherwise. */
#define CONFIG_SEED ((uint64_t)1)

#endif
