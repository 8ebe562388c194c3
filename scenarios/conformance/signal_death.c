/* SPDX-License-Identifier: MIT */
/*
 * signal_death.c - PDEATHSIG: whose death it tells of, and when it is lost.
 */
#include "group.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "env_util.h"
#include "signal_util.h"

#define NOBODY 65534

static int get_pdeathsig(void)
{
	int sig = -1;

	return prctl(PR_GET_PDEATHSIG, &sig) ? -errno : sig;
}

/* C11 */
static int death_creator(struct sm_cell *c)
{
	if (prctl(PR_SET_PDEATHSIG, SIGUSR2) || get_pdeathsig() != SIGUSR2)
		return sm_broken(c, "PR_SET_PDEATHSIG: %s", strerror(errno));
	return sm_holds(c, "armed with SIGUSR2");
}

static int death_none(struct sm_cell *c)
{
	int sig = get_pdeathsig();

	return sm_judge(c, sig == 0, "the creator has PDEATHSIG %d, the child %d", SIGUSR2, sig);
}

/* Arms, tells, waits for a byte: then it lives and says so. */
static int death_armed(struct sm_cell *c)
{
	if (prctl(PR_SET_PDEATHSIG, SIGUSR1))
		return sm_broken(c, "PR_SET_PDEATHSIG: %s", strerror(errno));
	c->answer.n[0] = getppid();
	sm_child_tell(c, "armed");
	sm_child_await();
	return sm_holds(c, "alive");
}

/* The same, but what ends it is the signal alone: end of file on stdin does not. */
static int death_armed_deaf(struct sm_cell *c)
{
	if (prctl(PR_SET_PDEATHSIG, SIGUSR1))
		return sm_broken(c, "PR_SET_PDEATHSIG: %s", strerror(errno));
	c->answer.n[0] = getppid();
	sm_child_tell(c, "armed");
	alarm(SM_STEP_MS / 1000 - 1); /* SIGALRM instead, in case that it never comes */
	for (;;)
		pause();
}

/* C12: a handler tells, through the file: there is nobody to wait for this child. */
static volatile sig_atomic_t death_came;

static void on_death(int sig)
{
	death_came = sig;
}

static void write_verdict(struct sm_cell *c, char verdict)
{
	FILE *f = fopen(c->arg, "we");

	if (!f)
		return;
	fputc(verdict, f);
	fclose(f);
}

static int death_witness(struct sm_cell *c)
{
	const struct sigaction sa = { .sa_handler = on_death };
	const struct timespec step = { SM_STEP_MS / 1000 - 1, 0 };
	sigset_t set, old;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &old);
	sigaction(SIGUSR1, &sa, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGUSR1))
		return sm_broken(c, "PR_SET_PDEATHSIG: %s", strerror(errno));
	c->answer.n[0] = getppid();
	sm_child_tell(c, "armed");
	write_verdict(c, sigtimedwait(&set, NULL, &step) == SIGUSR1 ? 's' : 't');
	return sm_holds(c, "done");
}

/* Kills the parent, waits until the child has ended, and reads what it wrote. */
static int orphan(struct sm_cell *c, struct sm_stand_in *s, char *verdict)
{
	int err = sm_stand_in_start(c, s);

	*verdict = '?';
	if (!err) {
		sm_stand_in_kill(s);
		err = sm_await_end(s->child, 2 * SM_STEP_MS);
	}
	if (!err && pread(s->fd, verdict, 1, 0) < 0)
		err = -errno;
	sm_stand_in_end(s);
	return err;
}

static int death_parent(struct sm_cell *c)
{
	struct sm_stand_in s;
	char verdict;
	int err = orphan(c, &s, &verdict);

	if (err)
		return sm_trouble(c, err, "a child whose parent is killed");
	return sm_judge(c, verdict == 's', "the parent was killed: %s",
			verdict == 's' ? "the child got its signal"
				       : "the child waited for its signal in vain");
}

