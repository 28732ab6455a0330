// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The child opens the file with libdwfl, sorts its symbols by address, and writes an answer for
 * each place, in order, into a pipe. What the parent has not read when the child ends or fails is
 * not known.
 */
#include "observe/symbols.h"

#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef HAVE_DEMANGLE
#include <libiberty/demangle.h>
#endif

#include "base/xalloc.h"

enum { SECONDS_MAX = 10, TEXT_MAX = 4096 };
static const rlim_t memory_max = (rlim_t)2 << 30; /* bytes beyond what the parent has */

/* ---- in the child ---- */

struct symbol {
    uint64_t start, end;
    unsigned rank; /* the lowest is preferred */
    const char *name;
    const char *plain; /* as its source has it; NULL: nobody asked */
};

struct file {
    Dwfl *dwfl;
    Dwfl_Module *module;
    Elf *elf;
    GElf_Addr bias; /* of the module's addresses over the file's own */
    struct symbol *symbols;
    size_t nsymbols;
};

static int open_same(const char *path, const struct attribution_object *object)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return -1;
    int64_t mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    bool is_same = st.st_dev == object->dev && st.st_ino == object->ino &&
                   (uint64_t)st.st_size == object->size && mtime_ns == object->mtime_ns;
    return is_same ? fd : -1;
}

static bool open_file(struct file *file, const char *path, const struct attribution_object *object)
{
    static const Dwfl_Callbacks callbacks = {
        .find_elf = dwfl_build_id_find_elf,
        .find_debuginfo = dwfl_standard_find_debuginfo,
        .section_address = dwfl_offline_section_address,
    };
    int fd = open_same(path, object);
    if (fd < 0)
        return false;
    file->dwfl = dwfl_begin(&callbacks);
    if (!file->dwfl)
        return false;
    file->module = dwfl_report_offline(file->dwfl, path, path, fd);
    dwfl_report_end(file->dwfl, NULL, NULL);
    file->elf = file->module ? dwfl_module_getelf(file->module, &file->bias) : NULL;
    return file->elf;
}

/* By address; of names for the same place the plainest first. */
static int compare(const void *a, const void *b)
{
    const struct symbol *x = a, *y = b;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    if (strspn(x->name, "_") != strspn(y->name, "_"))
        return strspn(x->name, "_") < strspn(y->name, "_") ? -1 : 1;
    if (strlen(x->name) != strlen(y->name))
        return strlen(x->name) < strlen(y->name) ? -1 : 1;
    return strcmp(x->name, y->name);
}

static unsigned rank_of(const GElf_Sym *sym)
{
    unsigned binding = GELF_ST_BIND(sym->st_info);
    unsigned unsized = sym->st_size == 0 ? 4 : 0;
    return unsized + (binding == STB_GLOBAL ? 0 : binding == STB_WEAK ? 1 : 2);
}

static bool is_code(const GElf_Sym *sym, const char *name)
{
    unsigned type = GELF_ST_TYPE(sym->st_info);
    return name && *name && sym->st_shndx != SHN_UNDEF && sym->st_shndx != SHN_ABS &&
           (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE);
}

/* Where a symbol ends that has no size: at the latest with its section. */
static uint64_t section_end(Elf *elf, const GElf_Sym *sym, uint64_t at)
{
    GElf_Shdr header;
    Elf_Scn *section = elf_getscn(elf, sym->st_shndx);
    if (!section || !gelf_getshdr(section, &header) || sym->st_value < header.sh_addr ||
        sym->st_value - header.sh_addr >= header.sh_size)
        return at + 1;
    return at + (header.sh_size - (sym->st_value - header.sh_addr));
}

static void read_symbols(struct file *file)
{
    int n = dwfl_module_getsymtab(file->module);
    if (n <= 0)
        return;
    file->symbols = x_malloc((size_t)n * sizeof(*file->symbols));
    for (int i = 1; i < n; i++) {
        GElf_Sym sym;
        GElf_Addr at;
        Elf *elf;
        const char *name = dwfl_module_getsym_info(file->module, i, &sym, &at, NULL, &elf, NULL);
        if (!is_code(&sym, name))
            continue;
        uint64_t end = sym.st_size ? at + sym.st_size : section_end(elf, &sym, at);
        file->symbols[file->nsymbols++] = (struct symbol){at, end, rank_of(&sym), name, NULL};
    }
    qsort(file->symbols, file->nsymbols, sizeof(*file->symbols), compare);
}

/* The last symbol that begins at or before the address, and of several there the preferred one, if
 * it does not end before. */
static struct symbol *symbol_at(const struct file *file, uint64_t at)
{
    size_t low = 0, high = file->nsymbols;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (file->symbols[middle].start <= at)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    uint64_t start = file->symbols[low - 1].start;
    while (low > 1 && file->symbols[low - 2].start == start)
        low--;
    struct symbol *symbol = &file->symbols[low - 1];
    return at < symbol->end ? symbol : NULL;
}

/* The address that the file's program headers give to one of its bytes. */
static bool address_of(const struct file *file, uint64_t offset, uint64_t *out)
{
    size_t n;
    if (elf_getphdrnum(file->elf, &n) != 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        GElf_Phdr header;
        if (gelf_getphdr(file->elf, (int)i, &header) && header.p_type == PT_LOAD &&
            offset >= header.p_offset && offset - header.p_offset < header.p_filesz) {
            *out = header.p_vaddr + (offset - header.p_offset);
            return true;
        }
    }
    return false;
}

/* Without the parameters. */
static const char *plain_name(struct symbol *symbol)
{
#ifdef HAVE_DEMANGLE
    if (!symbol->plain)
        symbol->plain = cplus_demangle(symbol->name, DMGL_AUTO);
#endif
    if (!symbol->plain)
        symbol->plain = symbol->name;
    return symbol->plain;
}

