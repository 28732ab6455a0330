// SPDX-License-Identifier: GPL-2.0-or-later
/* pagewalk help: the commands, one command, or the things that an option chooses from. */
#include <string.h>

#include "cli/command.h"
#include "cli/cost.h"
#include "cli/human.h"
#include "cli/message.h"
#include "cli/suggest.h"
#include "pagewalk.h"

static const char *const topics[] = {"tlb", "policy", "format", "cost"};
enum { NTOPICS = sizeof(topics) / sizeof(topics[0]), INDENT = 4 };

static void print_commands(FILE *out)
{
    fputs("pagewalk runs programs on a virtual memory system of your choice and says what\n"
          "their memory cost.\n\n",
          out);
    for (size_t i = 0; command_at(i); i++)
        fprintf(out, "  pagewalk %s %s\n      %s\n", command_at(i)->name, command_at(i)->arguments,
                command_at(i)->summary);
    fputs("  pagewalk --version\n\nTo begin:\n  pagewalk run -- ls -l\n", out);
}

/* The rows of a table, with the name before the first. */
static void print_rows(FILE *out, const char *name, const char *rows)
{
    while (*rows) {
        int len = (int)strcspn(rows, "\n");
        fprintf(out, "  %-13s %.*s\n", name, len, rows);
        rows += len + (rows[len] == '\n');
        name = "";
    }
}

static void print_choice(FILE *out, const struct pw_choice_info *choice)
{
    if (choice->rows[0]) {
        print_rows(out, choice->name, choice->rows);
    } else {
        fprintf(out, "  %-13s ", choice->name);
        human_wrap(out, 16, 16, choice->summary);
    }
    if (choice->source[0]) {
        fprintf(out, "%16s", "");
        human_wrap(out, 16, 16, choice->source);
    }
}

static const char tlb_grammar[] =
    "Numbers are entries:ways. Pages of 2 MiB and 1 GiB are in entries of their own,\n"
    "or share those of 4 KiB, or are split into pages of the next smaller size.\n"
    "\n"
    "Or describe one, as in --tlb l1d=64:4,l1d-2m=32:4,l1i=64:8,l2=96:6,pwc=pd:32:4.\n"
    "These are the fields, in any order, with commas between them:\n"
    "\n"
    "  l1d=SHAPE        first level for data\n"
    "  l1i=SHAPE        first level for code\n"
    "  l2=SHAPE         second level; absent or 0: none\n"
    "  l2i=SHAPE        second level for code only; l2 is then for data only\n"
    "  LEVEL-2m=SHAPE   a level's own entries for 2 MiB pages, as in l2-2m=16:4, or\n"
    "                   split; absent: they share the level's entries\n"
    "  LEVEL-1g=SHAPE   likewise for 1 GiB pages\n"
    "  pwc=CACHE:SHAPE  page-walk caches, / between them: pd, pdpt, pml4 and pml5,\n"
    "                   as in pwc=pd:32:4/pdpt:4:4\n"
    "  inclusive=yes    what leaves the second level leaves the first levels too\n"
    "  asid=no          entries have no address-space tags: a switch of processes\n"
    "                   empties the TLB\n"
    "  seed=NUMBER      of random replacement\n"
    "\n"
    "SHAPE is ENTRIES:WAYS or ENTRIES:WAYS:POLICY. As many ways as entries: fully\n"
    "associative. POLICY is lru (if none is given), tree-plru, fifo or random.\n";

static const char own_policy[] =
    "Or a policy of your own from a shared object, as in --policy ./mine.so: a name with\n"
    "a slash, or that ends in .so, is a path. The header pagewalk_policy.h says what it\n"
    "defines; fifo.c and mru.c among the documents are examples.\n";

static void print_choices(FILE *out, const char *topic)
{
    struct pw_choice_info choice;
    bool is_tlb = strcmp(topic, "tlb") == 0, is_policy = strcmp(topic, "policy") == 0;
    if (strcmp(topic, "cost") == 0) {
        cost_print(out);
        return;
    }
    fprintf(out, "--%s chooses one of these; the first is the default:\n\n", topic);
    if (is_tlb)
        print_rows(out, "preset", PW_TLB_HEADER);
    for (size_t i = 0; pw_choice(topic, i, &choice); i++)
        print_choice(out, &choice);
    if (is_tlb)
        fprintf(out, "\n%s", tlb_grammar);
    if (is_policy)
        fprintf(out, "\n%s", own_policy);
}

static int unknown_topic(const char *topic)
{
    struct suggest suggest;
    suggest_start(&suggest, topic);
    for (size_t i = 0; command_at(i); i++)
        suggest_offer(&suggest, command_at(i)->name);
    for (size_t i = 0; i < NTOPICS; i++)
        suggest_offer(&suggest, topics[i]);
    if (suggest.best)
        return message_error("help: nothing about '%.80s': did you mean '%s'?", topic,
                             suggest.best);
    return message_error("help: nothing about '%.80s'; 'pagewalk help help' lists the topics",
                         topic);
}

static void print_help(FILE *out)
{
    fputs("Usage: pagewalk help [COMMAND|TOPIC]\n\nTopics:", out);
    for (size_t i = 0; i < NTOPICS; i++)
        fprintf(out, " %s", topics[i]);
    fputc('\n', out);
}

static int run_help(int argc, char **argv)
{
    if (argc > 2)
        return message_error("help: one command or topic at a time");
    if (argc < 2) {
        print_commands(stdout);
        return 0;
    }
    const struct command *command = command_find(argv[1]);
    if (command) {
        command->help(stdout);
        return 0;
    }
    for (size_t i = 0; i < NTOPICS; i++) {
        if (strcmp(argv[1], topics[i]) == 0) {
            print_choices(stdout, topics[i]);
            return 0;
        }
    }
    return unknown_topic(argv[1]);
}

const struct command cmd_help = {"help", "[COMMAND|TOPIC]",
                                 "help on a command, or on the topics tlb, policy, format and cost",
                                 run_help, print_help};
