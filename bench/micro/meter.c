/* SPDX-License-Identifier: MIT */
/*
 * meter.c - the meter measures itself: what a sample costs that measures nothing, and whether the
 * loop behind every latency number agrees with google-benchmark about the same body.
 *
 * Both bodies call the strategy's own spawn() and wait() and nothing else between their instants.
 * They differ by what lies around: the sample's span has one clock read more (created), the other
 * is timed from one iteration to the next, so that it has google-benchmark's loop in it and the
 * clearing of its structures. The sample's bookkeeping (clearing it, the child's record) lies
 * outside its span; meter/noop/sample, timed per iteration, is what that costs.
 */
#include "micro.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "host/host.h"

struct meter {
	const struct sm_ops *ops;
	void *self;
	struct sm_req req;
	cpu_set_t before; /* where the program may run when no meter case does */
};

static const char *const nothing[] = { "none", NULL };

/* To the first CPU of those allowed: the bodies that are compared must not be placed differently. */
static int pin_first(cpu_set_t *before)
{
	cpu_set_t one;
	int cpu = 0;

	if (sched_getaffinity(0, sizeof(*before), before))
		return -errno;
	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, before))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return sched_setaffinity(0, sizeof(one), &one) ? -errno : 0;
}

static int strategy_setup(void **state, const char *name)
{
	const struct sm_setup setup = {
		.size = sizeof(setup),
		.timeout_ms = 1000,
		.argv = nothing,
		.envp = nothing + 1,
	};
	struct sm_fault fault = { .size = sizeof(fault) };
	struct meter *m = calloc(1, sizeof(*m));
	int err;

	if (!m)
		return -ENOMEM;
	m->ops = sm_strategy(name);
	m->req = (struct sm_req){ .size = sizeof(m->req), .timeout_ms = 1000, .envp = nothing + 1 };
	err = m->ops ? m->ops->start(&m->self, &setup, &fault) : -ENOENT;
	if (!err) {
		err = pin_first(&m->before);
		if (err)
			m->ops->stop(m->self);
	}
	if (err) {
		free(m);
		return err;
	}
	*state = m;
	return 0;
}

int bench_raw_setup(void **state, int64_t arg)
{
	(void)arg;
	return strategy_setup(state, "raw");
}

int bench_noop_setup(void **state, int64_t arg)
{
	(void)arg;
	return strategy_setup(state, "noop");
}

/* The bare body: a child, and its exit. */
int64_t bench_strategy_body(void *state)
{
	struct meter *m = state;
	struct sm_fault fault = { .size = sizeof(fault) };
	struct sm_child child = {
		.size = sizeof(child), .in = -1, .out = -1, .err = -1, .pidfd = -1
	};
	struct sm_exit end = { .size = sizeof(end) };
	int err = m->ops->spawn(m->self, &m->req, &child, &fault);

	return err ? err : m->ops->wait(m->self, &child, -1, &end);
}

/* The same as one sample of the suite: request to reaped. */
int64_t bench_strategy_sample(void *state)
{
	struct meter *m = state;
	struct sm_sample sample;
	struct sm_fault fault;
	int err = sm_latency_one(m->ops, m->self, &m->req, &sample, &fault);

	return err ? err : sample.reaped_ns - sample.request_ns;
}

void bench_strategy_teardown(void *state)
{
	struct meter *m = state;

	m->ops->stop(m->self);
	sched_setaffinity(0, sizeof(m->before), &m->before);
	free(m);
}
