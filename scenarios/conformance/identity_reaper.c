/* SPDX-License-Identifier: MIT */
/*
 * identity_reaper.c - who gets what a thread, a child or the parent leaves behind.
 */
#include "group.h"
#include "identity_lab.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sys/sys.h"

static int child_waits(struct sm_cell *c)
{
	sm_child_tell(c, "pid %d", getpid());
	sm_child_await();
	return sm_holds(c, "let go");
}

/* 0: this thread may wait for it; or -errno. */
static int may_wait(pid_t pid)
{
	siginfo_t info;

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT | __WNOTHREAD) < 0
		       ? -errno
		       : 0;
}

/* As may_wait, soon: pthread_join(3) returns before the kernel has given the thread's children away. */
static int comes_to_wait(pid_t pid)
{
	int64_t end = sm_now_ns() + (int64_t)SM_STEP_MS * 1000000;
	const struct timespec nap = { 0, 500000 };
	int err;

	while ((err = may_wait(pid)) == -ECHILD && sm_now_ns() < end)
		nanosleep(&nap, NULL);
	return err;
}

/* A thread that starts the strategy, stays, looks at a child of it and ends. */
struct starter {
	struct sm_cell *cell;
	pid_t pid;
	int err, own; /* of the start; of its wait for pid */
	uint32_t started, look;
};

static void *start_it(void *arg)
{
	struct starter *s = arg;

	s->err = sm_cell_start(s->cell);
	sm_board_post(&s->started);
	sm_board_wait(&s->look, 0, SM_STEP_MS);
	s->own = s->pid > 0 ? may_wait(s->pid) : 0;
	return NULL;
}

/* A21 */
static int only_its_thread_waits(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct starter s = { .cell = c };
	int err, other = 0, heir = 0;
	pthread_t thread;
	struct sm_kid kid;

	if (pthread_create(&thread, NULL, start_it, &s))
		return sm_broken(c, "no thread");
	err = sm_board_wait(&s.started, 0, SM_STEP_MS * 2);
	if (!err)
		err = s.err ? s.err : sm_kid_spawn(c, &kid, &req);
	if (!err) {
		s.pid = kid.child.pid;
		other = may_wait(s.pid);
	}
	sm_board_post(&s.look);
	pthread_join(thread, NULL);
	if (err)
		return sm_trouble(c, err, "a child of a thread's server");
	heir = comes_to_wait(s.pid);
	sm_judge(c, s.own == 0 && other == -ECHILD && heir == 0,
		 "__WNOTHREAD in the thread that started the server: %s; in another: %s; there "
		 "when the thread has ended: %s",
		 strerror(-s.own), strerror(-other), strerror(-heir));
	err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	return err ? sm_trouble(c, err, "its end") : c->observed;
}

/* The child leaves one of its own behind, which ends by itself if nobody comes for it. */
static int child_leaves_orphan(struct sm_cell *c)
{
	pid_t pid = fork();

	if (pid == 0) {
		poll(NULL, 0, SM_STEP_MS * 2);
		_exit(0);
	}
	c->answer.n[0] = pid;
	return sm_judge(c, pid > 0, "the orphan to be is %d", pid);
}

static int be_subreaper(struct sm_cell *c)
{
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return sm_broken(c, "PR_SET_CHILD_SUBREAPER: %s", strerror(errno));
	return sm_holds(c, "a subreaper");
}

/* A22, A23: the parent is a subreaper. The orphan's parent, once the child has ended. */
static int orphan_comes_home(struct sm_cell *c)
{
	int64_t ppid = -1;
	struct sm_answer a;
	int err;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return sm_broken(c, "PR_SET_CHILD_SUBREAPER: %s", strerror(errno));
	err = sm_kid_ask(c, NULL, &a, NULL);
	if (!err && a.n[0] > 0) {
		ppid = sm_stat_of((pid_t)a.n[0], 4);
		kill((pid_t)a.n[0], SIGKILL);
		if (ppid == getpid())
			waitpid((pid_t)a.n[0], NULL, 0);
	}
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	if (err)
		return sm_trouble(c, err, "a child with a child of its own");
	return sm_judge(c, ppid == getpid(),
			"the orphan's parent is %lld; the spawner's parent is %d, the server %d",
			(long long)ppid, getpid(), c->server);
}

/* A26, the kernel's half. The zygote: does not clone before its parent has been reaped. */
static pid_t when_orphaned(struct sm_lab *lab)
{
	sm_board_wait(&lab->word, 0, SM_STEP_MS);
	lab->n[0] = getppid();
	return sm_raw_clone(CLONE_PARENT | SIGCHLD);
}

/* The grandparent, a subreaper: its child makes the zygote and dies. */
static int outlive_parent(void *arg)
{
	struct sm_lab *lab = arg;
	pid_t pid;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return sm_lab_wrong(lab, errno, "PR_SET_CHILD_SUBREAPER");
	pid = fork();
	if (pid == 0) {
		pid = sm_raw_clone(SIGCHLD);
		if (pid == 0)
			sm_lab_zygote(lab);
		lab->zygote_pid = pid;
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, NULL, 0) < 0 || lab->zygote_pid <= 0)
		return sm_lab_wrong(lab, errno, "the zygote's parent");
	lab->n[1] = getpid();
	sm_board_post(&lab->word);
	if (sm_board_wait(&lab->cloned, 0, SM_STEP_MS) ||
	    (lab->kid > 0 && sm_board_wait(&lab->born, 0, SM_STEP_MS)))
		return sm_lab_wrong(lab, ETIMEDOUT, "the orphaned zygote's child");
	return sm_lab_collect(lab);
}

