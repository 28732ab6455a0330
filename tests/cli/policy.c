// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Replacement policies that do one thing wrong, chosen by -DWRONG=... (tests/cli/policy.bats).
 * Where nothing is wrong: the page that came in last goes.
 */
#include <errno.h>
#include <stdlib.h>

#include <pagewalk_policy.h>

enum wrong {
    OPTIMUM,      /* nothing is wrong; it needs the future */
    NOTHING,      /* but that instructions may need the pages */
    NAMES_NONE,   /* victim: 0 */
    NAMES_ABSENT, /* victim: a frame beyond RAM */
    NAMES_OUT,    /* victim: the page that was evicted last, again */
    NAMES_GONE,   /* victim: the page that was locked or ended */
    NAMES_SAME,   /* victim: the first page, whether it can be evicted or not */
    ASKS_ABSENT,  /* a question about a frame beyond RAM */
    CREATE_FAILS,
    BAD_VERSION,
    BAD_FLAGS,
    NO_VICTIM, /* the function is missing */
    NO_USE,
};

struct stack {
    const struct pw_policy_env *env;
    uint32_t *frames, *places; /* the newest last; and by frame */
    uint32_t count, evicted, gone;
};

static int create(const struct pw_policy_env *env, void **self)
{
    struct stack *stack = calloc(1, sizeof(*stack));
    if (WRONG == CREATE_FAILS || !stack)
        return free(stack), EDOM;
    stack->env = env;
    stack->frames = calloc(env->nframes, sizeof(uint32_t));
    stack->places = calloc(env->nframes, sizeof(uint32_t));
    *self = stack;
    return 0;
}

static void destroy(void *self)
{
    struct stack *stack = self;
    free(stack->frames);
    free(stack->places);
    free(stack);
}

static void insert(void *self, uint32_t frame, uint64_t page)
{
    struct stack *stack = self;
    stack->places[frame] = stack->count;
    stack->frames[stack->count++] = frame;
    if (stack->gone == frame)
        stack->gone = 0;
}

static void take_out(void *self, uint32_t frame, enum pw_policy_reason why)
{
    struct stack *stack = self;
    for (uint32_t i = stack->places[frame]; i + 1 < stack->count; i++) {
        stack->frames[i] = stack->frames[i + 1];
        stack->places[stack->frames[i]] = i;
    }
    stack->count--;
    *(why == PW_POLICY_EVICTED ? &stack->evicted : &stack->gone) = frame;
}

/* The page whose next use lies furthest ahead. */
static uint32_t latest(const struct stack *stack)
{
    uint32_t found = stack->frames[0];
    uint64_t when = 0;
    for (uint32_t i = 0; i < stack->count; i++) {
        uint64_t next = stack->env->next_use(stack->env->ctx, stack->frames[i]);
        if (next >= when) {
            when = next;
            found = stack->frames[i];
        }
    }
    return found;
}

static void use(void *self, uint32_t frame)
{
    const struct stack *stack = self;
    if (stack->frames[stack->places[frame]] != frame)
        abort();
}

static uint32_t victim(void *self)
{
    struct stack *stack = self;
    switch ((int)WRONG) {
    case OPTIMUM:
        return latest(stack);
    case NAMES_NONE:
        return 0;
    case NAMES_ABSENT:
        return (uint32_t)stack->env->nframes + 7;
    case NAMES_OUT:
        if (stack->evicted)
            return stack->evicted;
        break;
    case NAMES_GONE:
        if (stack->gone)
            return stack->gone;
        break;
    case NAMES_SAME:
        return stack->frames[0];
    case ASKS_ABSENT:
        stack->env->is_dirty(stack->env->ctx, UINT32_MAX);
        break;
    }
    return stack->frames[stack->count - 1];
}

const struct pw_policy pagewalk_policy = {
    .version = WRONG == BAD_VERSION ? 77 : PW_POLICY_VERSION,
    .flags = WRONG == BAD_FLAGS                    ? 0x50
             : WRONG == OPTIMUM || WRONG == NO_USE ? PW_POLICY_NEEDS_FUTURE
                                                   : 0,
    .create = create,
    .destroy = destroy,
    .insert = insert,
    .remove = take_out,
    .victim = WRONG == NO_VICTIM ? 0 : victim,
    .use = WRONG == OPTIMUM ? use : 0,
};
