// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From a file to a running process and its end: images, break, stack and auxiliary vector where
 * Linux puts them; failures that leave nothing behind; and host signals that reach a guest which
 * computes or sleeps. Programs are a few bytes of machine code in an ELF file made here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "kernel/uaccess.h"
#include "linux/process.h"
#include "machine/machine.h"

enum { CODE_AT = 0x1000, DATA_AT = 0x2800, DATA_LEN = 0x100, BSS_LEN = 0x3000, ALIGN = 0x1000 };
#define BASE UINT64_C(0x400000)
#define PIE UINT64_C(0x555555554000)

static const uint8_t code_exit[] = {0xb8, 231, 0, 0, 0, 0xbf, 7, 0, 0, 0, 0x0f, 0x05};
static const uint8_t code_spin[] = {0xeb, 0xfe};
static const uint8_t code_pause[] = {0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7};

struct world {
    struct machine *machine;
    struct kernel *kernel;
    struct linux_system *system;
};

static void make_world(struct world *w, uint64_t nframes, enum commit_mode overcommit)
{
    struct machine_options machine = {.nframes = nframes, .cpu = {.engine = CPU_ENGINE_VEX}};
    const char *why;
    assert_int_equal(tlb_spec_parse("tiny", &machine.tlb, &why), 0);
    assert_int_equal(machine_create(&machine, &w->machine), 0);
    struct kernel_options kernel = {
        .policy = policy_find("clock"), .seed = 1, .overcommit = overcommit};
    assert_int_equal(kernel_create(w->machine, &kernel, &w->kernel), 0);
    struct linux_options options = {.reproducible = false, .seed = 1};
    assert_int_equal(linux_create(w->machine, w->kernel, &options, &w->system), 0);
}

static void end_world(struct world *w)
{
    linux_destroy(w->system);
    assert_int_equal(w->kernel->pages_live, 0); /* nothing is left behind */
    assert_true(kernel_is_valid(w->kernel));
    kernel_destroy(w->kernel);
    machine_destroy(w->machine);
}

struct program {
    Elf64_Ehdr header;
    Elf64_Phdr phdrs[2];
};

/* An ELF program with these instructions, data of 0xAA bytes and a bss, before `base` is added. */
static struct program program_of(uint64_t base, uint16_t type)
{
    return (struct program){
        .header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
                               EV_CURRENT},
                   .e_type = type,
                   .e_machine = EM_X86_64,
                   .e_version = EV_CURRENT,
                   .e_entry = base + CODE_AT,
                   .e_phoff = offsetof(struct program, phdrs),
                   .e_phentsize = sizeof(Elf64_Phdr),
                   .e_phnum = 2},
        .phdrs = {{.p_type = PT_LOAD,
                   .p_flags = PF_R | PF_X,
                   .p_vaddr = base,
                   .p_filesz = DATA_AT,
                   .p_memsz = DATA_AT,
                   .p_align = ALIGN},
                  {.p_type = PT_LOAD,
                   .p_flags = PF_R | PF_W,
                   .p_offset = DATA_AT,
                   .p_vaddr = base + ALIGN + DATA_AT,
                   .p_filesz = DATA_LEN,
                   .p_memsz = DATA_LEN + BSS_LEN,
                   .p_align = ALIGN}},
    };
}

