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

/* Do children of this group of version 2 have the controller? -ENOENT: it is no group. */
static int offers(const char *dir, const char *controller)
{
	char path[600], text[256], *word, *save = NULL;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.subtree_control", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	for (word = strtok_r(text, " \n", &save); word; word = strtok_r(NULL, " \n", &save))
		if (!strcmp(word, controller))
			return 1;
	return 0;
}

int sm_group_place(const char *controller, char *dir, size_t size, bool *v2)
{
	int err = *controller ? sm_cgroup_own(controller, dir, size) : -ENOENT, has;

	*v2 = err != 0;
	if (!*v2)
		return 0;
	err = sm_cgroup_own("", dir, size);
	if (err || !*controller)
		return err;
	/* A group with processes passes no controller on: hosts have their own, below the driver's. */
	while (!(has = offers(dir, controller)))
		*strrchr(dir, '/') = '\0';
	return has < 0 ? -ENOENT : 0;
}

int sm_group_make(struct sm_group *group, const char *controller)
{
	char place[400];
	int err = sm_group_place(controller, place, sizeof(place), &group->v2);

	group->dir[0] = '\0';
	if (!err)
		err = sm_cgroup_own(group->v2 ? "" : controller, group->home, sizeof(group->home));
	if (err)
		return err;
	snprintf(group->dir, sizeof(group->dir), "%s/spawnmark-%d", place, getpid());
	if (mkdir(group->dir, 0755) < 0) {
		err = -errno;
		group->dir[0] = '\0';
	}
	return err;
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
