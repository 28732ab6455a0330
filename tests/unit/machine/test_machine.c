// SPDX-License-Identifier: GPL-2.0-or-later
/* The box: what it hands to the engine, in which order it makes and unmakes, what failures leave.
 * The engine is one of this test's own. */
#include "machine/machine.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static int engine_error;
static unsigned engines;
static struct machine *seen;
static struct cpu_options seen_options;

int cpu_engine_create(struct machine *machine, const struct cpu_options *options)
{
    seen = machine;
    seen_options = *options;
    assert_non_null(machine->ram);
    assert_ptr_equal(machine->now, &machine->idle);
    assert_null(machine->tlb);
    engines += engine_error == 0;
    return engine_error;
}

void cpu_engine_destroy(struct machine *machine)
{
    assert_non_null(machine->ram); /* still there */
    engines--;
}

static int reset(void **state)
{
    engine_error = 0;
    seen = NULL;
    return engines != 0;
}

static void test_create(void **state)
{
    struct machine_options options = {.nframes = 100, .cpu.code_cache_len = 12345};
    const char *why;
    struct machine *machine = NULL;
    assert_int_equal(tlb_spec_parse("tiny", &options.tlb, &why), 0);
    assert_int_equal(machine_create(&options, &machine), 0);
    assert_ptr_equal(machine, seen);
    assert_int_equal(machine->ram->nframes, 100);
    assert_int_equal(machine->levels, 4);
    assert_string_equal(machine->tlb_spec.name, "tiny");
    assert_int_equal(seen_options.code_cache_len, 12345);
    assert_int_equal(engines, 1);
    machine_destroy(machine);
    options.levels = 5;
    assert_int_equal(machine_create(&options, &machine), 0);
    assert_int_equal(machine->levels, 5);
    machine_destroy(machine);
    machine_destroy(NULL);
}

static void test_failures(void **state)
{
    struct machine_options options = {.nframes = 63};
    struct machine *machine = NULL;
    assert_int_equal(machine_create(&options, &machine), -EINVAL);
    options = (struct machine_options){.nframes = 64, .levels = 3};
    assert_int_equal(machine_create(&options, &machine), -EINVAL);
    assert_null(seen); /* the engine was not asked */
    options.levels = 4;
    engine_error = -ENOMEM;
    assert_int_equal(machine_create(&options, &machine), -ENOMEM);
    assert_null(machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_create, reset, reset),
        cmocka_unit_test_setup_teardown(test_failures, reset, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
