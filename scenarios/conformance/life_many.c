/* SPDX-License-Identifier: MIT */
/*
 * life_many.c - many spawns, and a random schedule of kills: what grows, what is mixed up.
 */
#include "group.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
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
/* Of the random schedule. */
#define STEPS    250
#define STEPS_XL 60000
#define KIDS     6
#define PATIENCE 600000

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
	pids[1] = c->server;
	n = c->server ? 2 : 1;
	if (c->server && sm_await_state(c->server, 'S', SM_STEP_MS)) /* at rest */
		return sm_fails(c, "the server does not come to rest");
	for (int i = 0; i < n; i++)
		was[i] = look(pids[i]);
	err = many(c, spawns(c));
	if (err)
		return sm_trouble(c, err, "many children");
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

/* L19 */
struct soak {
	struct sm_cell *c;
	uint64_t state;
	struct sm_kid kids[KIDS];
	int status[KIDS];  /* with which each is to end */
	bool orphan[KIDS]; /* its server was killed */
	int spawned, killed, servers, asked, n;
};

static uint32_t draw(struct soak *s, uint32_t below)
{
	uint64_t z = s->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ (z >> 31)) >> 32) % below;
}

static int soak_spawn(struct soak *s)
{
	int code = 1 + (int)draw(s, 100), err;
	char arg[8];

	snprintf(arg, sizeof(arg), "%d", code);
	err = sm_life_spawn(s->c, &s->kids[s->n], arg);
	if (err)
		return err;
	s->status[s->n] = code << 8;
	s->orphan[s->n] = false;
	s->n++;
	s->spawned++;
	return 0;
}

/* Collects the i-th, whose end is near. */
static int soak_collect(struct soak *s, int i)
{
	struct sm_kid *kid = &s->kids[i];
	pid_t pid = kid->child.pid;
	int err = sm_kid_wait(s->c, kid), status = kid->exit.status;
	bool lost = err == -EPIPE && s->orphan[i] && !(s->c->ops->traits & SM_CHILD_OF_PARENT);

	if (lost)
		err = sm_await_end(pid, SM_STEP_MS);
	else if (!err && status != s->status[i])
		err = -EBADMSG;
	sm_kid_kill(s->c, kid);
	s->n--;
	s->kids[i] = s->kids[s->n];
	s->status[i] = s->status[s->n];
	s->orphan[i] = s->orphan[s->n];
	return err;
}

static int soak_kill(struct soak *s, int i, int sig)
{
	s->killed++;
	s->status[i] = sig;
	kill(s->kids[i].child.pid, sig);
	return soak_collect(s, i);
}

static int soak_pause(struct soak *s, int i)
{
	pid_t pid = s->kids[i].child.pid;
	int err;

	kill(pid, SIGSTOP);
	err = sm_await_state(pid, 'T', SM_STEP_MS);
	kill(pid, SIGCONT);
	return err ? err : sm_life_ask(s->c, &s->kids[i]);
}

static int soak_server(struct soak *s)
{
	int err;

	if (!s->c->server)
		return 0;
	err = sm_life_kill_server(s->c);
	s->servers++;
	for (int i = 0; i < s->n; i++)
		s->orphan[i] = true;
	return err ? err : sm_cell_restart(s->c);
}

/* One step; which, in *what. */
static int soak_step(struct soak *s, const char **what)
{
	uint32_t die = draw(s, 40);
	int i = s->n ? (int)draw(s, (uint32_t)s->n) : 0;

	if (die == 0) {
		*what = "the server killed";
		return soak_server(s);
	}
	if (!s->n || (die < 16 && s->n < KIDS)) {
		*what = "a spawn";
		return soak_spawn(s);
	}
	if (die < 22) {
		*what = "a child let go";
		sm_life_quit(&s->kids[i]);
		return soak_collect(s, i);
	}
	if (die < 28) {
		*what = "a child killed";
		return soak_kill(s, i, die & 1 ? SIGKILL : SIGTERM);
	}
	if (die < 31) {
		*what = "a child stopped and continued";
		return soak_pause(s, i);
	}
	*what = "a child asked";
	s->asked++;
	return sm_life_ask(s->c, &s->kids[i]);
}

static int random_kills(struct sm_cell *c)
{
	struct soak *s = calloc(1, sizeof(*s));
	int steps = c->thorough ? STEPS_XL : STEPS, err, at = 0;
	const char *what = "the start";

	if (!s)
		return sm_broken(c, "no memory");
	s->c = c;
	s->state = c->seed;
	err = sm_cell_start(c);
	for (; at < steps && !err; at++)
		err = soak_step(s, &what);
	while (s->n && !err) {
		what = "the last children let go";
		sm_life_quit(&s->kids[s->n - 1]);
		err = soak_collect(s, s->n - 1);
	}
	if (err)
		sm_fails(c, "seed %llu, step %d, %s: %s", (unsigned long long)c->seed, at, what,
			 err == -EBADMSG ? "another status" : strerror(-err));
	else
		sm_holds(c,
			 "seed %llu: %d spawns, %d of them killed, %d questions, %d servers "
			 "killed: every answer and status was the right one's",
			 (unsigned long long)c->seed, s->spawned, s->killed, s->asked, s->servers);
	while (s->n)
		sm_kid_kill(c, &s->kids[--s->n]);
	free(s);
	return c->observed;
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
	{
		.id = "life.random-kills",
		.row = "L19",
		.claim = "in a random schedule of spawns, kills and restarts every answer and "
			 "status is the right child's",
		.source = "Jepsen's nemesis; row L19",
		.level = SM_MUST,
		.flags = SM_CHECK_SLOW,
		.timeout_ms = PATIENCE,
		.in_parent = random_kills,
		.in_child = sm_life_talks,
	},
};

SM_GROUP_AS(life_many, "life", "Lifecycle and robustness", checks);
