/* SPDX-License-Identifier: MIT */
/*
 * thread.c - threads and fork handlers: what a child's own thread is to libc and to the kernel.
 * Locks that another thread holds are in thread_lock.c, runtimes with threads in thread_pool.c,
 * creators with threads in thread_spawn.c.
 */
#include "group.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "sys/sys.h"

/* ---- fork handlers ---- */

/* How often each ran. Global because they have no argument; every process has its own copy. */
static struct {
	int prepare, parent, child;
} ran;

static void on_prepare(void)
{
	ran.prepare++;
}

static void on_parent(void)
{
	ran.parent++;
}

static void on_child(void)
{
	ran.child++;
}

static int set_handlers(struct sm_cell *c)
{
	int err = pthread_atfork(on_prepare, on_parent, on_child);

	return err ? sm_broken(c, "pthread_atfork: %s", strerror(err)) : sm_holds(c, "set");
}

static int child_handler_ran(struct sm_cell *c)
{
	return sm_judge(c, ran.child == 1, "the child handler ran %d times", ran.child);
}

/* The first child's parent handler is seen by the second, which has a copy of the creator. */
static int creator_handlers_ran(struct sm_cell *c)
{
	c->answer.n[0] = ran.prepare;
	c->answer.n[1] = ran.parent;
	return sm_holds(c, "prepare %d, parent %d", ran.prepare, ran.parent);
}

static int around_each_clone(struct sm_cell *c)
{
	struct sm_answer a, b;
	int err = sm_kid_ask(c, NULL, &a, NULL);

	if (!err)
		err = sm_kid_ask(c, NULL, &b, NULL);
	if (err)
		return sm_trouble(c, err, "a child");
	return sm_judge(c, a.n[0] == 1 && a.n[1] == 0 && b.n[0] == 2 && b.n[1] == 1,
			"in the creator ran, at the first clone: prepare %lld, parent %lld; at the "
			"second: %lld, %lld",
			(long long)a.n[0], (long long)a.n[1], (long long)b.n[0], (long long)b.n[1]);
}

/* ---- thread ids that libc keeps ---- */

static pthread_mutex_t *shared_mutex(struct sm_board *board)
{
	return (pthread_mutex_t *)(void *)board->bytes;
}

static int make_mutex(struct sm_cell *c, int type, int robust)
{
	pthread_mutexattr_t attr;
	int err = pthread_mutexattr_init(&attr);

	if (!err)
		err = pthread_mutexattr_settype(&attr, type);
	if (!err)
		err = pthread_mutexattr_setrobust(&attr, robust);
	if (!err)
		err = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	if (!err)
		err = pthread_mutex_init(shared_mutex(c->board), &attr);
	return err;
}

static int lock_shared(struct sm_cell *c)
{
	int err = make_mutex(c, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED);

	if (!err)
		err = pthread_mutex_lock(shared_mutex(c->board));
	return err ? sm_broken(c, "a mutex: %s", strerror(err)) : sm_holds(c, "locked");
}

static int lock_of_creator(struct sm_cell *c)
{
	const struct timespec long_ago = { 0, 0 };
	int err = pthread_mutex_timedlock(shared_mutex(sm_board(c)), &long_ago);

	return sm_judge(
		c, err == ETIMEDOUT,
		"the child locks a mutex that its creator holds: %s (ETIMEDOUT: another has "
		"it; EDEADLK: the child takes itself for the creator)",
		err ? strerrorname_np(err) : "done");
}

static int unlock_of_creator(struct sm_cell *c)
{
	int err = pthread_mutex_unlock(shared_mutex(sm_board(c)));

	return sm_judge(c, err == EPERM, "the child unlocks a mutex that its creator holds: %s",
			err ? strerrorname_np(err) : "done");
}

/* ---- pthread_self() in calls that reach the kernel ---- */

static int tell_creator(struct sm_cell *c)
{
	return sm_holds(c, "creator %d", getpid());
}

static int two_cpus(struct sm_cell *c)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0 || CPU_COUNT(&set) < 2)
		return sm_skips(c, SM_F_NONE, "needs two CPUs, and has one");
	return sm_holds(c, "creator %d", getpid());
}

