/* SPDX-License-Identifier: MIT */
/*
 * subreaper.c - a warm server forks twice: the child is the parent's, by libc's own fork.
 *
 * The server forks one that forks the child and ends. An orphan becomes the child of the nearest
 * ancestor that is a subreaper (PR_SET_CHILD_SUBREAPER), which the parent has made itself: so it
 * waits for the child as for any, and the child has had a whole fork(3), with the handlers of
 * libc, of every library and of the payload. The child stands still until it has been handed over:
 * the end of the one between them, once the server has waited for it, comes after that
 * (kernel/exit.c:exit_notify).
 *
 * The price, besides a second fork: whatever else loses its parent below the host becomes the
 * host's as well, daemons of children too, and nobody waits for those.
 *
 * If the server is killed meanwhile, both orphans fall to the parent, which has to know whom to
 * wait for: they write their pids to a page that all share (the cradle).
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../sandbox/sandbox.h"
#include "common.h"
#include "direct.h"

/*
 * Each of the two writes its own pid before anything else. The child's bears the number of the
 * spawn above, so that one that gets to it late spoils nobody's; the one between writes it too.
 */
struct cradle {
	uint64_t child;
	uint32_t spawn;
	int32_t middle;
	int32_t err;   /* of the second fork */
	int32_t layer; /* of the sandbox, that is to blame for it; -1: none */
};

static pid_t child_of(const struct cradle *cradle)
{
	return (pid_t)(uint32_t)__atomic_load_n(&cradle->child, __ATOMIC_ACQUIRE);
}

