// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the slow flavour calls for each access: one TLB lookup for each page, a bounce buffer for
 * operands on two pages, and the watch over stores to pages with translated code. All pages of an
 * operand are looked up before a byte of it is written; a page fault leaves translated code and
 * never returns.
 *
 * Lookups count when they are made, accesses when their instruction retires (its exit's amounts
 * say how many): `done` remembers those of an instruction that is given up.
 */
#include <string.h>

#include "base/check.h"
#include "machine/vex/vex_ir.h"

struct operand {
    struct tlb_hit first, second;
    unsigned head; /* bytes on the first page; all of them if it lies on one */
    unsigned len;
};

static void look_up(struct cpu *cpu, vaddr_t va, enum mmu_access access, struct tlb_hit *out)
{
    struct cpu_engine *engine = cpu->engine;
    if (!mmu_is_canonical(engine->root.levels, va))
        vex_escape_trap(cpu, CPU_VECTOR_GP);
    engine->meter.lookups++;
    engine->machine->pc = vaddr(cpu->guest.guest_RIP);
    if (!tlb_data(engine->machine->tlb, va, access, out))
        vex_escape_fault(cpu, va, out->error);
}

/* The pages of an operand. `does` is what is done to it, the spec what the pages must allow. */
static void find(struct cpu *cpu, uint64_t va, uint64_t spec, enum mmu_access does,
                 struct operand *out)
{
    enum mmu_access access = (enum mmu_access)(spec >> 16);
    const struct cpu_options *options = &cpu->engine->options;
    out->len = (unsigned)(spec & UINT16_MAX);
    out->head = PAGE_SIZE - (unsigned)(va & PAGE_MASK);
    if (options->trace)
        options->trace(options->trace_context, vaddr(va), out->len, does, access);
    vex_log_access(cpu, vaddr(va), out->len, 1, does, access);
    vex_debug_access(cpu, va, out->len, does);
    look_up(cpu, vaddr(va), access, &out->first);
    if (out->head < out->len)
        look_up(cpu, vaddr(va + out->head), access, &out->second);
    else
        out->head = out->len;
}

/* The access succeeded: it will be counted as retired, and a lookup with it. */
static void done(struct cpu *cpu)
{
    cpu->engine->meter.lookups--;
    cpu->shadow.done++;
}

static void get_bytes(const struct operand *o, void *out)
{
    memcpy(out, o->first.host, o->head);
    if (o->head < o->len)
        memcpy((uint8_t *)out + o->head, o->second.host, o->len - o->head);
}

static void watch_code(struct cpu *cpu, pfn_t pfn)
{
    if (ram_has_code(cpu->engine->machine->ram, pfn)) {
        vex_page_stored(cpu->engine, pfn);
        vex_raise(cpu);
    }
}

static void put_bytes(struct cpu *cpu, const struct operand *o, const void *bytes)
{
    memcpy(o->first.host, bytes, o->head);
    watch_code(cpu, o->first.pfn);
    if (o->head < o->len) {
        memcpy(o->second.host, (const uint8_t *)bytes + o->head, o->len - o->head);
        watch_code(cpu, o->second.pfn);
    }
}

void vex_slow_load(struct cpu *cpu, uint64_t va, uint64_t spec)
{
    struct operand o;
    find(cpu, va, spec, MMU_LOAD, &o);
    get_bytes(&o, cpu->shadow.value);
    done(cpu);
}

void vex_slow_store(struct cpu *cpu, uint64_t va, uint64_t spec)
{
    struct operand o;
    find(cpu, va, spec, MMU_STORE, &o);
    put_bytes(cpu, &o, cpu->shadow.value);
    done(cpu);
}

void vex_slow_cas(struct cpu *cpu, uint64_t va, uint64_t spec)
{
    struct operand o;
    uint8_t old[sizeof(cpu->shadow.expected)];
    find(cpu, va, spec, MMU_STORE, &o);
    get_bytes(&o, old);
    if (!memcmp(old, cpu->shadow.expected, o.len))
        put_bytes(cpu, &o, cpu->shadow.value);
    memcpy(cpu->shadow.value, old, o.len);
    done(cpu);
}

/* ---- operands of VEX's own helpers ---- */

