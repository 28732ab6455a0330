// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CLOCK-Pro: pages are hot or cold by their reuse distance, the time between uses, and only cold
 * ones are evicted. A page that comes in is cold and in its test period, for which it stays on the
 * clock even after it was evicted; used again in that time, its reuse distance is shorter than that
 * of some hot page, and it becomes hot in its place.
 *
 *         newest                       one ring, in order of the list's turning
 *   head -> [cold] [hot] [cold] [gone] [hot] [gone] ... -> tail, to which the hands point
 *
 *   hand_cold  finds the victim: a cold page not used; a used one in its test becomes hot
 *   hand_hot   makes a hot page cold that was not used since; ends the tests of those it passes
 *   hand_test  ends the tests of the oldest, so that not more are remembered than are in RAM
 *
 * How many pages may be cold adapts: one more when a page comes back in its test, one less when a
 * test ends without that.
 *
 * Invariants: P1  the ring holds every page that is in, by its frame, and the gone ones behind the
 *                 frames' numbers; counts by state are right
 *             P2  gone pages are in their test, and the map holds exactly them
 *
 * Source: S. Jiang, F. Chen, X. Zhang, "CLOCK-Pro: An Effective Improvement of the CLOCK
 * Replacement", USENIX ATC 2005.
 */
#include "base/check.h"
#include "base/hashmap.h"
#include "base/lazy.h"
#include "base/xalloc.h"
#include "kernel/policy_table.h"

#include <errno.h>
#include <stdlib.h>

enum state { ABSENT, HOT, COLD, GONE, NSTATES };

struct node {
    uint64_t page;
    uint32_t next, prev; /* next is older; of a free one: the next free one */
    uint8_t state;       /* enum state */
    bool in_test;
};

struct clock_pro {
    struct policy_env env;
    struct node *nodes; /* [0]: next is the newest, prev the oldest; by pfn; then gone pages */
    uint64_t room;      /* nodes there may be */
    uint32_t used;      /* nodes of gone pages ever used end here */
    uint32_t free_head; /* of them; 0: none */
    uint32_t hot, cold, test; /* hands; 0: at the head, and the next is the oldest */
    uint32_t count[NSTATES];
    uint32_t cold_target;
    struct hashmap gone; /* page -> node */
};

static size_t nodes_len(const struct clock_pro *pro)
{
    return pro->room * sizeof(*pro->nodes);
}

static int clock_pro_create(const struct policy_env *env, void **self)
{
    struct clock_pro *pro = x_calloc(1, sizeof(*pro));
    pro->env = *env;
    pro->room = 2 * env->nframes + 2;
    pro->used = (uint32_t)env->nframes;
    pro->cold_target = 1;
    pro->nodes = lazy_create(nodes_len(pro));
    if (!pro->nodes) {
        free(pro);
        return -ENOMEM;
    }
    hashmap_create(&pro->gone);
    *self = pro;
    return 0;
}

static void clock_pro_destroy(void *self)
{
    struct clock_pro *pro = self;
    lazy_destroy(pro->nodes, nodes_len(pro));
    hashmap_destroy(&pro->gone);
    free(pro);
}

/* ---- the ring ---- */

static void link_behind(struct clock_pro *pro, uint32_t at, uint32_t newer)
{
    struct node *nodes = pro->nodes;
    nodes[at].prev = newer;
    nodes[at].next = nodes[newer].next;
    nodes[nodes[newer].next].prev = at;
    nodes[newer].next = at;
}

static void step(const struct clock_pro *pro, uint32_t *hand, uint32_t from)
{
    if (*hand == from)
        *hand = pro->nodes[from].prev;
}

/* Hands that point there move on. */
static void unlink_node(struct clock_pro *pro, uint32_t at)
{
    struct node *node = &pro->nodes[at];
    step(pro, &pro->hot, at);
    step(pro, &pro->cold, at);
    step(pro, &pro->test, at);
    pro->nodes[node->prev].next = node->next;
    pro->nodes[node->next].prev = node->prev;
}

/* What is under a hand. => the ring is not empty */
static uint32_t under(const struct clock_pro *pro, uint32_t hand)
{
    return hand ? hand : pro->nodes[0].prev;
}

static void move_to_head(struct clock_pro *pro, uint32_t at)
{
    unlink_node(pro, at);
    link_behind(pro, at, 0);
}

static void set_state(struct clock_pro *pro, uint32_t at, enum state state)
{
    pro->count[pro->nodes[at].state]--;
    pro->nodes[at].state = (uint8_t)state;
    pro->count[state]++;
}

static bool was_used(const struct clock_pro *pro, uint32_t at)
{
    return pro->env.test_clear_accessed(pro->env.ctx, at);
}

/* ---- tests ---- */

static uint32_t npages(const struct clock_pro *pro)
{
    return pro->count[HOT] + pro->count[COLD];
}

static void forget(struct clock_pro *pro, uint32_t at)
{
    hashmap_remove(&pro->gone, pro->nodes[at].page);
    unlink_node(pro, at);
    set_state(pro, at, ABSENT);
    pro->nodes[at].next = pro->free_head;
    pro->free_head = at;
}

/* The page's test ends, and it was not used again. */
static void end_test(struct clock_pro *pro, uint32_t at)
{
    if (pro->cold_target > 1)
        pro->cold_target--;
    pro->nodes[at].in_test = false;
    if (pro->nodes[at].state == GONE)
        forget(pro, at);
}

static void run_hand_test(struct clock_pro *pro)
{
    while (pro->count[GONE] > npages(pro)) {
        uint32_t at = under(pro, pro->test);
        pro->test = pro->nodes[at].prev;
        if (pro->nodes[at].in_test)
            end_test(pro, at);
    }
}

