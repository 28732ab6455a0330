// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Puts the hardware together. RAM comes first; then the CPU engine, which places the TLB's front
 * arrays where its translated code reaches them and so creates the TLB as well.
 */
#include "machine/machine.h"

#include <errno.h>
#include <stdlib.h>

#include "machine/pte.h"

int machine_create(const struct machine_options *options, struct machine **out)
{
    unsigned levels = options->levels ? options->levels : PTE_LEVELS_4;
    if (levels != PTE_LEVELS_4 && levels != PTE_LEVELS_5)
        return -EINVAL;
    struct machine *machine = calloc(1, sizeof(*machine));
    if (!machine)
        return -ENOMEM;
    machine->now = &machine->idle;
    machine->levels = levels;
    machine->tlb_spec = options->tlb;
    int error = ram_create(options->nframes, &machine->ram);
    if (!error)
        error = cpu_engine_create(machine, &options->cpu);
    if (error) {
        ram_destroy(machine->ram);
        free(machine);
        return error;
    }
    *out = machine;
    return 0;
}

void machine_destroy(struct machine *machine)
{
    if (!machine)
        return;
    cpu_engine_destroy(machine);
    ram_destroy(machine->ram);
    free(machine);
}
