/* SPDX-License-Identifier: MIT */
/*
 * hatch.c - see hatch.h.
 */
#include "hatch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../atfork/atfork.h"
#include "../sys/sys.h"

/* A thread that was joined is counted until the kernel has let go of it: a moment. */
#define LEAVE_WAIT_NS INT64_C(50000000)
#define LEAVE_STEP_NS 20000

/* Where libc keeps the number of this thread: clone clears it there when the thread ends. */
static int *find_tid(void)
{
	int *tid = NULL;

	if (prctl(PR_GET_TID_ADDRESS, &tid, 0, 0, 0) < 0 || !tid)
		return NULL; /* without CONFIG_CHECKPOINT_RESTORE */
	return *tid == gettid() ? tid : NULL;
}

int sm_hatchery_open(struct sm_hatchery *h, const struct sm_payload *payload, const char *options)
{
	struct robust_list_head *head = NULL;
	size_t bytes = 0;

	(void)options;
	memset(h, 0, sizeof(*h));
	h->payload = payload;
	h->atfork = sm_atfork_find();
	h->tasks = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (h->tasks < 0 && errno != ENOENT)
		return -errno;
	h->tid = find_tid();
	if (!syscall(SYS_get_robust_list, 0, &head, &bytes) && bytes == sizeof(*head)) {
		h->robust = head;
		h->robust_bytes = bytes;
	}
	sm_signals_handled(&h->handled);
	return 0;
}

void sm_hatchery_close(struct sm_hatchery *h)
{
	if (h->tasks >= 0)
		close(h->tasks);
	h->tasks = -1;
}

/* How many threads this process has. A directory has two links, and one for each below it. */
static int count_threads(const struct sm_hatchery *h)
{
	struct stat st;

	return h->tasks < 0 || fstat(h->tasks, &st) < 0 ? 1 : (int)st.st_nlink - 2;
}

/* What the kernel fills (getdents64(2)). */
struct entry {
	uint64_t ino;
	int64_t off;
	uint16_t bytes;
	uint8_t type;
	char name[];
};

static int append_thread(char *text, size_t size, const char *tid)
{
	char path[64], comm[32] = "?";
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%.16s/comm", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, comm, sizeof(comm) - 1);
	if (n > 0)
		comm[n - 1] = '\0'; /* in place of the newline */
	if (fd >= 0)
		close(fd);
	return snprintf(text, size, "%s (%.16s)", comm, tid);
}

/*
 * "python3 (812), python3 (813)", as far as there is room. Without opendir(3), which allocates:
 * the fork handler of an allocator may hold its lock.
 */
static void name_threads(const struct sm_hatchery *h, char *text, size_t size)
{
	char buf[2048] __attribute__((aligned(8)));
	size_t at = 0;
	long got;

	lseek(h->tasks, 0, SEEK_SET);
	got = syscall(SYS_getdents64, h->tasks, buf, sizeof(buf));
	for (long i = 0; i < got && at + 2 < size;) {
		const struct entry *e = (const struct entry *)(buf + i);

		i += e->bytes;
		if (e->name[0] == '.')
			continue;
		if (at)
			at += (size_t)snprintf(text + at, size - at, ", ");
		if (at < size)
			at += (size_t)append_thread(text + at, size - at, e->name);
	}
}

/* 0, or -EDEADLK: the child would miss threads that somebody waits for. */
static int refuse_threads(const struct sm_hatchery *h, struct sm_fault *fault)
{
	const struct timespec step = { .tv_nsec = LEAVE_STEP_NS };
	int64_t end = 0;
	char names[160] = "", text[240];
	int n;

	while ((n = count_threads(h)) > 1) {
		int64_t now = sm_now_ns();

		if (!end)
			end = now + LEAVE_WAIT_NS;
		if (now > end)
			break;
		nanosleep(&step, NULL);
	}
	if (n <= 1)
		return 0;
	name_threads(h, names, sizeof(names));
	snprintf(text, sizeof(text), "the server has %d threads, a child would have one: %s", n,
		 names);
	return sm_fail(fault, SM_STAGE_THREADS, EDEADLK, text);
}

static void before(const struct sm_hatchery *h)
{
	if (h->payload->before_fork)
		h->payload->before_fork();
	if (h->atfork)
		h->atfork->prepare();
}

