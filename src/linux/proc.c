// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The tree of proc.h: which paths are nodes, and what open, stat, readlink and getdents say of
 * them. What the files contain is made by proc_process.c, proc_maps.c and proc_machine.c. The
 * descriptor of a node is a memfd that holds its content (of a directory: its linux_dirent64s), so
 * that lseek, dup and partial reads need no code of ours.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "linux/fd.h"
#include "linux/proc.h"
#include "linux/proc_text.h"

static const struct {
    const char *name;
    enum proc_link link;
} process_links[] = {
    {"cwd", PROC_LINK_CWD}, {"exe", PROC_LINK_EXE}, {"root", PROC_LINK_ROOT}, {NULL, 0}};

/* Files of a process that are the host's own for pagewalk: true for the guest too. */
static const char *const shared_files[] = {"mounts",   "mountinfo", "mountstats", "net",
                                           "uid_map",  "gid_map",   "setgroups",  "sessionid",
                                           "loginuid", NULL};

/* Of these, and of the host's other files, those that say what the host's file systems and network
 * are. */
static const char *const mount_files[] = {"mounts", "mountinfo", "mountstats", NULL};
static const char *const net_files[] = {"net", NULL};

/* What a guest with a root of its own may read of the host's other files. */
static const char *const harmless_files[] = {"devices", "filesystems", "misc",
                                             "sys",     "version",     NULL};

/* Files of the host that would show its memory or its processes, or stop it. */
static const char *const hidden_files[] = {"kcore", "kpagecount",    "kpageflags", "kpagecgroup",
                                           "kmsg",  "sysrq-trigger", "vmcore",     NULL};

/* ---- text ---- */

/* Cuts the next component off "/a/b": copies "a", and *path becomes "/b" or "". */
static void next_component(const char **path, char name[NAME_MAX + 1])
{
    *name = 0;
    if (**path != '/')
        return;
    size_t n = strcspn(++*path, "/");
    if (n <= NAME_MAX) {
        memcpy(name, *path, n);
        name[n] = 0;
    }
    *path += n;
}

/* Result: -1 if it is not a decimal number without leading zeros. */
static int number_of(const char *name)
{
    int value = 0;
    if (!*name || strlen(name) > 9 || (*name == '0' && name[1]))
        return -1;
    for (; *name; name++) {
        if (!isdigit((unsigned char)*name))
            return -1;
        value = value * 10 + (*name - '0');
    }
    return value;
}

