// SPDX-License-Identifier: GPL-2.0-or-later
/* Options: defaults, canonical texts, and every refusal with its reason. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pagewalk.h"

static void check_size(const char *text, uint64_t expected)
{
    uint64_t bytes = 1;
    assert_int_equal(pw_parse_size(text, &bytes), 0);
    assert_int_equal(bytes, expected);
}

static void refuse_size(const char *text, int code)
{
    uint64_t bytes = 77;
    errno = 0;
    assert_int_equal(pw_parse_size(text, &bytes), -1);
    assert_int_equal(errno, code);
    assert_int_equal(bytes, 77);
}

static void sizes(void **state)
{
    check_size("0", 0);
    check_size("4096", 4096);
    check_size("16K", 16 << 10);
    check_size("16k", 16 << 10);
    check_size("3M", 3 << 20);
    check_size("2G", (uint64_t)2 << 30);
    check_size("1T", (uint64_t)1 << 40);
    check_size("007", 7);
    check_size("9223372036854775807", INT64_MAX);
    check_size("8388607T", (uint64_t)8388607 << 40);
}

static void not_sizes(void **state)
{
    static const char *const texts[] = {"",   "M",   "16X",  "16MB", "-1", "+1",  " 1",
                                        "1 ", "1.5", "0x10", "1e3",  "K1", "16M "};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        refuse_size(texts[i], EINVAL);
    refuse_size("9223372036854775808", ERANGE);
    refuse_size("8388608T", ERANGE);
    refuse_size("99999999999999999999999999", ERANGE);
    refuse_size("18446744073709551616K", ERANGE);
}

static struct pw_config *config;

static int create(void **state)
{
    config = pw_config_create();
    return 0;
}

static int destroy(void **state)
{
    pw_config_destroy(config);
    return 0;
}

static void accept(const char *name, const char *value, const char *canonical)
{
    struct pw_error error;
    assert_int_equal(pw_config_set(config, name, value, &error), 0);
    assert_string_equal(pw_config_get(config, name), canonical);
}

/* A refusal names the field, says why in one line, and changes nothing. */
static void refuse(const char *name, const char *value, const char *part)
{
    struct pw_error error = {0};
    char before[5000];
    const char *old = pw_config_get(config, name);
    snprintf(before, sizeof(before), "%s", old ? old : "");
    assert_int_equal(pw_config_set(config, name, value, &error), -1);
    assert_int_equal(pw_config_set(config, name, value, NULL), -1);
    assert_int_equal(error.code, EINVAL);
    if (!strstr(error.message, part))
        fail_msg("'%s' does not say '%s'", error.message, part);
    assert_null(strchr(error.message, '\n'));
    assert_int_equal(strncmp(error.message, name, strlen(name)), 0);
    if (old)
        assert_string_equal(pw_config_get(config, name), before);
}

static void defaults(void **state)
{
    assert_string_equal(pw_config_get(config, "ram"), "1073741824");
    assert_string_equal(pw_config_get(config, "swap"), "4294967296");
    assert_string_equal(pw_config_get(config, "policy"), "clock");
    assert_string_equal(pw_config_get(config, "tlb"), "skylake");
    assert_string_equal(pw_config_get(config, "levels"), "4");
    assert_string_equal(pw_config_get(config, "page-size"), "4096");
    assert_string_equal(pw_config_get(config, "overcommit"), "heuristic");
    assert_string_equal(pw_config_get(config, "engine"), "vex");
    assert_string_equal(pw_config_get(config, "reproducible"), "no");
    assert_string_equal(pw_config_get(config, "strace"), "no");
    assert_string_equal(pw_config_get(config, "strict"), "no");
    assert_string_equal(pw_config_get(config, "code-cache"), "auto");
    assert_null(pw_config_get(config, "memory"));
}

static void options_are_complete(void **state)
{
    size_t i = 0;
    for (; pw_option(i); i++) {
        const struct pw_option_info *info = pw_option(i);
        assert_true(info->name[0] && info->initial[0] && info->help[0]);
        assert_int_equal(info->help[strlen(info->help) - 1], '.');
        assert_true(info->uses & (PW_RUN | PW_REPLAY | PW_CURVE));
        /* An option is there for its uses and refused for others. */
        static const enum pw_use uses[] = {PW_RUN, PW_REPLAY, PW_RECORD, PW_CURVE};
        for (unsigned u = 0; u < 4; u++) {
            struct pw_config *other = pw_config_create_for(uses[u]);
            bool has = info->uses & uses[u];
            assert_int_equal(pw_config_get(other, info->name) != NULL, has);
            assert_int_equal(pw_config_set(other, info->name, info->initial, NULL), has ? 0 : -1);
            pw_config_destroy(other);
        }
    }
    assert_true(i >= 11);
    assert_null(pw_option(i + 1));
}

static void ram(void **state)
{
    accept("ram", "16M", "16777216");
    accept("ram", "256K", "262144");
    accept("ram", "1T", "1099511627776");
    accept("ram", "300001", "299008"); /* whole pages */
    refuse("ram", "255K", "too small: the least is 256K");
    refuse("ram", "0", "too small");
    refuse("ram", "1025G", "too large: the most is 1T");
    refuse("ram", "99999999T", "too large");
    refuse("ram", "16Q", "not a size");
    refuse("ram", "", "not a size");
    refuse("ram", "16M\n", "not a size");
}

