/* SPDX-License-Identifier: MIT */
/*
 * env_inherit.c - what a child inherits from its creator, and what it starts anew.
 *
 * The creator is the server where there is one, else the parent. It changes one of its own
 * attributes before it makes children, so that to be equal means to be inherited.
 */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "env_util.h"

/* The pair of halves: `set` changes, `get` fills n numbers. */
#define HALVES(name, what, count)                              \
	static int name##_creator(struct sm_cell *c)           \
	{                                                      \
		bool changed = name##_set() == 0;              \
                                                               \
		name##_get(c->board->n);                       \
		return sm_creator_is(c, count, changed, what); \
	}                                                      \
	static int name##_child(struct sm_cell *c)             \
	{                                                      \
		name##_get(c->answer.n);                       \
		return sm_child_is(c, count, what);            \
	}

/* F08 */
static const int limits[] = { RLIMIT_CORE, RLIMIT_NOFILE, RLIMIT_STACK, RLIMIT_MSGQUEUE,
			      RLIMIT_RTPRIO };

/* Lower alone: that needs no privilege, whatever the limits were. */
static int lower_limit(int resource, rlim_t soft, rlim_t hard)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)resource, &limit))
		return -1;
	limit.rlim_max = limit.rlim_max < hard ? limit.rlim_max : hard;
	limit.rlim_cur = limit.rlim_max < soft ? limit.rlim_max : soft;
	return setrlimit((__rlimit_resource_t)resource, &limit);
}

static int limit_set(void)
{
	return lower_limit(RLIMIT_CORE, 4096, 1 << 20) || lower_limit(RLIMIT_NOFILE, 333, 777) ||
	       lower_limit(RLIMIT_MSGQUEUE, 1111, 2222);
}

static void limit_get(int64_t *n)
{
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit limit = { 0, 0 };

		getrlimit((__rlimit_resource_t)limits[i], &limit);
		n[2 * i] = (int64_t)limit.rlim_cur;
		n[2 * i + 1] = (int64_t)limit.rlim_max;
	}
}
HALVES(limit, "limits CORE, NOFILE, STACK, MSGQUEUE, RTPRIO (soft, hard)", 10)

/* F09 */
static int nice_set(void)
{
	return setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + 3);
}

static void nice_get(int64_t *n)
{
	n[0] = getpriority(PRIO_PROCESS, 0);
}
HALVES(nice, "nice value", 1)

/*
 * Another than it has, where it may: without privilege nobody leaves SCHED_IDLE (sched(7)), which is
 * then what is to be inherited.
 */
static int policy_set(void)
{
	const struct sched_param none = { 0 };

	if (sched_getscheduler(0) != SCHED_BATCH && !sched_setscheduler(0, SCHED_BATCH, &none))
		return 0;
	return sched_setscheduler(0, SCHED_IDLE, &none);
}

static void policy_get(int64_t *n)
{
	n[0] = sched_getscheduler(0);
}
HALVES(policy, "scheduling policy", 1)

static int reset_creator(struct sm_cell *c)
{
	const struct sched_param none = { 0 };

	if (setpriority(PRIO_PROCESS, 0, -3) ||
	    sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &none))
		return sm_broken(c, "nice -3 with SCHED_RESET_ON_FORK: %s", strerror(errno));
	return sm_holds(c, "nice -3, SCHED_RESET_ON_FORK");
}

static int reset_child(struct sm_cell *c)
{
	int nice = getpriority(PRIO_PROCESS, 0), policy = sched_getscheduler(0);

	return sm_judge(c, nice == 0 && policy == SCHED_OTHER,
			"creator: nice -3 with SCHED_RESET_ON_FORK; child: nice %d, policy %#x",
			nice, policy);
}

/* F10 */
static int affinity_set(void)
{
	cpu_set_t all, one;
	int cpu = 0;

	CPU_ZERO(&one);
	if (sched_getaffinity(0, sizeof(all), &all))
		return -1;
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_SET(cpu, &one);
	return sched_setaffinity(0, sizeof(one), &one);
}

static void affinity_get(int64_t *n)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	sched_getaffinity(0, sizeof(set), &set);
	n[0] = CPU_COUNT(&set);
	memcpy(&n[1], &set, sizeof(n[1]));
}
HALVES(affinity, "affinity (number of CPUs, the first 64)", 2)

/* F12 */
static const char *const cap_lines[] = { "CapInh", "CapBnd", "CapAmb", "CapPrm", "CapEff" };

static int caps_set(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (prctl(PR_CAPBSET_DROP, CAP_SYS_PACCT) || prctl(PR_CAPBSET_DROP, CAP_WAKE_ALARM) ||
	    syscall(SYS_capget, &head, data))
		return -1;
	data[0].permitted &= ~(1u << CAP_SYS_PACCT);
	data[1].permitted &= ~(1u << (CAP_WAKE_ALARM - 32));
	data[0].effective &= data[0].permitted;
	data[1].effective &= data[1].permitted;
	data[0].inheritable |= 1u << CAP_CHOWN;
	return syscall(SYS_capset, &head, data) ||
	       prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0);
}

static void caps_get(int64_t *n)
{
	for (int i = 0; i < 5; i++)
		n[i] = sm_status_of(getpid(), cap_lines[i], 16);
}
HALVES(caps, "capability sets (inheritable, bounding, ambient, permitted, effective)", 5)

/* F13 */
static int oom_set(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	int err = fd < 0 || write(fd, "321", 3) != 3;

	if (fd >= 0)
		close(fd);
	return err;
}

