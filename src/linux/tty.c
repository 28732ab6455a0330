// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Controlling terminals (POSIX, "General Terminal Interface"). The line discipline is the host's;
 * it sends signals to nobody here, since pagewalk never takes a guest's terminal as its own. So
 * what it would send is sent from the bytes that go into the master's side, and a master that is
 * gone is known by its name under /dev/pts.
 */
#include "linux/tty.h"

#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "linux/job.h"
#include "linux/process.h"
#include "linux/user.h"

struct tty {
    struct tty *next;
    dev_t dev;
    int sid;        /* the session whose terminal it is */
    int foreground; /* the group that it sends signals to */
    bool is_users;  /* the one that pagewalk was started on */
};

enum { TTY_MAJOR_AUX = 5, TTY_MINOR_CURRENT = 0, TTY_MINOR_PTMX = 2, PTS_MAJOR = 136 };

/* ---- finding ---- */

static struct tty *of_session(const struct linux_system *system, int sid)
{
    struct tty *tty = system->ttys;
    while (tty && tty->sid != sid)
        tty = tty->next;
    return tty;
}

static struct tty *of_device(const struct linux_system *system, dev_t dev)
{
    struct tty *tty = system->ttys;
    while (tty && tty->dev != dev)
        tty = tty->next;
    return tty;
}

static struct tty *users(const struct linux_system *system)
{
    struct tty *tty = system->ttys;
    while (tty && !tty->is_users)
        tty = tty->next;
    return tty;
}

static bool is_character_device(int host, unsigned major_number, unsigned minor_number)
{
    struct stat st;
    return fstat(host, &st) == 0 && S_ISCHR(st.st_mode) && major(st.st_rdev) == major_number &&
           minor(st.st_rdev) == minor_number;
}

static bool is_master(int host)
{
    return is_character_device(host, TTY_MAJOR_AUX, TTY_MINOR_PTMX);
}

/* The terminal behind a descriptor, whichever side it is of; 0: it is none. */
static dev_t device_of(const struct linux_system *system, int host)
{
    struct stat st;
    unsigned number;
    struct termios settings;
    if (fstat(host, &st) < 0 || !S_ISCHR(st.st_mode))
        return 0;
    if (is_master(host))
        return ioctl(host, TIOCGPTN, &number) < 0 ? 0 : makedev(PTS_MAJOR, number);
    if (is_character_device(host, TTY_MAJOR_AUX, TTY_MINOR_CURRENT))
        return users(system) ? users(system)->dev : 0;
    return ioctl(host, TCGETS, &settings) < 0 ? 0 : st.st_rdev;
}

/* ---- a session's terminal ---- */

static struct tty *attach(struct linux_system *system, dev_t dev, int sid, int foreground)
{
    struct tty *tty = x_malloc(sizeof *tty);
    *tty = (struct tty){system->ttys, dev, sid, foreground, false};
    system->ttys = tty;
    return tty;
}

static void detach(struct linux_system *system, struct tty *tty)
{
    struct tty **at = &system->ttys;
    while (*at != tty)
        at = &(*at)->next;
    *at = tty->next;
    free(tty);
}

/* The number of the terminal that the host's kernel knows as ours, 0: none (proc(5), tty_nr). */
static dev_t users_device(void)
{
    char text[512] = "";
    unsigned number = 0;
    FILE *file = fopen("/proc/self/stat", "re");
    if (!file)
        return 0;
    if (fgets(text, sizeof text, file)) {
        const char *after_name = strrchr(text, ')');
        if (!after_name || sscanf(after_name + 1, " %*c %*d %*d %*d %u", &number) != 1)
            number = 0;
    }
    fclose(file);
    return makedev(number >> 8 & 0xfff, (number & 0xff) | (number >> 12 & 0xfff00));
}

void tty_create(struct linux_system *system, int pgid)
{
    dev_t dev = users_device();
    if (dev != 0 && !users(system))
        attach(system, dev, INIT_PID, pgid)->is_users = true;
}

void tty_destroy(struct linux_system *system)
{
    while (system->ttys)
        detach(system, system->ttys);
}

void tty_describe(const struct process *process, unsigned *number, int *foreground)
{
    const struct tty *tty = of_session(process->system, process->sid);
    unsigned low = tty ? minor(tty->dev) : 0;
    *number = tty ? major(tty->dev) << 8 | (low & 0xff) | (low & ~0xffu) << 12 : 0;
    *foreground = tty ? tty->foreground : -1;
}

int tty_user_foreground(const struct linux_system *system)
{
    const struct tty *tty = users(system);
    return tty ? tty->foreground : 0;
}

