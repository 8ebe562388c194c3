/* SPDX-License-Identifier: MIT */
/*
 * layer_util.c - see layer_util.h.
 */
#include "layer_util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandbox_util.h"

#define CGROUP_BYTES 8192

int sm_layer_watch(struct sm_cell *c, const char *arg, struct sm_answer *answer,
		   sm_layer_look *look, void *data)
{
	struct sm_req req = sm_cell_req(c, arg);
	struct sm_answer last;
	struct sm_kid kid;
	int err = sm_kid_up(c, &kid, &req, answer);

	if (err)
		return sm_trouble(c, err, "a child in the sandbox");
	if (look)
		look(&kid, data);
	sm_kid_close_in(&kid);
	if (answer->observed == SM_HOLDS)
		err = sm_kid_answer(c, &kid, &last);
	if (!err)
		err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	if (err)
		return sm_trouble(c, err, "the end of a child in the sandbox");
	if (answer->observed != SM_HOLDS)
		return sm_fails(c, "%.300s", answer->text);
	if (kid.exit.status)
		return sm_fails(c, "the child ended with wait status %d", kid.exit.status);
	return 0;
}

int sm_layer_tell(struct sm_cell *c, const char *format, ...)
{
	char text[600];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	sm_child_tell(c, "%s", text);
	sm_child_await();
	return sm_holds(c, "let go");
}

bool sm_layer_apart(pid_t pid, const char *name)
{
	int64_t theirs = sm_box_ns(pid, name), ours = sm_box_ns(getpid(), name);

	return theirs > 0 && ours > 0 && theirs != ours;
}

void sm_layer_tell_own(char *arg, size_t size, const char *kind, const char *other)
{
	snprintf(arg, size, "%lld %lld", (long long)sm_box_ns(getpid(), kind),
		 (long long)sm_box_ns(getpid(), other));
}

bool sm_layer_left_both(const struct sm_cell *c, const char *kind, const char *other)
{
	int64_t mine[2] = { sm_box_ns(getpid(), kind), sm_box_ns(getpid(), other) };
	char *rest;
	long long first = strtoll(c->arg, &rest, 10), second = strtoll(rest, NULL, 10);

	return first > 0 && second > 0 && mine[0] > 0 && mine[1] > 0 && mine[0] != first &&
	       mine[1] != second;
}

static int read_groups(pid_t pid, char *text)
{
	char path[40];
	ssize_t n;
	int fd;

	text[0] = '\0';
	snprintf(path, sizeof(path), pid ? "/proc/%d/cgroup" : "/proc/self/cgroup", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, CGROUP_BYTES - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0 ? 0 : -EIO;
}

/* Splits "4:cpu:/path" and goes on to the next line. False: there is none. */
static bool next_group(char **at, char **hierarchy, char **path)
{
	char *line = strsep(at, "\n"), *colon = line ? strchr(line, ':') : NULL;

	colon = colon ? strchr(colon + 1, ':') : NULL;
	if (!colon)
		return false;
	*colon = '\0';
	*hierarchy = line;
	*path = colon + 1;
	return true;
}

int sm_layer_groups_below(pid_t pid)
{
	char ours[CGROUP_BYTES], theirs[CGROUP_BYTES], *a = ours, *b = theirs;
	char *ha, *hb, *pa, *pb;
	int n = 0;

	if (read_groups(0, ours) || read_groups(pid, theirs))
		return -1;
	while (next_group(&a, &ha, &pa)) {
		size_t len = strcmp(pa, "/") ? strlen(pa) : 0;

		if (!next_group(&b, &hb, &pb) || strcmp(ha, hb) || strncmp(pa, pb, len))
			return -1;
		if (!strcmp(pa, pb))
			continue;
		if (pb[len] != '/')
			return -1;
		n++;
	}
	return n;
}

int sm_layer_groups_seen(void)
{
	char text[CGROUP_BYTES], *at = text, *hierarchy, *path;
	int n = 0, err = read_groups(0, text);

	while (!err && next_group(&at, &hierarchy, &path))
		n += strcmp(path, "/") != 0;
	return err ? err : n;
}

int64_t sm_layer_groups_of(pid_t pid)
{
	char text[CGROUP_BYTES];
	uint64_t sum = 0xcbf29ce484222325u; /* FNV-1a */

	if (read_groups(pid, text))
		return -1;
	for (const char *at = text; *at; at++)
		sum = (sum ^ (unsigned char)*at) * 0x100000001b3u;
	return (int64_t)(sum >> 1);
}

int sm_layer_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK, 0600), err = fd < 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	if (fd >= 0 && (flags & O_CREAT))
		unlink(path);
	return err;
}

int sm_layer_processes(const char *proc)
{
	DIR *dir = opendir(proc);
	int n = 0;

	if (!dir)
		return -1;
	for (const struct dirent *e; (e = readdir(dir));)
		n += atoi(e->d_name) > 0;
	closedir(dir);
	return n;
}

int sm_layer_descriptors(void)
{
	int n = 0;

	for (int fd = 3; fd < 4096; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

int64_t sm_layer_status(const char *key, int base)
{
	return sm_status_of(getpid(), key, base);
}