/* C16: the parent has gone before the child arms. It compares getppid(), or gets the signal. */
static int death_late(struct sm_cell *c)
{
	const struct timespec step = { SM_STEP_MS / 1000 - 1, 0 };
	pid_t parent = getppid();
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	c->answer.n[0] = parent;
	sm_child_tell(c, "up");
	sm_child_await(); /* its end of file is the parent's death */
	if (prctl(PR_SET_PDEATHSIG, SIGUSR1))
		return sm_broken(c, "PR_SET_PDEATHSIG: %s", strerror(errno));
	if (getppid() != parent)
		write_verdict(c, 'p');
	else
		write_verdict(c, sigtimedwait(&set, NULL, &step) == SIGUSR1 ? 's' : 't');
	return sm_holds(c, "done");
}

static int death_race(struct sm_cell *c)
{
	struct sm_stand_in s;
	char verdict;
	int err = orphan(c, &s, &verdict);

	if (err)
		return sm_trouble(c, err, "a child that arms after its parent's death");
	return sm_judge(c, verdict == 'p' || verdict == 's',
			"the parent was killed first, then the child armed: %s",
			verdict == 'p' || verdict == 's' ? "detected"
							 : "neither getppid() nor a signal told");
}

/* C13 */
static int death_server(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a;
	struct sm_kid kid;
	int err = sm_kid_spawn(c, &kid, &req);

	if (!err)
		err = sm_kid_answer(c, &kid, &a);
	if (err)
		return sm_trouble(c, err, "a child");
	if (c->server <= 0) /* else it would be kill(0) */
		return sm_broken(c, "no server is known");
	kill(c->server, SIGKILL);
	err = sm_await_end(c->server, SM_STEP_MS);
	if (!err)
		sm_kid_say(&kid, 'x');
	if (!err)
		err = sm_kid_answer(c, &kid, &a);
	sm_kid_kill(c, &kid);
	sm_cell_stop(c); /* before the audit, which would count the dead one's descriptors */
	if (err && err != -EPIPE)
		return sm_trouble(c, err, "a child whose server is killed");
	return sm_judge(c, err == -EPIPE, "the server was killed: the child %s",
			err ? "ended" : "lives and answers");
}

/* C14 */
struct spawner {
	struct sm_cell *c;
	struct sm_kid kid;
	int err;
	int32_t tid;
};

