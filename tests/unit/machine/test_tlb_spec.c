// SPDX-License-Identifier: GPL-2.0-or-later
/* The presets and the grammar of TLB specs: each wrong text gets the message that names its field,
 * and damaged texts, a bounded number of them, are parsed or refused, never worse. */
#include "machine/tlb.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct tlb_spec parse(const char *text)
{
    struct tlb_spec spec;
    const char *why = NULL;
    if (tlb_spec_parse(text, &spec, &why))
        fail_msg("\"%s\": %s", text, why);
    return spec;
}

static void refuse(const char *text, const char *expected)
{
    struct tlb_spec spec, was;
    const char *why = NULL;
    memset(&spec, 0x5a, sizeof(spec));
    was = spec;
    assert_int_equal(tlb_spec_parse(text, &spec, &why), -EINVAL);
    assert_non_null(why);
    if (!strstr(why, expected))
        fail_msg("\"%s\": \"%s\" does not say \"%s\"", text, why, expected);
    assert_memory_equal(&spec, &was, sizeof(spec)); /* untouched on failure */
}

static void expect(struct tlb_geometry geometry, unsigned entries, unsigned ways)
{
    assert_int_equal(geometry.entries, entries);
    assert_int_equal(geometry.ways, ways);
}

static void test_presets(void **state)
{
    size_t count = 0;
    const struct tlb_preset *presets = tlb_presets(&count);
    assert_true(count >= 2);
    assert_string_equal(presets[0].spec.name, "skylake");
    for (size_t i = 0; i < count; i++) {
        struct tlb_spec spec = parse(presets[i].spec.name);
        assert_string_equal(spec.name, presets[i].spec.name);
        assert_int_equal(spec.seed, 1);
        assert_true(strlen(presets[i].source) > 10);
        assert_true(tlb_geometry_is_valid(&spec.level[TLB_L1D]) && spec.level[TLB_L1D].entries);
        assert_true(tlb_geometry_is_valid(&spec.level[TLB_L1I]) && spec.level[TLB_L1I].entries);
        assert_true(tlb_geometry_is_valid(&spec.level[TLB_L2]));
    }
    struct tlb_spec tiny = parse("tiny");
    expect(tiny.level[TLB_L1D], 2, 2);
    expect(tiny.level[TLB_L1I], 2, 2);
    expect(tiny.level[TLB_L2], 0, 0);
}

/* What the documents named beside the presets say: entries:ways by level and page size. */
static void test_presets_are_as_published(void **state)
{
    static const char *const published[][2] = {
        {"skylake", "l1d=64:4,l1d-2m=32:4,l1d-1g=4:4,l1i=128:8,l1i-2m=8:8,l1i-1g=split,"
                    "l2=1536:12,l2-1g=16:4"},
        {"golden-cove", "l1d=96:6:tree-plru,l1d-2m=32:4:tree-plru,l1d-1g=8:8:tree-plru,"
                        "l1i=256:8:tree-plru,l1i-2m=32:8:tree-plru,l1i-1g=split,"
                        "l2=2048:16:tree-plru"},
        {"zen4", "l1d=72:72,l1i=64:64,l2=3072:24,l2-1g=split,l2i=512:8,l2i-1g=split"},
        {"neoverse-n1", "l1d=48:48,l1d-1g=split,l1i=48:48,l1i-1g=split,l2=1280:5"},
    };
    for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
        struct tlb_spec preset = parse(published[i][0]), spec = parse(published[i][1]);
        assert_memory_equal(preset.level, spec.level, sizeof(spec.level));
        assert_memory_equal(preset.own, spec.own, sizeof(spec.own));
        assert_memory_equal(preset.split, spec.split, sizeof(spec.split));
    }
    size_t count;
    const struct tlb_preset *presets = tlb_presets(&count);
    for (size_t i = 0; i < count; i++) { /* no vendor publishes them */
        bool has_walk_cache = presets[i].spec.pwc[2].entries;
        assert_int_equal(has_walk_cache, strstr(presets[i].source, "walk caches") != NULL);
        assert_int_equal(has_walk_cache, strstr(presets[i].source, "Assumed: ") != NULL);
    }
}

