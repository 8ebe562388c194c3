/* SPDX-License-Identifier: MIT */
/*
 * meter.c - noop and raw: no ways to get a child, but the zero and the floor of the scale.
 *
 * noop does nothing, so that its samples show what the meter itself costs. raw clones the host's
 * image with the bare system call; the child stores its first instant in a shared page and exits:
 * no strategy that clones this image can be faster.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"

static void fill_record(struct sm_record *rec, pid_t pid, int64_t instant)
{
	*rec = (struct sm_record){
		.magic = SM_RECORD_MAGIC,
		.size = sizeof(*rec),
		.kind = SM_RECORD_DONE,
		.pid = pid,
		.ppid = getpid(),
		.entered_ns = instant,
		.ready_ns = instant,
		.worked_ns = instant,
		.minflt = -1,
		.majflt = -1,
		.nvcsw = -1,
		.nivcsw = -1,
	};
}

static void no_stdio(struct sm_child *child, pid_t pid)
{
	child->pid = pid;
	child->in = child->out = child->err = -1;
}

static int noop_start(void **self, const struct sm_setup *setup, struct sm_fault *fault)
{
	*self = NULL;
	return sm_check_setup(setup, fault);
}

static int noop_spawn(void *self, const struct sm_req *req, struct sm_child *child,
		      struct sm_fault *fault)
{
	int err = sm_refuse_fields(req, fault);

	(void)self;
	if (err)
		return err;
	no_stdio(child, 0);
	child->priv = sm_now_ns();
	return 0;
}

static int noop_wait(void *self, struct sm_child *child, int timeout_ms, struct sm_exit *exit)
{
	(void)self;
	(void)child;
	(void)timeout_ms;
	if (exit)
		*exit = (struct sm_exit){ sizeof(*exit), 0, -1, -1, -1, -1, -1, -1 };
	return 0;
}

static int noop_record(void *self, struct sm_child *child, struct sm_record *rec)
{
	(void)self;
	fill_record(rec, 0, child->priv);
	return 0;
}

static void noop_stop(void *self)
{
	(void)self;
}

const struct sm_ops sm_noop_ops = {
	.size = sizeof(sm_noop_ops),
	.name = "noop",
	.summary = "does nothing: what the meter itself costs",
	.traits = SM_METER,
	.start = noop_start,
	.spawn = noop_spawn,
	.wait = noop_wait,
	.stop = noop_stop,
	.record = noop_record,
};

/* One page of instants. As many spawns may be in flight; a slot is used again after that. */
#define RAW_SLOTS 512

/* A child of idle whose work does not end costs the floor this much, and then its age. */
#define RAW_WORK_MS 10000

struct raw {
	const struct sm_payload *payload; /* NULL: the host has none */
	uint64_t spawned;
	volatile int64_t *entered; /* shared with the children; 0: not yet */
};

static int raw_start(void **self, const struct sm_setup *setup, struct sm_fault *fault)
{
	struct raw *raw;
	void *page;
	int err = sm_check_setup(setup, fault);

	if (err)
		return err;
	raw = calloc(1, sizeof(*raw));
	if (!raw)
		return sm_fail(fault, SM_STAGE_ARGUMENT, ENOMEM, NULL);
	page = mmap(NULL, RAW_SLOTS * sizeof(raw->entered[0]), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (page == MAP_FAILED) {
		err = errno;
		free(raw);
		return sm_fail(fault, SM_STAGE_IMAGE, err, "no shared page for the instants");
	}
	raw->entered = page;
	raw->payload = setup->payload;
	*self = raw;
	return 0;
}

static int raw_spawn(void *self, const struct sm_req *req, struct sm_child *child,
		     struct sm_fault *fault)
{
	struct raw *raw = self;
	uint64_t slot = raw->spawned++ % RAW_SLOTS;
	sigset_t old;
	pid_t pid;
	int err = sm_refuse_fields(req, fault);

	if (err)
		return err;
	raw->entered[slot] = 0;
	sm_signals_block(&old);
	pid = sm_raw_clone(SIGCHLD);
	if (pid == 0) {
		raw->entered[slot] = sm_now_ns();
		for (;;) /* not _exit(3), which a sanitizer may have wrapped */
			syscall(SYS_exit_group, 0);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (pid < 0)
		return sm_fail(fault, SM_STAGE_CLONE, -pid, "clone");
	no_stdio(child, pid);
	child->priv = (int64_t)slot;
	return 0;
}

/* Before the wait or after it; before it, sleeps until the child has ended. */
static int raw_record(void *self, struct sm_child *child, struct sm_record *rec)
{
	struct raw *raw = self;
	volatile int64_t *entered = &raw->entered[child->priv];

	while (!*entered) {
		siginfo_t info;

		if (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOWAIT) == 0)
			break;
		if (errno != EINTR)
			break;
	}
	if (!*entered)
		return -EPIPE; /* it died before its first instant */
	fill_record(rec, child->pid, *entered);
	return 0;
}

/*
 * Before each spawn of a real strategy the child before it has done the payload's work: caches and
 * page tables are as that has left them. A floor taken in a tight loop of clones is that of another
 * machine: 0.9 ms lower for a Python of 100 MB. So a clone that nobody times does the work first.
 */
static void raw_idle(void *self)
{
	struct raw *raw = self;
	sigset_t old;
	pid_t pid;

	if (!raw->payload)
		return;
	sm_signals_block(&old);
	pid = sm_raw_clone(SIGCHLD);
	if (pid == 0) {
		raw->payload->work(raw->payload->arg);
		for (;;)
			syscall(SYS_exit_group, 0);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (pid > 0 && sm_wait_child(pid, RAW_WORK_MS, NULL))
		sm_kill_child(pid);
}

static void raw_stop(void *self)
{
	struct raw *raw = self;

	munmap((void *)(uintptr_t)raw->entered, RAW_SLOTS * sizeof(raw->entered[0]));
	free(raw);
}

const struct sm_ops sm_raw_ops = {
	.size = sizeof(sm_raw_ops),
	.name = "raw",
	.summary = "bare clone of the host's image to the child's first instruction: the floor",
	.traits = SM_METER | SM_PARENT_LOADS | SM_CHILD_OF_PARENT,
	.start = raw_start,
	.spawn = raw_spawn,
	.wait = sm_wait_direct,
	.stop = raw_stop,
	.idle = raw_idle,
	.record = raw_record,
};
