// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The part of /proc (and a little of /sys) that must tell a guest about its own machine instead of
 * the host's: processes by guest pid, memory, the processor. A node is found by a normal path
 * (path.h); a file's content is made when it is read at offset 0 and kept in a memfd of its own.
 *
 *   PROC_FILE       content from one function (proc_file)
 *   PROC_DIRECTORY  a listing of such nodes
 *   PROC_LINK       self, thread-self, exe, cwd, root, fd/N: the caller follows it (path.c)
 *   PROC_HOST       any other file of the host's /proc: may be read, never written
 */
#ifndef LINUX_PROC_H
#define LINUX_PROC_H

#include <stdio.h>
#include <sys/stat.h>

#include "linux/task.h"

struct fd_entry;

enum proc_kind { PROC_NONE, PROC_FILE, PROC_DIRECTORY, PROC_LINK, PROC_HOST };

enum proc_link {
    PROC_LINK_SELF,
    PROC_LINK_THREAD_SELF,
    PROC_LINK_EXE,
    PROC_LINK_CWD,
    PROC_LINK_ROOT,
    PROC_LINK_FD,
};

enum proc_directory {
    PROC_DIR_ROOT,
    PROC_DIR_PROCESS,
    PROC_DIR_TASKS,
    PROC_DIR_FD,
    PROC_DIR_FDINFO
};

/* What a content function is told. */
struct proc_subject {
    struct linux_system *system;
    struct process *process; /* whose file it is; NULL for a file about the machine */
    struct task *task; /* the thread of a task/TID file, or the process's first; may be NULL */
    int fd;            /* of fdinfo/N and fd/N */
};

struct proc_file {
    const char *name;                                             /* below its directory */
    void (*write)(const struct proc_subject *subject, FILE *out); /* its content */
    mode_t mode;
    /* What writing to it does; `text` ends in NUL. NULL: nothing. Result: 0 or -errno. */
    int (*store)(const struct proc_subject *subject, const char *text);
};

enum { PROC_PATH_MAX = 128 };

struct proc_node {
    enum proc_kind kind;
    const struct proc_file *file;
    enum proc_link link;
    enum proc_directory directory;
    struct proc_subject subject;
    char path[PROC_PATH_MAX]; /* normal, with pids instead of "self"; of a PROC_HOST node the host's
                                 own path, or "" if it is the one asked for */
};

/*
 * Finds what a normal path names. Effect: *node; for a link in the middle *rest is what follows it
 * ("" at the end). Result: 0 (kind PROC_NONE: the path is none of ours), -ENOENT, -ENOTDIR.
 */
int proc_find(struct task *task, const char *path, struct proc_node *node, const char **rest);

/* A host descriptor for a FILE or DIRECTORY node; the caller records node->path with it. Errors:
 * -EISDIR, -EACCES by open(2)'s flags; -EMFILE, -ENOMEM. */
int proc_open(const struct proc_node *node, int flags);
/* Brings the content of a descriptor with a proc_path up to date if it is about to be read from its
 * start (`offset` -1: the position). Errors: -EISDIR, -ESRCH the process is gone, -ENOMEM. */
int proc_before_read(struct task *task, const struct fd_entry *entry, int64_t offset);
/* The same for getdents: -ENOTDIR if it is not a directory. The memfd then holds linux_dirent64s.
 */
int proc_before_list(struct task *task, const struct fd_entry *entry);

/* Writes `text` (NUL-terminated) to a descriptor with a proc_path. Result: 0; -EBADF it is not open
 * for writing, -EINVAL, -ESRCH. */
int proc_store(struct task *task, const struct fd_entry *entry, const char *text);

/* What stat(2) and access(2) say of a node. */
void proc_stat(const struct proc_node *node, struct stat *out);
int proc_access(const struct proc_node *node, int mode);
/* A link's text. Result: its length (not more than size - 1, NUL behind it), or -ENOENT. */
int proc_readlink(const struct proc_node *node, char *out, size_t size);

/* The content functions' tables (proc_process.c, proc_maps.c, proc_machine.c): by name, ended by a
 * NULL name. Those of the machine have whole paths. */
extern const struct proc_file proc_process_files[];
extern const struct proc_file proc_machine_files[];

#endif
