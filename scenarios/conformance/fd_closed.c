/* SPDX-License-Identifier: MIT */
/*
 * fd_closed.c - descriptors: a parent without some of 0, 1, 2.
 */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd_util.h"
#include "sys/sys.h"

/* A byte through each pipe: stdin to stdout, and one to stderr. */
static int child_uses_stdio(struct sm_cell *c)
{
	int byte = sm_child_await();
	char text[256];

	if (byte < 0)
		return sm_fails(c, "stdin: %s", strerror(-byte));
	if (write(STDERR_FILENO, "e", 1) != 1)
		return sm_fails(c, "stderr: %s", strerror(errno));
	c->answer.n[0] = byte;
	c->answer.n[1] = sm_fd_list(0, text, sizeof(text));
	return sm_holds(c, "%s", text);
}

static int stdio_works(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a = { .observed = 0 };
	struct sm_kid kid;
	char e = 0;
	int err = sm_kid_spawn(c, &kid, &req);

	if (!err)
		err = sm_kid_say(&kid, 'i');
	if (!err)
		err = sm_kid_answer(c, &kid, &a);
	if (!err)
		err = sm_read_all(kid.child.err, &e, 1, SM_STEP_MS);
	if (!err)
		err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	if (err)
		return err;
	return a.observed == SM_HOLDS && a.n[0] == 'i' && e == 'e' ? 0 : -EIO;
}

/* Saves 0, 1, 2 above all else and closes those in set; the second call puts them back. */
static void close_stdio(unsigned int set, int saved[3])
{
	for (int i = 0; i < 3; i++)
		saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 100);
	for (int i = 0; i < 3; i++) {
		if (set & 1u << i)
			close(i);
	}
}

static void restore_stdio(unsigned int set, const int saved[3])
{
	for (int i = 0; i < 3; i++) {
		if (saved[i] < 0)
			continue;
		if (set & 1u << i)
			dup2(saved[i], i);
		close(saved[i]);
	}
}

/* The server's stdin and stdout are /dev/null, its stderr is the parent's where there is one. */
static int look_at_server(const struct sm_cell *c, unsigned int set, const int saved[3])
{
	struct stat st, null;

	if (c->server <= 0)
		return 0;
	if (stat("/dev/null", &null) < 0)
		return -errno;
	for (int i = 0; i < 3; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", c->server, i);
		if (stat(path, &st) < 0)
			return -errno;
		if (st.st_rdev == null.st_rdev && S_ISCHR(st.st_mode))
			continue;
		if (i < 2 || set & 4 || st.st_ino != sm_fd_inode(saved[2]))
			return -EBADFD;
	}
	return 0;
}

/* A strategy that starts without them may put its own there: it is stopped before they return. */
static int without_stdio(struct sm_cell *c, bool start_before)
{
	for (unsigned int set = 1; set < 8; set++) {
		int saved[3];
		int err = start_before && !c->started ? sm_cell_start(c) : 0;

		close_stdio(set, saved);
		if (!err)
			err = stdio_works(c);
		if (!err)
			err = look_at_server(c, start_before ? 0 : set, saved);
		if (!start_before)
			sm_cell_stop(c);
		restore_stdio(set, saved);
		if (err) {
			char what[64];

			snprintf(what, sizeof(what), "with %s%s%sclosed in the parent",
				 set & 1 ? "0 " : "", set & 2 ? "1 " : "", set & 4 ? "2 " : "");
			return sm_trouble(c, err, what);
		}
	}
	return sm_holds(c, "a byte each through stdin, stdout and stderr in all 7 cases");
}

static int spawns_without_stdio(struct sm_cell *c)
{
	return without_stdio(c, true);
}

static int starts_without_stdio(struct sm_cell *c)
{
	return without_stdio(c, false);
}

static const struct sm_check checks[] = {
	{
		.id = "fd.stdio.closed-at-spawn",
		.row = "D02",
		.claim = "a child's stdio works when its parent has closed any of 0, 1, 2",
		.source = "CPython test_subprocess test_close_fd_0_1_2",
		.level = SM_MUST,
		.in_parent = spawns_without_stdio,
		.in_child = child_uses_stdio,
	},
	{
		.id = "fd.stdio.closed-at-start",
		.row = "D02",
		.claim = "the same when the strategy starts in such a parent",
		.source = "CPython test_subprocess test_close_fd_0_1_2; bpo-32844",
		.level = SM_MUST,
		.in_parent = starts_without_stdio,
		.in_child = child_uses_stdio,
	},
};

SM_GROUP_AS(fd_closed, "fd", "Descriptors and stdio", checks);
