/* SPDX-License-Identifier: MIT */
/*
 * limit_fds.c - limits: a full table of descriptors, at every step of a spawn in turn.
 *
 * RLIMIT_NOFILE is lowered so that exactly k more can be opened, for k = 0, 1, 2 … until a spawn
 * goes well: so each allocation on its path fails once. In the parent and in the server.
 */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fd_util.h"
#include "sys/sys.h"

/* A spawn that needs more than so many is not what is meant here. */
#define STEPS_MAX 40

static bool is_open(pid_t pid, int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
	return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The limit with which pid can open k more. */
static rlim_t room_for(pid_t pid, int k)
{
	rlim_t limit = 0;

	for (;; limit++) {
		if (!is_open(pid, (int)limit) && k-- == 0)
			return limit;
	}
}

/* What a step has to leave as it was. */
struct tally {
	int parent, server, children;
};

static struct tally tally(const struct sm_cell *c)
{
	return (struct tally){ sm_count_fds(getpid()), c->server > 0 ? sm_count_fds(c->server) : 0,
			       sm_count_children(getpid(), NULL) };
}

static bool is_as_before(const struct sm_cell *c, struct tally was)
{
	int64_t end = sm_now_ns() + INT64_C(2000000000);
	struct tally now;

	do {
		now = tally(c);
	} while (memcmp(&now, &was, sizeof(now)) && sm_now_ns() < end);
	return !memcmp(&now, &was, sizeof(now));
}

/* What is seen on the way up. */
struct climb {
	pid_t pid;        /* whose table is short */
	uint32_t stages;  /* bits of enum sm_stage: where it failed */
	int failed, told; /* spawns that failed; children that could not begin */
};

/*
 * One spawn with room for k. 1: it went well. 0: it failed as it should, or its child had no room
 * for its own program. Negative: c has the verdict.
 */
static int step(struct sm_cell *c, struct climb *up, int k, rlim_t soft)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct tally was = tally(c);
	struct sm_answer a;
	struct sm_kid kid;
	int err, answered = 0;

	sm_fd_limit(up->pid, room_for(up->pid, k), NULL);
	err = sm_kid_spawn(c, &kid, &req);
	if (!err)
		answered = sm_kid_answer(c, &kid, &a);
	sm_fd_limit(up->pid, soft, NULL);
	sm_kid_kill(c, &kid);
	if (!is_as_before(c, was)) {
		struct tally now = tally(c);

		sm_fails(c,
			 "room for %d: stage %s, %s; descriptors of the parent %d, then %d, of "
			 "the server %d, %d; children %d, %d",
			 k, sm_stage_name(c->fault.stage), strerror(-err), was.parent, now.parent,
			 was.server, now.server, was.children, now.children);
		return -1;
	}
	if (err && (err != -EMFILE || c->fault.stage == SM_STAGE_NONE)) {
		sm_fails(c, "room for %d: stage %s, %s; expected a stage and EMFILE", k,
			 sm_stage_name(c->fault.stage), strerror(-err));
		return -1;
	}
	if (answered == -ETIMEDOUT) {
		sm_fails(c, "room for %d: the child neither answers nor ends", k);
		return -1;
	}
	up->failed += err != 0;
	up->told += !err && answered;
	if (err)
		up->stages |= 1u << c->fault.stage;
	return !err && !answered;
}

static void name_stages(uint32_t stages, char *text, size_t size)
{
	size_t at = 0;

	for (int i = 0; i < 32; i++) {
		if (stages & 1u << i && at < size)
			at += (size_t)snprintf(text + at, size - at, "%s%s", at ? ", " : "",
					       sm_stage_name(i));
	}
}

