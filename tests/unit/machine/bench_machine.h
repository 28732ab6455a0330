// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A machine with one address space and no operating system, for the tests of the CPU: code pages at
 * CODE, data pages at DATA, a stack, page tables by hand. Guest code is assembled into the test
 * program between two labels and copied.
 */
#ifndef TESTS_MACHINE_BENCH_MACHINE_H
#define TESTS_MACHINE_BENCH_MACHINE_H

#include <string.h>

#include "machine/machine.h"
#include "tables.h"

#define CODE ((uint64_t)0x400000)
#define DATA ((uint64_t)0x10000000)
#define STACK ((uint64_t)0x7ffffffff000) /* top */
enum { CODE_PAGES = 4, STACK_PAGES = 2, BENCH_FRAMES = 1024, BUDGET = 1 << 30 };

/* GUEST(name, "assembly"): guest_name .. guest_name_end hold its machine code. */
#define GUEST(name, text)                                                                          \
    __asm__(".pushsection .rodata\n.globl guest_" #name ", guest_" #name "_end\nguest_" #name      \
            ":\n" text "\nguest_" #name "_end:\n.byte 0\n.popsection\n");                          \
    extern const uint8_t guest_##name[], guest_##name##_end[]

struct bench {
    struct machine *machine;
    struct cpu *cpu;
    struct tables tables;
    struct mmu_root root;
    struct counters counters;
    pfn_t next; /* frame to map */
};

static inline void bench_put_entry(struct bench *b, uint64_t va, uint64_t entry)
{
    *tables_entry(&b->tables, b->root, vaddr(va), 1) = entry;
    tlb_flush_page(b->machine->tlb, b->root.asid, vaddr(va));
}

/* Maps a fresh frame. */
static inline pfn_t bench_map(struct bench *b, uint64_t va, uint64_t flags)
{
    pfn_t pfn = b->next++;
    CHECK(pfn < BENCH_FRAMES);
    bench_put_entry(b, va, pte_make(pfn, PTE_P | PTE_U | flags));
    return pfn;
}

static inline void bench_unmap(struct bench *b, uint64_t va)
{
    bench_put_entry(b, va, 0);
}

static inline uint8_t *bench_at(struct bench *b, uint64_t va)
{
    uint64_t entry = *tables_entry(&b->tables, b->root, vaddr(va), 1);
    CHECK(pte_is_present(entry));
    return ram_frame(b->machine->ram, pte_pfn(entry)) + (va & PAGE_MASK);
}

static inline void bench_write(struct bench *b, uint64_t va, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t *at = bench_at(b, va + i);
        *at = ((const uint8_t *)bytes)[i];
        ram_changed(b->machine->ram,
                    (pfn_t)((uint64_t)(at - b->machine->ram->bytes) >> PAGE_SHIFT));
    }
}

static inline uint64_t bench_read64(struct bench *b, uint64_t va)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++)
        value |= (uint64_t)*bench_at(b, va + i) << 8 * i;
    return value;
}

static inline struct cpu_regs bench_regs(const struct bench *b)
{
    struct cpu_regs regs;
    cpu_get_regs(b->cpu, &regs);
    return regs;
}

static inline struct cpu_exit bench_run(struct bench *b)
{
    struct cpu_exit why;
    cpu_run(b->cpu, b->root, BUDGET, &why);
    CHECK(tlb_is_valid(b->machine->tlb));
    return why;
}

static inline void bench_create(struct bench *b, const char *tlb, const struct cpu_options *cpu)
{
    struct machine_options options = {.nframes = BENCH_FRAMES, .cpu = *cpu};
    const char *why;
    memset(b, 0, sizeof(*b));
    CHECK(tlb_spec_parse(tlb, &options.tlb, &why) == 0);
    CHECK(machine_create(&options, &b->machine) == 0);
    b->machine->now = &b->counters;
    CHECK(cpu_create(b->machine, &b->cpu) == 0);
    b->tables = (struct tables){.ram = b->machine->ram, .next = 1};
    b->root = tables_root(&b->tables, 4, 1);
    b->next = 64; /* frames below are for tables */
    for (unsigned i = 0; i < CODE_PAGES; i++)
        bench_map(b, CODE + i * PAGE_SIZE, PTE_W);
    for (unsigned i = 1; i <= STACK_PAGES; i++)
        bench_map(b, STACK - i * PAGE_SIZE, PTE_W);
}

/* Loads code at `at` and points the CPU there. */
static inline void bench_load(struct bench *b, uint64_t at, const uint8_t *code, const uint8_t *end)
{
    bench_write(b, at, code, (size_t)(end - code));
    struct cpu_regs regs = bench_regs(b);
    regs.rip = at;
    regs.rsp = STACK - 256;
    cpu_set_regs(b->cpu, &regs);
}

static inline void bench_destroy(struct bench *b)
{
    cpu_destroy(b->cpu);
    machine_destroy(b->machine);
}

#endif