/* ---- opening ---- */

static int open_device(const struct tty *tty, int flags)
{
    char path[64];
    if (major(tty->dev) == PTS_MAJOR)
        snprintf(path, sizeof path, "/dev/pts/%u", minor(tty->dev));
    else
        snprintf(path, sizeof path, "/dev/char/%u:%u", major(tty->dev), minor(tty->dev));
    int host = open(path, (flags & (O_ACCMODE | O_NONBLOCK)) | O_NOCTTY | O_CLOEXEC);
    return host < 0 ? -errno : host;
}

int tty_open_current(struct task *task, int flags)
{
    const struct tty *tty = of_session(task->process->system, task->process->sid);
    return tty ? open_device(tty, flags) : -ENXIO;
}

/* The host's own /dev/tty was opened. */
static int replace_current(struct task *task, int host, int flags)
{
    const struct tty *tty = of_session(task->process->system, task->process->sid);
    if (tty && tty->is_users)
        return host;
    close(host);
    return tty_open_current(task, flags);
}

static bool may_attach(const struct task *task, int host)
{
    const struct process *process = task->process;
    return process->sid == process->pid && !of_session(process->system, process->sid) &&
           !is_master(host);
}

int tty_opened(struct task *task, int host, int flags)
{
    const struct process *process = task->process;
    struct linux_system *system = process->system;
    if (is_character_device(host, TTY_MAJOR_AUX, TTY_MINOR_CURRENT))
        return replace_current(task, host, flags);
    if (flags & (O_NOCTTY | O_PATH) || !may_attach(task, host))
        return host;
    dev_t dev = device_of(system, host);
    if (dev != 0 && !of_device(system, dev))
        attach(system, dev, process->sid, process->pgid);
    return host;
}

/* ---- background groups ---- */

static bool disregards(const struct task *task, int signal)
{
    const struct signal_action *action = &task->process->actions->action[signal - 1];
    return task->signals.mask & sigbit(signal) || action->handler == (uint64_t)(uintptr_t)SIG_IGN;
}

static bool stops_output(int host)
{
    struct termios settings;
    return ioctl(host, TCGETS, &settings) == 0 && settings.c_lflag & TOSTOP;
}

static int send_to_background(struct task *task, enum tty_use use)
{
    struct process *process = task->process;
    int signal = use == TTY_READ ? SIGTTIN : SIGTTOU;
    if (disregards(task, signal))
        return use == TTY_READ ? -EIO : 0;
    if (job_is_orphaned(process->system, process->pgid, NULL))
        return -EIO;
    job_signal_group(process->system, process->pgid, signal, SI_KERNEL);
    return -ERESTARTSYS;
}

/* On the user's terminal pagewalk itself may be in the background. */
static bool is_in_foreground(const struct process *process, const struct tty *tty, int host)
{
    int group;
    if (tty->foreground != process->pgid)
        return false;
    return !tty->is_users || ioctl(host, TIOCGPGRP, &group) < 0 || group == getpgrp();
}

int tty_check(struct task *task, const struct fd_entry *entry, enum tty_use use)
{
    const struct process *process = task->process;
    const struct tty *tty = entry->kind == FD_DEVICE && process->system->ttys
                                ? of_session(process->system, process->sid)
                                : NULL;
    if (!tty || is_in_foreground(process, tty, entry->host) || is_master(entry->host) ||
        device_of(process->system, entry->host) != tty->dev)
        return 0;
    if (use == TTY_WRITE && !stops_output(entry->host))
        return 0;
    return send_to_background(task, use);
}

/* ---- ioctls ---- */

bool tty_is_own_ioctl(uint32_t request)
{
    return request == TIOCGPGRP || request == TIOCSPGRP || request == TIOCGSID ||
           request == TIOCSCTTY || request == TIOCNOTTY;
}

static int64_t make_controlling(struct task *task, dev_t dev)
{
    struct process *process = task->process;
    struct linux_system *system = process->system;
    const struct tty *own = of_session(system, process->sid);
    if (own && own->dev == dev)
        return 0;
    if (process->sid != process->pid || own || of_device(system, dev))
        return -EPERM;
    attach(system, dev, process->sid, process->pgid);
    return 0;
}

/* A session that loses its terminal: who was in the foreground is told. */
static void hang_up(struct linux_system *system, struct tty *tty)
{
    int group = tty->foreground;
    detach(system, tty);
    job_signal_group(system, group, SIGHUP, SI_KERNEL);
    job_signal_group(system, group, SIGCONT, SI_KERNEL);
}

