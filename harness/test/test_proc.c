/* SPDX-License-Identifier: MIT */
/* test_proc.c - children of a process, as the kernel lists them and as a scan finds them. */
#include "sys/proc.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "forked.h"
#include "sys/sys.h"

#define KIDS 40

/* Lives until it is killed, at the latest with the test. */
static pid_t idler(void)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(30);
		for (;;)
			pause();
	}
	return pid;
}

static bool has(const pid_t *list, int n, pid_t pid)
{
	for (int i = 0; i < n; i++)
		if (list[i] == pid)
			return true;
	return false;
}

/* Are these, each once, the children of this process? Both ways. */
static void need_children(const pid_t *kids, int n)
{
	int (*const ways[])(pid_t pid, pid_t * *list) = { sm_children, sm_children_scan };

	for (int w = 0; w < 2; w++) {
		pid_t *list = NULL;

		FK_NEED(ways[w](getpid(), &list) == n);
		for (int i = 0; i < n; i++)
			FK_NEED(has(list, n, kids[i]));
		free(list);
	}
}

static void *start_one(void *to)
{
	*(pid_t *)to = idler();
	pause();
	return NULL;
}

static void many(const void *arg)
{
	pid_t kids[KIDS + 1] = { 0 };
	siginfo_t info;
	pthread_t thread;

	(void)arg;
	need_children(kids, 0);
	for (int i = 0; i < KIDS; i++)
		kids[i] = idler();
	need_children(kids, KIDS);
	/* A dead one is there until it is reaped. */
	FK_NEED(kill(kids[3], SIGKILL) == 0);
	FK_NEED(waitid(P_PID, (id_t)kids[3], &info, WEXITED | WNOWAIT) == 0);
	FK_NEED(sm_proc_stat(kids[3], 3) == 'Z' && sm_proc_stat(kids[3], 4) == getpid());
	need_children(kids, KIDS);
	FK_NEED(waitpid(kids[3], NULL, 0) == kids[3]);
	FK_NEED(sm_proc_stat(kids[3], 3) == -1);
	kids[3] = kids[KIDS - 1];
	need_children(kids, KIDS - 1);
	/* Of another thread. Such a child may die with its thread: this one stays. */
	kids[KIDS - 1] = 0;
	FK_NEED(pthread_create(&thread, NULL, start_one, &kids[KIDS - 1]) == 0);
	while (!__atomic_load_n(&kids[KIDS - 1], __ATOMIC_ACQUIRE))
		usleep(100);
	need_children(kids, KIDS);
}

static void test_many(void **state)
{
	(void)state;
	fk_in_child(many, NULL);
}

static void test_nobody(void **state)
{
	pid_t *list = NULL, pid = fork();

	(void)state;
	if (!pid)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(sm_children(pid, &list), 0);
	free(list);
	assert_int_equal(sm_proc_stat(pid, 4), -1);
	assert_int_equal(sm_proc_stat(getpid(), 4), getppid());
	assert_int_equal(sm_proc_stat(getpid(), 3), 'R');
}

#define RING     8
#define READINGS 3000

/* Replaces the oldest of its children for ever; whom the ring names is alive. */
static _Noreturn void turn(volatile pid_t *ring)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(60);
	for (unsigned int i = 0;; i = (i + 1) % RING) {
		pid_t old = ring[i];

		__atomic_store_n(&ring[i], 0, __ATOMIC_SEQ_CST);
		if (old) {
			kill(old, SIGKILL);
			waitpid(old, NULL, 0);
		}
		__atomic_store_n(&ring[i], idler(), __ATOMIC_SEQ_CST);
	}
}

/* Whoever was there before and after the reading must be in it. */
static void while_they_change(const void *arg)
{
	volatile pid_t *ring =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	(void)arg;
	FK_NEED(ring != MAP_FAILED);
	pid = fork();
	if (!pid)
		turn(ring);
	for (int i = 0; i < READINGS; i++) {
		pid_t was[RING], *list = NULL;
		int n;

		for (int k = 0; k < RING; k++)
			was[k] = __atomic_load_n(&ring[k], __ATOMIC_SEQ_CST);
		n = sm_children(pid, &list);
		FK_NEED(n >= 0);
		for (int k = 0; k < RING; k++)
			if (was[k] && was[k] == __atomic_load_n(&ring[k], __ATOMIC_SEQ_CST))
				FK_NEED(has(list, n, was[k]));
		free(list);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void test_while_they_change(void **state)
{
	(void)state;
	fk_in_child(while_they_change, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_while_they_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