struct answer {
    uint64_t address;
    uint32_t line, function_len, source_len; /* texts follow */
};

static uint32_t length_of(const char *text)
{
    return text ? (uint32_t)strnlen(text, TEXT_MAX - 1) : 0;
}

/* Without the version of an interface, as in malloc@@GLIBC_2.2.5. */
static uint32_t function_length(const char *name)
{
    uint32_t len = length_of(name);
    const char *version = len ? memchr(name, '@', len) : NULL;
    return version ? (uint32_t)(version - name) : len;
}

/* NULL, or a path that is whole if its compiler said where it was. */
static const char *source_of(Dwfl_Line *line, char path[TEXT_MAX], uint32_t *number)
{
    int n = 0;
    const char *name = line ? dwfl_lineinfo(line, NULL, &n, NULL, NULL, NULL) : NULL;
    const char *dir = name && *name != '/' ? dwfl_line_comp_dir(line) : NULL;
    *number = name && n > 0 ? (uint32_t)n : 0;
    if (!dir)
        return name;
    snprintf(path, TEXT_MAX, "%s/%s", dir, name);
    return path;
}

/* What code that no symbol covers may be called: jumps to other objects, by their section. */
static const char *section_of(const struct file *file, uint64_t address)
{
    size_t names;
    if (elf_getshdrstrndx(file->elf, &names) != 0)
        return NULL;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(file->elf, section));) {
        GElf_Shdr header;
        if (!gelf_getshdr(section, &header) || address - header.sh_addr >= header.sh_size ||
            !(header.sh_flags & SHF_EXECINSTR))
            continue;
        const char *name = elf_strptr(file->elf, names, header.sh_name);
        return name && strncmp(name, ".plt", 4) == 0 ? "[plt]" : NULL;
    }
    return NULL;
}

static void answer(const struct file *file, uint64_t offset, FILE *out)
{
    struct answer answer = {.address = offset};
    const char *function = NULL, *source = NULL;
    char path[TEXT_MAX];
    if (address_of(file, offset, &answer.address)) {
        GElf_Addr at = answer.address + file->bias;
        struct symbol *symbol = symbol_at(file, at);
        function = symbol ? plain_name(symbol) : section_of(file, answer.address);
        source = source_of(dwfl_module_getsrc(file->module, at), path, &answer.line);
    }
    answer.function_len = function_length(function);
    answer.source_len = length_of(source);
    fwrite(&answer, sizeof(answer), 1, out);
    fwrite(function ? function : "", 1, answer.function_len, out);
    fwrite(source ? source : "", 1, answer.source_len, out);
}

/* What RLIMIT_DATA counts of this process, in bytes: the parent's RAM may be much of it. */
static rlim_t data_now(void)
{
    unsigned long pages = 0;
    FILE *in = fopen("/proc/self/statm", "re");
    if (in && fscanf(in, "%*u %*u %*u %*u %*u %lu", &pages) != 1)
        pages = 0;
    if (in)
        fclose(in);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static void set_limits(void)
{
    const struct rlimit time = {SECONDS_MAX, SECONDS_MAX}, none = {0, 0};
    struct rlimit memory;
    rlim_t most = data_now() + memory_max;
    setrlimit(RLIMIT_CPU, &time);
    setrlimit(RLIMIT_CORE, &none);
    if (getrlimit(RLIMIT_DATA, &memory) == 0 && memory.rlim_cur > most) {
        memory.rlim_cur = most;
        setrlimit(RLIMIT_DATA, &memory);
    }
}

static _Noreturn void serve(const char *path, const struct attribution_object *object,
                            const struct symbols_place *places, size_t n, int fd)
{
    struct file file = {0};
    FILE *out = fdopen(fd, "w");
    set_limits();
    if (!out || !open_file(&file, path, object))
        _exit(1);
    read_symbols(&file);
    for (size_t i = 0; i < n; i++)
        answer(&file, places[i].offset, out);
    _exit(fflush(out) != 0);
}

/* ---- in the parent ---- */

static bool read_name(FILE *in, uint32_t len, struct names *names, uint32_t *out)
{
    char text[TEXT_MAX];
    if (len >= TEXT_MAX || fread(text, 1, len, in) != len)
        return false;
    text[len] = '\0';
    *out = len ? names_get(names, text) : 0;
    return true;
}

static void read_answers(FILE *in, struct symbols_place *places, size_t n, struct names *names)
{
    struct answer answer;
    for (size_t i = 0; i < n && fread(&answer, sizeof(answer), 1, in) == 1; i++) {
        uint32_t function, source;
        if (!read_name(in, answer.function_len, names, &function) ||
            !read_name(in, answer.source_len, names, &source))
            return;
        places[i] = (struct symbols_place){places[i].offset, answer.address, function, source,
                                           source ? answer.line : 0};
    }
}

void symbols_find(const char *path, const struct attribution_object *object,
                  struct symbols_place *places, size_t n, struct names *names)
{
    int ends[2];
    for (size_t i = 0; i < n; i++)
        places[i] = (struct symbols_place){.offset = places[i].offset, .address = places[i].offset};
    if (object->mtime_ns == 0 || pipe2(ends, O_CLOEXEC) < 0)
        return;
    pid_t child = fork();
    if (child == 0)
        serve(path, object, places, n, ends[1]);
    close(ends[1]);
    FILE *in = child > 0 ? fdopen(ends[0], "r") : NULL;
    if (in) {
        read_answers(in, places, n, names);
        fclose(in);
    } else {
        close(ends[0]);
    }
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
}
