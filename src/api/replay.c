// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A replay as a whole: references come from a trace, or, for a policy that needs the future, from a
 * trace that was read to its end before, and go to one machine or to several of different sizes.
 */
#include "api/replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/config.h"
#include "api/error.h"
#include "api/policy_file.h"
#include "base/check.h"
#include "base/xalloc.h"
#include "kernel/replay.h"
#include "observe/counters.h"
#include "observe/future.h"
#include "observe/trace.h"

enum { BATCH = 1024 };

/* Where references come from. */
struct source {
    const char *path;
    struct trace *trace;
    struct future *future; /* NULL: not needed */
    struct trace_ref refs[BATCH];
    uint64_t next_uses[BATCH];
};

struct pw_replay {
    struct source source;
    struct replay *machine;
    struct counters counters;
    struct system_counters gauges;
};

static const enum mmu_access accesses[] = {
    [TRACE_LOAD] = MMU_LOAD, [TRACE_STORE] = MMU_STORE, [TRACE_FETCH] = MMU_FETCH};

/* ---- references ---- */

static int open_trace(const struct pw_config *config, struct source *source, struct pw_error *error)
{
    char why[TRACE_WHY_LEN];
    if (trace_open(source->path, config->format, &source->trace, why) < 0)
        return error_set(error, EINVAL, "%.200s: %s", source->path, why);
    trace_set_window(source->trace, config->from, config->to);
    return 0;
}

