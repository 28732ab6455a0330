// SPDX-License-Identifier: GPL-2.0-or-later
/* Lists of pages by frame number: see policy_list.h. Decides nothing. */
#include "kernel/policy_list.h"

#include <errno.h>

#include "base/check.h"
#include "base/lazy.h"

int policy_list_create(uint64_t nframes, struct policy_list *out)
{
    struct policy_link *links = lazy_create(nframes * sizeof(*links));
    if (!links)
        return -ENOMEM;
    *out = (struct policy_list){.links = links, .nframes = nframes};
    return 0;
}

void policy_list_destroy(struct policy_list *list)
{
    lazy_destroy(list->links, list->nframes * sizeof(*list->links));
}

void policy_list_push_back(struct policy_list *list, pfn_t pfn)
{
    struct policy_link *links = list->links;
    DCHECK(pfn != 0 && pfn < list->nframes && !policy_list_contains(list, pfn));
    links[pfn] = (struct policy_link){.next = 0, .prev = links[0].prev};
    links[links[0].prev].next = pfn;
    links[0].prev = pfn;
    list->count++;
}

void policy_list_remove(struct policy_list *list, pfn_t pfn)
{
    struct policy_link *links = list->links, link = links[pfn];
    DCHECK(pfn != 0 && policy_list_contains(list, pfn));
    links[link.prev].next = link.next;
    links[link.next].prev = link.prev;
    links[pfn] = (struct policy_link){0};
    list->count--;
}

pfn_t policy_list_rotate(struct policy_list *list)
{
    pfn_t front = policy_list_front(list);
    policy_list_remove(list, front);
    policy_list_push_back(list, front);
    return front;
}

bool policy_list_is_valid(const struct policy_list *list)
{
    pfn_t prev = 0, pfn = list->links[0].next;
    for (uint64_t seen = 0; seen < list->count; seen++) {
        if (pfn == 0 || pfn >= list->nframes || list->links[pfn].prev != prev)
            return false;
        prev = pfn;
        pfn = list->links[pfn].next;
    }
    return pfn == 0 && list->links[0].prev == prev;
}
