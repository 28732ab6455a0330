// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The histogram of reuse distances: how much other memory was used between two uses of a page. It
 * is the curve's other face: a use at a distance of more than so many pages is a fault in a RAM of
 * so many, so the uses between two distances are the difference of two counts of faults.
 */
#include <string.h>

#include "cli/curve.h"
#include "cli/human.h"

static const uint64_t page_bytes = 4096;

/* All pages there were at once. */
static uint64_t pages_of(const struct curve_view *view)
{
    uint64_t frames = pw_curve_pages(view->curve);
    return frames ? frames - pw_curve_taken(view->curve) : 0;
}

bool curve_bucket(const struct curve_view *view, size_t i, struct curve_bucket *out)
{
    uint64_t taken = pw_curve_taken(view->curve), pages = pages_of(view);
    uint64_t least = pw_curve_least(view->curve) - taken;
    uint64_t after = i == 0 ? 0 : least << (i - 1), to = least << i;
    struct pw_curve_point more, less;
    if (pages == 0 || after >= pages)
        return false;
    pw_curve_beyond(view->curve, after, &more);
    pw_curve_beyond(view->curve, to, &less);
    *out = (struct curve_bucket){.to = to,
                                 .is_split = i > 0 || least == 1,
                                 .count = more.faults - less.faults,
                                 .loads = more.loads - less.loads,
                                 .stores = more.stores - less.stores,
                                 .fetches = more.fetches - less.fetches};
    if (out->is_split)
        return true;
    /* What is used again so soon was not watched: it is the rest. */
    uint64_t all = pw_curve_instructions(view->curve) + pw_curve_accesses(view->curve);
    out->count = all > less.faults ? all - less.faults : 0;
    out->loads = out->stores = out->fetches = 0;
    return true;
}

static uint64_t count_all(const struct curve_view *view)
{
    struct pw_curve_point first;
    struct curve_bucket bucket;
    pw_curve_beyond(view->curve, pages_of(view), &first);
    uint64_t sum = first.faults;
    for (size_t i = 0; curve_bucket(view, i, &bucket); i++)
        sum += bucket.count;
    return sum;
}

static void put_row(FILE *out, const char *label, const struct curve_bucket *bucket, uint64_t all)
{
    char count[HUMAN_LEN], rate[HUMAN_LEN];
    fprintf(out, "  %16s %15s %11s", label, human_count(bucket->count, count),
            human_rate(bucket->count, all, rate));
    if (bucket->is_split)
        fprintf(out, " %10llu %10llu %10llu", (unsigned long long)bucket->loads,
                (unsigned long long)bucket->stores, (unsigned long long)bucket->fetches);
    fputc('\n', out);
}

void curve_reuse_table(FILE *out, const struct curve_view *view)
{
    char label[HUMAN_LEN + 8], size[HUMAN_LEN];
    struct curve_bucket bucket;
    struct pw_curve_point first;
    uint64_t all = count_all(view);
    fprintf(out, "  %16s %15s %11s %10s %10s %10s\n", "reuse distance", "uses", "share", "loads",
            "stores", "fetches");
    for (size_t i = 0; curve_bucket(view, i, &bucket); i++) {
        snprintf(label, sizeof(label), "to %s", human_size(bucket.to * page_bytes, size));
        put_row(out, label, &bucket, all);
    }
    pw_curve_beyond(view->curve, pages_of(view), &first);
    bucket = (struct curve_bucket){.is_split = true,
                                   .count = first.faults,
                                   .loads = first.loads,
                                   .stores = first.stores,
                                   .fetches = first.fetches};
    put_row(out, "first use", &bucket, all);
}
