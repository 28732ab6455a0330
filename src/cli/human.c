// SPDX-License-Identifier: GPL-2.0-or-later
/* See human.h. */
#include "cli/human.h"

#include <string.h>

const char *human_count(uint64_t value, char buf[HUMAN_LEN])
{
    char digits[HUMAN_LEN];
    int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
    char *to = buf;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return buf;
}

const char *human_size(uint64_t bytes, char buf[HUMAN_LEN])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    unsigned unit = 0;
    while (value >= 1023.5 && unit < 6) {
        value /= 1024;
        unit++;
    }
    int decimals = value < 99.95 && value != (double)(uint64_t)value;
    snprintf(buf, HUMAN_LEN, "%.*f %s", decimals, value, units[unit]);
    return buf;
}

const char *human_time(double seconds, char buf[HUMAN_LEN])
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    double value = seconds * 1e9;
    unsigned unit = 0;
    while (value >= 999.5 && unit < 3) {
        value /= 1000;
        unit++;
    }
    if (value >= 999.5 && value < 1e18)
        human_count((uint64_t)value, buf);
    else
        snprintf(buf, HUMAN_LEN - 4, "%.3g", value);
    strcat(strcat(buf, " "), units[unit]);
    return buf;
}

const char *human_rate(uint64_t part, uint64_t whole, char buf[HUMAN_LEN])
{
    double rate = whole ? 100.0 * (double)part / (double)whole : 0;
    if (whole == 0)
        snprintf(buf, HUMAN_LEN, "-");
    else if (part < whole && rate > 99.9999)
        snprintf(buf, HUMAN_LEN, ">99.9999 %%");
    else if (part > 0 && rate < 0.0001)
        snprintf(buf, HUMAN_LEN, "<0.0001 %%");
    else if (rate >= 99 && part < whole)
        snprintf(buf, HUMAN_LEN, "%.4f %%", rate);
    else
        snprintf(buf, HUMAN_LEN, "%.*f %%", part == whole || part == 0 ? 0 : 2, rate);
    return buf;
}

void human_wrap(FILE *out, unsigned at, unsigned indent, const char *text)
{
    unsigned column = at;
    const char *gap = "";
    while (*text) {
        unsigned len = (unsigned)strcspn(text, " ");
        if (*gap && column + 1 + len > HUMAN_WIDTH) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
            gap = "";
        }
        fprintf(out, "%s%.*s", gap, (int)len, text);
        column += (unsigned)strlen(gap) + len;
        gap = " ";
        text += len;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}
