// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The files of /proc as a guest reads them: the same parser must accept the host's own file and
 * ours, and the figures must be the guest's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <inttypes.h>
#include <limits.h>
#include <sys/stat.h>

#include "guest_rig.h"
#include "linux/proc_text.h"

enum { TEXT_MAX = 1 << 20 };

static char *host_text(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = malloc(TEXT_MAX);
    assert_non_null(file);
    size_t len = fread(text, 1, TEXT_MAX - 1, file);
    text[len] = 0;
    fclose(file);
    return text;
}

static char *guest_text(struct rig *rig, const char *path)
{
    char *text = malloc(TEXT_MAX);
    rig_slurp(rig, path, text, TEXT_MAX);
    return text;
}

/* ---- maps ---- */

/* Every line must read as Linux writes it. Result: lines. */
static int parse_maps(const char *text)
{
    int lines = 0;
    uint64_t last = 0;
    for (const char *line = text; *line; lines++) {
        uint64_t start, end, offset, ino;
        unsigned major_dev, minor_dev;
        char perms[5];
        int at = 0;
        assert_int_equal(
            sscanf(line, "%" SCNx64 "-%" SCNx64 " %4[rwxps-] %" SCNx64 " %x:%x %" SCNu64 "%n",
                   &start, &end, perms, &offset, &major_dev, &minor_dev, &ino, &at),
            7);
        assert_true(start < end && start >= last);
        last = end;
        size_t len = strcspn(line, "\n");
        if (line[at] == ' ' && (size_t)at + 1 < len) {
            assert_true(len > 73);
            assert_true(line[72] == ' ' && line[73] != ' ');
        } else {
            assert_int_equal(line[at], ' ');
        }
        line += len + 1;
    }
    return lines;
}

static void test_maps_line(void **state)
{
    struct region region = {.range = {.start = 0x7ffffffde000, .end = 0x7ffffffff000},
                            .prot = PROT_MASK_R | PROT_MASK_W,
                            .flags = REGION_STACK | REGION_GROWSDOWN};
    char line[256];
    proc_maps_line(&region, line, sizeof line);
    assert_string_equal(line, "7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0            "
                              "              [stack]");
    region = (struct region){.range = {.start = 0x400000, .end = 0x401000}};
    proc_maps_line(&region, line, sizeof line);
    assert_string_equal(line, "00400000-00401000 ---p 00000000 00:00 0 ");
}

static void test_maps(void **state)
{
    struct rig *rig = *state;
    char *host = host_text("/proc/self/maps"), expect[128];
    assert_true(parse_maps(host) > 3);
    rig_host_file(rig, "mapped", "0123456789");
    int64_t fd = rig_open(rig, "mapped", O_RDONLY);
    int64_t at = rig_call(rig, SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, (uint64_t)fd, 0);
    assert_true(at > 0);
    int64_t shared = rig_call(rig, SYS_mmap, 0, 8192, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, (uint64_t)-1, 0);
    assert_true(shared > 0);
    char *text = guest_text(rig, "/proc/self/maps");
    assert_int_equal(parse_maps(text), 3);
    snprintf(expect, sizeof expect, "%s/mapped\n", rig->dir);
    assert_non_null(strstr(text, expect));
    snprintf(expect, sizeof expect, "%08" PRIx64 "-%08" PRIx64 " rw-s 00000000 00:01 1 ", shared,
             shared + 8192);
    assert_non_null(strstr(text, expect));
    assert_non_null(strstr(text, "/dev/zero (deleted)\n"));
    free(host);
    free(text);
}

/* ---- files of "name: value" lines ---- */

