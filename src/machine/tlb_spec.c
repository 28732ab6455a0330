// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which TLB: the presets, taken from published documents, and the grammar of `--tlb`. What the
 * documents leave open is assumed, and said to be: vendors publish neither the sizes of page-walk
 * caches nor, mostly, replacement policies.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "machine/pte.h"
#include "machine/tlb.h"

/* What a walk cache of a few dozen directories and fewer of what is above them would be. */
#define ASSUMED_PWC                                                                                \
    .pwc = {[2] = {32, 4, TLB_LRU},                                                                \
            [3] = {4, 4, TLB_LRU},                                                                 \
            [4] = {4, 4, TLB_LRU},                                                                 \
            [5] = {2, 2, TLB_LRU}}

static const struct tlb_preset presets[] = {
    {{.name = "skylake",
      .level = {[TLB_L1D] = {64, 4, TLB_LRU},
                [TLB_L1I] = {128, 8, TLB_LRU},
                [TLB_L2] = {1536, 12, TLB_LRU}},
      .own = {[TLB_L1D] = {[TLB_2M] = {32, 4, TLB_LRU}, [TLB_1G] = {4, 4, TLB_LRU}},
              [TLB_L1I] = {[TLB_2M] = {8, 8, TLB_LRU}},
              [TLB_L2] = {[TLB_1G] = {16, 4, TLB_LRU}}},
      .split = {[TLB_L1I] = {[TLB_1G] = true}},
      ASSUMED_PWC},
     "Intel 64 and IA-32 Architectures Optimization Reference Manual (248966), Skylake Client "
     "Microarchitecture, table \"TLB Parameters\". Assumed: LRU, walk caches."},
    {{.name = "golden-cove",
      .level = {[TLB_L1D] = {96, 6, TLB_TREE_PLRU},
                [TLB_L1I] = {256, 8, TLB_TREE_PLRU},
                [TLB_L2] = {2048, 16, TLB_TREE_PLRU}},
      .own = {[TLB_L1D] = {[TLB_2M] = {32, 4, TLB_TREE_PLRU}, [TLB_1G] = {8, 8, TLB_TREE_PLRU}},
              [TLB_L1I] = {[TLB_2M] = {32, 8, TLB_TREE_PLRU}}},
      .split = {[TLB_L1I] = {[TLB_1G] = true}},
      ASSUMED_PWC},
     "Intel 64 and IA-32 Architectures Optimization Reference Manual (248966), Golden Cove "
     "Microarchitecture, TLB parameters; pseudo-LRU: Hennessy and Patterson, Computer "
     "Architecture, "
     "7th ed., on the Core i9-12900. Left out: the 16-entry TLB that stores have to themselves; "
     "that 1 GiB pages use half of L2 only. Assumed: walk caches."},
    {{.name = "zen4",
      .level = {[TLB_L1D] = {72, 72, TLB_LRU},
                [TLB_L1I] = {64, 64, TLB_LRU},
                [TLB_L2] = {3072, 24, TLB_LRU},
                [TLB_L2I] = {512, 8, TLB_LRU}},
      .split = {[TLB_L2] = {[TLB_1G] = true}, [TLB_L2I] = {[TLB_1G] = true}},
      ASSUMED_PWC},
     "AMD, Software Optimization Guide for the Zen4 Microarchitecture (57647), Memory Address "
     "Translation. Left out: page-directory entries that its L2 holds beside pages. Assumed: LRU, "
     "walk caches."},
    {{.name = "neoverse-n1",
      .level = {[TLB_L1D] = {48, 48, TLB_LRU},
                [TLB_L1I] = {48, 48, TLB_LRU},
                [TLB_L2] = {1280, 5, TLB_LRU}},
      .split = {[TLB_L1D] = {[TLB_1G] = true}, [TLB_L1I] = {[TLB_1G] = true}},
      ASSUMED_PWC},
     "Arm Neoverse N1 Core Technical Reference Manual (100616), Memory Management Unit, \"TLB "
     "organization\"; the same as Cortex-A76's (100798). Left out: results of walks that its L2 "
     "holds beside pages. Assumed: LRU, walk caches."},
    {{.name = "tiny", .level = {[TLB_L1D] = {2, 2, TLB_LRU}, [TLB_L1I] = {2, 2, TLB_LRU}}},
     "for tests: the fewest entries that x86-64 programs run on"},
};