static void test_specs(void **state)
{
    struct tlb_spec spec = parse("l1d=64:4,l1i=64:8,l2=1536:12");
    expect(spec.level[TLB_L1D], 64, 4);
    expect(spec.level[TLB_L1I], 64, 8);
    expect(spec.level[TLB_L2], 1536, 12);
    assert_string_equal(spec.name, "l1d=64:4,l1i=64:8,l2=1536:12");
    spec = parse("l2=0,l1i=0007:7,l1d=65536:1");
    expect(spec.level[TLB_L1D], 65536, 1);
    expect(spec.level[TLB_L1I], 7, 7);
    expect(spec.level[TLB_L2], 0, 0);
    assert_string_equal(spec.name, "l1d=65536:1,l1i=7:7");
    spec = parse("l1d=15:5,l1i=1:1"); /* no second level is the default of a spec */
    expect(spec.level[TLB_L2], 0, 0);
    spec = parse("l1d=65536:65536,l1i=65536:65536,l2=65536:65536");
    assert_string_equal(spec.name, "l1d=65536:65536,l1i=65536:65536,l2=65536:65536");
}

static void test_walk_caches(void **state)
{
    struct tlb_spec spec = parse("pwc=pml4:2:2/pd:32:4,l1i=1:1,l1d=1:1");
    expect(spec.pwc[2], 32, 4);
    expect(spec.pwc[3], 0, 0);
    expect(spec.pwc[4], 2, 2);
    expect(spec.pwc[5], 0, 0);
    assert_string_equal(spec.name, "l1d=1:1,l1i=1:1,pwc=pd:32:4/pml4:2:2");
    spec = parse("l1d=1:1,l1i=1:1,l2=8:4,pwc=pml5:1:1/pdpt:3:1/pd:0");
    expect(spec.pwc[3], 3, 1);
    expect(spec.pwc[5], 1, 1);
    assert_string_equal(spec.name, "l1d=1:1,l1i=1:1,l2=8:4,pwc=pdpt:3:1/pml5:1:1");
}

static void test_policies(void **state)
{
    struct tlb_spec spec =
        parse("l1d=64:4:tree-plru,l1i=8:8:fifo,l2=96:6:random,pwc=pd:4:4:lru/pml4:2:2:fifo,seed=9");
    assert_int_equal(spec.level[TLB_L1D].policy, TLB_TREE_PLRU);
    assert_int_equal(spec.level[TLB_L1I].policy, TLB_FIFO);
    assert_int_equal(spec.level[TLB_L2].policy, TLB_RANDOM);
    assert_int_equal(spec.pwc[2].policy, TLB_LRU);
    assert_int_equal(spec.pwc[4].policy, TLB_FIFO);
    assert_int_equal(spec.seed, 9);
    assert_string_equal(spec.name, "l1d=64:4:tree-plru,l1i=8:8:fifo,l2=96:6:random,"
                                   "pwc=pd:4:4/pml4:2:2:fifo,seed=9");
    spec = parse("seed=1,l1d=4:4:lru,l1i=4:4");
    assert_string_equal(spec.name, "l1d=4:4,l1i=4:4");
    assert_int_not_equal(tlb_spec_seed(&spec, 0), tlb_spec_seed(&spec, 1));
}

static void test_large_pages(void **state)
{
    struct tlb_spec spec =
        parse("l1d=64:4,l1d-2m=32:4:fifo,l1d-1g=split,l1i=8:8,l2=96:6,l2-1g=16:4,"
              "l2i=64:8,l2i-2m=split,inclusive=yes");
    expect(spec.own[TLB_L1D][TLB_2M], 32, 4);
    assert_true(spec.split[TLB_L1D][TLB_1G] && !spec.split[TLB_L1D][TLB_2M]);
    expect(spec.own[TLB_L1I][TLB_2M], 0, 0);
    expect(spec.own[TLB_L2][TLB_1G], 16, 4);
    expect(spec.level[TLB_L2I], 64, 8);
    assert_true(spec.split[TLB_L2I][TLB_2M] && spec.inclusive);
    assert_string_equal(
        spec.name, "l1d=64:4,l1d-2m=32:4:fifo,l1d-1g=split,l1i=8:8,l2=96:6,l2-1g=16:4,l2i=64:8,"
                   "l2i-2m=split,inclusive=yes");
}

