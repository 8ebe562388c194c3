/* SPDX-License-Identifier: MIT */
/*
 * fd_share.c - descriptors: what parent and children share by a file that a request hands over.
 */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* ---- D05, D07: one description ---- */

static int child_writes_both(struct sm_cell *c)
{
	if (write(STDOUT_FILENO, "out,", 4) != 4 || write(STDERR_FILENO, "err,", 4) != 4)
		return sm_fails(c, "write: %s", strerror(errno));
	return sm_holds(c, "written");
}

static int one_description(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_req_fd fds[2] = { { 0, STDOUT_FILENO }, { 0, STDERR_FILENO } };
	struct sm_kid kid;
	char text[9] = "";
	int file = sm_temp_fd(), err;

	fds[0].src = fds[1].src = file;
	req.fields = SM_REQ_FDS;
	req.fds = fds;
	req.nfds = 2;
	err = sm_kid_spawn(c, &kid, &req);
	if (!err)
		err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	if (!err && pread(file, text, 8, 0) < 0)
		err = -errno;
	close(file);
	if (err)
		return sm_trouble(c, err, "one file as stdout and stderr");
	return sm_judge(c, !strcmp(text, "out,err,") && kid.exit.status == 0,
			"\"out,\" to stdout and \"err,\" to stderr, one file: it begins with "
			"\"%s\"",
			text);
}

/* The next four bytes of its stdin. */
static int child_reads(struct sm_cell *c)
{
	char text[5] = "";

	if (read(STDIN_FILENO, text, 4) != 4)
		return sm_fails(c, "read: %s", strerror(errno));
	memcpy(&c->answer.n[0], text, 4);
	return sm_holds(c, "read %s", text);
}

static int offset_is_shared(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_req_fd fds[1] = { { 0, STDIN_FILENO } };
	char got[2][5] = { "", "" };
	int file = sm_temp_fd(), err = 0;
	off_t end;

	if (file < 0 || write(file, "oneXtwoYend", 11) != 11 || lseek(file, 0, SEEK_SET) < 0)
		err = -EIO;
	fds[0].src = file;
	req.fields = SM_REQ_FDS;
	req.fds = fds;
	req.nfds = 1;
	for (int i = 0; i < 2 && !err; i++) {
		struct sm_answer a;

		err = sm_kid_ask_req(c, &req, &a, NULL);
		if (!err)
			memcpy(got[i], &a.n[0], 4);
	}
	end = lseek(file, 0, SEEK_CUR);
	close(file);
	if (err)
		return sm_trouble(c, err, "a file as stdin of two children");
	return sm_judge(c, !strcmp(got[0], "oneX") && !strcmp(got[1], "twoY") && end == 8,
			"the first child read \"%s\", the second \"%s\"; the parent stands at %lld",
			got[0], got[1], (long long)end);
}

/* ---- D09, D24 ---- */

/* A flock is the description's: whoever has it, has the lock; the last to close it drops it. */
static int child_keeps(struct sm_cell *c)
{
	sm_child_tell(c, "holds it");
	sm_child_await();
	return sm_holds(c, "let it go");
}

/* Through a description of its own: is the file locked? */
static bool is_locked(int file)
{
	char path[64];
	bool locked;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	fd = open(path, O_RDWR | O_CLOEXEC);
	locked = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	if (fd >= 0)
		close(fd);
	return locked;
}

static int flock_is_shared(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_req_fd fds[1] = { { 0, 20 } };
	int file = sm_temp_fd(), other = -1, err = 0;
	bool held = false, after = true;
	struct sm_answer a;
	struct sm_kid kid = { .child = { .in = -1, .out = -1, .err = -1, .pidfd = -1 },
			      .reaped = true };
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	other = open(path, O_RDWR | O_CLOEXEC);
	if (file < 0 || other < 0 || flock(file, LOCK_EX) < 0)
		err = -errno;
	fds[0].src = file;
	req.fields = SM_REQ_FDS;
	req.fds = fds;
	req.nfds = 1;
	if (!err)
		err = sm_kid_spawn(c, &kid, &req);
	if (!err)
		err = sm_kid_answer(c, &kid, &a);
	close(file);
	if (!err) {
		held = is_locked(other);
		err = sm_kid_wait(c, &kid);
		after = is_locked(other);
	}
	sm_kid_kill(c, &kid);
	close(other);
	if (err)
		return sm_trouble(c, err, "a locked file for a child");
	return sm_judge(c, held && !after,
			"the parent locked it, gave it to a child and closed it: %s while the "
			"child lives, %s when it has ended",
			held ? "locked" : "free", after ? "still locked" : "free");
}

static int child_unblocks(struct sm_cell *c)
{
	if (fcntl(20, F_SETFL, fcntl(20, F_GETFL) | O_NONBLOCK) < 0)
		return sm_broken(c, "fcntl: %s", strerror(errno));
	return sm_holds(c, "set O_NONBLOCK");
}

static int flags_are_shared(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_req_fd fds[1] = { { 0, 20 } };
	int ends[2], set, err;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return sm_broken(c, "pipe: %s", strerror(errno));
	fds[0].src = ends[1];
	req.fields = SM_REQ_FDS;
	req.fds = fds;
	req.nfds = 1;
	err = sm_kid_verdict(c, &req);
	set = fcntl(ends[1], F_GETFL) & O_NONBLOCK;
	close(ends[0]);
	close(ends[1]);
	if (err != SM_HOLDS)
		return err;
	return sm_judge(c, !set,
			"the child set O_NONBLOCK on a pipe that it was given; the "
			"parent's %s",
			set ? "has it now" : "has it not");
}

static const struct sm_check checks[] = {
	{
		.id = "fd.pass.one-file",
		.row = "D05",
		.claim = "stdout and stderr can be one file with one offset",
		.source = "CPython test_subprocess test_stdout_stderr_are_single_inout_fd",
		.level = SM_MUST,
		.in_parent = one_description,
		.in_child = child_writes_both,
	},
	{
		.id = "fd.pass.offset",
		.row = "D07",
		.claim = "parent and children share the offset of a file that is passed",
		.source = "open(2): the offset is the description's; LTP fork10",
		.level = SM_MUST,
		.in_parent = offset_is_shared,
		.in_child = child_reads,
	},
	{
		.id = "fd.lock.flock",
		.row = "D09",
		.claim = "a flock goes with the file that is passed, until the child ends",
		.source = "flock(2): the lock is the description's",
		.level = SM_MUST,
		.in_parent = flock_is_shared,
		.in_child = child_keeps,
	},
	{
		.id = "fd.pass.nonblock",
		.row = "D24",
		.claim = "O_NONBLOCK that a child sets on what it was given stays its own",
		.source = "open(2): status flags are the description's, hence shared",
		.level = SM_RECORD,
		.in_parent = flags_are_shared,
		.in_child = child_unblocks,
	},
};

SM_GROUP_AS(fd_share, "fd", "Descriptors and stdio", checks);
