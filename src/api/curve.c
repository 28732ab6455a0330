// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Curves: faults for every size of RAM under LRU, from the stack distances of a trace or of a
 * program while it runs, or of a sample of its pages; for other policies, sizes of the caller's
 * choice, all in one pass.
 *
 * A program that runs has page faults that no reference tells of (the first store to a page that
 * was only read so far), and first references that do not fault (to pages that were moved, or
 * mapped along with others). Both are there in every RAM, so the faults that were served while it
 * was watched, but for those that brought back what was paged out, are what the largest RAM has,
 * and the difference is added to all. Of every RAM the kernel takes the same part: the frame that
 * is never used, that of zeros, and page tables, as many as there were at once.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/config.h"
#include "api/error.h"
#include "api/policy_file.h"
#include "api/record.h"
#include "api/replay.h"
#include "api/system.h"
#include "api/warmth.h"
#include "base/check.h"
#include "base/xalloc.h"
#include "machine/tlb.h"
#include "observe/lrustack.h"
#include "observe/pagekey.h"
#include "observe/sample.h"
#include "observe/trace.h"
#include "observe/workingset.h"

enum { BATCH = 1024, KINDS = LRUSTACK_KINDS };

struct pw_curve {
    struct lrustack *stack;
    double rate;                     /* of the pages that are looked at; 1: all */
    uint64_t *groups[SAMPLE_GROUPS]; /* of a sample: references to its groups, by depth */
    uint64_t depths;                 /* room in each */
    double *errors;                  /* of the faults, by frames; NULL: they are exact */
    uint64_t least;                  /* pages: 1, or what was not watched */
    struct workingset *set;          /* NULL: not watched */
    struct warmth *warmth;           /* the same: of regions */
    uint64_t instructions, accesses;
    uint64_t npages;
    uint64_t served[KINDS]; /* by enum mmu_access, if of a program */
    bool is_of_program;
    uint64_t taken;          /* frames of RAM that hold no page */
    uint64_t more[KINDS];    /* by kind: what was added to the faults; wraps if it is less than 0 */
    uint64_t *faults[KINDS]; /* by kind, then by frames 0 .. npages; NULL: not finished */
};

static struct pw_curve *create(uint64_t tau, double rate)
{
    struct pw_curve *curve = x_calloc(1, sizeof(*curve));
    curve->least = 1;
    curve->rate = rate;
    curve->stack = lrustack_create();
    curve->set = workingset_create(tau);
    return curve;
}

void pw_curve_destroy(struct pw_curve *curve)
{
    if (!curve)
        return;
    lrustack_destroy(curve->stack);
    for (unsigned i = 0; i < SAMPLE_GROUPS; i++)
        free(curve->groups[i]);
    free(curve->errors);
    if (curve->set)
        workingset_destroy(curve->set);
    warmth_destroy(curve->warmth);
    for (unsigned kind = 0; kind < KINDS; kind++)
        free(curve->faults[kind]);
    free(curve);
}

static void make_depths(struct pw_curve *curve, uint64_t depth)
{
    uint64_t old = curve->depths;
    curve->depths = 2 * (depth + 512);
    for (unsigned i = 0; i < SAMPLE_GROUPS; i++) {
        curve->groups[i] = x_realloc(curve->groups[i], curve->depths * sizeof(uint64_t));
        memset(curve->groups[i] + old, 0, (curve->depths - old) * sizeof(uint64_t));
    }
}

static void use_sampled(struct pw_curve *curve, const struct trace_ref *ref)
{
    double place = sample_place(pagekey(ref));
    if (place >= curve->rate)
        return;
    uint64_t depth = lrustack_use(curve->stack, ref);
    if (depth >= curve->depths)
        make_depths(curve, depth);
    curve->groups[(unsigned)(place / curve->rate * SAMPLE_GROUPS)][depth]++;
}

