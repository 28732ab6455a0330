// SPDX-License-Identifier: GPL-2.0-or-later
/* The working set over time, and how much of it the TLB reaches. */
#include <inttypes.h>

#include "cli/curve.h"
#include "cli/human.h"

static const uint64_t page_bytes = 4096;

/* In bytes: of all times, and how often it was more than the TLB's levels have entries for. */
struct set {
    uint64_t tau; /* instructions */
    uint64_t mean, most;
    uint64_t reach_first, reach; /* of the first level, of all */
    double beyond;               /* share of the times */
};

/* Result: false: the working set was not watched. */
static bool measure(const struct curve_view *view, struct set *out)
{
    const struct pw_config *config = view->options->config;
    uint64_t last = pw_tlb_reach(config, 2, page_bytes), sum = 0, count = 0, beyond = 0;
    struct pw_working_set at;
    *out = (struct set){.reach_first = pw_tlb_reach(config, 1, page_bytes)};
    out->reach = last > out->reach_first ? last : out->reach_first;
    for (; pw_curve_working_set(view->curve, count, &at); count++) {
        uint64_t bytes = at.pages * page_bytes;
        sum += bytes;
        out->most = bytes > out->most ? bytes : out->most;
        beyond += bytes > out->reach;
    }
    if (count == 0)
        return false;
    pw_parse_size(pw_config_get(config, "tau"), &out->tau);
    out->mean = sum / count;
    out->beyond = (double)beyond / (double)count;
    return true;
}

bool curve_set_text(const struct curve_view *view, char *buf, size_t len)
{
    char mean[HUMAN_LEN], most[HUMAN_LEN], tau[HUMAN_LEN], first[HUMAN_LEN], all[HUMAN_LEN];
    struct set set;
    if (!measure(view, &set))
        return false;
    snprintf(buf, len,
             "The working set of %s instructions is %s on average, %s at most. The TLB reaches %s, "
             "its first level %s; %.0f %% of the time the working set is larger.",
             human_count(set.tau, tau), human_size(set.mean, mean), human_size(set.most, most),
             human_size(set.reach, all), human_size(set.reach_first, first), 100 * set.beyond);
    return true;
}

json_t *curve_set_json(const struct curve_view *view)
{
    struct set set;
    if (!measure(view, &set))
        return NULL;
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:f}", "tau", (json_int_t)set.tau, "mean_bytes",
                     (json_int_t)set.mean, "most_bytes", (json_int_t)set.most, "tlb_reach_l1_bytes",
                     (json_int_t)set.reach_first, "tlb_reach_bytes", (json_int_t)set.reach,
                     "beyond_reach", set.beyond);
}

void curve_set_csv(FILE *out, const struct curve_view *view)
{
    struct pw_working_set set;
    fputs("instructions,working_set_bytes\n", out);
    for (size_t i = 0; pw_curve_working_set(view->curve, i, &set); i++)
        fprintf(out, "%" PRIu64 ",%" PRIu64 "\n", set.instructions, set.pages * page_bytes);
}
