/* SPDX-License-Identifier: MIT */
/*
 * fd_kernel.c - descriptors: what the kernel says of locks, pidfds and ranges.
 */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/sys.h"

/* ---- D09: locks of the creator ---- */

static const struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

static int creator_locks(struct sm_cell *c)
{
	char *path = c->board->bytes;
	int fd;

	snprintf(path, sizeof(c->board->bytes), "%s/lock-XXXXXX", sm_temp_dir());
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0 || fcntl(fd, F_SETLK, &whole) < 0)
		return sm_broken(c, "a locked file: %s", strerror(errno));
	c->board->n[0] = fd;
	return sm_holds(c, "locked");
}

/* n[0]: who has it, as the kernel tells a process that may not have it. */
static int child_asks(struct sm_cell *c)
{
	struct flock who = whole;
	const struct sm_board *board = sm_board(c);
	int fd = board ? open(board->bytes, O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0 || fcntl(fd, F_GETLK, &who) < 0)
		return sm_broken(c, "the locked file: %s", strerror(errno));
	c->answer.n[0] = who.l_type == F_UNLCK ? 0 : who.l_pid;
	close(fd); /* of its own locks, and of nobody else's */
	return sm_holds(c, "asked");
}

static int record_lock_stays(struct sm_cell *c)
{
	struct sm_answer first = { .observed = 0 }, second = { .observed = 0 };
	pid_t creator = 0;
	int err = sm_cell_start(c); /* the board is made: a request knows of it from now on */

	if (!err)
		err = sm_kid_ask(c, NULL, &first, NULL);
	if (!err)
		err = sm_kid_ask(c, NULL, &second, NULL);
	if (c->board) {
		creator = c->board->creator_pid;
		unlink(c->board->bytes);
		if (creator == getpid())
			close((int)c->board->n[0]);
	}
	if (err)
		return sm_trouble(c, err, "a child");
	if (first.observed != SM_HOLDS)
		return sm_broken(c, "%s", first.text);
	return sm_judge(c, first.n[0] == creator && second.n[0] == creator,
			"the creator %d has the lock; a child is told %lld, the next one %lld",
			creator, (long long)first.n[0], (long long)second.n[0]);
}

/* ---- D22 ---- */

static int pidfd_is_cloexec(struct sm_cell *c)
{
	int fd = -1, opened, born, flags;
	struct clone_args args = {
		.flags = CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&fd,
		.exit_signal = SIGCHLD,
	};
	pid_t pid = sm_raw_clone3(&args, sizeof(args));

	if (pid == 0)
		_exit(0);
	if (pid < 0)
		return sm_broken(c, "clone3: %s", strerror(-pid));
	born = fcntl(fd, F_GETFD);
	flags = (int)syscall(SYS_pidfd_open, pid, 0);
	opened = fcntl(flags, F_GETFD);
	close(flags);
	close(fd);
	sm_wait_child(pid, SM_STEP_MS, NULL);
	return sm_judge(c, born == FD_CLOEXEC && opened == FD_CLOEXEC,
			"F_GETFD: %d of clone3's, %d of pidfd_open's", born, opened);
}

/* ---- D23 ---- */

/* In a process whose table is shared with another: closing with UNSHARE is private. */
static int unshare_keeps_theirs(void *arg)
{
	int fd = *(const int *)arg;
	pid_t pid = sm_raw_clone(CLONE_FILES | SIGCHLD);

	if (pid == 0)
		_exit(syscall(SYS_close_range, fd, fd, CLOSE_RANGE_UNSHARE) < 0 ||
		      fcntl(fd, F_GETFD) >= 0);
	if (pid < 0 || sm_wait_child(pid, SM_STEP_MS, NULL))
		return 2;
	return fcntl(fd, F_GETFD) < 0;
}

static int closes_theirs(void *arg)
{
	int fd = *(const int *)arg;
	pid_t pid = sm_raw_clone(CLONE_FILES | SIGCHLD);

	if (pid == 0)
		_exit((int)syscall(SYS_close_range, fd, fd, 0));
	if (pid < 0 || sm_wait_child(pid, SM_STEP_MS, NULL))
		return 2;
	return fcntl(fd, F_GETFD) >= 0;
}

static int range_unshares(struct sm_cell *c)
{
	int fd = sm_temp_fd(), with, without;

	if (fd < 0)
		return sm_broken(c, "memfd: %s", strerror(-fd));
	with = sm_in_fork(unshare_keeps_theirs, &fd, SM_STEP_MS);
	without = sm_in_fork(closes_theirs, &fd, SM_STEP_MS);
	close(fd);
	return sm_judge(c, with == 0 && without == 0,
			"in a shared table: with CLOSE_RANGE_UNSHARE the other process %s its "
			"descriptor, without it %s",
			with ? "loses" : "keeps", without ? "keeps it" : "loses it");
}

static int range_marks(struct sm_cell *c)
{
	int fd = sm_temp_fd(), was, rc, now;

	if (fd < 0)
		return sm_broken(c, "memfd: %s", strerror(-fd));
	fcntl(fd, F_SETFD, 0);
	was = fcntl(fd, F_GETFD);
	rc = (int)syscall(SYS_close_range, fd, fd, CLOSE_RANGE_CLOEXEC);
	now = fcntl(fd, F_GETFD);
	close(fd);
	return sm_judge(c, rc == 0 && was == 0 && now == FD_CLOEXEC,
			"close_range says %d; F_GETFD was %d and is %d", rc, was, now);
}

static const struct sm_check checks[] = {
	{
		.id = "fd.lock.record",
		.row = "D09",
		.claim = "a record lock stays its creator's: no child has it, none can drop it",
		.source = "fork(2): record locks are not inherited; POSIX fork; LTP fork10",
		.level = SM_SHOULD,
		.in_parent = record_lock_stays,
		.in_creator = creator_locks,
		.in_child = child_asks,
	},
	{
		.id = "fd.pidfd.cloexec",
		.row = "D22",
		.claim = "a pidfd is close-on-exec from the beginning",
		.source = "pidfd_open(2); clone(2) CLONE_PIDFD; LTP pidfd_open01",
		.level = SM_SHOULD,
		.flags = SM_CHECK_ALONE,
		.needs =
			SM_NEED(SM_F_CLONE3) | SM_NEED(SM_F_CLONE_PIDFD) | SM_NEED(SM_F_PIDFD_OPEN),
		.in_parent = pidfd_is_cloexec,
	},
	{
		.id = "fd.range.unshare",
		.row = "D23",
		.claim = "close_range(2) with UNSHARE closes in the caller alone",
		.source = "close_range(2); LTP close_range01",
		.level = SM_MUST,
		.flags = SM_CHECK_ALONE,
		.needs = SM_NEED(SM_F_CLOSE_RANGE),
		.in_parent = range_unshares,
	},
	{
		.id = "fd.range.cloexec",
		.row = "D23",
		.claim = "close_range(2) with CLOEXEC marks and closes nothing",
		.source = "close_range(2); LTP close_range02",
		.level = SM_SHOULD,
		.flags = SM_CHECK_ALONE,
		.needs = SM_NEED(SM_F_CLOSE_RANGE_CLOEXEC),
		.in_parent = range_marks,
	},
};

SM_GROUP_AS(fd_kernel, "fd", "Descriptors and stdio", checks);
