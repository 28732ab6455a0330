// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest that tries to get out of a directory (guard root), to change files (guard read-only), and
 * what else guard.bats needs. Each attempt is a line with its result; guard.bats has what they must
 * be, and asks chroot(2) and a read-only mount where it may.
 */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#define TRY(call) report(#call, (long)(call))

static void report(const char *text, long result)
{
    if (result == -1)
        printf("%s: %s\n", text, strerrorname_np(errno));
    else
        printf("%s: %ld\n", text, result);
}

/* ---- reading ---- */

static void show_fd(const char *text, int fd)
{
    char line[256];
    ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
    if (n < 0) {
        printf("%s: %s\n", text, strerrorname_np(errno));
    } else {
        line[n] = 0;
        line[strcspn(line, "\n")] = 0;
        printf("%s: \"%s\"\n", text, line);
    }
    if (fd >= 0)
        close(fd);
}

static void show(const char *path)
{
    show_fd(path, open(path, O_RDONLY));
}

static void show_cwd(void)
{
    char path[4096];
    printf("cwd: %s\n", getcwd(path, sizeof path) ? path : strerrorname_np(errno));
}

static void show_link(const char *path)
{
    char text[256];
    ssize_t n = readlink(path, text, sizeof text - 1);
    text[n < 0 ? 0 : n] = 0;
    printf("link %s: %s\n", path, n < 0 ? strerrorname_np(errno) : text);
}

/* ---- ways out ---- */

