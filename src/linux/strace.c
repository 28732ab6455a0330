// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What --strace prints. It reads guest memory only through uaccess, and only what a call is given
 * or has filled; it changes no result. (The pages of a string it shows are touched a moment earlier
 * than the call would.)
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

#include "kernel/uaccess.h"
#include "linux/strace.h"

struct flag_name {
    uint64_t bit;
    const char *name;
};

static const struct flag_name prot_names[] = {
    {PROT_READ, "PROT_READ"},           {PROT_WRITE, "PROT_WRITE"},     {PROT_EXEC, "PROT_EXEC"},
    {PROT_GROWSDOWN, "PROT_GROWSDOWN"}, {PROT_GROWSUP, "PROT_GROWSUP"}, {0, NULL},
};

static const struct flag_name map_names[] = {
    {MAP_SHARED, "MAP_SHARED"},
    {MAP_PRIVATE, "MAP_PRIVATE"},
    {MAP_FIXED, "MAP_FIXED"},
    {MAP_ANONYMOUS, "MAP_ANONYMOUS"},
    {MAP_32BIT, "MAP_32BIT"},
    {MAP_GROWSDOWN, "MAP_GROWSDOWN"},
    {MAP_DENYWRITE, "MAP_DENYWRITE"},
    {MAP_LOCKED, "MAP_LOCKED"},
    {MAP_NORESERVE, "MAP_NORESERVE"},
    {MAP_POPULATE, "MAP_POPULATE"},
    {MAP_NONBLOCK, "MAP_NONBLOCK"},
    {MAP_STACK, "MAP_STACK"},
    {MAP_HUGETLB, "MAP_HUGETLB"},
    {MAP_FIXED_NOREPLACE, "MAP_FIXED_NOREPLACE"},
    {0, NULL},
};

static const struct flag_name open_names[] = {
    {O_CREAT, "O_CREAT"},         {O_EXCL, "O_EXCL"},
    {O_NOCTTY, "O_NOCTTY"},       {O_TRUNC, "O_TRUNC"},
    {O_APPEND, "O_APPEND"},       {O_NONBLOCK, "O_NONBLOCK"},
    {O_TMPFILE, "O_TMPFILE"},     {O_SYNC, "O_SYNC"},
    {O_DSYNC, "O_DSYNC"},         {O_DIRECT, "O_DIRECT"},
    {O_DIRECTORY, "O_DIRECTORY"}, {O_NOFOLLOW, "O_NOFOLLOW"},
    {O_NOATIME, "O_NOATIME"},     {O_CLOEXEC, "O_CLOEXEC"},
    {O_PATH, "O_PATH"},           {0, NULL},
};

__attribute__((format(printf, 2, 3))) static void put(struct strace_line *line, const char *format,
                                                      ...)
{
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(line->text + line->len, sizeof line->text - line->len, format, ap);
    va_end(ap);
    if (n > 0)
        line->len += (size_t)n;
    if (line->len >= sizeof line->text)
        line->len = sizeof line->text - 1;
}

static size_t quote_byte(char *out, unsigned char c, int next)
{
    static const char named[] = "\tt\nn\vv\ff\rr\"\"\\\\";
    for (const char *n = named; *n; n += 2)
        if ((unsigned char)*n == c)
            return (size_t)sprintf(out, "\\%c", n[1]);
    if (c >= ' ' && c <= '~')
        return (size_t)sprintf(out, "%c", c);
    return (size_t)sprintf(out, next >= '0' && next <= '9' ? "\\%03o" : "\\%o", c);
}

size_t strace_quote(char *out, const unsigned char *bytes, size_t len, bool cut)
{
    size_t n = 0;
    out[n++] = '"';
    for (size_t i = 0; i < len; i++)
        n += quote_byte(out + n, bytes[i], i + 1 < len ? bytes[i + 1] : 0);
    return n + (size_t)sprintf(out + n, cut ? "\"..." : "\"");
}

