// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which TLB: the presets, taken from published documents, and the grammar of `--tlb`. A preset is
 * here only if the model can state it: one unified second level, 4 KiB pages. (Zen's second level
 * is split and Golden Cove's first level has stores apart, so they are not.)
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "machine/tlb.h"

static const struct tlb_preset presets[] = {
    {{.name = "skylake", .l1d = {64, 4}, .l1i = {128, 8}, .l2 = {1536, 12}},
     "Intel 64 and IA-32 Architectures Optimization Reference Manual (248966), Skylake Client "
     "Microarchitecture, table \"TLB Parameters\""},
    {{.name = "neoverse-n1", .l1d = {48, 48}, .l1i = {48, 48}, .l2 = {1280, 5}},
     "Arm Neoverse N1 Core Technical Reference Manual (100616), Memory Management Unit, \"TLB "
     "organization\""},
    {{.name = "tiny", .l1d = {2, 2}, .l1i = {2, 2}},
     "for tests: the fewest entries that x86-64 programs run on"},
};

const struct tlb_preset *tlb_presets(size_t *count)
{
    *count = sizeof(presets) / sizeof(presets[0]);
    return presets;
}

/* ---- the grammar ---- */

enum { WRONG_FORM, WRONG_ENTRIES, WRONG_WAYS, WRONG_TWICE, WRONG_MISSING, WRONG_COUNT };
enum need { REQUIRED, OPTIONAL };

/* A part of a spec that is a geometry: what stands before it, and where it goes. */
struct field {
    const char *prefix;
    size_t offset; /* in struct tlb_spec */
    enum need need;
    const char *wrong[WRONG_COUNT];
};

#define FIELD(name, equals, member, need, range)                                                   \
    {                                                                                              \
        name equals, offsetof(struct tlb_spec, member), need,                                      \
        {                                                                                          \
            name ": expected ENTRIES:WAYS", name ": entries must be " range " to 65536",           \
                name ": ways must be at least 1 and divide entries", name " is given twice",       \
                name " is missing"                                                                 \
        }                                                                                          \
    }

static const struct field tlb_fields[] = {
    FIELD("l1d", "=", l1d, REQUIRED, "1"),
    FIELD("l1i", "=", l1i, REQUIRED, "1"),
    FIELD("l2", "=", l2, OPTIONAL, "0"),
};
static const struct field pwc_fields[] = {
    FIELD("pd", ":", pwc[2], OPTIONAL, "0"),
    FIELD("pdpt", ":", pwc[3], OPTIONAL, "0"),
    FIELD("pml4", ":", pwc[4], OPTIONAL, "0"),
    FIELD("pml5", ":", pwc[5], OPTIONAL, "0"),
};
enum {
    NTLB = sizeof(tlb_fields) / sizeof(tlb_fields[0]),
    NPWC = sizeof(pwc_fields) / sizeof(pwc_fields[0]),
};
static const char pwc_prefix[] = "pwc=";

static const char not_a_spec[] =
    "no such TLB; give a preset or l1d=ENTRIES:WAYS,l1i=ENTRIES:WAYS[,...]: see 'pagewalk help "
    "tlb'";
static const char not_a_cache[] =
    "pwc: expected CACHE:ENTRIES:WAYS[/...] with pd, pdpt, pml4 or pml5";

/* A text being read. */
struct reader {
    const char *at;
    struct tlb_spec spec;
    unsigned seen_tlb, seen_pwc; /* bit of each field that was given */
};

static struct tlb_geometry *geometry_of(struct tlb_spec *spec, const struct field *field)
{
    return (struct tlb_geometry *)(void *)((char *)spec + field->offset);
}

/* Reads decimal digits and moves behind them. Result: false if there are none. A number too large
 * to be sensible becomes some number above TLB_ENTRIES_MAX. */
static bool read_number(struct reader *r, unsigned *out)
{
    const char *digits = r->at;
    unsigned number = 0;
    for (; *r->at >= '0' && *r->at <= '9'; r->at++) {
        if (number <= TLB_ENTRIES_MAX)
            number = number * 10 + (unsigned)(*r->at - '0');
    }
    *out = number;
    return r->at != digits;
}

static bool skip(struct reader *r, const char *prefix)
{
    size_t len = strlen(prefix);
    if (strncmp(r->at, prefix, len) != 0)
        return false;
    r->at += len;
    return true;
}

static bool is_at_end(const struct reader *r, const char *ends)
{
    return *r->at == '\0' || strchr(ends, *r->at) != NULL;
}

/* Reads "ENTRIES:WAYS", or "0" where there may be no such thing, up to one of `ends` or the end.
 * Result: NULL, or what is wrong. */
static const char *read_geometry(struct reader *r, const struct field *field, const char *ends)
{
    struct tlb_geometry geometry = {0, 0};
    if (!read_number(r, &geometry.entries))
        return field->wrong[WRONG_FORM];
    if (geometry.entries > TLB_ENTRIES_MAX)
        return field->wrong[WRONG_ENTRIES];
    bool is_none = field->need == OPTIONAL && geometry.entries == 0 && is_at_end(r, ends);
    if (!is_none) {
        if (*r->at++ != ':' || !read_number(r, &geometry.ways) || !is_at_end(r, ends))
            return field->wrong[WRONG_FORM];
        if (geometry.entries == 0)
            return field->wrong[WRONG_ENTRIES];
        if (!tlb_geometry_is_valid(&geometry))
            return field->wrong[WRONG_WAYS];
    }
    *geometry_of(&r->spec, field) = geometry;
    return NULL;
}

/* Reads one of the fields. Result: NULL, or what is wrong. */
static const char *read_field(struct reader *r, const struct field *fields, unsigned n,
                              unsigned *seen, const char *ends, const char *unknown)
{
    for (unsigned i = 0; i < n; i++) {
        if (!skip(r, fields[i].prefix))
            continue;
        if (*seen >> i & 1)
            return fields[i].wrong[WRONG_TWICE];
        *seen |= 1u << i;
        return read_geometry(r, &fields[i], ends);
    }
    return unknown;
}

static const char *read_pwc(struct reader *r)
{
    if (r->seen_pwc)
        return "pwc is given twice";
    for (;; r->at++) {
        const char *wrong = read_field(r, pwc_fields, NPWC, &r->seen_pwc, "/,", not_a_cache);
        if (wrong || *r->at != '/')
            return wrong;
    }
}

static const char *read_fields(struct reader *r)
{
    for (;; r->at++) {
        const char *wrong = skip(r, pwc_prefix)
                                ? read_pwc(r)
                                : read_field(r, tlb_fields, NTLB, &r->seen_tlb, ",", not_a_spec);
        if (wrong)
            return wrong;
        if (*r->at == '\0')
            break;
    }
    for (unsigned i = 0; i < NTLB; i++) {
        if (tlb_fields[i].need == REQUIRED && !(r->seen_tlb >> i & 1))
            return tlb_fields[i].wrong[WRONG_MISSING];
    }
    return NULL;
}

/* ---- the name ---- */

__attribute__((format(printf, 2, 3))) static void append(struct tlb_spec *spec, const char *format,
                                                         ...)
{
    size_t len = strlen(spec->name);
    va_list args;
    va_start(args, format);
    vsnprintf(spec->name + len, sizeof(spec->name) - len, format, args);
    va_end(args);
}

/* The fields that are there, each after its separator; the first after `first`. */
static void append_fields(struct tlb_spec *spec, const struct field *fields, unsigned n,
                          const char *first, const char *next)
{
    for (unsigned i = 0; i < n; i++) {
        const struct tlb_geometry *geometry = geometry_of(spec, &fields[i]);
        if (!geometry->entries)
            continue;
        append(spec, "%s%s%u:%u", first, fields[i].prefix, geometry->entries, geometry->ways);
        first = next;
    }
}

static void write_name(struct tlb_spec *spec)
{
    spec->name[0] = '\0';
    append_fields(spec, tlb_fields, NTLB, "", ",");
    append_fields(spec, pwc_fields, NPWC, ",pwc=", "/");
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
    struct reader r = {.at = text};
    const char *wrong = read_fields(&r);
    if (wrong) {
        *why = wrong;
        return -EINVAL;
    }
    write_name(&r.spec);
    *out = r.spec;
    return 0;
}