static int climb(struct sm_cell *c, struct climb *up)
{
	struct rlimit was;
	struct sm_answer a;
	char stages[200] = "none";
	int k = 0, well = 0, err;

	if (prlimit(up->pid, RLIMIT_NOFILE, NULL, &was) < 0)
		return sm_broken(c, "prlimit: %s", strerror(errno));
	while (well == 0 && k < STEPS_MAX)
		well = step(c, up, k++, was.rlim_cur);
	if (well < 0)
		return c->observed;
	err = sm_kid_ask(c, NULL, &a, NULL);
	if (err)
		return sm_trouble(c, err, "a spawn without the limit");
	name_stages(up->stages, stages, sizeof(stages));
	return sm_judge(c, well == 1 && up->failed > 0,
			"with room for 0 to %d descriptors %d spawns failed with EMFILE (stages "
			"%s), %d children could not load; with %d one works; nothing is left",
			k - 2, up->failed, stages, up->told, k - 1);
}

static int parent_is_full(struct sm_cell *c)
{
	struct climb up = { .pid = getpid() };
	int err = sm_cell_start(c);

	return err ? sm_trouble(c, err, "start") : climb(c, &up);
}

static int server_is_full(struct sm_cell *c)
{
	struct climb up = { .pid = 0 };
	int err = sm_cell_start(c);

	if (err)
		return sm_trouble(c, err, "start");
	up.pid = c->server;
	return climb(c, &up);
}

/* The same of the start. */
static int start_is_full(struct sm_cell *c)
{
	struct tally was = tally(c);
	struct rlimit limit;
	struct sm_answer a;
	uint32_t stages = 0;
	char text[200] = "none";
	int k = 0, err = -EMFILE;

	getrlimit(RLIMIT_NOFILE, &limit);
	for (; err && k < STEPS_MAX; k++) {
		c->fault.stage = SM_STAGE_NONE;
		sm_fd_limit(getpid(), room_for(getpid(), k), NULL);
		err = sm_cell_start(c);
		sm_fd_limit(getpid(), limit.rlim_cur, NULL);
		if (!err)
			break;
		if (err != -EMFILE && c->fault.stage != SM_STAGE_PRELOAD)
			return sm_fails(c, "room for %d: stage %s, %s", k,
					sm_stage_name(c->fault.stage), strerror(-err));
		if (!is_as_before(c, was))
			return sm_fails(c,
					"room for %d: stage %s; descriptors %d, then %d; "
					"children %d, then %d",
					k, sm_stage_name(c->fault.stage), was.parent,
					sm_count_fds(getpid()), was.children,
					sm_count_children(getpid(), NULL));
		stages |= 1u << c->fault.stage;
	}
	if (!err && c->server > 0)
		sm_fd_limit(c->server, limit.rlim_cur, NULL); /* it has inherited ours */
	err = err ? err : sm_kid_ask(c, NULL, &a, NULL);
	if (err)
		return sm_trouble(c, err, "a start with room");
	name_stages(stages, text, sizeof(text));
	return sm_judge(c, k > 0,
			"with room for 0 to %d descriptors the start fails (stages %s) and "
			"leaves nothing; with %d it works",
			k - 1, text, k);
}

static const struct sm_check checks[] = {
	{
		.id = "limit.fds.parent",
		.row = "K06",
		.claim = "a spawn fails with EMFILE at each descriptor that its parent cannot open",
		.source = "getrlimit(2) RLIMIT_NOFILE; libc-test t_fdfill",
		.level = SM_MUST,
		.in_parent = parent_is_full,
	},
	{
		.id = "limit.fds.server",
		.row = "K06",
		.claim = "a spawn fails with EMFILE at each descriptor that its server cannot open",
		.source = "getrlimit(2) RLIMIT_NOFILE; linux:net/core/scm.c:scm_detach_fds",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.in_parent = server_is_full,
	},
	{
		.id = "limit.fds.start",
		.row = "K06",
		.claim = "a start fails at each descriptor that it cannot open, and leaves nothing",
		.source = "getrlimit(2) RLIMIT_NOFILE; libc-test t_fdfill",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.in_parent = start_is_full,
	},
};

SM_GROUP_AS(limit_fds, "limit", "Limits and failure injection", checks);