const struct tlb_preset *tlb_presets(size_t *count)
{
    *count = sizeof(presets) / sizeof(presets[0]);
    return presets;
}

/* ---- the grammar ---- */

enum {
    WRONG_FORM,
    WRONG_ENTRIES,
    WRONG_WAYS,
    WRONG_POLICY,
    WRONG_TWICE,
    WRONG_MISSING,
    WRONG_COUNT
};
enum kind {
    REQUIRED,
    OPTIONAL, /* 0 says that there is none */
    LARGE,    /* entries for large pages; "split" says that they come in smaller ones */
};

/* A part of a spec that is a geometry: what stands before it, and where it goes. */
struct field {
    const char *prefix;
    enum kind kind;
    size_t offset; /* in struct tlb_spec */
    size_t split;  /* LARGE: of that flag */
    const char *wrong[WRONG_COUNT];
};

#define FIELD(name, equals, member, kind, split, or_split, range)                                  \
    {                                                                                              \
        name equals, kind, offsetof(struct tlb_spec, member), split,                               \
        {                                                                                          \
            name ": expected ENTRIES:WAYS[:POLICY]" or_split,                                      \
                name ": entries must be " range " to 65536",                                       \
                name ": ways must be at least 1 and divide entries",                               \
                name ": the policy must be lru, tree-plru, fifo or random",                        \
                name " is given twice", name " is missing"                                         \
        }                                                                                          \
    }
#define LARGE_FIELD(name, at, size)                                                                \
    FIELD(name, "=", own[at][size], LARGE, offsetof(struct tlb_spec, split[at][size]),             \
          " or split", "1")

static const struct field tlb_fields[] = {
    FIELD("l1d", "=", level[TLB_L1D], REQUIRED, 0, "", "1"),
    LARGE_FIELD("l1d-2m", TLB_L1D, TLB_2M),
    LARGE_FIELD("l1d-1g", TLB_L1D, TLB_1G),
    FIELD("l1i", "=", level[TLB_L1I], REQUIRED, 0, "", "1"),
    LARGE_FIELD("l1i-2m", TLB_L1I, TLB_2M),
    LARGE_FIELD("l1i-1g", TLB_L1I, TLB_1G),
    FIELD("l2", "=", level[TLB_L2], OPTIONAL, 0, "", "0"),
    LARGE_FIELD("l2-2m", TLB_L2, TLB_2M),
    LARGE_FIELD("l2-1g", TLB_L2, TLB_1G),
    FIELD("l2i", "=", level[TLB_L2I], OPTIONAL, 0, "", "0"),
    LARGE_FIELD("l2i-2m", TLB_L2I, TLB_2M),
    LARGE_FIELD("l2i-1g", TLB_L2I, TLB_1G),
};
static const struct field pwc_fields[] = {
    FIELD("pd", ":", pwc[2], OPTIONAL, 0, "", "0"),
    FIELD("pdpt", ":", pwc[3], OPTIONAL, 0, "", "0"),
    FIELD("pml4", ":", pwc[4], OPTIONAL, 0, "", "0"),
    FIELD("pml5", ":", pwc[5], OPTIONAL, 0, "", "0"),
};
enum {
    NTLB = sizeof(tlb_fields) / sizeof(tlb_fields[0]),
    NPWC = sizeof(pwc_fields) / sizeof(pwc_fields[0]),
};
static const char pwc_prefix[] = "pwc=", seed_prefix[] = "seed=", inclusive_prefix[] = "inclusive=",
                  asid_prefix[] = "asid=";

