// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Repeated string instructions (rep movs, stos, lods; repe/repne cmps, scas) as one call for the
 * whole instruction, a page at a time. Elements are done one after the other in the direction of
 * DF, so overlapping moves give what the processor gives; registers and counts are true after each
 * piece, so a fault in the middle shows how far it came. Each element's accesses are TLB lookups.
 *
 * Source: Intel SDM vol. 2, "REP/REPE/REPZ/REPNE/REPNZ", MOVS, STOS, LODS, CMPS, SCAS.
 */
#include <string.h>

#include "machine/vex/vex_ir.h"

enum string_op { MOVS, STOS, LODS, CMPS, SCAS };
enum { KIND_SHIFT_OP = 4, KIND_REPNE = 1 << 8, INSN_LEN_MAX = 15, ELEMENT_MAX = 8 };

static int op_of(uint8_t opcode)
{
    switch (opcode & ~1) {
    case 0xa4:
        return MOVS;
    case 0xa6:
        return CMPS;
    case 0xaa:
        return STOS;
    case 0xac:
        return LODS;
    case 0xae:
        return SCAS;
    default:
        return -1;
    }
}

/* Prefixes other than the operand size, REX and the repetition are left to VEX. */
int vex_string_kind(const uint8_t *bytes, unsigned *len)
{
    bool repeats = false, repne = false, narrow = false, wide = false;
    for (unsigned i = 0; i < INSN_LEN_MAX; i++) {
        uint8_t byte = bytes[i];
        if (byte == 0xf2 || byte == 0xf3) {
            repeats = true;
            repne = byte == 0xf2;
            wide = false;
        } else if (byte == 0x66) {
            narrow = true;
            wide = false;
        } else if ((byte & 0xf0) == 0x40) {
            wide = byte & 8;
        } else {
            int op = op_of(byte);
            if (!repeats || op < 0)
                return -1;
            int shift = !(byte & 1) ? 0 : wide ? 3 : narrow ? 1 : 2;
            *len = i + 1;
            return shift | op << KIND_SHIFT_OP | (repne ? KIND_REPNE : 0);
        }
    }
    return -1;
}

struct string {
    struct cpu *cpu;
    enum string_op op;
    unsigned size; /* bytes of an element */
    int64_t stride;
    bool repne;
};

/* One operand: `n` elements of it lie on one page from `host` on. */
struct operand {
    uint64_t va;
    enum mmu_access access;
    uint8_t *host;
    pfn_t pfn;
    uint64_t n;
    uint64_t victim;
};

/* Elements from va on, in the direction of stride, that lie on va's page. 0: va's own crosses. */
static uint64_t on_page(const struct string *s, uint64_t va)
{
    uint64_t offset = va & PAGE_MASK;
    if (offset + s->size > PAGE_SIZE)
        return 0;
    return s->stride > 0 ? (PAGE_SIZE - offset) / s->size : offset / s->size + 1;
}

static void look_up(const struct string *s, uint64_t va, enum mmu_access access,
                    struct tlb_hit *out)
{
    struct cpu_engine *engine = s->cpu->engine;
    if (!mmu_is_canonical(engine->root.levels, vaddr(va)))
        vex_escape_trap(s->cpu, CPU_VECTOR_GP);
    engine->meter.lookups++;
    engine->machine->pc = vaddr(s->cpu->guest.guest_RIP);
    if (!tlb_data(engine->machine->tlb, vaddr(va), access, out))
        vex_escape_fault(s->cpu, vaddr(va), out->error);
}

static void open_operand(const struct string *s, struct operand *o)
{
    struct tlb_hit hit;
    look_up(s, o->va, o->access, &hit);
    o->host = hit.host;
    o->pfn = hit.pfn;
    o->victim = hit.victim_stamp;
}

static void trace(const struct string *s, uint64_t va, enum mmu_access access)
{
    const struct cpu_options *options = &s->cpu->engine->options;
    if (options->trace)
        options->trace(options->trace_context, vaddr(va), s->size, access, access);
}

static void watch_code(const struct string *s, pfn_t pfn)
{
    if (ram_has_code(s->cpu->engine->machine->ram, pfn)) {
        vex_page_stored(s->cpu->engine, pfn);
        vex_raise(s->cpu);
    }
}

/* ---- an element on two pages ---- */

static void across(const struct string *s, uint64_t va, enum mmu_access access, uint8_t *value)
{
    unsigned head = PAGE_SIZE - (unsigned)(va & PAGE_MASK);
    struct tlb_hit first, second;
    look_up(s, va, access, &first);
    look_up(s, va + head, access, &second);
    if (access == MMU_LOAD) {
        memcpy(value, first.host, head);
        memcpy(value + head, second.host, s->size - head);
        return;
    }
    memcpy(first.host, value, head);
    memcpy(second.host, value + head, s->size - head);
    watch_code(s, first.pfn);
    watch_code(s, second.pfn);
}

