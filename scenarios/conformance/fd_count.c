/* SPDX-License-Identifier: MIT */
/*
 * fd_count.c - descriptors: how many there are when children come, go and fail, and whose they
 * are while siblings live.
 */
#include "group.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fd_util.h"
#include "sys/sys.h"

static int child_holds(struct sm_cell *c)
{
	char text[900];
	int n = sm_fd_list(0, text, sizeof(text));

	c->answer.n[0] = n;
	sm_child_tell(c, "%s", text);
	sm_child_await(); /* let go by a byte or by end of file */
	return sm_holds(c, "%s", text);
}

struct counts {
	int parent, server;
};

static struct counts count(const struct sm_cell *c)
{
	sm_cell_rest(c);
	return (struct counts){ sm_count_fds(getpid()),
				c->server > 0 ? sm_count_fds(c->server) : 0 };
}

/* A server closes and reaps a moment after it has answered: waits until the counts are the same. */
static struct counts settled(const struct sm_cell *c, struct counts want)
{
	int64_t end = sm_now_ns() + INT64_C(2000000000);
	struct counts now;

	do {
		now = count(c);
	} while ((now.parent != want.parent || now.server != want.server) && sm_now_ns() < end);
	return now;
}

static int judge_counts(struct sm_cell *c, struct counts was, int n, const char *what)
{
	struct counts now = settled(c, was);

	return sm_judge(c, now.parent == was.parent && now.server == was.server,
			"%d %s: the parent had %d and has %d, the server had %d and has %d", n,
			what, was.parent, now.parent, was.server, now.server);
}

/* D10, D12 */
static int constant_over_spawns(struct sm_cell *c)
{
	int n = c->thorough ? 10000 : 50;
	struct counts was;
	int err = sm_cell_start(c);

	if (err)
		return sm_trouble(c, err, "start");
	was = count(c);
	for (int i = 0; i < n; i++) {
		struct sm_answer a;

		err = sm_kid_ask(c, NULL, &a, NULL);
		if (err)
			return sm_trouble(c, err, "a child");
	}
	return judge_counts(c, was, n, "spawns");
}

/* A directory that does not exist: an exec'd child fails before its exec, a clone says so. */
static int fail_in_directory(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a;
	struct sm_kid kid;
	int err;

	req.cwd = "/proc/self/no-such-directory";
	err = sm_kid_spawn(c, &kid, &req);
	if (err)
		return c->fault.err == ENOENT ? 0 : err; /* which stage, env.cwd.missing asks */
	err = sm_kid_answer(c, &kid, &a);
	if (err == -EIO && c->fault.stage == SM_STAGE_CHDIR && c->fault.err == ENOENT)
		err = sm_kid_wait(c, &kid);
	else
		err = err ? err : -ENOTRECOVERABLE;
	sm_kid_kill(c, &kid);
	return err;
}

/* Arguments that no strategy and no kernel takes: one string of 4 MiB. */
static int fail_by_size(struct sm_cell *c, const char *huge)
{
	struct sm_req req = sm_cell_req(c, NULL);
	const char *args[] = { huge, NULL };
	int err;

	req.args = args;
	err = sm_kid_try(c, &req);
	return err == -E2BIG ? 0 : err ? err : -ENOTRECOVERABLE;
}

/* D11 */
static int constant_over_failures(struct sm_cell *c)
{
	static char huge[4 << 20];
	int n = c->thorough ? 5000 : 25;
	bool copies = c->ops->traits & SM_PARENT_LOADS; /* takes arguments of any size */
	struct counts was;
	int err = sm_cell_start(c);

	if (err)
		return sm_trouble(c, err, "start");
	memset(huge, 'x', sizeof(huge) - 1);
	was = count(c);
	for (int i = 0; i < n; i++) {
		err = fail_in_directory(c);
		if (err)
			return sm_trouble(c, err, "a directory that is not there");
		err = copies ? 0 : fail_by_size(c, huge);
		if (err)
			return sm_trouble(c, err, "an argument of 4 MiB");
	}
	return judge_counts(c, was, copies ? n : 2 * n, "failed spawns");
}

