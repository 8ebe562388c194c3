/* SPDX-License-Identifier: MIT */
/*
 * calibrate.c - what the machine's elementary steps cost, so that results of two machines can be
 * told apart from results of two strategies. Each value is bounded in time.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host.h"
#include "../sys/sys.h"

#define VALUES_MAX 500
#define BUDGET_NS  150000000 /* for one value: seven of them stay below 1.1 s */
#define BATCH      64

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/*
 * How many values to leave out on each side of the median's interval: the most for which the
 * ranks left+1 .. n-left still cover it with 95 %. Binomial weights are taken relative to the
 * middle one, so that nothing underflows.
 */
static uint32_t ranks_out(uint32_t n)
{
	uint32_t mid = n / 2;
	double w = 1, total = 1, tail = 0, lowest[VALUES_MAX / 2 + 1];

	lowest[mid] = w; /* weight of k = mid successes */
	for (uint32_t k = mid; k > 0; k--) {
		w *= (double)k / (n - k + 1);
		lowest[k - 1] = w;
		total += w;
	}
	w = 1;
	for (uint32_t k = mid; k < n; k++) {
		w *= (double)(n - k) / (k + 1);
		total += w;
	}
	for (uint32_t k = 0; k <= mid; k++) {
		tail += lowest[k] / total;
		if (tail > 0.025)
			return k ? k - 1 : 0;
	}
	return 0;
}

void sm_value_fill(struct sm_msg_value *value, const char *name, double *v, uint32_t n)
{
	uint32_t out = ranks_out(n);

	memset(value, 0, sizeof(*value));
	snprintf(value->name, sizeof(value->name), "%s", name);
	qsort(v, n, sizeof(*v), by_value);
	value->n = n;
	value->p50 = n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
	value->lo = v[out];
	value->hi = v[n - 1 - out];
}

/* What a step works with; made by its prepare, undone by its finish. */
struct bench {
	char *pages;
	size_t page_bytes;
	int ping[2], pong[2];
	pid_t partner;
	cpu_set_t cpus;
};

static double clock_read(struct bench *b)
{
	int64_t t = sm_now_ns();

	(void)b;
	for (int i = 0; i < BATCH - 1; i++)
		sm_now_ns();
	return (double)(sm_now_ns() - t) / BATCH;
}

static double clock_pair(struct bench *b)
{
	int64_t t = sm_now_ns();

	(void)b;
	return (double)(sm_now_ns() - t);
}

static double system_call(struct bench *b)
{
	int64_t t = sm_now_ns();

	(void)b;
	for (int i = 0; i < BATCH; i++)
		syscall(SYS_getppid);
	return (double)(sm_now_ns() - t) / BATCH;
}

