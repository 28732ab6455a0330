// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Allocation that does not fail: the host's refusal ends the program here, in one place and with
 * one message, instead of in a hundred callers.
 */
#include "base/xalloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void refused(size_t count, size_t size)
{
    fprintf(stderr,
            "pagewalk: the host has no memory left (asked for %zu x %zu bytes); "
            "close other programs or choose a smaller machine\n",
            count, size);
    exit(125);
}

void *x_malloc(size_t size)
{
    void *block = malloc(size ? size : 1);

    if (!block)
        refused(1, size);
    return block;
}

void *x_calloc(size_t count, size_t size)
{
    void *block = calloc(count ? count : 1, size ? size : 1);

    if (!block)
        refused(count, size);
    return block;
}

void *x_realloc(void *block, size_t size)
{
    void *moved = realloc(block, size ? size : 1);

    if (!moved)
        refused(1, size);
    return moved;
}

char *x_strdup(const char *text)
{
    size_t len = strlen(text) + 1;

    return memcpy(x_malloc(len), text, len);
}