static const char *const policies[] = {
    [TLB_LRU] = "lru",
    [TLB_TREE_PLRU] = "tree-plru",
    [TLB_FIFO] = "fifo",
    [TLB_RANDOM] = "random",
};
enum { NPOLICIES = sizeof(policies) / sizeof(policies[0]), DEFAULT_SEED = 1 };

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
    bool seen_seed, seen_inclusive, seen_asid;
};

/* The flag of a field that is LARGE. */
static bool *split_of(struct tlb_spec *spec, const struct field *field)
{
    return (bool *)((char *)spec + field->split);
}

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

/* Reads a policy's name up to one of `ends` or the end. Result: false if there is none such. */
static bool read_policy(struct reader *r, const char *ends, enum tlb_policy *out)
{
    for (unsigned i = 0; i < NPOLICIES; i++) {
        struct reader behind = *r;
        if (skip(&behind, policies[i]) && is_at_end(&behind, ends)) {
            *out = (enum tlb_policy)i;
            *r = behind;
            return true;
        }
    }
    return false;
}

/* Reads ":WAYS[:POLICY]" up to one of `ends` or the end. Result: NULL, or what is wrong. */
static const char *read_shape(struct reader *r, const struct field *field, const char *ends,
                              struct tlb_geometry *out)
{
    if (!skip(r, ":") || !read_number(r, &out->ways))
        return field->wrong[WRONG_FORM];
    if (skip(r, ":") && !read_policy(r, ends, &out->policy))
        return field->wrong[WRONG_POLICY];
    if (!is_at_end(r, ends))
        return field->wrong[WRONG_FORM];
    if (out->entries == 0)
        return field->wrong[WRONG_ENTRIES];
    return tlb_geometry_is_valid(out) ? NULL : field->wrong[WRONG_WAYS];
}

/* Reads "ENTRIES:WAYS[:POLICY]", or what else a field of its kind may say. Result: NULL, or what is
 * wrong. */