size_t strace_result(char *out, size_t size, int64_t result, bool is_address)
{
    int n;
    if (result <= -ERESTARTSYS && result >= -ERESTART_RESTARTBLOCK)
        n = snprintf(out, size, " = ? (To be restarted)");
    else if (result < 0 && result > -4096)
        n = snprintf(out, size, " = -1 %s (%s)",
                     strerrorname_np((int)-result) ? strerrorname_np((int)-result) : "E?",
                     strerror((int)-result));
    else if (is_address)
        n = snprintf(out, size, " = 0x%" PRIx64, (uint64_t)result);
    else
        n = snprintf(out, size, " = %" PRId64, result);
    return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

static void put_pointer(struct strace_line *line, uint64_t value)
{
    if (value)
        put(line, "0x%" PRIx64, value);
    else
        put(line, "NULL");
}

static void put_bytes(struct strace_line *line, struct task *task, uint64_t addr, uint64_t len)
{
    unsigned char bytes[STRACE_STRING_MAX];
    char quoted[4 * STRACE_STRING_MAX + 6];
    size_t shown = len < sizeof bytes ? len : sizeof bytes;
    struct space *space = task->process->space;
    if (!space || !addr || uaccess_read(space, bytes, vaddr(addr), shown) < 0) {
        put_pointer(line, addr);
        return;
    }
    strace_quote(quoted, bytes, shown, len > shown);
    put(line, "%s", quoted);
}

/* A byte at a time at page ends only: the string may end where memory ends. */
static void put_string(struct strace_line *line, struct task *task, uint64_t addr)
{
    char text[STRACE_STRING_MAX + 1];
    char quoted[4 * STRACE_STRING_MAX + 6];
    struct space *space = task->process->space;
    int64_t len =
        space && addr ? uaccess_read_string(space, text, vaddr(addr), sizeof text) : -EFAULT;
    if (len == -ENAMETOOLONG) {
        put_bytes(line, task, addr, STRACE_STRING_MAX + 1);
        return;
    }
    if (len < 0) {
        put_pointer(line, addr);
        return;
    }
    strace_quote(quoted, (unsigned char *)text, (size_t)len, false);
    put(line, "%s", quoted);
}

static void put_flags(struct strace_line *line, uint64_t value, const struct flag_name *names,
                      const char *zero)
{
    const char *between = "";
    if (zero) {
        put(line, "%s", zero);
        between = "|";
    }
    for (; names->name; names++)
        if ((value & names->bit) == names->bit) {
            put(line, "%s%s", between, names->name);
            value &= ~names->bit;
            between = "|";
        }
    if (value)
        put(line, "%s0x%" PRIx64, between, value);
}

static void put_open_flags(struct strace_line *line, uint64_t flags)
{
    static const char *const modes[] = {"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"};
    put_flags(line, flags & ~(uint64_t)O_ACCMODE, open_names, modes[flags & O_ACCMODE]);
}

static void put_prot(struct strace_line *line, uint64_t prot)
{
    if (prot)
        put_flags(line, prot, prot_names, NULL);
    else
        put(line, "PROT_NONE");
}

static void put_argument(struct strace_line *line, struct task *task, char kind, unsigned i,
                         int64_t result)
{
    uint64_t value = line->args[i];
    switch (kind) {
    case 'd':
        put(line, "%d", (int)value);
        break;
    case 'f':
    case 'a':
        if (kind == 'a' && (int)value == AT_FDCWD)
            put(line, "AT_FDCWD");
        else
            put(line, "%d", (int)value);
        break;
    case 'u':
        put(line, "%" PRIu64, value);
        break;
    case 'o':
        put(line, "0%" PRIo64, value);
        break;
    case 'p':
        put_pointer(line, value);
        break;
    case 's':
        put_string(line, task, value);
        break;
    case 'b':
        put_bytes(line, task, value, line->args[i + 1]);
        break;
    case 'B':
        if (result >= 0)
            put_bytes(line, task, value, (uint64_t)result);
        else
            put_pointer(line, value);
        break;
    case 'P':
        put_prot(line, value);
        break;
    case 'M':
        put_flags(line, value, map_names, NULL);
        break;
    case 'O':
        put_open_flags(line, value);
        break;
    default:
        put(line, value < 10 ? "%" PRIu64 : "0x%" PRIx64, value);
    }
}

static bool is_hidden_mode(const struct strace_line *line, const char *format)
{
    unsigned i = line->next;
    return format[i] == 'o' && i > 0 && format[i - 1] == 'O' &&
           !(line->args[i - 1] & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)));
}

/* Writes arguments until the end, or until one that is only known after the call. */
static void put_arguments(struct strace_line *line, struct task *task, bool after, int64_t result)
{
    const char *format = line->entry->format ? line->entry->format : "xxxxxx";
    for (; format[line->next] && format[line->next] != '='; line->next++) {
        char kind = format[line->next];
        if (kind == 'B' && !after)
            return;
        if (is_hidden_mode(line, format))
            continue;
        if (line->next > 0)
            put(line, ", ");
        put_argument(line, task, kind, line->next, result);
    }
}

void strace_enter(struct strace_line *line, struct task *task, uint64_t number,
                  const uint64_t args[6])
{
    line->entry = syscall_entry(number);
    line->tid = task->tid;
    line->next = 0;
    line->len = 0;
    memcpy(line->args, args, sizeof line->args);
    if (line->entry->name)
        put(line, "%s(", line->entry->name);
    else
        put(line, "syscall_0x%" PRIx64 "(", number);
    put_arguments(line, task, false, 0);
}

void strace_leave(struct strace_line *line, struct task *task, int64_t result)
{
    struct linux_system *system = task->process->system;
    const char *format = line->entry->format;
    char tail[128];
    put_arguments(line, task, true, result);
    if (task->process->exited || task->exiting)
        snprintf(tail, sizeof tail, " = ?");
    else
        strace_result(tail, sizeof tail, result == SYSCALL_REGS_SET ? 0 : result,
                      format && strchr(format, '='));
    put(line, ")");
    if (system->nprocesses > 1 || system->ntasks > 1)
        fprintf(system->options.strace, "[pid %d] ", line->tid);
    fprintf(system->options.strace, "%s%s\n", line->text, tail);
    fflush(system->options.strace);
}
