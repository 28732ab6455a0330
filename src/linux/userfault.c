// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A userfaultfd is a host eventfd whose count is 1 while there are faults that nobody has read of.
 * Who waits for a page is in its list, on the stack of his own fiber. That a region is watched is a
 * flag of the region (kernel/space_supply.h), which goes with it; the ranges kept here only say by
 * which descriptor, so they may be out of date where the flag is gone.
 */
#include "linux/userfault.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/check.h"
#include "base/xalloc.h"
#include "kernel/space_supply.h"
#include "linux/fd_object.h"
#include "linux/schedule.h"
#include "linux/syscall_calls.h"
#include "linux/syscall_file.h"
#include "linux/syscall_io.h"
#include "linux/timer.h"
#include "linux/user.h"
#include "machine/pte.h"

enum { FEATURES = UFFD_FEATURE_SIGBUS | UFFD_FEATURE_THREAD_ID };

#define CALLS_ALWAYS                                                                               \
    ((uint64_t)1 << _UFFDIO_REGISTER | (uint64_t)1 << _UFFDIO_UNREGISTER |                         \
     (uint64_t)1 << _UFFDIO_API)
#define CALLS_ON_RANGES                                                                            \
    ((uint64_t)1 << _UFFDIO_WAKE | (uint64_t)1 << _UFFDIO_COPY | (uint64_t)1 << _UFFDIO_ZEROPAGE)

struct waiter {
    struct waiter *next;
    struct task *task;
    uint64_t page;
    bool is_store, is_read, is_over;
};

struct span {
    uint64_t start, end;
};

struct userfault {
    struct fd_object object;
    struct userfault *next; /* of the system */
    struct linux_system *system;
    struct space *space; /* NULL: gone */
    bool has_api;        /* UFFDIO_API was done */
    bool is_user_only;   /* calls do not wait */
    uint64_t features;
    struct span *spans;
    size_t nspans;
    struct waiter *waiters; /* oldest first */
    int event;              /* pagewalk's own descriptor of the eventfd */
    bool is_ready;
};

/* ---- who watches what ---- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void add_span(struct userfault *u, uint64_t start, uint64_t end)
{
    u->spans = x_realloc(u->spans, (u->nspans + 1) * sizeof *u->spans);
    u->spans[u->nspans++] = (struct span){start, end};
}

/* Takes [start, end) out of the spans; one may become two. */
static void cut_spans(struct userfault *u, uint64_t start, uint64_t end)
{
    struct span *old = u->spans;
    size_t count = u->nspans;
    u->spans = NULL;
    u->nspans = 0;
    for (size_t i = 0; i < count; i++) {
        if (old[i].start < start)
            add_span(u, old[i].start, earlier(old[i].end, start));
        if (old[i].end > end)
            add_span(u, later(old[i].start, end), old[i].end);
    }
    free(old);
}

static struct userfault *find_watcher(const struct linux_system *system, const struct space *space,
                                      uint64_t va)
{
    for (struct userfault *u = system->userfaults; u; u = u->next)
        for (size_t i = 0; u->space == space && i < u->nspans; i++)
            if (u->spans[i].start <= va && va < u->spans[i].end)
                return u;
    return NULL;
}

/* ---- waiting ---- */

static void refresh(struct userfault *u)
{
    bool is_ready = false;
    eventfd_t count;
    for (const struct waiter *w = u->waiters; w && !is_ready; w = w->next)
        is_ready = !w->is_read;
    if (is_ready == u->is_ready)
        return;
    u->is_ready = is_ready;
    if (is_ready)
        eventfd_write(u->event, 1);
    else
        eventfd_read(u->event, &count);
}

static void enqueue(struct userfault *u, struct waiter *w)
{
    struct waiter **at = &u->waiters;
    while (*at)
        at = &(*at)->next;
    *at = w;
    refresh(u);
}

static void dequeue(struct userfault *u, const struct waiter *w)
{
    struct waiter **at = &u->waiters;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    refresh(u);
}

/* Lets those go on who wait for a page of [start, end). */
static void wake(struct userfault *u, uint64_t start, uint64_t end)
{
    for (struct waiter *w = u->waiters, *next; w; w = next) {
        next = w->next;
        if (w->page < start || w->page >= end)
            continue;
        dequeue(u, w);
        w->is_over = true;
        sched_wake(w->task);
    }
}

