/* SPDX-License-Identifier: MIT */
/*
 * groups.c - a control group for each child, below one of the creator's.
 *
 * Who knows that a child has ended is often another than who made its group. So a creator removes
 * the groups of the dead as it goes: a few looks for each child that it makes, when that child is off,
 * keep their number at that of the living. The rest goes with the creator; what outlives it goes
 * with the group that the creator itself is in.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../sys/sys.h"
#include "inside.h"

#define LIST_STEP   64
#define LOOKS       3
#define FINAL_TRIES 20

/* One that is there. */
struct group {
	uint32_t name;
	pid_t awaited; /* goes there by itself, which it may not have done yet; 0: nobody does */
};

struct sm_groups {
	int base;
	int born_into; /* version 2: a child can be born there */
	struct group *list;
	uint32_t n, room, next, at;
	char dir[512];
};

/* In version 2 if there is one. */
static int make_base(struct sm_groups *g)
{
	static const char *const controllers[] = { "", "cpuacct", "pids" };
	char own[400];
	int err = -ENOENT;

	for (int i = 0; i < 3; i++) {
		err = sm_cgroup_own(controllers[i], own, sizeof(own));
		if (err)
			continue;
		snprintf(g->dir, sizeof(g->dir), "%s/sandbox-%d", own, (int)getpid());
		if (mkdir(g->dir, 0755) == 0 || errno == EEXIST) {
			g->base = open(g->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			g->born_into = !*controllers[i];
			return g->base < 0 ? -errno : 0;
		}
		err = -errno;
		g->dir[0] = '\0';
	}
	return err;
}

int sm_groups_open(struct sm_groups **groups)
{
	struct sm_groups *g = calloc(1, sizeof(*g));
	int err;

	if (!g)
		return -ENOMEM;
	g->base = -1;
	err = make_base(g);
	*groups = g;
	return err;
}

int sm_groups_born_into(const struct sm_groups *g)
{
	return g->born_into;
}

static int have_room(struct sm_groups *g)
{
	struct group *more;

	if (g->n < g->room)
		return 0;
	more = realloc(g->list, (g->room + LIST_STEP) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	g->list = more;
	g->room += LIST_STEP;
	return 0;
}

int sm_groups_make(struct sm_groups *g)
{
	char name[16];
	int fd, err = have_room(g);

	if (err)
		return err;
	do { /* there is one only where another of our pid has died */
		snprintf(name, sizeof(name), "%u", g->next++);
		err = mkdirat(g->base, name, 0755) < 0 ? -errno : 0;
	} while (err == -EEXIST);
	if (err)
		return err;
	g->list[g->n++] = (struct group){ .name = g->next - 1 };
	fd = openat(g->base, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void sm_groups_await(struct sm_groups *g, pid_t pid)
{
	if (g->n)
		g->list[g->n - 1].awaited = pid;
}

/* 0: it is gone. */
static int drop(struct sm_groups *g, uint32_t i)
{
	const struct group *one = &g->list[i];
	char name[16];

	if (one->awaited && (kill(one->awaited, 0) == 0 || errno != ESRCH))
		return -EBUSY;
	snprintf(name, sizeof(name), "%u", one->name);
	if (unlinkat(g->base, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return -errno;
	g->list[i] = g->list[--g->n];
	return 0;
}

void sm_groups_sweep(struct sm_groups *g)
{
	for (int i = 0; i < LOOKS && g->n; i++) {
		if (g->at >= g->n)
			g->at = 0;
		drop(g, g->at++); /* not what takes its place: that is the newest */
	}
}

/* EBUSY: a child has been reaped, but its exit has not reached its group yet. Or it lives. */
static void drop_all(struct sm_groups *g)
{
	const struct timespec nap = { .tv_nsec = 1000000 };

	for (int tries = 0; tries < FINAL_TRIES; tries++) {
		for (uint32_t i = g->n; i > 0; i--)
			drop(g, i - 1);
		if (!g->n)
			break;
		nanosleep(&nap, NULL);
	}
}

void sm_groups_close(struct sm_groups *g)
{
	if (!g)
		return;
	if (g->base >= 0) {
		drop_all(g);
		close(g->base);
	}
	if (g->dir[0])
		rmdir(g->dir);
	free(g->list);
	free(g);
}
