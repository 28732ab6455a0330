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
    &policy_clock, &policy_second_chance, &policy_fifo,      &policy_lru,   &policy_lfu,
    &policy_two_q, &policy_arc,           &policy_clock_pro, &policy_mglru, &policy_s3fifo,
    &policy_sieve, &policy_random,        &policy_opt,       NULL,
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
    void *self = NULL;
    struct policy_env own = *env;
    own.ops = ops;
    int error = ops->create(&own, &self);
    if (error)
        return error;
    *out = (struct policy){.ops = ops, .self = self, .env = own};
    return 0;
}

void policy_destroy(struct policy *policy)
{
    policy->ops->destroy(policy->self);
    *policy = (struct policy){0};
}

/* Another page comes in, or is needed: what the newest one was used so far is its first use. */
static void pass_first_use(struct policy *policy)
{
    if (policy->newest != PFN_NONE)
        policy->env.test_clear_accessed(policy->env.ctx, policy->newest);
    policy->newest = PFN_NONE;
}

void policy_insert(struct policy *policy, pfn_t pfn, uint64_t page)
{
    CHECK(pfn != PFN_NONE && pfn < policy->env.nframes && !policy_contains(policy, pfn));
    pass_first_use(policy);
    if (policy->ops->ignores_first_use)
        policy->newest = pfn;
    policy->ops->insert(policy->self, pfn, page);
    policy->ninserted++;
}

void policy_remove(struct policy *policy, pfn_t pfn, enum policy_reason why)
{
    CHECK(policy_contains(policy, pfn));
    if (pfn == policy->newest)
        policy->newest = PFN_NONE;
    if (why == POLICY_EVICTED)
        policy->nstuck = 0;
    policy->ops->remove(policy->self, pfn, why);
    policy->ninserted--;
}

void policy_use(struct policy *policy, pfn_t pfn)
{
    DCHECK(policy->ops->needs_future && policy_contains(policy, pfn));
    policy->ops->use(policy->self, pfn);
}

/* As many victims as there are pages could not be evicted, and a policy may see reason to name the
 * same ones again: all pages in turn. => not empty */
static pfn_t next_in_turn(struct policy *policy)
{
    do {
        if (++policy->hand >= policy->env.nframes)
            policy->hand = 1;
    } while (!policy_contains(policy, policy->hand));
    return policy->hand;
}

pfn_t policy_victim(struct policy *policy)
{
    if (policy->ninserted == 0)
        return PFN_NONE;
    pass_first_use(policy);
    if (policy->nstuck++ >= policy->ninserted)
        return next_in_turn(policy);
    pfn_t pfn = policy->ops->victim(policy->self);
    CHECK(policy_contains(policy, pfn));
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

const char *policy_failure(const struct policy *policy)
{
    return policy->ops->failure ? policy->ops->failure(policy->self) : NULL;
}
