// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The initial stack. Strings are placed first, from the top down, so that every address is known
 * when the vectors are written. Source: Linux, "execve(2), Limits on size of arguments and
 * environment"; System V ABI, AMD64 supplement, "Process Initialization".
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/xalloc.h"
#include "kernel/uaccess.h"
#include "linux/stack.h"

/* Room that the first stack region has beyond the image, as Linux gives it. */
enum { STACK_EXTRA = 131072 };
static const char platform[] = "x86_64";

static size_t count_strings(char *const *strings)
{
    size_t n = 0;
    while (strings[n])
        n++;
    return n;
}

static int check_strings(char *const *strings, uint64_t *used)
{
    for (size_t i = 0; strings[i]; i++) {
        size_t len = strlen(strings[i]) + 1;
        if (len > STACK_STRING_MAX)
            return -E2BIG;
        *used += len + sizeof(uint64_t);
    }
    return 0;
}

int stack_check(const struct stack_request *request, uint64_t stack_limit)
{
    uint64_t limit = (uint64_t)6 << 20;
    if (limit > stack_limit / 4)
        limit = stack_limit / 4;
    if (limit < STACK_STRING_MAX)
        limit = STACK_STRING_MAX;
    uint64_t used = strlen(request->execfn) + 1;
    int rc = used > STACK_STRING_MAX ? -E2BIG : 0;
    if (rc == 0)
        rc = check_strings(request->argv, &used);
    if (rc == 0)
        rc = check_strings(request->envp, &used);
    return rc < 0 || used > limit ? -E2BIG : 0;
}

/* ---- building ---- */

/* Bytes that grow downward from `top`; `sp` is the address of the lowest written so far. */
struct builder {
    uint8_t *end; /* host address of `top` */
    uint64_t top, sp;
};

static void push(struct builder *builder, const void *bytes, size_t len)
{
    builder->sp -= len;
    memcpy(builder->end - (builder->top - builder->sp), bytes, len);
}

static void push_word(struct builder *builder, uint64_t word)
{
    push(builder, &word, sizeof word);
}

/* Pushes the strings so that the first lies lowest. Their addresses follow from their lengths. */
static void push_strings(struct builder *builder, char *const *strings)
{
    for (size_t i = count_strings(strings); i-- > 0;)
        push(builder, strings[i], strlen(strings[i]) + 1);
}

/* Writes the pointer vector of strings that lie one behind the other from `at`. */
static void write_pointers(struct builder *builder, char *const *strings, uint64_t at)
{
    size_t n = count_strings(strings);
    builder->sp -= (n + 1) * sizeof at;
    uint8_t *out = builder->end - (builder->top - builder->sp);
    for (size_t i = 0; i < n; i++) {
        memcpy(out + i * sizeof at, &at, sizeof at);
        at += strlen(strings[i]) + 1;
    }
    memset(out + n * sizeof at, 0, sizeof at);
}

static void add_aux(struct stack_image *image, uint64_t type, uint64_t value)
{
    CHECK(image->auxv_words + 2 <= 2 * STACK_AUXV_MAX);
    image->auxv[image->auxv_words++] = type;
    image->auxv[image->auxv_words++] = value;
}

static size_t bytes_needed(const struct stack_request *request)
{
    uint64_t strings = strlen(request->execfn) + 1;
    CHECK(check_strings(request->argv, &strings) == 0 && /* counts the pointers too */
          check_strings(request->envp, &strings) == 0);
    return strings + sizeof platform + sizeof request->random + 2 * 8 * STACK_AUXV_MAX + 256;
}

static void push_all_strings(struct builder *builder, const struct stack_request *request,
                             struct stack_image *image)
{
    push_word(builder, 0);
    push(builder, request->execfn, strlen(request->execfn) + 1);
    uint64_t execfn = builder->sp;
    image->env_end = builder->sp;
    push_strings(builder, request->envp);
    image->env_start = image->arg_end = builder->sp;
    push_strings(builder, request->argv);
    image->arg_start = builder->sp;
    builder->sp &= ~(uint64_t)15;
    push(builder, platform, sizeof platform);
    uint64_t platform_at = builder->sp;
    push(builder, request->random, sizeof request->random);
    for (unsigned i = 0; i < request->nauxv; i++)
        add_aux(image, request->auxv[i][0], request->auxv[i][1]);
    add_aux(image, AT_RANDOM, builder->sp);
    add_aux(image, AT_EXECFN, execfn);
    add_aux(image, AT_PLATFORM, platform_at);
    add_aux(image, AT_NULL, 0);
}

void stack_build(const struct stack_request *request, uint64_t top, struct stack_image *out)
{
    size_t room = bytes_needed(request);
    uint8_t *bytes = x_calloc(1, room);
    struct builder builder = {.end = bytes + room, .top = top, .sp = top};
    *out = (struct stack_image){0};
    push_all_strings(&builder, request, out);

    size_t argc = count_strings(request->argv);
    size_t words = out->auxv_words + count_strings(request->envp) + 1 + argc + 1 + 1;
    builder.sp = ((builder.sp - words * 8) & ~(uint64_t)15) + words * 8;
    push(&builder, out->auxv, out->auxv_words * sizeof out->auxv[0]);
    write_pointers(&builder, request->envp, out->env_start);
    write_pointers(&builder, request->argv, out->arg_start);
    push_word(&builder, argc);

    out->sp = builder.sp;
    out->len = top - builder.sp;
    CHECK(out->len <= room && (out->sp & 15) == 0);
    out->bytes = x_malloc(out->len);
    memcpy(out->bytes, bytes + room - out->len, out->len);
    free(bytes);
}

void stack_release(struct stack_image *image)
{
    free(image->bytes);
    *image = (struct stack_image){0};
}

/* ---- mapping ---- */

int stack_map(struct space *space, const struct stack_image *image, bool executable,
              uint64_t stack_limit)
{
    uint64_t len = (image->len + PAGE_MASK) & ~PAGE_MASK;
    uint64_t limit = stack_limit & ~PAGE_MASK;
    if (limit < len)
        return -ENOMEM;
    uint64_t room = len + STACK_EXTRA < limit ? len + STACK_EXTRA : limit;
    struct space_map_request request = {
        .addr = vaddr(SPACE_END - room),
        .len = room,
        .prot = PROT_MASK_R | PROT_MASK_W | (executable ? PROT_MASK_X : 0),
        .max_prot = PROT_MASK_R | PROT_MASK_W | PROT_MASK_X,
        .flags = SPACE_MAP_FIXED_NOREPLACE,
        .region_flags = REGION_STACK | REGION_GROWSDOWN,
    };
    vaddr_t at;
    int rc = space_map(space, &request, &at);
    if (rc < 0)
        return rc == -EAGAIN ? rc : -ENOMEM;
    /* A writable region is there: the write can only be refused for want of RAM. */
    return uaccess_write(space, vaddr(image->sp), image->bytes, image->len) < 0 ? -ENOMEM : 0;
}