static int pin_self(struct sm_cell *c)
{
	cpu_set_t was, one, mine, its;
	pid_t creator = sm_board(c)->creator_pid;
	int cpu = 0, err;

	sched_getaffinity(0, sizeof(was), &was);
	while (!CPU_ISSET(cpu, &was))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	err = pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
	if (err)
		return sm_fails(c, "pthread_setaffinity_np: %s", strerrorname_np(err));
	sched_getaffinity(0, sizeof(mine), &mine);
	sched_getaffinity(creator, sizeof(its), &its);
	return sm_judge(c, CPU_EQUAL(&mine, &one) && CPU_EQUAL(&its, &was),
			"pinned to one CPU, the child may use %d, its creator %d of %d",
			CPU_COUNT(&mine), CPU_COUNT(&its), CPU_COUNT(&was));
}

/* A flag beside the policy that is there: from some policies the unprivileged come to no other. */
static int set_own_policy(struct sm_cell *c)
{
	pid_t creator = sm_board(c)->creator_pid;
	int was = sched_getscheduler(creator), want = was | SCHED_RESET_ON_FORK, mine, its, err;
	struct sched_param param;

	if (was < 0 || sched_getparam(creator, &param))
		return sm_broken(c, "the creator's policy: %s", strerrorname_np(errno));
	err = pthread_setschedparam(pthread_self(), want, &param);
	if (err)
		return sm_fails(c, "pthread_setschedparam: %s", strerrorname_np(err));
	mine = sched_getscheduler(0);
	its = sched_getscheduler(creator);
	return sm_judge(
		c, mine == want && its == was,
		"the child sets itself policy %#x, of its creator's %#x: it has %#x, its creator %#x",
		want, was, mine, its);
}

/* ---- a robust mutex of a child that dies ---- */

static int make_robust(struct sm_cell *c)
{
	int err = make_mutex(c, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST);

	return err ? sm_broken(c, "a mutex: %s", strerror(err)) : sm_holds(c, "made");
}

static int die_with_lock(struct sm_cell *c)
{
	int err = pthread_mutex_lock(shared_mutex(sm_board(c)));

	return err ? sm_fails(c, "the child cannot lock: %s", strerrorname_np(err))
		   : sm_holds(c, "the child ends with the mutex locked");
}

static int owner_dead(struct sm_cell *c)
{
	struct sm_answer a;
	int err = sm_kid_ask(c, NULL, &a, NULL);

	if (err)
		return sm_trouble(c, err, "a child");
	if (a.observed != SM_HOLDS)
		return sm_fails(c, "%.900s", a.text);
	err = pthread_mutex_trylock(shared_mutex(c->board));
	if (err == EOWNERDEAD) {
		pthread_mutex_consistent(shared_mutex(c->board));
		pthread_mutex_unlock(shared_mutex(c->board));
	}
	return sm_judge(c, err == EOWNERDEAD,
			"a child died with the mutex locked; the next one to lock it gets %s",
			err ? strerrorname_np(err) : "0");
}

/* ---- new threads, timers ---- */

static void *add_one(void *n)
{
	++*(int *)n;
	return n;
}

static int make_thread(struct sm_cell *c)
{
	pthread_t thread;
	void *got = NULL;
	int n = 41, err = pthread_create(&thread, NULL, add_one, &n);

	if (!err)
		err = pthread_join(thread, &got);
	return sm_judge(c, !err && got == &n && n == 42,
			"the child made a thread and joined it: %s, result %d of 42",
			err ? strerrorname_np(err) : "0", n);
}

static void on_timer(union sigval word)
{
	sm_board_post(word.sival_ptr);
}

/* A timer whose function runs in a thread. 0, or a positive errno. */
static int run_timer(void)
{
	const struct itimerspec soon = { .it_value = { 0, 1 } };
	uint32_t word = 0;
	struct sigevent event = { .sigev_notify = SIGEV_THREAD, .sigev_value.sival_ptr = &word };
	timer_t timer;
	int err = 0;

	event.sigev_notify_function = on_timer;
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0)
		return errno;
	if (timer_settime(timer, 0, &soon, NULL) < 0)
		err = errno;
	if (!err)
		err = -sm_board_wait(&word, 0, SM_STEP_MS);
	timer_delete(timer);
	return err;
}

