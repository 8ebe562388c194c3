/* SPDX-License-Identifier: MIT */
/*
 * limit.c - limits and failure injection: a creator that may make no more processes, or has no
 * memory, and programs that cannot be run.
 *
 * Part of the group; the others are limit_*.c.
 */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cgroup_util.h"
#include "sys/sys.h"

/* A spawn that must not go well. Its error; c->fault says more. */
static int fail_to_spawn(struct sm_cell *c)
{
	const struct sm_req req = sm_cell_req(c, NULL);

	return sm_kid_try(c, &req);
}

/* The verdict after one that failed so, and `next`, which a spawn without the limit returned. */
static int judge_failure(struct sm_cell *c, int err, int want, int stage, int next,
			 const char *what)
{
	return sm_judge(c, err == want && stage == SM_STAGE_CLONE && !next,
			"%s: stage %s, %s; without the limit the next spawn %s%s", what,
			sm_stage_name(stage), err ? strerror(-err) : "a child",
			next ? "fails: " : "works", next ? strerror(-next) : "");
}

/* ---- K01: RLIMIT_NPROC counts the creator's user ---- */

/* A user that nobody is, and back: without saved 0 there would be no way. */
static int become(uid_t uid)
{
	return setresuid(uid, uid, 0) < 0 ? -errno : 0;
}

/* Two processes for a user that nobody is: the creator itself and one more. */
static int creator_is_limited(struct sm_cell *c)
{
	const uid_t uid = 1000000000u + (uid_t)getpid();
	struct rlimit limit;
	int err;

	if (getrlimit(RLIMIT_NPROC, &limit) < 0)
		return sm_broken(c, "getrlimit: %s", strerror(errno));
	c->board->n[0] = uid;
	c->board->n[1] = (int64_t)limit.rlim_cur;
	limit.rlim_cur = 2;
	if (setrlimit(RLIMIT_NPROC, &limit) < 0)
		return sm_broken(c, "setrlimit: %s", strerror(errno));
	err = become(uid);
	if (err)
		return sm_broken(c, "setresuid: %s", strerror(-err));
	return sm_holds(c, "uid %u may have 2 processes", uid);
}

/* One more of that user, until it is killed. Its pid or -errno. */
static pid_t occupy(uid_t uid)
{
	pid_t pid = fork();

	if (pid)
		return pid < 0 ? -errno : pid;
	if (getuid() != uid && setresuid(uid, uid, uid) < 0)
		_exit(1);
	raise(SIGSTOP);
	_exit(0);
}

static void be_root_again(struct sm_cell *c)
{
	struct rlimit limit;

	if (!c->board || c->board->creator_pid != getpid())
		return;
	if (setresuid(0, 0, 0) == 0 && getrlimit(RLIMIT_NPROC, &limit) == 0) {
		limit.rlim_cur = (rlim_t)c->board->n[1];
		setrlimit(RLIMIT_NPROC, &limit);
	}
}

static int processes_are_limited(struct sm_cell *c)
{
	struct sm_answer a;
	pid_t other;
	int err = sm_cell_start(c), stage, next;

	if (err) {
		be_root_again(c);
		return sm_trouble(c, err, "start");
	}
	other = occupy((uid_t)c->board->n[0]);
	if (other > 0) /* stopped: it has that user now */
		err = sm_await_state(other, 'T', SM_STEP_MS);
	if (other < 0 || err) {
		sm_kill_child(other);
		be_root_again(c);
		return sm_broken(c, "a second process of that user: %s",
				 strerror(other < 0 ? -other : -err));
	}
	err = fail_to_spawn(c);
	stage = c->fault.stage;
	sm_kill_child(other);
	be_root_again(c);
	next = sm_kid_ask(c, NULL, &a, NULL);
	return judge_failure(c, err, -EAGAIN, stage, next,
			     "the creator's user has as many processes as RLIMIT_NPROC allows it");
}

/* ---- K02, K05: control groups of the creator ---- */

static pid_t creator_of(const struct sm_cell *c)
{
	return c->server > 0 ? c->server : getpid();
}

