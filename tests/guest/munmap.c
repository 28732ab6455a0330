// SPDX-License-Identifier: GPL-2.0-or-later
/* munmap: from the middle, over holes and several mappings, and requests that are wrong. */
#include "guest.h"

static void show(const char *what, char *p, int n)
{
    printf("%s:", what);
    for (int i = 0; i < n; i++) {
        unsigned char resident;

        printf(" %c", mincore(p + i * PAGE, PAGE, &resident) == 0 ? 'm' : '-');
    }
    printf("\n");
}

int main(void)
{
    char *p = pages(10);

    probe_start();
    memset(p, 'x', 10 * PAGE);
    show("whole", p, 10);
    TRY(munmap(p + 3 * PAGE, 2 * PAGE));
    show("hole", p, 10);
    TRY(munmap(p + 2 * PAGE, 5 * PAGE));
    show("over the hole", p, 10);
    TRY(munmap(p + 2 * PAGE, 5 * PAGE));
    show("again", p, 10);
    PROBE("left of it", p, load(p + 2 * PAGE - 1));
    PROBE("in it", p, load(p + 2 * PAGE));
    PROBE("right of it", p, load(p + 7 * PAGE));
    printf("kept: %c %c\n", p[PAGE], p[9 * PAGE]);
    TRY(mmap(p + 4 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0) == p + 4 * PAGE);
    printf("new: %d\n", p[4 * PAGE]);
    TRY(munmap(p, 10 * PAGE));
    show("all", p, 10);
    TRY(munmap(p, 0));
    TRY(munmap(p + 1, PAGE));
    TRY(munmap(p, 1));
    TRY(munmap((void *)(1UL << 47), PAGE));
    TRY(munmap(p, (size_t)-1));

    /* Many small holes, then one sweep. */
    p = pages(512);
    for (int i = 0; i < 512; i += 2)
        munmap(p + i * PAGE, PAGE);
    for (int i = 1; i < 512; i += 2)
        p[i * PAGE] = (char)i;
    long sum = 0;
    for (int i = 1; i < 512; i += 2)
        sum += p[i * PAGE];
    printf("sum %ld\n", sum);
    TRY(munmap(p, 512 * PAGE));
    PROBE("after the sweep", p, load(p + PAGE));
    return 0;
}