static bool can_read_again(const char *path)
{
    struct stat st;
    return strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* Reads the trace for what is to come, then from its beginning. */
static int look_ahead(const struct pw_config *config, struct source *source, struct pw_error *error)
{
    char why[TRACE_WHY_LEN];
    bool keep = !can_read_again(source->path);
    unsigned page_shift = config->page_shift ? config->page_shift : PAGE_SHIFT;
    if (future_create(source->trace, page_shift, keep, &source->future, why) < 0)
        return error_set(error, EINVAL, "%.200s: %s", source->path, why);
    if (keep)
        return 0;
    trace_close(source->trace);
    source->trace = NULL;
    return open_trace(config, source, error);
}

static int open_source(const struct pw_config *config, const struct policy_ops *ops,
                       const char *path, struct source *source, struct pw_error *error)
{
    source->path = path;
    if (open_trace(config, source, error) < 0)
        return -1;
    return ops->needs_future ? look_ahead(config, source, error) : 0;
}

static void close_source(struct source *source)
{
    future_destroy(source->future);
    trace_close(source->trace);
}

/* Result: how many; 0 at the end; -1 and *error. */
static int read_source(struct source *source, struct pw_error *error)
{
    char why[TRACE_WHY_LEN];
    if (source->future) {
        int n =
            future_read(source->future, source->trace, source->refs, source->next_uses, BATCH, why);
        return n >= 0 ? n : error_set(error, EIO, "%.200s: %s", source->path, why);
    }
    int n = trace_read(source->trace, source->refs, BATCH);
    if (n >= 0)
        return n;
    return error_set(error, EINVAL, "%.200s: %s", source->path, trace_why(source->trace));
}

/* ---- machines ---- */

/* Whether the trace was recorded by us, and so tells of flushes and of stores that were denied. */
static bool is_recorded(const struct source *source)
{
    return strcmp(trace_format(source->trace), "page") == 0;
}

static int create_machine(const struct pw_config *config, const struct policy_ops *ops,
                          uint64_t nframes, const struct source *source, struct replay **out,
                          struct pw_error *error)
{
    struct replay_options options = {.nframes = nframes,
                                     .tlb = config->tlb,
                                     .page_shift = config->page_shift,
                                     .policy = ops,
                                     .seed = config->seed,
                                     .is_told_of_flushes = is_recorded(source)};
    int result = replay_create(&options, out);
    if (result < 0 && policy_refused(ops, result, error) < 0)
        return -1;
    if (result < 0)
        return error_set(error, -result, "ram: the host cannot reserve address space for it");
    return 0;
}

static bool use_event(struct replay *machine, const struct trace_ref *event)
{
    vaddr_t va = vaddr(event->page << PAGE_SHIFT);
    switch ((enum trace_kind)event->kind) {
    case TRACE_GONE:
        replay_drop(machine, event->space, va, event->count);
        return true;
    case TRACE_FLUSH:
        replay_flush(machine, event->space, va);
        return true;
    case TRACE_FLUSH_SPACE:
        replay_flush_space(machine, event->space);
        return true;
    case TRACE_READ_ONLY:
        replay_read_only(machine, event->space, va);
        return true;
    default:
        return replay_denied(machine, event->space, va);
    }
}

static bool use_batch(struct replay *machine, const struct source *source, int n)
{
    for (int i = 0; i < n; i++) {
        const struct trace_ref *from = &source->refs[i];
        if (!trace_is_reference(from)) {
            if (!use_event(machine, from))
                return false;
            continue;
        }
        struct replay_ref ref = {.va = vaddr(from->page << PAGE_SHIFT),
                                 .access = accesses[from->kind],
                                 .space = from->space,
                                 .updates = from->flags & TRACE_UPDATES,
                                 .rest = from->flags & TRACE_REST,
                                 .by_kernel = from->flags & TRACE_KERNEL,
                                 .count = from->count,
                                 .next_use = source->next_uses[i]};
        if (!replay_use(machine, &ref))
            return false;
    }
    return true;
}

/* The whole trace, through each of the machines. */
static int use_all(struct source *source, struct replay *const *machines, size_t nmachines,
                   struct pw_error *error)
{
    int n;
    while ((n = read_source(source, error)) > 0) {
        for (size_t i = 0; i < nmachines; i++) {
            if (!use_batch(machines[i], source, n))
                return error_set(error, ENOMEM,
                                 "%.200s: it touches more pages than a replay can hold",
                                 source->path);
            if (replay_failure(machines[i]))
                return error_set(error, EPROTO, "%s", replay_failure(machines[i]));
        }
    }
    return n;
}

/* ---- one machine ---- */

/* Result: 0 and *error: not one. */
static uint64_t count_frames(const struct pw_config *config, struct pw_error *error)
{
    uint64_t nframes = config->ram_len >> (config->page_shift ? config->page_shift : PAGE_SHIFT);
    if (nframes == 0)
        error_set(error, EINVAL, "ram: %llu KiB is less than one page of %s",
                  (unsigned long long)(config->ram_len >> 10), pw_config_get(config, "page-size"));
    return nframes;
}

int pw_replay_run(const struct pw_config *config, const char *trace, struct pw_replay **out,
                  struct pw_error *error)
{
    CHECK(config->use == PW_REPLAY);
    uint64_t nframes = count_frames(config, error);
    if (nframes == 0)
        return -1;
    struct pw_replay *replay = x_calloc(1, sizeof(*replay));
    if (open_source(config, config->policy, trace, &replay->source, error) < 0 ||
        create_machine(config, config->policy, nframes, &replay->source, &replay->machine, error) <
            0 ||
        use_all(&replay->source, &replay->machine, 1, error) < 0) {
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
    close_source(&replay->source);
    free(replay);
}

const char *pw_replay_format(const struct pw_replay *replay)
{
    return trace_format(replay->source.trace);
}

/* Pages have no content in a replay, so there is no swap disk; nor are there system calls or
 * processes. */
bool pw_replay_has(const struct pw_replay *replay, int counter)
{
    static const char *const absent[] = {"swap_pages_in",  "swap_pages_out",  "syscalls",
                                         "swap_peak",      "processes",       "readahead_pages",
                                         "readahead_hits", "readahead_wasted"};
    static const char *const of_code[] = {"instructions", "tlb_l1i_hits", "tlb_l1i_misses"};
    bool has_code = replay->counters.tlb_l1i_hits + replay->counters.tlb_l1i_misses > 0;
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
        if (counter == counters_find(absent[i]))
            return false;
    if (counter == counters_find("faults_cow"))
        return is_recorded(&replay->source);
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

/* ---- several ---- */

static uint64_t count_faults(const struct replay *machine)
{
    struct counters counters;
    struct system_counters gauges;
    replay_count(machine, &counters, &gauges);
    return counters.faults;
}

static int replay_all(struct source *source, struct replay *const *machines, size_t n,
                      uint64_t *faults, struct pw_error *error)
{
    if (use_all(source, machines, n, error) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        faults[i] = count_faults(machines[i]);
    return 0;
}

int replay_sizes(const struct pw_config *config, const char *trace, const struct policy_ops *ops,
                 const uint64_t *frames, size_t n, uint64_t *faults, struct pw_error *error)
{
    struct source *source = x_calloc(1, sizeof(*source));
    struct replay **machines = x_calloc(n, sizeof(struct replay *));
    int result = open_source(config, ops, trace, source, error);
    for (size_t i = 0; i < n && result == 0; i++)
        result = create_machine(config, ops, frames[i], source, &machines[i], error);
    if (result == 0)
        result = replay_all(source, machines, n, faults, error);
    for (size_t i = 0; i < n; i++)
        replay_destroy(machines[i]);
    free(machines);
    close_source(source);
    free(source);
    return result;
}
