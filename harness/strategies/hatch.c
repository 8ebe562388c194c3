/* SPDX-License-Identifier: MIT */
/*
 * hatch.c - see hatch.h.
 */
#include "hatch.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../atfork/atfork.h"
#include "../sandbox/sandbox.h"
#include "../sys/sys.h"
#include "ledger.h"
#include "server.h"

/* Where libc keeps the number of this thread: clone clears it there when the thread ends. */
static int *find_tid(void)
{
	int *tid = NULL;

	if (prctl(PR_GET_TID_ADDRESS, &tid, 0, 0, 0) < 0 || !tid)
		return NULL; /* without CONFIG_CHECKPOINT_RESTORE */
	return *tid == gettid() ? tid : NULL;
}

/* What sm_hatch_launch() has passed. */
static int take_passed(struct sm_hatchery *h, const char *where, int *sock)
{
	int fds[2];
	int err = sm_server_take_fds(where, fds, 2);

	if (!err)
		err = sm_server_take_sandbox(&h->sandbox, where, 2);
	if (err)
		return err;
	*sock = fds[0];
	h->ledger = sm_ledger_take(fds[1]);
	return 0;
}

int sm_hatchery_open(struct sm_hatchery *h, const struct sm_payload *payload, const char *options,
		     const char *where, int *sock)
{
	struct robust_list_head *head = NULL;
	size_t bytes = 0;
	int err;

	memset(h, 0, sizeof(*h));
	err = sm_warm_read(&h->warm, options, NULL);
	if (!err)
		err = take_passed(h, where, sock);
	if (err)
		return err;
	h->payload = payload;
	h->atfork = sm_atfork_find();
	err = sm_threads_open(&h->threads);
	if (err) {
		sm_sandbox_unload(h->sandbox);
		return err;
	}
	h->tid = find_tid();
	if (!syscall(SYS_get_robust_list, 0, &head, &bytes) && bytes == sizeof(*head)) {
		h->robust = head;
		h->robust_bytes = bytes;
	}
	sm_signals_handled(&h->handled);
	sm_warm_server(&h->warm, payload);
	return 0;
}

void sm_hatchery_close(struct sm_hatchery *h)
{
	sm_threads_close(&h->threads);
	sm_warm_end(&h->warm);
	sm_sandbox_unload(h->sandbox);
}

/* 0, or -EDEADLK: the child would miss threads that somebody waits for. */
static int refuse_threads(struct sm_hatchery *h, struct sm_fault *fault)
{
	char names[160], text[240];
	int n = sm_threads_missed(&h->threads, !!h->atfork, names, sizeof(names));

	if (!n)
		return 0;
	snprintf(text, sizeof(text), "the server has %d threads, a child would have one: %s", n,
		 names);
	return sm_fail(fault, SM_STAGE_THREADS, EDEADLK, text);
}

static void before(struct sm_hatchery *h)
{
	int has = h->atfork && *h->atfork->count;

	if (h->has_handlers != has) /* a write would copy the page */
		h->has_handlers = has;
	if (h->payload->before_fork)
		h->payload->before_fork();
	if (h->has_handlers)
		h->atfork->prepare();
}