static const char *read_geometry(struct reader *r, const struct field *field, const char *ends)
{
    struct tlb_geometry geometry = {.policy = TLB_LRU};
    if (field->kind == LARGE && skip(r, "split") && is_at_end(r, ends)) {
        *split_of(&r->spec, field) = true;
        return NULL;
    }
    if (!read_number(r, &geometry.entries))
        return field->wrong[WRONG_FORM];
    if (geometry.entries > TLB_ENTRIES_MAX)
        return field->wrong[WRONG_ENTRIES];
    if (field->kind == OPTIONAL && geometry.entries == 0 && is_at_end(r, ends))
        return NULL;
    const char *wrong = read_shape(r, field, ends, &geometry);
    if (!wrong)
        *geometry_of(&r->spec, field) = geometry;
    return wrong;
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

static const char *read_seed(struct reader *r)
{
    unsigned seed;
    if (r->seen_seed)
        return "seed is given twice";
    r->seen_seed = true;
    if (!read_number(r, &seed) || !is_at_end(r, ",") || seed > TLB_ENTRIES_MAX)
        return "seed: expected a number up to 65536";
    r->spec.seed = seed;
    return NULL;
}

/* Reads "yes" or "no" up to the end of a field. Result: false if it is neither. */
static bool read_switch(struct reader *r, bool *out)
{
    *out = skip(r, "yes");
    return (*out || skip(r, "no")) && is_at_end(r, ",");
}

static const char *read_inclusive(struct reader *r)
{
    if (r->seen_inclusive)
        return "inclusive is given twice";
    r->seen_inclusive = true;
    return read_switch(r, &r->spec.inclusive) ? NULL : "inclusive: expected yes or no";
}

static const char *read_asid(struct reader *r)
{
    bool tagged = true;
    if (r->seen_asid)
        return "asid is given twice";
    r->seen_asid = true;
    if (!read_switch(r, &tagged))
        return "asid: expected yes or no";
    r->spec.untagged = !tagged;
    return NULL;
}

static const char *read_any_field(struct reader *r)
{
    if (skip(r, pwc_prefix))
        return read_pwc(r);
    if (skip(r, seed_prefix))
        return read_seed(r);
    if (skip(r, inclusive_prefix))
        return read_inclusive(r);
    if (skip(r, asid_prefix))
        return read_asid(r);
    return read_field(r, tlb_fields, NTLB, &r->seen_tlb, ",", not_a_spec);
}

static bool has_only_large(const struct tlb_spec *spec, enum tlb_level_kind kind)
{
    const struct tlb_geometry *own = spec->own[kind];
    return !spec->level[kind].entries && own[TLB_2M].entries + own[TLB_1G].entries > 0;
}

static const char *check_second(const struct tlb_spec *spec)
{
    if (has_only_large(spec, TLB_L2))
        return "l2-2m and l2-1g need an l2";
    if (has_only_large(spec, TLB_L2I))
        return "l2i-2m and l2i-1g need an l2i";
    if (spec->level[TLB_L2I].entries && !spec->level[TLB_L2].entries)
        return "l2i needs an l2";
    return NULL;
}

static const char *read_fields(struct reader *r)
{
    for (;; r->at++) {
        const char *wrong = read_any_field(r);
        if (wrong)
            return wrong;
        if (*r->at == '\0')
            break;
    }
    for (unsigned i = 0; i < NTLB; i++) {
        if (tlb_fields[i].kind == REQUIRED && !(r->seen_tlb >> i & 1))
            return tlb_fields[i].wrong[WRONG_MISSING];
    }
    return check_second(&r->spec);
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

static void append_shape(struct tlb_spec *spec, const struct tlb_geometry *geometry)
{
    append(spec, "%u:%u", geometry->entries, geometry->ways);
    if (geometry->policy != TLB_LRU)
        append(spec, ":%s", policies[geometry->policy]);
}

/* The fields that are there, each after its separator; the first after `first`. */
static void append_fields(struct tlb_spec *spec, const struct field *fields, unsigned n,
                          const char *first, const char *next)
{
    for (unsigned i = 0; i < n; i++) {
        const struct tlb_geometry *geometry = geometry_of(spec, &fields[i]);
        bool is_split = fields[i].kind == LARGE && *split_of(spec, &fields[i]);
        if (!geometry->entries && !is_split)
            continue;
        append(spec, "%s%s", first, fields[i].prefix);
        if (is_split)
            append(spec, "split");
        else
            append_shape(spec, geometry);
        first = next;
    }
}

static void write_name(struct tlb_spec *spec)
{
    spec->name[0] = '\0';
    append_fields(spec, tlb_fields, NTLB, "", ",");
    append_fields(spec, pwc_fields, NPWC, ",pwc=", "/");
    if (spec->inclusive)
        append(spec, ",%syes", inclusive_prefix);
    if (spec->untagged)
        append(spec, ",%sno", asid_prefix);
    if (spec->seed != DEFAULT_SEED)
        append(spec, ",%s%u", seed_prefix, (unsigned)spec->seed);
}

static bool find_preset(const char *text, struct tlb_spec *out)
{
    for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
        if (strcmp(text, presets[i].spec.name) == 0) {
            *out = presets[i].spec;
            out->seed = DEFAULT_SEED;
            return true;
        }
    }
    return false;
}

int tlb_spec_parse(const char *text, struct tlb_spec *out, const char **why)
{
    if (find_preset(text, out))
        return 0;
    struct reader r = {.at = text, .spec.seed = DEFAULT_SEED};
    const char *wrong = read_fields(&r);
    if (wrong) {
        *why = wrong;
        return -EINVAL;
    }
    write_name(&r.spec);
    *out = r.spec;
    return 0;
}

uint64_t tlb_spec_reach(const struct tlb_spec *spec, enum tlb_level_kind kind, enum tlb_size page)
{
    unsigned piece = page, entries = spec->level[kind].entries;
    while (spec->split[kind][piece])
        piece--;
    if (entries && spec->own[kind][piece].entries)
        entries = spec->own[kind][piece].entries;
    return (uint64_t)entries << pte_level_shift(piece + 1);
}
