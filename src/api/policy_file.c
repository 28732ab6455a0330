// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A policy from a shared object. Its table (include/pagewalk_policy.h) is checked when it is
 * loaded, and then stands behind a table of ours, so that the kernel sees one kind of policy:
 *
 *     kernel  ->  struct policy_ops of ours  ->  struct pw_policy of the object
 *             <-  struct pw_policy_env       <-
 *
 * What the object says is not trusted. The frames that it was told of are kept here, and each
 * victim and each question is held against them. The first mistake is kept as the policy's failure,
 * for whoever runs the machine to end it with; from then on the object is not asked any more, and
 * victims are made up, so that all that is under way can be finished.
 *
 * Invariant: P1  `count` bits are set in `in`
 */
#include "api/policy_file.h"

#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/error.h"
#include "base/lazy.h"
#include "base/xalloc.h"
#include "pagewalk_policy.h"

enum { WORD_BITS = 64 };

struct policy_file {
    struct policy_ops ops; /* its name is the path */
    const struct pw_policy *theirs;
    void *handle;
    unsigned refs; /* who chose it, and the policies in use */
    char path[];
};

/* One in use. */
struct loaded {
    struct policy_file *file;
    struct policy_env ours;
    struct pw_policy_env env; /* what the object gets */
    void *self;               /* the object's own */
    uint64_t *in;             /* bit by frame: the object was told of it */
    uint64_t count;
    uint64_t ncalls; /* of victim() */
    pfn_t hand;      /* the last victim that was made up */
    char failure[400];
};

static struct policy_file *file_of(const struct policy_ops *ops)
{
    return (struct policy_file *)((char *)(uintptr_t)ops - offsetof(struct policy_file, ops));
}

static void file_put(struct policy_file *file)
{
    if (--file->refs > 0)
        return;
    dlclose(file->handle);
    free(file);
}

/* ---- what the object was told of ---- */

static size_t in_len(uint64_t nframes)
{
    return (nframes + WORD_BITS - 1) / WORD_BITS * sizeof(uint64_t);
}

static bool is_in(const struct loaded *loaded, uint64_t frame)
{
    return frame < loaded->ours.nframes &&
           (loaded->in[frame / WORD_BITS] >> (frame % WORD_BITS) & 1);
}

static void flip(struct loaded *loaded, pfn_t pfn)
{
    loaded->in[pfn / WORD_BITS] ^= (uint64_t)1 << (pfn % WORD_BITS);
}

__attribute__((format(printf, 2, 3))) static void fail(struct loaded *loaded, const char *format,
                                                       ...)
{
    va_list args;
    if (loaded->failure[0])
        return; /* the first mistake explains the others */
    int len =
        snprintf(loaded->failure, sizeof(loaded->failure), "policy %.200s: ", loaded->file->path);
    va_start(args, format);
    vsnprintf(loaded->failure + len, sizeof(loaded->failure) - (size_t)len, format, args);
    va_end(args);
}

/* ---- what the object may ask ---- */

static bool may_ask(struct loaded *loaded, const char *question, uint32_t frame)
{
    if (!is_in(loaded, frame))
        fail(loaded, "it asked %s() of frame %" PRIu32 ", which is not one of its pages", question,
             frame);
    return !loaded->failure[0];
}

static bool ask_accessed(void *ctx, uint32_t frame)
{
    struct loaded *loaded = ctx;
    return may_ask(loaded, "test_clear_accessed", frame) &&
           loaded->ours.test_clear_accessed(loaded->ours.ctx, frame);
}

static bool ask_dirty(void *ctx, uint32_t frame)
{
    struct loaded *loaded = ctx;
    return may_ask(loaded, "is_dirty", frame) && loaded->ours.is_dirty(loaded->ours.ctx, frame);
}

static uint64_t ask_last_use(void *ctx, uint32_t frame)
{
    struct loaded *loaded = ctx;
    return may_ask(loaded, "last_use", frame) ? loaded->ours.last_access(loaded->ours.ctx, frame)
                                              : 0;
}

