// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What CPUID and RDTSC tell the guest: a processor with SSE4.2, POPCNT and CMPXCHG16B (x86-64-v2),
 * because that is what VEX does well. Hidden is what it does not decode (AVX-512, SHA,
 * RDFSBASE...), does badly (FMA, AES and CLMUL by slow helpers), or what leads libraries astray
 * (ERMS: `rep movs` is one helper call here, but a block for each). No XSAVE, so the dynamic linker
 * uses FXSAVE.
 *
 * Sources: Intel SDM vol. 2A, "CPUID"; AMD64 APM vol. 3, appendix E.
 */
#include <string.h>

#include "machine/vex/vex.h"

struct cpuid {
    uint32_t eax, ebx, ecx, edx;
};

enum { LEAF_MAX = 0x0b, LEAF_EXTENDED = 0x80000000u, LEAF_EXTENDED_MAX = 0x80000008u };

#define BIT(n) ((uint32_t)1 << (n))

static struct cpuid features(void)
{
    enum { SIGNATURE = 0x000206c2 }; /* family 6, model 44: has SSE4.2 and no AVX */
    return (struct cpuid){
        .eax = SIGNATURE,
        .ebx = 8u << 8 | 1u << 16, /* CLFLUSH of 64 bytes; one logical processor */
        /* SSE3, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2, POPCNT */
        .ecx = BIT(0) | BIT(9) | BIT(13) | BIT(19) | BIT(20) | BIT(23),
        /* FPU, TSC, CX8, CMOV, CLFSH, MMX, FXSR, SSE, SSE2; and DE, PSE, MSR, PAE, SEP, PGE, PAT */
        .edx = BIT(0) | BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(8) | BIT(11) | BIT(13) |
               BIT(15) | BIT(16) | BIT(19) | BIT(23) | BIT(24) | BIT(25) | BIT(26),
    };
}

/* Deterministic cache parameters: 32 KiB L1I and L1D, 256 KiB L2, 8 MiB L3. */
static struct cpuid cache(uint32_t index)
{
    static const struct {
        uint32_t type, level, ways, sets;
    } caches[] = {{1, 1, 8, 64}, {2, 1, 8, 64}, {3, 2, 8, 512}, {3, 3, 16, 8192}};
    if (index >= sizeof(caches) / sizeof(caches[0]))
        return (struct cpuid){0};
    return (struct cpuid){.eax = caches[index].type | caches[index].level << 5 | BIT(8),
                          .ebx = 63 | (caches[index].ways - 1) << 22,
                          .ecx = caches[index].sets - 1,
                          .edx = 0};
}

static struct cpuid text(const char *s)
{
    struct cpuid out;
    memcpy(&out, s, sizeof(out));
    return out;
}

static struct cpuid brand(uint32_t part)
{
    static const char name[48] = "pagewalk virtual processor (SSE4.2)";
    return text(name + 16 * part);
}

static struct cpuid ask(uint32_t leaf, uint32_t index)
{
    switch (leaf) {
    case 0: /* "GenuineIntel": C libraries choose their code by the vendor's name */
        return (struct cpuid){LEAF_MAX, 0x756e6547, 0x6c65746e, 0x49656e69};
    case 1:
        return features();
    case 2: /* as leaf 4 says */
        return (struct cpuid){0x00feff01, 0, 0, 0};
    case 4:
        return cache(index);
    case LEAF_EXTENDED:
        return (struct cpuid){LEAF_EXTENDED_MAX, 0, 0, 0};
    case 0x80000001u: /* LAHF; SYSCALL, NX, long mode */
        return (struct cpuid){features().eax, 0, BIT(0), BIT(11) | BIT(20) | BIT(29)};
    case 0x80000002u:
    case 0x80000003u:
    case 0x80000004u:
        return brand(leaf - 0x80000002u);
    case 0x80000006u: /* L2: 256 KiB, 8-way, 64-byte lines */
        return (struct cpuid){0, 0, 0x01006040, 0};
    case 0x80000008u: /* 40 bits physical, 48 virtual */
        return (struct cpuid){0x3028, 0, 0, 0};
    default:
        return (struct cpuid){0};
    }
}

void vex_cpuid(struct cpu *cpu)
{
    VexGuestAMD64State *g = &cpu->guest;
    struct cpuid out = ask((uint32_t)g->guest_RAX, (uint32_t)g->guest_RCX);
    g->guest_RAX = out.eax;
    g->guest_RBX = out.ebx;
    g->guest_RCX = out.ecx;
    g->guest_RDX = out.edx;
}

uint64_t vex_rdtsc(struct cpu *cpu)
{
    if (cpu->engine->options.reproducible)
        return vex_instructions(cpu);
    return __builtin_ia32_rdtsc();
}