static int reaper_inherits(struct sm_cell *c)
{
	struct sm_lab *lab = sm_lab_new(c, SIGCHLD, when_orphaned);

	if (lab && !sm_lab_run(lab, outlive_parent))
		sm_judge(c,
			 sm_lab_ended_well(lab) && lab->n[0] == lab->n[1] && lab->ppid == lab->n[1],
			 "the reaper is %lld, the zygote's parent %lld, its new child's %lld",
			 (long long)lab->n[1], (long long)lab->n[0], (long long)lab->ppid);
	sm_lab_free(lab);
	return c->observed;
}

/* A26, the strategy's half: a parent that dies without a word, and its server. */
static int start_and_die(struct sm_lab *lab)
{
	struct sm_cell *c = lab->cell;

	lab->n[0] = sm_cell_start(c);
	lab->n[1] = c->server;
	return 0;
}

static int outlive_client(void *arg)
{
	struct sm_lab *lab = arg;
	struct sm_exit end = { .size = sizeof(end) };
	pid_t pid;
	int err;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return sm_lab_wrong(lab, errno, "PR_SET_CHILD_SUBREAPER");
	pid = fork();
	if (pid == 0)
		_exit(start_and_die(lab));
	if (pid < 0 || waitpid(pid, NULL, 0) < 0)
		return sm_lab_wrong(lab, errno, "the server's parent");
	if (lab->n[0] || lab->n[1] <= 0)
		return sm_lab_wrong(lab, (int)lab->n[0], "the server did not start");
	err = sm_wait_child((pid_t)lab->n[1], SM_STEP_MS / 2, &end);
	lab->n[2] = err ? err : end.status;
	return 0;
}

static int server_follows_parent(struct sm_cell *c)
{
	struct sm_lab *lab = sm_lab_new(c, SIGCHLD, NULL);

	if (lab && !sm_lab_run(lab, outlive_client))
		sm_judge(c, lab->n[2] == 0, "the parent died; its server %lld: %s",
			 (long long)lab->n[1],
			 lab->n[2] == 0  ? "ended with status 0"
			 : lab->n[2] < 0 ? strerror((int)-lab->n[2])
					 : "ended otherwise");
	if (lab && lab->n[1] > 0 && lab->n[2] == -ETIMEDOUT)
		kill((pid_t)lab->n[1], SIGKILL);
	sm_lab_free(lab);
	return c->observed;
}

static const struct sm_check checks[] = {
	{
		.id = "identity.thread.waits",
		.row = "A21",
		.claim = "a child can be waited for with __WNOTHREAD only by the parent's thread "
			 "that started the server, or by who inherits from that thread",
		.source = "waitpid(2) __WNOTHREAD; linux:kernel/exit.c:__do_wait",
		.level = SM_MUST,
		.only = SM_LAB_ONLY,
		.in_parent = only_its_thread_waits,
		.in_child = child_waits,
	},
	{
		.id = "identity.orphan.not-servers",
		.row = "A22",
		.claim = "a child's orphan skips the server, though that is a subreaper",
		.source = "prctl(2) PR_SET_CHILD_SUBREAPER; linux:kernel/exit.c:find_new_reaper",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_SUBREAPER),
		.only = SM_OWN_SERVER,
		.fails_lacking = SM_CHILD_OF_PARENT,
		.why = "the server is the child's ancestor, so a subreaper there comes first",
		.in_parent = orphan_comes_home,
		.in_creator = be_subreaper,
		.in_child = child_leaves_orphan,
	},
	{
		.id = "identity.orphan.parents",
		.row = "A23",
		.claim = "a child's orphan comes to the parent when that is a subreaper",
		.source = "prctl(2) PR_SET_CHILD_SUBREAPER; LTP prctl03",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_SUBREAPER),
		.in_parent = orphan_comes_home,
		.in_child = child_leaves_orphan,
	},
	{
		.id = "identity.reaper.inherits",
		.row = "A26",
		.claim = "what a zygote clones after its parent's death is a child of the reaper",
		.source = "linux:kernel/exit.c:forget_original_parent; "
			  "linux:kernel/fork.c:copy_process",
		.level = SM_MUST,
		.flags = SM_CHECK_ALONE,
		.needs = SM_NEED(SM_F_SUBREAPER),
		.only = SM_LAB_ONLY,
		.in_parent = reaper_inherits,
	},
	{
		.id = "identity.reaper.server-ends",
		.row = "A26",
		.claim = "a server whose parent has died ends, so that it makes no child for a "
			 "stranger",
		.source = "CPython multiprocessing.forkserver (alive pipe); unix(7) end of file",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_SUBREAPER),
		.only = SM_OWN_SERVER,
		.in_parent = server_follows_parent,
	},
};

SM_GROUP_AS(identity_reaper, "identity", "Identity and parentage", checks);