static void oom_get(int64_t *n)
{
	char text[16] = "";
	int fd = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);

	n[0] = INT64_MIN;
	if (fd < 0)
		return;
	if (read(fd, text, sizeof(text) - 1) > 0)
		n[0] = strtoll(text, NULL, 10);
	close(fd);
}
HALVES(oom, "oom_score_adj", 1)

/* F15 */
static int slack_set(void)
{
	return prctl(PR_SET_TIMERSLACK, 123456UL);
}

static void slack_get(int64_t *n)
{
	n[0] = prctl(PR_GET_TIMERSLACK);
}
HALVES(slack, "timer slack in ns", 1)

/* F17: UNAME26 shows itself in uname(2) alone, ADDR_NO_RANDOMIZE from the next exec on */
static int persona_set(void)
{
	return personality(ADDR_NO_RANDOMIZE | UNAME26) == -1;
}

static void persona_get(int64_t *n)
{
	n[0] = personality(0xffffffff);
}
HALVES(persona, "personality", 1)

/* F20 */
#define BURN_NS 40000000

static int64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int cpu_creator(struct sm_cell *c)
{
	int64_t end = cpu_ns() + BURN_NS;

	while (cpu_ns() < end)
		;
	c->board->n[0] = cpu_ns();
	return sm_holds(c, "the creator has used %lld ns", (long long)c->board->n[0]);
}

static int cpu_child(struct sm_cell *c)
{
	struct rusage kids;

	c->answer.n[0] = cpu_ns();
	getrusage(RUSAGE_CHILDREN, &kids);
	c->answer.n[1] = kids.ru_utime.tv_sec + kids.ru_utime.tv_usec + kids.ru_stime.tv_sec +
			 kids.ru_stime.tv_usec + kids.ru_minflt + kids.ru_maxrss;
	return sm_holds(c, "seen");
}

/* No number in the evidence: it would differ from run to run. */
static int cpu_parent(struct sm_cell *c)
{
	struct sm_answer a;
	int err = sm_kid_ask(c, NULL, &a, NULL);

	if (err)
		return sm_trouble(c, err, "a child");
	if (a.n[1])
		return sm_fails(c, "RUSAGE_CHILDREN is not zero in the child");
	return sm_judge(c, a.n[0] < BURN_NS && a.n[0] < c->board->n[0],
			"the creator had used more than %d ms of CPU, the child %s",
			BURN_NS / 1000000, a.n[0] < BURN_NS ? "less" : "more");
}

/* F22 */
static int ioprio_set_low(void)
{
	const int best_effort = 2 << 13;

	return syscall(SYS_ioprio_set, 1, 0, best_effort | 6) < 0;
}

static int ioprio_creator(struct sm_cell *c)
{
	bool changed = ioprio_set_low() == 0;

	c->board->n[0] = syscall(SYS_ioprio_get, 1, 0);
	return sm_creator_is(c, 1, changed, "I/O priority");
}

static int ioprio_child(struct sm_cell *c)
{
	c->answer.n[0] = syscall(SYS_ioprio_get, 1, 0);
	return sm_child_is(c, 1, "I/O priority");
}

#define LIKE(detail, row_, claim_, source_, name)                                                \
	.id = "env." detail ".inherited", .row = (row_), .claim = (claim_), .source = (source_), \
	.level = SM_MUST, .in_parent = sm_like_creator, .in_creator = name##_creator,            \
	.in_child = name##_child

static const struct sm_check checks[] = {
	{ LIKE("limit", "F08", "without a word, the child has its creator's resource limits",
	       "getrlimit(2): inherited by fork, preserved across execve", limit) },
	{ LIKE("nice", "F09", "the child has its creator's nice value",
	       "fork(2); POSIX fork 17; LTP nice", nice) },
	{ LIKE("policy", "F09", "the child has its creator's scheduling policy",
	       "sched(7): a child inherits its parent's policy", policy) },
	{
		.id = "env.policy.reset-on-fork",
		.row = "F09",
		.claim =
			"SCHED_RESET_ON_FORK in the creator: the child has nice 0 and no such flag",
		.source = "sched(7); linux:kernel/sched/core.c:sched_fork",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_ROOT),
		.in_creator = reset_creator,
		.in_child = reset_child,
	},
	{ LIKE("affinity", "F10", "the child may run where its creator may",
	       "sched_setaffinity(2): inherited by fork, preserved across execve", affinity) },
	{ LIKE("caps", "F12", "the child has its creator's five capability sets",
	       "capabilities(7); LTP prctl07; linux:security/commoncap.c", caps),
	  .needs = SM_NEED(SM_F_ROOT) },
	{ LIKE("oom-score", "F13", "the child has its creator's oom_score_adj",
	       "proc(5); linux:kernel/fork.c:copy_signal", oom) },
	{ LIKE("timer-slack", "F15", "the child has its creator's current timer slack",
	       "prctl(2) PR_SET_TIMERSLACK; LTP prctl08", slack) },
	{ LIKE("personality", "F17", "the child has its creator's personality",
	       "personality(2): inherited by fork, kept by execve", persona) },
	{
		.id = "env.cpu-clock.zero",
		.row = "F20",
		.claim = "CPU clocks of the child, and of its children, start at zero",
		.source = "POSIX fork: tms and CPU-time clocks are set to 0",
		.level = SM_MUST,
		.in_parent = cpu_parent,
		.in_creator = cpu_creator,
		.in_child = cpu_child,
	},
	{ LIKE("ioprio", "F22", "the child has its creator's I/O priority",
	       "ioprio_set(2); linux:block/blk-ioc.c:__copy_io", ioprio) },
};

SM_GROUP_AS(env_inherit, "env", "Arguments, environment, limits, credentials", checks);