static bool is_listed(const char *const *names, const char *name)
{
    for (; *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

/* Is a file of the host's /proc, or of its /proc/self, not for this system's guests? */
static bool is_hidden(const struct linux_system *system, const char *name, bool is_process)
{
    const struct guard *guard = &system->options.guard;
    if (guard->has_root && (is_listed(mount_files, name) || is_listed(net_files, name) ||
                            (!is_process && !is_listed(harmless_files, name))))
        return true;
    return (guard->no_net && is_listed(net_files, name)) || is_listed(hidden_files, name);
}

static const struct proc_file *find_file(const struct proc_file *files, const char *name)
{
    for (; files->name; files++)
        if (strcmp(files->name, name) == 0)
            return files;
    return NULL;
}

/* ---- processes ---- */

static struct task *find_task(const struct process *process, int tid)
{
    struct task *task = task_find(process->system, tid);
    return task && task->process == process ? task : NULL;
}

/* By pid, or as Linux allows by the number of any of its threads. */
static struct process *find_process(struct linux_system *system, int pid)
{
    struct process *process = process_find(system, pid);
    const struct task *task = process ? NULL : task_find(system, pid);
    return task ? task->process : process;
}

/* ---- finding ---- */

static int found_directory(struct proc_node *node, enum proc_directory directory)
{
    node->kind = PROC_DIRECTORY;
    node->directory = directory;
    return 0;
}

static int found_link(struct proc_node *node, enum proc_link link)
{
    node->kind = PROC_LINK;
    node->link = link;
    return 0;
}

static int found_file(struct proc_node *node, const struct proc_file *file, const char *rest)
{
    if (*rest)
        return -ENOTDIR;
    node->kind = PROC_FILE;
    node->file = file;
    return 0;
}

static int find_descriptor(struct proc_node *node, enum proc_directory directory, const char **rest)
{
    static const struct proc_file fdinfo = {"fdinfo", proc_text_fdinfo, 0444, NULL};
    char name[NAME_MAX + 1];
    if (!**rest)
        return found_directory(node, directory);
    next_component(rest, name);
    node->subject.fd = number_of(name);
    if (!fd_entry(node->subject.process->fds, node->subject.fd))
        return -ENOENT;
    return directory == PROC_DIR_FD ? found_link(node, PROC_LINK_FD)
                                    : found_file(node, &fdinfo, *rest);
}

static int find_in_process(struct proc_node *node, const char **rest, bool is_task);

static int find_in_tasks(struct proc_node *node, const char **rest)
{
    char name[NAME_MAX + 1];
    if (!**rest)
        return found_directory(node, PROC_DIR_TASKS);
    next_component(rest, name);
    struct proc_subject *subject = &node->subject;
    int tid = number_of(name);
    subject->task = find_task(subject->process, tid);
    return subject->task ? find_in_process(node, rest, true) : -ENOENT;
}

static int find_in_process(struct proc_node *node, const char **rest, bool is_task)
{
    char name[NAME_MAX + 1];
    if (!**rest)
        return found_directory(node, PROC_DIR_PROCESS);
    next_component(rest, name);
    if (strcmp(name, "fd") == 0)
        return find_descriptor(node, PROC_DIR_FD, rest);
    if (strcmp(name, "fdinfo") == 0)
        return find_descriptor(node, PROC_DIR_FDINFO, rest);
    if (strcmp(name, "task") == 0 && !is_task)
        return find_in_tasks(node, rest);
    for (size_t i = 0; process_links[i].name; i++)
        if (strcmp(name, process_links[i].name) == 0)
            return found_link(node, process_links[i].link);
    const struct proc_file *file = find_file(proc_process_files, name);
    if (file)
        return found_file(node, file, *rest);
    if (!is_listed(shared_files, name) || is_hidden(node->subject.system, name, true))
        return -ENOENT;
    node->kind = PROC_HOST;
    return 0;
}

/* The node's path with the numbers that "self" stood for. */
static int set_path(struct proc_node *node, const char *prefix, const char *rest)
{
    int n = snprintf(node->path, sizeof node->path, "%s%s", prefix, rest);
    return n < 0 || (size_t)n >= sizeof node->path ? -ENOENT : 0;
}

static int find_process_node(struct proc_node *node, struct task *task, int tid, const char **rest)
{
    char prefix[64];
    struct process *process = node->subject.process;
    const char *below = *rest;
    node->subject.task = task;
    if (tid)
        snprintf(prefix, sizeof prefix, "/proc/%d/task/%d", process->pid, tid);
    else
        snprintf(prefix, sizeof prefix, "/proc/%d", process->pid);
    int error = find_in_process(node, rest, tid != 0);
    if (error || (node->kind == PROC_LINK && **rest))
        return error;
    return set_path(node, node->kind == PROC_HOST ? "/proc/self" : prefix, below);
}

static int find_machine_node(const char *path, struct proc_node *node)
{
    const struct proc_file *file = find_file(proc_machine_files, path);
    if (!file)
        return 0;
    node->kind = PROC_FILE;
    node->file = file;
    return set_path(node, path, "");
}

int proc_find(struct task *task, const char *path, struct proc_node *node, const char **rest)
{
    char name[NAME_MAX + 1];
    struct linux_system *system = task->process->system;
    *node = (struct proc_node){.kind = PROC_NONE, .subject = {.system = system, .fd = -1}};
    *rest = "";
    if (strncmp(path, "/sys/", 5) == 0)
        return find_machine_node(path, node);
    if (strncmp(path, "/proc", 5) != 0 || (path[5] && path[5] != '/'))
        return 0;
    *rest = path + 5;
    if (!**rest)
        return found_directory(node, PROC_DIR_ROOT) + set_path(node, path, "");
    next_component(rest, name);
    bool is_self = strcmp(name, "self") == 0, is_thread = strcmp(name, "thread-self") == 0;
    int pid = number_of(name);
    if (is_self || is_thread) {
        node->subject.process = task->process;
        if (!**rest)
            return found_link(node, is_self ? PROC_LINK_SELF : PROC_LINK_THREAD_SELF);
        return find_process_node(node, task, is_thread ? task->tid : 0, rest);
    }
    if (pid >= 0) {
        node->subject.process = find_process(system, pid);
        if (!node->subject.process)
            return -ENOENT;
        return find_process_node(node, process_leader(node->subject.process), 0, rest);
    }
    int error = find_machine_node(path, node);
    if (error || node->kind == PROC_FILE)
        return error;
    if (is_hidden(system, name, false))
        return -ENOENT;
    node->kind = PROC_HOST;
    return 0;
}

/* ---- content ---- */

static int fill(int host, const char *bytes, size_t len)
{
    if (ftruncate(host, 0) < 0 || pwrite(host, bytes, len, 0) != (ssize_t)len)
        return errno ? -errno : -ENOSPC;
    return 0;
}

static int fill_from(int host, const struct proc_node *node)
{
    char *bytes = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&bytes, &len);
    if (!out)
        return -ENOMEM;
    if (node->kind == PROC_FILE)
        node->file->write(&node->subject, out);
    else
        proc_text_listing(node, out);
    int error = fclose(out) ? -ENOMEM : fill(host, bytes, len);
    free(bytes);
    return error;
}

/* A description of its own with the guest's access; ours may always write. */
static int reopen(int host, int flags)
{
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", host);
    int own = open(link, flags | O_CLOEXEC);
    return own < 0 ? -errno : own;
}

int proc_open(const struct proc_node *node, int flags)
{
    bool is_writing = (flags & O_ACCMODE) != O_RDONLY;
    if (node->kind == PROC_DIRECTORY && (is_writing || flags & O_CREAT))
        return -EISDIR;
    if (node->kind == PROC_FILE && flags & O_DIRECTORY)
        return -ENOTDIR;
    if (is_writing && !(node->file->mode & 0200))
        return -EACCES;
    int host = memfd_create("proc", MFD_CLOEXEC);
    if (host < 0)
        return -errno;
    int own = reopen(host, flags & (O_ACCMODE | O_NONBLOCK));
    close(host);
    return own;
}

/* The listing of the tables is a listing of the moment; a node may be gone by now. */
static int refresh(struct task *task, const struct fd_entry *entry)
{
    struct proc_node node;
    const char *rest;
    int error = proc_find(task, entry->proc_path, &node, &rest);
    if (error || (node.kind != PROC_FILE && node.kind != PROC_DIRECTORY))
        return -ESRCH;
    int own = reopen(entry->host, O_RDWR);
    if (own < 0)
        return own;
    error = fill_from(own, &node);
    close(own);
    return error;
}

static bool is_directory(struct task *task, const struct fd_entry *entry)
{
    struct proc_node node;
    const char *rest;
    return proc_find(task, entry->proc_path, &node, &rest) == 0 && node.kind == PROC_DIRECTORY;
}

int proc_before_read(struct task *task, const struct fd_entry *entry, int64_t offset)
{
    if (offset < 0)
        offset = lseek(entry->host, 0, SEEK_CUR);
    if (is_directory(task, entry))
        return -EISDIR;
    return offset == 0 ? refresh(task, entry) : 0;
}

int proc_before_list(struct task *task, const struct fd_entry *entry)
{
    if (!is_directory(task, entry))
        return -ENOTDIR;
    return lseek(entry->host, 0, SEEK_CUR) == 0 ? refresh(task, entry) : 0;
}

int proc_store(struct task *task, const struct fd_entry *entry, const char *text)
{
    struct proc_node node;
    const char *rest;
    int flags = fcntl(entry->host, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
        return -EBADF;
    int error = proc_find(task, entry->proc_path, &node, &rest);
    if (error || node.kind != PROC_FILE)
        return -ESRCH;
    return node.file->store ? node.file->store(&node.subject, text) : 0;
}

/* ---- what stat, access and readlink say ---- */

static uint64_t inode_of(const char *path)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (; *path; path++)
        hash = (hash ^ (unsigned char)*path) * 0x100000001b3;
    return 1 + (hash & 0x7fffffff);
}

void proc_stat(const struct proc_node *node, struct stat *out)
{
    struct stat root;
    memset(out, 0, sizeof *out);
    if (stat("/proc", &root) == 0)
        out->st_dev = root.st_dev;
    out->st_ino = inode_of(node->path);
    out->st_nlink = node->kind == PROC_DIRECTORY ? 2 : 1;
    out->st_mode = node->kind == PROC_DIRECTORY ? S_IFDIR | 0555
                   : node->kind == PROC_LINK    ? S_IFLNK | 0777
                                                : S_IFREG | node->file->mode;
    out->st_blksize = 1024;
    if (node->subject.process) {
        out->st_uid = geteuid();
        out->st_gid = getegid();
    }
    uint64_t now = 0;
    clock_now(node->subject.system, CLOCK_REALTIME, &now);
    out->st_mtim.tv_sec = (time_t)(now / CLOCK_NS_PER_S);
    out->st_mtim.tv_nsec = (long)(now % CLOCK_NS_PER_S);
    out->st_atim = out->st_ctim = out->st_mtim;
}

int proc_access(const struct proc_node *node, int mode)
{
    bool may_write = node->kind == PROC_FILE && node->file->mode & 0200;
    bool may_execute = node->kind != PROC_FILE;
    if ((mode & W_OK && !may_write) || (mode & X_OK && !may_execute))
        return -EACCES;
    return 0;
}

static int readlink_fd(const struct proc_node *node, char *out, size_t size)
{
    const struct fd_entry *entry = fd_entry(node->subject.process->fds, node->subject.fd);
    if (!entry)
        return -ENOENT;
    if (entry->proc_path)
        return snprintf(out, size, "%s", entry->proc_path);
    char name[PATH_MAX];
    int len = guard_name(&node->subject.system->options.guard, entry->host, name);
    return len < 0 ? len : snprintf(out, size, "%s", name);
}

int proc_readlink(const struct proc_node *node, char *out, size_t size)
{
    const struct process *process = node->subject.process;
    int len = 0;
    if (process->is_zombie)
        return -ENOENT;
    switch (node->link) {
    case PROC_LINK_SELF:
        len = snprintf(out, size, "%d", process->pid);
        break;
    case PROC_LINK_THREAD_SELF:
        len = snprintf(out, size, "%d/task/%d", process->pid, node->subject.system->current->tid);
        break;
    case PROC_LINK_EXE:
        len = process->exe ? snprintf(out, size, "%s", process->exe) : -ENOENT;
        break;
    case PROC_LINK_CWD:
        len = *process->fs->cwd->path ? snprintf(out, size, "%s", process->fs->cwd->path)
                                      : -ENAMETOOLONG;
        break;
    case PROC_LINK_ROOT:
        len = snprintf(out, size, "/");
        break;
    case PROC_LINK_FD:
        len = readlink_fd(node, out, size);
        break;
    }
    return len >= (int)size ? (int)size - 1 : len;
}

/* ---- listings ---- */

/* struct linux_dirent64 (getdents(2)); the offset of an entry is where the next begins. */
static void list_one(FILE *out, const char *name, unsigned char type, uint64_t inode)
{
    size_t len = strlen(name);
    size_t record = (19 + len + 1 + 7) & ~(size_t)7;
    uint8_t bytes[19 + NAME_MAX + 1 + 7] = {0};
    uint64_t next = (uint64_t)ftell(out) + record;
    uint16_t reclen = (uint16_t)record;
    if (len > NAME_MAX)
        return;
    memcpy(bytes, &inode, 8);
    memcpy(bytes + 8, &next, 8);
    memcpy(bytes + 16, &reclen, 2);
    bytes[18] = type;
    memcpy(bytes + 19, name, len);
    fwrite(bytes, 1, record, out);
}

static void list_below(FILE *out, const struct proc_node *node, const char *name,
                       unsigned char type)
{
    char path[PROC_PATH_MAX + NAME_MAX + 2];
    snprintf(path, sizeof path, "%s/%s", node->path, name);
    list_one(out, name, type, inode_of(path));
}

static void list_number(FILE *out, const struct proc_node *node, int number, unsigned char type)
{
    char name[16];
    snprintf(name, sizeof name, "%d", number);
    list_below(out, node, name, type);
}

/* A name of the host's /proc: that of a file of ours, or one that guests may read. */
static bool is_in_root(const struct linux_system *system, const char *name)
{
    char path[NAME_MAX + 8];
    snprintf(path, sizeof path, "/proc/%s", name);
    return strcmp(name, "self") == 0 || strcmp(name, "thread-self") == 0 ||
           find_file(proc_machine_files, path) || !is_hidden(system, name, false);
}

static void list_root(FILE *out, const struct proc_node *node)
{
    DIR *directory = opendir("/proc");
    struct dirent *entry;
    while (directory && (entry = readdir(directory)))
        if (entry->d_name[0] != '.' && number_of(entry->d_name) < 0 &&
            is_in_root(node->subject.system, entry->d_name))
            list_below(out, node, entry->d_name, entry->d_type);
    if (directory)
        closedir(directory);
    const struct process *process = node->subject.system->processes;
    for (; process; process = process->next)
        list_number(out, node, process->pid, DT_DIR);
}

static void list_process(FILE *out, const struct proc_node *node)
{
    bool is_task = strstr(node->path, "/task/");
    if (!is_task)
        list_below(out, node, "task", DT_DIR);
    list_below(out, node, "fd", DT_DIR);
    list_below(out, node, "fdinfo", DT_DIR);
    for (size_t i = 0; process_links[i].name; i++)
        list_below(out, node, process_links[i].name, DT_LNK);
    for (const struct proc_file *file = proc_process_files; file->name; file++)
        list_below(out, node, file->name, DT_REG);
    for (size_t i = 0; shared_files[i]; i++)
        if (!is_hidden(node->subject.system, shared_files[i], true))
            list_below(out, node, shared_files[i],
                       strcmp(shared_files[i], "net") ? DT_REG : DT_DIR);
}

static void list_tasks(FILE *out, const struct proc_node *node)
{
    const struct task *task = node->subject.process->tasks;
    for (; task; task = task->next)
        list_number(out, node, task->tid, DT_DIR);
}

static void list_descriptors(FILE *out, const struct proc_node *node)
{
    const struct fd_table *fds = node->subject.process->fds;
    unsigned char type = node->directory == PROC_DIR_FD ? DT_LNK : DT_REG;
    for (int fd = fd_next(fds, 0); fd >= 0; fd = fd_next(fds, fd + 1))
        list_number(out, node, fd, type);
}

void proc_text_listing(const struct proc_node *node, FILE *out)
{
    list_below(out, node, ".", DT_DIR);
    list_below(out, node, "..", DT_DIR);
    switch (node->directory) {
    case PROC_DIR_ROOT:
        list_root(out, node);
        break;
    case PROC_DIR_PROCESS:
        list_process(out, node);
        break;
    case PROC_DIR_TASKS:
        list_tasks(out, node);
        break;
    case PROC_DIR_FD:
    case PROC_DIR_FDINFO:
        list_descriptors(out, node);
        break;
    }
}