static void single(const struct string *s, uint64_t va, enum mmu_access access, uint8_t *value)
{
    trace(s, va, access);
    vex_log_access(s->cpu, vaddr(va), s->size, 1, access, access);
    vex_debug_access(s->cpu, va, s->size, access);
    if (!on_page(s, va)) {
        across(s, va, access, value);
        return;
    }
    struct operand o = {.va = va, .access = access};
    open_operand(s, &o);
    if (access == MMU_LOAD) {
        memcpy(value, o.host, s->size);
        return;
    }
    memcpy(o.host, value, s->size);
    watch_code(s, o.pfn);
}

/* ---- progress ---- */

static void advance(const struct string *s, uint64_t n, unsigned loads, unsigned stores)
{
    VexGuestAMD64State *g = &s->cpu->guest;
    uint64_t distance = n * (uint64_t)s->stride;
    g->guest_RCX -= n;
    if (s->op != STOS && s->op != SCAS)
        g->guest_RSI += distance;
    if (s->op != LODS)
        g->guest_RDI += distance;
    s->cpu->engine->meter.loads += n * loads;
    s->cpu->engine->meter.stores += n * stores;
    vex_log_keep(s->cpu);
}

/* The further n - 1 elements' lookups of an operand on one page. */
static void look_up_rest(const struct string *s, const struct operand *o, uint64_t n)
{
    for (uint64_t i = 1; i < n; i++)
        trace(s, o->va + i * (uint64_t)s->stride, o->access);
    if (n > 1) {
        tlb_data_again(s->cpu->engine->machine->tlb, vaddr(o->va), n - 1);
        s->cpu->engine->meter.lookups += (int64_t)n - 1;
    }
}

/* ---- stos and lods ---- */