/* The value of a field in kB, or in units of its own. */
static uint64_t field(const char *text, const char *name)
{
    char start[64];
    snprintf(start, sizeof start, "%s:", name);
    size_t len = strlen(start);
    for (const char *line = text; line && *line;
         line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (strncmp(line, start, len) == 0)
            return strtoull(line + len, NULL, 10);
    fail_msg("there is no field %s", name);
    return 0;
}

/* The same fields in the same order, as far as both have them. */
static void check_same_order(const char *ours, const char *host, const char *separator)
{
    const char *from = host;
    int found = 0;
    for (const char *line = ours; *line; line += strcspn(line, "\n") + 1) {
        char name[64];
        snprintf(name, sizeof name, "\n%.*s", (int)strcspn(line, separator), line);
        const char *at = strstr(from, name);
        if (!at && line == ours)
            at = host;
        if (!at)
            assert_null(strstr(host, name)); /* there, but earlier: the order differs */
        else
            from = at, found++;
    }
    assert_true(found > 5);
}

static void test_meminfo(void **state)
{
    struct rig *rig = *state;
    char *host = host_text("/proc/meminfo");
    char *text = guest_text(rig, "/proc/meminfo");
    assert_int_equal(field(text, "MemTotal"), RIG_FRAMES * 4);
    assert_int_equal(field(text, "SwapTotal"), 0);
    uint64_t anonymous = field(text, "AnonPages"), available = field(text, "MemFree");
    assert_true(available < RIG_FRAMES * 4 && available > RIG_FRAMES * 2);
    check_same_order(text, host, ":");
    size_t width = strcspn(text, "\n");
    assert_int_equal(width, strcspn(host, "\n")); /* "MemTotal:       24684092 kB" */
    free(text);

    uint8_t bytes[20 * PAGE_SIZE];
    memset(bytes, 1, sizeof bytes);
    rig_put(rig, rig->data + 65536, bytes, sizeof bytes);
    text = guest_text(rig, "/proc/meminfo");
    assert_int_equal(field(text, "AnonPages"), anonymous + 80);
    free(text);
    free(host);
}

static void test_status(void **state)
{
    struct rig *rig = *state;
    char *host = host_text("/proc/self/status");
    char *text = guest_text(rig, "/proc/self/status");
    check_same_order(text, host, ":");
    assert_int_equal(field(text, "Pid"), rig->process->pid);
    assert_int_equal(field(text, "PPid"), 1);
    assert_int_equal(field(text, "VmSize"), RIG_DATA_LEN / 1024);
    assert_int_equal(field(text, "VmData"), RIG_DATA_LEN / 1024);
    assert_int_equal(field(text, "VmRSS"), field(text, "RssAnon"));
    assert_true(field(text, "VmRSS") >= 4);
    assert_int_equal(strncmp(text, "Name:\ttrue\nUmask:\t0022\nState:\tR (running)\n", 42), 0);
    assert_int_equal(field(text, "Uid"), getuid());
    free(text);
    free(host);
}

static int count_words(const char *text)
{
    int words = 0;
    for (; *text; text += strcspn(text, " \n"), text += strspn(text, " \n"))
        words++;
    return words;
}

static void test_stat(void **state)
{
    struct rig *rig = *state;
    char *text = guest_text(rig, "/proc/self/stat");
    int pid, ppid;
    char comm[32], task_state;
    unsigned long vsize, rss;
    assert_int_equal(count_words(text), 52);
    assert_int_equal(sscanf(text,
                            "%d (%15[^)]) %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d "
                            "%*d %*d %*d %*d %*d %*u %lu %lu",
                            &pid, comm, &task_state, &ppid, &vsize, &rss),
                     6);
    assert_int_equal(pid, rig->process->pid);
    assert_string_equal(comm, "true");
    assert_int_equal(vsize, RIG_DATA_LEN);
    assert_int_equal(rss, space_resident(rig->process->space));
    free(text);
    text = guest_text(rig, "/proc/self/statm");
    assert_int_equal(count_words(text), 7);
    assert_int_equal(strtoul(text, NULL, 10), RIG_DATA_LEN / PAGE_SIZE);
    free(text);
}

static void test_smaps(void **state)
{
    struct rig *rig = *state;
    char *host = host_text("/proc/self/smaps");
    uint8_t bytes[5 * PAGE_SIZE] = {1};
    rig_put(rig, rig->data + 65536, bytes, sizeof bytes);
    char *text = guest_text(rig, "/proc/self/smaps");
    const char *first_host = strchr(host, '\n') + 1, *first = strchr(text, '\n') + 1;
    check_same_order(first, first_host, ":");
    assert_int_equal(field(text, "Size"), RIG_DATA_LEN / 1024);
    uint64_t rss = field(text, "Rss");
    assert_int_equal(rss, space_resident(rig->process->space) * 4);
    assert_int_equal(field(text, "Pss"), rss);
    assert_int_equal(field(text, "Anonymous"), rss);
    assert_non_null(strstr(text, "VmFlags: rd wr mr mw me ac\n"));
    free(text);
    text = guest_text(rig, "/proc/self/smaps_rollup");
    assert_int_equal(field(text, "Rss"), rss);
    assert_int_equal(field(text, "Pss_Anon"), rss);
    assert_non_null(strstr(text, " [rollup]\n"));
    free(text);
    free(host);
}

static void test_small_files(void **state)
{
    struct rig *rig = *state;
    static const struct {
        const char *path, *content;
    } files[] = {{"/proc/self/comm", "true\n"},
                 {"/proc/self/cgroup", "0::/\n"},
                 {"/proc/self/environ", "A=b"},
                 {"/proc/sys/vm/overcommit_memory", "0\n"},
                 {"/sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n"},
                 {"/sys/devices/system/cpu/online", "0\n"}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *text = guest_text(rig, files[i].path);
        assert_string_equal(text, files[i].content);
        free(text);
    }
    char *limits = guest_text(rig, "/proc/self/limits"), *host = host_text("/proc/self/limits");
    assert_int_equal(strcspn(limits, "\n"), strcspn(host, "\n"));
    assert_non_null(strstr(limits, "Max open files            1024                 unlimited     "
                                   "       files     \n"));
    free(limits);
    free(host);
    char *cpu = guest_text(rig, "/proc/cpuinfo");
    assert_null(strstr(cpu, "avx"));
    assert_null(strstr(cpu, "processor\t: 1\n"));
    free(cpu);
}

/* ---- nodes as files ---- */

static void test_read_again_is_new(void **state)
{
    struct rig *rig = *state;
    char a[16], b[16];
    int64_t fd = rig_open(rig, "/proc/self/comm", O_RDONLY);
    assert_int_equal(rig_call(rig, SYS_read, (uint64_t)fd, rig->data, 3), 3);
    assert_int_equal(rig_call(rig, SYS_read, (uint64_t)fd, rig->data + 3, 100), 2);
    rig_get(rig, a, rig->data, 5);
    assert_memory_equal(a, "true\n", 5);
    strcpy(rig->task->comm, "other");
    assert_int_equal(rig_call(rig, SYS_read, (uint64_t)fd, rig->data, 100), 0);
    assert_int_equal(rig_call(rig, SYS_pread64, (uint64_t)fd, rig->data, 100, 0), 6);
    rig_get(rig, b, rig->data, 6);
    assert_memory_equal(b, "other\n", 6);
}

static void test_stat_and_links(void **state)
{
    struct rig *rig = *state;
    struct stat st;
    char text[PATH_MAX];
    int64_t fd = rig_open(rig, "/proc/self/maps", O_RDONLY);
    assert_int_equal(rig_call(rig, SYS_fstat, (uint64_t)fd, rig->data), 0);
    rig_get(rig, &st, rig->data, sizeof st);
    assert_int_equal(st.st_mode, S_IFREG | 0444);
    assert_int_equal(st.st_size, 0);
    uint64_t exe = rig_string(rig, 4096, "/proc/self/exe");
    int64_t len = rig_call(rig, SYS_readlink, exe, rig->data, 100);
    assert_int_equal(len, 9);
    rig_get(rig, text, rig->data, 9);
    assert_memory_equal(text, "/bin/true", 9);
    assert_int_equal(rig_call(rig, SYS_readlink, exe, rig->data, 4), 4);
    assert_int_equal(rig_call(rig, SYS_lstat, exe, rig->data), 0);
    rig_get(rig, &st, rig->data, sizeof st);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(rig_call(rig, SYS_stat, exe, rig->data), 0);
    rig_get(rig, &st, rig->data, sizeof st);
    assert_true(S_ISREG(st.st_mode) && st.st_size > 0);
    assert_int_equal(rig_call(rig, SYS_access, rig_string(rig, 0, "/proc/self/maps"), R_OK), 0);
    assert_int_equal(rig_call(rig, SYS_access, rig_string(rig, 0, "/proc/self/maps"), W_OK),
                     -EACCES);
    assert_int_equal(rig_call(rig, SYS_unlink, rig_string(rig, 0, "/proc/self/maps")), -EPERM);
    assert_int_equal(rig_open(rig, "/proc/self/maps", O_WRONLY), -EACCES);
    assert_int_equal(rig_open(rig, "/proc/self", O_RDONLY | O_NOFOLLOW), -ELOOP);
    assert_int_equal(rig_call(rig, SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, (uint64_t)fd, 0),
                     -ENODEV);
}

static void test_nodes_cannot_be_changed(void **state)
{
    struct rig *rig = *state;
    uint64_t maps = (uint64_t)rig_open(rig, "/proc/self/maps", O_RDONLY);
    assert_int_equal(rig_call(rig, SYS_write, maps, rig->data, 5), -EBADF);
    assert_int_equal(rig_call(rig, SYS_ftruncate, maps, 100), -EINVAL);
    uint64_t comm = (uint64_t)rig_open(rig, "/proc/self/comm", O_RDWR | O_TRUNC);
    assert_int_equal(
        rig_call(rig, SYS_write, comm, rig_string(rig, 0, "a new name that is long"), 23), 23);
    assert_string_equal(rig->task->comm, "a new name that");
    uint64_t dir = (uint64_t)rig_open(rig, "/proc/self/fd", O_RDONLY);
    assert_true(rig_call(rig, SYS_getdents64, dir, rig->data, 1000) > 0);
    for (uint64_t at = 1; at < 30; at++) { /* from the middle of a record: ends, whatever it says */
        assert_int_equal(rig_call(rig, SYS_lseek, dir, at, SEEK_SET), at);
        rig_call(rig, SYS_getdents64, dir, rig->data, 1000);
    }
}

/* Lists a directory through getdents64 with a buffer that holds only a few records at a time. */
static int list(struct rig *rig, const char *path, const char *wanted, bool *found)
{
    int count = 0;
    int64_t fd = rig_open(rig, path, O_RDONLY | O_DIRECTORY);
    assert_true(fd >= 0);
    *found = false;
    for (;;) {
        uint8_t buf[100];
        int64_t n = rig_call(rig, SYS_getdents64, (uint64_t)fd, rig->data, sizeof buf);
        assert_true(n >= 0);
        if (n == 0)
            break;
        rig_get(rig, buf, rig->data, (size_t)n);
        for (int64_t at = 0; at < n; count++) {
            uint16_t reclen;
            memcpy(&reclen, buf + at + 16, sizeof reclen);
            *found |= strcmp((const char *)buf + at + 19, wanted) == 0;
            at += reclen;
        }
    }
    assert_int_equal(rig_call(rig, SYS_close, (uint64_t)fd), 0);
    return count;
}

static void test_listings(void **state)
{
    struct rig *rig = *state;
    bool found;
    char pid[16];
    assert_true(rig_open(rig, "/dev/null", O_RDONLY) == 0);
    assert_true(rig_open(rig, "/dev/null", O_RDONLY) == 1);
    assert_int_equal(list(rig, "/proc/self/fd", "1", &found), 5); /* ., .., 0, 1, 2 */
    assert_true(found);
    snprintf(pid, sizeof pid, "%d", rig->process->pid);
    assert_true(list(rig, "/proc", pid, &found) > 10);
    assert_true(found);
    snprintf(pid, sizeof pid, "%d", (int)getppid());
    list(rig, "/proc", pid, &found);
    assert_false(found);
    assert_true(list(rig, "/proc/self", "smaps", &found) > 10);
    assert_true(found);
    snprintf(pid, sizeof pid, "%d", rig->task->tid);
    assert_int_equal(list(rig, "/proc/self/task", pid, &found), 3);
    assert_true(found);
    int64_t fd = rig_open(rig, "/proc/self/maps", O_RDONLY);
    assert_int_equal(rig_call(rig, SYS_getdents64, (uint64_t)fd, rig->data, 100), -ENOTDIR);
    fd = rig_open(rig, "/proc/self", O_RDONLY);
    assert_int_equal(rig_call(rig, SYS_read, (uint64_t)fd, rig->data, 100), -EISDIR);
    assert_int_equal(rig_call(rig, SYS_openat, (uint64_t)fd, rig_string(rig, 0, "comm"), 0, 0), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maps_line),
        RIG_TEST(test_maps),
        RIG_TEST(test_meminfo),
        RIG_TEST(test_status),
        RIG_TEST(test_stat),
        RIG_TEST(test_smaps),
        RIG_TEST(test_small_files),
        RIG_TEST(test_read_again_is_new),
        RIG_TEST(test_nodes_cannot_be_changed),
        RIG_TEST(test_stat_and_links),
        RIG_TEST(test_listings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
