// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes documentation from the lists that the command itself uses; run at build time, not
 * installed. `mkdoc page FILE` copies a man page and puts the options in place of its line
 * @OPTIONS@ and the version in place of @VERSION@; `mkdoc counters` prints docs/COUNTERS.md; `mkdoc
 * completion` prints the completion for bash.
 */
#include <string.h>

#include "cli/command.h"
#include "cli/message.h"
#include "cli/options.h"
#include "pagewalk.h"

/* Text as roff takes it literally. */
static void put_roff(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '-' || *text == '\\')
            fprintf(out, "\\%c", *text == '-' ? '-' : 'e');
        else
            fputc(*text, out);
    }
}

static void put_options(FILE *out, enum pw_use use)
{
    struct option_info info;
    char usage[80];
    for (size_t i = 0; options_at(use, i, &info); i++) {
        options_usage(&info, usage, sizeof(usage));
        fputs(".TP\n.B ", out);
        put_roff(out, usage);
        fputc('\n', out);
        put_roff(out, info.help);
        if (info.initial) {
            fputs("\nDefault: ", out);
            put_roff(out, info.initial);
            fputc('.', out);
        }
        fputc('\n', out);
    }
}

static int make_page(const char *path)
{
    static const char mark[] = "@VERSION@";
    char line[1024];
    FILE *in = fopen(path, "r");
    if (!in)
        return message_error("mkdoc: cannot read %s", path);
    while (fgets(line, sizeof(line), in)) {
        char *version = strstr(line, mark);
        if (strcmp(line, "@OPTIONS@\n") == 0)
            put_options(stdout, strstr(path, "-replay.")   ? PW_REPLAY
                                : strstr(path, "-record.") ? PW_RECORD
                                : strstr(path, "-curve.")  ? PW_CURVE
                                                           : PW_RUN);
        else if (version)
            printf("%.*s%s%s", (int)(version - line), line, pw_version(), version + strlen(mark));
        else
            fputs(line, stdout);
    }
    fclose(in);
    return 0;
}

static void put_counters(bool per_process)
{
    struct pw_counter_info info;
    puts("| name | unit | meaning |\n|---|---|---|");
    for (int i = 0; pw_counter_info(i, &info); i++)
        if (info.per_process == per_process)
            printf("| `%s` | %s | %s |\n", info.name, info.unit, info.meaning);
}

static int make_counters(void)
{
    puts("# Counters\n\n"
         "What `pagewalk run --json` and `pw_counter()` give. Made from `src/base/counters.h` by\n"
         "`mkdoc counters`; a test compares the two.\n\n"
         "## Events, by process and in all\n");
    put_counters(true);
    puts("\n## The whole system\n");
    put_counters(false);
    return 0;
}

/* Options that name files, those that choose from a list, and then the names of all of them. */
static void put_files(void)
{
    struct option_info info;
    for (size_t i = 0; options_at(PW_CURVE, i, &info); i++)
        if (info.argument && strcmp(info.argument, "FILE") == 0)
            printf("    --%s) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n", info.name);
}

static void put_choices(void)
{
    static const char *const kinds[] = {"policy", "tlb", "format"};
    struct pw_choice_info choice;
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        printf("    --%s) COMPREPLY=($(compgen -W '", kinds[k]);
        for (size_t i = 0; pw_choice(kinds[k], i, &choice); i++)
            printf("%s ", choice.name);
        puts("' -- \"$word\")); return ;;");
    }
}

static void put_names(const char *command, enum pw_use use)
{
    struct option_info info;
    printf("        %s) words='", command);
    for (size_t i = 0; options_at(use, i, &info); i++)
        printf("--%s ", info.name);
    puts("' ;;");
}

static int make_completion(void)
{
    fputs("# bash completion for pagewalk\n"
          "_pagewalk() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        COMPREPLY=($(compgen -W '",
          stdout);
    for (size_t i = 0; command_at(i); i++)
        printf("%s ", command_at(i)->name);
    fputs("--help --version' -- \"$word\"))\n"
          "        return\n"
          "    fi\n"
          "    case $before in\n",
          stdout);
    put_files();
    put_choices();
    fputs("    esac\n"
          "    if [[ $word == -* ]]; then\n"
          "        local words=\n"
          "        case ${COMP_WORDS[1]} in\n",
          stdout);
    put_names("run", PW_RUN);
    put_names("record", PW_RECORD);
    put_names("replay", PW_REPLAY);
    put_names("curve", PW_CURVE);
    fputs("        esac\n"
          "        COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
          "    else\n"
          "        COMPREPLY=($(compgen -c -f -- \"$word\"))\n"
          "    fi\n"
          "}\n"
          "complete -o filenames -F _pagewalk pagewalk\n",
          stdout);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "page") == 0)
        return make_page(argv[2]);
    if (argc == 2 && strcmp(argv[1], "counters") == 0)
        return make_counters();
    if (argc == 2 && strcmp(argv[1], "completion") == 0)
        return make_completion();
    return message_error("mkdoc: page FILE, counters or completion");
}