static void use(void *context, const struct trace_ref *ref)
{
    struct pw_curve *curve = context;
    if (ref->kind > TRACE_GONE)
        return;
    if (curve->rate < 1 && ref->kind != TRACE_GONE)
        use_sampled(curve, ref);
    else
        lrustack_use(curve->stack, ref);
    workingset_use(curve->set, ref);
    if (!trace_is_reference(ref) || (ref->flags & (TRACE_REST | TRACE_KERNEL)))
        return;
    *(ref->kind == TRACE_FETCH ? &curve->instructions : &curve->accesses) += ref->count;
}

/*
 * Adds to faults[0 .. npages] those of one kind. A reference found at depth d among the looked-at
 * pages is at depth d / rate among all, and faults in fewer frames than that. Of the references to
 * other pages there are 1 / rate - 1 times as many, whatever share of all references the sample
 * happens to hold (SHARDS-adj).
 */
static void add_faults(const struct lrustack *stack, enum trace_kind kind, double rate,
                       uint64_t npages, double *faults)
{
    uint64_t depth = lrustack_pages(stack), sum = lrustack_count(stack, kind, 0);
    for (uint64_t frames = npages + 1; frames-- > 0;) {
        double limit = (double)frames * rate;
        for (; (double)depth > limit; depth--)
            sum += lrustack_count(stack, kind, depth);
        faults[frames] += (double)sum / rate;
    }
}

static void estimate(struct pw_curve *curve)
{
    size_t len = (curve->npages + 1) * sizeof(double);
    double *faults = x_malloc(len);
    for (unsigned kind = 0; kind < KINDS; kind++) {
        memset(faults, 0, len);
        add_faults(curve->stack, (enum trace_kind)kind, curve->rate, curve->npages, faults);
        curve->faults[kind] = x_malloc((curve->npages + 1) * sizeof(*curve->faults[kind]));
        for (uint64_t frames = 0; frames <= curve->npages; frames++)
            curve->faults[kind][frames] = (uint64_t)llround(faults[frames]);
    }
    free(faults);
}

/*
 * The faults are a sum over pages. Those of each group times the number of groups are an estimate
 * too, so the groups' spread tells the standard error of their mean. That is what chance does; how
 * the distances themselves are blurred, which shows in small sizes, is not in it.
 */
static double spread(const double values[SAMPLE_GROUPS])
{
    double sum = 0, squares = 0;
    for (unsigned i = 0; i < SAMPLE_GROUPS; i++) {
        sum += values[i];
        squares += values[i] * values[i];
    }
    double variance = (squares - sum * sum / SAMPLE_GROUPS) / (SAMPLE_GROUPS - 1);
    return variance > 0 ? sqrt(variance / SAMPLE_GROUPS) : 0;
}

static void estimate_errors(struct pw_curve *curve)
{
    double faults[SAMPLE_GROUPS], scale = SAMPLE_GROUPS / curve->rate;
    if (curve->depths == 0)
        make_depths(curve, 0);
    curve->errors = x_malloc((curve->npages + 1) * sizeof(double));
    for (unsigned i = 0; i < SAMPLE_GROUPS; i++)
        faults[i] = (double)curve->groups[i][0] * scale;
    uint64_t depth = curve->depths - 1;
    for (uint64_t frames = curve->npages + 1; frames-- > 0;) {
        for (; (double)depth > (double)frames * curve->rate; depth--)
            for (unsigned i = 0; i < SAMPLE_GROUPS; i++)
                faults[i] += (double)curve->groups[i][depth] * scale;
        curve->errors[frames] = spread(faults);
    }
}

static const enum trace_kind kinds[] = {
    [MMU_LOAD] = TRACE_LOAD, [MMU_STORE] = TRACE_STORE, [MMU_FETCH] = TRACE_FETCH};

/* What RAM for everything has becomes the faults that were served. */
static void add_served(struct pw_curve *curve)
{
    for (unsigned access = 0; access < KINDS; access++) {
        uint64_t *faults = curve->faults[kinds[access]];
        uint64_t more = curve->served[access] - faults[curve->npages];
        curve->more[kinds[access]] = more;
        for (uint64_t frames = 0; frames <= curve->npages; frames++)
            faults[frames] += more;
    }
}

