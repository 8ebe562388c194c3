/* SPDX-License-Identifier: MIT */
/*
 * cgroup.c - where the caller's control group is. A mkdir can succeed where no cgroup file system
 * is mounted, so a directory counts only when statfs(2) confirms it.
 */
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#define MOUNTS "/sys/fs/cgroup"

static int slurp(const char *path, char *text, size_t size)
{
	size_t have = 0;
	ssize_t n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	while (have < size - 1 && ((n = read(fd, text + have, size - 1 - have)) > 0))
		have += (size_t)n;
	n = n < 0 ? -errno : 0;
	close(fd);
	text[have] = '\0';
	return (int)n;
}

/* Is word one of the list "cpu,cpuacct"? */
static bool lists(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (; *list; list += *list == ',') {
		size_t here = strcspn(list, ",");

		if (here == n && !strncmp(list, word, n))
			return true;
		list += here;
	}
	return !n;
}

/* Finds "N:controllers:PATH" in text, which it cuts up; version 2's line is "0::PATH". */
static int find(char *text, const char *controller, const char **list, const char **path)
{
	char *line, *save = NULL;

	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *first = strchr(line, ':'), *second = first ? strchr(first + 1, ':') : NULL;

		if (!second)
			continue;
		*second = '\0';
		if (*controller ? !lists(first + 1, controller) : first[1])
			continue;
		*list = first + 1;
		*path = strcmp(second + 1, "/") ? second + 1 : "";
		return 0;
	}
	return -ENOENT;
}

static bool is_mounted(const char *dir, long magic)
{
	struct statfs fs;

	return statfs(dir, &fs) == 0 && (long)fs.f_type == magic;
}

int sm_cgroup_own(const char *controller, char *dir, size_t size)
{
	const char *list, *path, *mounts[2];
	long magic = *controller ? CGROUP_SUPER_MAGIC : CGROUP2_SUPER_MAGIC;
	char text[4096];
	int err = slurp("/proc/self/cgroup", text, sizeof(text));

	if (!err)
		err = find(text, controller, &list, &path);
	if (err)
		return err;
	/* Hybrid systems have version 2 one level down, and several controllers in one mount. */
	mounts[0] = *controller ? controller : "";
	mounts[1] = *controller ? list : "unified";
	for (int i = 0; i < 2; i++) {
		int n = snprintf(dir, size, MOUNTS "%s%s", *mounts[i] ? "/" : "", mounts[i]);

		if (n < 0 || (size_t)n + strlen(path) >= size)
			return -ENAMETOOLONG;
		if (is_mounted(dir, magic)) {
			memcpy(dir + n, path, strlen(path) + 1);
			return 0;
		}
	}
	return -ENOENT;
}