static void tell_child(struct cradle *cradle, uint32_t spawn, pid_t pid)
{
	uint64_t none = (uint64_t)spawn << 32;

	__atomic_compare_exchange_n(&cradle->child, &none, none | (uint32_t)pid, 0,
				    __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

/* How long orphans that were let go may take to be gone. */
#define GONE_MS 2000

struct subreaper {
	struct sm_direct direct; /* first: what sm_direct knows is what we are */
	struct cradle *cradle;
};

/*
 * The attribute is the process's, and there may be several of us in it. Global for that reason;
 * who comes first has what was before.
 */
static struct {
	int lock, users, was;
} process;

static void lock(void)
{
	while (__atomic_exchange_n(&process.lock, 1, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void unlock(void)
{
	__atomic_store_n(&process.lock, 0, __ATOMIC_RELEASE);
}

/* 0 or -errno. */
static int become_subreaper(void)
{
	int err = 0;

	lock();
	if (!process.users && prctl(PR_GET_CHILD_SUBREAPER, &process.was) < 0)
		err = -errno;
	if (!err && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		err = -errno;
	process.users += !err;
	unlock();
	return err;
}

static void be_as_before(void)
{
	lock();
	if (!--process.users)
		prctl(PR_SET_CHILD_SUBREAPER, process.was);
	unlock();
}

/* The page that all share: for a server by its descriptor. 0 or -errno. */
static int map_cradle(int fd, struct cradle **cradle)
{
	*cradle = mmap(NULL, sizeof(**cradle), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return *cradle == MAP_FAILED ? -errno : 0;
}

/* Ends by itself, if it is ours at all. */
static void reap(pid_t pid)
{
	if (pid > 0 && sm_wait_child(pid, GONE_MS, NULL) == -ETIMEDOUT)
		sm_kill_child(pid);
}

/*
 * The server was killed. Those that it had under way hold its socket until they end, which they do
 * when its gate closes; by then they have told who they are.
 */
static void reap_orphans(struct sm_direct *direct)
{
	struct subreaper *s = (struct subreaper *)direct;
	int64_t end = sm_now_ns() + (int64_t)GONE_MS * 1000000;
	char byte;

	while (sm_now_ns() < end &&
	       sm_read_all(direct->sock, &byte, 1, (int)((end - sm_now_ns()) / 1000000)) == 0)
		;
	reap(s->cradle->middle);
	reap(child_of(s->cradle));
	s->cradle->middle = 0;
	s->cradle->child = 0;
}

static int subreaper_start(void **self, const struct sm_setup *setup, struct sm_fault *fault)
{
	struct subreaper *s;
	int err = sm_check_setup_sandboxed(setup, fault);

	if (err)
		return err;
	s = calloc(1, sizeof(*s));
	if (!s)
		return sm_fail(fault, SM_STAGE_ARGUMENT, ENOMEM, NULL);
	s->direct.strategy = "subreaper";
	s->direct.gone = reap_orphans;
	s->direct.more = memfd_create("spawnmark-cradle", MFD_CLOEXEC);
	if (s->direct.more < 0 || ftruncate(s->direct.more, sizeof(struct cradle)) < 0) {
		err = sm_fail(fault, SM_STAGE_PIPE, errno, "no memory to share with the server");
		goto out;
	}
	err = map_cradle(s->direct.more, &s->cradle);
	if (err) {
		sm_fail(fault, SM_STAGE_PIPE, -err, "no memory to share with the server");
		goto out;
	}
	err = become_subreaper();
	if (err) {
		sm_fail(fault, SM_STAGE_CLONE, -err, "PR_SET_CHILD_SUBREAPER");
		goto out_map;
	}
	err = sm_direct_start(&s->direct, setup, fault);
	if (!err) {
		*self = s;
		return 0;
	}
	be_as_before();
out_map:
	munmap(s->cradle, sizeof(*s->cradle));
out:
	if (s->direct.more >= 0)
		close(s->direct.more);
	free(s);
	return err;
}

static int subreaper_spawn(void *self, const struct sm_req *req, struct sm_child *child,
			   struct sm_fault *fault)
{
	struct subreaper *s = self;
	int err = sm_direct_spawn(&s->direct, req, child, fault);

	s->cradle->child = 0; /* the caller's, or taken care of */
	return err;
}

static void subreaper_stop(void *self)
{
	struct subreaper *s = self;

	sm_direct_stop(&s->direct);
	be_as_before();
	munmap(s->cradle, sizeof(*s->cradle));
	close(s->direct.more);
	free(s);
}

static pid_t subreaper_server(void *self)
{
	return ((struct subreaper *)self)->direct.server.pid;
}

/* ---- the server ---- */

/* Waits at the gate. The server opens it when the child has been handed over, or dies. */
static _Noreturn void be_child(struct sm_nest *nest, struct sm_birth *birth, struct cradle *cradle,
			       uint32_t spawn, const int gate[2])
{
	char byte;

	birth->entered_ns = sm_now_ns();
	if (!(birth->berth && sm_sandbox_clone_flags(birth->berth->sandbox)))
		tell_child(cradle, spawn, getpid()); /* in a pid namespace it would be 1 */
	close(gate[1]);
	if (sm_read_all(gate[0], &byte, 1, -1))
		_exit(1);
	sm_child_born(nest->payload, birth); /* closes all but its own */
}

static _Noreturn void be_middle(struct sm_nest *nest, struct sm_birth *birth, struct cradle *cradle,
				const int gate[2])
{
	uint32_t spawn = cradle->spawn;
	pid_t pid;

	cradle->middle = getpid();
	if (!getppid()) { /* in another pid namespace, which no orphan leaves */
		cradle->err = EOPNOTSUPP;
		_exit(0);
	}
	cradle->err = -sm_berth_before_fork(birth->berth, &cradle->layer);
	if (cradle->err)
		_exit(0);
	cradle->layer = -1;
	pid = fork();
	if (pid == 0)
		be_child(nest, birth, cradle, spawn, gate);
	if (pid > 0)
		tell_child(cradle, spawn, pid);
	else
		cradle->err = errno;
	_exit(0);
}

/* Waits for the one between: then the child is the parent's. 0 or -errno, told in reply. */
static int await_middle(struct cradle *cradle, pid_t middle, struct sm_direct_reply *reply)
{
	/* ECHILD: the payload ignores SIGCHLD, and it has ended all the same. */
	while (waitpid(middle, NULL, 0) < 0 && errno == EINTR)
		;
	cradle->middle = 0;
	reply->stage = cradle->layer < 0 ? SM_STAGE_CLONE : SM_STAGE_SANDBOX;
	reply->detail = cradle->layer;
	reply->err = cradle->err;
	if (!reply->err && child_of(cradle) <= 0) /* it was killed before */
		reply->err = ECHILD;
	if (reply->err)
		strcpy(reply->text, "the second fork, of the one between server and child");
	return -reply->err;
}

/* A payload may have made the server a subreaper: for a moment it is none. What it was. */
static int stand_back(void)
{
	int was = 0;

	if (prctl(PR_GET_CHILD_SUBREAPER, &was) < 0 || !was)
		return 0;
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	return was;
}

/* Both forks, with all signals blocked. */
static void fork_twice(struct sm_nest *nest, struct sm_birth *birth, struct cradle *cradle,
		       struct sm_direct_reply *reply, const int gate[2])
{
	int was = stand_back();
	sigset_t old;
	pid_t middle;

	sm_signals_block(&old);
	if (!birth->sigmask)
		birth->sigmask = &old;
	birth->cloning_ns = sm_now_ns();
	middle = fork();
	if (middle == 0)
		be_middle(nest, birth, cradle, gate);
	birth->sigmask = NULL; /* it may be a local's */
	if (middle < 0) {
		reply->stage = SM_STAGE_CLONE;
		reply->err = errno;
		strcpy(reply->text, "the first fork, of the one between server and child");
	} else if (!await_middle(cradle, middle, reply)) {
		reply->pid = child_of(cradle);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (was)
		prctl(PR_SET_CHILD_SUBREAPER, was);
}

static int hatch(struct sm_nest *nest, struct sm_birth *birth, struct sm_direct_reply *reply,
		 void *arg)
{
	struct cradle *cradle = arg;
	struct sm_berth berth;
	int gate[2], pidfd = -1;
	int err = sm_berth_open(&berth, nest->sandbox, &reply->detail);

	if (err || pipe2(gate, O_CLOEXEC) < 0) {
		reply->stage = err ? SM_STAGE_SANDBOX : SM_STAGE_PIPE;
		reply->err = err ? -err : errno;
		sm_berth_close(&berth);
		return -1;
	}
	birth->berth = nest->sandbox ? &berth : NULL;
	if (birth->attr && birth->attr->fields & SM_REQ_CGROUP)
		sm_berth_has_group(birth->berth);
	cradle->err = 0;
	cradle->layer = -1;
	__atomic_store_n(&cradle->child, (uint64_t)++cradle->spawn << 32, __ATOMIC_RELEASE);
	birth->run_after_fork = 1;
	if (nest->payload->before_fork)
		nest->payload->before_fork();
	fork_twice(nest, birth, cradle, reply, gate);
	if (nest->payload->after_fork_parent)
		nest->payload->after_fork_parent();
	if (reply->pid > 0) { /* it stands at the gate: its pid is nobody else's */
		pidfd = (int)syscall(SYS_pidfd_open, reply->pid, 0);
		sm_write_all(gate[1], "", 1);
		sm_berth_admit(&berth, reply->pid, SM_ADMIT_MS);
	}
	sm_berth_close(&berth);
	birth->berth = NULL;
	close(gate[0]);
	close(gate[1]);
	return pidfd;
}

static int subreaper_serve(const char *where, const struct sm_payload *payload)
{
	struct sm_nest *nest;
	struct cradle *cradle;
	int err = sm_signals_spare_interrupt();

	if (err)
		return err;
	nest = sm_nest_open(where, 2, payload, &err);
	if (!nest)
		return err;
	err = map_cradle(nest->fds[1], &cradle);
	close(nest->fds[1]);
	if (!err) {
		err = sm_nest_serve(nest, hatch, cradle);
		munmap(cradle, sizeof(*cradle));
	}
	sm_nest_close(nest);
	return err;
}

const struct sm_ops sm_subreaper_ops = {
	.size = sizeof(sm_subreaper_ops),
	.name = "subreaper",
	.summary = "a warm exec'd server forks twice, and the parent adopts the child",
	.traits = SM_CHILD_OF_PARENT | SM_RUNS_ATFORK | SM_OWN_SERVER | SM_SANDBOXES,
	.start = subreaper_start,
	.spawn = subreaper_spawn,
	.wait = sm_wait_direct,
	.stop = subreaper_stop,
	.server = subreaper_server,
	.serve = subreaper_serve,
};
