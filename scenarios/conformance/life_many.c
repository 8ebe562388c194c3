/* SPDX-License-Identifier: MIT */
/*
 * life_many.c - many spawns: what grows.
 */
#include "group.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "life_util.h"
#include "sys/sys.h"

/* Spawns before anything is counted, and those that are counted; in full: 10^5. */
#define WARM_UP   40
#define SPAWNS    200
#define SPAWNS_XL 100000
/* What may come of the C library's arenas and of pages that are touched late. */
#define SLACK_KIB 96
#define PATIENCE  600000

static int child_idles(struct sm_cell *c)
{
	return sm_holds(c, "ran");
}

/* One request for all: requests live as long as the check. */
static int many(struct sm_cell *c, int n)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a;
	struct sm_kid kid;
	int err = 0;

	for (int i = 0; i < n && !err; i++) {
		err = sm_kid_spawn(c, &kid, &req);
		if (!err)
			err = sm_kid_answer(c, &kid, &a);
		if (!err)
			err = sm_kid_wait(c, &kid);
		sm_kid_kill(c, &kid);
	}
	return err;
}

static int spawns(const struct sm_cell *c)
{
	return c->thorough ? SPAWNS_XL : SPAWNS;
}

/* Anonymous memory, exactly: what /proc/PID/status says is rounded for each processor. */
static int64_t anonymous_kib(pid_t pid)
{
	char path[64], line[256];
	int64_t kib = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (!strncmp(line, "Anonymous:", 10))
			kib = strtoll(line + 10, NULL, 10);
	}
	if (file)
		fclose(file);
	return kib;
}

/* L10 */
static int memory_is_flat(struct sm_cell *c)
{
	int64_t was[2], now[2];
	int err = many(c, WARM_UP);

	if (err)
		return sm_trouble(c, err, "the first children");
	was[0] = anonymous_kib(getpid());
	was[1] = c->server ? anonymous_kib(c->server) : 0;
	err = many(c, spawns(c));
	if (err)
		return sm_trouble(c, err, "many children");
	now[0] = anonymous_kib(getpid());
	now[1] = c->server ? anonymous_kib(c->server) : 0;
	if (was[0] < 0 || was[1] < 0)
		return sm_broken(c, "smaps_rollup cannot be read");
	return sm_judge(c, now[0] - was[0] <= SLACK_KIB && now[1] - was[1] <= SLACK_KIB,
			"%d spawns: anonymous memory of the parent %lld -> %lld KiB, of the server "
			"%lld -> %lld",
			spawns(c), (long long)was[0], (long long)now[0], (long long)was[1],
			(long long)now[1]);
}

/* L11 */
struct tables {
	int fds, children, zombies, threads, maps;
};

static int count_lines(const char *path)
{
	FILE *file = fopen(path, "re");
	int n = 0, ch;

	if (!file)
		return -1;
	while ((ch = getc(file)) != EOF)
		n += ch == '\n';
	fclose(file);
	return n;
}

static struct tables look(pid_t pid)
{
	struct tables t = { .fds = sm_count_fds(pid) };
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	t.children = sm_count_children(pid, &t.zombies);
	t.threads = (int)sm_status_of(pid, "Threads", 10);
	t.maps = count_lines(path);
	return t;
}

static bool flat(const struct tables *was, const struct tables *now)
{
	return now->fds == was->fds && now->children == was->children &&
	       now->zombies == was->zombies && now->threads == was->threads &&
	       now->maps <= was->maps + 2; /* an arena may grow by one, and be split */
}

/* A server may reap and close a moment after its answer. */
static struct tables look_again(pid_t pid, const struct tables *was)
{
	const struct timespec shortly = { 0, 1000000 };
	int64_t end = sm_now_ns() + (int64_t)2000 * 1000000;
	struct tables now = look(pid);

	while (!flat(was, &now) && sm_now_ns() < end) {
		nanosleep(&shortly, NULL);
		now = look(pid);
	}
	return now;
}

