// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The list of replacement policies, and a policy in use. What a policy is told passes through here,
 * so that each one may rely on it: no page is inserted twice or removed without being in.
 */
#include "kernel/policy.h"

#include <string.h>

#include "base/check.h"
#include "kernel/policy_table.h"

static const struct policy_ops *const policies[] = {
    &policy_clock, &policy_fifo, &policy_lru, &policy_random, NULL,
};

const struct policy_ops *const *policy_all(void)
{
    return policies;
}

const struct policy_ops *policy_find(const char *name)
{
    for (const struct policy_ops *const *ops = policies; *ops; ops++) {
        if (strcmp((*ops)->name, name) == 0)
            return *ops;
    }
    return NULL;
}

int policy_create(const struct policy_ops *ops, const struct policy_env *env, struct policy *out)
{
    void *self;
    int error = ops->create(env, &self);
    if (error)
        return error;
    *out = (struct policy){.ops = ops, .self = self, .env = *env};
    return 0;
}

void policy_destroy(struct policy *policy)
{
    policy->ops->destroy(policy->self);
    *policy = (struct policy){0};
}

void policy_insert(struct policy *policy, pfn_t pfn)
{
    CHECK(pfn != PFN_NONE && pfn < policy->env.nframes && !policy_contains(policy, pfn));
    policy->ops->insert(policy->self, pfn);
    policy->ninserted++;
}

void policy_remove(struct policy *policy, pfn_t pfn)
{
    CHECK(policy_contains(policy, pfn));
    policy->ops->remove(policy->self, pfn);
    policy->ninserted--;
}

pfn_t policy_victim(struct policy *policy)
{
    pfn_t pfn = policy->ops->victim(policy->self);
    CHECK(pfn == PFN_NONE ? policy->ninserted == 0 : policy_contains(policy, pfn));
    return pfn;
}

bool policy_contains(const struct policy *policy, pfn_t pfn)
{
    return pfn < policy->env.nframes && policy->ops->contains(policy->self, pfn);
}

bool policy_is_valid(const struct policy *policy)
{
    return policy->ops->is_valid(policy->self);
}