static int pages_make(struct bench *b)
{
	b->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	b->pages = mmap(NULL, BATCH * b->page_bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (b->pages == MAP_FAILED)
		return -errno;
	madvise(b->pages, BATCH * b->page_bytes, MADV_NOHUGEPAGE); /* too small for one anyway */
	return 0;
}

static double page_fault(struct bench *b)
{
	int64_t t;

	if (madvise(b->pages, BATCH * b->page_bytes, MADV_DONTNEED))
		return -1;
	t = sm_now_ns();
	for (int i = 0; i < BATCH; i++)
		*(volatile char *)(b->pages + (size_t)i * b->page_bytes) = 1;
	return (double)(sm_now_ns() - t) / BATCH;
}

static void pages_drop(struct bench *b)
{
	munmap(b->pages, BATCH * b->page_bytes);
}

/* The partner of the ping-pong: async-signal-safe calls alone, ends with the pipe. */
static _Noreturn void echo(int from, int to)
{
	char c;

	while (sm_read_all(from, &c, 1, -1) == 0)
		if (sm_write_all(to, &c, 1))
			break;
	_exit(0);
}

static void pipes_drop(struct bench *b)
{
	close(b->ping[0]);
	close(b->ping[1]);
	close(b->pong[0]);
	close(b->pong[1]);
}

/* Both on the CPU that this process is on: so every byte costs a switch. */
static int partner_make(struct bench *b)
{
	cpu_set_t one;
	sigset_t old;
	int err;

	if (sched_getaffinity(0, sizeof(b->cpus), &b->cpus))
		return -errno;
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (pipe2(b->ping, O_CLOEXEC))
		return -errno;
	if (pipe2(b->pong, O_CLOEXEC)) {
		err = -errno;
		close(b->ping[0]);
		close(b->ping[1]);
		return err;
	}
	if (sched_setaffinity(0, sizeof(one), &one)) {
		err = -errno;
		pipes_drop(b);
		return err;
	}
	sm_signals_block(&old);
	b->partner = sm_raw_clone(SIGCHLD);
	if (b->partner == 0) {
		close(b->ping[1]); /* else its end of file never comes */
		echo(b->ping[0], b->pong[1]);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (b->partner < 0) {
		sched_setaffinity(0, sizeof(b->cpus), &b->cpus);
		pipes_drop(b);
		return b->partner;
	}
	return 0;
}

static double context_switch(struct bench *b)
{
	int64_t t = sm_now_ns();
	char c = 0;

	if (sm_write_all(b->ping[1], &c, 1) || sm_read_all(b->pong[0], &c, 1, -1))
		return -1;
	return (double)(sm_now_ns() - t) / 2; /* there and back */
}

static void partner_drop(struct bench *b)
{
	pipes_drop(b);
	sm_wait_child(b->partner, SM_REAP_MS, NULL);
	sched_setaffinity(0, sizeof(b->cpus), &b->cpus);
}

static double cpuid(struct bench *b)
{
	(void)b;
	return sm_cpuid_ns();
}

/* What nothing that makes a process can beat. */
static double clone_exit_wait(struct bench *b)
{
	int64_t t = sm_now_ns();
	pid_t pid = sm_raw_clone(SIGCHLD);

	(void)b;
	if (pid == 0)
		syscall(SYS_exit_group, 0); /* _exit(2) would be looked up anew in every child */
	if (pid < 0 || sm_wait_child(pid, -1, NULL))
		return -1;
	return (double)(sm_now_ns() - t);
}

/* Sorted by cost. once returns ns, or less than 0: this machine cannot. */
static const struct step {
	const char *name;
	int (*prepare)(struct bench *b);
	double (*once)(struct bench *b);
	void (*finish)(struct bench *b);
} steps[] = {
	{ "clock_read_ns", NULL, clock_read, NULL },
	{ "clock_pair_ns", NULL, clock_pair, NULL },
	{ "syscall_ns", NULL, system_call, NULL },
	{ "page_fault_ns", pages_make, page_fault, pages_drop },
	{ "context_switch_ns", partner_make, context_switch, partner_drop },
	{ "cpuid_ns", NULL, cpuid, NULL },
	{ "clone_exit_wait_ns", NULL, clone_exit_wait, NULL },
};

/* Returns how many values it took; 0: this machine cannot. */
static uint32_t measure(const struct step *s, double *v)
{
	int64_t end_ns = sm_now_ns() + BUDGET_NS;
	struct bench b;
	uint32_t n = 0;

	if (s->prepare && s->prepare(&b))
		return 0;
	s->once(&b); /* warm: code and pages are there */
	while (n < VALUES_MAX && sm_now_ns() < end_ns) {
		v[n] = s->once(&b);
		if (v[n] < 0)
			break;
		n++;
	}
	if (s->finish)
		s->finish(&b);
	return n;
}

int sm_host_calibrate(struct sm_host_state *st, const void *data, uint32_t bytes)
{
	double v[VALUES_MAX];
	struct sm_msg_value value;
	int err = 0;

	(void)data;
	if (bytes)
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, EINVAL,
			       "calibrate: takes no argument");
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !err; i++) {
		uint32_t n = measure(&steps[i], v);

		if (!n)
			continue;
		sm_value_fill(&value, steps[i].name, v, n);
		err = sm_host_send(st, SM_MSG_VALUE, &value, sizeof(value));
	}
	return err;
}