static void try_paths(const char *outside)
{
    char path[4200];
    static const char *const paths[] = {"/etc/passwd",
                                        "../../../../etc/passwd",
                                        "/../../etc/passwd",
                                        "/tmp/abs",
                                        "/tmp/up",
                                        "tmp/../tmp/up",
                                        "/secret",
                                        "../secret",
                                        "../../secret",
                                        "/tmp/../../secret",
                                        "/tmp/./.././secret",
                                        "/tmp/out",
                                        "/tmp/out-up",
                                        "/tmp/outdir/secret",
                                        "/tmp/loop",
                                        "/etc/passwd/",
                                        "/etc/passwd/..",
                                        "/tmp/nothing/../up",
                                        "/tmp/in/out",
                                        "/",
                                        "",
                                        "tmp/abs/",
                                        "//etc///passwd"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        show(paths[i]);
    show_fd("the real path", open(outside, O_RDONLY));
    snprintf(path, sizeof path, "../../../../../../../../../..%s", outside);
    show_fd("the real path from above", open(path, O_RDONLY));
}

static void try_directories(void)
{
    int tmp = open("/tmp", O_RDONLY | O_DIRECTORY), top = open("/", O_PATH);
    show_fd("tmp: ../etc/passwd", openat(tmp, "../etc/passwd", O_RDONLY));
    show_fd("tmp: ../../secret", openat(tmp, "../../secret", O_RDONLY));
    show_fd("tmp: abs", openat(tmp, "abs", O_RDONLY));
    show_fd("tmp: up", openat(tmp, "up", O_RDONLY));
    show_fd("tmp: out", openat(tmp, "out", O_RDONLY));
    show_fd("tmp: in/out", openat(tmp, "in/out", O_RDONLY));
    show_fd("top: ../secret", openat(top, "../secret", O_RDONLY));
    show_fd("top: ..", openat(top, "..", O_RDONLY));
    TRY(fchdir(tmp));
    show_cwd();
    show("../../secret");
    TRY(chdir(".."));
    TRY(chdir(".."));
    TRY(chdir("../.."));
    show_cwd();
    show("secret");
    TRY(fchdir(top));
    show_cwd();
    TRY(chdir("tmp/in/deep"));
    show_cwd();
    show("../../../../secret");
    show("../../../etc/passwd");
    TRY(chdir("/tmp/outdir"));
    TRY(chdir("/tmp/up"));
    TRY(chdir("/tmp/in/top"));
    show_cwd();
    TRY(chdir("/"));
    close(tmp);
    close(top);
}

static void try_links(void)
{
    struct stat st;
    show_link("/tmp/abs");
    show_link("/tmp/out");
    show_link("/tmp");
    show_link("/tmp/");
    show_link("/etc/passwd");
    show_link("/tmp/in/top/");
    TRY(lstat("/tmp/abs", &st));
    printf("%ld bytes\n", (long)st.st_size);
    TRY(stat("/tmp/abs", &st));
    printf("%ld bytes\n", (long)st.st_size);
    TRY(stat("/tmp/out", &st));
    TRY(lstat("/tmp/out", &st));
    TRY(lstat("/tmp/outdir/", &st));
    TRY(stat("/tmp/loop", &st));
    TRY(stat("/../tmp/..", &st));
    TRY(access("/tmp/out", F_OK));
    TRY(access("/tmp/abs", R_OK));
    TRY(faccessat(AT_FDCWD, "/tmp/out", F_OK, AT_SYMLINK_NOFOLLOW));
    TRY(access("/secret", F_OK));
}

static void try_making(void)
{
    struct stat st;
    TRY(close(open("/tmp/create", O_CREAT | O_WRONLY, 0600)));
    TRY(stat("/tmp/made", &st));
    TRY(open("/tmp/create", O_CREAT | O_EXCL | O_WRONLY, 0600));
    TRY(open("/tmp/abs", O_RDONLY | O_NOFOLLOW));
    TRY(open("/tmp/out", O_CREAT | O_WRONLY, 0600));
    TRY(open("/tmp/outdir/made", O_CREAT | O_WRONLY, 0600));
    TRY(mkdir("/../x", 0700));
    TRY(mkdir("/../x/", 0700));
    TRY(mkdir("y/", 0700));
    TRY(stat("/y", &st));
    TRY(mkdir("/", 0700));
    TRY(mkdir("tmp/..", 0700));
    TRY(mkdir("/tmp/outdir/x", 0700));
    TRY(mkdir("/tmp/outdir", 0700));
    TRY(mkdir("/tmp/outdir/", 0700));
    TRY(rename("/../x", "/../z"));
    TRY(rename("z", "../../w"));
    TRY(rename("/w", "/tmp/outdir/w"));
    TRY(rename("/w", "/tmp/.."));
    TRY(rename("/tmp/in/..", "/v"));
    TRY(rmdir("/../w/"));
    TRY(rmdir("y/."));
    TRY(rmdir("y"));
    TRY(unlink("/"));
    TRY(unlink("/tmp/."));
    TRY(link("/../etc/passwd", "/../hard"));
    TRY(link("/tmp/out", "/soft"));
    TRY(lstat("/soft", &st));
    TRY(linkat(AT_FDCWD, "/tmp/out", AT_FDCWD, "/never", AT_SYMLINK_FOLLOW));
    TRY(linkat(AT_FDCWD, "/tmp/abs", AT_FDCWD, "/followed", AT_SYMLINK_FOLLOW));
    TRY(symlink("/etc/passwd", "/../../symbolic"));
    show("symbolic");
    TRY(mknod("/../fifo", S_IFIFO | 0600, 0));
    TRY(unlink("/hard"));
    TRY(unlink("/soft"));
    TRY(unlink("followed"));
    TRY(unlink("symbolic"));
    TRY(unlink("../fifo"));
    TRY(unlink("/tmp/made"));
}

static void try_changing(void)
{
    struct stat st;
    struct timespec times[2] = {{1, 0}, {2, 0}};
    TRY(chmod("/tmp/abs", 0640));
    TRY(stat("/etc/passwd", &st));
    printf("mode %o\n", st.st_mode);
    TRY(chmod("/tmp/out", 0));
    TRY(chmod("/../secret", 0));
    TRY(chown("/tmp/out", 1, 1));
    TRY(lchown("/tmp/out", getuid(), getgid()));
    TRY(utimensat(AT_FDCWD, "/tmp/abs", times, 0));
    TRY(stat("/etc/passwd", &st));
    printf("mtime %ld\n", (long)st.st_mtime);
    TRY(utimensat(AT_FDCWD, "/tmp/out", times, 0));
    TRY(utimensat(AT_FDCWD, "/tmp/out", times, AT_SYMLINK_NOFOLLOW));
    TRY(truncate("/tmp/out", 0));
    TRY(truncate("/secret", 0));
    TRY(setxattr("/tmp/out", "user.x", "1", 1, 0));
    TRY(getxattr("/secret", "user.x", NULL, 0));
}

/* ---- sockets ---- */

static struct sockaddr_un unix_address(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    snprintf(un.sun_path, sizeof un.sun_path, "%s", path);
    return un;
}

static int bind_to(int fd, const char *path)
{
    struct sockaddr_un un = unix_address(path);
    return bind(fd, (struct sockaddr *)&un, sizeof un);
}

static int connect_to(int fd, const char *path)
{
    struct sockaddr_un un = unix_address(path);
    return connect(fd, (struct sockaddr *)&un, sizeof un);
}

static void show_name(const char *text, int fd, int (*call)(int, struct sockaddr *, socklen_t *))
{
    struct sockaddr_un un = {0};
    socklen_t len = sizeof un;
    if (call(fd, (struct sockaddr *)&un, &len) < 0)
        printf("%s: %s\n", text, strerrorname_np(errno));
    else
        printf("%s: %s\n", text, len > sizeof un.sun_family ? un.sun_path : "unnamed");
}

static int own_name(int fd, struct sockaddr *address, socklen_t *len)
{
    return getsockname(fd, address, len);
}

static int peer_name(int fd, struct sockaddr *address, socklen_t *len)
{
    return getpeername(fd, address, len);
}

static void try_streams(const char *outside)
{
    char path[4096];
    int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    int other = socket(AF_UNIX, SOCK_STREAM, 0);
    TRY(bind_to(server, "/tmp/in/../server"));
    show_name("server", server, own_name);
    TRY(listen(server, 5));
    TRY(connect_to(client, "../../tmp/server"));
    show_name("peer", client, peer_name);
    TRY(bind_to(other, "/tmp/server"));
    TRY(bind_to(other, "/tmp/outdir/x"));
    TRY(connect_to(other, "/tmp/out-socket"));
    snprintf(path, sizeof path, "%s-socket", outside);
    TRY(connect_to(other, path));
    TRY(bind_to(other, path));
    TRY(unlink("/tmp/server"));
    close(server);
    close(client);
    close(other);
}

/* An answer goes to the name that the question came from. */
static void try_datagrams(void)
{
    struct sockaddr_un from = {0};
    socklen_t len = sizeof from;
    char text[16] = "";
    int server = socket(AF_UNIX, SOCK_DGRAM, 0), client = socket(AF_UNIX, SOCK_DGRAM, 0);
    TRY(bind_to(server, "/tmp/server"));
    TRY(chdir("/tmp/in"));
    TRY(bind_to(client, "client"));
    TRY(chdir("/tmp/in/deep"));
    struct sockaddr_un to = unix_address("../../server");
    TRY(sendto(client, "ask", 3, 0, (struct sockaddr *)&to, sizeof to));
    TRY(chdir("/tmp/in"));
    TRY(recvfrom(server, text, sizeof text, MSG_DONTWAIT, (struct sockaddr *)&from, &len));
    printf("%s from %s\n", text, from.sun_path);
    TRY(sendto(server, "answer", 6, 0, (struct sockaddr *)&from, len));
    TRY(recv(client, text, sizeof text, MSG_DONTWAIT));
    printf("%s\n", text);
    TRY(chdir("/"));
    TRY(unlink("/tmp/server"));
    TRY(unlink("/tmp/in/client"));
    close(server);
    close(client);
}

/* ---- programs ---- */

static void try_program(const char *path)
{
    char *argv[] = {"guard", "hello", NULL}, *envp[] = {NULL};
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        execve(path, argv, envp);
        printf("exec %s: %s\n", path, strerrorname_np(errno));
        exit(0);
    }
    waitpid(pid, NULL, 0);
}