static uint64_t ask_next_use(void *ctx, uint32_t frame)
{
    struct loaded *loaded = ctx;
    return may_ask(loaded, "next_use", frame) ? loaded->ours.next_use(loaded->ours.ctx, frame) : 0;
}

/* ---- the table of ours ---- */

static void loaded_free(struct loaded *loaded)
{
    lazy_destroy(loaded->in, in_len(loaded->ours.nframes));
    file_put(loaded->file);
    free(loaded);
}

static int loaded_create(const struct policy_env *env, void **self)
{
    struct loaded *loaded = x_calloc(1, sizeof(*loaded));
    loaded->file = file_of(env->ops);
    loaded->file->refs++;
    loaded->ours = *env;
    loaded->env = (struct pw_policy_env){
        .ctx = loaded,
        .nframes = env->nframes,
        .seed = env->seed,
        .test_clear_accessed = ask_accessed,
        .is_dirty = ask_dirty,
        .last_use = env->ops->wants_stamps ? ask_last_use : NULL,
        .next_use = env->ops->needs_future ? ask_next_use : NULL,
    };
    loaded->in = lazy_create(in_len(env->nframes));
    int error = loaded->in ? loaded->file->theirs->create(&loaded->env, &loaded->self) : ENOMEM;
    if (error)
        loaded_free(loaded);
    else
        *self = loaded;
    return error > 0 ? -error : error;
}

static void loaded_destroy(void *self)
{
    struct loaded *loaded = self;
    loaded->file->theirs->destroy(loaded->self);
    loaded_free(loaded);
}

static void loaded_insert(void *self, pfn_t pfn, uint64_t page)
{
    struct loaded *loaded = self;
    flip(loaded, pfn);
    loaded->count++;
    if (!loaded->failure[0])
        loaded->file->theirs->insert(loaded->self, pfn, page);
}

static void loaded_remove(void *self, pfn_t pfn, enum policy_reason why)
{
    struct loaded *loaded = self;
    if (!loaded->failure[0])
        loaded->file->theirs->remove(loaded->self, pfn,
                                     why == POLICY_EVICTED ? PW_POLICY_EVICTED : PW_POLICY_GONE);
    flip(loaded, pfn);
    loaded->count--;
}

static void loaded_use(void *self, pfn_t pfn)
{
    struct loaded *loaded = self;
    if (!loaded->failure[0])
        loaded->file->theirs->use(loaded->self, pfn);
}

/* => there are pages */
static pfn_t next_in_turn(struct loaded *loaded)
{
    do {
        if (++loaded->hand >= loaded->ours.nframes)
            loaded->hand = 1;
    } while (!is_in(loaded, loaded->hand));
    return loaded->hand;
}

static pfn_t loaded_victim(void *self)
{
    struct loaded *loaded = self;
    if (loaded->failure[0])
        return next_in_turn(loaded);
    uint32_t frame = loaded->file->theirs->victim(loaded->self);
    loaded->ncalls++;
    if (is_in(loaded, frame) && !loaded->failure[0])
        return frame;
    if (frame == PFN_NONE)
        fail(loaded, "call %" PRIu64 " of victim() named none of its %" PRIu64 " pages",
             loaded->ncalls, loaded->count);
    else
        fail(loaded,
             "call %" PRIu64 " of victim() named frame %" PRIu32
             ", which holds no page that may be evicted",
             loaded->ncalls, frame);
    return next_in_turn(loaded);
}

static bool loaded_contains(const void *self, pfn_t pfn)
{
    return is_in(self, pfn);
}

static bool loaded_is_valid(const void *self) /* P1 */
{
    const struct loaded *loaded = self;
    uint64_t count = 0;
    for (size_t i = 0; i < in_len(loaded->ours.nframes) / sizeof(uint64_t); i++)
        count += (unsigned)__builtin_popcountll(loaded->in[i]);
    return count == loaded->count;
}

static const char *loaded_failure(const void *self)
{
    const struct loaded *loaded = self;
    return loaded->failure[0] ? loaded->failure : NULL;
}

