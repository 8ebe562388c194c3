/* SPDX-License-Identifier: MIT */
/*
 * signal_timer.c - what would send a signal later, or where a handler would run.
 */
#include "group.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "env_util.h"

#define FAR_S     1000
#define TIMER_IDS 64 /* the kernel gives small numbers first */

/* C07 */
static const int clocks[] = { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF };

static int armed_itimers(void)
{
	int armed = 0;

	for (int i = 0; i < 3; i++) {
		struct itimerval now;

		armed += getitimer((__itimer_which_t)clocks[i], &now) == 0 &&
			 timerisset(&now.it_value);
	}
	return armed;
}

static int itimer_creator(struct sm_cell *c)
{
	const struct itimerval far = { .it_value = { FAR_S, 0 }, .it_interval = { FAR_S, 0 } };

	for (int i = 0; i < 3; i++)
		setitimer((__itimer_which_t)clocks[i], &far, NULL);
	return armed_itimers() == 3 ? sm_holds(c, "3 interval timers run")
				    : sm_broken(c, "setitimer: %s", strerror(errno));
}

static int itimer_none(struct sm_cell *c)
{
	int armed = armed_itimers();

	return sm_judge(c, armed == 0,
			"of REAL, VIRTUAL and PROF 3 run in the creator, %d in the child", armed);
}

/* C08: by the kernel's own numbers, which libc hides */
static int timer_creator(struct sm_cell *c)
{
	struct itimerspec far = { .it_value = { FAR_S, 0 } };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	int id = -1;

	if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id) ||
	    syscall(SYS_timer_settime, id, 0, &far, NULL))
		return sm_broken(c, "timer_create: %s", strerror(errno));
	return id < TIMER_IDS ? sm_holds(c, "POSIX timer %d runs", id)
			      : sm_broken(c, "the timer's number is %d", id);
}

static int timer_none(struct sm_cell *c)
{
	int found = 0;

	for (int id = 0; id < TIMER_IDS; id++) {
		struct itimerspec left;

		found += syscall(SYS_timer_gettime, id, &left) == 0;
	}
	return sm_judge(c, found == 0, "the creator has 1 POSIX timer, the child %d", found);
}

/* C22 */
static int altstack_creator(struct sm_cell *c)
{
	const stack_t ss = { .ss_sp = malloc(1 << 16), .ss_size = 1 << 16 };

	if (!ss.ss_sp || sigaltstack(&ss, NULL))
		return sm_broken(c, "sigaltstack: %s", strerror(errno));
	return sm_holds(c, "the creator has an alternate stack");
}

static int altstack_none(struct sm_cell *c)
{
	stack_t ss = { .ss_flags = 0 };

	if (sigaltstack(NULL, &ss))
		return sm_broken(c, "sigaltstack: %s", strerror(errno));
	return sm_judge(c, ss.ss_flags & SS_DISABLE,
			"the creator has an alternate stack, the child %s",
			ss.ss_flags & SS_DISABLE ? "none" : "has it too");
}

static const struct sm_check checks[] = {
	{
		.id = "signal.timer.interval",
		.row = "C07",
		.claim = "the creator's interval timers and alarms do not run in the child",
		.source = "fork(2), POSIX fork 9 and 13: setitimer(2), alarm(2) are not inherited",
		.level = SM_MUST,
		.in_creator = itimer_creator,
		.in_child = itimer_none,
	},
	{
		.id = "signal.timer.posix",
		.row = "C08",
		.claim = "the creator's POSIX timers do not exist in the child",
		.source = "fork(2), POSIX fork 18; timer_create(2)",
		.level = SM_MUST,
		.in_creator = timer_creator,
		.in_child = timer_none,
	},
	{
		.id = "signal.altstack.exec",
		.row = "C22",
		.claim = "the creator's alternate signal stack is not the child's",
		.source = "sigaltstack(2): removed by execve; linux:fs/exec.c:begin_new_exec",
		.level = SM_SHOULD,
		.only = SM_FRESH_IMAGE,
		.in_creator = altstack_creator,
		.in_child = altstack_none,
	},
	{
		.id = "signal.altstack.clone",
		.row = "C22",
		.claim = "the creator's alternate signal stack is not the child's",
		.source = "sigaltstack(2): a child of fork inherits a copy",
		.level = SM_RECORD,
		.without = SM_FRESH_IMAGE,
		.in_creator = altstack_creator,
		.in_child = altstack_none,
	},
};

SM_GROUP_AS(signal_timer, "signal", "Signals", checks);
