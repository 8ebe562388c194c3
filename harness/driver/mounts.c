/* SPDX-License-Identifier: MIT */
/* mounts.c - see mounts.h. */
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "meter.h"

#define MOUNTINFO "/proc/self/mountinfo"
#define BYTES     (256 * 1024)

int sm_mounts_open(struct sm_mounts *m)
{
	*m = (struct sm_mounts){ .watch = open(MOUNTINFO, O_RDONLY | O_CLOEXEC) };
	free(sm_mounts_read(m));
	return m->text ? 0 : -ENOMEM;
}

void sm_mounts_close(struct sm_mounts *m)
{
	if (m->watch >= 0)
		close(m->watch);
	free(m->text);
	*m = (struct sm_mounts){ .watch = -1 };
}

/* The kernel tells of a change once, to the next poll(2). */
bool sm_mounts_changed(struct sm_mounts *m)
{
	struct pollfd p = { .fd = m->watch, .events = POLLPRI };

	if (m->watch < 0 || (poll(&p, 1, 0) > 0 && p.revents & (POLLERR | POLLPRI)))
		m->changed = true;
	return m->changed;
}

char *sm_mounts_read(struct sm_mounts *m)
{
	char *was = m->text, *now = malloc(BYTES);

	if (!now)
		return NULL;
	sm_mounts_changed(m); /* what comes after this is news */
	sm_slurp(MOUNTINFO, now, BYTES);
	m->changed = false;
	m->text = now;
	return was;
}

/* The fifth field of a line of mountinfo, its \040 and the like undone (proc(5)). */
static char *mount_point(char *line)
{
	char *save = NULL, *point = strtok_r(line, " ", &save), *to;

	for (int i = 1; point && i < 5; i++)
		point = strtok_r(NULL, " ", &save);
	to = point;
	for (const char *at = point; at && *at; to++) {
		bool octal = *at == '\\' && strspn(at + 1, "01234567") >= 3;

		*to = (char)(octal ? (at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0') : *at);
		at += octal ? 4 : 1;
	}
	if (to)
		*to = '\0';
	return point;
}

int sm_unmount_below(const char *dir)
{
	FILE *list = fopen("/proc/self/mountinfo", "re");
	size_t n = strlen(dir), room = 0;
	char *line = NULL;
	int err = list ? 0 : -errno;

	while (!err && getline(&line, &room, list) > 0) {
		const char *point = mount_point(line);

		if (!point || strncmp(point, dir, n) != 0 || (point[n] && point[n] != '/'))
			continue;
		/* Gone already: it was mounted on one that has just been detached. */
		if (umount2(point, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL &&
		    errno != ENOENT)
			err = -errno;
	}
	free(line);
	if (list)
		fclose(list);
	return err;
}