/* D08: a child closes all that it has while its creator goes on. */
static int child_closes(struct sm_cell *c)
{
	sm_child_tell(c, "closes all");
	sm_close_from(0, STDOUT_FILENO);
	return sm_holds(c, "closed all but stdout");
}

static int close_is_private(struct sm_cell *c)
{
	struct counts was;
	int err = sm_cell_start(c);

	if (err)
		return sm_trouble(c, err, "start");
	was = count(c);
	for (int i = 0; i < 3; i++) {
		struct sm_answer a;

		err = sm_kid_ask(c, NULL, &a, NULL);
		if (err)
			return sm_trouble(c, err, "a child after one that closed all");
	}
	return judge_counts(c, was, 3, "children that closed all they had");
}

/* ---- siblings ---- */

#define SIBLINGS_MAX 100

/* Children that are held: all of them, or -errno and none. */
static int hold(struct sm_cell *c, struct sm_kid *kids, int n, struct sm_answer *last)
{
	struct sm_req req = sm_cell_req(c, NULL);

	for (int i = 0; i < n; i++) {
		int err = sm_kid_up(c, &kids[i], &req, last);

		if (err) {
			while (i > 0)
				sm_kid_kill(c, &kids[--i]);
			return err;
		}
	}
	return 0;
}

static void let_go(struct sm_cell *c, struct sm_kid *kids, int n)
{
	for (int i = 0; i < n; i++)
		sm_kid_close_in(&kids[i]);
	for (int i = 0; i < n; i++) {
		if (!kids[i].reaped)
			sm_kid_wait(c, &kids[i]);
		sm_kid_kill(c, &kids[i]);
	}
}

/* D13, D16 */
static int no_ends_of_siblings(struct sm_cell *c)
{
	struct sm_kid kids[4];
	struct sm_answer last;
	int err = hold(c, kids, 4, &last);

	if (err)
		return sm_trouble(c, err, "four children");
	let_go(c, kids, 4);
	return sm_judge(c, last.n[0] == 3, "the fourth, while three live, has %lld open: %s",
			(long long)last.n[0], last.text);
}

/* One of the middle: elder and younger siblings could have its ends. */
#define ONE 6

/* D14 */
static int eof_on_exit(struct sm_cell *c)
{
	static struct sm_kid kids[SIBLINGS_MAX + 1];
	int n = c->thorough ? SIBLINGS_MAX : 12;
	struct sm_answer last;
	bool out, err_ends;
	int err = hold(c, kids, n + 1, &last);

	if (err)
		return sm_trouble(c, err, "children");
	kill(kids[ONE].child.pid, SIGKILL);
	out = sm_fd_ends(kids[ONE].child.out);
	err_ends = sm_fd_ends(kids[ONE].child.err);
	let_go(c, kids, n + 1);
	return sm_judge(c, out && err_ends,
			"one was killed with %d siblings alive: end of file on stdout %s, "
			"on stderr %s",
			n, out ? "came" : "did not come", err_ends ? "came" : "did not come");
}

/* D14, the other way: the child must see that its parent has closed. */
static int eof_on_close(struct sm_cell *c)
{
	static struct sm_kid kids[13];
	struct sm_answer last;
	int patience_ms;
	bool ended;
	int err = hold(c, kids, 13, &last);

	if (err)
		return sm_trouble(c, err, "children");
	sm_kid_close_in(&kids[ONE]);
	/* The control waits for what does not come: no longer than it has to. */
	patience_ms = c->ops->traits & SM_NEGATIVE_CONTROL ? 200 : SM_STEP_MS / 2;
	ended = sm_await_end(kids[ONE].child.pid, patience_ms) == 0;
	if (!ended)
		for (int i = 0; i < 13; i++)
			sm_kid_kill(c, &kids[i]);
	else
		let_go(c, kids, 13);
	return sm_judge(c, ended,
			"the parent closed one's stdin with 12 siblings alive: "
			"end of file %s",
			ended ? "came" : "did not come");
}

