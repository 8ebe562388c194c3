/* SPDX-License-Identifier: MIT */
/*
 * fd.c - descriptors and stdio: what is open in a child when it begins.
 *
 * Part of the group; the others are fd_*.c.
 */
#include "group.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "fd_util.h"

#define STRANGERS 3
#define HIGHEST   300
#define ROOM      400 /* and some beside it */

/* Room for them. False, with the verdict: this user may not have it. */
static bool have_room(struct sm_cell *c)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < ROOM) {
		limit.rlim_cur = limit.rlim_max < ROOM ? limit.rlim_max : ROOM;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= ROOM)
		return true;
	sm_skips(c, SM_F_NONE, "needs %d descriptors: RLIMIT_NOFILE is %llu", ROOM,
		 (unsigned long long)limit.rlim_max);
	return false;
}

/* Descriptors that nobody has declared for a child, far from each other and inheritable. */
static int open_strangers(int fds[STRANGERS])
{
	static const int least[STRANGERS] = { 3, 77, HIGHEST };
	int fd = sm_temp_fd();

	for (int i = 0; i < STRANGERS; i++)
		fds[i] = fd < 0 ? -1 : sm_fd_expose(fd, least[i]);
	if (fd >= 0)
		close(fd);
	return fds[STRANGERS - 1] < 0 ? -EMFILE : 0;
}

static void close_strangers(const int fds[STRANGERS])
{
	for (int i = 0; i < STRANGERS; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
}

/* D01: before the strategy starts and again before the child is asked for. */
static int open_at_entry(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	int early[STRANGERS], late[STRANGERS], err;

	if (!have_room(c))
		return c->observed;
	err = open_strangers(early);
	if (err)
		return sm_broken(c, "descriptors of the parent: %s", strerror(-err));
	err = sm_cell_start(c);
	if (err) {
		close_strangers(early);
		return sm_trouble(c, err, "start");
	}
	open_strangers(late);
	sm_kid_verdict(c, &req);
	close_strangers(early);
	close_strangers(late);
	return c->observed;
}

/* ---- what the creator has open ---- */

/* The board gets them; one that could not be made is -1. */
static int creator_keeps(struct sm_cell *c, const int *fds, int n)
{
	int made = 0;

	c->board->n[0] = n;
	for (int i = 0; i < n; i++) {
		c->board->n[1 + i] = fds[i];
		made += fds[i] >= 0;
	}
	c->board->n[SM_NUMBERS - 1] = made;
	return sm_holds(c, "%d open", made);
}

static int creator_opens(struct sm_cell *c)
{
	int fds[STRANGERS], err;

	if (!have_room(c))
		return c->observed;
	err = open_strangers(fds);
	if (err)
		return sm_broken(c, "descriptors of the creator: %s", strerror(-err));
	return creator_keeps(c, fds, STRANGERS);
}

/* What in_creator opened in this process is closed again: it is the parent's audit that counts. */
static void creator_closes(struct sm_cell *c)
{
	if (!c->board || c->board->creator_pid != getpid())
		return;
	for (int64_t i = 0; i < c->board->n[0]; i++)
		close((int)c->board->n[1 + i]);
}

/* D01, D17, D25: the same of the process that clones. */
static int creators_are_closed(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);

	sm_kid_verdict(c, &req);
	creator_closes(c);
	return c->observed;
}

/* D17: descriptors that are more than files. */
static int creator_watches(struct sm_cell *c)
{
	sigset_t usr2;
	int fds[5];

	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	fds[0] = epoll_create1(0);
	fds[1] = signalfd(-1, &usr2, 0);
	fds[2] = timerfd_create(CLOCK_MONOTONIC, 0);
	fds[3] = eventfd(0, 0);
	fds[4] = inotify_init1(0);
	return creator_keeps(c, fds, 5);
}

/* D25: those that lead into the creator's memory. Either may be denied (sysctls, seccomp). */
static int creator_maps(struct sm_cell *c)
{
	struct io_uring_params params = { .flags = 0 };
	int fds[2];

	fds[0] = (int)syscall(SYS_io_uring_setup, 1, &params);
	fds[1] = (int)syscall(SYS_userfaultfd, UFFD_USER_MODE_ONLY);
	if (fds[0] < 0 && fds[1] < 0)
		return sm_skips(c, SM_F_ROOT, "neither io_uring nor userfaultfd: %s",
				strerror(errno));
	/* io_uring's is close-on-exec by itself; a child that is cloned has to do without that. */
	return creator_keeps(c, fds, 2);
}

