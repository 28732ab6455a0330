// SPDX-License-Identifier: GPL-2.0-or-later
/* A whole system through the public header: run, count, and let everything go again. */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "pagewalk.h"

extern char **environ;

static struct pw_system *create(const char *name, const char *value)
{
    struct pw_error error;
    struct pw_system *system = NULL;
    struct pw_config *config = pw_config_create();
    assert_int_equal(pw_config_set(config, name, value, &error), 0);
    if (pw_system_create(config, &system, &error) < 0)
        fail_msg("%s", error.message);
    pw_config_destroy(config); /* the system does not need it any more */
    return system;
}

static uint64_t counter(const struct pw_system *system, const char *name)
{
    return pw_counter(system, pw_counter_find(name));
}

static void spawn(struct pw_system *system, char *const argv[], char *const envp[])
{
    struct pw_error error;
    if (pw_spawn(system, argv, envp, &error) < 0)
        fail_msg("%s", error.message);
}

static void a_program_runs_and_is_counted(void **state)
{
    char *argv[] = {"sh", "-c", "exit 7", NULL};
    struct pw_error error;
    struct pw_process_info process;
    struct pw_system *system = create("ram", "64M");
    int pid = pw_spawn(system, argv, environ, &error);
    assert_true(pid > 0);
    assert_true(pw_process(system, 0, &process));
    assert_false(process.exited);
    assert_int_equal(pw_run(system, &error), 0);
    assert_true(pw_process(system, 0, &process));
    assert_int_equal(process.pid, pid);
    assert_true(process.exited);
    assert_int_equal(process.status, 7);
    assert_int_equal(process.signal, 0);
    assert_string_equal(process.argv[2], "exit 7");
    assert_false(pw_process(system, 1, &process));
    assert_int_equal(counter(system, "frames_total"), (64 << 20) / 4096);
    assert_int_equal(counter(system, "processes"), 1);
    assert_true(counter(system, "instructions") > 1000);
    assert_true(counter(system, "faults") >= counter(system, "faults_minor"));
    assert_true(counter(system, "pages_peak") > 10);
    assert_true(counter(system, "frames_peak") > counter(system, "tables_peak"));
    pw_system_destroy(system);
}

/* Lookups are accounted for: each second-level lookup is a first-level miss, each miss of all
 * levels walks. */
static void counters_agree_with_each_other(void **state)
{
    char *argv[] = {"ls", "/", NULL};
    struct pw_error error;
    struct pw_counter_info info;
    char *quiet[] = {"PATH=/bin:/usr/bin", NULL};
    argv[1] = "/nonexistent";
    struct pw_system *system = create("tlb", "l1d=16:4,l1i=16:4,l2=64:4");
    int err = dup(2);
    assert_non_null(freopen("/dev/null", "w", stderr));
    int pid = pw_spawn(system, argv, quiet, &error);
    int result = pw_run(system, &error);
    dup2(err, 2);
    close(err);
    assert_true(pid > 0);
    assert_int_equal(result, 0);
    assert_int_equal(counter(system, "tlb_l1d_misses") + counter(system, "tlb_l1i_misses"),
                     counter(system, "tlb_l2_hits") + counter(system, "tlb_l2_misses"));
    assert_true(counter(system, "walks") >= counter(system, "tlb_l2_misses"));
    assert_true(counter(system, "walk_reads") >= counter(system, "walks"));
    for (int i = 0; pw_counter_info(i, &info); i++) {
        assert_int_equal(pw_counter_find(info.name), i);
        assert_true(pw_counter_has(system, i));
        if (info.per_process)
            assert_int_equal(pw_counter(system, i), pw_process_counter(system, 0, i));
    }
    assert_int_equal(pw_counter_find("nothing"), -1);
    assert_false(pw_counter_has(system, -1));
    pw_system_destroy(system);
}

static void programs_that_cannot_start_are_refused(void **state)
{
    char *missing[] = {"/no/such/program", NULL}, *folder[] = {"/tmp", NULL}, *none[] = {NULL};
    char *device[] = {"/etc/passwd", NULL};
    struct pw_error error;
    struct pw_system *system = create("swap", "none");
    assert_int_equal(pw_spawn(system, missing, environ, &error), -1);
    assert_int_equal(error.code, ENOENT);
    assert_int_equal(pw_spawn(system, folder, environ, &error), -1);
    assert_int_equal(error.code, EACCES);
    assert_int_equal(pw_spawn(system, device, environ, &error), -1);
    assert_int_equal(error.code, EACCES);
    assert_int_equal(pw_spawn(system, none, environ, &error), -1);
    assert_int_equal(error.code, EINVAL);
    assert_int_equal(pw_run(system, &error), 0); /* nothing to do */
    pw_system_destroy(system);
}

static void creation_says_what_the_host_refused(void **state)
{
    struct pw_error error;
    struct pw_system *system = NULL;
    struct pw_config *config = pw_config_create();
    assert_int_equal(pw_config_set(config, "swap", "/no/such/place/swap:1M", NULL), 0);
    assert_int_equal(pw_system_create(config, &system, &error), -1);
    assert_int_equal(error.code, ENOENT);
    assert_non_null(strstr(error.message, "swap: "));
    assert_null(system);
    pw_config_set(config, "swap", "none", NULL);
    pw_config_set(config, "strace", "/no/such/place/trace", NULL);
    assert_int_equal(pw_system_create(config, &system, &error), -1);
    assert_non_null(strstr(error.message, "strace: "));
    pw_config_destroy(config);
    pw_config_destroy(NULL);
    pw_system_destroy(NULL);
}

static int open_descriptors(void)
{
    int count = 0;
    DIR *list = opendir("/proc/self/fd");
    while (readdir(list))
        count++;
    closedir(list);
    return count;
}

static void nothing_stays_open(void **state)
{
    char *argv[] = {"true", NULL};
    struct pw_error error;
    int before = open_descriptors();
    for (int i = 0; i < 3; i++) {
        struct pw_system *system = create("swap", "1M");
        spawn(system, argv, environ);
        assert_int_equal(pw_run(system, &error), 0);
        pw_system_destroy(system);
    }
    assert_int_equal(open_descriptors(), before);
}

static void count_call(struct pw_system *system, void *arg)
{
    assert_true(pw_counter(system, pw_counter_find("processes")) == 1);
    ++*(int *)arg;
}

static void progress_is_told(void **state)
{
    char *argv[] = {"sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done", NULL};
    struct pw_error error;
    int calls = 0;
    struct pw_system *system = create("ram", "64M");
    pw_set_progress(system, 0.001, count_call, &calls);
    spawn(system, argv, environ);
    assert_int_equal(pw_run(system, &error), 0);
    assert_true(calls > 0);
    pw_system_destroy(system);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_runs_and_is_counted),
        cmocka_unit_test(counters_agree_with_each_other),
        cmocka_unit_test(programs_that_cannot_start_are_refused),
        cmocka_unit_test(creation_says_what_the_host_refused),
        cmocka_unit_test(nothing_stays_open),
        cmocka_unit_test(progress_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
