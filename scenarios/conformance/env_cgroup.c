/* SPDX-License-Identifier: MIT */
/*
 * env_cgroup.c - the control group of a child.
 */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cgroup_util.h"
#include "env_util.h"
#include "sys/sys.h"

/* F14 */
#define DIRS_AT 256 /* of board->bytes: the directories of the creator's group */

/* Of version 2, or else of the first hierarchy of version 1 that there is. */
static const char *const controllers[] = { "", "pids", "freezer", "memory", "cpu" };

static int own_cgroup(char *dir, size_t size)
{
	int err = -ENOENT;

	for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]) && err; i++)
		err = sm_cgroup_own(controllers[i], dir, size);
	return err;
}

/* A new control group below the caller's own, where own_cgroup() looks first. 0 or -errno. */
static int make_cgroup(struct sm_group *group)
{
	int err = -ENOENT;

	for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]) && err == -ENOENT; i++)
		err = sm_group_make(group, controllers[i]);
	return err;
}

static int cgroup_child(struct sm_cell *c)
{
	char own[400];
	const char *strings[2] = { own, NULL };
	int err = own_cgroup(own, sizeof(own));

	if (err)
		return sm_broken(c, "the own control group: %s", strerror(-err));
	sm_digest(strings, c->answer.n);
	return sm_holds(c, "%s", strrchr(own, '/') + 1);
}

static int cgroup_request(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, "ask");
	struct sm_answer a[2];
	const char *strings[2];
	struct sm_group group;
	int64_t asked[2];
	int err = make_cgroup(&group);

	if (err)
		return sm_broken(c, "a control group: %s", strerror(-err));
	strings[0] = group.dir;
	strings[1] = NULL;
	sm_digest(strings, asked);
	req.fields = SM_REQ_CGROUP;
	req.cgroup_fd = open(group.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = sm_ask_two(c, &req, a);
	close(req.cgroup_fd);
	sm_group_drop(&group);
	if (err)
		return sm_trouble(c, err, "a child in a control group of its own");
	return sm_judge(c, a[0].n[1] == asked[1] && a[1].n[1] != asked[1],
			"the child is %s the control group of its request, the next one %s",
			a[0].n[1] == asked[1] ? "in" : "not in",
			a[1].n[1] == asked[1] ? "too" : "is not");
}

/* Leaves the directories on the board: the parent is to remove the group, when all have gone. */
static int cgroup_creator(struct sm_cell *c)
{
	char *dirs = c->board->bytes + DIRS_AT;
	struct sm_group group;
	int err = make_cgroup(&group);

	if (!err) {
		memcpy(dirs, group.dir, sizeof(group.dir));
		memcpy(dirs + sizeof(group.dir), group.home, sizeof(group.home));
		err = sm_group_enter(&group, 0);
	}
	if (err)
		return sm_broken(c, "a control group: %s", strerror(-err));
	if (cgroup_child(c) != SM_HOLDS)
		return c->observed;
	memcpy(c->board->n, c->answer.n, 2 * sizeof(c->board->n[0]));
	return sm_creator_is(c, 2, true, "control group");
}

static int cgroup_inherited(struct sm_cell *c)
{
	struct sm_group group = { .dir = "" };

	sm_like_creator(c);
	if (c->observed == SM_HOLDS)
		sm_holds(c, "the creator has moved to a group of its own, the child is in it");
	sm_cell_stop(c);
	if (c->board) {
		memcpy(group.dir, c->board->bytes + DIRS_AT, sizeof(group.dir));
		memcpy(group.home, c->board->bytes + DIRS_AT + sizeof(group.dir),
		       sizeof(group.home));
	}
	if (!group.dir[0])
		return c->observed == SM_SKIPS ? c->observed
					       : sm_broken(c, "the creator did not move");
	if (!(c->ops->traits & SM_OWN_SERVER)) /* then it is this process: back again */
		sm_group_leave(&group, 0);
	sm_group_drop(&group);
	return c->observed;
}