static int no_group(struct sm_cell *c, struct sm_group *group, int err, enum sm_feature feature)
{
	sm_group_drop(group);
	return sm_skips(c, feature, "a control group: %s", strerror(-err));
}

static int pids_are_limited(struct sm_cell *c)
{
	struct sm_group group;
	struct sm_answer a;
	int err = sm_cell_start(c), stage, next;

	if (err)
		return sm_trouble(c, err, "start");
	err = sm_group_make(&group, "pids");
	if (!err)
		err = sm_group_put(&group, "pids.max", "1");
	if (!err)
		err = sm_group_enter(&group, creator_of(c));
	if (err)
		return no_group(c, &group, err, SM_F_CGROUP_PIDS);
	err = fail_to_spawn(c);
	stage = c->fault.stage;
	sm_group_put(&group, "pids.max", "max");
	next = sm_kid_ask(c, NULL, &a, NULL);
	sm_group_leave(&group, creator_of(c));
	sm_cell_stop(c); /* children made ahead meanwhile are in the group */
	sm_group_drop(&group);
	return judge_failure(c, err, -EAGAIN, stage, next, "the creator's group has pids.max 1");
}

/* What happens is the kernel's choice: an error, or a process is killed. But it has an end. */
static int memory_is_limited(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_group group;
	struct sm_answer a;
	struct sm_kid kid;
	int err = sm_cell_start(c), first, next;

	if (err)
		return sm_trouble(c, err, "start");
	err = sm_group_make(&group, "memory");
	if (!err)
		err = sm_group_put(&group, group.v2 ? "memory.max" : "memory.limit_in_bytes",
				   "16384");
	if (!err)
		err = sm_group_enter(&group, c->server);
	if (err)
		return no_group(c, &group, err, SM_F_CGROUP_MEMORY);
	first = sm_kid_spawn(c, &kid, &req);
	if (!first)
		first = sm_kid_answer(c, &kid, &a);
	sm_kid_kill(c, &kid);
	sm_group_put(&group, group.v2 ? "memory.max" : "memory.limit_in_bytes",
		     group.v2 ? "max" : "-1");
	sm_group_leave(&group, c->server);
	next = sm_kid_ask(c, NULL, &a, NULL);
	if (next == -EPIPE) { /* the server was the one to be killed */
		err = sm_cell_restart(c);
		next = err ? err : sm_kid_ask(c, NULL, &a, NULL);
	}
	sm_cell_stop(c); /* as above */
	sm_group_drop(&group);
	return sm_judge(c, first && first != -ETIMEDOUT && !next,
			"a server that may have 16 KiB more: the spawn %s; without the limit the "
			"next one %s",
			!first                ? "works"
			: first == -ETIMEDOUT ? "says nothing"
					      : "fails",
			next ? strerror(-next) : "works");
}

/* ---- K07: programs that cannot be run ---- */

enum target { ABSENT, PLAIN, JUNK, BUSY, LOOP, UNDER_A_FILE, LONG };

static const struct {
	enum target target;
	int err, or_err;
	const char *what;
} targets[] = {
	{ ABSENT, ENOENT, 0, "no such file" },
	{ PLAIN, EACCES, 0, "a file without the x bit" },
	{ JUNK, ENOEXEC, EACCES, "a file of junk" }, /* EACCES: $TMPDIR is mounted noexec */
	{ BUSY, ETXTBSY, ENOEXEC, "a file open for writing" }, /* Linux 6.11 had no ETXTBSY */
	{ LOOP, ELOOP, 0, "a link to itself" },
	{ UNDER_A_FILE, ENOTDIR, 0, "a path through a file" },
	{ LONG, E2BIG, 0, "an argument of 33 pages" },
};
/* The kernel's MAX_ARG_STRLEN is 32 of them; of 64 KiB at most. */
#define LONG_PAGES 33
#define PAGE_MOST  65536

