// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The yardstick of run-bench: a plugin by which qemu-x86_64 counts data accesses, as people write
 * it to feed a simulator (one call for each access), or cheaper, by a counter that qemu adds to in
 * line ("inline"). Prints the count on standard error. qemu's header is in no package, so what is
 * used of its interface stands here (QEMU manual, "TCG Plugins", version 1 and later).
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { MEM_READ_AND_WRITE = 3, NO_REGISTERS = 0, INLINE_ADD = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*translated)(qemu_plugin_id_t id,
                                                              struct qemu_plugin_tb *block));
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id,
                                    void (*ended)(qemu_plugin_id_t id, void *data), void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t i);
void qemu_plugin_register_vcpu_mem_inline(struct qemu_plugin_insn *insn, int accesses, int op,
                                          void *counter, uint64_t addend);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
                                      void (*accessed)(unsigned cpu, uint32_t kind, uint64_t va,
                                                       void *data),
                                      int registers, int accesses, void *data);

#define EXPORT __attribute__((visibility("default")))

EXPORT int qemu_plugin_version = 1;

static uint64_t accesses;
static bool is_inline;

static void accessed(unsigned cpu, uint32_t kind, uint64_t va, void *data)
{
    accesses++;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    size_t n = qemu_plugin_tb_n_insns(block);
    for (size_t i = 0; i < n; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(block, i);
        if (is_inline)
            qemu_plugin_register_vcpu_mem_inline(insn, MEM_READ_AND_WRITE, INLINE_ADD, &accesses,
                                                 1);
        else
            qemu_plugin_register_vcpu_mem_cb(insn, accessed, NO_REGISTERS, MEM_READ_AND_WRITE,
                                             NULL);
    }
}

static void ended(qemu_plugin_id_t id, void *data)
{
    fprintf(stderr, "%" PRIu64 "\n", accesses);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
    is_inline = argc > 0 && strncmp(argv[0], "inline", 6) == 0;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