/* ---- lengths ---- */

static void repeat(char *out, size_t len, const char *piece, const char *end)
{
    size_t n = strlen(piece), at = 0;
    for (; at + n + strlen(end) <= len; at += n)
        memcpy(out + at, piece, n);
    strcpy(out + at, end);
}

static void try_lengths(void)
{
    static char path[100000];
    repeat(path, 4095, "/.", "/etc/passwd");
    show_fd("4095 bytes of dots", open(path, O_RDONLY));
    repeat(path, 4095, "/..", "/etc/passwd");
    show_fd("4095 bytes of double dots", open(path, O_RDONLY));
    repeat(path, 4095, "tmp/../", "etc/passwd");
    show_fd("4095 bytes up and down", open(path, O_RDONLY));
    repeat(path, 4096, "/", "/etc/passwd");
    show_fd("4096 bytes", open(path, O_RDONLY));
    repeat(path, 90000, "a/", "b");
    show_fd("90000 bytes", open(path, O_RDONLY));
    repeat(path, 255, "a", "");
    show_fd("a name of 255 bytes", open(path, O_RDONLY));
    repeat(path, 256, "a", "");
    show_fd("a name of 256 bytes", open(path, O_RDONLY));
    TRY(open(path, O_CREAT | O_WRONLY, 0600));
    TRY(mkdir(path, 0700));
    TRY(rename("/tmp", path));
    TRY(chdir(path));
}