static void after(const struct sm_hatchery *h)
{
	if (h->atfork)
		h->atfork->parent();
	if (h->payload->after_fork_parent)
		h->payload->after_fork_parent();
}

/* Child: what libc's fork() would have done. The kernel has written the number of the thread. */
static void repair(const struct sm_hatchery *h)
{
	struct robust_list_head *head = h->robust;

	if (!head)
		return;
	head->list.next = &head->list;
	head->list_op_pending = NULL;
	syscall(SYS_set_robust_list, head, h->robust_bytes);
}

static void live(const struct sm_hatchery *h, struct sm_birth *birth, int in_cgroup,
		 void (*born)(void *arg), void *arg)
{
	struct sm_req attr;

	birth->entered_ns = sm_now_ns();
	repair(h);
	if (in_cgroup) { /* where it was to go */
		attr = *birth->attr;
		attr.fields &= ~(uint32_t)SM_REQ_CGROUP;
		birth->attr = &attr;
	}
	if (h->atfork)
		h->atfork->child();
	if (h->payload->after_fork_child)
		h->payload->after_fork_child();
	if (born)
		born(arg);
	else
		sm_child_born(h->payload, birth);
}

static pid_t clone_old(const struct sm_hatchery *h, uint64_t flags, int *pidfd)
{
	/* The exit signal is the server's own, whatever is asked (kernel/fork.c:copy_process). */
	return sm_raw_clone_pidfd((unsigned long)flags | SIGCHLD, pidfd, h->tid);
}

/* By the newest way that kernel and policy allow. *cgroup_fd: -1 when it is not born there. */
static pid_t clone_child(struct sm_hatchery *h, int *cgroup_fd, int *pidfd)
{
	struct clone_args args = {
		.flags = CLONE_PARENT | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)pidfd,
		.child_tid = (uint64_t)(uintptr_t)h->tid,
	};
	pid_t pid;

	if (h->tid)
		args.flags |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
	if (h->old_clone)
		*cgroup_fd = -1;
	if (*cgroup_fd >= 0) {
		struct clone_args into = args;

		into.flags |= CLONE_INTO_CGROUP;
		into.cgroup = (uint64_t)*cgroup_fd;
		pid = sm_raw_clone3(&into, CLONE_ARGS_SIZE_VER2);
		if (pid >= 0 || pid == -EAGAIN || pid == -ENOMEM)
			return pid;
		*cgroup_fd = -1; /* too old a kernel, a group with threads: it moves by itself */
	}
	pid = h->old_clone ? -ENOSYS : sm_raw_clone3(&args, CLONE_ARGS_SIZE_VER0);
	if (pid == -ENOSYS || pid == -EPERM) { /* a filter that cannot look into clone3's struct */
		h->old_clone |= pid == -ENOSYS;
		*pidfd = -1;
		pid = clone_old(h, args.flags, pidfd);
	}
	return pid;
}

/* A group of the version 1 hierarchies cannot be born into. */
static int born_where(int cgroup_fd)
{
	struct statfs fs;

	if (cgroup_fd < 0 || fstatfs(cgroup_fd, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)
		return -1;
	return cgroup_fd;
}

pid_t sm_hatch(struct sm_hatchery *h, struct sm_birth *birth, int cgroup_fd,
	       void (*born)(void *arg), void *arg, int *pidfd, struct sm_fault *fault)
{
	sigset_t old;
	pid_t pid;
	int err;

	*pidfd = -1;
	cgroup_fd = born_where(cgroup_fd);
	before(h);
	err = refuse_threads(h, fault);
	if (err) {
		after(h);
		return err;
	}
	birth->handled = &h->handled;
	sm_signals_block(&old);
	if (!birth->sigmask)
		birth->sigmask = &old;
	birth->cloning_ns = sm_now_ns();
	pid = clone_child(h, &cgroup_fd, pidfd);
	if (pid == 0)
		live(h, birth, cgroup_fd >= 0, born, arg);
	sigprocmask(SIG_SETMASK, &old, NULL);
	after(h);
	if (birth->sigmask == &old)
		birth->sigmask = NULL;
	if (pid > 0)
		return pid;
	*pidfd = -1; /* the kernel may have written a number before it failed: of nothing */
	return sm_fail(fault, SM_STAGE_CLONE, -pid, NULL);
}
