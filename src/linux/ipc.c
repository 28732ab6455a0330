// SPDX-License-Identifier: GPL-2.0-or-later
/* Numbers, keys, owners and rights of System V's segments and sets of semaphores. */
#include "linux/ipc.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/xalloc.h"
#include "linux/task.h"

enum { PLACE_BITS = 15, TURNS = 0xffff };

void ipc_table_create(unsigned max, struct ipc_table *out)
{
    CHECK(max <= 1u << PLACE_BITS);
    *out = (struct ipc_table){.max = max};
}

void ipc_table_destroy(struct ipc_table *table)
{
    CHECK(ipc_end(table) == 0);
    free(table->entries);
}

static unsigned place_of(int id)
{
    return (unsigned)id & ((1u << PLACE_BITS) - 1);
}

/* The lowest place that is free; the table grows when there is none. */
static int take_place(struct ipc_table *table, unsigned *out)
{
    unsigned place = 0;
    while (place < table->nplaces && table->entries[place])
        place++;
    if (place == table->max)
        return -ENOSPC;
    if (place == table->nplaces) {
        table->nplaces = 2 * place + 8 < table->max ? 2 * place + 8 : table->max;
        table->entries = x_realloc(table->entries, table->nplaces * sizeof *table->entries);
        for (unsigned i = place; i < table->nplaces; i++)
            table->entries[i] = NULL;
    }
    *out = place;
    return 0;
}

int ipc_add(struct ipc_table *table, struct ipc_entry *entry, key_t key, int flags)
{
    unsigned place;
    int rc = take_place(table, &place);
    if (rc < 0)
        return rc;
    table->entries[place] = entry;
    entry->id = (int)(table->turn << PLACE_BITS | place);
    entry->perm = (struct ipc_perm){.__key = key, .mode = (unsigned short)(flags & 0777)};
    entry->perm.uid = entry->perm.cuid = geteuid();
    entry->perm.gid = entry->perm.cgid = getegid();
    entry->perm.__seq = (unsigned short)table->turn;
    return 0;
}

void ipc_remove(struct ipc_table *table, const struct ipc_entry *entry)
{
    CHECK(table->entries[place_of(entry->id)] == entry);
    table->entries[place_of(entry->id)] = NULL;
    table->turn = (table->turn + 1) % TURNS;
}

static struct ipc_entry *find_key(const struct ipc_table *table, key_t key)
{
    for (unsigned i = 0; i < table->nplaces && key != IPC_PRIVATE; i++)
        if (table->entries[i] && table->entries[i]->perm.__key == key)
            return table->entries[i];
    return NULL;
}

int ipc_get(const struct ipc_table *table, key_t key, int flags, struct ipc_entry **out)
{
    struct ipc_entry *entry = find_key(table, key);
    *out = entry;
    if (!entry)
        return key == IPC_PRIVATE || (flags & IPC_CREAT) ? 0 : -ENOENT;
    if ((flags & IPC_CREAT) && (flags & IPC_EXCL))
        return -EEXIST;
    return ipc_permits(entry, (unsigned)(flags >> 6 | flags >> 3 | flags) & 7) ? 0 : -EACCES;
}

int ipc_find(const struct ipc_table *table, int id, struct ipc_entry **out)
{
    struct ipc_entry *entry = id < 0 ? NULL : ipc_at(table, place_of(id));
    if (!entry)
        return -EINVAL;
    if (entry->id != id)
        return -EIDRM;
    *out = entry;
    return 0;
}

struct ipc_entry *ipc_at(const struct ipc_table *table, unsigned place)
{
    return place < table->nplaces ? table->entries[place] : NULL;
}

unsigned ipc_end(const struct ipc_table *table)
{
    unsigned end = table->nplaces;
    while (end > 0 && !table->entries[end - 1])
        end--;
    return end;
}

bool ipc_permits(const struct ipc_entry *entry, unsigned rights)
{
    const struct ipc_perm *perm = &entry->perm;
    uid_t uid = geteuid();
    gid_t gid = getegid();
    unsigned mode = perm->mode;
    if (uid == perm->uid || uid == perm->cuid)
        mode >>= 6;
    else if (gid == perm->gid || gid == perm->cgid)
        mode >>= 3;
    return uid == 0 || !(rights & ~mode & 7);
}

bool ipc_is_owner(const struct ipc_entry *entry)
{
    uid_t uid = geteuid();
    return uid == 0 || uid == entry->perm.uid || uid == entry->perm.cuid;
}

void ipc_set(struct ipc_entry *entry, const struct ipc_perm *wanted)
{
    entry->perm.uid = wanted->uid;
    entry->perm.gid = wanted->gid;
    entry->perm.mode = (unsigned short)(wanted->mode & 0777);
}

int64_t ipc_seconds(const struct linux_system *system)
{
    uint64_t ns = 0;
    clock_now(system, CLOCK_REALTIME, &ns);
    return (int64_t)(ns / CLOCK_NS_PER_S);
}
