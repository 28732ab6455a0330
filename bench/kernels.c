// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The programs that run-bench times: kernels NAME SIZE. Each is a way of using memory that stresses
 * another part of an emulator; each prints a checksum, so that a wrong result is seen. With size 0
 * a kernel sets up and does nothing, which is subtracted.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Byte stores with growing strides, then a branchy loop in registers. */
static uint64_t sieve(long rounds)
{
    enum { LIMIT = 2000000 };
    unsigned char *composite = malloc(LIMIT + 1);
    uint64_t primes = 0;
    uint32_t x = 1;

    for (long r = 0; r < rounds; r++) {
        memset(composite, 0, LIMIT + 1);
        for (long i = 2; i * i <= LIMIT; i++) {
            if (composite[i])
                continue;
            for (long j = i * i; j <= LIMIT; j += i)
                composite[j] = 1;
        }
        for (long i = 2; i <= LIMIT; i++)
            primes += !composite[i];
        for (long i = 0; i < 5000000; i++) {
            x = x * 1664525 + 1013904223;
            primes += (x ^ x >> 13) & 1;
        }
    }
    return primes;
}

/* Dependent loads over 64 MiB, one cache line each, in one random cycle (Sattolo's shuffle). */
static uint64_t chase(long steps)
{
    enum { LINES = 1 << 20 };
    struct line {
        struct line *next;
        uint64_t filler[7];
    } *lines = malloc(LINES * sizeof(*lines)), *at = lines;
    uint32_t *order = malloc(LINES * sizeof(*order));
    uint64_t seed = 1, sum = 0;

    for (uint32_t i = 0; i < LINES; i++)
        order[i] = i;
    for (uint32_t i = LINES - 1; i > 0; i--) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint32_t j = (uint32_t)((seed >> 33) % i), swap = order[i];

        order[i] = order[j];
        order[j] = swap;
    }
    for (uint32_t i = 0; i < LINES; i++)
        lines[i].next = &lines[order[i]];
    for (long i = 0; i < steps; i++) {
        at = at->next;
        sum += (uint64_t)(at - lines);
    }
    return sum;
}

static int by_value(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;

    return (x > y) - (x < y);
}

static uint64_t sort(long count)
{
    int *numbers = malloc((size_t)(count + 1) * sizeof(*numbers));
    uint32_t x = 12345;
    uint64_t sum = 0;

    for (long i = 0; i < count; i++) {
        x = x * 1664525 + 1013904223;
        numbers[i] = (int)(x >> 1);
    }
    qsort(numbers, (size_t)count, sizeof(*numbers), by_value);
    for (long i = 0; i < count; i += 1000)
        sum = sum * 31 + (uint64_t)numbers[i];
    return sum;
}

/* memcpy and memset of 16 MiB, as the C library does them. */
static uint64_t stream(long rounds)
{
    const size_t len = 16 << 20;
    unsigned char *a = malloc(len), *b = malloc(len);
    uint64_t sum = 0;

    memset(a, 1, len);
    memset(b, 2, len);
    for (long i = 0; i < rounds; i++) {
        memcpy(a, b, len);
        memset(b, (int)i, len);
        sum += a[i * 77];
    }
    return sum;
}

static uint64_t matmul(long n)
{
    size_t cells = (size_t)(n * n);
    double *a = malloc((cells + 1) * 8), *b = malloc((cells + 1) * 8), sum = 0;
    double *c = calloc(cells + 1, 8);

    for (size_t i = 0; i < cells; i++) {
        a[i] = (double)(i % 7) + 0.5;
        b[i] = (double)(i % 11) - 0.25;
    }
    for (long i = 0; i < n; i++)
        for (long k = 0; k < n; k++)
            for (long j = 0; j < n; j++)
                c[i * n + j] += a[i * n + k] * b[k * n + j];
    for (size_t i = 0; i < cells; i++)
        sum += c[i];
    return (uint64_t)sum;
}

/* A stack machine of bytecode with a hash table, run by a switch. */
enum { PUSH, ADD, SUB, DUP, JUMP, LOAD, STORE, COUNT, HALT };

struct table {
    uint64_t key[1 << 16], times[1 << 16];
};

static int64_t count(struct table *table, uint64_t key)
{
    size_t slot = key * 0x9e3779b97f4a7c15u >> 48;

    while (table->times[slot] && table->key[slot] != key)
        slot = (slot + 1) % (1 << 16);
    table->key[slot] = key;
    return (int64_t)++table->times[slot];
}

static uint64_t interpreter(long n)
{
    /* total += n; seen = count((total mod 2^15)); if (--n) again */
    static const int code[] = {LOAD, 1, LOAD, 0, ADD, STORE, 0,     LOAD, 0,    COUNT, STORE, 2,
                               LOAD, 1, PUSH, 1, SUB, DUP,   STORE, 1,    JUMP, 0,     HALT};
    struct table *table = calloc(1, sizeof(*table));
    int64_t stack[64], variables[8] = {0, n}, *top = stack;

    for (const int *at = n ? code : &(const int){HALT};;) {
        switch (*at++) {
        case PUSH:
            *top++ = *at++;
            break;
        case ADD:
            top--;
            top[-1] += *top;
            break;
        case SUB:
            top--;
            top[-1] -= *top;
            break;
        case DUP:
            *top = top[-1];
            top++;
            break;
        case JUMP:
            at = *--top ? code + *at : at + 1;
            break;
        case LOAD:
            *top++ = variables[*at++];
            break;
        case STORE:
            variables[*at++] = *--top;
            break;
        case COUNT:
            top[-1] = count(table, (uint64_t)top[-1] % (1 << 15));
            break;
        case HALT:
            return (uint64_t)(variables[0] * 31 + variables[2]);
        }
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        uint64_t (*run)(long size);
    } kernels[] = {{"sieve", sieve},   {"chase", chase},   {"sort", sort},
                   {"stream", stream}, {"matmul", matmul}, {"interpreter", interpreter}};

    for (size_t i = 0; argc == 3 && i < sizeof(kernels) / sizeof(kernels[0]); i++)
        if (strcmp(argv[1], kernels[i].name) == 0) {
            printf("%016lx\n", (unsigned long)kernels[i].run(atol(argv[2])));
            return 0;
        }
    fprintf(stderr, "use: kernels NAME SIZE\n");
    return 2;
}
