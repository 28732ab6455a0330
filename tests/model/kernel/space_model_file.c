// SPDX-License-Identifier: GPL-2.0-or-later
/* The model and the files' other users: reads, writes, truncation, times when nobody maps them. */
#include "space_model.h"

/* The kernel is told of what guests do, not of what others do to a file that no guest has. */
static void truncate_file(struct model *m, int file, bool tell)
{
    uint64_t len = model_draw(m, OBJECT_PAGES * CELLS + 1) * 512;
    assert_int_equal(ftruncate(m->fd[file], (off_t)len), 0);
    if (tell)
        object_after_truncate(m->rig->kernel, m->fd[file], len);
    m->len[file] = len;
    for (unsigned i = 0; i < OBJECT_PAGES; i++)
        for (unsigned c = 0; c < CELLS; c++)
            if (i * PAGE_SIZE + model_cell_offset(c) >= len)
                m->data[file][i][c] = 0;
    for (struct proc *proc = m->procs; proc < m->procs + PROCS; proc++)
        for (unsigned i = 0; i < ARENA; i++)
            if (proc->pages[i].object == file && model_beyond_end(m, &proc->pages[i]))
                proc->pages[i].has_copy = false;
}

void model_truncate(struct model *m)
{
    truncate_file(m, (int)model_draw(m, FILES), true);
}

static void write_file(struct model *m, int file, bool tell)
{
    unsigned index = (unsigned)model_draw(m, OBJECT_PAGES), cell = (unsigned)model_draw(m, CELLS);
    uint64_t offset = index * PAGE_SIZE + model_cell_offset(cell);
    uint8_t byte = (uint8_t)model_draw(m, 256);
    if (offset >= m->len[file])
        return;
    assert_int_equal(pwrite(m->fd[file], &byte, 1, (off_t)offset), 1);
    if (tell)
        object_after_write(m->rig->kernel, m->fd[file], offset, 1);
    m->data[file][index][cell] = byte;
}

void model_write_file(struct model *m)
{
    write_file(m, (int)model_draw(m, FILES), true);
}

void model_read_file(struct model *m)
{
    int file = (int)model_draw(m, FILES);
    unsigned index = (unsigned)model_draw(m, OBJECT_PAGES);
    assert_int_equal(
        object_before_read(m->rig->kernel, m->fd[file], (uint64_t)index * PAGE_SIZE, PAGE_SIZE), 0);
    for (unsigned c = 0; c < CELLS; c++) {
        uint8_t byte;
        uint64_t offset = index * PAGE_SIZE + model_cell_offset(c);
        if (offset < m->len[file]) {
            assert_int_equal(pread(m->fd[file], &byte, 1, (off_t)offset), 1);
            assert_int_equal(byte, m->data[file][index][c]);
        }
    }
}

static void unmap_object(struct model *m, int object)
{
    for (struct proc *proc = m->procs; proc < m->procs + PROCS; proc++)
        for (unsigned i = 0; proc->space && i < ARENA; i++) {
            if (!proc->pages[i].mapped || proc->pages[i].object != object)
                continue;
            assert_int_equal(space_unmap(proc->space, model_at(i), PAGE_SIZE), 0);
            proc->pages[i] = (struct page){0};
        }
}

void model_rest(struct model *m)
{
    int file = (int)model_draw(m, FILES);
    unmap_object(m, file);
    object_put(m->rig->kernel, m->objects[file]);
    for (unsigned changes = (unsigned)model_draw(m, 3); changes > 0; changes--) {
        bool is_guest = model_chance(m, 50);
        if (model_chance(m, 20))
            truncate_file(m, file, is_guest);
        else
            write_file(m, file, is_guest);
    }
    assert_int_equal(object_file(m->rig->kernel, m->fd[file], true, &m->objects[file]), 0);
    m->kept += m->objects[file]->pages.count;
    m->rests++;
}
