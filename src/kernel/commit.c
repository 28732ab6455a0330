// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commit accounting, after Linux's Documentation/mm/overcommit-accounting.rst. What is charged is
 * counted in every mode (Committed_AS shows it); the modes differ in what they refuse.
 */
#include "kernel/commit.h"

#include <errno.h>

#include "base/check.h"

enum { RATIO_PERCENT = 50 }; /* Linux's default vm.overcommit_ratio */

void commit_create(enum commit_mode mode, uint64_t ram_pages, uint64_t swap_pages,
                   struct commit *out)
{
    *out = (struct commit){
        .mode = mode,
        .total = ram_pages + swap_pages,
        .limit = ram_pages * RATIO_PERCENT / 100 + swap_pages,
    };
}

static bool is_refused(const struct commit *commit, uint64_t npages)
{
    switch (commit->mode) {
    case COMMIT_ALWAYS:
        return false;
    case COMMIT_NEVER:
        return commit->used > commit->limit || npages > commit->limit - commit->used;
    default:
        return npages > commit->total;
    }
}

int commit_charge(struct commit *commit, uint64_t npages)
{
    if (is_refused(commit, npages))
        return -ENOMEM;
    commit->used += npages;
    return 0;
}

void commit_release(struct commit *commit, uint64_t npages)
{
    CHECK(npages <= commit->used);
    commit->used -= npages;
}
