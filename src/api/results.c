// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a system counted, by index. Totals are sums over the processes, live and ended; gauges are
 * read off the kernel.
 */
#include "api/system.h"
#include "base/check.h"
#include "linux/syscall.h"
#include "observe/counters.h"

bool pw_counter_info(int counter, struct pw_counter_info *out)
{
    if (counter < 0 || counter >= COUNTERS_COUNT)
        return false;
    const struct counters_info *info = counters_info((size_t)counter);
    out->name = info->name;
    out->unit = info->unit;
    out->meaning = info->meaning;
    out->per_process = counters_is_per_process((size_t)counter);
    return true;
}

int pw_counter_find(const char *name)
{
    return counters_find(name);
}

bool pw_counter_has(const struct pw_system *system, int counter)
{
    (void)system; /* the software engine measures everything */
    return counter >= 0 && counter < COUNTERS_COUNT;
}

/* The gauges, with those that others keep put in. */
static struct system_counters gauges(const struct pw_system *system)
{
    const struct kernel *kernel = system->kernel;
    struct system_counters gauges = kernel->gauges;
    gauges.frames_total = kernel->frames.nframes + kernel->frames.nset_aside;
    gauges.processes = system->linux_system->nprocesses;
    return gauges;
}

uint64_t pw_counter(const struct pw_system *system, int counter)
{
    CHECK(pw_counter_has(system, counter));
    size_t index = (size_t)counter;
    if (!counters_is_per_process(index)) {
        struct system_counters now = gauges(system);
        return counters_get_system(&now, index);
    }
    struct counters sum;
    linux_totals(system->linux_system, &sum);
    return counters_get(&sum, index);
}

static const struct process *process_at(const struct pw_system *system, size_t i)
{
    const struct process *p = system->linux_system->records;
    while (p && i-- > 0)
        p = p->record_next;
    return p;
}

bool pw_process(const struct pw_system *system, size_t i, struct pw_process_info *out)
{
    const struct process *p = process_at(system, i);
    if (!p)
        return false;
    *out = (struct pw_process_info){.pid = p->pid,
                                    .ppid = p->made_by,
                                    .argv = p->argv,
                                    .exited = p->exited,
                                    .status = p->exit.status,
                                    .signal = p->exit.signal,
                                    .rss_peak = process_rss_peak(p) * PAGE_SIZE,
                                    .rss_end = p->last.rss * PAGE_SIZE,
                                    .pss_end = p->last.pss_4096 * PAGE_SIZE / 4096};
    return true;
}

uint64_t pw_folded(const struct pw_system *system)
{
    return system->linux_system->folded.count;
}

uint64_t pw_folded_counter(const struct pw_system *system, int counter)
{
    CHECK(counter >= 0 && counters_is_per_process((size_t)counter));
    return counters_get(&system->linux_system->folded.counters, (size_t)counter);
}

uint64_t pw_process_counter(const struct pw_system *system, size_t i, int counter)
{
    const struct process *p = process_at(system, i);
    CHECK(p && counter >= 0 && counters_is_per_process((size_t)counter));
    return counters_get(&p->counters, (size_t)counter);
}

bool pw_unknown_call(const struct pw_system *system, size_t i, struct pw_unknown_call_info *out)
{
    for (int number = 0; number < SYSCALL_NUMBERS; number++) {
        uint64_t times = system->linux_system->unknown_calls[number];
        if (times == 0 || i-- > 0)
            continue;
        const struct syscall_entry *entry = syscall_entry((uint64_t)number);
        *out = (struct pw_unknown_call_info){number, entry ? entry->name : NULL, times};
        return true;
    }
    return false;
}

const char *pw_note(const struct pw_system *system, size_t i)
{
    return i < system->linux_system->nnotes ? system->linux_system->notes[i] : NULL;
}