static void finish(struct pw_curve *curve)
{
    curve->npages = (uint64_t)llround((double)lrustack_pages(curve->stack) / curve->rate);
    if (curve->least > curve->npages)
        curve->least = curve->npages ? curve->npages : 1;
    estimate(curve);
    if (curve->rate < 1)
        estimate_errors(curve);
    if (curve->is_of_program)
        add_served(curve);
    lrustack_destroy(curve->stack);
    curve->stack = NULL;
}

int pw_curve_trace(const struct pw_config *config, const char *path, struct pw_curve **out,
                   struct pw_error *error)
{
    char why[TRACE_WHY_LEN];
    struct trace_ref refs[BATCH];
    struct trace *trace;
    int n;
    if (trace_open(path, config->format, &trace, why) < 0)
        return error_set(error, EINVAL, "%.200s: %s", path, why);
    trace_set_window(trace, config->from, config->to);
    struct pw_curve *curve = create(config->tau, config->sample);
    while ((n = trace_read(trace, refs, BATCH)) > 0)
        for (int i = 0; i < n; i++)
            use(curve, &refs[i]);
    if (n < 0)
        error_set(error, EINVAL, "%.200s: %s", path, trace_why(trace));
    trace_close(trace);
    if (n < 0) {
        pw_curve_destroy(curve);
        return -1;
    }
    finish(curve);
    *out = curve;
    return 0;
}

/* ---- of a program, watched only beyond the pages used last ---- */

static struct trace_ref ref_of(uint16_t space, vaddr_t page, enum mmu_access access)
{
    return (struct trace_ref){
        .page = vaddr_vpn(page), .count = 1, .space = space, .kind = (uint8_t)kinds[access]};
}

static void page_enters(void *context, uint16_t space, vaddr_t page, enum mmu_access access)
{
    const struct pw_system *system = context;
    struct trace_ref ref = ref_of(space, page, access);
    lrustack_enter(system->curve->stack, &ref);
    if (system->curve->warmth)
        warmth_enter(system->curve->warmth, pagekey(&ref), space, page);
}

static void page_leaves(void *context, uint16_t space, vaddr_t page)
{
    const struct pw_system *system = context;
    struct trace_ref ref = ref_of(space, page, MMU_LOAD);
    lrustack_leave(system->curve->stack, &ref);
    if (system->curve->warmth)
        warmth_leave(system->curve->warmth, pagekey(&ref));
}

static void kernel_uses(void *context, uint16_t space, vaddr_t va, enum mmu_access access)
{
    const struct pw_system *system = context;
    tlb_watch_use(system->machine->tlb, space, va, access);
}

static void pages_go(void *context, uint16_t space, vaddr_t va, uint64_t npages)
{
    const struct pw_system *system = context;
    unsigned on_top = tlb_watch_gone(system->machine->tlb, space, va, npages);
    while (npages > 0) {
        struct trace_ref ref = ref_of(space, va, MMU_LOAD);
        ref.count = npages < UINT32_MAX ? (uint32_t)npages : UINT32_MAX;
        lrustack_gone(system->curve->stack, &ref, on_top);
        if (system->curve->warmth)
            warmth_gone(system->curve->warmth, pagekey(&ref), ref.count);
        on_top = 0;
        va.v += (uint64_t)ref.count << PAGE_SHIFT;
        npages -= ref.count;
    }
}

static void watch(struct pw_system *system)
{
    const struct tlb_watch watch = {page_enters, page_leaves, system};
    struct pw_curve *curve = x_calloc(1, sizeof(*curve));
    curve->least = TLB_RECENT;
    curve->rate = 1;
    curve->stack = lrustack_create_below(TLB_RECENT);
    curve->warmth = system->regions ? warmth_create(system, system->tau) : NULL;
    system->curve = curve;
    tlb_watch(system->machine->tlb, &watch);
    system->kernel->watch =
        (struct kernel_watch){.access = kernel_uses, .gone = pages_go, .context = system};
}