/* So deep that the directory's own name is longer than a path may be. */
static void try_depth(void)
{
    char name[101];
    int depth = 0;
    struct stat st;
    repeat(name, 100, "d", "");
    TRY(chdir("/tmp"));
    for (; depth < 60; depth++)
        if (mkdir(name, 0700) < 0 || chdir(name) < 0)
            break;
    printf("%d levels\n", depth);
    show_cwd();
    TRY(close(open("here", O_CREAT | O_WRONLY, 0600)));
    TRY(stat("../../..", &st));
    show("../../../../../secret");
    int deep = open(".", O_RDONLY);
    show_fd("deep: ../nothing", openat(deep, "../nothing", O_RDONLY));
    TRY(unlinkat(deep, "here", 0));
    TRY(fchdir(deep));
    for (; depth > 0 && chdir("..") == 0 && rmdir(name) == 0; depth--)
        ;
    printf("%d levels\n", depth);
    show_cwd();
    TRY(chdir("/"));
    close(deep);
}

static void try_root(const char *outside)
{
    show_cwd();
    try_paths(outside);
    try_directories();
    try_links();
    try_making();
    try_changing();
    try_streams(outside);
    try_datagrams();
    try_program("/tmp/out");
    try_program("/tmp/script-out");
    try_program("/tmp/script-in");
    try_program("tmp/../../guard");
    try_lengths();
    try_depth();
}

/* ---- /proc below a root ---- */

static void show_maps(const char *outside)
{
    char line[4200];
    bool told = false;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps))
        told |= strstr(line, outside) != NULL;
    printf("maps tell of the outside: %s\n", !maps ? "?" : told ? "yes" : "no");
    if (maps)
        fclose(maps);
}

/* argv: the path of the root's directory on the host. Descriptor 0 is a file and 9 was a directory
 * outside. */
