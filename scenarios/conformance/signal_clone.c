/* SPDX-License-Identifier: MIT */
/*
 * signal_clone.c - signals that meet a clone: terminals, groups, fatal ones, clone3's own flag.
 */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "env_util.h"
#include "signal_util.h"
#include "sys/sys.h"

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ULL
#endif

static int disposition(int sig)
{
	struct sigaction sa;

	if (sigaction(sig, NULL, &sa))
		return -1;
	return sa.sa_handler == SIG_DFL ? 0 : sa.sa_handler == SIG_IGN ? 1 : 2;
}

static void on_nothing(int sig)
{
	(void)sig;
}

/* C09 */
static int clear_sighand(struct sm_cell *c)
{
	struct clone_args args = { .flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD };
	struct sm_exit end = { .size = sizeof(end) };
	pid_t pid;
	int err;

	signal(SIGUSR1, on_nothing);
	signal(SIGUSR2, SIG_IGN);
	pid = sm_raw_clone3(&args, sizeof(args));
	if (pid == 0)
		_exit(disposition(SIGUSR1) * 10 + disposition(SIGUSR2));
	err = pid < 0 ? pid : sm_wait_child(pid, SM_STEP_MS, &end);
	if (err)
		return sm_trouble(c, err, "clone3(CLONE_CLEAR_SIGHAND)");
	return sm_judge(c, end.status == 1 << 8,
			"caught became %d (0: default, 2: caught), ignored became %d (1: ignored)",
			WEXITSTATUS(end.status) / 10, WEXITSTATUS(end.status) % 10);
}

/* C10. A kernel that took it would run the child on the caller's stack: hence in a fork. */
static int clear_shared(void *arg)
{
	struct clone_args args = {
		.flags = CLONE_VM | CLONE_VFORK | CLONE_SIGHAND | CLONE_CLEAR_SIGHAND,
		.exit_signal = SIGCHLD,
	};
	pid_t pid = sm_raw_clone3(&args, sizeof(args));

	(void)arg;
	if (pid == 0)
		_exit(0);
	return pid == -EINVAL ? 1 : 2;
}

static int clear_einval(struct sm_cell *c)
{
	int got = sm_in_fork(clear_shared, NULL, SM_STEP_MS);

	return sm_judge(c, got == 1, "clone3(CLONE_SIGHAND | CLONE_CLEAR_SIGHAND): %s",
			got == 1 ? "EINVAL" : "not refused with EINVAL");
}

/* C17 */
static int tty_child(struct sm_cell *c)
{
	const struct timespec step = { SM_STEP_MS / 1000 - 1, 0 };
	int was = disposition(SIGINT), got;
	sigset_t set;

	if (strcmp(c->arg, "wait"))
		return sm_holds(c, "ran");
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sm_child_tell(c, "up");
	got = sigtimedwait(&set, NULL, &step);
	return sm_judge(c, was == 0 && got == SIGINT, "the child's SIGINT was %s, and %s",
			was == 0 ? "at its default" : "not at its default",
			got == SIGINT ? "arrived" : "did not arrive");
}

static bool spared(pid_t pid)
{
	return (sm_signals_of(pid, "SigBlk") | sm_signals_of(pid, "SigIgn") |
		sm_signals_of(pid, "SigCgt")) &
	       1U << (SIGINT - 1);
}

/*
 * Whom ^C would end: the server, which a strategy may replace in silence, or an idle child, which works
 * for nobody yet. 0: nobody. They are asked: when who has died is seen to be dead is a race.
 */
static pid_t exposed(const struct sm_cell *c, pid_t child)
{
	pid_t idle[256];
	int n = c->ops->spares ? c->ops->spares(c->self, idle, 256) : 0;

	if (c->server > 0 && c->server != child && !spared(c->server))
		return c->server;
	for (int i = 0; i < n && i < 256; i++)
		if (!spared(idle[i]))
			return idle[i];
	return 0;
}

