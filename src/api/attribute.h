// SPDX-License-Identifier: GPL-2.0-or-later
/* Who is told of a system's faults and TLB misses, and says where each comes from. */
#ifndef API_ATTRIBUTE_H
#define API_ATTRIBUTE_H

#include <stdbool.h>

struct attributor;
struct attribution;
struct pw_system;

/* From now on, to the end of the system; `calls`: with the calls that led there. => the machine's
 * CPUs tell them */
struct attributor *attributor_create(const struct pw_system *system, bool calls);
void attributor_destroy(struct attributor *attributor); /* NULL is fine */
const struct attribution *attributor_result(const struct attributor *attributor);

#endif
