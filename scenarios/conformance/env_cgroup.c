/* SPDX-License-Identifier: MIT */
/*
 * env_cgroup.c - the control group of a child.
 */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "env_util.h"
#include "sys/sys.h"

/* F14 */
#define CGROUP_AT 256 /* of board->bytes: the directory that the creator is in */

static int write_procs(const char *dir)
{
	char path[600];
	int fd, err = 0;

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, "0", 1) != 1)
		err = -errno;
	close(fd);
	return err;
}

/* Of version 2, or else of the first hierarchy of version 1 that there is. */
static int own_cgroup(char *dir, size_t size)
{
	static const char *const controllers[] = { "", "pids", "freezer", "memory", "cpu" };
	int err = -ENOENT;

	for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]) && err; i++)
		err = sm_cgroup_own(controllers[i], dir, size);
	return err;
}

/* A new control group below the caller's own. 0 or -errno. */
static int make_cgroup(char dir[512])
{
	char own[400];
	int err = own_cgroup(own, sizeof(own));

	if (err)
		return err;
	snprintf(dir, 512, "%s/check-env-%d", own, getpid());
	return mkdir(dir, 0755) ? -errno : 0;
}

/* A member that has ended goes a moment after it was collected. */
static void remove_cgroup(const char *dir)
{
	const struct timespec shortly = { 0, 1000000 };

	for (int i = 0; i < SM_STEP_MS && rmdir(dir) && errno == EBUSY; i++)
		nanosleep(&shortly, NULL);
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
	int64_t asked[2];
	char dir[512];
	int err = make_cgroup(dir);

	if (err)
		return sm_broken(c, "a control group: %s", strerror(-err));
	strings[0] = dir;
	strings[1] = NULL;
	sm_digest(strings, asked);
	req.fields = SM_REQ_CGROUP;
	req.cgroup_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = sm_ask_two(c, &req, a);
	close(req.cgroup_fd);
	remove_cgroup(dir);
	if (err)
		return sm_trouble(c, err, "a child in a control group of its own");
	return sm_judge(c, a[0].n[1] == asked[1] && a[1].n[1] != asked[1],
			"the child is %s the control group of its request, the next one %s",
			a[0].n[1] == asked[1] ? "in" : "not in",
			a[1].n[1] == asked[1] ? "too" : "is not");
}

static int cgroup_creator(struct sm_cell *c)
{
	char dir[512];
	int err = make_cgroup(dir);

	if (!err)
		snprintf(c->board->bytes + CGROUP_AT, sizeof(dir), "%s", dir);
	if (!err)
		err = write_procs(dir);
	if (err)
		return sm_broken(c, "a control group: %s", strerror(-err));
	if (cgroup_child(c) != SM_HOLDS)
		return c->observed;
	memcpy(c->board->n, c->answer.n, 2 * sizeof(c->board->n[0]));
	return sm_creator_is(c, 2, true, "control group");
}

static int cgroup_inherited(struct sm_cell *c)
{
	char dir[512] = "", *slash;

	sm_like_creator(c);
	if (c->observed == SM_HOLDS)
		sm_holds(c, "the creator has moved to a group of its own, the child is in it");
	sm_cell_stop(c);
	if (c->board)
		snprintf(dir, sizeof(dir), "%s", c->board->bytes + CGROUP_AT);
	if (!*dir)
		return c->observed == SM_SKIPS ? c->observed
					       : sm_broken(c, "the creator did not move");
	if (!(c->ops->traits & SM_OWN_SERVER)) { /* then it is this process: back again */
		slash = strrchr(dir, '/');
		*slash = '\0';
		write_procs(dir);
		*slash = '/';
	}
	remove_cgroup(dir);
	return c->observed;
}

static const struct sm_check checks[] = {
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
