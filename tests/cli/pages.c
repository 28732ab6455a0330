// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest: fills N MiB of memory with numbers, says so, waits for a line, and reads all of it
 * again. Exit status 0 only if every number is as it was. Use: pages N
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t number_at(size_t i)
{
    return (i + 1) * 0x9e3779b97f4a7c15u;
}

int main(int argc, char **argv)
{
    size_t count = (argc > 1 ? (size_t)atoi(argv[1]) : 1) * ((1 << 20) / sizeof(uint64_t));
    uint64_t *numbers = malloc(count * sizeof(*numbers));
    if (!numbers)
        return 3;
    for (size_t i = 0; i < count; i++)
        numbers[i] = number_at(i);
    puts("ready");
    fflush(stdout);
    if (getchar() == EOF)
        return 4;
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] != number_at(i)) {
            puts("wrong data");
            return 2;
        }
    }
    puts("all there");
    free(numbers);
    return 0;
}