static void *spawn_in_thread(void *arg)
{
	struct spawner *s = arg;
	struct sm_req req = sm_cell_req(s->c, NULL);
	struct sm_answer a;

	__atomic_store_n(&s->tid, (int32_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	s->err = sm_kid_spawn(s->c, &s->kid, &req);
	if (!s->err)
		s->err = sm_kid_answer(s->c, &s->kid, &a);
	return NULL;
}

/* pthread_join() may return before the kernel has told the thread's children of its end. */
static int await_task(int32_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d", tid);
	for (int i = 0; i < SM_STEP_MS; i++) {
		const struct timespec shortly = { 0, 1000000 };

		if (access(path, F_OK))
			return 0;
		nanosleep(&shortly, NULL);
	}
	return -ETIMEDOUT;
}

static int run_spawner(struct spawner *s)
{
	pthread_t thread;
	int err = pthread_create(&thread, NULL, spawn_in_thread, s);

	if (err)
		return -err;
	pthread_join(thread, NULL);
	err = await_task(s->tid);
	return s->err ? s->err : err;
}

static int death_thread(struct sm_cell *c)
{
	struct spawner s = { .c = c };
	int err = run_spawner(&s);

	if (!err)
		err = sm_kid_wait(c, &s.kid);
	sm_kid_kill(c, &s.kid);
	if (err)
		return sm_trouble(c, err, "a child of a thread that has ended");
	return sm_judge(c, WIFSIGNALED(s.kid.exit.status) && WTERMSIG(s.kid.exit.status) == SIGUSR1,
			"the parent lives, its thread that started all has ended: wait status %#x",
			s.kid.exit.status);
}

static int death_other_thread(struct sm_cell *c)
{
	struct spawner s = { .c = c };
	struct sm_answer a;
	int err = sm_cell_start(c);

	if (!err)
		err = run_spawner(&s);
	if (!err)
		sm_kid_say(&s.kid, 'x');
	if (!err)
		err = sm_kid_answer(c, &s.kid, &a);
	if (!err)
		err = sm_kid_wait(c, &s.kid);
	sm_kid_kill(c, &s.kid);
	if (err)
		return sm_trouble(c, err, "a child asked for by a thread that has ended");
	return sm_judge(
		c, s.kid.exit.status == 0,
		"the server was started by another thread than the one that asked and ended: "
		"the child is %s",
		a.text);
}

/* C15 */
static int death_setuid(struct sm_cell *c)
{
	int before, after;

	if (prctl(PR_SET_PDEATHSIG, SIGUSR1))
		return sm_broken(c, "PR_SET_PDEATHSIG: %s", strerror(errno));
	before = get_pdeathsig();
	if (setgid(NOBODY) || setuid(NOBODY))
		return sm_broken(c, "setuid: %s", strerror(errno));
	after = get_pdeathsig();
	return sm_judge(c, before == SIGUSR1 && after == 0,
			"armed with %d; after setuid it is %d, and has to be armed anew", before,
			after);
}

static const struct sm_check checks[] = {
	{
		.id = "signal.pdeathsig.inherited",
		.row = "C11",
		.claim = "the creator's PDEATHSIG is not the child's",
		.source = "prctl(2): cleared for the child of a fork; LTP prctl01; "
			  "linux:kernel/fork.c:copy_process",
		.level = SM_MUST,
		.in_creator = death_creator,
		.in_child = death_none,
	},
	{
		.id = "signal.pdeathsig.parent",
		.row = "C12",
		.claim = "PDEATHSIG, armed in the child, comes when the parent is killed",
		.source = "prctl(2) PR_SET_PDEATHSIG; linux:kernel/exit.c:forget_original_parent",
		.level = SM_MUST,
		.in_parent = death_parent,
		.in_child = death_witness,
	},
	{
		.id = "signal.pdeathsig.race",
		.row = "C16",
		.claim = "a child that arms after its parent's death can tell",
		.source = "prctl(2) PR_SET_PDEATHSIG; bubblewrap issue 730",
		.level = SM_MUST,
		.in_parent = death_race,
		.in_child = death_late,
	},
	{
		.id = "signal.pdeathsig.server",
		.row = "C13",
		.claim = "PDEATHSIG, armed in the child, comes when the server is killed",
		.source =
			"prctl(2): the death of the parent; linux:kernel/fork.c:copy_process real_parent",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.fails_with = SM_CHILD_OF_PARENT,
		.why = "the child's parent is the server's parent, and that lives",
		.in_parent = death_server,
		.in_child = death_armed,
	},
	{
		.id = "signal.pdeathsig.thread",
		.row = "C14",
		.claim = "PDEATHSIG comes when the thread ends that started strategy and child",
		.source = "prctl(2): the parent is the thread that created this process; "
			  "bubblewrap issue 692, golang issue 27505",
		.level = SM_MUST,
		.only = SM_CHILD_OF_PARENT,
		.in_parent = death_thread,
		.in_child = death_armed_deaf,
	},
	{
		.id = "signal.pdeathsig.thread.asks",
		.row = "C14",
		.claim =
			"PDEATHSIG goes by the thread that started the server, not by the one that asks",
		.source = "linux:kernel/fork.c:copy_process: real_parent = current->real_parent",
		.level = SM_SHOULD,
		.only = SM_OWN_SERVER,
		.in_parent = death_other_thread,
		.in_child = death_armed,
	},
	{
		.id = "signal.pdeathsig.setuid",
		.row = "C15",
		.claim = "a change of user disarms PDEATHSIG",
		.source = "prctl(2); linux:kernel/cred.c:commit_creds; nix issue 16152",
		.level = SM_SHOULD,
		.needs = SM_NEED(SM_F_ROOT),
		.in_child = death_setuid,
	},
};

SM_GROUP_AS(signal_death, "signal", "Signals", checks);