/* D21: the limit is lowered below a descriptor that is open. */
static int creator_lowers_limit(struct sm_cell *c)
{
	struct rlimit limit;
	int fd, err;

	if (!have_room(c))
		return c->observed;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return sm_broken(c, "RLIMIT_NOFILE: %s", strerror(errno));
	c->board->n[8] = (int64_t)limit.rlim_cur;
	err = creator_opens(c);
	if (err != SM_HOLDS)
		return err;
	fd = (int)c->board->n[STRANGERS];
	limit.rlim_cur = 64;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return sm_broken(c, "RLIMIT_NOFILE: %s", strerror(errno));
	return sm_holds(c, "%d is open, the limit is 64", fd);
}

static int above_limit_are_closed(struct sm_cell *c)
{
	struct rlimit limit;

	creators_are_closed(c);
	if (c->board && c->board->creator_pid == getpid() &&
	    getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = (rlim_t)c->board->n[8];
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	return c->observed;
}

/* D01: what the parent has open is no affair of the server's either. */
static int server_is_clean(struct sm_cell *c)
{
	int ends[2], fd, err, held;

	if (pipe(ends) < 0)
		return sm_broken(c, "pipe: %s", strerror(errno));
	fd = sm_fd_expose(ends[1], 200);
	err = sm_cell_start(c);
	held = err ? 0 : sm_fd_holds(c->server, sm_fd_inode(ends[1]));
	close(ends[0]);
	close(ends[1]);
	close(fd);
	if (err)
		return sm_trouble(c, err, "start");
	return sm_judge(c, held == 0,
			"the parent had both ends of a pipe inheritable, and one twice; the server "
			"holds %d of them",
			held);
}

#define COPIES "fork(2): the child's descriptors are copies of all of the parent's"

static const struct sm_check checks[] = {
	{
		.id = "fd.open.entry",
		.row = "D01",
		.claim = "0, 1, 2 are open in a child and nothing that its parent has",
		.source = "CPython test_subprocess test_close_fds; close_range(2)",
		.level = SM_MUST,
		.fails_with = SM_NEGATIVE_CONTROL,
		.why = COPIES,
		.in_parent = open_at_entry,
		.in_child = sm_fd_child_lists,
	},
	{
		.id = "fd.open.creator",
		.row = "D01",
		.claim = "0, 1, 2 are open in a child and nothing that its creator's program has",
		.source = "CPython test_subprocess test_close_fds; close_range(2)",
		.level = SM_MUST,
		.fails_with = SM_NEGATIVE_CONTROL,
		.why = COPIES,
		.in_parent = creators_are_closed,
		.in_creator = creator_opens,
		.in_child = sm_fd_child_lists,
	},
	{
		.id = "fd.open.server",
		.row = "D01",
		.claim = "the server has no descriptor of the parent's but its own channel",
		.source = "execve(2): descriptors stay open; close_range(2)",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.in_parent = server_is_clean,
	},
	{
		.id = "fd.open.watchers",
		.row = "D17",
		.claim =
			"a child has no epoll, signalfd, timerfd, eventfd or inotify of its creator",
		.source = "epoll(7): the set is shared by copies; CPython forkserver._serve_one",
		.level = SM_MUST,
		.fails_with = SM_NEGATIVE_CONTROL,
		.why = COPIES,
		.in_parent = creators_are_closed,
		.in_creator = creator_watches,
		.in_child = sm_fd_child_lists,
	},
	{
		.id = "fd.open.lowered-limit",
		.row = "D21",
		.claim = "descriptors above a RLIMIT_NOFILE that was lowered are closed as well",
		.source = "CPython test_subprocess test_close_fds_when_max_fd_is_lowered",
		.level = SM_MUST,
		.without = SM_NEGATIVE_CONTROL,
		.in_parent = above_limit_are_closed,
		.in_creator = creator_lowers_limit,
		.in_child = sm_fd_child_lists,
	},
	{
		.id = "fd.open.memory",
		.row = "D25",
		.claim = "a child has no io_uring and no userfaultfd of its creator",
		.source = "userfaultfd(2); io_uring_setup(2): both act on the creator's memory",
		.level = SM_MUST,
		.fails_with = SM_NEGATIVE_CONTROL,
		.why = COPIES,
		.in_parent = creators_are_closed,
		.in_creator = creator_maps,
		.in_child = sm_fd_child_lists,
	},
};

SM_GROUP(fd, "Descriptors and stdio", checks);