static void try_proc(const char *outside)
{
    char path[4200], text[4200];
    int tmp = open("/tmp", O_RDONLY), passwd = open("/tmp/abs", O_RDONLY);
    show_link("/proc/self/exe");
    show_link("/proc/self/cwd");
    show_link("/proc/self/root");
    show_link("/proc/self/fd/0");
    snprintf(path, sizeof path, "/proc/self/fd/%d", tmp);
    ssize_t n = readlink(path, text, sizeof text - 1);
    printf("link /proc/self/fd/N of /tmp: %.*s\n", (int)(n < 0 ? 0 : n), text);
    snprintf(path, sizeof path, "/proc/self/fd/%d/../../secret", tmp);
    show_fd("fd of tmp, up", open(path, O_RDONLY));
    snprintf(path, sizeof path, "/proc/self/fd/%d/out", tmp);
    show_fd("fd of tmp, out", open(path, O_RDONLY));
    snprintf(path, sizeof path, "/proc/self/fd/%d/", passwd);
    TRY(readlink(path, text, sizeof text));
    snprintf(path, sizeof path, "/dev/fd/%d", passwd);
    show_fd("by /dev/fd", open(path, O_RDONLY));
    show("/proc/self/root/secret");
    show("/proc/self/root/../secret");
    show("/proc/self/root/etc/passwd");
    show("/proc/self/cwd/../secret");
    show("/tmp/proc-root/etc/passwd");
    show("/tmp/proc-root/secret");
    show("/proc/1/root/secret");
    show("/proc/self/fd/9/secret");
    show_fd("9: secret", openat(9, "secret", O_RDONLY));
    TRY(fchdir(9));
    TRY(chdir("/proc/self"));
    show("../../secret");
    show("../../../etc/../secret");
    show("root/etc/../secret");
    show("/proc/mounts");
    show("/proc/self/mountinfo");
    show("/proc/net/unix");
    TRY(chdir("/"));
    show_maps(outside);
    TRY(mknod("/tmp/null", S_IFCHR | 0600, makedev(1, 3)));
    TRY(mknod("/tmp/disk", S_IFBLK | 0600, makedev(8, 0)));
}

/* ---- changes ---- */

