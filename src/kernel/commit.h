// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commit accounting: how much memory has been promised, as Linux's vm.overcommit_memory has it
 * (Documentation/mm/overcommit-accounting). Counts pages of private writable and shared anonymous
 * mappings.
 */
#ifndef KERNEL_COMMIT_H
#define KERNEL_COMMIT_H

#include <stdbool.h>
#include <stdint.h>

enum commit_mode {
    COMMIT_HEURISTIC, /* refuse only a single request that exceeds RAM and swap together */
    COMMIT_ALWAYS,
    COMMIT_NEVER, /* the sum may not exceed swap plus half of RAM */
};

struct commit {
    enum commit_mode mode;
    uint64_t total; /* pages of RAM and swap */
    uint64_t limit; /* pages: CommitLimit */
    uint64_t used;  /* pages: Committed_AS */
};

void commit_create(enum commit_mode mode, uint64_t ram_pages, uint64_t swap_pages,
                   struct commit *out);
/* Result: 0, or -ENOMEM and nothing charged. */
int commit_charge(struct commit *commit, uint64_t npages);
void commit_release(struct commit *commit, uint64_t npages);

#endif
