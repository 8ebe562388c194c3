/* SPDX-License-Identifier: MIT */
/*
 * born.c - the life of a cloned child.
 */
#include "child.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "../sys/sys.h"
#include "orders.h"

static const char *const no_args[] = { NULL };

/*
 * The arguments of the request. Global because the payload's work asks for them without a handle;
 * written once, in the child, before the payload runs.
 */
static const char *const *request_args = no_args;

const char *const *sm_child_args(void)
{
	return request_args;
}

/* The parent's other descriptors stay, but the child's own come only once. */
static int close_sources(const struct sm_birth *birth)
{
	const int fds[3] = { birth->in, birth->out, birth->err };

	for (int i = 0; i < 3; i++) {
		if (fds[i] > STDERR_FILENO)
			close(fds[i]);
	}
	return 0;
}

/* From the creator's descriptors and signals to the child's own. Returns the stage that failed. */
static enum sm_stage settle(const struct sm_birth *birth, int *out, int *err)
{
	const int fds[3] = { birth->in, birth->out, birth->err };

	*err = sm_stdio_install(fds);
	if (*err)
		return SM_STAGE_STDIO;
	*out = STDOUT_FILENO;
	*err = birth->keep_other_fds ? close_sources(birth) : sm_close_from(STDERR_FILENO + 1, -1);
	if (*err)
		return SM_STAGE_CLOSE;
	if (birth->cwd && chdir(birth->cwd) < 0) {
		*err = -errno;
		return SM_STAGE_CHDIR;
	}
	environ = (char **)birth->envp;
	request_args = birth->args ? birth->args : no_args;
	sm_signals_restore(birth->sigmask, birth->handled);
	return SM_STAGE_NONE;
}

_Noreturn void sm_child_born(const struct sm_payload *payload, const struct sm_birth *birth)
{
	const int64_t now = sm_now_ns();
	struct sm_record rec = { .entered_ns = birth->entered_ns ? birth->entered_ns : now };
	int out = birth->out, err = 0;
	enum sm_stage stage;
	const char *job;
	int status;

	rec.received_ns = birth->received_ns;
	rec.cloning_ns = birth->cloning_ns;
	if (birth->run_after_fork && payload->after_fork_child)
		payload->after_fork_child();

	stage = settle(birth, &out, &err);
	if (stage) {
		sm_record_fault(&rec, out, stage, -err);
		_exit(1);
	}
	job = getenv("SM_JOB");
	status = sm_order_run(job ? job : "child", payload, &rec);
	if (status < 0) {
		sm_record_fault(&rec, out, SM_STAGE_ARGUMENT, -status);
		status = 1;
	}
	_exit(status);
}
