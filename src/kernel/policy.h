// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Replacement policies. A policy is told which frames hold evictable pages and names the next
 * victim. It never unmaps, writes or frees; the kernel acts (reclaim.c). The same source runs in
 * replay: a policy knows this header and base, nothing of frames or page tables.
 *
 * Each policy_NAME.c is one policy: its state, its invariants, its table of functions. struct
 * policy is one in use, with what it is told checked on the way (a page is inserted once, removed
 * once).
 */
#ifndef KERNEL_POLICY_H
#define KERNEL_POLICY_H

#include <stddef.h>

#include "machine/addr.h"

struct policy_ops;

/* What a policy may ask. */
struct policy_env {
    const struct policy_ops *ops; /* the policy's own table; policy_create() sets it */
    void *ctx;
    uint64_t nframes;
    uint64_t seed;
    /* Was the frame's page used since this was last asked? Clears the answer. */
    bool (*test_clear_accessed)(void *ctx, pfn_t pfn);
    /* Clock of the frame's last access: larger is more recent. Exact; only if ops->wants_stamps. */
    uint64_t (*last_access)(void *ctx, pfn_t pfn);
    /* When the page will be used next, on a clock that only grows; UINT64_MAX: never. NULL where
     * nobody knows the future; only if ops->needs_future. */
    uint64_t (*next_use)(void *ctx, pfn_t pfn);
    /* Would evicting the frame's page cost a write? */
    bool (*is_dirty)(void *ctx, pfn_t pfn);
};

/* Why a page is no longer evictable. */
enum policy_reason {
    POLICY_EVICTED, /* it was chosen as a victim, and may come back */
    POLICY_GONE,    /* anything else: it ceased to exist, or is locked */
};

struct policy_ops {
    const char *name;
    const char *summary; /* one line for help */
    bool wants_stamps;   /* the TLB must track last accesses */
    bool needs_future;   /* in replay only */
    bool is_exact;       /* a page is evicted when its frame is needed, and none ahead of that */
    /* What a page is used until the next one comes in is one use, that for which it was brought in:
     * test_clear_accessed does not tell of it. */
    bool ignores_first_use;
    int (*create)(const struct policy_env *env, void **self); /* -ENOMEM */
    void (*destroy)(void *self);
    /* A page became evictable; just used. `page` is its identity, whatever frame it lies in: the
     * same as when it was last evicted. (A page that could not be evicted comes back at once.) */
    void (*insert)(void *self, pfn_t pfn, uint64_t page);
    void (*remove)(void *self, pfn_t pfn, enum policy_reason why); /* it is no longer */
    void (*use)(void *self, pfn_t pfn); /* needs_future only: it was used again */
    /* The next victim, which stays inserted until remove(); called again without remove() it names
     * another if it can (the kernel could not evict the first). PFN_NONE if there is nothing. */
    pfn_t (*victim)(void *self);
    bool (*contains)(const void *self, pfn_t pfn);
    bool (*is_valid)(const void *self); /* its own invariants; slow */
    /* What it did that it may not, in one line; NULL: nothing. From then on its victims are any
     * pages, and the machine should be stopped. NULL: it is one of ours, and does nothing such. */
    const char *(*failure)(const void *self);
};

struct policy {
    const struct policy_ops *ops;
    void *self;
    struct policy_env env;
    uint64_t ninserted;
    uint64_t *stamps; /* by pfn, if ops->wants_stamps; the user's */
    uint64_t nstuck;  /* victims named since one was evicted */
    pfn_t hand;       /* the last one named out of the policy's hands */
    pfn_t newest;     /* the page that came in last, if ops->ignores_first_use */
};

/* Errors: -ENOMEM, or those of the policy. `env` is copied; out->stamps is NULL. */
int policy_create(const struct policy_ops *ops, const struct policy_env *env, struct policy *out);
void policy_destroy(struct policy *policy);
void policy_insert(struct policy *policy, pfn_t pfn, uint64_t page);          /* => it is not in */
void policy_remove(struct policy *policy, pfn_t pfn, enum policy_reason why); /* => it is in */
void policy_use(struct policy *policy, pfn_t pfn); /* => it is in, ops->needs_future */
/* As ops->victim; and in twice as many calls as there are pages each was named, if none of them
 * could be evicted. */
pfn_t policy_victim(struct policy *policy);
bool policy_contains(const struct policy *policy, pfn_t pfn);
bool policy_is_valid(const struct policy *policy);
const char *policy_failure(const struct policy *policy); /* as ops->failure; NULL: none */

/* The policies by name; NULL if there is none. */
const struct policy_ops *policy_find(const char *name);
/* All of them, for help: NULL-terminated, the default first. */
const struct policy_ops *const *policy_all(void);

#endif
