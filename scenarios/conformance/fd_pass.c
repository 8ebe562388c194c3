/* SPDX-License-Identifier: MIT */
/*
 * fd_pass.c - descriptors that a request hands to its child: where they arrive, and what parent
 * and child share by them.
 *
 * Each is a memory file of its own. The child writes the number that it has there into it, far
 * behind what else may be written, so that the parent can see which file arrived where.
 */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fd_util.h"
#include "sys/sys.h"

#define MARK_AT (1 << 16)
#define FILES   4

/* SM_ARG: the numbers to mark. n[0]: how many are open in all. */
static int child_marks(struct sm_cell *c)
{
	char text[512];

	for (const char *at = c->arg; *at; at += strspn(at, ",")) {
		size_t n = strcspn(at, ",");
		int fd = atoi(at);

		if (pwrite(fd, at, n, MARK_AT) != (ssize_t)n)
			return sm_fails(c, "%d: %s", fd, strerror(errno));
		if (fcntl(fd, F_GETFD) & FD_CLOEXEC)
			return sm_fails(c, "%d is close-on-exec", fd);
		at += n;
	}
	c->answer.n[0] = sm_fd_list(0, text, sizeof(text));
	return sm_holds(c, "%s", text);
}

static int open_files(int files[FILES])
{
	int err = 0;

	for (int i = 0; i < FILES; i++) {
		files[i] = sm_temp_fd();
		if (files[i] < 0)
			err = files[i];
	}
	return err;
}

static void close_files(const int files[FILES])
{
	for (int i = 0; i < FILES; i++) {
		if (files[i] >= 0)
			close(files[i]);
	}
}

/* The number that the child had this file at; -1: it had not. */
static int mark_of(int file)
{
	char text[16] = "";
	ssize_t n = pread(file, text, sizeof(text) - 1, MARK_AT);

	return n > 0 ? atoi(text) : -1;
}

/* A child with these descriptors, to its end. 0 or -errno; *kid is done with. */
static int run_with(struct sm_cell *c, struct sm_kid *kid, const struct sm_req_fd *fds, uint32_t n)
{
	char arg[128] = "";
	size_t at = 0;
	struct sm_req req;
	struct sm_answer a = { .observed = SM_HOLDS };
	int err;

	for (uint32_t i = 0; i < n; i++)
		at += (size_t)snprintf(arg + at, sizeof(arg) - at, "%s%d", i ? "," : "",
				       fds[i].dst);
	req = sm_cell_req(c, arg);
	req.fields = SM_REQ_FDS;
	req.fds = fds;
	req.nfds = n;
	err = sm_kid_spawn(c, kid, &req);
	if (!err && kid->child.out >= 0)
		err = sm_kid_answer(c, kid, &a);
	if (!err)
		err = sm_kid_wait(c, kid);
	if (!err && (a.observed != SM_HOLDS || kid->exit.status)) {
		snprintf(c->fault.text, sizeof(c->fault.text), "%.200s", a.text);
		err = -EBADFD;
	}
	sm_kid_kill(c, kid);
	return err;
}

/* ---- D03 ---- */

static const int orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
				  { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

/* The parent's own 0, 1, 2 are what is permuted. -EBADMSG: a file went elsewhere. */
static int permute(struct sm_cell *c, const int order[3], const int files[FILES])
{
	struct sm_req_fd fds[3];
	struct sm_kid kid;
	int saved[3], err;

	for (int i = 0; i < 3; i++) {
		fds[i] = (struct sm_req_fd){ .src = i, .dst = order[i] };
		saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 100);
		dup2(files[i], i);
	}
	err = run_with(c, &kid, fds, 3);
	for (int i = 0; i < 3; i++) {
		if (saved[i] >= 0) {
			dup2(saved[i], i);
			close(saved[i]);
		} else {
			close(i);
		}
		if (!err && mark_of(files[i]) != order[i])
			err = -EBADMSG;
	}
	return err;
}

static int all_orders(struct sm_cell *c)
{
	int err = sm_cell_start(c);

	for (int i = 0; i < 6 && !err; i++) {
		int files[FILES];

		err = open_files(files);
		if (!err)
			err = permute(c, orders[i], files);
		close_files(files);
		if (err == -EBADMSG)
			return sm_fails(c, "0, 1, 2 to %d, %d, %d: a file went elsewhere",
					orders[i][0], orders[i][1], orders[i][2]);
	}
	if (err)
		return sm_trouble(c, err, "the parent's 0, 1, 2 as the child's");
	return sm_holds(c, "the parent's 0, 1, 2 went to the child's in all 6 orders");
}

/* A ring above all that a host has open: each number is a source and a destination. */
static int ring(struct sm_cell *c)
{
	static const int at[FILES] = { 60, 61, 62, 63 };
	struct sm_req_fd fds[FILES];
	struct sm_kid kid;
	int files[FILES], marks[FILES];
	int err = open_files(files);

	for (int i = 0; i < FILES && !err; i++) {
		dup2(files[i], at[i]);
		fds[i] = (struct sm_req_fd){ .src = at[i], .dst = at[(i + 1) % FILES] };
	}
	if (!err)
		err = run_with(c, &kid, fds, FILES);
	for (int i = 0; i < FILES; i++) {
		marks[i] = mark_of(files[i]);
		close(at[i]);
	}
	close_files(files);
	if (err)
		return sm_trouble(c, err, "four descriptors in a ring");
	return sm_judge(c, marks[0] == 61 && marks[1] == 62 && marks[2] == 63 && marks[3] == 60,
			"60, 61, 62, 63 to 61, 62, 63, 60: they arrived at %d, %d, %d, %d",
			marks[0], marks[1], marks[2], marks[3]);
}

