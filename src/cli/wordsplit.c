// SPDX-License-Identifier: GPL-2.0-or-later
/* See wordsplit.h. The words never take more room than the line, so both are sized by it. */
#include "cli/wordsplit.h"

#include <stdlib.h>
#include <string.h>

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* Copies one word from *in to *out, without its quotes. */
static int take_word(const char **in, char **out, const char **why)
{
    char quote = '\0';
    for (; **in && (quote || !is_blank(**in)); (*in)++) {
        char c = **in;
        if (quote ? c == quote : c == '\'' || c == '"') {
            quote = quote ? '\0' : c;
            continue;
        }
        if (c == '\\' && quote != '\'') {
            c = *++*in;
            if (c == '\0') {
                *why = "a backslash ends it";
                return -1;
            }
        }
        *(*out)++ = c;
    }
    *(*out)++ = '\0';
    *why = "a quote is not closed";
    return quote ? -1 : 0;
}

int wordsplit_create(const char *line, struct wordsplit *out, const char **why)
{
    size_t len = strlen(line);
    struct wordsplit split = {calloc(len + 2, sizeof(char *)), 0, malloc(2 * len + 2)};
    char *end = split.text;
    *why = "out of memory";
    int result = split.words && split.text ? 0 : -1;
    while (result == 0) {
        line += strspn(line, " \t\n");
        if (*line == '\0')
            break;
        split.words[split.count++] = end;
        result = take_word(&line, &end, why);
    }
    if (result < 0)
        wordsplit_destroy(&split);
    else
        *out = split;
    return result;
}

void wordsplit_destroy(struct wordsplit *split)
{
    free(split->words);
    free(split->text);
    *split = (struct wordsplit){0};
}
