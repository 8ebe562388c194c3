/* SPDX-License-Identifier: MIT */
/*
 * meter.c - the meter measures itself: what a sample costs that measures nothing, and whether the
 * loop behind every latency number agrees with google-benchmark about the same body.
 */
#include "micro.h"

#include <errno.h>
#include <stdlib.h>

#include "host/host.h"

struct meter {
	const struct sm_ops *ops;
	void *self;
	struct sm_req req;
};

static const char *const nothing[] = { "none", NULL };

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
	struct sm_child child = { .size = sizeof(child), .in = -1, .out = -1, .err = -1 };
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
	free(m);
}
