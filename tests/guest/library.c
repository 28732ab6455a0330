// SPDX-License-Identifier: GPL-2.0-or-later
/* The C library at work: string functions at the very end of a page, numbers as text, wide tables.
 */
#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <time.h>
#include <wchar.h>

#include "guest.h"

/* A page whose next page must not be touched. */
static char *guarded(void)
{
    char *p = pages(3);

    mprotect(p + 2 * PAGE, PAGE, PROT_NONE);
    return p + 2 * PAGE;
}

static void strings(void)
{
    char *end = guarded(), *other = guarded();
    uint64_t h = 0;

    for (int len = 0; len < 140; len++) {
        char *s = end - len - 1, *t = other - len - 1;

        for (int i = 0; i < len; i++)
            s[i] = (char)('a' + (i * 7 + len) % 26);
        s[len] = '\0';
        h = h * 31 + strlen(s) + strnlen(s, 1000);
        strcpy(t, s);
        h = h * 31 + (uint64_t)(strcmp(s, t) == 0) + (uint64_t)(strncmp(s, t, 500) == 0);
        h = h * 31 + (uint64_t)(memcmp(s, t, (size_t)len + 1) == 0);
        h = h * 31 + (strchr(s, 'z') ? (uint64_t)(strchr(s, 'z') - s) : 999);
        h = h * 31 + (strrchr(s, 'q') ? (uint64_t)(strrchr(s, 'q') - s) : 999);
        h = h * 31 + (memchr(s, '!', (size_t)len) != NULL) + strspn(s, "abcdefgh");
        h = h * 31 + strcspn(s, "xyz") + (strstr(s, "zg") != NULL) + (strpbrk(s, "qx") != NULL);
        t[len / 2] ^= 1;
        h = h * 31 + (uint64_t)(strcmp(s, t) < 0) + (uint64_t)(strcasecmp(s, t) < 0);
        memset(t, len, (size_t)len);
        memcpy(t, s, (size_t)len);
        memmove(t, t + len / 3, (size_t)(len - len / 3));
        h = h * 31 + hash(t, (size_t)len);
        h = h * 31 + (uint64_t)(stpcpy(t, s) - t) + strlen(strncat(strcpy(t - 20, "x"), s, 5));
    }
    printf("strings %016lx\n", (unsigned long)h);
}

static void numbers(void)
{
    static const double values[] = {0,       -0.0,   1,    0.1,      1e300,     5e-324,
                                    1.0 / 3, 123456, 1e15, -2.5e-7,  255.996,   1e22,
                                    0.5,     1.5,    2.5,  INFINITY, -INFINITY, 9007199254740993.0};

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        printf("%g %.17g %e %.3f %a\n", values[i], values[i], values[i],
               fabs(values[i]) < 1e20 ? values[i] : 0, values[i]);
    printf("%d\n", isnan(NAN) && NAN != NAN);
    for (double x = 0.1; x < 40; x *= 1.7)
        printf("%.12g %.12g %.12g %.12g %.12g %.12g\n", sin(x), cos(x), exp(x / 10), log(x),
               sqrt(x), pow(x, 1.5));
    printf("%.17g %.17g %ld\n", strtod("3.14159265358979323846", NULL), strtod("1e-310", NULL),
           strtol("-9223372036854775808", NULL, 10));
    printf("%ld %ld %ld %ld\n", lrint(0.5), lrint(1.5), lrint(-2.5), lround(2.5));
    printf("%d %d %d\n", (int)-3.9, (int)(float)16777217, (int)(char)300.0f);
    printf("%08x %+d %5s|%-5s|%c %%%lld\n", 0xbeef, 7, "r", "l", 'c', 1LL << 62);
}

static void conversions(void)
{
    volatile uint64_t big = 0xfffffffffffffc00u;
    volatile float single = 1e10f;
    volatile double wide = 1.8446744073709550e19;

    printf("%.17g %.17g\n", (double)big, (double)(float)big);
    printf("%lu %ld\n", (unsigned long)wide, (long)single);
    for (int i = 0; i < 64; i += 7)
        printf("%.9g ", (double)(float)(big >> i));
    printf("\n");
}

static void text(void)
{
    struct tm tm = {0};
    time_t when = 1234567890;
    char out[100];
    wchar_t wide[20];

    gmtime_r(&when, &tm);
    strftime(out, sizeof(out), "%Y-%m-%d %H:%M:%S %a %j", &tm);
    printf("%s\n", out);
    setlocale(LC_ALL, "C.UTF-8");
    size_t n = mbstowcs(wide, "gr\xc3\xbc\xc3\x9f", 20);
    printf("%zu wide characters, %d\n", n, (int)wide[2]);
    swprintf(wide, 20, L"%d-%ls", 5, L"w");
    printf("%ls %d %d\n", wide, isalpha('x') != 0, toupper('q'));
    int a = 0, b = 0;
    sscanf("12 0x1f rest", "%d %x %99s", &a, (unsigned *)&b, out);
    printf("%d %d %s\n", a, b, out);
}

int main(void)
{
    probe_start();
    strings();
    numbers();
    conversions();
    text();
    return 0;
}