/* Result: 0, or -ERESTARTSYS. => u may be gone */
static int wait_for_page(struct userfault *u, struct task *task, uint64_t page, bool is_store,
                         bool is_killable_only)
{
    struct waiter w = {.task = task, .page = page, .is_store = is_store};
    int rc = 0;
    enqueue(u, &w);
    while (!w.is_over && rc >= 0) {
        struct task_wait wait = {.deadline_ns = TIMER_NEVER, .is_killable_only = is_killable_only};
        rc = sched_wait(task, &wait);
    }
    if (!w.is_over)
        dequeue(u, &w);
    return w.is_over ? 0 : rc;
}

static void wait_on_fiber(void *arg)
{
    struct task *task = arg;
    uint64_t page = task->fault.cr2 & ~PAGE_MASK;
    struct userfault *u = find_watcher(task->process->system, task->process->space, page);
    if (u)
        wait_for_page(u, task, page, task->fault.error & PF_WRITE, false);
}

void userfault_stop_program(struct task *task, vaddr_t va, bool is_store)
{
    struct space *space = task->process->space;
    struct userfault *u = find_watcher(task->process->system, space, va.v);
    CHECK(u); /* a region's flag goes when its watcher goes */
    task->fault = (struct cpu_fault_record){
        .trapno = 14, .error = PF_USER | (is_store ? PF_WRITE : 0), .cr2 = va.v};
    if (u->features & UFFD_FEATURE_SIGBUS)
        signal_force_fault(task, SIGBUS, BUS_ADRERR, va.v);
    else
        sched_run(task, wait_on_fiber);
}

bool userfault_wait_in_call(struct task *task)
{
    struct space *space = task->process->space;
    if (!space || space->wanted.v == 0 || !space_wants_page(space, space->wanted))
        return false;
    uint64_t page = vaddr_page(space->wanted).v;
    struct userfault *u = find_watcher(task->process->system, space, page);
    if (!u || u->is_user_only || u->features & UFFD_FEATURE_SIGBUS)
        return false;
    return wait_for_page(u, task, page, space->wanted_for_store, true) == 0;
}

/* ---- reading ---- */

static struct waiter *first_unread(const struct userfault *u)
{
    struct waiter *w = u->waiters;
    while (w && w->is_read)
        w = w->next;
    return w;
}

static void describe(const struct userfault *u, const struct waiter *w, struct uffd_msg *out)
{
    memset(out, 0, sizeof *out);
    out->event = UFFD_EVENT_PAGEFAULT;
    out->arg.pagefault.flags = w->is_store ? UFFD_PAGEFAULT_FLAG_WRITE : 0;
    out->arg.pagefault.address = w->page;
    if (u->features & UFFD_FEATURE_THREAD_ID)
        out->arg.pagefault.feat.ptid = (uint32_t)w->task->tid;
}

static int64_t read_now(struct task *task, struct userfault *u, struct user_vec *vec)
{
    struct uffd_msg message;
    int64_t total = 0;
    for (struct waiter *w; vec->left >= sizeof message && (w = first_unread(u)) != NULL;) {
        if (user_vec_probe(task, vec, sizeof message, MMU_STORE) < sizeof message)
            return total ? total : -EFAULT;
        describe(u, w, &message);
        total += (int64_t)user_vec_put(task, vec, &message, sizeof message);
        w->is_read = true;
        refresh(u);
    }
    return total;
}

static int64_t read_messages(struct task *task, const struct fd_entry *entry, struct user_vec *vec)
{
    struct fd_entry own = *entry; /* the table may change while the call waits */
    struct userfault *u = (struct userfault *)own.object;
    if (!u->has_api || vec->left < sizeof(struct uffd_msg))
        return -EINVAL;
    fd_object_get(own.object);
    int64_t result;
    while ((result = read_now(task, u, vec)) == 0) {
        result = io_is_nonblocking(own.host) ? -EAGAIN : io_wait(task, &own, POLLIN);
        if (result != 0)
            break;
    }
    fd_object_put(own.object);
    return result;
}

/* ---- requests ---- */

static int64_t do_api(struct task *task, struct userfault *u, uint64_t addr)
{
    struct uffdio_api api;
    if (u->has_api)
        return -EINVAL;
    if (user_read(task, &api, addr, sizeof api) < 0)
        return -EFAULT;
    bool is_known = api.api == UFFD_API && !(api.features & ~(uint64_t)FEATURES);
    u->features = api.features;
    api = is_known ? (struct uffdio_api){UFFD_API, FEATURES, CALLS_ALWAYS} : (struct uffdio_api){0};
    if (user_write(task, addr, &api, sizeof api) < 0)
        return -EFAULT;
    u->has_api = is_known;
    return is_known ? 0 : -EINVAL;
}