/* ---- loading ---- */

static const char symbol[] = "pagewalk_policy";

/* Result: NULL, or the function that is missing. */
static const char *missing_function(const struct pw_policy *theirs)
{
    if (!theirs->create)
        return "create";
    if (!theirs->destroy)
        return "destroy";
    if (!theirs->insert)
        return "insert";
    if (!theirs->remove)
        return "remove";
    if (!theirs->victim)
        return "victim";
    return (theirs->flags & PW_POLICY_NEEDS_FUTURE) && !theirs->use ? "use" : NULL;
}

/* Result: false and what is wrong. */
static bool check_table(const char *path, const struct pw_policy *theirs, char *why, size_t len)
{
    const uint32_t known =
        PW_POLICY_WANTS_LAST_USE | PW_POLICY_NEEDS_FUTURE | PW_POLICY_IGNORES_FIRST_USE;
    if (!theirs) {
        snprintf(why, len, "%.200s: it defines no %s", path, symbol);
    } else if (theirs->version != PW_POLICY_VERSION) {
        snprintf(why, len, "%.200s: %s.version is %" PRIu32 ", and this pagewalk reads %d", path,
                 symbol, theirs->version, PW_POLICY_VERSION);
    } else if (theirs->flags & ~known) {
        snprintf(why, len, "%.200s: %s.flags has unknown bits: 0x%" PRIx32, path, symbol,
                 theirs->flags & ~known);
    } else if (missing_function(theirs)) {
        snprintf(why, len, "%.200s: %s.%s is missing", path, symbol, missing_function(theirs));
    } else {
        return true;
    }
    return false;
}

static struct policy_file *file_make(const char *path, void *handle, const struct pw_policy *theirs)
{
    struct policy_file *file = x_calloc(1, sizeof(*file) + strlen(path) + 1);
    strcpy(file->path, path);
    file->handle = handle;
    file->theirs = theirs;
    file->refs = 1;
    file->ops = (struct policy_ops){
        .name = file->path,
        .summary = "from a shared object",
        .wants_stamps = theirs->flags & PW_POLICY_WANTS_LAST_USE,
        .needs_future = theirs->flags & PW_POLICY_NEEDS_FUTURE,
        .ignores_first_use = theirs->flags & PW_POLICY_IGNORES_FIRST_USE,
        .create = loaded_create,
        .destroy = loaded_destroy,
        .insert = loaded_insert,
        .remove = loaded_remove,
        .use = loaded_use,
        .victim = loaded_victim,
        .contains = loaded_contains,
        .is_valid = loaded_is_valid,
        .failure = loaded_failure,
    };
    return file;
}

static const struct policy_ops *load(const char *path, char *why, size_t len)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        snprintf(why, len, "%.350s", dlerror());
        return NULL;
    }
    const struct pw_policy *theirs = dlsym(handle, symbol);
    if (check_table(path, theirs, why, len))
        return &file_make(path, handle, theirs)->ops;
    dlclose(handle);
    return NULL;
}

const struct policy_ops *policy_choose(const char *name, char *why, size_t len)
{
    char path[PATH_MAX];
    size_t name_len = strlen(name);
    bool has_slash = strchr(name, '/');
    why[0] = '\0';
    if (!has_slash && (name_len < 3 || strcmp(name + name_len - 3, ".so") != 0))
        return policy_find(name);
    /* A name without a slash would be looked up in the directories of libraries. */
    if (snprintf(path, sizeof(path), "%s%s", has_slash ? "" : "./", name) < (int)sizeof(path))
        return load(path, why, len);
    snprintf(why, len, "the path is too long");
    return NULL;
}

void policy_put(const struct policy_ops *ops)
{
    if (ops && ops->create == loaded_create)
        file_put(file_of(ops));
}

int policy_refused(const struct policy_ops *ops, int result, struct pw_error *error)
{
    if (ops->create != loaded_create)
        return 0;
    return error_set(error, -result, "policy: %.200s: its create() failed: %s", ops->name,
                     strerror(-result));
}