static int interrupt(struct sm_cell *c, int master)
{
	struct sm_req req = sm_cell_req(c, "wait");
	struct sm_answer a = { 0 };
	struct sm_kid kid;
	pid_t other = 0;
	int err;

	signal(SIGINT, on_nothing); /* this one is the parent, and lives */
	err = sm_kid_spawn(c, &kid, &req);
	if (!err)
		err = sm_kid_answer(c, &kid, &a);
	if (!err)
		other = exposed(c, kid.child.pid);
	if (!err && write(master, "\003", 1) != 1)
		err = -errno;
	if (!err)
		err = sm_kid_answer(c, &kid, &a);
	if (err) {
		sm_kid_kill(c, &kid);
		return sm_trouble(c, err, "a child that waits for ^C");
	}
	if (a.observed != SM_HOLDS) {
		sm_kid_kill(c, &kid);
		return sm_fails(c, "%s", a.text);
	}
	sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	err = sm_kid_ask(c, "again", &(struct sm_answer){ 0 }, NULL);
	if (other)
		return sm_fails(c, "^C ends %s %d: it neither blocks, ignores nor catches it",
				other == c->server ? "the server" : "idle child", (int)other);
	return sm_judge(c, !err, "^C on the terminal: %s; the next request is %s", a.text,
			err ? "refused: the server is gone" : "served");
}

static int tty_interrupt(struct sm_cell *c)
{
	return sm_in_session(c, interrupt);
}

/* C19 */
#define ROUNDS     6
#define GROUP_KIDS 48