static void fill(const struct string *s, uint8_t *at, uint64_t n)
{
    const uint8_t *value = (const uint8_t *)&s->cpu->guest.guest_RAX;
    if (s->stride < 0)
        at -= (n - 1) * s->size;
    if (s->size == 1) {
        memset(at, *value, n);
        return;
    }
    for (uint64_t i = 0; i < n; i++)
        memcpy(at + i * s->size, value, s->size);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void stos(const struct string *s)
{
    VexGuestAMD64State *g = &s->cpu->guest;
    while (g->guest_RCX) {
        uint64_t n = smaller(on_page(s, g->guest_RDI), g->guest_RCX);
        if (!n) {
            single(s, g->guest_RDI, MMU_STORE, (uint8_t *)&g->guest_RAX);
            advance(s, 1, 0, 1);
            continue;
        }
        struct operand to = {.va = g->guest_RDI, .access = MMU_STORE};
        trace(s, to.va, to.access);
        vex_debug_access(s->cpu, to.va, s->size, to.access);
        open_operand(s, &to);
        look_up_rest(s, &to, n);
        vex_log_access(s->cpu, vaddr(to.va), 1, n, to.access, to.access);
        fill(s, to.host, n);
        advance(s, n, 0, 1);
        watch_code(s, to.pfn);
    }
}

/* Sets the accumulator as a load of this size does. */
static void set_accumulator(const struct string *s, const uint8_t *value)
{
    VexGuestAMD64State *g = &s->cpu->guest;
    if (s->size == 4)
        g->guest_RAX = 0;
    memcpy(&g->guest_RAX, value, s->size);
}

static void lods(const struct string *s)
{
    VexGuestAMD64State *g = &s->cpu->guest;
    uint8_t value[ELEMENT_MAX];
    while (g->guest_RCX) {
        single(s, g->guest_RSI, MMU_LOAD, value);
        set_accumulator(s, value);
        advance(s, 1, 1, 0);
    }
}

/* ---- movs ---- */

static void move(const struct string *s, const struct operand *from, const struct operand *to,
                 uint64_t n)
{
    uint64_t ahead = (to->va - from->va) * (s->stride > 0 ? 1 : (uint64_t)-1);
    if (ahead >= n * s->size && ahead <= -(n * s->size)) { /* they do not overlap: for speed */
        uint64_t back = s->stride > 0 ? 0 : (n - 1) * s->size;
        memmove(to->host - back, from->host - back, n * s->size);
        return;
    }
    for (uint64_t i = 0; i < n; i++) {
        int64_t distance = (int64_t)i * s->stride;
        memmove(to->host + distance, from->host + distance, s->size);
    }
}

static void move_one(const struct string *s)
{
    VexGuestAMD64State *g = &s->cpu->guest;
    uint8_t value[ELEMENT_MAX];
    single(s, g->guest_RSI, MMU_LOAD, value);
    single(s, g->guest_RDI, MMU_STORE, value);
    advance(s, 1, 1, 1);
}

/* The lookups of the n - 1 further elements, source and destination in turn, all hit, if looking up
 * one page does not displace the other. */
static void movs_pages(const struct string *s, uint64_t n)
{
    VexGuestAMD64State *g = &s->cpu->guest;
    struct operand from = {.va = g->guest_RSI, .access = MMU_LOAD};
    struct operand to = {.va = g->guest_RDI, .access = MMU_STORE};
    uint64_t *before = s->cpu->shadow.log; /* for an attempt the accesses are logged one by one */
    trace(s, from.va, from.access);
    vex_log_access(s->cpu, vaddr(from.va), s->size, 1, from.access, from.access);
    open_operand(s, &from);
    trace(s, to.va, to.access);
    vex_log_access(s->cpu, vaddr(to.va), s->size, 1, to.access, to.access);
    open_operand(s, &to);
    s->cpu->shadow.log = before;
    const struct cpu_options *options = &s->cpu->engine->options;
    for (uint64_t i = 1; options->trace && i < n; i++) {
        trace(s, from.va + i * (uint64_t)s->stride, from.access);
        trace(s, to.va + i * (uint64_t)s->stride, to.access);
    }
    if (n > 1) {
        struct tlb *tlb = s->cpu->engine->machine->tlb;
        tlb_data_again(tlb, vaddr(from.va), n - 1);
        tlb_data_again(tlb, vaddr(to.va), n - 1);
        s->cpu->engine->meter.lookups += 2 * ((int64_t)n - 1);
    }
    vex_log_moves(s->cpu, vaddr(from.va), vaddr(to.va), n);
    move(s, &from, &to, n);
    advance(s, n, 1, 1);
    watch_code(s, to.pfn);
}

/* Both pages keep their front slots only if these differ. */
static bool share_slot(uint64_t a, uint64_t b)
{
    return (a ^ b) >> PAGE_SHIFT && tlb_front_slot(vaddr(a)) == tlb_front_slot(vaddr(b));
}

static void movs(const struct string *s)
{
    VexGuestAMD64State *g = &s->cpu->guest;
    while (g->guest_RCX) {
        uint64_t n = smaller(on_page(s, g->guest_RSI), on_page(s, g->guest_RDI));
        n = smaller(n, g->guest_RCX);
        if (n < 2 || !tlb_keeps_last(s->cpu->engine->machine->tlb) ||
            share_slot(g->guest_RSI, g->guest_RDI))
            move_one(s);
        else
            movs_pages(s, n);
    }
}

/* ---- cmps and scas ---- */

/* Sets the flags as `cmp a, b` of this size does, by VEX's thunk for subtractions. */
static void compare(const struct string *s, uint64_t a, uint64_t b)
{
    enum { CC_OP_SUBB = 5 }; /* VEX: guest_amd64_defs.h; W, L, Q follow */
    VexGuestAMD64State *g = &s->cpu->guest;
    unsigned shift = (unsigned)__builtin_ctz(s->size);
    g->guest_CC_OP = CC_OP_SUBB + shift;
    g->guest_CC_DEP1 = a;
    g->guest_CC_DEP2 = b;
    g->guest_CC_NDEP = 0;
}

/* Result: whether a comparison ended it. */
static bool cmps_scas(const struct string *s)
{
    VexGuestAMD64State *g = &s->cpu->guest;
    while (g->guest_RCX) {
        uint64_t a = 0, b = 0;
        if (s->op == CMPS)
            single(s, g->guest_RSI, MMU_LOAD, (uint8_t *)&a);
        else
            memcpy(&a, &g->guest_RAX, s->size);
        single(s, g->guest_RDI, MMU_LOAD, (uint8_t *)&b);
        advance(s, 1, s->op == CMPS ? 2 : 1, 0);
        compare(s, a, b);
        if ((a == b) == s->repne)
            return true;
    }
    return false;
}

/* Result: as of cmps_scas(). */
static bool all_elements(const struct string *s)
{
    switch (s->op) {
    case MOVS:
        movs(s);
        return false;
    case STOS:
        stos(s);
        return false;
    case LODS:
        lods(s);
        return false;
    default:
        return cmps_scas(s);
    }
}

/* A fault gives the count back as it was. */
static void one_element(const struct string *s)
{
    VexGuestAMD64State *g = &s->cpu->guest;
    uint64_t rest = g->guest_RCX - 1;
    vex_snapshot(s->cpu);
    g->guest_RCX = 1;
    bool is_over = all_elements(s);
    g->guest_RCX = rest;
    s->cpu->repeats = rest > 0 && !is_over;
}

void vex_string(struct cpu *cpu, uint64_t kind, uint64_t pc)
{
    VexGuestAMD64State *g = &cpu->guest;
    unsigned size = 1u << (kind & 3);
    bool down = (int64_t)g->guest_DFLAG < 0;
    struct string s = {.cpu = cpu,
                       .op = (enum string_op)(kind >> KIND_SHIFT_OP & 7),
                       .size = size,
                       .stride = down ? -(int64_t)size : (int64_t)size,
                       .repne = kind & KIND_REPNE};
    g->guest_RIP = pc;
    cpu->shadow.done = 0;
    cpu->shadow.has_snapshot = 0;
    if (vex_debug_is_on(cpu) && g->guest_RCX)
        one_element(&s);
    else
        all_elements(&s);
}
