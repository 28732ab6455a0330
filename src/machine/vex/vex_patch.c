// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rewrites the exits of code that VEX has generated. VEX would store the target in RIP and call a
 * dispatcher through a register, 27 bytes; in their place goes, for a jump:
 *
 *      add $accesses, clock ; add $loads+stores<<16, accesses ; sub $insns, budget
 *      jns target           ; the linked block; while unlinked, the next instruction
 *      call vex_cp_exit     ; cpu_run finds the site by the return address
 *
 * so blocks need no code of their own to count, and every jump is an event check. What does not fit
 * goes behind the block. A miss becomes "call vex_cp_miss; jmp past; a note for vex_miss()"; an
 * indirect jump looks its target up in a table, behind the block.
 *
 * x86-64 encodings: Intel SDM vol. 2.
 */
#include <stddef.h>
#include <string.h>

#include "base/check.h"
#include "machine/vex/vex_ir.h"

enum {
    DIRECT_LEN = 27,
    INDIRECT_LEN = 13, /* behind the store to RIP */
    STORE_RIP_LEN = 7,
    RAX = 0,
    RSP = 4,
};

/* ---- writing instructions ---- */

struct writer {
    uint8_t *at;
};

static void bytes(struct writer *w, const void *code, size_t len)
{
    memcpy(w->at, code, len);
    w->at += len;
}

#define CODE(w, ...)                                                                               \
    do {                                                                                           \
        static const uint8_t code_[] = {__VA_ARGS__};                                              \
        bytes(w, code_, sizeof(code_));                                                            \
    } while (0)

static void imm32(struct writer *w, uint32_t value)
{
    bytes(w, &value, sizeof(value));
}

static void imm64(struct writer *w, uint64_t value)
{
    bytes(w, &value, sizeof(value));
}

/* The distance to a target from the end of a 32-bit displacement at `at`. */
static uint32_t distance(const uint8_t *at, uint64_t target)
{
    return (uint32_t)(target - ((uint64_t)(uintptr_t)at + 4));
}

static void call(struct writer *w, uint32_t target)
{
    CODE(w, 0xe8);
    imm32(w, distance(w->at, target));
}

/* The dispatcher may lie anywhere, translated code reaches 2 GiB: jumps to it, at the arena's
 * start. Result: their end. */
uint8_t *vex_patch_doors(struct vex_doors *doors, uint8_t *at)
{
    void (*const targets[])(void) = {vex_cp_exit, vex_cp_indirect, vex_cp_fetch, vex_cp_miss,
                                     vex_cp_miss_simd};
    uint32_t *const out[] = {&doors->exit, &doors->indirect, &doors->fetch, &doors->miss,
                             &doors->miss_simd};
    struct writer w = {at};
    for (unsigned i = 0; i < sizeof(out) / sizeof(out[0]); i++) {
        *out[i] = (uint32_t)(uintptr_t)w.at;
        CODE(&w, 0x49, 0xbb); /* mov $target, %r11; jmp *%r11 */
        imm64(&w, (uint64_t)(uintptr_t)targets[i]);
        CODE(&w, 0x41, 0xff, 0xe3);
    }
    return w.at;
}

static bool is_small(uint32_t value)
{
    return value < 128;
}

/* op (0: add, 5: sub, 7: cmp) $value, disp(%rbp), 32 or 64 bits wide */
static void meter_op(struct writer *w, unsigned op, unsigned disp, bool wide, uint32_t value)
{
    if (wide)
        CODE(w, 0x48);
    uint8_t code[] = {is_small(value) ? 0x83 : 0x81, (uint8_t)(0x45 | op << 3), (uint8_t)disp};
    bytes(w, code, sizeof(code));
    if (is_small(value))
        bytes(w, &(uint8_t){(uint8_t)value}, 1);
    else
        imm32(w, value);
}

/* ends with the flags of the budget */
static void meter(struct writer *w, struct vex_amounts a)
{
    if (a.clock)
        meter_op(w, 0, VEX_OFF_CLOCK, true, a.clock);
    if (a.loads || a.stores)
        meter_op(w, 0, VEX_OFF_ACCESSES, false, a.loads | (uint32_t)a.stores << 16);
    meter_op(w, a.insns ? 5 : 7, VEX_OFF_BUDGET, false, a.insns);
}

