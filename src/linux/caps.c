// SPDX-License-Identifier: GPL-2.0-or-later
/* The sets of capabilities and how they change: capabilities(7), "Transformation of capabilities
 * during execve()". No file has capabilities of its own here, and none are ambient but the host's.
 */
#include "linux/caps.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"

enum { SETS = 2 };

static uint64_t join(uint32_t low, uint32_t high)
{
    return (uint64_t)high << 32 | low;
}

unsigned caps_last(void)
{
    unsigned last = 0;
    while (last < 63 && prctl(PR_CAPBSET_READ, last + 1, 0, 0, 0) >= 0)
        last++;
    return last;
}

static uint64_t host_bounding(void)
{
    uint64_t set = 0;
    for (unsigned i = 0; i < 64; i++)
        if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
            set |= (uint64_t)1 << i;
    return set;
}

void caps_of_host(struct caps *out)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[SETS] = {{0}, {0}};
    *out = (struct caps){0};
    if (syscall(SYS_capget, &header, sets) < 0)
        return; /* a host that does not say gives none */
    *out = (struct caps){.effective = join(sets[0].effective, sets[1].effective),
                         .permitted = join(sets[0].permitted, sets[1].permitted),
                         .inheritable = join(sets[0].inheritable, sets[1].inheritable),
                         .bounding = host_bounding()};
}

bool caps_is_valid(const struct caps *caps)
{
    struct caps host;
    caps_of_host(&host);
    return !(caps->effective & ~caps->permitted) && !(caps->permitted & ~host.permitted);
}

/* A superuser's programs get all that the bounding set allows, others what is ambient: that is
 * always permitted and inheritable. */
void caps_exec(struct caps *caps)
{
    struct caps host;
    caps_of_host(&host);
    if (geteuid() == 0)
        caps->permitted = host.permitted & (caps->inheritable | caps->bounding);
    else
        caps->permitted &= caps->inheritable;
    caps->effective = caps->permitted;
    XCHECK(caps_is_valid(caps));
}

int caps_set(struct caps *caps, const struct caps *wanted)
{
    uint64_t may_inherit = caps->inheritable | caps->permitted;
    if (caps_has(caps, CAP_SETPCAP))
        may_inherit |= caps->bounding;
    if (wanted->effective & ~wanted->permitted || wanted->permitted & ~caps->permitted ||
        wanted->inheritable & ~may_inherit ||
        wanted->inheritable & ~(caps->inheritable | caps->bounding))
        return -EPERM;
    caps->effective = wanted->effective;
    caps->permitted = wanted->permitted;
    caps->inheritable = wanted->inheritable;
    return 0;
}

int caps_drop_bounding(struct caps *caps, uint64_t capability)
{
    if (!caps_has(caps, CAP_SETPCAP))
        return -EPERM;
    if (capability > caps_last())
        return -EINVAL;
    caps->bounding &= ~((uint64_t)1 << capability);
    return 0;
}
