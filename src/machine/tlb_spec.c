// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which TLB: the presets, taken from published documents, and the grammar of `--tlb`. A preset is
 * here only if the model can state it: one unified second level, 4 KiB pages. (Zen's second level
 * is split and Golden Cove's first level has stores apart, so they are not.)
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "machine/tlb.h"

static const struct tlb_preset presets[] = {
    {{"skylake", {64, 4}, {128, 8}, {1536, 12}},
     "Intel 64 and IA-32 Architectures Optimization Reference Manual (248966), Skylake Client "
     "Microarchitecture, table \"TLB Parameters\""},
    {{"neoverse-n1", {48, 48}, {48, 48}, {1280, 5}},
     "Arm Neoverse N1 Core Technical Reference Manual (100616), Memory Management Unit, \"TLB "
     "organization\""},
    {{"tiny", {2, 2}, {2, 2}, {0, 0}}, "for tests: the fewest entries that x86-64 programs run on"},
};

const struct tlb_preset *tlb_presets(size_t *count)
{
    *count = sizeof(presets) / sizeof(presets[0]);
    return presets;
}

/* ---- the grammar ---- */

enum { FIELD_L1D, FIELD_L1I, FIELD_L2, FIELD_COUNT };
enum { WRONG_FORM, WRONG_ENTRIES, WRONG_WAYS, WRONG_TWICE, WRONG_MISSING, WRONG_COUNT };

#define FIELD(name, range)                                                                         \
    {                                                                                              \
        name "=",                                                                                  \
        {                                                                                          \
            name ": expected ENTRIES:WAYS", name ": entries must be " range " to 65536",           \
                name ": ways must be at least 1 and divide entries", name " is given twice",       \
                name " is missing"                                                                 \
        }                                                                                          \
    }

static const struct {
    const char *prefix;
    const char *wrong[WRONG_COUNT];
} fields[FIELD_COUNT] = {FIELD("l1d", "1"), FIELD("l1i", "1"), FIELD("l2", "0")};

static const char not_a_spec[] =
    "no such TLB; give a preset or l1d=ENTRIES:WAYS,l1i=ENTRIES:WAYS[,l2=ENTRIES:WAYS]";

/* Reads decimal digits at *at and moves it behind them. Result: false if there are none. A number
 * too large to be sensible becomes some number above TLB_ENTRIES_MAX. */
static bool read_number(const char **at, unsigned *out)
{
    const char *digits = *at;
    unsigned number = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        if (number <= TLB_ENTRIES_MAX)
            number = number * 10 + (unsigned)(**at - '0');
    }
    *out = number;
    return *at != digits;
}

static bool ends_field(char c)
{
    return c == ',' || c == '\0';
}

/* Reads "ENTRIES:WAYS", or "0" for no level, and moves *at to what ends it. Result: NULL, or what
 * is wrong. */
static const char *read_geometry(const char **at, int field, struct tlb_geometry *out)
{
    const char *const *wrong = fields[field].wrong;
    struct tlb_geometry geometry = {0, 0};
    if (!read_number(at, &geometry.entries))
        return wrong[WRONG_FORM];
    if (geometry.entries > TLB_ENTRIES_MAX)
        return wrong[WRONG_ENTRIES];
    if (field == FIELD_L2 && geometry.entries == 0 && ends_field(**at)) {
        *out = geometry;
        return NULL;
    }
    if (*(*at)++ != ':' || !read_number(at, &geometry.ways) || !ends_field(**at))
        return wrong[WRONG_FORM];
    if (geometry.entries == 0)
        return wrong[WRONG_ENTRIES];
    if (!tlb_geometry_is_valid(&geometry))
        return wrong[WRONG_WAYS];
    *out = geometry;
    return NULL;
}

static int find_field(const char **at)
{
    for (int field = 0; field < FIELD_COUNT; field++) {
        size_t len = strlen(fields[field].prefix);
        if (strncmp(*at, fields[field].prefix, len) == 0) {
            *at += len;
            return field;
        }
    }
    return -1;
}

/* Result: NULL, or what is wrong. */
static const char *read_fields(const char *at, struct tlb_geometry geometry[FIELD_COUNT])
{
    bool seen[FIELD_COUNT] = {false};
    for (;; at++) {
        int field = find_field(&at);
        if (field < 0)
            return not_a_spec;
        if (seen[field])
            return fields[field].wrong[WRONG_TWICE];
        seen[field] = true;
        const char *wrong = read_geometry(&at, field, &geometry[field]);
        if (wrong)
            return wrong;
        if (*at == '\0')
            break;
    }
    for (int field = 0; field < FIELD_L2; field++) {
        if (!seen[field])
            return fields[field].wrong[WRONG_MISSING];
    }
    return NULL;
}

static bool find_preset(const char *text, struct tlb_spec *out)
{
    for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
        if (strcmp(text, presets[i].spec.name) == 0) {
            *out = presets[i].spec;
            return true;
        }
    }
    return false;
}

int tlb_spec_parse(const char *text, struct tlb_spec *out, const char **why)
{
    if (find_preset(text, out))
        return 0;
    struct tlb_geometry geometry[FIELD_COUNT] = {{0, 0}};
    const char *wrong = read_fields(text, geometry);
    if (wrong) {
        *why = wrong;
        return -EINVAL;
    }
    *out = (struct tlb_spec){
        .l1d = geometry[FIELD_L1D], .l1i = geometry[FIELD_L1I], .l2 = geometry[FIELD_L2]};
    int len = snprintf(out->name, sizeof(out->name), "l1d=%u:%u,l1i=%u:%u", out->l1d.entries,
                       out->l1d.ways, out->l1i.entries, out->l1i.ways);
    if (out->l2.entries)
        snprintf(out->name + len, sizeof(out->name) - (size_t)len, ",l2=%u:%u", out->l2.entries,
                 out->l2.ways);
    return 0;
}