static void swap(void **state)
{
    accept("swap", "none", "none");
    accept("swap", "64M", "67108864");
    accept("swap", "/tmp/a:b:1M", "/tmp/a:b:1048576");
    accept("swap", "none:1M", "none:1048576");
    refuse("swap", "4095", "too small: the least is one page");
    refuse("swap", "17T", "too large: the most is 16T");
    refuse("swap", "/tmp/file", "not none, a SIZE or PATH:SIZE");
    refuse("swap", "None", "not none, a SIZE or PATH:SIZE");
    refuse("swap", ":1M", "path before the colon is missing");
    refuse("swap", "/tmp/file:", "not a size");
    refuse("swap", "/tmp/file:lots", "not a size");
    refuse("swap", "12Q", "not a size");
    char path[5000];
    memset(path, 'p', sizeof(path));
    strcpy(path + sizeof(path) - 4, ":1M");
    refuse("swap", path, "too long");
}

static void choices(void **state)
{
    struct pw_choice_info choice;
    assert_true(pw_choice("policy", 0, &choice));
    assert_string_equal(choice.name, "clock");
    for (size_t i = 0; pw_choice("policy", i, &choice); i++)
        if (strcmp(choice.name, "opt") != 0)
            accept("policy", choice.name, choice.name);
    refuse("policy", "opt", "no policy 'opt' but in replay");
    assert_true(pw_choice("tlb", 0, &choice));
    assert_string_equal(choice.name, "skylake");
    for (size_t i = 0; pw_choice("tlb", i, &choice); i++) {
        accept("tlb", choice.name, choice.name);
        assert_true(choice.summary[0] && choice.source[0]);
    }
    assert_false(pw_choice("engine", 0, &choice));
    assert_false(pw_choice("tlb", 1000, &choice));
    assert_false(pw_choice("policy", 1000, &choice));
    refuse("policy", "Clock", "choose one of clock,");
    refuse("policy", "", "choose one of clock,");
    accept("tlb", "l1d=16:4,l1i=16:4,l2=0", "l1d=16:4,l1i=16:4");
    refuse("tlb", "skylark", "no such TLB");
    accept("root", "/some/where", "/some/where");
    accept("root", "/", "/");
    refuse("root", "", "the directory name is empty");
    accept("read-only", "yes", "yes");
    refuse("read-only", "maybe", "'maybe' is not yes or no");
    accept("no-net", "no", "no");
    refuse("no-net", "", "'' is not yes or no");
    accept("levels", "5", "5");
    accept("levels", "4", "4");
    refuse("levels", "3", "not 4 or 5");
    refuse("levels", "", "not 4 or 5");
    refuse("levels", "44", "not 4 or 5");
    refuse("tlb", "l1d=16:3,l1i=16:4", "ways");
    refuse("tlb", "l1d=99999999999:4,l1i=16:4", "entries");
}

static void switches(void **state)
{
    accept("strict", "yes", "yes");
    accept("strict", NULL, "yes");
    accept("strict", "no", "no");
    refuse("strict", "maybe", "not yes or no");
    accept("reproducible", "yes", "1");
    accept("reproducible", "0", "0");
    accept("reproducible", "18446744073709551615", "18446744073709551615");
    accept("reproducible", "no", "no");
    refuse("reproducible", "18446744073709551616", "not a seed");
    refuse("reproducible", "-1", "not a seed");
    refuse("reproducible", "", "not a seed");
    accept("strace", "yes", "-");
    accept("strace", "trace.txt", "trace.txt");
    refuse("strace", "", "empty");
}

static void the_rest(void **state)
{
    accept("overcommit", "always", "always");
    accept("overcommit", "never", "never");
    accept("overcommit", "heuristic", "heuristic");
    refuse("overcommit", "sometimes", "not heuristic, always or never");
    accept("page-size", "4k", "4096");
    accept("page-size", "thp", "thp");
    accept("page-size", "madvise", "madvise");
    accept("page-size", "2m", "2M");
    refuse("page-size", "1G", "not built into this pagewalk: use 4K, 2M, madvise or thp");
    refuse("page-size", "THP", "not built into this pagewalk: use 4K, 2M, madvise or thp");
    accept("hugepages", "7", "7");
    accept("hugepages", "2M:8", "8");
    accept("hugepages", "1G:2", "2M:0,1G:2");
    accept("hugepages", "1G:2,30", "2M:30,1G:2");
    accept("hugepages", "2M:3,1G:0", "3");
    refuse("hugepages", "4M:1", "not a number of huge pages: write N or 2M:N");
    refuse("hugepages", "2M:", "not a number of huge pages: write N or 2M:N");
    refuse("hugepages", "2M:1,", "not a number of huge pages: write N or 2M:N");
    refuse("hugepages", "1G:524288", "more than any RAM has");
    refuse("hugepages", "536870912", "more than any RAM has");
    refuse("engine", "kvm", "not built into this pagewalk: use vex");
    refuse("engine", "qemu", "use vex");
    accept("code-cache", "64M", "67108864");
    accept("code-cache", "auto", "auto");
    refuse("code-cache", "1K", "not between 1M and 1G");
    refuse("code-cache", "2G", "not between 1M and 1G");
    refuse("memory", "1M", "no such option");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),
        cmocka_unit_test(not_sizes),
        cmocka_unit_test_setup_teardown(defaults, create, destroy),
        cmocka_unit_test_setup_teardown(options_are_complete, create, destroy),
        cmocka_unit_test_setup_teardown(ram, create, destroy),
        cmocka_unit_test_setup_teardown(swap, create, destroy),
        cmocka_unit_test_setup_teardown(choices, create, destroy),
        cmocka_unit_test_setup_teardown(switches, create, destroy),
        cmocka_unit_test_setup_teardown(the_rest, create, destroy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