/* Makes what path shall be. A descriptor that is to stay open meanwhile, -1, or -errno - 1. */
static int make_target(enum target target, char *path, size_t size)
{
	int fd = -1;

	snprintf(path, size, "%s/target-%d", sm_temp_dir(), getpid());
	if (target == LOOP)
		return symlink(path, path) < 0 ? -errno - 1 : -1;
	if (target == PLAIN || target == JUNK || target == BUSY) {
		fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC,
			  target == PLAIN ? 0644 : 0755);
		if (fd < 0 || write(fd, "\1junk\n", 6) != 6)
			return -errno - 1;
		if (target != BUSY) {
			close(fd);
			fd = -1;
		}
	}
	if (target == UNDER_A_FILE)
		snprintf(path, size, "/dev/null/payload");
	return fd;
}

static int run_target(struct sm_cell *c, const char *path, const char *arg)
{
	const char *argv[] = { path, arg, NULL };
	const char *const *was = c->argv;
	int err;

	c->argv = argv;
	c->fault.stage = SM_STAGE_NONE;
	err = fail_to_spawn(c);
	c->argv = was;
	sm_cell_stop(c);
	return err;
}

static int exec_is_told(struct sm_cell *c)
{
	static char huge[LONG_PAGES * PAGE_MOST + 1];
	const int n = (int)(sizeof(targets) / sizeof(targets[0]));
	const size_t bytes = LONG_PAGES * (size_t)sysconf(_SC_PAGESIZE);

	memset(huge, 'x', bytes < sizeof(huge) ? bytes : sizeof(huge) - 1);
	for (int i = 0; i < n; i++) {
		char path[256];
		int fd = make_target(targets[i].target, path, sizeof(path));
		int err;

		if (fd < -1)
			return sm_broken(c, "%s: %s", path, strerror(-fd - 1));
		err = targets[i].target == LONG ? run_target(c, c->argv[0], huge)
						: run_target(c, path, NULL);
		if (fd >= 0)
			close(fd);
		if (targets[i].target != UNDER_A_FILE)
			unlink(path);
		if (err == -EOPNOTSUPP) /* no program at all is its payload */
			return sm_trouble(c, err, targets[i].what);
		if (c->fault.stage != SM_STAGE_EXEC ||
		    (err != -targets[i].err && err != -targets[i].or_err))
			return sm_fails(c, "%s: stage %s, %s; expected exec, %s", targets[i].what,
					sm_stage_name(c->fault.stage),
					err ? strerror(-err) : "a child", strerror(targets[i].err));
	}
	return sm_holds(c, "%d ways in which exec fails, each told with its errno", n);
}

static const struct sm_check checks[] = {
	{
		.id = "limit.nproc",
		.row = "K01",
		.claim = "RLIMIT_NPROC of the creator's user is told as EAGAIN, and passes",
		.source = "fork(2) EAGAIN; linux:kernel/fork.c:copy_process",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_ROOT),
		.in_parent = processes_are_limited,
		.in_creator = creator_is_limited,
	},
	{
		.id = "limit.pids-max",
		.row = "K02",
		.claim = "pids.max of the creator's group is told as EAGAIN, and passes",
		.source = "linux:kernel/cgroup/pids.c:pids_can_fork; LTP controllers/pids",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_CGROUP_PIDS),
		.in_parent = pids_are_limited,
	},
	{
		.id = "limit.memory-max",
		.row = "K05",
		.claim =
			"a server without memory fails a spawn in bounded time, and can be replaced",
		.source = "cgroups: memory.max; linux:mm/memcontrol.c",
		.level = SM_SHOULD,
		.needs = SM_NEED(SM_F_CGROUP_MEMORY),
		.only = SM_OWN_SERVER,
		.in_parent = memory_is_limited,
	},
	{
		.id = "limit.exec",
		.row = "K07",
		.claim = "a program that cannot be run is told with stage exec and its errno",
		.source = "execve(2) errors; LTP execve02, execve03, execve04",
		.level = SM_MUST,
		.without = SM_PARENT_LOADS,
		.in_parent = exec_is_told,
	},
};

SM_GROUP(limit, "Limits and failure injection", checks);
