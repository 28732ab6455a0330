// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The initial stack of a program, as bytes: built in host memory first, written to the guest in one
 * go. From the top down, as Linux lays it out:
 *
 *     8 zero bytes | execfn | environment strings | argument strings | (aligned) platform, random
 *     | auxiliary vector | envp[] | argv[] | argc   <- rsp, a multiple of 16
 */
#ifndef LINUX_STACK_H
#define LINUX_STACK_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/space.h"

enum { STACK_AUXV_MAX = 32, STACK_STRING_MAX = 131072 /* bytes of one string with its NUL */ };

struct stack_request {
    const char *execfn;
    char *const *argv;
    char *const *envp;
    const uint64_t (*auxv)[2]; /* type and value; AT_RANDOM, AT_EXECFN and AT_PLATFORM are added */
    unsigned nauxv;
    uint8_t random[16];
};

struct stack_image {
    uint8_t *bytes;
    size_t len;  /* bytes end at `top` */
    uint64_t sp; /* the address of bytes[0] */
    uint64_t arg_start, arg_end, env_start, env_end;
    uint64_t auxv[2 * STACK_AUXV_MAX]; /* as written, AT_NULL included */
    unsigned auxv_words;
};

/*
 * Are the strings within what Linux allows: 128 KiB each, and in all, pointers included, a quarter
 * of the stack limit, but at least 128 KiB and at most 6 MiB? Result: 0 or -E2BIG.
 */
int stack_check(const struct stack_request *request, uint64_t stack_limit);

/* Builds the bytes of a stack that ends at `top`. => stack_check() passed; top is page aligned */
void stack_build(const struct stack_request *request, uint64_t top, struct stack_image *out);
void stack_release(struct stack_image *image);

/*
 * Maps a stack region below SPACE_END with room for the image and a little more (it grows by
 * faults), and writes the image. Errors: -ENOMEM.
 */
int stack_map(struct space *space, const struct stack_image *image, bool executable,
              uint64_t stack_limit);

#endif