static void pause_us(unsigned int us)
{
	int64_t end = sm_now_ns() + us * 1000;

	while (sm_now_ns() < end)
		;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* Lives until a signal ends it, which is the question. */
static int group_child(struct sm_cell *c)
{
	sm_child_tell(c, "up");
	alarm(2 * SM_STEP_MS / 1000);
	pause();
	return sm_fails(c, "pause() has returned");
}

/* A parent in a group of its own, with a $TMPDIR of its own, that makes children until it ends. */
_Noreturn static void spawn_on(struct sm_cell *c, const char *tmp, int out)
{
	static struct sm_kid kids[GROUP_KIDS];
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a;

	if (setpgid(0, 0) || setenv("TMPDIR", tmp, 1) || sm_cell_start(c))
		_exit(1);
	sm_write_all(out, "x", 1);
	for (int i = 0; i < GROUP_KIDS; i++)
		if (sm_kid_spawn(c, &kids[i], &req) || sm_kid_answer(c, &kids[i], &a))
			break;
	for (;;)
		pause();
}

/* Ends a whole group while it spawns. 0; -ETIMEDOUT: somebody of it goes on. */
static int end_group(struct sm_cell *c, const char *tmp, unsigned int us)
{
	int ends[2], err;
	char byte;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		spawn_on(c, tmp, ends[1]);
	close(ends[1]);
	err = pid < 0 ? -EAGAIN : sm_read_all(ends[0], &byte, 1, SM_STEP_MS);
	close(ends[0]);
	if (!err) {
		pause_us(us);
		kill(-pid, SIGTERM);
	}
	sm_kill_child(pid);
	if (!err)
		err = sm_await_no_group(pid, SM_STEP_MS);
	if (err && pid > 0)
		kill(-pid, SIGKILL);
	return err;
}

static int group_signal(struct sm_cell *c)
{
	char tmp[128];
	int err = 0, i;

	snprintf(tmp, sizeof(tmp), "%s/group-XXXXXX", sm_temp_dir());
	if (!mkdtemp(tmp))
		return sm_broken(c, "mkdtemp: %s", strerror(errno));
	for (i = 0; i < ROUNDS && !err; i++)
		err = end_group(c, tmp, 1000 + (unsigned int)i * 331);
	nftw(tmp, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	if (err && err != -ETIMEDOUT)
		return sm_broken(c, "a parent that spawns on: %s", strerror(-err));
	return sm_judge(c, !err, "SIGTERM to the group of a parent that spawns, %d times: %s", i,
			err ? "somebody of the group goes on" : "nobody of the group goes on");
}

/* C20 */
static int fatal_creator(struct sm_cell *c)
{
	return setpgid(0, 0) ? sm_broken(c, "setpgid: %s", strerror(errno))
			     : sm_holds(c, "in a group of its own");
}

/* Kills the server after a while, from beside. A raw clone: no fork handlers, no shared state. */
static pid_t kill_later(pid_t server, unsigned int us)
{
	pid_t pid = sm_raw_clone(SIGCHLD);

	if (pid == 0) {
		pause_us(us);
		kill(server, SIGKILL);
		_exit(0);
	}
	return pid;
}

static int kill_once(struct sm_cell *c, unsigned int us)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a;
	pid_t server, killer;
	int err = sm_cell_start(c);

	if (err)
		return err;
	server = c->server;
	killer = kill_later(server, us);
	/* A strategy may start another one in its place. */
	while (c->ops->server(c->self) == server && !sm_ask_one(c, &req, &a))
		;
	sm_wait_child(killer, SM_STEP_MS, NULL);
	sm_cell_stop(c);
	err = sm_await_no_group(server, SM_STEP_MS);
	while (waitpid(-1, NULL, WNOHANG | __WALL) > 0) /* whom the server could not tell of */
		;
	if (err)
		kill(-server, SIGKILL);
	return err;
}

static int fatal_server(struct sm_cell *c)
{
	int err = 0, i;

	for (i = 0; i < ROUNDS && !err; i++)
		err = kill_once(c, 300 + (unsigned int)i * 173);
	if (err && err != -ETIMEDOUT)
		return sm_trouble(c, err, "a server that is to be killed");
	return sm_judge(c, !err, "the server was killed while it served, %d times: %s", i,
			err ? "a child of it is left" : "no child of it is left");
}

static const struct sm_check checks[] = {
	{
		.id = "signal.clear-sighand",
		.row = "C09",
		.claim =
			"CLONE_CLEAR_SIGHAND: what is caught becomes default, what is ignored stays so",
		.source = "clone(2); linux:tools/testing/selftests/clone3/clone3_clear_sighand.c",
		.level = SM_MUST,
		.flags = SM_CHECK_ALONE,
		.needs = SM_NEED(SM_F_CLONE3) | SM_NEED(SM_F_CLEAR_SIGHAND),
		.in_parent = clear_sighand,
	},
	{
		.id = "signal.clear-sighand.shared",
		.row = "C10",
		.claim = "CLONE_CLEAR_SIGHAND beside CLONE_SIGHAND is refused with EINVAL",
		.source = "clone(2); linux:kernel/fork.c:clone3_args_valid",
		.level = SM_MUST,
		.flags = SM_CHECK_ALONE,
		.needs = SM_NEED(SM_F_CLONE3) | SM_NEED(SM_F_CLEAR_SIGHAND),
		.in_parent = clear_einval,
	},
	{
		.id = "signal.tty.interrupt",
		.row = "C17",
		.claim = "^C on the terminal reaches the child at its default and ends no server",
		.source =
			"CPython multiprocessing/forkserver.py:main, test_forkserver_sigint; termios(3)",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_TTY),
		.in_parent = tty_interrupt,
		.in_child = tty_child,
	},
	{
		.id = "signal.group.during",
		.row = "C19",
		.claim =
			"a signal to the group of a parent that spawns misses no child that is being made",
		.source = "linux:kernel/fork.c:copy_process, delayed signals of multiprocess forks",
		.level = SM_MUST,
		.in_parent = group_signal,
		.in_child = group_child,
	},
	{
		.id = "signal.fatal.server",
		.row = "C20",
		.claim =
			"a server that is killed while it makes children leaves none that lives on",
		.source = "linux:kernel/fork.c:copy_process, fatal_signal_pending; signal(7)",
		.level = SM_SHOULD,
		.only = SM_OWN_SERVER,
		.in_parent = fatal_server,
		.in_creator = fatal_creator,
	},
};

SM_GROUP_AS(signal_clone, "signal", "Signals", checks);
