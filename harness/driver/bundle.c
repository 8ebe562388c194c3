/* SPDX-License-Identifier: MIT */
/* bundle.c - see bundle.h. */
#include "bundle.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "../sys/sys.h"
#include "plan.h"
#include "rundir.h"

#define PREFIX  "spawnmark-static-"
#define CONFORM "conform/"
/* A sweep of another program may come between the folder and its lock. */
#define ATTEMPTS 3

/* The last has no name. */
extern const struct sm_bundled sm_bundle[];
#pragma weak sm_bundle

bool sm_bundle_here(void)
{
	return sm_bundle != NULL;
}

const struct sm_bundled *sm_bundle_program(const char *name)
{
	for (const struct sm_bundled *b = sm_bundle; b && b->name; b++) {
		const char *slash = strrchr(b->name, '/');

		if ((b->mode & 0100) && !strcmp(slash ? slash + 1 : b->name, name))
			return b;
	}
	return NULL;
}

/* The directories above a file. */
static int make_above(const char *path, size_t root)
{
	char dir[PATH_MAX];

	if (snprintf(dir, sizeof(dir), "%s", path) >= (int)sizeof(dir))
		return -ENAMETOOLONG;
	for (char *slash = dir + root; (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		if (mkdir(dir, 0755) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return 0;
}

static int create(const char *dir, const char *name, mode_t mode)
{
	char path[PATH_MAX];
	int fd, err;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	err = make_above(path, strlen(dir));
	fd = err ? err : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (!err && fd < 0)
		return -errno;
	if (!err && fchmod(fd, mode) < 0) { /* whatever the umask is: hosts become other users */
		err = -errno;
		close(fd);
	}
	return err ? err : fd;
}

/* Those of a conformance run, or all others. */
static int write_some(const char *dir, bool conform)
{
	for (const struct sm_bundled *b = sm_bundle; b && b->name; b++) {
		int fd, err;

		if (!strncmp(b->name, CONFORM, strlen(CONFORM)) != conform)
			continue;
		fd = create(dir, b->name, (mode_t)b->mode);
		err = fd < 0 ? fd : sm_write_all(fd, b->data, b->bytes);
		if (fd >= 0)
			close(fd);
		if (err)
			return err;
	}
	return 0;
}

int sm_bundle_write(const char *dir)
{
	return write_some(dir, false);
}

static void sweep(const char *place)
{
	DIR *d = opendir(place);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char path[PATH_MAX];
		int lock;

		if (strncmp(e->d_name, PREFIX, sizeof(PREFIX) - 1) != 0 ||
		    snprintf(path, sizeof(path), "%s/%s", place, e->d_name) >= (int)sizeof(path))
			continue;
		lock = sm_rundir_lock(path);
		if (lock < 0)
			continue;
		sm_rundir_remove(path);
		close(lock);
	}
	if (d)
		closedir(d);
}

static int make_dir(struct sm_unpacked *u, const char *place)
{
	char real[PATH_MAX];

	if (!realpath(place, real))
		return -errno;
	if (snprintf(u->dir, sizeof(u->dir), "%s/" PREFIX "XXXXXX", real) >= (int)sizeof(u->dir))
		return -ENAMETOOLONG;
	if (!mkdtemp(u->dir))
		return -errno;
	if (chmod(u->dir, 0755) < 0)
		return -errno;
	u->lock = sm_rundir_lock(u->dir);
	return u->lock < 0 ? u->lock : 0;
}

static int unpack_in(struct sm_unpacked *u, const char *place)
{
	struct statvfs fs;
	int err;

	if (statvfs(place, &fs) < 0)
		return -errno;
	if (fs.f_flag & ST_NOEXEC)
		return -EACCES;
	sweep(place);
	err = -EAGAIN;
	for (int i = 0; i < ATTEMPTS && (err == -EAGAIN || err == -ENOENT); i++)
		err = make_dir(u, place);
	if (!err)
		err = sm_bundle_write(u->dir);
	if (err && u->lock >= 0)
		sm_bundle_remove(u);
	return err;
}

int sm_bundle_unpack(struct sm_unpacked *u, struct sm_error *error)
{
	static const char *const places[] = { "/tmp", "/dev/shm", "/var/tmp", "/run", "." };
	const char *wanted = getenv("TMPDIR");
	int err = -ENOENT;

	u->lock = -1;
	if (wanted && *wanted)
		err = unpack_in(u, wanted);
	for (size_t i = 0; err && i < sizeof(places) / sizeof(*places); i++)
		err = unpack_in(u, places[i]);
	if (err)
		snprintf(
			error->text, sizeof(error->text),
			"no folder for the programs that are inside of this one (%s); name a writable "
			"one, from which programs may run, in TMPDIR",
			strerror(-err));
	return err;
}

static int copy_self(int to)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), err = 0;
	struct stat st;
	ssize_t n = 1;

	if (from < 0)
		return -errno;
	if (fstat(from, &st) < 0)
		err = -errno;
	while (!err && n > 0 && lseek(from, 0, SEEK_CUR) < st.st_size) {
		n = sendfile(to, from, NULL, (size_t)st.st_size);
		if (n < 0)
			err = -errno;
	}
	close(from);
	return err;
}

static int create_self(const char *dir, const char *name)
{
	int fd = create(dir, name, 0755);
	int err = fd < 0 ? fd : copy_self(fd);

	if (fd >= 0)
		close(fd);
	return err;
}

int sm_bundle_keep(const char *dir)
{
	char path[PATH_MAX];
	struct stat own, there;
	int err;

	if (snprintf(path, sizeof(path), "%s/spawnmark", dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return -errno;
	err = sm_bundle_write(dir);
	if (err)
		return err;
	if (stat("/proc/self/exe", &own) == 0 && stat(path, &there) == 0 &&
	    own.st_dev == there.st_dev && own.st_ino == there.st_ino)
		return 0; /* it is this file, which nobody can write while it runs */
	return create_self(dir, "spawnmark");
}

int sm_bundle_conform(const struct sm_unpacked *u)
{
	char first[PATH_MAX], second[PATH_MAX];
	int err = write_some(u->dir, true);

	snprintf(first, sizeof(first), "%.4000s/" CONFORM "sm-host", u->dir);
	snprintf(second, sizeof(second), "%.4000s/" CONFORM "payloads/none", u->dir);
	return !err && link(first, second) < 0 ? -errno : err;
}

void sm_bundle_remove(struct sm_unpacked *u)
{
	if (u->lock < 0)
		return;
	sm_rundir_remove(u->dir);
	close(u->lock);
	u->lock = -1;
}
