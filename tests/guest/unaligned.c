// SPDX-License-Identifier: GPL-2.0-or-later
/* Every access of every width at every place around a page border; the pages are far apart in RAM.
 */
#include <emmintrin.h>

#include "guest.h"

static char *area; /* border at area + PAGE */

#define EACH(type, name)                                                                           \
    static uint64_t name(void)                                                                     \
    {                                                                                              \
        uint64_t h = 0;                                                                            \
                                                                                                   \
        for (long at = PAGE - 20; at < PAGE + 20; at++) {                                          \
            type value, *p = (type *)(area + at);                                                  \
                                                                                                   \
            __builtin_memcpy(&value, p, sizeof(value));                                            \
            value = (type)(value * 3 + 1);                                                         \
            __builtin_memcpy(p, &value, sizeof(value));                                            \
            h = h * 31 + (uint64_t)value;                                                          \
        }                                                                                          \
        return h;                                                                                  \
    }

EACH(uint8_t, bytes)
EACH(uint16_t, words)
EACH(uint32_t, longs)
EACH(uint64_t, quads)
EACH(float, floats)
EACH(double, doubles)

static void vectors(void)
{
    for (long at = PAGE - 40; at < PAGE + 40; at++) {
        __m128i v = _mm_loadu_si128((__m128i *)(area + at));

        v = _mm_add_epi8(v, _mm_set1_epi8(7));
        _mm_storeu_si128((__m128i *)(area + at + 1), v);
    }
    for (long at = PAGE - 10; at < PAGE + 4; at++) {
        __asm__ volatile(
            "movq (%0), %%mm0; paddb %%mm0, %%mm0; movq %%mm0, 1(%0); emms" ::"r"(area + at)
            : "memory", "mm0");
        __asm__ volatile(
            "movlps (%0), %%xmm1; movhps 3(%0), %%xmm1; movups %%xmm1, 2(%0)" ::"r"(area + at)
            : "memory", "xmm1");
    }
}

static void integers(void)
{
    for (long at = PAGE - 9; at < PAGE + 3; at++) {
        char *p = area + at;
        uint64_t out = 3;

        __asm__ volatile("addq $5, (%0)" ::"r"(p) : "memory", "cc");
        __asm__ volatile("notw (%0)" ::"r"(p) : "memory");
        __asm__ volatile("rolq $5, (%0)" ::"r"(p) : "memory", "cc");
        __asm__ volatile("xaddq %0, (%1)" : "+r"(out) : "r"(p) : "memory", "cc");
        __asm__ volatile("cmpxchgq %1, (%2)" : "+a"(out) : "r"(out * 3), "r"(p) : "memory", "cc");
        __asm__ volatile("cmpxchgl %k1, (%2)" : "+a"(out) : "r"(1L), "r"(p) : "memory", "cc");
        __asm__ volatile("btsq $13, (%0)" ::"r"(p) : "memory", "cc");
        __asm__ volatile("pushq (%0); popq 2(%0)" ::"r"(p) : "memory");
        __asm__ volatile("movsbl (%1), %k0; bswap %0; movq %0, 1(%1)"
                         : "=&r"(out)
                         : "r"(p)
                         : "memory");
    }
}

/* Values that a 64-bit double holds exactly. */
static void x87(void)
{
    for (long at = PAGE - 30; at < PAGE + 4; at++) {
        char *p = area + at;
        double value = (double)at * 0.25, out;
        short control, status;

        __asm__ volatile("fldl %0; fstpt (%1)" ::"m"(value), "r"(p) : "memory");
        __asm__ volatile("fldt (%1); fadd %%st(0); fstpl %0" : "=m"(out) : "r"(p) : "memory");
        if (out != value * 2)
            printf("fldt at %ld: %g\n", at, out);
        __asm__ volatile("fldl %0; fistpll (%1)" ::"m"(value), "r"(p) : "memory");
        __asm__ volatile("fildl (%1); fstpl %0" : "=m"(out) : "r"(p) : "memory");
        if (out != (double)(int)__builtin_rint(value))
            printf("fild at %ld: %g\n", at, out);
        __asm__ volatile("fnstcw (%0); fldcw (%0)" ::"r"(p) : "memory");
        memcpy(&control, p, 2);
        __asm__ volatile("fnstsw %0" : "=m"(status));
        if (control != 0x37f)
            printf("control word %x\n", control);
    }
}

static void whole_state(void)
{
    static const long places[] = {0, 16, PAGE - 16, PAGE - 256, PAGE - 496, PAGE};
    double in = 1.5, out = 0;
    __m128i v = _mm_set1_epi32(0x1234567);

    for (int i = 0; i < 6; i++) {
        char *p = area + places[i];
        __m128i w;

        __asm__ volatile("fninit; fldl %0; movdqu %1, %%xmm5; fxsave (%2)" ::"m"(in), "m"(v), "r"(p)
                         : "memory", "xmm5");
        __asm__ volatile("fninit; pxor %%xmm5, %%xmm5; fxrstor (%2); fstpl %0; movdqu %%xmm5, %1"
                         : "=m"(out), "=m"(w)
                         : "r"(p)
                         : "memory", "xmm5");
        printf("fxsave %ld: %g %x\n", places[i], out, _mm_cvtsi128_si32(w));
    }
    for (long at = PAGE - 110; at < PAGE + 4; at += 19) {
        __asm__ volatile("fninit; fldl %1; fnsave (%2); frstor (%2); fstpl %0"
                         : "=m"(out)
                         : "m"(in), "r"(area + at)
                         : "memory");
        printf("fnsave %ld: %g\n", at, out);
        __asm__ volatile("fninit; fnstenv (%0); fldenv (%0)" ::"r"(area + at) : "memory");
    }
}

/* What lies on both sides of the border is in two pages that were mapped apart from each other. */
static void border_moves(void)
{
    char *p = pages(2), *first = pages(1), *second = pages(1);

    memset(first, 'f', PAGE);
    memset(second, 's', PAGE);
    mremap(second, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE);
    mremap(first, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p);
    printf("%lx\n", *(unsigned long *)(p + PAGE - 3));
    mprotect(p + PAGE, PAGE, PROT_READ);
    PROBE("read-only second page", p, *(volatile long *)(p + PAGE - 5) = 1);
    printf("%lx\n", *(unsigned long *)(p + PAGE - 5));
    mprotect(p, 2 * PAGE, RW);
    mprotect(p, PAGE, PROT_READ);
    PROBE("read-only first page", p, *(volatile long *)(p + PAGE - 5) = 1);
    printf("%lx\n", *(unsigned long *)(p + PAGE - 5));
}

int main(void)
{
    uint64_t seed = 1;

    probe_start();
    area = pages(3);
    for (long i = 0; i < 3 * PAGE; i++)
        area[i] = (char)roll(&seed);
    printf("8 bits %lx\n", (unsigned long)bytes());
    printf("16 bits %lx\n", (unsigned long)words());
    printf("32 bits %lx\n", (unsigned long)longs());
    printf("64 bits %lx\n", (unsigned long)quads());
    for (long i = 0; i < 3 * PAGE; i++)
        area[i] = (char)(i % 50);
    printf("float %lx\n", (unsigned long)floats());
    for (long i = 0; i < 3 * PAGE; i++)
        area[i] = (char)(i % 50);
    printf("double %lx\n", (unsigned long)doubles());
    vectors();
    printf("vectors %016lx\n", (unsigned long)hash(area, 3 * PAGE));
    integers();
    printf("integers %016lx\n", (unsigned long)hash(area, 3 * PAGE));
    x87();
    whole_state();
    border_moves();
    return 0;
}
