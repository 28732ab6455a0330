// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Capabilities of a task, as capabilities(7) has them: what it sees, may give up, and is held to
 * where pagewalk itself judges rights. What the host judges (files, sockets) it judges by the
 * rights of the user who started pagewalk, whatever a guest has given up.
 *
 * Invariants, checked by caps_is_valid():
 *   C1  effective is a subset of permitted
 *   C2  permitted is a subset of the host's for pagewalk
 */
#ifndef LINUX_CAPS_H
#define LINUX_CAPS_H

#include <stdbool.h>
#include <stdint.h>

struct caps {
    uint64_t effective, permitted, inheritable, bounding; /* bit n: capability n */
};

/* Those of the first task: pagewalk's own. */
void caps_of_host(struct caps *out);
/* What execve(2) leaves of them. */
void caps_exec(struct caps *caps);
static inline bool caps_has(const struct caps *caps, unsigned capability)
{
    return caps->effective >> capability & 1;
}

/* capset(2). Errors: -EPERM, and nothing has changed. */
int caps_set(struct caps *caps, const struct caps *wanted);
/* prctl(2), PR_CAPBSET_DROP. Errors: -EINVAL there is none of that number, -EPERM. */
int caps_drop_bounding(struct caps *caps, uint64_t capability);
/* Highest number that there is. */
unsigned caps_last(void);
bool caps_is_valid(const struct caps *caps);

#endif
