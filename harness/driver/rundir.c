/* SPDX-License-Identifier: MIT */
/* rundir.c - see rundir.h. */
#include "rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Is what fd has open still what the name says, and ours? */
static int compare(int fd, const char *dir)
{
	struct stat held, there;

	if (fstat(fd, &held) < 0 || lstat(dir, &there) < 0)
		return -errno;
	if (held.st_ino != there.st_ino || held.st_dev != there.st_dev)
		return -ENOENT;
	return held.st_uid == geteuid() ? 0 : -EPERM;
}

int sm_rundir_lock(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int err = fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : compare(fd, dir);

	if (!err)
		return fd;
	if (fd >= 0)
		close(fd);
	return err;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	(void)st;
	(void)flag;
	(void)at;
	remove(path);
	return 0;
}

void sm_rundir_remove(const char *dir)
{
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
