// SPDX-License-Identifier: GPL-2.0-or-later
/* Stack distances against a stack that is an array, searched from its top. */
#include "observe/lrustack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PAGES_MAX = 3000, KINDS = LRUSTACK_KINDS };

struct naive {
    unsigned count;
    uint64_t keys[PAGES_MAX]; /* [0] on top */
    uint64_t counts[KINDS][PAGES_MAX + 1];
};

static void naive_use(struct naive *naive, uint64_t key, const struct trace_ref *ref)
{
    unsigned at = 0;
    while (at < naive->count && naive->keys[at] != key)
        at++;
    naive->counts[ref->kind][at < naive->count ? at + 1 : 0]++;
    naive->counts[ref->kind][1] += ref->count - 1;
    if (at == naive->count)
        naive->count++;
    memmove(&naive->keys[1], &naive->keys[0], at * sizeof(naive->keys[0]));
    naive->keys[0] = key;
}

/* Uniform, mostly near, or a loop, by turns. */
static unsigned next_page(unsigned npages, unsigned step)
{
    unsigned page = (unsigned)rand() % npages;
    return step / 3000 % 3 == 0   ? page
           : step / 3000 % 3 == 1 ? page % (1 + page % 40)
                                  : step % npages;
}

static void compare(unsigned npages, unsigned steps)
{
    struct naive *naive = calloc(1, sizeof(*naive));
    struct lrustack *stack = lrustack_create();
    for (unsigned step = 0; step < steps; step++) {
        unsigned page = next_page(npages, step);
        struct trace_ref ref = {.page = page / 3,
                                .space = (uint16_t)(page % 3),
                                .kind = (uint8_t)(rand() % KINDS),
                                .count = 1 + (uint32_t)rand() % 2};
        naive_use(naive, page, &ref);
        lrustack_use(stack, &ref);
        if (step % 4096 == 0)
            assert_true(lrustack_is_valid(stack));
    }
    assert_int_equal(lrustack_pages(stack), naive->count);
    for (unsigned kind = 0; kind < KINDS; kind++)
        for (unsigned depth = 0; depth <= PAGES_MAX; depth++)
            assert_int_equal(lrustack_count(stack, kind, depth), naive->counts[kind][depth]);
    assert_true(lrustack_is_valid(stack));
    lrustack_destroy(stack);
    free(naive);
}

static void depths_equal_the_naive_stacks(void **state)
{
    srand(11);
    compare(1, 1000);
    compare(15, 10000);
    compare(17, 10000);
    compare(300, 60000);
    compare(PAGES_MAX, 60000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(depths_equal_the_naive_stacks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