static int read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/*
 * How a member of a frozen group came to rest: the system call that it was about to return from; -1:
 * it did not; FORGOTTEN: it rests, and the kernel does not know in what (arm64 forgets the number
 * before it looks for signals: linux:arch/arm64/kernel/signal.c:do_signal). Until it rests it has none,
 * or is seen in another on its way.
 */
#define FORGOTTEN (-2)

static long resting_call(const struct sm_group *group, pid_t pid)
{
	int64_t end = sm_now_ns() + SM_STEP_MS * INT64_C(1000000);
	long nr = -1;

	while (nr < 0 && sm_now_ns() < end) {
		char path[600], text[200] = "";

		snprintf(path, sizeof(path), "%s/cgroup.events", group->dir);
		if (read_text(path, text, sizeof(text)) && strstr(text, "populated 1") &&
		    strstr(text, "frozen 1")) {
			snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
			if (!read_text(path, text, sizeof(text)) || sscanf(text, "%ld", &nr) != 1)
				nr = -1; /* "running" */
			else if (nr == -1)
				return FORGOTTEN;
		}
		sched_yield();
	}
	return nr;
}

/* Into a frozen group: who is born there has not executed anything, who moves has. */
static int cgroup_born(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_group group;
	struct sm_kid kid;
	long nr = -1;
	int err = sm_cell_start(c);

	if (!err)
		err = sm_group_make(&group, "");
	if (err)
		return sm_trouble(c, err, "a group of version 2");
	req.fields = SM_REQ_CGROUP;
	req.cgroup_fd = open(group.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = sm_group_put(&group, "cgroup.freeze", "1");
	if (!err)
		err = sm_kid_spawn(c, &kid, &req);
	close(req.cgroup_fd);
	if (!err) {
		nr = resting_call(&group, kid.child.pid);
		err = sm_group_put(&group, "cgroup.freeze", "0");
		err = err ? err : sm_kid_wait(c, &kid);
		sm_kid_kill(c, &kid);
	}
	sm_group_drop(&group);
	if (err)
		return sm_trouble(c, err, "a child in a frozen group");
	if (nr == FORGOTTEN)
		return sm_skips(c, SM_F_NONE,
				"this kernel forgets in which call a task was frozen");
	return sm_judge(c, nr == SYS_clone3, "a child for a frozen group came to rest in %s (%ld)",
			nr == SYS_clone3 ? "its own clone3" : "another system call", nr);
}

static const struct sm_check checks[] = {
	{
		.id = "env.cgroup.born",
		.row = "F14",
		.claim =
			"a child is in the control group of its request before its first instruction",
		.source =
			"clone3(2) CLONE_INTO_CGROUP; linux:kernel/cgroup/cgroup.c:cgroup_css_set_fork",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_INTO_CGROUP) | SM_NEED(SM_F_CGROUP2) | SM_NEED(SM_F_PTRACE),
		.only = SM_GIVES_PIDFD,
		.without = SM_AHEAD,
		.in_parent = cgroup_born,
	},
	{
		.id = "env.cgroup.inherited",
		.row = "F14",
		.claim = "the child is in its creator's control groups",
		.source = "cgroups(7): a child of fork is a member of its creator's; LTP clone303",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_CGROUP),
		.in_parent = cgroup_inherited,
		.in_creator = cgroup_creator,
		.in_child = cgroup_child,
	},
	{
		.id = "env.cgroup.request",
		.row = "F14",
		.claim = "the child is in the control group of its request, the next child is not",
		.source = "spawnmark.h: SM_REQ_CGROUP; glibc tst-spawn-cgroup; LTP clone303",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_CGROUP),
		.in_parent = cgroup_request,
		.in_child = cgroup_child,
	},
};

SM_GROUP_AS(env_cgroup, "env", "Arguments, environment, limits, credentials", checks);
