// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Immutable strings with a count of references. The count lies just before the text, so that a
 * holder has a plain char * to print. Not for threads: the count is not atomic.
 */
#include "base/refstr.h"

#include "base/check.h"
#include "base/xalloc.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct refstr {
    size_t refs; /* > 0 while anybody holds the text */
    char text[];
};

static struct refstr *of_text(char *text)
{
    return (struct refstr *)(text - offsetof(struct refstr, text));
}

char *refstr_create(const char *text)
{
    if (!text)
        return NULL;

    size_t len = strlen(text) + 1;
    struct refstr *string = x_malloc(sizeof(*string) + len);

    string->refs = 1;
    return memcpy(string->text, text, len);
}

char *refstr_get(char *text)
{
    if (text) {
        CHECK(of_text(text)->refs > 0 && of_text(text)->refs < SIZE_MAX);
        of_text(text)->refs++;
    }
    return text;
}

void refstr_put(char *text)
{
    if (!text)
        return;
    CHECK(of_text(text)->refs > 0);
    if (--of_text(text)->refs == 0)
        free(of_text(text));
}
