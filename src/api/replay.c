// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A replay as a whole: references come from a trace, or, for a policy that needs the future, from a
 * trace that was read to its end before, and go to the machine.
 */
#include <errno.h>
#include <stdlib.h>

#include "api/config.h"
#include "api/error.h"
#include "base/check.h"
#include "base/xalloc.h"
#include "kernel/replay.h"
#include "observe/counters.h"
#include "observe/future.h"
#include "observe/trace.h"

enum { BATCH = 1024 };

struct pw_replay {
    struct trace *trace;
    struct future *future; /* NULL: not needed */
    struct replay *machine;
    struct counters counters;
    struct system_counters gauges;
};

static const enum mmu_access accesses[] = {
    [TRACE_LOAD] = MMU_LOAD, [TRACE_STORE] = MMU_STORE, [TRACE_FETCH] = MMU_FETCH};

static int create_machine(const struct pw_config *config, struct replay **out,
                          struct pw_error *error)
{
    struct replay_options options = {.nframes = config->ram_len >> PAGE_SHIFT,
                                     .tlb = config->tlb,
                                     .policy = config->policy,
                                     .seed = config->seed};
    int result = replay_create(&options, out);
    if (result < 0)
        return error_set(error, -result, "ram: the host cannot reserve address space for it");
    return 0;
}

static int open_trace(const struct pw_config *config, const char *path, struct pw_replay *replay,
                      struct pw_error *error)
{
    char why[TRACE_WHY_LEN];
    if (trace_open(path, config->format, &replay->trace, why) < 0 ||
        (config->policy->needs_future && future_create(replay->trace, &replay->future, why) < 0))
        return error_set(error, EINVAL, "%.200s: %s", path, why);
    return 0;
}

static int read_batch(struct pw_replay *replay, struct trace_ref *refs, uint64_t *next_uses)
{
    if (replay->future)
        return future_read(replay->future, refs, next_uses, BATCH);
    return trace_read(replay->trace, refs, BATCH);
}

static bool use_batch(struct pw_replay *replay, const struct trace_ref *refs,
                      const uint64_t *next_uses, int n)
{
    for (int i = 0; i < n; i++) {
        struct replay_ref ref = {.va = vaddr(refs[i].page << PAGE_SHIFT),
                                 .access = accesses[refs[i].kind],
                                 .space = refs[i].space,
                                 .updates = refs[i].flags & TRACE_UPDATES,
                                 .rest = refs[i].flags & TRACE_REST,
                                 .by_kernel = refs[i].flags & TRACE_KERNEL,
                                 .count = refs[i].count,
                                 .next_use = next_uses[i]};
        if (!replay_use(replay->machine, &ref))
            return false;
    }
    return true;
}

static int use_all(struct pw_replay *replay, const char *path, struct pw_error *error)
{
    struct trace_ref refs[BATCH];
    uint64_t next_uses[BATCH] = {0};
    int n;
    while ((n = read_batch(replay, refs, next_uses)) > 0)
        if (!use_batch(replay, refs, next_uses, n))
            return error_set(error, ENOMEM, "%.200s: it touches more pages than a replay can hold",
                             path);
    if (n == 0)
        return 0;
    if (replay->future)
        return error_set(error, EIO, "%.200s: its temporary copy cannot be read", path);
    return error_set(error, EINVAL, "%.200s: %s", path, trace_why(replay->trace));
}

int pw_replay_run(const struct pw_config *config, const char *trace, struct pw_replay **out,
                  struct pw_error *error)
{
    CHECK(config->use == PW_REPLAY);
    struct pw_replay *replay = x_calloc(1, sizeof(*replay));
    if (create_machine(config, &replay->machine, error) < 0 ||
        open_trace(config, trace, replay, error) < 0 || use_all(replay, trace, error) < 0) {
        pw_replay_destroy(replay);
        return -1;
    }
    XCHECK(replay_is_valid(replay->machine));
    replay_count(replay->machine, &replay->counters, &replay->gauges);
    *out = replay;
    return 0;
}

void pw_replay_destroy(struct pw_replay *replay)
{
    if (!replay)
        return;
    replay_destroy(replay->machine);
    future_destroy(replay->future);
    trace_close(replay->trace);
    free(replay);
}

const char *pw_replay_format(const struct pw_replay *replay)
{
    return trace_format(replay->trace);
}

/* Pages have no content in a replay, so there is no copy on write and no swap disk; nor are there
 * system calls or processes. */
bool pw_replay_has(const struct pw_replay *replay, int counter)
{
    static const char *const absent[] = {"faults_cow", "swap_pages_in", "swap_pages_out",
                                         "syscalls",   "swap_peak",     "processes"};
    static const char *const of_code[] = {"instructions", "tlb_l1i_hits", "tlb_l1i_misses"};
    bool has_code = replay->counters.tlb_l1i_hits + replay->counters.tlb_l1i_misses > 0;
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
        if (counter == counters_find(absent[i]))
            return false;
    for (size_t i = 0; i < sizeof(of_code) / sizeof(of_code[0]); i++)
        if (counter == counters_find(of_code[i]))
            return has_code;
    return counter >= 0 && counter < COUNTERS_COUNT;
}

uint64_t pw_replay_counter(const struct pw_replay *replay, int counter)
{
    CHECK(pw_replay_has(replay, counter));
    size_t index = (size_t)counter;
    return counters_is_per_process(index) ? counters_get(&replay->counters, index)
                                          : counters_get_system(&replay->gauges, index);
}