static int tables_are_flat(struct sm_cell *c)
{
	struct tables was[2], now[2];
	pid_t pids[2] = { getpid(), 0 };
	int err = many(c, WARM_UP), n;

	if (err)
		return sm_trouble(c, err, "the first children");
	sm_cell_rest(c);
	pids[1] = c->server;
	n = c->server ? 2 : 1;
	if (c->server && sm_await_state(c->server, 'S', SM_STEP_MS)) /* at rest */
		return sm_fails(c, "the server does not come to rest");
	for (int i = 0; i < n; i++)
		was[i] = look(pids[i]);
	err = many(c, spawns(c));
	if (err)
		return sm_trouble(c, err, "many children");
	sm_cell_rest(c);
	for (int i = 0; i < n; i++) {
		now[i] = look_again(pids[i], &was[i]);
		if (!flat(&was[i], &now[i]))
			return sm_fails(c,
					"%d spawns: %s has %d descriptors, %d children, %d "
					"zombies, %d threads, %d mappings; had %d, %d, %d, %d, %d",
					spawns(c), i ? "the server" : "the parent", now[i].fds,
					now[i].children, now[i].zombies, now[i].threads,
					now[i].maps, was[i].fds, was[i].children, was[i].zombies,
					was[i].threads, was[i].maps);
	}
	return sm_holds(c,
			"%d spawns: %d descriptors, %d children, %d threads, %d mappings of the "
			"%s as before",
			spawns(c), now[n - 1].fds, now[n - 1].children, now[n - 1].threads,
			now[n - 1].maps, n == 2 ? "server" : "parent");
}

static int count_names(const char *path)
{
	DIR *dir = opendir(path);
	int n = 0;

	for (const struct dirent *e; dir && (e = readdir(dir));)
		n += e->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return n;
}

/* L11: in a $TMPDIR of its own. */
static int names_are_flat(struct sm_cell *c)
{
	const char *was = getenv("TMPDIR");
	int err, first = 0, later = 0, after;
	char dir[160];

	if (sm_life_dir(dir, sizeof(dir)))
		return sm_broken(c, "a directory: %s", strerror(errno));
	setenv("TMPDIR", dir, 1);
	err = many(c, 1);
	first = count_names(dir);
	for (int i = 0; i < 5 && !err; i++) {
		if (c->server && i % 2) /* it cannot clear up itself */
			err = sm_life_kill_server(c);
		if (c->server && !err)
			err = sm_cell_restart(c);
		if (!err)
			err = many(c, 4);
	}
	later = count_names(dir);
	sm_cell_stop(c);
	after = count_names(dir);
	if (was)
		setenv("TMPDIR", was, 1);
	else
		unsetenv("TMPDIR");
	if (rmdir(dir) < 0 && !after)
		return sm_broken(c, "rmdir: %s", strerror(errno));
	if (err)
		return sm_trouble(c, err, "starts and children");
	return sm_judge(
		c, later == first && !after,
		"names in its TMPDIR: %d after the first child, %d after five more starts, two of "
		"them after a kill, "
		"%d when it has stopped",
		first, later, after);
}

static const struct sm_check checks[] = {
	{
		.id = "life.many.memory",
		.row = "L10",
		.claim = "many spawns make neither parent nor server grow",
		.source = "proc(5) smaps_rollup; row L10",
		.level = SM_MUST,
		.flags = SM_CHECK_SLOW,
		.timeout_ms = PATIENCE,
		.in_parent = memory_is_flat,
		.in_child = child_idles,
	},
	{
		.id = "life.many.tables",
		.row = "L11",
		.claim = "many spawns leave no descriptor, child, zombie, thread or mapping",
		.source = "proc(5); CPython test_multiprocessing dangling checks",
		.level = SM_MUST,
		.flags = SM_CHECK_SLOW,
		.timeout_ms = PATIENCE,
		.in_parent = tables_are_flat,
		.in_child = child_idles,
	},
	{
		.id = "life.many.names",
		.row = "L11",
		.claim = "starts, spawns and stops leave no name in the file system",
		.source = "unix(7): a name stays until it is unlinked",
		.level = SM_MUST,
		.in_parent = names_are_flat,
		.in_child = child_idles,
	},
};

SM_GROUP_AS(life_many, "life", "Lifecycle and robustness", checks);