static void unwatch(struct pw_system *system)
{
    struct pw_curve *curve = system->curve;
    curve->instructions = pw_counter(system, pw_counter_find("instructions"));
    curve->accesses = pw_counter(system, pw_counter_find("loads")) +
                      pw_counter(system, pw_counter_find("stores"));
    if (curve->warmth)
        warmth_end(curve->warmth);
    tlb_watch(system->machine->tlb, NULL);
    system->kernel->watch = (struct kernel_watch){0};
}

/* ---- of a program ---- */

void pw_curve_begin(struct pw_system *system)
{
    if (system->recorder) {
        system->curve = create(system->tau, system->sample);
        recorder_set_sink(system->recorder, use, system->curve);
    } else {
        watch(system);
    }
    system->curve->is_of_program = true;
    system->kernel->watch.served = system->curve->served;
}

struct pw_curve *pw_curve_end(struct pw_system *system)
{
    struct pw_curve *curve = system->curve;
    CHECK(curve);
    system->kernel->watch.served = NULL;
    if (system->recorder)
        recorder_set_sink(system->recorder, NULL, NULL);
    else
        unwatch(system);
    finish(curve);
    curve->taken = 2 + pw_counter(system, pw_counter_find("tables_peak"));
    system->curve = NULL;
    return curve;
}

uint64_t pw_curve_least(const struct pw_curve *curve)
{
    return curve->taken + curve->least;
}

uint64_t pw_curve_taken(const struct pw_curve *curve)
{
    return curve->taken;
}

double pw_curve_sample(const struct pw_curve *curve)
{
    return curve->rate;
}

uint64_t pw_curve_pages(const struct pw_curve *curve)
{
    return curve->npages ? curve->taken + curve->npages : 0;
}

bool pw_curve_working_set(const struct pw_curve *curve, size_t i, struct pw_working_set *out)
{
    return curve->set && workingset_at(curve->set, i, &out->instructions, &out->pages);
}

bool pw_curve_part(const struct pw_curve *curve, size_t i, struct pw_curve_part *out)
{
    return curve->warmth && warmth_part(curve->warmth, i, out);
}

bool pw_curve_range(const struct pw_curve *curve, size_t part, uint64_t from,
                    struct pw_curve_range *out)
{
    return curve->warmth && warmth_range(curve->warmth, part, from, out);
}

uint64_t pw_curve_instructions(const struct pw_curve *curve)
{
    return curve->instructions;
}

uint64_t pw_curve_accesses(const struct pw_curve *curve)
{
    return curve->accesses;
}

void pw_curve_at(const struct pw_curve *curve, uint64_t frames, struct pw_curve_point *out)
{
    uint64_t room = frames > curve->taken ? frames - curve->taken : 0;
    uint64_t at = room < curve->npages ? room : curve->npages;
    *out = (struct pw_curve_point){.frames = frames,
                                   .loads = curve->faults[TRACE_LOAD][at],
                                   .stores = curve->faults[TRACE_STORE][at],
                                   .fetches = curve->faults[TRACE_FETCH][at]};
    out->faults = out->loads + out->stores + out->fetches;
    out->error = curve->errors ? curve->errors[at] : 0;
}

void pw_curve_beyond(const struct pw_curve *curve, uint64_t pages, struct pw_curve_point *out)
{
    pw_curve_at(curve, curve->taken + pages, out);
    out->loads -= curve->more[TRACE_LOAD];
    out->stores -= curve->more[TRACE_STORE];
    out->fetches -= curve->more[TRACE_FETCH];
    out->faults = out->loads + out->stores + out->fetches;
}

int pw_curve_policy(const struct pw_config *config, const char *trace, const char *policy,
                    const uint64_t *frames, size_t n, uint64_t *faults, struct pw_error *error)
{
    char why[400];
    const struct policy_ops *ops = policy_choose(policy, why, sizeof(why));
    if (!ops && why[0])
        return error_set(error, EINVAL, "policies: %s", why);
    if (!ops)
        return error_set(error, EINVAL, "policies: there is no policy '%.80s'", policy);
    int result = replay_sizes(config, trace, ops, frames, n, faults, error);
    policy_put(ops);
    return result;
}
