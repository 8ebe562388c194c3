/* SPDX-License-Identifier: MIT */
/* prepare.c - see prepare.h. */
#include "prepare.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "collect.h"

/* Between two of its values; the whole takes about two seconds. */
#define CALIBRATE_SILENCE_MS 15000

static bool same_argv(char *const *a, char *const *b)
{
	while (*a && *b && !strcmp(*a, *b)) {
		a++;
		b++;
	}
	return !*a && !*b;
}

/* Sizes make no other program of the built-in ones: one of them warms all. */
static bool same_files(const struct sm_case *a, const struct sm_case *b)
{
	if (!strcmp(a->payload, "heap") || !strcmp(a->payload, "none"))
		return !strcmp(a->argv[0], b->argv[0]);
	return same_argv(a->argv, b->argv);
}

static bool warmed(const struct sm_plan *plan, int upto)
{
	for (int i = 0; i < upto; i++)
		if (same_files(&plan->cases[upto], &plan->cases[i]))
			return true;
	return false;
}

int sm_prepare_payloads(struct sm_rig *rig, const struct sm_plan *plan)
{
	for (int i = 0; i < plan->ncases; i++) {
		const struct sm_case *c = &plan->cases[i];
		struct sm_hostspec spec = { .argv = c->argv, .uid = SM_UID_STAY };
		struct sm_hostproc one;
		struct sm_fault fault = { .size = sizeof(fault) };
		struct sm_cpuset set;

		if (c->lacks || warmed(plan, i))
			continue;
		sm_cpus_for(&rig->cpus, SM_PIN_FREE, &set);
		spec.cpus = &set;
		if (sm_hostproc_start(rig, &one, &spec, &fault))
			continue;
		sm_hostproc_join(rig, &one, c->start_timeout_ms);
		sm_hostproc_end(rig, &one, 1, false);
		if (rig->interrupted)
			return -EINTR;
	}
	return 0;
}

static void gather(void *arg, int from, uint16_t type, const void *data, uint32_t bytes)
{
	struct sm_run *run = arg;
	struct sm_msg_value *v;

	(void)from;
	if (type != SM_MSG_VALUE || bytes != sizeof(*v))
		return;
	v = sm_collect_one(&run->calibration, run->ncalibration, sizeof(*v));
	if (!v)
		return;
	memcpy(v, data, sizeof(*v));
	v->name[sizeof(v->name) - 1] = 0;
	run->ncalibration++;
}

/* Any host can calibrate; the plain one has the smallest image, a foreign one may have any. */
static const struct sm_case *plain_host(const struct sm_plan *plan)
{
	const struct sm_case *other = plan->ncases ? &plan->cases[0] : NULL;

	for (int i = 0; i < plan->ncases; i++) {
		const struct sm_ops *ops = plan->cases[i].ops;

		if (plan->cases[i].lacks || (ops->traits & SM_PARENT_LOADS))
			continue;
		if (ops->start)
			return &plan->cases[i];
		other = &plan->cases[i];
	}
	return other;
}

int sm_prepare_calibration(struct sm_rig *rig, struct sm_run *run, struct sm_fault *fault)
{
	const struct sm_case *c = plain_host(run->plan);
	struct sm_hostspec spec = { .uid = SM_UID_STAY };
	struct sm_hostproc host;
	struct sm_msg_done done;
	struct sm_cpuset set;
	char job[128];
	int err;

	if (!c || c->lacks)
		return 0;
	snprintf(job, sizeof(job), "host/%s", c->ops->name);
	sm_cpus_for(&rig->cpus, SM_PIN_SAME, &set);
	spec.argv = c->host_argv;
	spec.job = job;
	spec.cpus = &set;
	err = sm_hostproc_start(rig, &host, &spec, fault);
	if (err)
		return err;
	err = sm_hostproc_send(&host, SM_CMD_CALIBRATE, NULL, 0, fault);
	if (!err)
		err = sm_hostproc_await(rig, &host, 1, CALIBRATE_SILENCE_MS, gather, run, &done,
					fault);
	sm_hostproc_end(rig, &host, 1, !err);
	return err;
}