/* Writes it to a file that the caller unlinks. */
static void write_program(const struct program *program, const uint8_t *code, size_t len,
                          char path[64])
{
    static uint8_t bytes[DATA_AT + ALIGN];
    memset(bytes, 0xaa, sizeof bytes); /* beyond the data too: must not show in the bss */
    memcpy(bytes, program, sizeof *program);
    memcpy(bytes + CODE_AT, code, len);
    strcpy(path, "/tmp/pagewalk-program-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, sizeof bytes), sizeof bytes);
    assert_int_equal(fchmod(fd, 0700), 0);
    close(fd);
}

static int spawn(struct world *w, const struct program *program, const uint8_t *code, size_t len,
                 struct process **out)
{
    char path[64], *argv[] = {"prog", "one", NULL}, *envp[] = {"E=1", NULL};
    write_program(program, code, len, path);
    int rc = process_spawn(w->system, path, argv, envp, out);
    unlink(path);
    return rc;
}

static uint64_t aux(const struct process *process, uint64_t type)
{
    for (unsigned i = 0; i + 1 < process->auxv_words; i += 2)
        if (process->auxv[i] == type)
            return process->auxv[i + 1];
    fail_msg("no auxiliary entry %d", (int)type);
    return 0;
}

/* The parts that do not depend on how the program is linked. */
static void check_image(struct process *process, uint64_t base)
{
    struct space *space = process->space;
    uint8_t byte;
    uint64_t data = base + ALIGN + DATA_AT, end = data + DATA_LEN + BSS_LEN;
    assert_int_equal(aux(process, AT_PHDR), base + offsetof(struct program, phdrs));
    assert_int_equal(aux(process, AT_ENTRY), base + CODE_AT);
    assert_int_equal(aux(process, AT_PHNUM), 2);
    assert_int_equal(aux(process, AT_BASE), 0);
    assert_int_equal(space->brk_start.v, (end + PAGE_MASK) & ~PAGE_MASK);
    assert_int_equal(uaccess_read(space, &byte, vaddr(data + DATA_LEN - 1), 1), 0);
    assert_int_equal(byte, 0xaa);
    for (uint64_t at = data + DATA_LEN; at < end; at += 0x7f) {
        assert_int_equal(uaccess_read(space, &byte, vaddr(at), 1), 0);
        assert_int_equal(byte, 0);
    }
    const struct region *text = space_region_at(space, vaddr(base + CODE_AT));
    const struct region *stack = space_region_at(space, vaddr(SPACE_END - 1));
    assert_non_null(text);
    assert_int_equal(text->prot, PROT_MASK_R | PROT_MASK_X);
    assert_non_null(stack);
    assert_true(stack->flags & REGION_GROWSDOWN);
    assert_int_equal(stack->prot, PROT_MASK_R | PROT_MASK_W);
    assert_int_equal(stack->range.end, SPACE_END);
    assert_memory_equal(process->cmdline, "prog\0one", 9);
    assert_int_equal(process->cmdline_len, 9);
    assert_memory_equal(process->environ, "E=1", 4);
}

static void runs_to_its_exit(struct world *w, const struct program *program, uint64_t base)
{
    struct process *process;
    assert_int_equal(spawn(w, program, code_exit, sizeof code_exit, &process), 0);
    check_image(process, base);
    assert_int_equal(linux_run(w->system), 0);
    assert_true(process->exited);
    assert_int_equal(process->exit.status, 7);
    assert_int_equal(process->exit.signal, 0);
    assert_null(process->space);
    assert_true(process->counters.instructions >= 3);
    assert_true(process->counters.faults > 0);
}

static void loads_at_its_own_address(void **state)
{
    struct world w;
    make_world(&w, 1024, COMMIT_HEURISTIC);
    struct program program = program_of(BASE, ET_EXEC);
    runs_to_its_exit(&w, &program, BASE);
    runs_to_its_exit(&w, &program, BASE); /* a second process after the first */
    assert_int_equal(w.system->records->record_next->pid, w.system->records->pid + 1);
    end_world(&w);
}

static void loads_a_pie_where_linux_does(void **state)
{
    struct world w;
    make_world(&w, 1024, COMMIT_HEURISTIC);
    struct program program = program_of(0, ET_DYN);
    runs_to_its_exit(&w, &program, PIE);
    program.phdrs[0].p_align = 0x200000; /* asks for more than a page */
    runs_to_its_exit(&w, &program, PIE & ~UINT64_C(0x1fffff));
    end_world(&w);
}

static void runs_in_the_smallest_ram(void **state)
{
    struct world w;
    make_world(&w, RAM_FRAMES_MIN, COMMIT_HEURISTIC);
    struct program program = program_of(BASE, ET_EXEC);
    runs_to_its_exit(&w, &program, BASE);
    end_world(&w);
}

/* ---- failures ---- */

static void refuse(struct world *w, const struct program *program, int error)
{
    struct process *process;
    w->system->message[0] = '\0';
    assert_int_equal(spawn(w, program, code_exit, sizeof code_exit, &process), error);
    assert_true(w->system->message[0] != '\0');
    assert_null(strchr(w->system->message, '\n'));
    assert_null(w->system->processes);
    assert_int_equal(w->system->ntasks, 0);
    assert_int_equal(w->kernel->pages_live, 0);
}

static void failures_leave_nothing_behind(void **state)
{
    struct world w;
    make_world(&w, 1024, COMMIT_NEVER);
    struct program program = program_of(BASE, ET_EXEC);
    program.header.e_machine = EM_386;
    refuse(&w, &program, -ENOEXEC);

    program = program_of(BASE, ET_EXEC); /* over the stack */
    program.phdrs[1].p_vaddr = SPACE_END - 0x5000 + 0x800;
    program.phdrs[1].p_memsz = 0x4000;
    refuse(&w, &program, -ENOMEM);

    program = program_of(BASE, ET_EXEC); /* more bss than may be promised */
    program.phdrs[1].p_memsz = UINT64_C(1) << 40;
    refuse(&w, &program, -ENOMEM);

    program = program_of(0, ET_DYN); /* a span that fits nowhere */
    program.phdrs[1].p_vaddr = SPACE_END - 0x10000 + 0x800;
    refuse(&w, &program, -ENOMEM);
    end_world(&w);
}

static void failures_say_what_was_wrong(void **state)
{
    struct world w;
    make_world(&w, 1024, COMMIT_HEURISTIC);
    char *argv[] = {"x", NULL}, *none[] = {NULL}, *huge[] = {calloc(1, 200000), NULL};
    struct process *process;
    assert_int_equal(process_spawn(w.system, "/nonexistent", argv, none, &process), -ENOENT);
    assert_non_null(strstr(w.system->message, "/nonexistent"));
    assert_int_equal(process_spawn(w.system, "/etc/passwd", argv, none, &process), -EACCES);
    assert_int_equal(process_spawn(w.system, "/", argv, none, &process), -EACCES);
    memset(huge[0], 'x', 199999);
    assert_int_equal(process_spawn(w.system, "/bin/true", huge, none, &process), -E2BIG);
    free(huge[0]);
    end_world(&w);
}

/* A stack image that cannot fit: too little RAM is an error of exec, not a crash. */
static void too_little_ram_is_an_error(void **state)
{
    struct world w;
    make_world(&w, RAM_FRAMES_MIN, COMMIT_ALWAYS); /* no swap */
    char path[64], *envp[] = {NULL}, *argv[5] = {NULL};
    struct program program = program_of(BASE, ET_EXEC);
    struct process *process;
    write_program(&program, code_exit, sizeof code_exit, path);
    for (int i = 0; i < 4; i++) {
        argv[i] = malloc(100001);
        memset(argv[i], 'a', 100000);
        argv[i][100000] = '\0';
    }
    assert_int_equal(process_spawn(w.system, path, argv, envp, &process), -ENOMEM);
    assert_non_null(strstr(w.system->message, "256 KiB"));
    assert_null(w.system->processes);
    for (int i = 0; i < 4; i++)
        free(argv[i]);
    unlink(path);
    end_world(&w);
}

/* ---- host signals ---- */

static void on_timer(int signal)
{
    kill(getpid(), SIGUSR1);
}

/* Sends pagewalk SIGUSR1 from a handler of its own a little later. */
static void ends_by_host_signal(const uint8_t *code, size_t len)
{
    struct world w;
    struct process *process;
    struct program program = program_of(BASE, ET_EXEC);
    struct sigaction action = {.sa_handler = on_timer}, before;
    make_world(&w, 1024, COMMIT_HEURISTIC);
    assert_int_equal(spawn(&w, &program, code, len, &process), 0);
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
    sigaction(SIGRTMIN, &action, &before);
    assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    struct itimerspec soon = {.it_value = {.tv_nsec = 50000000}};
    timer_settime(timer, 0, &soon, NULL);
    assert_int_equal(linux_run(w.system), 0);
    timer_delete(timer);
    sigaction(SIGRTMIN, &before, NULL);
    assert_int_equal(process->exit.signal, SIGUSR1);
    struct sigaction after;
    sigaction(SIGUSR1, NULL, &after);
    assert_true(after.sa_handler == SIG_DFL); /* handlers are in place only during the run */
    end_world(&w);
}

static void a_host_signal_reaches_a_busy_guest(void **state)
{
    ends_by_host_signal(code_spin, sizeof code_spin);
}

static void a_host_signal_reaches_a_sleeping_guest(void **state)
{
    ends_by_host_signal(code_pause, sizeof code_pause);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_at_its_own_address),
        cmocka_unit_test(loads_a_pie_where_linux_does),
        cmocka_unit_test(runs_in_the_smallest_ram),
        cmocka_unit_test(failures_leave_nothing_behind),
        cmocka_unit_test(failures_say_what_was_wrong),
        cmocka_unit_test(too_little_ram_is_an_error),
        cmocka_unit_test(a_host_signal_reaches_a_busy_guest),
        cmocka_unit_test(a_host_signal_reaches_a_sleeping_guest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
