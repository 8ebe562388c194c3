/* SPDX-License-Identifier: MIT */
/*
 * thread_spawn.c - creators with threads, and what the bare calls do with them.
 */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/symbol.h"
#include "thread_util.h"

/* ---- a creator with threads ---- */

static void *sleep_till_told(void *board)
{
	sm_holder_await(board);
	return NULL;
}

static int add_thread(struct sm_cell *c)
{
	int err = sm_holder_start(c, sleep_till_told);

	return err ? sm_broken(c, "no thread: %s", strerror(-err)) : sm_holds(c, "two threads");
}

static int refuses_with_threads(struct sm_cell *c)
{
	int err = sm_kid_ask(c, NULL, &(struct sm_answer){ 0 }, NULL);

	sm_judge(c, err && c->fault.stage == SM_STAGE_THREADS,
		 "asked for a child, a server with two threads %s",
		 err ? strerrorname_np(-err) : "makes one");
	sm_holder_end(c);
	return c->observed;
}

/* Until main is suspended; then ends what suspends it. */
static void *watch_main(void *writer)
{
	static const char byte;
	int err = sm_await_state(getpid(), 'D', SM_STEP_MS);

	if (write(*(const int *)writer, &byte, 1) != 1)
		err = -errno;
	return err ? NULL : writer;
}

/* The bare system call: the strategies' own child cannot be held before it execs. */
static int vfork_suspends(struct sm_cell *c)
{
	pthread_t thread;
	void *seen = NULL;
	int ends[2];
	pid_t pid;
	char byte;

	if (pipe2(ends, O_CLOEXEC) < 0 || pthread_create(&thread, NULL, watch_main, &ends[1]))
		return sm_broken(c, "no pipe or no thread");
	pid = vfork();
	if (pid == 0)
		_exit(read(ends[0], &byte, 1) == 1 ? 0 : 1);
	pthread_join(thread, &seen);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	close(ends[0]);
	close(ends[1]);
	return sm_judge(c, pid > 0 && seen,
			"while its vfork child ran, the caller was %s and another thread went on",
			seen ? "suspended (state D)" : "never seen suspended, or failed");
}

static void must_not_run(void)
{
	_exit(1);
}

/* glibc 2.34 and later: fork(3) for signal handlers. */
static int bare_fork_runs_none(struct sm_cell *c)
{
	pid_t (*bare)(void);
	int status = -1;
	pid_t pid;

	*(void **)&bare = sm_symbol(NULL, "_Fork");
	if (!bare)
		return sm_skips(c, SM_F_NONE, "this libc has no _Fork");
	if (pthread_atfork(must_not_run, NULL, must_not_run))
		return sm_broken(c, "pthread_atfork failed");
	pid = bare();
	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid(pid, &status, 0);
	return sm_judge(c, status == 0, "_Fork: its child ended with wait status %d", status);
}

#define SPAWNERS   16
#define SPAWN_EACH 4

struct spawner {
	struct sm_cell *cell;
	struct sm_setup setup;
	struct sm_req req[SPAWN_EACH];
	int number, err, wrong;
	pthread_t thread;
};

static int exit_as_told(struct sm_cell *c)
{
	_exit(atoi(c->arg));
}

static int spawn_one(struct spawner *s, void *self, int i)
{
	const struct sm_ops *ops = s->cell->ops;
	struct sm_fault fault = { .size = sizeof(fault) };
	struct sm_child child = {
		.size = sizeof(child), .in = -1, .out = -1, .err = -1, .pidfd = -1
	};
	struct sm_exit end = { .size = sizeof(end) };
	int err = ops->spawn(self, &s->req[i], &child, &fault);

	if (err)
		return err;
	err = ops->wait(self, &child, SM_STEP_MS, &end);
	if (err)
		kill(child.pid, SIGKILL);
	s->wrong += !err && end.status != (s->number * SPAWN_EACH + i + 1) << 8;
	close(child.in);
	close(child.out);
	close(child.err);
	if (child.pidfd >= 0)
		close(child.pidfd);
	return err;
}

static void *spawner_main(void *arg)
{
	struct spawner *s = arg;
	const struct sm_ops *ops = s->cell->ops;
	struct sm_fault fault = { .size = sizeof(fault) };
	void *self;

	s->err = ops->start(&self, &s->setup, &fault);
	if (s->err)
		return NULL;
	for (int i = 0; i < SPAWN_EACH && !s->err; i++)
		s->err = spawn_one(s, self, i);
	ops->stop(self);
	return NULL;
}

static int prepare_spawner(struct sm_cell *c, struct spawner *s, int number)
{
	char code[16];

	*s = (struct spawner){ .cell = c, .number = number };
	s->setup = (struct sm_setup){ .size = sizeof(s->setup), .timeout_ms = SM_CHECK_MS };
	s->setup.argv = c->argv;
	s->setup.envp = sm_cell_env(c, NULL, NULL, NULL);
	s->setup.payload = c->ops->traits & SM_PARENT_LOADS ? c->payload : NULL;
	for (int i = 0; i < SPAWN_EACH; i++) {
		snprintf(code, sizeof(code), "%d", number * SPAWN_EACH + i + 1);
		s->req[i] = sm_cell_req(c, code);
		if (!s->req[i].envp)
			return -ENOMEM;
	}
	return s->setup.envp ? 0 : -ENOMEM;
}