/* D15, D16: nothing but the server has an end of what the parent reads from. */
static int death_is_seen(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_kid kids[3], more;
	struct sm_answer last;
	int err = hold(c, kids, 3, &last), told = 0;
	bool replaced;

	if (err)
		return sm_trouble(c, err, "three children");
	if (c->server > 0)
		kill(c->server, SIGKILL);
	sm_await_end(c->server, SM_STEP_MS);
	req.timeout_ms = SM_STEP_MS / 2; /* less than the three wait for their parent */
	err = sm_kid_spawn(c, &more, &req);
	replaced = c->ops->server(c->self) != c->server;
	if (!err)
		sm_kid_kill(c, &more);
	if (!(c->ops->traits & SM_CHILD_OF_PARENT)) {
		struct sm_exit exit = { .size = sizeof(exit) };

		told = c->ops->wait(c->self, &kids[0].child, SM_STEP_MS, &exit);
		kids[0].reaped = told != -ETIMEDOUT;
	}
	for (int i = 0; i < 3; i++) {
		sm_kid_close_in(&kids[i]);
		sm_kid_kill(c, &kids[i]);
	}
	sm_cell_stop(c);
	return sm_judge(c, (err == -EPIPE || (!err && replaced)) && (told == 0 || told == -EPIPE),
			"the server was killed with three children alive: the next spawn %s, a "
			"wait says %s",
			!err ? "has a new one" : strerror(-err),
			told ? strerror(-told) : "nothing");
}

#define COPIES "fork(2): later children get copies of the parent's ends of earlier pipes"

static const struct sm_check checks[] = {
	{
		.id = "fd.close.private",
		.row = "D08",
		.claim = "a child that closes its descriptors closes no other process's",
		.source = "fork(2): copies of the set; clone(2) CLONE_FILES; LTP fork08",
		.level = SM_SHOULD,
		.in_parent = close_is_private,
		.in_child = child_closes,
	},
	{
		.id = "fd.count.spawns",
		.row = "D10",
		.claim = "parent and server have as many descriptors after many spawns as before",
		.source = "CPython test_subprocess test_no_leaking; cpython#70919",
		.level = SM_MUST,
		.in_parent = constant_over_spawns,
	},
	{
		.id = "fd.count.failures",
		.row = "D11",
		.claim = "they have as many after spawns that fail",
		.source = "CPython test_subprocess test_leaking_fds_on_error",
		.level = SM_MUST,
		.in_parent = constant_over_failures,
	},
	{
		.id = "fd.open.siblings",
		.row = "D13",
		.claim = "a child has no end of a living sibling's pipes",
		.source = "CPython test_subprocess test_pipe_cloexec; bpo-26732",
		.level = SM_MUST,
		.fails_with = SM_NEGATIVE_CONTROL,
		.why = COPIES,
		.in_parent = no_ends_of_siblings,
		.in_child = child_holds,
	},
	{
		.id = "fd.eof.exit",
		.row = "D14",
		.claim = "end of file comes when a child ends, though siblings live",
		.source = "pipe(7); bpo-26732",
		.level = SM_MUST,
		.in_parent = eof_on_exit,
		.in_child = child_holds,
	},
	{
		.id = "fd.eof.close",
		.row = "D14",
		.claim = "a child sees that its parent has closed its stdin, though siblings live",
		.source = "pipe(7); CPython test_subprocess test_pipe_cloexec",
		.level = SM_MUST,
		.fails_with = SM_NEGATIVE_CONTROL,
		.why = COPIES,
		.in_parent = eof_on_close,
		.in_child = child_holds,
	},
	{
		.id = "fd.eof.server",
		.row = "D15",
		.claim = "the server's death is seen at once, though its children live",
		.source = "unix(7): end of file comes when the last copy is closed; bpo-26732",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.in_parent = death_is_seen,
		.in_child = child_holds,
	},
};

SM_GROUP_AS(fd_count, "fd", "Descriptors and stdio", checks);