/* ---- hot and cold ---- */

/* Makes hot pages cold until there are no more than there may be. */
static void run_hand_hot(struct clock_pro *pro)
{
    while (pro->count[HOT] > 0 && pro->count[HOT] + pro->cold_target > npages(pro)) {
        uint32_t at = under(pro, pro->hot);
        pro->hot = pro->nodes[at].prev;
        if (pro->nodes[at].state == HOT) {
            if (!was_used(pro, at))
                set_state(pro, at, COLD);
        } else if (pro->nodes[at].in_test) {
            end_test(pro, at);
        }
    }
}

static void make_hot(struct clock_pro *pro, uint32_t at)
{
    pro->nodes[at].in_test = false;
    set_state(pro, at, HOT);
    run_hand_hot(pro);
}

static void grow_cold(struct clock_pro *pro)
{
    if (pro->cold_target < npages(pro))
        pro->cold_target++;
}

/* A cold page was used: again in its test, or its test begins anew. */
static void promote(struct clock_pro *pro, uint32_t at)
{
    move_to_head(pro, at);
    if (!pro->nodes[at].in_test) {
        pro->nodes[at].in_test = true;
        return;
    }
    grow_cold(pro);
    make_hot(pro, at);
}

/* ---- what the kernel calls ---- */

static void clock_pro_insert(void *self, pfn_t pfn, uint64_t page)
{
    struct clock_pro *pro = self;
    const uint64_t *gone = hashmap_find(&pro->gone, page);
    pro->nodes[pfn].page = page;
    pro->count[ABSENT]++; /* set_state takes it from there */
    set_state(pro, pfn, COLD);
    link_behind(pro, pfn, 0);
    pro->nodes[pfn].in_test = true;
    if (!gone)
        return;
    forget(pro, (uint32_t)*gone);
    grow_cold(pro);
    make_hot(pro, pfn);
}

static uint32_t take_node(struct clock_pro *pro)
{
    uint32_t at = pro->free_head;
    if (at) {
        pro->free_head = pro->nodes[at].next;
        return at;
    }
    CHECK(pro->used < pro->room);
    pro->count[ABSENT]++;
    return pro->used++;
}

/* The place of an evicted page is kept while it is in its test. */
static void remember(struct clock_pro *pro, pfn_t pfn)
{
    uint32_t at = take_node(pro);
    pro->nodes[at].page = pro->nodes[pfn].page;
    pro->nodes[at].in_test = true;
    set_state(pro, at, GONE);
    link_behind(pro, at, pfn);
    *hashmap_at(&pro->gone, pro->nodes[at].page) = at;
}

static void clock_pro_remove(void *self, pfn_t pfn, enum policy_reason why)
{
    struct clock_pro *pro = self;
    struct node *node = &pro->nodes[pfn];
    bool is_remembered = why == POLICY_EVICTED && node->state == COLD && node->in_test &&
                         !hashmap_find(&pro->gone, node->page);
    if (is_remembered)
        remember(pro, pfn);
    unlink_node(pro, pfn);
    set_state(pro, pfn, ABSENT);
    pro->count[ABSENT]--;
    *node = (struct node){0};
    run_hand_test(pro);
}

static pfn_t clock_pro_victim(void *self)
{
    struct clock_pro *pro = self;
    for (;;) {
        if (pro->count[COLD] == 0) { /* only if the target of cold pages could not be kept */
            run_hand_hot(pro);
            continue;
        }
        uint32_t at = under(pro, pro->cold);
        pro->cold = pro->nodes[at].prev;
        if (pro->nodes[at].state != COLD)
            continue;
        if (!was_used(pro, at))
            return at;
        promote(pro, at);
    }
}

static bool clock_pro_contains(const void *self, pfn_t pfn)
{
    const struct clock_pro *pro = self;
    return pro->nodes[pfn].state != ABSENT;
}

static bool node_is_valid(const struct clock_pro *pro, uint32_t at)
{
    const struct node *node = &pro->nodes[at];
    bool is_frame = at < pro->env.nframes;
    if (node->state == GONE) {
        const uint64_t *found = hashmap_find(&pro->gone, node->page);
        return !is_frame && node->in_test && found && *found == at; /* P2 */
    }
    return is_frame && (node->state == COLD || (node->state == HOT && !node->in_test));
}

static bool clock_pro_is_valid(const void *self)
{
    const struct clock_pro *pro = self;
    uint32_t count[NSTATES] = {0}, prev = 0, at = pro->nodes[0].next;
    for (uint64_t seen = 0; at && seen < pro->room; seen++) {
        if (pro->nodes[at].prev != prev || !node_is_valid(pro, at))
            return false;
        count[pro->nodes[at].state]++;
        prev = at;
        at = pro->nodes[at].next;
    }
    return at == 0 && pro->nodes[0].prev == prev && count[HOT] == pro->count[HOT] &&
           count[COLD] == pro->count[COLD] && count[GONE] == pro->count[GONE] && /* P1 */
           pro->gone.count == count[GONE];
}

const struct policy_ops policy_clock_pro = {
    .name = "clock-pro",
    .summary = "hot and cold pages by reuse distance; evicted pages are remembered on the clock",
    .ignores_first_use = true,
    .create = clock_pro_create,
    .destroy = clock_pro_destroy,
    .insert = clock_pro_insert,
    .remove = clock_pro_remove,
    .victim = clock_pro_victim,
    .contains = clock_pro_contains,
    .is_valid = clock_pro_is_valid,
};
