// SPDX-License-Identifier: GPL-2.0-or-later
/* Ordinary use of more memory than there may be RAM: sparse, random, sorted, linked, copied. */
#include "guest.h"

static void sparse(void)
{
    char *p = mmap(NULL, 1L << 36, RW, ANON | MAP_NORESERVE, -1, 0);
    uint64_t seed = 8, sum = 0;

    for (int i = 0; i < 700; i++)
        p[roll(&seed) * 4093 % (1L << 36)] += (char)(i + 1);
    seed = 8;
    for (int i = 0; i < 700; i++) {
        char *at = p + roll(&seed) * 4093 % (1L << 36);

        sum = sum * 31 + (unsigned char)*at + (unsigned char)at[PAGE] * 7;
    }
    printf("sparse %016lx\n", (unsigned long)sum);
    munmap(p, 1L << 36);
}

static int by_value(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static void sorted(void)
{
    enum { N = 150000 };
    uint32_t *numbers = malloc(N * sizeof(*numbers)), disorder = 0;
    uint64_t seed = 77;

    for (int i = 0; i < N; i++)
        numbers[i] = (uint32_t)roll(&seed);
    qsort(numbers, N, sizeof(*numbers), by_value);
    for (int i = 1; i < N; i++)
        disorder += numbers[i - 1] > numbers[i];
    printf("sorted: disorder %u, hash %016lx\n", disorder,
           (unsigned long)hash(numbers, N * sizeof(*numbers)));
    free(numbers);
}

struct node {
    struct node *left, *right;
    uint64_t key, filler[5];
};

static struct node *insert(struct node *node, uint64_t key)
{
    if (!node) {
        node = calloc(1, sizeof(*node));
        node->key = key;
    } else if (key < node->key) {
        node->left = insert(node->left, key);
    } else {
        node->right = insert(node->right, key);
    }
    return node;
}

static uint64_t walk(const struct node *node, uint64_t h)
{
    if (!node)
        return h;
    h = walk(node->left, h);
    return walk(node->right, h * 31 + node->key);
}

static void linked(void)
{
    struct node *root = NULL;
    uint64_t seed = 5;

    for (int i = 0; i < 30000; i++)
        root = insert(root, roll(&seed));
    printf("tree %016lx\n", (unsigned long)walk(root, 0));
}

static void copied(void)
{
    enum { LEN = 3 << 20 };
    char *a = malloc(LEN), *b = malloc(LEN);

    for (int i = 0; i < LEN; i++)
        a[i] = (char)(i * 13 + i / 777);
    for (int i = 0; i < 5; i++) {
        memcpy(b, a, LEN);
        memmove(a + 1, b, LEN - 1);
        memmove(b, b + 4097, LEN - 4097);
    }
    printf("copied %016lx %016lx\n", (unsigned long)hash(a, LEN), (unsigned long)hash(b, LEN));
    a = realloc(a, 2 * LEN);
    printf("realloc %016lx\n", (unsigned long)hash(a, LEN));
    free(a);
    free(b);
}

static void churned(void)
{
    enum { BLOCKS = 500 };
    struct {
        unsigned char *at;
        size_t len;
    } blocks[BLOCKS] = {0};
    uint64_t seed = 123, h = 0;
    int bad = 0;

    for (int i = 0; i < 20000; i++) {
        int k = (int)(roll(&seed) % BLOCKS);
        size_t len = 1 + roll(&seed) % (i % 50 == 0 ? 300000 : 3000);

        for (size_t j = 0; j < blocks[k].len; j += 97)
            bad += blocks[k].at[j] != (unsigned char)k;
        free(blocks[k].at);
        blocks[k].at = malloc(len);
        blocks[k].len = len;
        memset(blocks[k].at, k, len);
        h = h * 31 + len;
    }
    printf("churned: bad %d, %016lx\n", bad, (unsigned long)h);
}

int main(void)
{
    sparse();
    sorted();
    linked();
    copied();
    churned();
    return 0;
}
