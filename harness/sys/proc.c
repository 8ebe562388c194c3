/* SPDX-License-Identifier: MIT */
/*
 * proc.c - one process, and its children; see proc.h.
 *
 * PID/task/TID/children is a kernel option, and proc(5) calls it reliable only for children that are
 * frozen: fs/proc/array.c finds the next one by its place in the list when the one before has been
 * reaped meanwhile, and then one is passed over. Who was passed over has had a neighbour in the list
 * that is gone now: a second reading that says the same proves the first.
 */
#include "proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A process whose children change faster than so many readings is looked for in a scan. */
#define READINGS 8

struct pids {
	pid_t *list;
	int n, room;
};

int64_t sm_proc_stat(pid_t pid, int n)
{
	char path[64], text[2048];
	const char *at;
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[got > 0 ? got : 0] = '\0';
	at = strrchr(text, ')'); /* the name may hold anything */
	for (int i = 2; at && i < n; i++)
		at = strchr(at + 1, ' ');
	if (!at)
		return -1;
	return n == 3 ? at[1] : strtoll(at + 1, NULL, 10);
}

static int add(struct pids *p, pid_t pid)
{
	if (p->n == p->room) {
		int room = p->room ? 2 * p->room : 16;
		pid_t *more = realloc(p->list, (size_t)room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		p->list = more;
		p->room = room;
	}
	p->list[p->n++] = pid;
	return 0;
}

/* Those of one thread. Numbers may be cut in two between two reads. */
static int add_of_thread(struct pids *p, int tasks, const char *tid)
{
	char path[300], text[1024];
	ssize_t got = 0;
	pid_t pid = 0;
	int fd, err = 0;

	snprintf(path, sizeof(path), "%s/children", tid);
	fd = openat(tasks, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (!err && (got = read(fd, text, sizeof(text))) > 0) {
		for (ssize_t i = 0; i < got && !err; i++) {
			if (text[i] >= '0' && text[i] <= '9') {
				pid = pid * 10 + (text[i] - '0');
			} else if (pid) {
				err = add(p, pid);
				pid = 0;
			}
		}
	}
	if (!err && got < 0)
		err = -errno;
	close(fd);
	return err;
}

/* Those of all its threads, read once. */
static int add_all(struct pids *p, pid_t pid)
{
	char path[64];
	int err = 0;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	if (!tasks)
		return -errno;
	for (const struct dirent *e; !err && (e = readdir(tasks));)
		if (e->d_name[0] != '.')
			err = add_of_thread(p, dirfd(tasks), e->d_name);
	closedir(tasks);
	return err;
}

static int finish(struct pids *p, int err, pid_t **list)
{
	if (err) {
		free(p->list);
		*list = NULL;
		return err;
	}
	*list = p->list;
	return p->n;
}

int sm_children_scan(pid_t pid, pid_t **list)
{
	struct pids found = { NULL, 0, 0 };
	DIR *proc = opendir("/proc");
	int err = proc ? 0 : -errno;

	for (const struct dirent *e; proc && !err && (e = readdir(proc));) {
		pid_t one = (pid_t)atoi(e->d_name);

		if (one > 0 && sm_proc_stat(one, 4) == pid)
			err = add(&found, one);
	}
	if (proc)
		closedir(proc);
	return finish(&found, err, list);
}

int sm_children(pid_t pid, pid_t **list)
{
	struct pids was = { NULL, 0, 0 }, now = { NULL, 0, 0 };
	int err = add_all(&was, pid);
	bool same = false;

	for (int i = 1; i < READINGS && !err && !same; i++) {
		now.n = 0;
		err = add_all(&now, pid);
		same = !err && now.n == was.n &&
		       (!now.n || !memcmp(now.list, was.list, (size_t)now.n * sizeof(*now.list)));
		if (!same) {
			struct pids old = was;

			was = now;
			now = old;
		}
	}
	free(now.list);
	if (same)
		return finish(&was, 0, list);
	free(was.list);
	return sm_children_scan(pid, list);
}
