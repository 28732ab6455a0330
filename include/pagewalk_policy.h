/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A replacement policy of your own, for `--policy ./mine.so`: a shared object that defines
 *
 *     const struct pw_policy pagewalk_policy = {.version = PW_POLICY_VERSION, .create = ..., ...};
 *
 * and is built by
 *
 *     cc -shared -fPIC -o mine.so mine.c $(pkg-config --cflags pagewalk)
 *
 * The policy chooses, pagewalk acts: a policy is told which frames of RAM hold pages that may go,
 * and names the one to go next. It never unmaps, writes or frees. The same object runs under real
 * programs (`run`, `record`) and in `replay` and `curve --policies`; several sizes of RAM may be
 * replayed at once, each with a `self` of its own, so keep no state in static variables.
 *
 * What the policy says is checked. If it names a frame that holds no page it was told of, names
 * none though it has pages, or asks about a frame that is not one of its own, pagewalk stops with a
 * message and exit status 125; no program's memory is harmed. The functions themselves run inside
 * pagewalk and are trusted: if they crash or do not return, so does pagewalk.
 */
#ifndef PAGEWALK_POLICY_H
#define PAGEWALK_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PW_POLICY_VERSION 1

/* What a policy may ask, at any time between create() and destroy(); `ctx` is the env's own. All
 * but the numbers are about a frame that is in: inserted and not removed. */
struct pw_policy_env {
    void *ctx;
    uint64_t nframes; /* frames are numbered from 1 to below this */
    uint64_t seed;    /* for random choices: of --reproducible */
    /* Was the page used since this was last asked? Clears the answer. */
    bool (*test_clear_accessed)(void *ctx, uint32_t frame);
    /* Would evicting the page cost a write? */
    bool (*is_dirty)(void *ctx, uint32_t frame);
    /* A clock of the page's last use: larger is more recent. NULL without
     * PW_POLICY_WANTS_LAST_USE. */
    uint64_t (*last_use)(void *ctx, uint32_t frame);
    /* A clock of its next use, UINT64_MAX: never. NULL without PW_POLICY_NEEDS_FUTURE. */
    uint64_t (*next_use)(void *ctx, uint32_t frame);
};

enum pw_policy_flags {
    PW_POLICY_WANTS_LAST_USE = 1, /* it asks last_use(), which costs time when programs run */
    PW_POLICY_NEEDS_FUTURE = 2,   /* it asks next_use(): for replay and curves of traces only */
    /* What a page is used until the next one comes in counts as one use, that for which it was
     * brought in: test_clear_accessed() does not tell of it. */
    PW_POLICY_IGNORES_FIRST_USE = 4,
};

enum pw_policy_reason {
    PW_POLICY_EVICTED = 0, /* the page was the victim, and may come back */
    PW_POLICY_GONE = 1,    /* it ceased to exist, or was locked in memory */
};

struct pw_policy {
    uint32_t version; /* PW_POLICY_VERSION */
    uint32_t flags;   /* enum pw_policy_flags, ored */
    /* Makes a policy for one RAM, without pages. `env` stays until destroy(). Result: 0 and *self;
     * or an errno value. */
    int (*create)(const struct pw_policy_env *env, void **self);
    void (*destroy)(void *self);
    /* The frame holds a page that may go, just used. `page` is the page's identity: the same as
     * when it was last evicted, in whatever frame. */
    void (*insert)(void *self, uint32_t frame, uint64_t page);
    /* It does no longer. => it is in */
    void (*remove)(void *self, uint32_t frame, enum pw_policy_reason why);
    /* The frame whose page is to go next. It is in until remove(); if that does not come before
     * the next call, the page could not be evicted, and another one should be named. (Pages that
     * one instruction needs at once are not, once it has had several page faults in a row.) Never
     * 0. Not called while nothing is in. */
    uint32_t (*victim)(void *self);
    /* With PW_POLICY_NEEDS_FUTURE: the page was used again. Else may be NULL. */
    void (*use)(void *self, uint32_t frame);
};

/* What the shared object defines. */
extern const struct pw_policy pagewalk_policy;

#ifdef __cplusplus
}
#endif

#endif