static int timer_fires(struct sm_cell *c)
{
	int err = run_timer();

	return sm_judge(c, !err, "a timer with SIGEV_THREAD in the child: %s",
			err ? strerrorname_np(err) : "its function ran");
}

static int timer_before(struct sm_cell *c)
{
	int err = run_timer();

	return err ? sm_broken(c, "a timer in the creator: %s", strerror(err))
		   : sm_holds(c, "the creator has had a timer");
}

static const struct sm_check checks[] = {
	{
		.id = "thread.atfork.child",
		.row = "H01",
		.claim = "pthread_atfork handlers of the creator run once in the child",
		.source = "POSIX pthread_atfork; glibc tst-atfork1",
		.level = SM_MUST,
		.without = SM_FRESH_IMAGE,
		.fails_lacking = SM_RUNS_ATFORK,
		.why = "a raw clone runs no fork handlers",
		.in_creator = set_handlers,
		.in_child = child_handler_ran,
	},
	{
		.id = "thread.atfork.creator",
		.row = "H01",
		.claim = "prepare and parent handlers run once for each child in its creator",
		.source = "POSIX pthread_atfork; glibc tst-atfork1",
		.level = SM_MUST,
		.without = SM_FRESH_IMAGE,
		.fails_lacking = SM_RUNS_ATFORK,
		.why = "a raw clone runs no fork handlers",
		.in_parent = around_each_clone,
		.in_creator = set_handlers,
		.in_child = creator_handlers_ran,
	},
	{
		.id = "thread.tid.lock",
		.row = "H04",
		.claim = "a child does not take a mutex that its creator holds for its own",
		.source = "glibc:sysdeps/nptl/_Fork.c; glibc tst-clone2 (BZ 19957)",
		.level = SM_MUST,
		.in_creator = lock_shared,
		.in_child = lock_of_creator,
	},
	{
		.id = "thread.tid.unlock",
		.row = "H04",
		.claim = "a child cannot unlock an error-checking mutex that its creator holds",
		.source = "pthread_mutex_unlock(3p) EPERM; glibc tst-clone2 (BZ 19957)",
		.level = SM_MUST,
		.in_creator = lock_shared,
		.in_child = unlock_of_creator,
	},
	{
		.id = "thread.self.affinity",
		.row = "H05",
		.claim = "pthread_setaffinity_np(pthread_self()) in a child pins the child alone",
		.source = "pthread_setaffinity_np(3); glibc:sysdeps/nptl/_Fork.c",
		.level = SM_MUST,
		.in_creator = two_cpus,
		.in_child = pin_self,
	},
	{
		.id = "thread.self.policy",
		.row = "H05",
		.claim =
			"pthread_setschedparam(pthread_self()) in a child concerns the child alone",
		.source = "pthread_setschedparam(3); glibc:sysdeps/nptl/_Fork.c",
		.level = SM_MUST,
		.in_creator = tell_creator,
		.in_child = set_own_policy,
	},
	{
		.id = "thread.mutex.robust",
		.row = "H06",
		.claim = "a robust mutex that a child held when it died is told of: EOWNERDEAD",
		.source = "pthread_mutexattr_setrobust(3); glibc:sysdeps/nptl/_Fork.c",
		.level = SM_MUST,
		.in_parent = owner_dead,
		.in_creator = make_robust,
		.in_child = die_with_lock,
	},
	{
		.id = "thread.create",
		.row = "H10",
		.claim = "a child can make a thread and join it",
		.source = "pthread_create(3)",
		.level = SM_SHOULD,
		.in_child = make_thread,
	},
	{
		.id = "thread.timer.first",
		.row = "H15",
		.claim = "a timer with SIGEV_THREAD works in a child",
		.source = "timer_create(2); glibc:sysdeps/unix/sysv/linux/timer_routines.c",
		.level = SM_SHOULD,
		.in_child = timer_fires,
	},
	{
		.id = "thread.timer.again",
		.row = "H15",
		.claim = "it does although the creator has had such a timer",
		.source = "glibc:sysdeps/unix/sysv/linux/timer_routines.c __timer_fork_subprocess",
		.level = SM_MUST,
		.flags = SM_CHECK_NO_AUDIT, /* libc's thread for timers stays */
		.in_creator = timer_before,
		.in_child = timer_fires,
	},
};

SM_GROUP(thread, "Threads and fork handlers", checks);