/* What so many pools need; the usual soft limit is not enough for them, the usual hard one is. */
#define MANY 4096

/* The limit, raised as far as it goes. */
static rlim_t take_all_descriptors(void)
{
	struct rlimit limit = { 0, 0 };

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	return limit.rlim_max;
}

static int spawn_from_threads(struct sm_cell *c)
{
	struct spawner *all = calloc(SPAWNERS, sizeof(*all));
	int made = 0, err = all ? 0 : -ENOMEM, wrong = 0;
	rlim_t limit = take_all_descriptors();

	for (int i = 0; i < SPAWNERS && !err; i++)
		err = prepare_spawner(c, &all[i], i);
	if (err) {
		free(all);
		return sm_broken(c, "%s", strerror(-err));
	}
	while (made < SPAWNERS &&
	       !pthread_create(&all[made].thread, NULL, spawner_main, &all[made]))
		made++;
	for (int i = 0; i < made; i++) {
		pthread_join(all[i].thread, NULL);
		err = err ? err : all[i].err;
		wrong += all[i].wrong;
	}
	free(all);
	if (err == -EMFILE && limit < MANY)
		return sm_skips(c, SM_F_NONE, "RLIMIT_NOFILE of %llu is not enough for %d of them",
				(unsigned long long)limit, SPAWNERS);
	return sm_judge(c, made == SPAWNERS && !err && !wrong,
			"%d threads spawned %d children each: %s, %d wrong exit statuses", made,
			SPAWN_EACH, err ? strerrorname_np(-err) : "no error", wrong);
}

/* The kernel writes the CPU into the area that libc registered for the creator's thread. */
static int rseq_follows(struct sm_cell *c)
{
	const ptrdiff_t *offset = sm_symbol(NULL, "__rseq_offset");
	const unsigned int *size = sm_symbol(NULL, "__rseq_size");
	const volatile uint32_t *area;
	int right = 0, cpus = 0;
	cpu_set_t was, one;

	if (!offset || !size || !*size)
		return sm_skips(c, SM_F_NONE, "this libc registers no rseq area");
	area = (const volatile uint32_t *)((const char *)__builtin_thread_pointer() + *offset);
	sched_getaffinity(0, sizeof(was), &was);
	for (int cpu = 0; cpu < CPU_SETSIZE && cpus < 8; cpu++) {
		if (!CPU_ISSET(cpu, &was))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (sched_setaffinity(0, sizeof(one), &one) < 0)
			continue;
		cpus++;
		right += area[1] == (uint32_t)cpu; /* struct rseq: cpu_id */
	}
	return sm_judge(c, cpus && right == cpus,
			"cpu_id of the rseq area was right on %d of %d CPUs", right, cpus);
}

static const struct sm_check checks[] = {
	{
		.id = "thread.server.refuses",
		.row = "H07",
		.claim = "a server with a second thread refuses to clone",
		.source = "CPython 3.12 os.fork: DeprecationWarning in a process with threads",
		.level = SM_RECORD,
		.only = SM_OWN_SERVER,
		.in_parent = refuses_with_threads,
		.in_creator = add_thread,
	},
	{
		.id = "thread.vfork.suspends",
		.row = "H12",
		.claim = "vfork suspends the thread that calls it, and no other",
		.source = "vfork(2); linux:kernel/fork.c:wait_for_vfork_done; LTP clone05",
		.level = SM_RECORD,
		.flags = SM_CHECK_ALONE,
		.only = SM_FRESH_IMAGE,
		.in_parent = vfork_suspends,
	},
	{
		.id = "thread.atfork.bare",
		.row = "H16",
		.claim = "_Fork runs no fork handlers",
		.source = "_Fork(3); glibc tst-_Fork",
		.level = SM_RECORD,
		.flags = SM_CHECK_ALONE,
		.only = SM_PARENT_LOADS,
		.in_parent = bare_fork_runs_none,
	},
	{
		.id = "thread.spawn.concurrent",
		.row = "H17",
		.claim = "16 threads can start and use one instance each at the same time",
		.source = "OpenBLAS #2270; glibc tst-popen-fork",
		.level = SM_MUST,
		.in_parent = spawn_from_threads,
		.in_child = exit_as_told,
	},
	{
		.id = "thread.rseq",
		.row = "H13",
		.claim = "the rseq area of a child says on which CPU it is",
		.source = "linux:include/linux/rseq.h:rseq_fork; glibc 2.35 sys/rseq.h",
		.level = SM_SHOULD,
		.in_child = rseq_follows,
	},
};

SM_GROUP_AS(thread_spawn, "thread", "Threads and fork handlers", checks);
