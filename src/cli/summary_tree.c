// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The tree of processes: each below the one that made it, in order of creation, with what its
 * memory cost. Only the first lines of a large tree are written; --json has all.
 */
#include "cli/summary_tree.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/human.h"

enum { LINES_MAX = 24, DEPTH_MAX = 8 /* deeper ones are not indented further */, NO_PARENT = -1 };

struct tree {
    const struct pw_system *system;
    FILE *out;
    size_t nprocesses;
    struct tree_node {
        struct pw_process_info info;
        long parent; /* index of the process that made it; NO_PARENT: not there, or the user */
    } * nodes;
    size_t lines;
};

/* Pids can be used again: the maker is the last one with that pid that is older. */
static long find_parent(const struct tree *tree, size_t child)
{
    for (size_t i = child; i-- > 0;)
        if (tree->nodes[i].info.pid == tree->nodes[child].info.ppid)
            return (long)i;
    return NO_PARENT;
}

static bool tree_load(struct tree *tree, const struct pw_system *system)
{
    struct pw_process_info info;
    while (pw_process(system, tree->nprocesses, &info))
        tree->nprocesses++;
    tree->nodes = calloc(tree->nprocesses + 1, sizeof *tree->nodes);
    if (!tree->nodes)
        return false;
    for (size_t i = 0; i < tree->nprocesses; i++) {
        pw_process(system, i, &tree->nodes[i].info);
        tree->nodes[i].parent = find_parent(tree, i);
    }
    return true;
}

static uint64_t counter(const struct tree *tree, size_t i, const char *name)
{
    return pw_process_counter(tree->system, i, pw_counter_find(name));
}

static void put_exit(FILE *out, const struct pw_process_info *info)
{
    char text[HUMAN_LEN] = "-";
    if (info->signal)
        snprintf(text, sizeof(text), "sig %d", info->signal);
    else if (info->exited)
        snprintf(text, sizeof(text), "%d", info->status);
    fprintf(out, "%7s", text);
}

/* The command, indented and cut to what is left of the line; only bytes that show. */
static void put_command(FILE *out, const struct pw_process_info *info, unsigned depth, size_t room)
{
    char text[HUMAN_WIDTH + 1];
    size_t len = 2 * (depth < DEPTH_MAX ? depth : DEPTH_MAX);
    memset(text, ' ', len);
    text[len] = '\0';
    for (size_t i = 0; info->argv && info->argv[i] && len < room; i++)
        len +=
            (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i ? " " : "", info->argv[i]);
    if (len > room)
        strcpy(text + room - 3, "...");
    for (char *c = text; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    fprintf(out, "  %s\n", text);
}

static void put_process(struct tree *tree, size_t i, unsigned depth)
{
    const struct pw_process_info *info = &tree->nodes[i].info;
    char faults[HUMAN_LEN], major[HUMAN_LEN], peak[HUMAN_LEN], pss[HUMAN_LEN];
    if (++tree->lines > LINES_MAX)
        return;
    int used = fprintf(tree->out, "  %7d", info->pid);
    put_exit(tree->out, info);
    used +=
        7 + fprintf(tree->out, "%10s%8s%10s%10s", human_count(counter(tree, i, "faults"), faults),
                    human_count(counter(tree, i, "faults_major"), major),
                    human_size(info->rss_peak, peak), human_size(info->pss_end, pss));
    size_t room = used < HUMAN_WIDTH - 12 ? (size_t)(HUMAN_WIDTH - 2 - used) : 10;
    put_command(tree->out, info, depth, room);
}

static void put_below(struct tree *tree, long parent, unsigned depth)
{
    for (size_t i = parent < 0 ? 0 : (size_t)parent + 1; i < tree->nprocesses; i++)
        if (tree->nodes[i].parent == parent && tree->lines <= LINES_MAX) {
            put_process(tree, i, depth);
            put_below(tree, (long)i, depth + 1);
        }
}

void summary_tree_write(FILE *out, const struct pw_system *system)
{
    struct tree tree = {.system = system, .out = out};
    if (tree_load(&tree, system) && tree.nprocesses > 1) {
        fprintf(out, "  %7s%7s%10s%8s%10s%10s  %s\n", "pid", "exit", "faults", "major", "peak RSS",
                "last PSS", "command");
        put_below(&tree, NO_PARENT, 0);
        uint64_t more = pw_folded(system) + tree.nprocesses;
        if (more > LINES_MAX)
            fprintf(out, "  and %" PRIu64 " more; --json has %s\n", more - LINES_MAX,
                    pw_folded(system) ? "the last thousand" : "all");
    }
    free(tree.nodes);
}