/* ---- exits ---- */

static bool is_logged(const struct vex_translation *t, const struct vex_site *site)
{
    return t->engine->options.log && site->amounts.ops > 0;
}

/* mov log, %r11; movq $number, (%r11); add $len, log: what vex_log_site() does */
static void log_site(struct writer *w, const struct vex_translation *t, const struct vex_site *site,
                     uint32_t number)
{
    if (!is_logged(t, site))
        return;
    CODE(w, 0x4c, 0x8b, 0x9d);
    imm32(w, VEX_OFF_LOG);
    CODE(w, 0x49, 0xc7, 0x03);
    imm32(w, number);
    CODE(w, 0x48, 0x81, 0x85);
    imm32(w, VEX_OFF_LOG);
    imm32(w, VEX_LOG_RECORD_LEN(site->amounts.checks));
}

static void jump(struct writer *w, struct vex_site *site, const struct vex_doors *doors)
{
    meter(w, site->amounts);
    CODE(w, 0x0f, 0x89, 0, 0, 0, 0); /* jns to the next instruction */
    call(w, doors->exit);
    site->back = (uint32_t)(uintptr_t)w->at;
}

enum { JNS_TO_BACK = 9 }; /* from jns's displacement to the return address */

void vex_patch_link(struct vex_site *site, uint32_t target)
{
    uint8_t *at = (uint8_t *)(uintptr_t)(site->back - JNS_TO_BACK);
    uint32_t value = target ? distance(at, target) : 0;
    memcpy(at, &value, sizeof(value));
}

static void leave(struct writer *w, struct vex_site *site, const struct vex_doors *doors)
{
    meter(w, site->amounts);
    call(w, doors->exit);
    site->back = (uint32_t)(uintptr_t)w->at;
}

static void miss(struct writer *w, struct vex_site *site, uint32_t door, uint32_t number,
                 const uint8_t *past)
{
    call(w, door);
    site->back = (uint32_t)(uintptr_t)w->at;
    uint8_t skip = (uint8_t)(past - w->at - VEX_MISS_SKIP_LEN);
    bytes(w, (uint8_t[VEX_MISS_SKIP_LEN]){0xeb, skip}, VEX_MISS_SKIP_LEN);
    struct vex_miss_note note = {.number = number,
                                 .behind = site->behind,
                                 .span = site->span,
                                 .lookups = site->lookups,
                                 .last_reg = site->last_reg,
                                 .in_place = site->in_place,
                                 .is_const = site->is_const,
                                 .writes = site->writes,
                                 .open = site->open,
                                 .last = site->is_const ? site->va + site->behind : 0};
    bytes(w, &note, sizeof(note));
}

static void indirect(struct writer *w, struct vex_site *site, const struct cpu_engine *engine,
                     unsigned reg)
{
    uint32_t table = (uint32_t)(uintptr_t)engine->indirect;
    struct vex_amounts amounts = site->amounts;
    unsigned clock = amounts.clock;
    amounts.clock = 0;
    meter(w, amounts);
    CODE(w, 0x0f, 0x88); /* js out */
    uint8_t *out1 = w->at;
    imm32(w, 0);
    /* mov reg, %rax; movzwl %ax, %ecx; shl $5, %ecx */
    bytes(w, (uint8_t[]){(uint8_t)(0x48 | (reg >> 3) << 2), 0x89, (uint8_t)(0xc0 | (reg & 7) << 3)},
          3);
    CODE(w, 0x0f, 0xb7, 0xc8, 0xc1, 0xe1, 0x05);
    CODE(w, 0x48, 0x3b, 0x81); /* cmp pc(%rcx), %rax */
    imm32(w, table + (uint32_t)offsetof(struct vex_indirect, pc));
    CODE(w, 0x0f, 0x85); /* jne out */
    uint8_t *out2 = w->at;
    imm32(w, 0);
    CODE(w, 0x8b, 0x91); /* mov slot(%rcx), %edx */
    imm32(w, table + (uint32_t)offsetof(struct vex_indirect, slot));
    CODE(w, 0x48, 0x8b, 0xb1); /* mov tag(%rcx), %rsi */
    imm32(w, table + (uint32_t)offsetof(struct vex_indirect, tag));
    CODE(w, 0x48, 0x39, 0x32, 0x0f, 0x85); /* cmp %rsi, (%rdx); jne out */
    uint8_t *out3 = w->at;
    imm32(w, 0);
    /* mov clock, %rsi; add $n, %rsi; mov %rsi, clock; mov %rsi, 8(%rdx): the slot's stamp */
    CODE(w, 0x48, 0x8b, 0x75, VEX_OFF_CLOCK, 0x48, 0x81, 0xc6);
    imm32(w, clock + 1);
    CODE(w, 0x48, 0x89, 0x75, VEX_OFF_CLOCK, 0x48, 0x89, 0x72, offsetof(struct tlb_ifront, stamp));
    CODE(w, 0xff, 0xa1); /* jmp *code(%rcx) */
    imm32(w, table + (uint32_t)offsetof(struct vex_indirect, code));
    uint8_t *const outs[] = {out1, out2, out3};
    for (unsigned i = 0; i < 3; i++) {
        uint32_t value = distance(outs[i], (uint64_t)(uintptr_t)w->at);
        memcpy(outs[i], &value, sizeof(value));
    }
    if (clock)
        meter_op(w, 0, VEX_OFF_CLOCK, true, clock);
    call(w, engine->cache.doors.indirect);
    site->back = (uint32_t)(uintptr_t)w->at;
}

