// SPDX-License-Identifier: GPL-2.0-or-later
/* See future.h. While the trace is read, `last` holds the number of each page's last use: when the
 * page is used again that one's next use is known. */
#include "observe/future.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hashmap.h"
#include "base/xalloc.h"
#include "observe/pagekey.h"

enum { BATCH = 1024 };

struct future {
    FILE *spool;    /* NULL: the trace is read again */
    uint32_t *next; /* by number - 1; 0: never */
    uint64_t count, room, done;
    unsigned shift; /* 4 KiB in a page, as a power of 2 */
};

static FILE *open_spool(void)
{
    const char *dir = getenv("TMPDIR");
    int fd = open(dir && *dir ? dir : "/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return fd < 0 ? tmpfile() : fdopen(fd, "w+");
}

/* A page's last use before it ceased to exist is not followed by any. */
static void forget(void *context, uint64_t last_use)
{
}

static void drop(const struct future *future, struct hashmap *last, const struct trace_ref *gone)
{
    struct trace_ref pages = *gone;
    if (pagekey_enlarge(&pages, future->shift))
        pagekey_remove_range(last, pagekey(&pages), pages.count, forget, NULL);
}

static int append(struct future *future, struct hashmap *last, const struct trace_ref *refs, int n)
{
    if (future->count + (uint64_t)n >= UINT32_MAX)
        return -EOVERFLOW;
    if (future->count + (uint64_t)n > future->room) {
        future->room = 2 * (future->count + (uint64_t)n);
        future->next = x_realloc(future->next, future->room * sizeof(*future->next));
    }
    for (int i = 0; i < n; i++) {
        if (refs[i].kind == TRACE_GONE)
            drop(future, last, &refs[i]);
        if (!trace_is_reference(&refs[i])) {
            future->next[future->count++] = 0;
            continue;
        }
        struct trace_ref ref = refs[i];
        pagekey_enlarge(&ref, future->shift);
        uint64_t *seen = hashmap_at(last, pagekey(&ref));
        if (*seen)
            future->next[*seen - 1] = (uint32_t)(future->count + 1);
        future->next[future->count++] = 0;
        *seen = future->count;
    }
    if (!future->spool)
        return 0;
    return fwrite(refs, sizeof(*refs), (size_t)n, future->spool) == (size_t)n ? 0 : -errno;
}

static int read_all(struct future *future, struct trace *trace, char why[TRACE_WHY_LEN])
{
    struct trace_ref refs[BATCH];
    struct hashmap last;
    int n, error = 0;
    hashmap_create(&last);
    while (!error && (n = trace_read(trace, refs, BATCH)) > 0)
        error = append(future, &last, refs, n);
    hashmap_destroy(&last);
    if (error == -EOVERFLOW)
        snprintf(why, TRACE_WHY_LEN, "it is too long for a policy that needs the future");
    else if (error ||
             (future->spool && (fflush(future->spool) || fseek(future->spool, 0, SEEK_SET))))
        snprintf(why, TRACE_WHY_LEN, "cannot write a temporary file: %s", strerror(errno));
    else if (n < 0)
        snprintf(why, TRACE_WHY_LEN, "%s", trace_why(trace));
    else
        return 0;
    return -1;
}

int future_create(struct trace *trace, unsigned page_shift, bool keep, struct future **out,
                  char why[TRACE_WHY_LEN])
{
    struct future *future = x_calloc(1, sizeof(*future));
    future->shift = page_shift - TRACE_PAGE_SHIFT;
    future->spool = keep ? open_spool() : NULL;
    if (keep && !future->spool) {
        snprintf(why, TRACE_WHY_LEN, "cannot make a temporary file: %s", strerror(errno));
        free(future);
        return -1;
    }
    if (read_all(future, trace, why) < 0) {
        future_destroy(future);
        return -1;
    }
    *out = future;
    return 0;
}

void future_destroy(struct future *future)
{
    if (!future)
        return;
    if (future->spool)
        fclose(future->spool);
    free(future->next);
    free(future);
}

static int read_kept(struct future *future, struct trace_ref *refs, size_t max,
                     char why[TRACE_WHY_LEN])
{
    size_t n = fread(refs, sizeof(*refs), max, future->spool);
    if (n > 0 || !ferror(future->spool))
        return (int)n;
    snprintf(why, TRACE_WHY_LEN, "its temporary copy cannot be read");
    return -1;
}

static int read_again(const struct future *future, struct trace *again, struct trace_ref *refs,
                      size_t max, char why[TRACE_WHY_LEN])
{
    int n = trace_read(again, refs, max);
    if (n < 0)
        snprintf(why, TRACE_WHY_LEN, "%s", trace_why(again));
    if (n < 0 || future->done + (uint64_t)n <= future->count)
        return n;
    snprintf(why, TRACE_WHY_LEN, "it has grown while it was read");
    return -1;
}

int future_read(struct future *future, struct trace *again, struct trace_ref *refs,
                uint64_t *next_uses, size_t max, char why[TRACE_WHY_LEN])
{
    int n = future->spool ? read_kept(future, refs, max, why)
                          : read_again(future, again, refs, max, why);
    for (int i = 0; i < n; i++) {
        uint32_t next = future->next[future->done++];
        next_uses[i] = next ? next : FUTURE_NEVER;
    }
    return n;
}
