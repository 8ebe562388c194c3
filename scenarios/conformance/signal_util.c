/* SPDX-License-Identifier: MIT */
/*
 * signal_util.c - see signal_util.h.
 */
#include "signal_util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "env_util.h"
#include "sys/sys.h"

/* What the stand-in tells; less than PIPE_BUF. */
struct told {
	int32_t err, stage;
	int32_t server, child, ppid;
};

_Noreturn static void be_parent(struct sm_cell *c, const char *path, int out)
{
	struct sm_req req = sm_cell_req(c, path);
	struct told told = { 0 };
	struct sm_answer a;
	struct sm_kid kid;

	told.err = sm_kid_spawn(c, &kid, &req);
	if (!told.err)
		told.err = sm_kid_answer(c, &kid, &a);
	told.stage = c->fault.stage;
	if (!told.err) {
		told.server = c->server;
		told.child = kid.child.pid;
		told.ppid = (int32_t)a.n[0];
	}
	sm_write_all(out, &told, sizeof(told));
	if (told.err) {
		sm_kid_kill(c, &kid);
		sm_cell_stop(c);
		_exit(0);
	}
	for (;;)
		pause();
}

int sm_stand_in_start(struct sm_cell *c, struct sm_stand_in *s)
{
	struct told told = { 0 };
	int ends[2], err;

	memset(s, 0, sizeof(*s));
	s->fd = sm_temp_path(s->path);
	if (s->fd < 0)
		return s->fd;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	s->pid = fork();
	if (s->pid == 0) {
		close(ends[0]);
		if (setpgid(0, 0) == 0)
			be_parent(c, s->path, ends[1]);
		_exit(1);
	}
	err = s->pid < 0 ? -errno : 0;
	close(ends[1]);
	if (!err)
		err = sm_read_all(ends[0], &told, sizeof(told), 2 * SM_STEP_MS);
	close(ends[0]);
	c->fault.stage = told.stage;
	c->fault.err = -told.err;
	s->server = told.server;
	s->child = told.child;
	s->ppid = told.ppid;
	return err ? err : told.err;
}

void sm_stand_in_kill(struct sm_stand_in *s)
{
	if (s->pid > 0)
		sm_kill_child(s->pid);
	s->pid = 0;
}

void sm_stand_in_end(struct sm_stand_in *s)
{
	const pid_t others[] = { s->child, s->server };

	sm_stand_in_kill(s);
	for (int i = 0; i < 2; i++) {
		if (others[i] <= 0 || sm_await_end(others[i], SM_STEP_MS) == 0)
			continue;
		kill(others[i], SIGKILL);
		sm_await_end(others[i], SM_STEP_MS);
	}
	if (s->fd >= 0) {
		unlink(s->path);
		close(s->fd);
	}
	s->fd = -1;
}

/* Into a session of its own, with the terminal behind master. 0 or -errno. */
static int take_terminal(int master)
{
	char name[64];
	int slave;

	if (setsid() < 0)
		return -errno;
	if (grantpt(master) || unlockpt(master) || ptsname_r(master, name, sizeof(name)))
		return -EIO;
	slave = open(name, O_RDWR | O_CLOEXEC);
	if (slave < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
		return -errno;
	return 0;
}

_Noreturn static void be_leader(struct sm_cell *c, int out,
				int (*half)(struct sm_cell *c, int master))
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	int err = master < 0 ? -errno : take_terminal(master);
	struct sm_answer verdict = { 0 };

	if (err)
		sm_broken(c, "no session with a terminal: %s", strerror(-err));
	else
		half(c, master);
	sm_cell_stop(c);
	verdict.observed = c->observed;
	verdict.feature = c->feature;
	memcpy(verdict.text, c->text, sizeof(verdict.text));
	sm_write_all(out, &verdict, sizeof(verdict));
	_exit(0);
}

int sm_in_session(struct sm_cell *c, int (*half)(struct sm_cell *c, int master))
{
	struct sm_answer verdict;
	int ends[2], err;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return sm_broken(c, "pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0)
		be_leader(c, ends[1], half);
	close(ends[1]);
	err = pid < 0 ? -EAGAIN : sm_read_all(ends[0], &verdict, sizeof(verdict), 2 * SM_STEP_MS);
	close(ends[0]);
	sm_kill_child(pid);
	if (err)
		return sm_broken(c, "the leader of the session: %s", strerror(-err));
	c->feature = verdict.feature;
	memcpy(c->text, verdict.text, sizeof(c->text));
	return c->observed = verdict.observed;
}

static int count_group(pid_t group)
{
	DIR *proc = opendir("/proc");
	int n = 0;

	if (!proc)
		return -errno;
	for (const struct dirent *e; (e = readdir(proc));) {
		pid_t pid = (pid_t)atoi(e->d_name);

		n += pid > 0 && sm_stat_of(pid, 5) == group && sm_await_end(pid, -1);
	}
	closedir(proc);
	return n;
}

int sm_await_no_group(pid_t group, int timeout_ms)
{
	int64_t end = sm_now_ns() + (int64_t)timeout_ms * 1000000;

	while (count_group(group)) {
		const struct timespec shortly = { 0, 1000000 };

		if (sm_now_ns() > end)
			return -ETIMEDOUT;
		nanosleep(&shortly, NULL);
	}
	return 0;
}

uint64_t sm_signals_of(pid_t pid, const char *key)
{
	return (uint64_t)sm_status_of(pid, key, 16);
}

int sm_signal_child(struct sm_cell *c)
{
	c->answer.n[0] = (int64_t)(sm_signals_of(getpid(), "SigBlk") & ~SM_LIBC_OWN);
	c->answer.n[1] = (int64_t)(sm_signals_of(getpid(), "SigCgt") & ~SM_LIBC_OWN);
	c->answer.n[2] = (int64_t)(sm_signals_of(getpid(), "SigIgn") & ~SM_LIBC_OWN);
	c->answer.n[3] =
		(int64_t)((sm_signals_of(getpid(), "SigPnd") | sm_signals_of(getpid(), "ShdPnd")) &
			  ~SM_LIBC_OWN);
	return sm_holds(c, "blocked %#llx, caught %#llx, ignored %#llx, pending %#llx",
			(long long)c->answer.n[0], (long long)c->answer.n[1],
			(long long)c->answer.n[2], (long long)c->answer.n[3]);
}