/* For jumps from other pages: looks the page up in the instruction front array, then enters the
 * block. Result: the end of the stub. */
uint32_t vex_patch_page_entry(struct cpu_engine *engine, uint8_t *at, const struct vex_block *block,
                              uint32_t number, const struct vex_page *page)
{
    struct writer w = {at};
    uint32_t slot = (uint32_t)(uintptr_t)&engine->ifront[vex_page_slot(page)];
    CODE(&w, 0x48, 0xb8); /* mov $tag, %rax */
    imm64(&w, vex_page_tag(page));
    CODE(&w, 0x48, 0x39, 0x04, 0x25); /* cmp %rax, slot */
    imm32(&w, slot + (uint32_t)offsetof(struct tlb_ifront, tag));
    CODE(&w, 0x75, 24);                        /* jne to the call */
    CODE(&w, 0x48, 0x8b, 0x45, VEX_OFF_CLOCK); /* mov clock, %rax */
    CODE(&w, 0x48, 0xff, 0xc0);                /* inc %rax */
    CODE(&w, 0x48, 0x89, 0x45, VEX_OFF_CLOCK); /* mov %rax, clock */
    CODE(&w, 0x48, 0x89, 0x04, 0x25);          /* mov %rax, stamp */
    imm32(&w, slot + (uint32_t)offsetof(struct tlb_ifront, stamp));
    CODE(&w, 0xe9); /* jmp block */
    imm32(&w, distance(w.at, block->code));
    call(&w, engine->cache.doors.fetch);
    imm32(&w, number);
    CHECK(w.at <= at + VEX_PAGE_ENTRY_LEN);
    return (uint32_t)(uintptr_t)w.at;
}

/* ---- what the registers are at a check ---- */

/*
 * Reads backwards from an exit: "mov last, page; and $~0xfff, page; cmp tag(slot), page; jz past".
 * Result: false if it does not look so (a register was spilled between them).
 */
static bool read_last_reg(struct vex_site *site, const uint8_t *exit)
{
    const uint8_t *cmp = exit - 2 - 7;
    bool has_sib = exit[-6 - 1] == 0x24 && exit[-6 - 2] >> 6 == 2 && (exit[-6 - 2] & 7) == RSP;
    if (has_sib)
        cmp--;
    if (exit[-2] != 0x74 || exit[-1] != DIRECT_LEN || (cmp[0] & 0xf8) != 0x48 || cmp[1] != 0x3b ||
        cmp[2] >> 6 != 2 || ((cmp[2] & 7) == RSP) != has_sib)
        return false;
    unsigned page = (cmp[2] >> 3 & 7) | (cmp[0] & 4) << 1;
    const uint8_t *and = cmp - 7;
    static const uint8_t mask[] = {0x00, 0xf0, 0xff, 0xff};
    if (memcmp(cmp - 4, mask, sizeof(mask)))
        return false;
    if (page == RAX && cmp[-6] == 0x48 && cmp[-5] == 0x25)
        and = cmp - 6;
    else if ((and[0] & 0xfe) != 0x48 || and[1] != 0x81 || and[2] != (0xe0 | (page & 7)) ||
             (and[0] & 1) != page >> 3)
        return false;
    const uint8_t *mov = and-3;
    if ((mov[0] & 0xf8) != 0x48 || mov[2] >> 6 != 3)
        return false;
    unsigned reg = (mov[2] >> 3 & 7) | (mov[0] & 4) << 1, rm = (mov[2] & 7) | (mov[0] & 1) << 3;
    if (mov[1] == 0x89 && rm == page)
        site->last_reg = (uint8_t)reg;
    else if (mov[1] == 0x8b && reg == page)
        site->last_reg = (uint8_t)rm;
    else
        return false;
    return true;
}