static void test_wrong_specs(void **state)
{
    refuse("", "no such TLB");
    refuse("skylak", "no such TLB");
    refuse("SKYLAKE", "no such TLB");
    refuse("l1x=1:1", "no such TLB");
    refuse("l1d=4:4,", "no such TLB");
    refuse(",l1d=4:4", "no such TLB");
    refuse("l1d=4:4;l1i=4:4", "l1d: expected ENTRIES:WAYS");
    refuse("l1d=", "l1d: expected ENTRIES:WAYS");
    refuse("l1d=4,l1i=4:4", "l1d: expected ENTRIES:WAYS");
    refuse("l1d=4:,l1i=4:4", "l1d: expected ENTRIES:WAYS");
    refuse("l1d=:4,l1i=4:4", "l1d: expected ENTRIES:WAYS");
    refuse("l1d=-4:4,l1i=4:4", "l1d: expected ENTRIES:WAYS");
    refuse("l1d= 4:4,l1i=4:4", "l1d: expected ENTRIES:WAYS");
    refuse("l1d=0x4:4,l1i=4:4", "l1d: expected ENTRIES:WAYS");
    refuse("l1d=4:4:4,l1i=4:4", "l1d: the policy must be lru, tree-plru, fifo or random");
    refuse("l1d=4:4:,l1i=4:4", "l1d: the policy must be");
    refuse("l1d=4:4:lr,l1i=4:4", "l1d: the policy must be");
    refuse("l1d=4:4:lruu,l1i=4:4", "l1d: the policy must be");
    refuse("l1d=4:4:fifo/,l1i=4:4", "l1d: the policy must be");
    refuse("l1d=4:4:LRU,l1i=4:4", "l1d: the policy must be");
    refuse("l1d=4:4,l1i=4:4,pwc=pml4:4:4:mru/pd:4:4", "pml4: the policy must be");
    refuse("l1d=4:4,l1i=4:4,seed=", "seed: expected a number");
    refuse("l1d=4:4,l1i=4:4,seed=-1", "seed: expected a number");
    refuse("l1d=4:4,l1i=4:4,seed=65537", "seed: expected a number");
    refuse("seed=1,l1d=4:4,l1i=4:4,seed=1", "seed is given twice");
    refuse("l1d=4:4,l1i=4:4k", "l1i: expected ENTRIES:WAYS");
    refuse("l1d=4:4,l1i=4:4,l2=12", "l2: expected ENTRIES:WAYS");
    refuse("l1d=0:0,l1i=4:4", "l1d: entries must be 1 to 65536");
    refuse("l1d=0:1,l1i=4:4", "l1d: entries must be 1 to 65536");
    refuse("l1d=0,l1i=4:4", "l1d: expected ENTRIES:WAYS");
    refuse("l1d=65537:1,l1i=4:4", "l1d: entries must be 1 to 65536");
    refuse("l1d=4:4,l1i=4:4,l2=65537:1", "l2: entries must be 0 to 65536");
    refuse("l1d=4294967297:1,l1i=4:4", "l1d: entries must be");
    refuse("l1d=99999999999999999999999999:1,l1i=4:4", "l1d: entries must be");
    refuse("l1d=4:99999999999999999999999999,l1i=4:4", "l1d: ways");
    refuse("l1d=4:0,l1i=4:4", "l1d: ways must be at least 1 and divide entries");
    refuse("l1d=4:3,l1i=4:4", "l1d: ways");
    refuse("l1d=4:8,l1i=4:4", "l1d: ways");
    refuse("l1d=4:4,l1i=6:4", "l1i: ways");
    refuse("l1d=4:4,l1i=4:4,l2=6:4", "l2: ways");
    refuse("l1d=4:4,l1d=4:4", "l1d is given twice");
    refuse("l1d=4:4,l1i=4:4,l2=0,l2=0", "l2 is given twice");
    refuse("l1i=4:4", "l1d is missing");
    refuse("l1d=4:4", "l1i is missing");
    refuse("l2=4:4", "l1d is missing");
    refuse("l1d=4:4,l1i=4:4,l2i=4:4", "l2i needs an l2");
    refuse("l1d=4:4,l1i=4:4,l2-2m=4:4", "l2-2m and l2-1g need an l2");
    refuse("l1d=4:4,l1i=4:4,l2=4:4,l2i-1g=4:4", "l2i-2m and l2i-1g need an l2i");
    refuse("l1d=4:4,l1i=4:4,l1d-2m=0", "l1d-2m: expected ENTRIES:WAYS[:POLICY] or split");
    refuse("l1d=4:4,l1i=4:4,l1d-2m=0:1", "l1d-2m: entries must be 1 to 65536");
    refuse("l1d=4:4,l1i=4:4,l1i-1g=splitt", "l1i-1g: expected ENTRIES:WAYS[:POLICY] or split");
    refuse("l1d=4:4,l1i=4:4,l1i-1g=split,l1i-1g=1:1", "l1i-1g is given twice");
    refuse("l1d=4:4,l1i=4:4,inclusive=maybe", "inclusive: expected yes or no");
    refuse("l1d=4:4,l1i=4:4,inclusive=yesno", "inclusive: expected yes or no");
    refuse("l1d=4:4,l1i=4:4,asid=", "asid: expected yes or no");
    refuse("l1d=4:4,asid=no,l1i=4:4,asid=no", "asid is given twice");
    assert_string_equal(parse("l1d=4:4,l1i=4:4,asid=no,seed=2").name,
                        "l1d=4:4,l1i=4:4,asid=no,seed=2");
    refuse("inclusive=no,l1d=4:4,l1i=4:4,inclusive=yes", "inclusive is given twice");
    refuse("l1d=4:4,l1i=4:4,pwc=", "pwc: expected CACHE:ENTRIES:WAYS");
    refuse("l1d=4:4,l1i=4:4,pwc=8:4", "pwc: expected CACHE:ENTRIES:WAYS");
    refuse("l1d=4:4,l1i=4:4,pwc=pml3:8:4", "pwc: expected CACHE:ENTRIES:WAYS");
    refuse("l1d=4:4,l1i=4:4,pwc=pd:8:4/", "pwc: expected CACHE:ENTRIES:WAYS");
    refuse("l1d=4:4,l1i=4:4,pwc=pd:8:4/l2=8:4", "pwc: expected CACHE:ENTRIES:WAYS");
    refuse("l1d=4:4,l1i=4:4,pwc=pd:8", "pd: expected ENTRIES:WAYS");
    refuse("l1d=4:4,l1i=4:4/pd:8:4", "l1i: expected ENTRIES:WAYS");
    refuse("l1d=4:4,l1i=4:4,pwc=pdpt:8:3", "pdpt: ways must be at least 1 and divide entries");
    refuse("l1d=4:4,l1i=4:4,pwc=pml4:65537:1", "pml4: entries must be 0 to 65536");
    refuse("l1d=4:4,l1i=4:4,pwc=pd:8:4/pd:8:4", "pd is given twice");
    refuse("l1d=4:4,l1i=4:4,pwc=pd:8:4,pwc=pdpt:8:4", "pwc is given twice");
}