static void change_names(void)
{
    struct stat st;
    TRY(mkdir("new", 0700));
    TRY(mkdir("d", 0700));
    TRY(mkdir("nowhere/new", 0700));
    TRY(mkdirat(AT_FDCWD, "new/", 0700));
    TRY(mknod("new", S_IFIFO | 0600, 0));
    TRY(mknod("f", S_IFIFO | 0600, 0));
    TRY(mknodat(AT_FDCWD, "nowhere/new", S_IFREG | 0600, 0));
    TRY(unlink("f"));
    TRY(unlink("missing"));
    TRY(unlink("nowhere/missing"));
    TRY(rmdir("d"));
    TRY(rmdir("d/."));
    TRY(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
    TRY(rename("f", "new"));
    TRY(rename("missing", "new"));
    TRY(rename("nowhere/f", "new"));
    TRY(renameat(AT_FDCWD, "f", AT_FDCWD, "d/f"));
    TRY(renameat2(AT_FDCWD, "f", AT_FDCWD, "l", RENAME_EXCHANGE));
    TRY(link("f", "new"));
    TRY(link("f", "l"));
    TRY(link("missing", "new"));
    TRY(linkat(AT_FDCWD, "l", AT_FDCWD, "new", AT_SYMLINK_FOLLOW));
    TRY(symlink("f", "new"));
    TRY(symlink("f", "l"));
    TRY(symlinkat("f", AT_FDCWD, "nowhere/new"));
    TRY(lstat("new", &st));
}

static void change_attributes(void)
{
    struct timespec times[2] = {{1, 0}, {2, 0}};
    struct timeval old_times[2] = {{1, 0}, {2, 0}};
    struct utimbuf oldest_times = {1, 2};
    TRY(chmod("f", 0600));
    TRY(chmod("p", 0600));
    TRY(chmod("missing", 0600));
    TRY(fchmodat(AT_FDCWD, "l", 0600, 0));
    TRY(chown("f", getuid(), getgid()));
    TRY(lchown("l", getuid(), getgid()));
    TRY(fchownat(AT_FDCWD, "d", getuid(), getgid(), 0));
    TRY(utime("f", &oldest_times));
    TRY(utimes("f", old_times));
    TRY(futimesat(AT_FDCWD, "f", old_times));
    TRY(utimensat(AT_FDCWD, "f", times, 0));
    TRY(utimensat(AT_FDCWD, "f", NULL, 0));
    TRY(utimensat(AT_FDCWD, "l", times, AT_SYMLINK_NOFOLLOW));
    TRY(truncate("f", 0));
    TRY(truncate("l", 100));
    TRY(truncate("d", 0));
    TRY(truncate("missing", 0));
    TRY(setxattr("f", "user.x", "1", 1, 0));
    TRY(lsetxattr("f", "user.x", "1", 1, 0));
    TRY(removexattr("f", "user.x"));
    TRY(lremovexattr("f", "user.x"));
}

static void change_by_opening(void)
{
    TRY(open("f", O_WRONLY));
    TRY(open("f", O_RDWR));
    TRY(open("l", O_WRONLY | O_APPEND));
    TRY(open("f", O_RDONLY | O_TRUNC));
    TRY(open("f", O_WRONLY | O_CREAT | O_TRUNC, 0600));
    TRY(creat("f", 0600));
    TRY(creat("new", 0600));
    TRY(open("new", O_RDONLY | O_CREAT, 0600));
    TRY(open("nowhere/new", O_RDONLY | O_CREAT, 0600));
    TRY(open("dangling", O_WRONLY | O_CREAT, 0600));
    TRY(open("f", O_WRONLY | O_CREAT | O_EXCL, 0600));
    TRY(open("dangling", O_WRONLY | O_CREAT | O_EXCL, 0600));
    TRY(open("new", O_WRONLY | O_CREAT | O_EXCL, 0600));
    TRY(open("missing", O_WRONLY));
    TRY(open("l", O_WRONLY | O_NOFOLLOW));
    TRY(open("d", O_WRONLY));
    TRY(open("d", O_RDONLY | O_CREAT, 0600));
    TRY(open("d", O_RDWR | O_TMPFILE, 0600));
    TRY(open("d", O_RDONLY | O_TRUNC));
    TRY(close(open("f", O_RDONLY)));
    TRY(close(open("f", O_RDONLY | O_CREAT, 0600)));
    TRY(close(open("l", O_RDONLY | O_CREAT, 0600)));
    TRY(close(open("d", O_RDONLY | O_DIRECTORY)));
    TRY(close(open("f", O_PATH)));
    TRY(close(open("p", O_RDWR | O_NONBLOCK)));
}

static void change_by_descriptor(void)
{
    char path[64];
    struct timespec times[2] = {{1, 0}, {2, 0}};
    int f = open("f", O_RDONLY), d = open("d", O_RDONLY | O_DIRECTORY), other = open("f", O_RDONLY);
    TRY(write(f, "x", 1));
    TRY(ftruncate(f, 0));
    TRY(fallocate(f, 0, 0, 10));
    TRY(fchmod(f, 0600));
    TRY(fchmod(d, 0700));
    TRY(fchown(f, getuid(), getgid()));
    TRY(fchownat(f, "", getuid(), getgid(), AT_EMPTY_PATH));
    TRY(futimens(f, times));
    TRY(futimens(f, NULL));
    TRY(fsetxattr(f, "user.x", "1", 1, 0));
    TRY(fremovexattr(f, "user.x"));
    TRY(copy_file_range(f, NULL, other, NULL, 1, 0));
    TRY(sendfile(other, f, NULL, 1));
    TRY(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0) == MAP_FAILED ? -1 : 0);
    TRY(unlinkat(d, "missing", 0));
    TRY(mkdirat(d, "new", 0700));
    TRY(linkat(f, "", AT_FDCWD, "new", AT_EMPTY_PATH));
    snprintf(path, sizeof path, "/proc/self/fd/%d", f);
    TRY(open(path, O_WRONLY));
    TRY(truncate(path, 0));
    TRY(chmod(path, 0600));
    TRY(flock(f, LOCK_EX));
    close(f);
    close(d);
    close(other);
}