static int check_range(const struct uffdio_range *range)
{
    bool is_whole = !((range->start | range->len) & PAGE_MASK) && range->len > 0;
    return is_whole && range->start < SPACE_END && range->len <= SPACE_END - range->start ? 0
                                                                                          : -EINVAL;
}

/* Has another descriptor any of the range? */
static bool is_taken(const struct userfault *u, uint64_t start, uint64_t end)
{
    for (const struct userfault *other = u->system->userfaults; other; other = other->next)
        for (size_t i = 0; other != u && other->space == u->space && i < other->nspans; i++)
            if (space_has_supplied(u->space, later(other->spans[i].start, start),
                                   earlier(other->spans[i].end, end)))
                return true;
    return false;
}

static int64_t do_register(struct task *task, struct userfault *u, uint64_t addr)
{
    struct uffdio_register request;
    if (user_read(task, &request, addr, offsetof(struct uffdio_register, ioctls)) < 0)
        return -EFAULT;
    uint64_t start = request.range.start, end = start + request.range.len;
    if (request.mode != UFFDIO_REGISTER_MODE_MISSING || check_range(&request.range) < 0)
        return -EINVAL;
    if (is_taken(u, start, end))
        return -EBUSY;
    int rc = space_supply_begin(u->space, start, end);
    if (rc < 0)
        return rc;
    for (struct userfault *other = u->system->userfaults; other; other = other->next)
        if (other->space == u->space)
            cut_spans(other, start, end);
    add_span(u, start, end);
    uint64_t calls = CALLS_ON_RANGES;
    return user_write(task, addr + offsetof(struct uffdio_register, ioctls), &calls, sizeof calls);
}

static int read_range(struct task *task, uint64_t addr, struct uffdio_range *out)
{
    if (user_read(task, out, addr, sizeof *out) < 0)
        return -EFAULT;
    return check_range(out);
}

/* Of what another descriptor watches, nothing is changed. */
static void stop_watching(struct userfault *u, uint64_t start, uint64_t end)
{
    for (size_t i = 0; i < u->nspans; i++) {
        uint64_t from = later(u->spans[i].start, start), to = earlier(u->spans[i].end, end);
        if (from < to)
            space_supply_end(u->space, from, to);
    }
    cut_spans(u, start, end);
    wake(u, start, end);
}

static int64_t do_unregister(struct task *task, struct userfault *u, uint64_t addr)
{
    struct uffdio_range range;
    int rc = read_range(task, addr, &range);
    if (rc == 0)
        stop_watching(u, range.start, range.start + range.len);
    return rc;
}

static int64_t do_wake(struct task *task, struct userfault *u, uint64_t addr)
{
    struct uffdio_range range;
    int rc = read_range(task, addr, &range);
    if (rc == 0)
        wake(u, range.start, range.start + range.len);
    return rc;
}

/* Pages that a request makes: from `src`, or of zeros. */
struct supply {
    uint64_t start, len, src;
    bool is_copy, is_silent;
};

/* Result: bytes, or an error at the first page. */
static int64_t make_pages(struct task *task, const struct userfault *u, const struct supply *s)
{
    uint8_t page[PAGE_SIZE];
    uint64_t done = 0;
    int rc = 0;
    for (; done < s->len; done += PAGE_SIZE) {
        if (s->is_copy && user_read(task, page, s->src + done, PAGE_SIZE) < 0)
            rc = -EFAULT;
        else
            rc = space_supply(u->space, vaddr(s->start + done), s->is_copy ? page : NULL);
        if (rc < 0)
            break;
    }
    return done ? (int64_t)done : rc;
}

/* The result goes to `out`, too. */
static int64_t supply(struct task *task, struct userfault *u, const struct supply *s, uint64_t out)
{
    int64_t made = make_pages(task, u, s);
    if (user_write(task, out, &made, sizeof made) < 0)
        return -EFAULT;
    if (made < 0)
        return made;
    if (!s->is_silent)
        wake(u, s->start, s->start + (uint64_t)made);
    return (uint64_t)made == s->len ? 0 : -EAGAIN;
}