static int64_t give_up(struct task *task, dev_t dev)
{
    struct process *process = task->process;
    struct tty *tty = of_session(process->system, process->sid);
    if (!tty || tty->dev != dev)
        return -ENOTTY;
    if (process->sid == process->pid)
        hang_up(process->system, tty);
    return 0;
}

/* Groups are asked of one's own terminal, or of any through its master. */
static struct tty *asked(const struct task *task, int host, dev_t dev)
{
    struct linux_system *system = task->process->system;
    struct tty *tty = of_device(system, dev);
    if (!tty || (tty->sid != task->process->sid && !is_master(host)))
        return NULL;
    return tty;
}

static int64_t set_foreground(struct task *task, int host, dev_t dev, uint64_t arg)
{
    struct linux_system *system = task->process->system;
    struct tty *tty = asked(task, host, dev);
    struct fd_entry entry = {.host = host, .kind = FD_DEVICE};
    int pgid;
    if (!tty || tty->sid != task->process->sid)
        return -ENOTTY;
    int rc = tty_check(task, &entry, TTY_CHANGE);
    if (rc < 0)
        return rc;
    if (user_read(task, &pgid, arg, sizeof pgid) < 0)
        return -EFAULT;
    if (pgid < 0)
        return -EINVAL;
    int session = job_session_of(system, pgid);
    if (session != tty->sid)
        return session ? -EPERM : -ESRCH;
    tty->foreground = pgid;
    return 0;
}

int64_t tty_ioctl(struct task *task, int host, uint32_t request, uint64_t arg)
{
    dev_t dev = device_of(task->process->system, host);
    if (dev == 0)
        return -ENOTTY;
    if (request == TIOCSCTTY)
        return is_master(host) ? -ENOTTY : make_controlling(task, dev);
    if (request == TIOCNOTTY)
        return give_up(task, dev);
    if (request == TIOCSPGRP)
        return set_foreground(task, host, dev, arg);
    const struct tty *tty = asked(task, host, dev);
    int number = 0;
    if (!tty && !(request == TIOCGPGRP && is_master(host)))
        return -ENOTTY;
    if (tty)
        number = request == TIOCGSID ? tty->sid : tty->foreground;
    return user_write(task, arg, &number, sizeof number);
}

/* ---- signals from the terminal ---- */

static int signal_of(const struct termios *settings, uint8_t byte)
{
    if (byte == 0) /* _POSIX_VDISABLE */
        return 0;
    if (byte == settings->c_cc[VINTR])
        return SIGINT;
    if (byte == settings->c_cc[VQUIT])
        return SIGQUIT;
    return byte == settings->c_cc[VSUSP] ? SIGTSTP : 0;
}

void tty_wrote(struct task *task, const struct fd_entry *entry, const uint8_t *bytes, size_t len)
{
    struct linux_system *system = task->process->system;
    struct termios settings;
    if (entry->kind != FD_DEVICE || !system->ttys || !is_master(entry->host))
        return;
    const struct tty *tty = of_device(system, device_of(system, entry->host));
    if (!tty || ioctl(entry->host, TCGETS, &settings) < 0 || !(settings.c_lflag & ISIG))
        return;
    for (size_t i = 0; i < len; i++) {
        int signal = signal_of(&settings, bytes[i]);
        if (signal)
            job_signal_group(system, tty->foreground, signal, SI_KERNEL);
    }
}

void tty_resized(struct task *task, int host)
{
    struct linux_system *system = task->process->system;
    const struct tty *tty = of_device(system, device_of(system, host));
    if (tty && !tty->is_users)
        job_signal_group(system, tty->foreground, SIGWINCH, SI_KERNEL);
}

/* ---- ends ---- */

void tty_process_ends(struct process *process)
{
    struct linux_system *system = process->system;
    struct tty *tty = process->sid == process->pid ? of_session(system, process->sid) : NULL;
    if (tty)
        hang_up(system, tty);
    tty_check_hangups(system);
}

static bool is_hung_up(const struct tty *tty)
{
    char path[32];
    snprintf(path, sizeof path, "/dev/pts/%u", minor(tty->dev));
    return !tty->is_users && major(tty->dev) == PTS_MAJOR && access(path, F_OK) < 0;
}

void tty_check_hangups(struct linux_system *system)
{
    for (struct tty *tty = system->ttys, *next; tty; tty = next) {
        next = tty->next;
        if (!is_hung_up(tty))
            continue;
        struct process *leader = process_find(system, tty->sid);
        hang_up(system, tty);
        if (leader)
            signal_send_process(leader, SIGHUP, SI_KERNEL, 0);
    }
}
