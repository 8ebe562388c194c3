/* SPDX-License-Identifier: MIT */
/*
 * role.c - sm_entered() and sm_role(): how a payload learns whether it is child, server or host.
 */
#include "child.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../sys/sys.h"
#include "orders.h"
#include "../check/call.h"
#include "../isolation/layout.h"

/*
 * What has to survive from a payload's first act to its last. Global because nothing else exists
 * yet when `entered` is taken; written once per process.
 */
static struct {
	int64_t entered_ns;
} self;

void sm_entered_at(int64_t monotonic_ns)
{
	if (!self.entered_ns) /* the first instant is the true one */
		self.entered_ns = monotonic_ns;
}

void sm_entered(void)
{
	sm_entered_at(sm_now_ns());
}

/* Splits "PREFIX/STRATEGY/REST". Returns the strategy, or NULL when this is another job. */
static const struct sm_ops *split_job(const char *job, const char *prefix, const char **rest)
{
	size_t n = strlen(prefix);
	const char *name = job + n, *slash;
	char buf[64];

	if (strncmp(job, prefix, n))
		return NULL;
	slash = strchr(name, '/');
	if (!slash || (size_t)(slash - name) >= sizeof(buf))
		return NULL;
	memcpy(buf, name, (size_t)(slash - name));
	buf[slash - name] = '\0';
	*rest = slash + 1;
	return sm_strategy(buf);
}

static int parse_fd(const char *s)
{
	char *end;
	long fd;

	errno = 0;
	fd = strtol(s, &end, 10);
	return errno || end == s || *end || fd < 0 || fd > INT_MAX ? -1 : (int)fd;
}

/* The job was for this process: what it starts gets its own. The string itself stays readable. */
static void take_job(void)
{
	unsetenv("SM_JOB");
}

static int role_child(const char *job, const struct sm_payload *payload)
{
	struct sm_record rec = { .entered_ns = self.entered_ns };
	int status = sm_order_run(job, payload, &rec, NULL);

	if (status < 0)
		sm_record_fault(&rec, STDOUT_FILENO, SM_STAGE_ARGUMENT, -status);
	return status;
}

/*
 * The server's half of a check, when this server was started for one. Its outcome is the check's
 * affair: the server serves in any case.
 */
static void creator_half(const struct sm_ops *ops, const struct sm_payload *payload)
{
	struct sm_check_call call = {
		.size = sizeof(call),
		.half = SM_HALF_CREATOR,
		.id = getenv("SM_PROBE"),
		.ops = ops,
		.payload = payload,
	};
	sm_check_main_fn *run;
	int err;

	if (!call.id)
		return;
	run = sm_check_load(&err); /* now, not in each child: it may allocate and lock */
	if (run)
		run(&call);
}

static int role_serve(const struct sm_ops *ops, const char *where, const struct sm_payload *payload)
{
	const char *undumpable = getenv("SM_UNDUMPABLE");

	if (!ops->serve)
		return -EINVAL;
	take_job();
	if (undumpable && *undumpable && prctl(PR_SET_DUMPABLE, 0) < 0)
		return 1;
	if (getenv("SM_SERVER_SECRET")) /* of the isolation suite; nothing is measured */
		sm_layout_seed();
	creator_half(ops, payload);
	return ops->serve(where, payload) ? 1 : 0;
}

static int role_host(const struct sm_ops *ops, const char *where, const struct sm_payload *payload)
{
	int fd = parse_fd(where);

	if (fd < 0)
		return -EINVAL;
	take_job();
	return sm_host(ops, fd, payload) ? 1 : 0;
}

static int role_plain(const struct sm_payload *payload)
{
	if (payload->work(payload->arg))
		return 1;
	return payload->check && payload->check(payload->arg) ? 1 : 0;
}

/* The shortest payload: as it was before it had before_serve. */
#define PAYLOAD_SIZE_MIN offsetof(struct sm_payload, before_serve)

int sm_role(const char *job, const struct sm_payload *payload)
{
	struct sm_payload own = { 0 };
	const struct sm_ops *ops;
	const char *rest;

	if (!payload || payload->size < PAYLOAD_SIZE_MIN || !payload->work)
		return -EINVAL;
	if (payload->size < sizeof(own)) { /* of an older caller */
		memcpy(&own, payload, payload->size);
		own.size = sizeof(own);
		payload = &own;
	}
	if (!job)
		job = getenv("SM_JOB");
	if (!job)
		return role_plain(payload);
	if (!strncmp(job, "child", 5))
		return role_child(job, payload);
	ops = split_job(job, "serve/", &rest);
	if (ops)
		return role_serve(ops, rest, payload);
	ops = split_job(job, "host/", &rest);
	if (ops)
		return role_host(ops, rest, payload);
	return -EINVAL;
}
