// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Attribution while a system runs. An event is about an address, which lies in a region; it was
 * caused by an instruction of the process that runs, whose code lies in another. Both are looked up
 * at once, as memory may be mapped anew in the next moment; what was found is kept for as long as
 * the space's map_version stays.
 *
 * The instruction of a TLB miss is the one that the CPU says it made the lookup for. That of a page
 * fault is where the task will go on: an instruction that faulted runs again, and memory that a
 * system call used is the business of the instruction behind it. The first process has none before
 * it runs: what its making takes is "[exec]".
 */
#include "api/attribute.h"

#include <stdlib.h>

#include "api/places.h"
#include "api/system.h"
#include "base/xalloc.h"
#include "observe/attribution.h"

enum { REGION, OBJECT }; /* a place's numbers */

struct attributor {
    const struct pw_system *system;
    struct attribution *attribution;
    struct places places;
    uint32_t unmapped, unmapped_code, none;
    uint32_t program; /* of places.process */
    uint32_t site;    /* of the last event */
    bool calls;       /* are asked for */
};

static uint32_t region_at(struct attributor *attributor, const struct space *space, vaddr_t va)
{
    struct place *place = space ? places_find(&attributor->places, space, va) : NULL;
    if (!place)
        return attributor->unmapped;
    if (!place->numbers[REGION])
        place->numbers[REGION] = attribution_region(attributor->attribution, place->name);
    return place->numbers[REGION];
}

/* Sets object and address of a key. */
static void find_code(struct attributor *attributor, const struct space *space, vaddr_t pc,
                      struct attribution_key *key)
{
    struct place *place = space ? places_find(&attributor->places, space, pc) : NULL;
    key->address = pc.v;
    key->object = attributor->unmapped_code;
    if (!place)
        return;
    if (!place->numbers[OBJECT])
        place->numbers[OBJECT] =
            attribution_object(attributor->attribution, place->name, place->dev, place->ino);
    key->address += place->to_file;
    key->object = place->numbers[OBJECT];
}

static uint32_t program_of(struct attributor *attributor, const struct process *process)
{
    if (places_is_new_program(&attributor->places, process))
        attributor->program = attribution_program(attributor->attribution, places_program(process));
    return attributor->program;
}

/* The calls that the process is in. Those known from an earlier event carry their stack's number.
 */
static uint32_t stack_of(struct attributor *attributor, const struct process *process)
{
    struct cpu_call *calls;
    const struct task *task = attributor->system->linux_system->current;
    if (!attributor->calls || !task || task->process != process)
        return 0;
    size_t n = cpu_calls(task->cpu, &calls), known = n;
    while (known > 0 && calls[known - 1].note == 0)
        known--;
    uint32_t stack = known ? calls[known - 1].note : 0;
    for (size_t i = known; i < n; i++) {
        struct attribution_key call;
        find_code(attributor, process->space, vaddr(calls[i].back.v - 1), &call);
        stack = calltree_get(&attributor->attribution->calls, stack, call.object, call.address);
        calls[i].note = stack;
    }
    return stack;
}

/* ---- events ---- */

static uint64_t *counts_of(struct attributor *attributor, const struct attribution_key *key)
{
    struct attribution *attribution = attributor->attribution;
    if (attributor->site < attribution->count) { /* for speed: events come in groups */
        struct attribution_site *last = &attribution->sites[attributor->site];
        if (last->key.address == key->address && last->key.region == key->region &&
            last->key.object == key->object && last->key.program == key->program &&
            last->key.stack == key->stack)
            return last->counts;
    }
    struct attribution_site *site = attribution_at(attribution, key);
    attributor->site = (uint32_t)(site - attribution->sites);
    return site->counts;
}

static void tlb_event(void *context, enum tlb_event event, vaddr_t va)
{
    static const enum attribution_event events[] = {
        [TLB_EVENT_L1D_MISS] = ATTRIBUTION_L1D_MISSES,
        [TLB_EVENT_L1I_MISS] = ATTRIBUTION_L1I_MISSES,
        [TLB_EVENT_WALK] = ATTRIBUTION_WALKS,
    };
    struct attributor *attributor = context;
    const struct process *process = linux_running(attributor->system->linux_system);
    struct attribution_key key = {.program = program_of(attributor, process)};
    find_code(attributor, process->space, attributor->system->machine->pc, &key);
    key.region = region_at(attributor, process->space, va);
    key.stack = stack_of(attributor, process);
    counts_of(attributor, &key)[events[event]]++;
}

static void fault_event(void *context, const struct space *space, vaddr_t va, unsigned kinds)
{
    struct attributor *attributor = context;
    const struct linux_system *system = attributor->system->linux_system;
    const struct process *process = linux_running(system);
    if (!process) /* nobody's faults are in no counter either */
        return;
    const struct task *task = system->current;
    struct attribution_key key = {.program = program_of(attributor, process),
                                  .region = region_at(attributor, space, va)};
    if (task && task->process == process) {
        find_code(attributor, process->space, vaddr(cpu_pc(task->cpu)), &key);
        key.stack = stack_of(attributor, process);
    } else {
        key.object = attributor->none;
    }
    uint64_t *counts = counts_of(attributor, &key);
    counts[ATTRIBUTION_FAULTS]++;
    counts[ATTRIBUTION_FAULTS_MINOR] += (kinds & KERNEL_FAULT_MAJOR) == 0 && kinds != 0;
    counts[ATTRIBUTION_FAULTS_MAJOR] += (kinds & KERNEL_FAULT_MAJOR) != 0;
    counts[ATTRIBUTION_FAULTS_COW] += (kinds & KERNEL_FAULT_COW) != 0;
}

/* ---- */

struct attributor *attributor_create(const struct pw_system *system, bool calls)
{
    struct attributor *attributor = x_calloc(1, sizeof(*attributor));
    struct attribution *attribution = attribution_create();
    attributor->system = system;
    attributor->attribution = attribution;
    attributor->calls = calls;
    attributor->unmapped = attribution_region(attribution, "[unmapped]");
    attributor->unmapped_code = attribution_object(attribution, "[unmapped]", 0, 0);
    attributor->none = attribution_object(attribution, "[exec]", 0, 0);
    tlb_listen(system->machine->tlb, &(struct tlb_listener){tlb_event, attributor});
    system->kernel->listener = (struct kernel_listener){fault_event, attributor};
    return attributor;
}

void attributor_destroy(struct attributor *attributor)
{
    if (!attributor)
        return;
    attribution_destroy(attributor->attribution);
    free(attributor);
}

const struct attribution *attributor_result(const struct attributor *attributor)
{
    return attributor->attribution;
}
