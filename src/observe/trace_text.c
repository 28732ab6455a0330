// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Text, one access a line. Two ways to write it, told apart by the comma, and a trace may mix them:
 *
 *   [L|S|I] ADDRESS        decimal, or hexadecimal after 0x; a load if nothing is said
 *   L|S|M|I ADDRESS,SIZE   Valgrind's lackey --trace-mem=yes: hexadecimal, size in bytes; M loads
 *                          and then stores
 *
 * Blank lines, lines that begin with # and Valgrind's own (==PID== ...) say nothing.
 */
#include <ctype.h>
#include <string.h>

#include "observe/trace_reader.h"

enum { LINE_MAX = 1024, SIZE_MAX_BYTES = 4096 };

/* A line being read: what is left of it. */
struct text {
    const char *at, *end;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void skip_blanks(struct text *text)
{
    while (text->at < text->end && is_blank(*text->at))
        text->at++;
}

/* A value of digits, at least one of them; false also if it does not fit. */
static bool take_number(struct text *text, unsigned base, uint64_t *value)
{
    const char *start = text->at;
    *value = 0;
    for (; text->at < text->end && isxdigit((unsigned char)*text->at); text->at++) {
        char c = *text->at;
        unsigned digit = c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 32) - 'a' + 10);
        if (digit >= base || __builtin_mul_overflow(*value, base, value) ||
            __builtin_add_overflow(*value, digit, value))
            return false;
    }
    return text->at > start;
}

/* Hexadecimal after 0x, or if a comma follows; else decimal. */
static bool take_address(struct text *text, bool is_lackey, uint64_t *va)
{
    bool is_prefixed = text->end - text->at > 2 && text->at[0] == '0' && (text->at[1] | 32) == 'x';
    if (is_prefixed)
        text->at += 2;
    return take_number(text, is_prefixed || is_lackey ? 16 : 10, va);
}

struct access {
    char letter;
    uint64_t va, len;
};

/* Result: NULL, or what is wrong with the line. */
static const char *parse(struct text text, struct access *out)
{
    bool is_lackey = memchr(text.at, ',', (size_t)(text.end - text.at)) != NULL;
    out->letter = 'L';
    out->len = 1;
    if (isalpha((unsigned char)*text.at)) {
        out->letter = *text.at++;
        if (!strchr("LSI", out->letter) && !(out->letter == 'M' && is_lackey))
            return "the letter is not L, S or I";
        if (text.at == text.end || !is_blank(*text.at))
            return "there is no blank between the letter and the address";
        skip_blanks(&text);
    }
    if (!take_address(&text, is_lackey, &out->va))
        return "there is no address: decimal, or hexadecimal with 0x";
    if (is_lackey && (text.at == text.end || *text.at++ != ',' ||
                      !take_number(&text, 10, &out->len) || out->len > SIZE_MAX_BYTES))
        return "there is no size after the comma";
    skip_blanks(&text);
    if (text.at != text.end)
        return "something follows the address";
    return trace_is_address(out->va, out->len) ? NULL : "the address does not have 48 bits";
}

static size_t add(struct trace_ref *refs, size_t n, const struct access *access)
{
    if (access->letter == 'I')
        return trace_add(refs, n, access->va, access->len, TRACE_FETCH);
    if (access->letter == 'S')
        return trace_add(refs, n, access->va, access->len, TRACE_STORE);
    if (access->letter == 'L')
        return trace_add(refs, n, access->va, access->len, TRACE_LOAD);
    return trace_add_update(refs, n, access->va, access->len);
}

/* One line. Result: the new number of references, or -1. */
static int read_line(struct trace *trace, struct text text, struct trace_ref *refs, size_t n)
{
    struct access access;
    skip_blanks(&text);
    bool is_quiet = text.at == text.end || *text.at == '#' ||
                    (text.end - text.at > 1 && text.at[0] == '=' && text.at[1] == '=');
    if (is_quiet)
        return (int)n;
    const char *why = parse(text, &access);
    return why ? trace_fail(trace, "%s", why) : (int)add(refs, n, &access);
}

static int text_read(struct trace *trace, struct trace_ref *refs, size_t max)
{
    int n = 0;
    while ((size_t)n + TRACE_ROOM <= max) {
        size_t have;
        const char *line = (const char *)input_ahead(trace->input, LINE_MAX, &have);
        if (have == 0)
            break;
        trace->line++;
        const char *end = memchr(line, '\n', have);
        if (!end && have >= LINE_MAX)
            return trace_fail(trace, "the line is too long");
        if (!end && input_failure(trace->input))
            return trace_fail(trace, "%s", input_failure(trace->input));
        size_t len = end ? (size_t)(end - line) : have;
        n = read_line(trace, (struct text){line, line + len}, refs, (size_t)n);
        if (n < 0)
            return -1;
        input_skip(trace->input, len + (end ? 1 : 0));
    }
    return n;
}

static bool looks_like_text(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] > '~' || (bytes[i] < ' ' && bytes[i] != '\n' && !is_blank((char)bytes[i])))
            return false;
    return true;
}

const struct trace_reader trace_text = {
    .name = "text",
    .summary = "an access a line: [L|S|I] ADDRESS, or lackey's L|S|M|I HEX,SIZE",
    .looks_like = looks_like_text,
    .read = text_read,
};
