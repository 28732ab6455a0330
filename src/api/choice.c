// SPDX-License-Identifier: GPL-2.0-or-later
/* What help can list: the replacement policies, the TLB presets and the formats of traces. */
#include <stdarg.h>
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
    out->source[0] = out->rows[0] = '\0';
    return true;
}

struct text {
    char *at;
    size_t left;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text->at, text->left, format, args);
    va_end(args);
    size_t written = (size_t)len < text->left ? (size_t)len : text->left - 1;
    text->at += written;
    text->left -= written;
}

static const char *shape(const struct tlb_geometry *geometry, char out[32])
{
    static const char *const policies[] = {"", " tree-plru", " fifo", " random"};
    snprintf(out, 32, "%u:%u%s", geometry->entries, geometry->ways, policies[geometry->policy]);
    return out;
}

/* How a level holds pages of 2 MiB or 1 GiB. */
static const char *shape_large(const struct tlb_spec *spec, enum tlb_level_kind kind,
                               enum tlb_size size, char out[32])
{
    if (spec->split[kind][size])
        return "split";
    return spec->own[kind][size].entries ? shape(&spec->own[kind][size], out) : "shared";
}

static void put_level(struct text *text, const char *name, const struct tlb_spec *spec,
                      enum tlb_level_kind kind)
{
    char small[32], middle[32], large[32];
    if (spec->level[kind].entries)
        put(text, "%-8s %-17s %-17s %s\n", name, shape(&spec->level[kind], small),
            shape_large(spec, kind, TLB_2M, middle), shape_large(spec, kind, TLB_1G, large));
}

static const char *size_text(uint64_t bytes, char out[32])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    double size = (double)bytes;
    for (; size >= 1024 && unit < 4; unit++)
        size /= 1024;
    snprintf(out, 32, "%.4g %s", size, units[unit]);
    return out;
}

static void put_reach(struct text *text, const char *name, const struct tlb_spec *spec,
                      enum tlb_level_kind kind)
{
    char small[32], middle[32], large[32];
    if (spec->level[kind].entries)
        put(text, "%-8s %-17s %-17s %s\n", name,
            size_text(tlb_spec_reach(spec, kind, TLB_4K), small),
            size_text(tlb_spec_reach(spec, kind, TLB_2M), middle),
            size_text(tlb_spec_reach(spec, kind, TLB_1G), large));
}

static void put_walk_caches(struct text *text, const struct tlb_spec *spec)
{
    static const char *const names[] = {"", "", "pd", "pdpt", "pml4", "pml5"};
    const char *before = "walks    ";
    char cache[32];
    for (unsigned level = 2; level <= MMU_LEVELS_MAX; level++) {
        if (!spec->pwc[level].entries)
            continue;
        put(text, "%s%s %s", before, names[level], shape(&spec->pwc[level], cache));
        before = ", ";
    }
    if (before[0] == ',')
        put(text, "\n");
}

static bool tlb_choice(size_t i, struct pw_choice_info *out)
{
    size_t count;
    const struct tlb_preset *presets = tlb_presets(&count);
    if (i >= count)
        return false;
    const struct tlb_spec *spec = &presets[i].spec;
    struct text rows = {out->rows, sizeof(out->rows)};
    put_level(&rows, "L1 data", spec, TLB_L1D);
    put_level(&rows, "L1 code", spec, TLB_L1I);
    put_level(&rows, spec->level[TLB_L2I].entries ? "L2 data" : "L2", spec, TLB_L2);
    put_level(&rows, "L2 code", spec, TLB_L2I);
    put_reach(&rows, "L1 reach", spec, TLB_L1D);
    put_reach(&rows, "L2 reach", spec, TLB_L2);
    put_walk_caches(&rows, spec);
    snprintf(out->name, sizeof(out->name), "%.63s", spec->name);
    snprintf(out->summary, sizeof(out->summary), "%u and %u entries in L1, %u in L2",
             spec->level[TLB_L1D].entries, spec->level[TLB_L1I].entries,
             spec->level[TLB_L2].entries + spec->level[TLB_L2I].entries);
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