/* ---- D04, D06 ---- */

/* child_marks() fails where one is close-on-exec. */
static int same_number(struct sm_cell *c)
{
	const struct sm_req_fd fds[1] = { { .src = 50, .dst = 50 } };
	struct sm_kid kid;
	int files[FILES], mark;
	int err = open_files(files);

	if (!err && dup3(files[0], 50, O_CLOEXEC) < 0)
		err = -errno;
	if (!err)
		err = run_with(c, &kid, fds, 1);
	mark = mark_of(files[0]);
	close(50);
	close_files(files);
	if (err)
		return sm_trouble(c, err, "a close-on-exec descriptor to its own number");
	return sm_judge(c, mark == 50, "50, close-on-exec, to 50: arrived at %d, inheritable",
			mark);
}

static int chosen_numbers(struct sm_cell *c)
{
	struct sm_req_fd fds[] = { { 0, 3 }, { 0, 9 }, { 0, 200 }, { 0, 31 }, { 0, 30 } };
	struct sm_answer a;
	struct sm_req req;
	int files[FILES], marks[FILES] = { 0 };
	int err = open_files(files);

	for (int i = 0; i < FILES; i++)
		fds[i].src = files[i];
	fds[4].src = files[3]; /* twice the same source */
	req = sm_cell_req(c, "3,9,200,31");
	req.fields = SM_REQ_FDS;
	req.fds = fds;
	req.nfds = 5;
	if (!err)
		err = sm_kid_ask_req(c, &req, &a, NULL);
	for (int i = 0; i < FILES; i++)
		marks[i] = mark_of(files[i]);
	close_files(files);
	if (err)
		return sm_trouble(c, err, "five descriptors at chosen numbers");
	return sm_judge(c,
			a.observed == SM_HOLDS && marks[0] == 3 && marks[1] == 9 &&
				marks[2] == 200 && marks[3] == 31 &&
				(a.n[0] == 8 || c->ops->traits & SM_NEGATIVE_CONTROL),
			"asked for at 3, 9, 200, 31 and once more at 30: arrived at %d, %d, %d, "
			"%d; the child has %lld open: %s",
			marks[0], marks[1], marks[2], marks[3], (long long)a.n[0], a.text);
}

/* ---- E18 ---- */

static int too_many(struct sm_cell *c)
{
	static struct sm_req_fd fds[300];
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a;
	int file = sm_temp_fd(), err, stage, next;

	for (int i = 0; i < 300; i++)
		fds[i] = (struct sm_req_fd){ .src = file, .dst = 3 + i };
	req.fields = SM_REQ_FDS;
	req.fds = fds;
	req.nfds = 300;
	err = sm_kid_try(c, &req);
	stage = c->fault.stage;
	close(file);
	if (err == -EOPNOTSUPP)
		return sm_trouble(c, err, "300 descriptors");
	next = sm_kid_ask(c, "", &a, NULL);
	if (next)
		return sm_trouble(c, next, "a child after one with 300 descriptors");
	return sm_judge(
		c, err == -EMSGSIZE,
		"300 descriptors, one message takes 253: stage %s, %s; the next spawn works",
		sm_stage_name(stage), err ? strerror(-err) : "a child");
}

static const struct sm_check checks[] = {
	{
		.id = "fd.pass.permuted",
		.row = "D03",
		.claim = "the parent's 0, 1, 2 become the child's in any order",
		.source = "CPython test_subprocess test_swap_fds; libuv "
			  "spawn_stdout_and_stderr_to_file_swap",
		.level = SM_MUST,
		.in_parent = all_orders,
		.in_child = child_marks,
	},
	{
		.id = "fd.pass.ring",
		.row = "D03",
		.claim = "descriptors whose sources and destinations form a ring arrive in place",
		.source = "CPython test_subprocess test_swap_fds; dup2(2)",
		.level = SM_MUST,
		.in_parent = ring,
		.in_child = child_marks,
	},
	{
		.id = "fd.pass.same",
		.row = "D04",
		.claim =
			"a close-on-exec descriptor that keeps its number arrives without the mark",
		.source = "POSIX posix_spawn_file_actions_adddup2, fildes equals newfildes",
		.level = SM_MUST,
		.in_parent = same_number,
		.in_child = child_marks,
	},
	{
		.id = "fd.pass.numbers",
		.row = "D06",
		.claim = "descriptors above 2 arrive at the numbers asked for, and no others",
		.source = "CPython test_subprocess test_pass_fds; libuv "
			  "spawn_stdio_greater_than_3",
		.level = SM_MUST,
		.in_parent = chosen_numbers,
		.in_child = child_marks,
	},
	{
		.id = "fd.pass.too-many",
		.row = "E18",
		.claim =
			"more descriptors than one message takes are refused, and nothing is spent",
		.source = "unix(7) SCM_MAX_FD; CPython forkserver MAXFDS_TO_SEND",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.in_parent = too_many,
		.in_child = child_marks,
	},
};

SM_GROUP_AS(fd_pass, "fd", "Descriptors and stdio", checks);