/* Whatever the text: accepted with valid geometries and a name that parses to the same, or refused
 * with a message. */
static void check_text(const char *text)
{
    struct tlb_spec spec, again;
    const char *why = NULL;
    if (tlb_spec_parse(text, &spec, &why)) {
        assert_non_null(why);
        assert_true(strlen(why) > 5 && !strchr(why, '\n'));
        return;
    }
    assert_true(tlb_geometry_is_valid(&spec.level[TLB_L1D]) && spec.level[TLB_L1D].entries);
    assert_true(tlb_geometry_is_valid(&spec.level[TLB_L1I]) && spec.level[TLB_L1I].entries);
    assert_true(tlb_geometry_is_valid(&spec.level[TLB_L2]));
    assert_true(memchr(spec.name, '\0', sizeof(spec.name)) != NULL);
    again = parse(spec.name);
    assert_int_equal(again.seed, spec.seed);
    assert_string_equal(again.name, spec.name);
    expect(again.level[TLB_L1D], spec.level[TLB_L1D].entries, spec.level[TLB_L1D].ways);
    expect(again.level[TLB_L1I], spec.level[TLB_L1I].entries, spec.level[TLB_L1I].ways);
    expect(again.level[TLB_L2], spec.level[TLB_L2].entries, spec.level[TLB_L2].ways);
    assert_memory_equal(&again.own, &spec.own, sizeof(spec.own));
    assert_memory_equal(&again.split, &spec.split, sizeof(spec.split));
    assert_memory_equal(&again.pwc, &spec.pwc, sizeof(spec.pwc));
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static void test_damaged_texts(void **state)
{
    static const char *const good[] = {"l1d=64:4,l1i=128:8,l2=1536:12",
                                       "skylake",
                                       "l2=0,l1d=1:1,l1i=2:2",
                                       "l1d=1:1:fifo,l1i=2:2,pwc=pd:4:4/pml4:2:1",
                                       "l1d=4:1:lru,l1i=2:2:random,seed=6",
                                       "l1d=4:1,l1d-2m=split,l1i=2:2,l2=4:4,l2i=2:2,l2i-1g=1:1"};
    static const char letters[] = "0123456789,:=/l1d1i2pmw- x\xff";
    uint32_t seed = 1;
    for (unsigned round = 0; round < 300000; round++) {
        char text[120];
        strcpy(text, good[next_random(&seed) % 6]);
        for (unsigned n = next_random(&seed) % 4 + 1; n > 0; n--) {
            size_t len = strlen(text), at = next_random(&seed) % (len + 1);
            char c = letters[next_random(&seed) % (sizeof(letters) - 1)];
            switch (next_random(&seed) % 3) {
            case 0: /* change or append */
                text[at] = c;
                text[at == len ? len + 1 : len] = '\0';
                break;
            case 1: /* insert */
                memmove(text + at + 1, text + at, len - at + 1);
                text[at] = c;
                break;
            default: /* cut */
                text[at] = '\0';
            }
        }
        check_text(text);
    }
}

static void test_reach(void **state)
{
    const uint64_t kib = 1 << 10, mib = 1 << 20, gib = 1 << 30;
    struct tlb_spec spec = parse("l1d=64:4,l1d-2m=32:4,l1d-1g=split,l1i=8:8,l2=96:6");

    assert_int_equal(tlb_spec_reach(&spec, TLB_L1D, TLB_4K), 256 * kib);
    assert_int_equal(tlb_spec_reach(&spec, TLB_L1D, TLB_2M), 64 * mib);
    assert_int_equal(tlb_spec_reach(&spec, TLB_L1D, TLB_1G), 64 * mib); /* as 2 MiB pages */
    assert_int_equal(tlb_spec_reach(&spec, TLB_L2, TLB_1G), 96 * gib);
    spec = parse("l1d=48:48,l1d-2m=split,l1d-1g=split,l1i=8:8");
    assert_int_equal(tlb_spec_reach(&spec, TLB_L1D, TLB_1G), 192 * kib);
    assert_int_equal(tlb_spec_reach(&spec, TLB_L2, TLB_4K), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policies),      cmocka_unit_test(test_large_pages),
        cmocka_unit_test(test_presets),       cmocka_unit_test(test_presets_are_as_published),
        cmocka_unit_test(test_reach),         cmocka_unit_test(test_specs),
        cmocka_unit_test(test_walk_caches),   cmocka_unit_test(test_wrong_specs),
        cmocka_unit_test(test_damaged_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