/* Where on the host a helper may read or write `len` bytes until vex_slow_release(). */
uint64_t vex_slow_pointer(struct cpu *cpu, uint64_t va, uint64_t spec)
{
    struct operand o;
    find(cpu, va, spec, (enum mmu_access)(spec >> 16), &o);
    done(cpu);
    CHECK(o.len <= sizeof(cpu->bounce));
    cpu->bounce_len = 0;
    if ((enum mmu_access)(spec >> 16) == MMU_LOAD && o.head == o.len)
        return (uint64_t)(uintptr_t)o.first.host;
    get_bytes(&o, cpu->bounce);
    if ((enum mmu_access)(spec >> 16) == MMU_STORE) {
        cpu->bounce_len = o.len;
        cpu->bounce_head = o.head;
        cpu->bounce_to[0] = o.first;
        cpu->bounce_to[1] = o.second;
    }
    return (uint64_t)(uintptr_t)cpu->bounce;
}

void vex_slow_release(struct cpu *cpu)
{
    if (!cpu->bounce_len)
        return;
    struct operand o = {cpu->bounce_to[0], cpu->bounce_to[1], cpu->bounce_head, cpu->bounce_len};
    put_bytes(cpu, &o, cpu->bounce);
    cpu->bounce_len = 0;
}

/* ---- division ---- */

static void divide_wide(struct cpu *cpu, bool is_signed)
{
    unsigned __int128 a;
    uint64_t b, out[2];
    memcpy(&a, cpu->shadow.value, sizeof(a));
    memcpy(&b, cpu->shadow.expected, sizeof(b));
    bool minus_a = is_signed && (__int128)a < 0, minus_b = is_signed && (int64_t)b < 0;
    unsigned __int128 n = minus_a ? -a : a;
    uint64_t d = minus_b ? -b : b;
    if (!d)
        vex_escape_trap(cpu, CPU_VECTOR_DE);
    unsigned __int128 q = n / d;
    unsigned __int128 most = is_signed ? (uint64_t)INT64_MAX + (minus_a != minus_b) : UINT64_MAX;
    if (q > most)
        vex_escape_trap(cpu, CPU_VECTOR_DE);
    uint64_t r = (uint64_t)(n % d);
    out[0] = minus_a != minus_b ? -(uint64_t)q : (uint64_t)q;
    out[1] = minus_a ? -r : r;
    memcpy(cpu->shadow.value, out, sizeof(out));
}

static void divide_narrow(struct cpu *cpu, bool is_signed)
{
    uint64_t a;
    uint32_t b, out[2];
    memcpy(&a, cpu->shadow.value, sizeof(a));
    memcpy(&b, cpu->shadow.expected, sizeof(b));
    bool minus_a = is_signed && (int64_t)a < 0, minus_b = is_signed && (int32_t)b < 0;
    uint64_t n = minus_a ? -a : a;
    uint32_t d = minus_b ? -b : b;
    if (!d)
        vex_escape_trap(cpu, CPU_VECTOR_DE);
    /* cppcheck-suppress zerodivcond ; what is above does not return */
    uint64_t q = n / d, most = is_signed ? (uint32_t)INT32_MAX + (minus_a != minus_b) : UINT32_MAX;
    if (q > most)
        vex_escape_trap(cpu, CPU_VECTOR_DE);
    uint32_t r = (uint32_t)(n % d);
    out[0] = minus_a != minus_b ? -(uint32_t)q : (uint32_t)q;
    out[1] = minus_a ? -r : r;
    memcpy(cpu->shadow.value, out, sizeof(out));
}

/* Divides `value` by `expected`; leaves quotient and remainder in `value`. */
void vex_slow_divide(struct cpu *cpu, uint64_t op)
{
    if (op == Iop_DivModU128to64 || op == Iop_DivModS128to64)
        divide_wide(cpu, op == Iop_DivModS128to64);
    else
        divide_narrow(cpu, op == Iop_DivModS64to32);
}

/* ---- the instruction as a whole ---- */

void vex_snapshot(struct cpu *cpu)
{
    cpu->snapshot = cpu->guest;
    cpu->shadow.has_snapshot = 1;
}

void vex_trace_fetch(struct cpu *cpu, uint64_t pc, uint64_t len)
{
    const struct cpu_options *options = &cpu->engine->options;
    if (options->trace)
        options->trace(options->trace_context, vaddr(pc), (unsigned)len, MMU_FETCH, MMU_FETCH);
    vex_log_access(cpu, vaddr(pc), (unsigned)len, 1, MMU_FETCH, MMU_FETCH);
}