/* ---- the block ---- */

static const uint8_t *find_magic(const uint8_t *from, const uint8_t *end, uint64_t magic)
{
    uint8_t movabs_r11[10] = {0x49, 0xbb};
    memcpy(movabs_r11 + 2, &magic, sizeof(magic));
    return memmem(from, (size_t)(end - from), movabs_r11, sizeof(movabs_r11));
}

static bool fits_in_place(const struct vex_translation *t, const struct vex_site *site)
{
    return is_small(site->amounts.clock) && is_small(site->amounts.insns) && !is_logged(t, site);
}

/* One exit of 27 bytes; `out` is where code may go that does not fit. */
static void patch_direct(struct vex_translation *t, uint8_t *exit, struct writer *out,
                         uint32_t first_site)
{
    int32_t target;
    memcpy(&target, exit + 3, sizeof(target));
    uint32_t index = (uint32_t)target - 0x80000000u;
    CHECK(exit[0] == 0x49 && exit[1] == 0xc7 && exit[2] == 0xc3 && index < t->nsites);
    struct vex_site *site = &t->sites[index];
    const struct vex_doors *doors = &t->engine->cache.doors;
    struct writer w = {exit};
    switch ((enum vex_site_kind)site->kind) {
    case VEX_SITE_MISS:
        site->in_place = site->is_const || read_last_reg(site, exit);
        miss(&w, site, t->uses_simd ? doors->miss_simd : doors->miss, first_site + index,
             exit + DIRECT_LEN);
        break;
    default:
        if (!fits_in_place(t, site)) {
            CODE(&w, 0xe9);
            imm32(&w, distance(w.at, (uint64_t)(uintptr_t)out->at));
        }
        struct writer *to = fits_in_place(t, site) ? &w : out;
        log_site(to, t, site, first_site + index);
        if (site->kind == VEX_SITE_JUMP)
            jump(to, site, doors);
        else
            leave(to, site, doors);
        break;
    }
    CHECK(w.at <= exit + DIRECT_LEN);
}

static void patch_indirect(struct vex_translation *t, uint8_t *exit, struct writer *out,
                           uint32_t first_site)
{
    CHECK(t->indirect != VEX_NONE);
    const uint8_t *store = exit - STORE_RIP_LEN;
    CHECK((store[0] & 0xfb) == 0x48 && store[1] == 0x89 && (store[2] & 0xc7) == 0x85);
    unsigned reg = (store[2] >> 3 & 7) | (store[0] & 4) << 1;
    struct writer w = {exit};
    CODE(&w, 0xe9);
    imm32(&w, distance(w.at, (uint64_t)(uintptr_t)out->at));
    log_site(out, t, &t->sites[t->indirect], first_site + t->indirect);
    indirect(out, &t->sites[t->indirect], t->engine, reg);
}

uint32_t vex_patch_block(struct vex_translation *t, uint8_t *code, uint32_t len,
                         uint32_t first_site)
{
    const uint8_t *end = code + len, *at = code;
    struct writer out = {code + len};
    while ((at = find_magic(at, end, VEX_MAGIC_DIRECT))) {
        patch_direct(t, (uint8_t *)at - (DIRECT_LEN - INDIRECT_LEN), &out, first_site);
        at++;
    }
    at = find_magic(code, end, VEX_MAGIC_INDIRECT);
    if (at)
        patch_indirect(t, (uint8_t *)at, &out, first_site);
    CHECK(!find_magic(code, end, VEX_MAGIC_ASSISTED));
    return (uint32_t)(uintptr_t)out.at;
}