/* What stays possible. */
static void change_elsewhere(void)
{
    int pipes[2], memory = memfd_create("m", 0), out = open("/proc/self/fd/1", O_WRONLY | O_APPEND);
    TRY(write(memory, "x", 1));
    TRY(ftruncate(memory, 100));
    TRY(fchmod(memory, 0600));
    TRY(pipe(pipes));
    TRY(write(pipes[1], "x", 1));
    TRY(fchmod(1, 0600));
    TRY(futimens(1, NULL));
    TRY(close(out));
    TRY(close(open("/dev/null", O_RDWR)));
    TRY(write(open("/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0666), "x", 1));
    TRY(inotify_add_watch(inotify_init(), "f", IN_ALL_EVENTS) > 0);
}

static void ask(void)
{
    struct statvfs fs;
    TRY(access("f", R_OK));
    TRY(access("f", W_OK));
    TRY(access("d", W_OK | X_OK));
    TRY(access("p", W_OK));
    TRY(access("s", W_OK));
    TRY(access("/dev/null", W_OK));
    TRY(access("missing", W_OK));
    TRY(faccessat(AT_FDCWD, "l", W_OK, AT_SYMLINK_NOFOLLOW));
    TRY(statvfs("f", &fs));
    printf("read-only: %d\n", !!(fs.f_flag & ST_RDONLY));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    TRY(bind_to(fd, "new"));
    TRY(bind_to(fd, "f"));
    TRY(bind_to(fd, "nowhere/new"));
    TRY(connect_to(fd, "s"));
    TRY(bind_to(fd, ""));
    close(fd);
}

static void try_read_only(void)
{
    change_names();
    change_attributes();
    change_by_opening();
    change_by_descriptor();
    change_elsewhere();
    ask();
}

/* ---- message queues, which are the host's ---- */

static void try_queues(const char *there)
{
    TRY(mq_open(there, O_RDONLY) < 0 ? -1 : 0);
    TRY(mq_open(there, O_RDWR | O_CREAT, 0600, NULL) < 0 ? -1 : 0);
    TRY(mq_open(there, O_RDWR | O_CREAT | O_EXCL, 0600, NULL));
    TRY(mq_open("/pagewalk-guard-new", O_RDWR | O_CREAT, 0600, NULL));
    TRY(fchmod(mq_open(there, O_RDWR), 0));
    TRY(mq_unlink(there));
}

static void make_queue(const char *name)
{
    TRY(mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, NULL) < 0 ? -1 : 0);
}

/* ---- no network ---- */

static void try_families(void)
{
    static const int families[] = {AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, 38 /* AF_ALG */, 40};
    int pair[2];
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        printf("family %d: ", families[i]);
        TRY(socket(families[i], SOCK_DGRAM, 0));
        TRY(socket(families[i], SOCK_RAW, 0));
    }
    TRY(socketpair(AF_INET, SOCK_STREAM, 0, pair));
    TRY(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    TRY(write(pair[0], "x", 1));
}

static int abstract(const char *name, size_t len, int fd,
                    int (*call)(int, const struct sockaddr *, socklen_t))
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    memcpy(un.sun_path + 1, name, len);
    return call(fd, (struct sockaddr *)&un,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len));
}

static void show_abstract(int fd)
{
    struct sockaddr_un un = {0};
    socklen_t len = sizeof un;
    getsockname(fd, (struct sockaddr *)&un, &len);
    size_t n = len - offsetof(struct sockaddr_un, sun_path);
    printf("%zu bytes: %d %.20s\n", n, un.sun_path[0], un.sun_path + 1);
}

