// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The hardware as one box: RAM, TLB, CPU engine, and the counters of whoever is running. The swap
 * disk is a device beside it, owned by the kernel that uses it.
 */
#ifndef MACHINE_MACHINE_H
#define MACHINE_MACHINE_H

#include "base/counters.h"
#include "machine/cpu.h"
#include "machine/ram.h"
#include "machine/tlb.h"

struct cpu_engine; /* cpu engine's own */

struct machine {
    struct ram *ram;
    struct tlb *tlb;           /* made and destroyed by the engine, which places its front arrays */
    struct cpu_engine *engine; /* made by cpu_engine_create() when all fields but these two stand */
    struct tlb_spec tlb_spec;  /* what the engine is to build the TLB from */
    struct counters *now;      /* of the running process; never NULL */
    struct counters idle;      /* what `now` points to while none runs */
    unsigned levels;           /* of page tables: 4 or 5 */
    vaddr_t pc; /* the instruction that the last lookup was made for; of a fetch, its address */
};

struct machine_options {
    uint64_t nframes;
    unsigned levels; /* 0: 4 */
    struct tlb_spec tlb;
    struct cpu_options cpu;
};

/* Errors: -EINVAL, -ENOMEM, and what the engine's creation gives. */
int machine_create(const struct machine_options *options, struct machine **out);
void machine_destroy(struct machine *machine);

#endif