static void after(const struct sm_hatchery *h)
{
	if (h->has_handlers)
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

/* What the child does, and where its pidfd is told. */
struct what {
	void (*born)(void *arg);
	void *arg;
	int *pidfd;
};

static void live(const struct sm_hatchery *h, struct sm_birth *birth, int in_cgroup,
		 void (*born)(void *arg), void *arg)
{
	struct sm_req attr;

	birth->entered_ns = sm_now_ns();
	repair(h);
	if (h->warm.nheap)
		sm_warm_child(&h->warm);
	if (in_cgroup && birth->attr) { /* where it was to go */
		attr = *birth->attr;
		attr.fields &= ~(uint32_t)SM_REQ_CGROUP;
		/* cppcheck-suppress autoVariables ; it does not return */
		birth->attr = &attr;
	}
	if (h->has_handlers)
		h->atfork->child();
	if (h->payload->after_fork_child)
		h->payload->after_fork_child();
	if (born)
		born(arg);
	else
		sm_child_born(h->payload, birth);
}

/* Where a child is born: of its sandbox, of its request, or with the server (-1). */
struct birthplace {
	int sandbox, request;
};

static pid_t clone_into(const struct clone_args *args, int place)
{
	struct clone_args into = *args;

	into.flags |= CLONE_INTO_CGROUP;
	into.cgroup = (uint64_t)place;
	return sm_raw_clone3(&into, CLONE_ARGS_SIZE_VER2);
}

/*
 * clone(2) has one place for what the parent gets: a pidfd or the note of the pid. The note, for of a
 * child that nobody knows of there is no trace, while the pidfd can be had a moment later: the pid
 * would have to be another's by then, after a whole round of all pids.
 */
static pid_t clone_old(struct sm_hatchery *h, unsigned long flags, int *pidfd)
{
	pid_t pid;

	*pidfd = -1;
	if (!h->ledger)
		return sm_raw_clone_tids(flags | CLONE_PIDFD, pidfd, h->tid);
	pid = sm_raw_clone_tids(flags | CLONE_PARENT_SETTID, h->ledger, h->tid);
	if (pid > 0)
		*pidfd = (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by itself */
	return pid;
}

/* By the newest way that kernel and policy allow. at->request: -1 when it is not born there. */
static pid_t clone_child(struct sm_hatchery *h, struct birthplace *at, int *pidfd)
{
	struct clone_args args = {
		.flags = CLONE_PARENT | sm_sandbox_clone_flags(h->sandbox),
		.pidfd = (uint64_t)(uintptr_t)pidfd,
		.child_tid = (uint64_t)(uintptr_t)h->tid,
		.parent_tid = (uint64_t)(uintptr_t)h->ledger,
	};
	unsigned long old_flags = SIGCHLD;
	pid_t pid;

	if (h->tid)
		args.flags |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
	old_flags |= (unsigned long)args.flags;
	args.flags |= CLONE_PIDFD;
	if (h->ledger)
		args.flags |= CLONE_PARENT_SETTID;
	if (at->sandbox >= 0) {
		at->request = -1; /* it goes there from the sandbox's */
		return clone_into(&args, at->sandbox);
	}
	if (at->request >= 0 && !h->old_clone) {
		pid = clone_into(&args, at->request);
		if (pid >= 0 || pid == -EAGAIN || pid == -ENOMEM)
			return pid;
	}
	at->request = -1; /* too old a kernel, a group with threads: it moves by itself */
	pid = h->old_clone ? -ENOSYS : sm_raw_clone3(&args, CLONE_ARGS_SIZE_VER0);
	if (pid == -ENOSYS || pid == -EPERM) { /* a filter that cannot look into clone3's struct */
		h->old_clone |= pid == -ENOSYS;
		/* The exit signal is the server's own, whatever is asked (copy_process). */
		pid = clone_old(h, old_flags, pidfd);
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

/* The clone and what is close around it. The pid or -errno; *layer: the sandbox's that failed. */
static pid_t hatch(struct sm_hatchery *h, struct sm_birth *birth, struct birthplace *at,
		   const struct what *what, int *layer)
{
	struct sm_berth berth;
	sigset_t old;
	pid_t pid = sm_berth_open(&berth, h->sandbox, layer);

	if (pid < 0)
		return pid;
	birth->berth = h->sandbox ? &berth : NULL;
	if (birth->attr && birth->attr->fields & SM_REQ_CGROUP)
		sm_berth_has_group(birth->berth);
	birth->handled = &h->handled;
	at->sandbox = sm_berth_birthplace(&berth);
	sm_signals_block(&old);
	if (!birth->sigmask)
		/* cppcheck-suppress autoVariables ; taken back below */
		birth->sigmask = &old;
	birth->cloning_ns = sm_now_ns();
	pid = clone_child(h, at, what->pidfd);
	if (pid == 0)
		live(h, birth, at->request >= 0, what->born, what->arg);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (pid > 0)
		sm_berth_admit(&berth, pid, SM_ADMIT_MS);
	sm_berth_close(&berth);
	birth->berth = NULL;
	if (birth->sigmask == &old)
		birth->sigmask = NULL;
	*layer = pid < 0 ? sm_berth_blame(&berth, -pid) : -1;
	return pid;
}

pid_t sm_hatch(struct sm_hatchery *h, struct sm_birth *birth, int cgroup_fd,
	       void (*born)(void *arg), void *arg, int *pidfd, struct sm_fault *fault)
{
	struct birthplace at = { .request = born_where(cgroup_fd) };
	const struct what what = { .born = born, .arg = arg, .pidfd = pidfd };
	int layer = -1, refused;
	pid_t pid = 0;

	*pidfd = -1;
	before(h);
	refused = refuse_threads(h, fault);
	if (!refused)
		pid = hatch(h, birth, &at, &what, &layer);
	after(h);
	if (pid > 0 || refused)
		return refused ? refused : pid;
	*pidfd = -1; /* the kernel may have written a number before it failed: of nothing */
	return layer < 0 ? sm_fail(fault, SM_STAGE_CLONE, -pid, NULL)
			 : sm_fail_layer(fault, layer, -pid);
}