static void try_abstract(const char *host_name)
{
    char padded[sizeof(((struct sockaddr_un *)0)->sun_path) - 1] = "padded";
    struct sockaddr_un none = {.sun_family = AF_UNIX};
    int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    int other = socket(AF_UNIX, SOCK_STREAM, 0), any = socket(AF_UNIX, SOCK_STREAM, 0);
    TRY(abstract("name", 4, server, bind));
    show_abstract(server);
    TRY(listen(server, 1));
    TRY(abstract("nobody", 6, client, connect));
    TRY(abstract("name", 4, client, connect));
    TRY(abstract(padded, sizeof padded, other, bind));
    show_abstract(other);
    TRY(bind(any, (struct sockaddr *)&none, sizeof none.sun_family));
    show_abstract(any);
    TRY(abstract(host_name, strlen(host_name), other, connect));
    memset(padded, 'x', sizeof padded);
    TRY(abstract(padded, sizeof padded, socket(AF_UNIX, SOCK_STREAM, 0), bind));
}

/* ---- while something moves ---- */

/* Moves a directory out and in again, until killed: on the host. */
static void move(const char *inside, const char *outside)
{
    for (;;) {
        rename(inside, outside);
        rename(outside, inside);
    }
}

/* Goes up and down from a directory that is moved out of the root meanwhile. argv: times. */
static void try_moving(long times)
{
    static const char *const names[] = {
        "../../secret",           "../../../secret",         "../../../../secret",
        "../../moving/../secret", "/moving/in/../../secret", "/tmp/outdir/secret"};
    enum { NAMES = sizeof names / sizeof *names };
    struct stat st;
    long found = 0, entered = 0;
    int deep = open("/moving/in", O_RDONLY | O_DIRECTORY);
    for (int tries = 0; deep < 0 && tries < 100000; tries++)
        deep = open("/moving/in", O_RDONLY | O_DIRECTORY);
    for (long i = 0; i < times; i++) {
        const char *name = names[i % NAMES];
        int fd = openat(deep, name, O_RDONLY);
        found += fd >= 0;
        if (fd >= 0)
            close(fd);
        found += fstatat(deep, name, &st, 0) == 0;
        found += fchmodat(deep, name, 0, 0) == 0;
        entered += fchdir(deep) == 0;
        found += open(name, O_RDONLY) >= 0;
    }
    printf("entered %d, found %ld\n", entered == times, found);
}

/* Descriptors do not pile up. */
static void try_many(long times)
{
    struct stat st;
    for (long i = 0; i < times; i++) {
        stat("/tmp/abs", &st);
        mkdir("/tmp/nothing/x", 0700);
        rename("/tmp/nothing", "/tmp/abs/x");
        access("/tmp/../../secret", R_OK);
        chmod("/tmp/in", 0755);
        close(open("/tmp/up", O_RDONLY));
        if (chdir("/tmp/in/deep") < 0 || chdir("/") < 0)
            exit(1);
    }
    for (long i = 0; i < times; i++) {
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        bind_to(fd, "/tmp/in/socket");
        unlink("/tmp/in/socket");
        close(fd);
    }
    show("/tmp/up");
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "", *argument = argc > 2 ? argv[2] : "";
    setvbuf(stdout, NULL, _IONBF, 0);
    if (strcmp(what, "root") == 0)
        try_root(argument);
    else if (strcmp(what, "proc") == 0)
        try_proc(argument);
    else if (strcmp(what, "read-only") == 0)
        try_read_only();
    else if (strcmp(what, "queues") == 0)
        try_queues(argument);
    else if (strcmp(what, "make-queue") == 0)
        make_queue(argument);
    else if (strcmp(what, "unlink-queue") == 0)
        TRY(mq_unlink(argument));
    else if (strcmp(what, "families") == 0)
        try_families();
    else if (strcmp(what, "abstract") == 0)
        try_abstract(argument);
    else if (strcmp(what, "moving") == 0)
        try_moving(atol(argument));
    else if (strcmp(what, "many") == 0)
        try_many(atol(argument));
    else if (strcmp(what, "move") == 0 && argc == 4)
        move(argument, argv[3]);
    else if (strcmp(what, "hello") == 0)
        printf("hello from %s\n", argv[0]);
    else
        return 2;
    return 0;
}
