/* SPDX-License-Identifier: MIT */
/*
 * cgroup_util.c - see cgroup_util.h.
 */
#include "cgroup_util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "check/check.h"
#include "sys/sys.h"

static int put(const char *dir, const char *file, const char *text)
{
	char path[600];
	int fd, err = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		err = -errno;
	close(fd);
	return err;
}

/* Version 2 has the controller where its files are there; nothing is switched on for that. */
static bool has_controller(const struct sm_group *group, const char *controller)
{
	char path[600];

	if (!group->v2 || !*controller)
		return true;
	snprintf(path, sizeof(path), "%s/%s.max", group->dir, controller);
	return access(path, W_OK) == 0;
}

int sm_group_make(struct sm_group *group, const char *controller)
{
	int err =
		*controller ? sm_cgroup_own(controller, group->home, sizeof(group->home)) : -ENOENT;

	group->dir[0] = '\0';
	group->v2 = err != 0;
	if (err)
		err = sm_cgroup_own("", group->home, sizeof(group->home));
	if (err)
		return err;
	if (snprintf(group->dir, sizeof(group->dir), "%s/spawnmark-%d", group->home, getpid()) >=
	    (int)sizeof(group->dir)) {
		group->dir[0] = '\0';
		return -ENAMETOOLONG;
	}
	if (mkdir(group->dir, 0755) < 0) {
		err = -errno;
		group->dir[0] = '\0';
		return err;
	}
	if (has_controller(group, controller))
		return 0;
	sm_group_drop(group);
	return -ENOENT;
}

static int move(const char *dir, pid_t pid)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	return put(dir, "cgroup.procs", text);
}

int sm_group_enter(const struct sm_group *group, pid_t pid)
{
	return move(group->dir, pid);
}

int sm_group_leave(const struct sm_group *group, pid_t pid)
{
	return move(group->home, pid);
}

int sm_group_put(const struct sm_group *group, const char *file, const char *text)
{
	return put(group->dir, file, text);
}

int sm_group_drop(struct sm_group *group)
{
	int64_t end = sm_now_ns() + (int64_t)SM_STEP_MS * 1000000;
	const struct timespec nap = { 0, 500000 };
	int err = 0;

	while (group->dir[0] && rmdir(group->dir) < 0) {
		err = -errno;
		if (err != -EBUSY || sm_now_ns() > end)
			break;
		err = 0;
		nanosleep(&nap, NULL);
	}
	group->dir[0] = '\0';
	return err;
}
