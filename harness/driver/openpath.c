/* SPDX-License-Identifier: MIT */
/* openpath.c - see openpath.h; what mounts do is told in mount_namespaces(7) and mount(2). */
#include "openpath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define COVERS_MAX 16
#define LINKS_MAX  40 /* as the kernel's own limit, path_resolution(7) */

/* A closed directory that an empty one has been mounted over. */
struct cover {
	char path[PATH_MAX];
	int fd; /* of what is below */
};

struct opener {
	uid_t uid;
	bool look; /* only look whether there is something to open */
	struct cover covers[COVERS_MAX];
	int n;
};

/* A walk along a path: prefix has no symbolic link in it. */
struct walk {
	char prefix[PATH_MAX], rest[PATH_MAX], step[NAME_MAX + 1];
	int links;
};

/* Root passes everywhere: what another user may is read from the mode. */
static bool is_closed(const struct stat *st, uid_t uid)
{
	mode_t need = S_IXOTH;

	if (st->st_uid == uid)
		need = S_IXUSR;
	else if (st->st_gid == uid)
		need = S_IXGRP;
	return !(st->st_mode & need);
}

static struct cover *cover_of(struct opener *o, const char *path)
{
	for (int i = 0; i < o->n; i++)
		if (!strcmp(o->covers[i].path, path))
			return &o->covers[i];
	return NULL;
}

static int add_cover(struct opener *o, const char *path)
{
	struct cover *c = &o->covers[o->n];

	if (o->n == COVERS_MAX)
		return -E2BIG;
	c->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->fd < 0)
		return -errno;
	snprintf(c->path, sizeof(c->path), "%s", path);
	o->n++;
	return mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0 ? -errno : 0;
}

/* Puts one entry of the covered directory into the one that covers it. */
static int bring(const struct cover *c, const char *name)
{
	char from[64 + NAME_MAX], to[PATH_MAX], link[PATH_MAX];
	struct stat st;
	ssize_t n;
	int fd;

	if (snprintf(to, sizeof(to), "%s/%s", c->path, name) >= (int)sizeof(to))
		return -ENAMETOOLONG;
	if (lstat(to, &st) == 0)
		return 0;
	if (fstatat(c->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode)) {
		n = readlinkat(c->fd, name, link, sizeof(link) - 1);
		link[n < 0 ? 0 : n] = 0;
		return symlink(link, to) < 0 ? -errno : 0;
	}
	if (S_ISDIR(st.st_mode)) {
		if (mkdir(to, 0755) < 0)
			return -errno;
	} else {
		fd = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		if (fd < 0)
			return -errno;
		close(fd);
	}
	snprintf(from, sizeof(from), "/proc/self/fd/%d/%s", c->fd, name);
	return mount(from, to, NULL, MS_BIND | MS_REC, NULL) < 0 ? -errno : 0;
}

/* Takes the next step off rest. False: there is none. */
static bool next_step(struct walk *w)
{
	const char *at = w->rest + strspn(w->rest, "/");
	size_t n = strcspn(at, "/");

	if (!n || n >= sizeof(w->step))
		return false;
	memcpy(w->step, at, n);
	w->step[n] = 0;
	memmove(w->rest, at + n, strlen(at + n) + 1);
	return true;
}

/* Puts the target of a symbolic link before rest; an absolute one begins again at the root. */
static int follow(struct walk *w, const char *link)
{
	char target[PATH_MAX], rest[PATH_MAX];
	ssize_t n = readlink(link, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = 0;
	if (++w->links > LINKS_MAX)
		return -ELOOP;
	memcpy(rest, w->rest, sizeof(rest));
	if (snprintf(w->rest, sizeof(w->rest), "%s/%s", target, rest) >= (int)sizeof(w->rest))
		return -ENAMETOOLONG;
	if (target[0] == '/')
		w->prefix[0] = 0;
	return 0;
}

/* Opens prefix for the step that leaves it. 0; 1: it is closed (when only looking); -errno. */
static int open_prefix(struct opener *o, const struct walk *w)
{
	const char *dir = w->prefix[0] ? w->prefix : "/";
	struct cover *c = cover_of(o, dir);
	struct stat st;
	int err;

	if (c)
		return bring(c, w->step);
	if (stat(dir, &st) < 0)
		return -errno;
	if (!is_closed(&st, o->uid))
		return 0;
	if (o->look)
		return 1;
	err = add_cover(o, dir);
	return err ? err : bring(&o->covers[o->n - 1], w->step);
}

static int enter(struct walk *w)
{
	char path[PATH_MAX];
	struct stat st;

	if (!strcmp(w->step, ".."))
		*(strrchr(w->prefix, '/') ? strrchr(w->prefix, '/') : w->prefix) = 0;
	if (!strcmp(w->step, "..") || !strcmp(w->step, "."))
		return 0;
	if (snprintf(path, sizeof(path), "%s/%s", w->prefix, w->step) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	if (lstat(path, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return follow(w, path);
	memcpy(w->prefix, path, sizeof(path));
	return 0;
}

static int open_one(struct opener *o, const char *path)
{
	struct walk w = { .links = 0 };
	int err = 0;

	if (snprintf(w.rest, sizeof(w.rest), "%s", path) >= (int)sizeof(w.rest))
		return -ENAMETOOLONG;
	while (!err && next_step(&w)) {
		err = open_prefix(o, &w);
		if (!err)
			err = enter(&w);
	}
	return err == -ENOENT ? 0 : err;
}

static int open_all(struct opener *o, const char *const *paths, int n)
{
	int err = 0;

	for (int i = 0; i < n && !err; i++)
		err = open_one(o, paths[i]);
	return err;
}

int sm_open_paths(const char *const *paths, int n, uid_t uid)
{
	struct opener o = { .uid = uid, .look = true };
	int err = open_all(&o, paths, n);

	if (err != 1)
		return err;
	/* Private: what is mounted here must not come back to where we are from. */
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	o.look = false;
	err = open_all(&o, paths, n);
	for (int i = 0; i < o.n; i++)
		close(o.covers[i].fd);
	return err ? err : 1;
}