static int64_t do_copy(struct task *task, struct userfault *u, uint64_t addr)
{
    struct uffdio_copy copy;
    if (user_read(task, &copy, addr, offsetof(struct uffdio_copy, copy)) < 0)
        return -EFAULT;
    const struct uffdio_range range = {copy.dst, copy.len};
    if (check_range(&range) < 0 || copy.mode & ~(uint64_t)UFFDIO_COPY_MODE_DONTWAKE)
        return -EINVAL;
    const struct supply s = {.start = copy.dst,
                             .len = copy.len,
                             .src = copy.src,
                             .is_copy = true,
                             .is_silent = copy.mode != 0};
    return supply(task, u, &s, addr + offsetof(struct uffdio_copy, copy));
}

static int64_t do_zeropage(struct task *task, struct userfault *u, uint64_t addr)
{
    struct uffdio_zeropage zero;
    if (user_read(task, &zero, addr, offsetof(struct uffdio_zeropage, zeropage)) < 0)
        return -EFAULT;
    if (check_range(&zero.range) < 0 || zero.mode & ~(uint64_t)UFFDIO_ZEROPAGE_MODE_DONTWAKE)
        return -EINVAL;
    const struct supply s = {
        .start = zero.range.start, .len = zero.range.len, .is_silent = zero.mode != 0};
    return supply(task, u, &s, addr + offsetof(struct uffdio_zeropage, zeropage));
}

static int64_t control(struct task *task, const struct fd_entry *entry, uint32_t request,
                       uint64_t addr)
{
    struct userfault *u = (struct userfault *)entry->object;
    if (request == (uint32_t)UFFDIO_API)
        return do_api(task, u, addr);
    if (!u->has_api)
        return -EINVAL;
    if (!u->space)
        return -ESRCH;
    switch (request) {
    case (uint32_t)UFFDIO_REGISTER:
        return do_register(task, u, addr);
    case (uint32_t)UFFDIO_UNREGISTER:
        return do_unregister(task, u, addr);
    case (uint32_t)UFFDIO_WAKE:
        return do_wake(task, u, addr);
    case (uint32_t)UFFDIO_COPY:
        return do_copy(task, u, addr);
    case (uint32_t)UFFDIO_ZEROPAGE:
        return do_zeropage(task, u, addr);
    default:
        return -EINVAL;
    }
}

/* ---- making ---- */

static void let_go(struct userfault *u)
{
    if (u->space)
        stop_watching(u, 0, SPACE_END);
    u->space = NULL;
    wake(u, 0, SPACE_END);
}

void userfaults_forget(struct linux_system *system, const struct space *space)
{
    for (struct userfault *u = system->userfaults; u; u = u->next)
        if (u->space == space)
            let_go(u);
}

static void destroy(struct fd_object *object)
{
    struct userfault *u = (struct userfault *)object, **at = &u->system->userfaults;
    let_go(u);
    while (*at != u)
        at = &(*at)->next;
    *at = u->next;
    close(u->event);
    free(u->spans);
    free(u);
}

static const struct fd_object_ops userfault_ops = {
    .destroy = destroy, .read = read_messages, .control = control};

static struct userfault *create(struct task *task, int event, bool is_user_only)
{
    struct linux_system *system = task->process->system;
    struct userfault *u = x_malloc(sizeof *u);
    *u = (struct userfault){.object = {1, &userfault_ops},
                            .next = system->userfaults,
                            .system = system,
                            .space = task->process->space,
                            .is_user_only = is_user_only,
                            .event = event};
    system->userfaults = u;
    return u;
}

int64_t sys_userfaultfd(struct task *task, const uint64_t args[6])
{
    static_assert((int)EFD_CLOEXEC == O_CLOEXEC && (int)EFD_NONBLOCK == O_NONBLOCK, "one number");
    int flags = (int)args[0];
    bool is_user_only = flags & UFFD_USER_MODE_ONLY;
    if (!is_user_only && !caps_has(&task->caps, CAP_SYS_PTRACE))
        return -EPERM;
    if (flags & ~(UFFD_USER_MODE_ONLY | O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    int host = eventfd(0, EFD_CLOEXEC | (flags & O_NONBLOCK));
    if (host < 0)
        return -errno;
    int event = fd_dup_host(host);
    if (event < 0) {
        close(host);
        return event;
    }
    int64_t fd = file_install(task, host, flags & O_CLOEXEC);
    if (fd < 0)
        close(event);
    else
        fd_entry(task->process->fds, (int)fd)->object = &create(task, event, is_user_only)->object;
    return fd;
}
