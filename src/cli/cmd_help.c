// SPDX-License-Identifier: GPL-2.0-or-later
/* pagewalk help: the commands, one command, or the things that an option chooses from. */
#include <string.h>

#include "cli/command.h"
#include "cli/human.h"
#include "cli/message.h"
#include "cli/suggest.h"
#include "pagewalk.h"

static const char *const topics[] = {"tlb", "policy", "format"};
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

static void print_choices(FILE *out, const char *topic)
{
    struct pw_choice_info choice;
    fprintf(out, "--%s chooses one of these; the first is the default:\n\n", topic);
    for (size_t i = 0; pw_choice(topic, i, &choice); i++) {
        fprintf(out, "  %-13s ", choice.name);
        human_wrap(out, 16, 16, choice.summary);
        if (choice.source[0]) {
            fprintf(out, "%16s", "");
            human_wrap(out, 16, 16, choice.source);
        }
    }
    if (strcmp(topic, "tlb") == 0)
        fputs("\nor a description, entries:ways for each level (l2=0: none, entries = ways: fully\n"
              "associative), as in --tlb l1d=64:4,l1i=64:8,l2=1536:12\n",
              out);
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
                                 "help on a command, or on the topics tlb, policy and format",
                                 run_help, print_help};
