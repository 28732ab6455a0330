// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Code that changes: patched in place, by the instruction just before, through another mapping, by
 * read(2), by unmapping; code across two pages; write xor execute.
 */
#include "guest.h"

typedef int (*function)(void);

/* mov $value, %eax; ret */
static void emit(char *at, int value)
{
    at[0] = (char)0xb8;
    memcpy(at + 1, &value, 4);
    at[5] = (char)0xc3;
}

static int call(const char *at)
{
    return ((function)(uintptr_t)at)();
}

static char *code_pages(long n)
{
    return mmap(NULL, (size_t)(n * PAGE), RW | PROT_EXEC, ANON, -1, 0);
}

static void patched(void)
{
    char *p = code_pages(2);
    long sum = 0;

    for (int i = 0; i < 3000; i++) {
        emit(p, i);
        sum += call(p);
    }
    printf("patched: %ld\n", sum);
    /* Only the constant, one byte at a time. */
    for (int i = 0; i < 300; i++) {
        p[1 + i % 4] = (char)i;
        sum += call(p) % 1000;
    }
    printf("by bytes: %ld\n", sum);
    /* Data beside code in one page. */
    for (int i = 0; i < 3000; i++) {
        p[100 + i % 1000] = (char)i;
        sum += call(p) & 1;
    }
    printf("beside: %ld\n", sum);
}

/* movb $77, 1(%rip+...) ; mov $1, %eax ; ret: the store changes the very next instruction. */
static void next_instruction(void)
{
    static const unsigned char text[] = {0xc6, 0x05, 0x01, 0, 0, 0, 77, 0xb8, 1, 0, 0, 0, 0xc3};
    char *p = code_pages(1);

    for (int at = 0; at < 40; at += 13) {
        memcpy(p + at, text, sizeof(text));
        printf("next instruction: %d\n", call(p + at));
        p[at + 8] = 5;
        printf("again: %d\n", call(p + at));
    }
}

/* A loop that rewrites its own increment. */
static void own_loop(void)
{
    static const unsigned char text[] = {
        0x31, 0xc0,                         /* xor %eax, %eax */
        0xb9, 10,   0,    0,    0,          /* mov $10, %ecx */
        0x83, 0xc0, 1,                      /* 7: add $1, %eax; the 1 is at 9 */
        0xfe, 0x05, 0xf9, 0xff, 0xff, 0xff, /* incb 9(%rip...) */
        0xff, 0xc9,                         /* dec %ecx */
        0x75, 0xf3,                         /* jnz 7 */
        0xc3,
    };
    char *p = code_pages(1);

    memcpy(p, text, sizeof(text));
    printf("own loop: %d", call(p));
    printf(" then %d\n", call(p));
}

static void write_xor_execute(void)
{
    char *p = pages(1);
    long sum = 0;

    for (int i = 0; i < 200; i++) {
        mprotect(p, PAGE, RW);
        emit(p + i * 8, i);
        emit(p, i * 3);
        mprotect(p, PAGE, PROT_READ | PROT_EXEC);
        sum += call(p) + call(p + i * 8);
    }
    printf("w^x: %ld\n", sum);
    mprotect(p, PAGE, PROT_READ);
    PROBE("not executable", p, call(p + 8));
}

static void two_views(void)
{
    int fd = memfd_create("code", 0);
    long sum = 0;

    ftruncate(fd, 2 * PAGE);
    char *write_view = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
    char *code_view = mmap(NULL, 2 * PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    for (int i = 0; i < 500; i++) {
        emit(write_view + PAGE - 3, i);
        sum += call(code_view + PAGE - 3);
    }
    printf("two views: %ld\n", sum);
    char text[8];
    emit(text, 4711);
    pwrite(fd, text, 6, 32);
    printf("written by pwrite: %d", call(code_view + 32));
    emit(text, 4712);
    pwrite(fd, text, 6, 32);
    printf(" %d\n", call(code_view + 32));
}

static void by_read(void)
{
    char *p = code_pages(1), text[8];
    int ends[2];

    pipe(ends);
    for (int i = 0; i < 5; i++) {
        emit(text, i * 1000);
        write(ends[1], text, 6);
        read(ends[0], p + 64, 6);
        printf("by read: %d\n", call(p + 64));
    }
}

static void mapped_again(void)
{
    char *p = code_pages(2);

    for (int i = 0; i < 5; i++) {
        mmap(p, PAGE, RW | PROT_EXEC, ANON | MAP_FIXED, -1, 0);
        emit(p + 16, 100 + i);
        printf("mapped again: %d\n", call(p + 16));
    }
    emit(p + PAGE, 31);
    call(p + PAGE);
    mremap(p + PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p);
    printf("moved: %d\n", call(p));
    PROBE("where it was", p, call(p + PAGE));
    emit(p, 32);
    madvise(p, PAGE, MADV_DONTNEED);
    memset(p, 0xcc, 8);
    PROBE("after MADV_DONTNEED", NULL, call(p));
}

static void across_pages(void)
{
    char *p = code_pages(3);
    long sum = 0;

    for (long at = PAGE - 8; at < PAGE + 2; at++)
        for (int i = 0; i < 20; i++) {
            emit(p + at, i);
            sum += call(p + at);
        }
    printf("across: %ld\n", sum);
    emit(p + 2 * PAGE - 3, 8);
    call(p + 2 * PAGE - 3);
    mprotect(p + 2 * PAGE, PAGE, RW);
    PROBE("second page not executable", p, call(p + 2 * PAGE - 3));
    munmap(p + 2 * PAGE, PAGE);
    PROBE("second page gone", p, call(p + 2 * PAGE - 3));
    emit(p + 2 * PAGE - 6, 9);
    PROBE("instructions up to the border", p, call(p + 2 * PAGE - 6));
}

static void generated(void)
{
    char *p = code_pages(64);
    uint64_t seed = 4;
    long sum = 0;

    for (long i = 0; i < 64 * PAGE / 8; i++)
        emit(p + i * 8, (int)i);
    for (int i = 0; i < 6000; i++)
        sum += call(p + roll(&seed) % (64 * PAGE / 8) * 8);
    printf("generated: %ld\n", sum);
}

int main(void)
{
    probe_start();
    patched();
    next_instruction();
    own_loop();
    write_xor_execute();
    two_views();
    by_read();
    mapped_again();
    across_pages();
    generated();
    return 0;
}
