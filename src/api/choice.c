// SPDX-License-Identifier: GPL-2.0-or-later
/* What help can list: the replacement policies, the TLB presets and the formats of traces. */
#include <string.h>

#include "kernel/policy.h"
#include "machine/tlb.h"
#include "observe/trace.h"
#include "pagewalk.h"

static bool policy_choice(size_t i, struct pw_choice_info *out)
{
    const struct policy_ops *const *all = policy_all();
    for (size_t k = 0; k <= i; k++)
        if (!all[k])
            return false;
    snprintf(out->name, sizeof(out->name), "%s", all[i]->name);
    snprintf(out->summary, sizeof(out->summary), "%s", all[i]->summary);
    out->source[0] = '\0';
    return true;
}

static void describe_level(const char *name, struct tlb_geometry level, char *text, size_t len)
{
    if (level.entries == 0)
        snprintf(text, len, "%s none", name);
    else if (level.entries == level.ways)
        snprintf(text, len, "%s %u full", name, level.entries);
    else
        snprintf(text, len, "%s %u %u-way", name, level.entries, level.ways);
}

static bool tlb_choice(size_t i, struct pw_choice_info *out)
{
    size_t count;
    const struct tlb_preset *presets = tlb_presets(&count);
    char l1d[32], l1i[32], l2[32];
    if (i >= count)
        return false;
    const struct tlb_spec *spec = &presets[i].spec;
    describe_level("L1D", spec->level[TLB_L1D], l1d, sizeof(l1d));
    describe_level("L1I", spec->level[TLB_L1I], l1i, sizeof(l1i));
    describe_level("L2", spec->level[TLB_L2], l2, sizeof(l2));
    snprintf(out->name, sizeof(out->name), "%.63s", spec->name);
    snprintf(out->summary, sizeof(out->summary), "%s, %s, %s", l1d, l1i, l2);
    snprintf(out->source, sizeof(out->source), "%s", presets[i].source);
    return true;
}

static bool format_choice(size_t i, struct pw_choice_info *out)
{
    const char *summary = "found by the trace's first bytes or its name", *name = "auto";
    if (i > 0)
        name = trace_format_name(i - 1, &summary);
    if (!name)
        return false;
    snprintf(out->name, sizeof(out->name), "%s", name);
    snprintf(out->summary, sizeof(out->summary), "%s", summary);
    out->source[0] = '\0';
    return true;
}

bool pw_choice(const char *kind, size_t i, struct pw_choice_info *out)
{
    if (strcmp(kind, "policy") == 0)
        return policy_choice(i, out);
    if (strcmp(kind, "tlb") == 0)
        return tlb_choice(i, out);
    if (strcmp(kind, "format") == 0)
        return format_choice(i, out);
    return false;
}
