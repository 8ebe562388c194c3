/* SPDX-License-Identifier: MIT */
/*
 * root.c - the minimal root, built once per creator as a mount namespace of its own.
 *
 * A helper, cloned with CLONE_NEWNS, mounts a tmpfs, binds into it what the plan says, pivots into
 * it and lets go of the old root. The creator keeps a descriptor of that namespace; a child joins
 * and copies it: so it pays for a dozen mounts, never sees the host's, and nothing is mounted where
 * anybody could find it later. The helper is a raw clone: fork handlers of the payload must not
 * run, for they would stop its threads (OpenBLAS), and without SIGCHLD nobody hears of it.
 */
#include <errno.h>
#include <limits.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../sys/sys.h"
#include "inside.h"

#define BUILD_MS   10000
#define OWN_MOUNTS "/proc/self/ns/mnt"

/* Where the new root is mounted until it is the root: any directory does, in a namespace of ours. */
#define STAGE "/tmp"

int sm_root_take(const struct sm_box *plan, const struct sm_box_entry *entry, int *tree)
{
	*tree = -1;
	if (entry->kind < SM_BOX_BIND_DIR)
		return 0;
	*tree = (int)syscall(SYS_open_tree, AT_FDCWD, sm_box_string(plan, entry->path_at),
			     OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	return *tree < 0 ? -errno : 0;
}

/* Also of what is mounted below. */
static int restrict_tree(int tree, uint64_t set)
{
	struct mount_attr attr = { .attr_set = set };

	return (int)syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr,
			    sizeof(attr));
}

static int take_one(const struct sm_box *plan, const struct sm_box_entry *e, int *tree)
{
	uint64_t set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV;
	int err = sm_root_take(plan, e, tree);

	if (e->kind == SM_BOX_BIND_DEV)
		set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
	if (!err && *tree >= 0 && restrict_tree(*tree, set) < 0)
		err = -errno;
	return err;
}

/* Copies of what will be bound, taken before the stage can hide any of it. */
static int take_trees(const struct sm_box *plan, int *trees)
{
	const struct sm_box_entry *e = sm_box_entries(plan);
	int err = 0;

	for (uint32_t i = 0; i < plan->nentries && !err; i++)
		err = take_one(plan, &e[i], &trees[i]);
	return err;
}

int sm_root_put(const struct sm_box *plan, const struct sm_box_entry *e, int tree)
{
	const char *path = sm_box_string(plan, e->path_at) + 1; /* from the new root on */
	int fd;

	if (e->kind == SM_BOX_LINK)
		return symlink(sm_box_string(plan, e->other_at), path) < 0 ? -errno : 0;
	if (e->kind == SM_BOX_DIR || e->kind == SM_BOX_BIND_DIR) {
		if (mkdir(path, 0755) < 0)
			return -errno;
	} else {
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
		if (fd < 0)
			return -errno;
		close(fd);
	}
	if (tree < 0)
		return 0;
	return syscall(SYS_move_mount, tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0
		       ? -errno
		       : 0;
}

static int fill(const struct sm_box *plan, const int *trees)
{
	const struct sm_box_entry *e = sm_box_entries(plan);
	int err = 0;

	for (uint32_t i = 0; i < plan->nentries && !err; i++)
		err = sm_root_put(plan, &e[i], trees[i]);
	return err;
}

/* Whatever went wrong: not the root of the machine itself. */
static int is_apart(ino_t creators)
{
	struct stat st;

	if (stat(OWN_MOUNTS, &st) < 0)
		return -errno;
	return st.st_ino == creators ? -EXDEV : 0;
}

static int build(const struct sm_box *plan, ino_t creators)
{
	int trees[SM_BOX_ENTRIES_MAX] = { 0 };
	int err = is_apart(creators);

	if (err)
		return err;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	err = take_trees(plan, trees);
	if (err)
		return err;
	if (mount("tmpfs", STAGE, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m") < 0 ||
	    chdir(STAGE) < 0)
		return -errno;
	umask(0);
	err = fill(plan, trees);
	if (err)
		return err;
	/* Onto itself: the old root lies on top of the new one, and goes (pivot_root(2), NOTES). */
	if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
	    mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) <
		    0)
		return -errno;
	return 0;
}

/* Tells how it went, and stays until the creator has taken the namespace, or gone. */
_Noreturn static void help(const struct sm_box *plan, ino_t creators, const int gate[2])
{
	int32_t err;
	char byte;

	close(gate[0]);
	err = build(plan, creators);
	if (send(gate[1], &err, sizeof(err), MSG_NOSIGNAL) == sizeof(err) && !err)
		sm_read_all(gate[1], &byte, 1, BUILD_MS);
	_exit(0);
}

static int take_namespace(pid_t helper, int gate)
{
	char path[64];
	int32_t told;
	int fd, err = sm_read_all(gate, &told, sizeof(told), BUILD_MS);

	if (err || told)
		return err ? err : told;
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)helper);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int sm_root_template(const struct sm_box *plan)
{
	struct stat st;
	int gate[2], fd;
	sigset_t old;
	pid_t helper;

	if (stat(OWN_MOUNTS, &st) < 0)
		return -errno;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, gate) < 0)
		return -errno;
	sm_signals_block(&old);
	helper = sm_raw_clone(CLONE_NEWNS);
	if (helper == 0)
		help(plan, st.st_ino, gate);
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(gate[1]);
	fd = helper < 0 ? helper : take_namespace(helper, gate[0]);
	close(gate[0]); /* the helper ends */
	while (helper > 0 && waitpid(helper, NULL, __WALL) < 0 && errno == EINTR)
		;
	return fd;
}
