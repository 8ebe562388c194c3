/* SPDX-License-Identifier: MIT */
/*
 * host.c - plays the parent: takes the driver's commands from a socket and obeys them, one at a
 * time, until it is told to close or the driver has gone. Then nothing that it made is left.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "host.h"
#include "../sys/sys.h"

static int close_host(struct sm_host_state *st, const void *data, uint32_t bytes)
{
	(void)data;
	(void)bytes;
	sm_host_shut(st);
	st->closing = true;
	return 0;
}

/* Sorted as enum sm_msg is. A new command is one function and one row. */
/* clang-format off */
static const struct {
	uint16_t cmd;
	bool needs_open;
	sm_command *run;
} commands[] = {
	{ SM_CMD_OPEN, false, sm_host_open },
	{ SM_CMD_LATENCY, true, sm_host_latency },
	{ SM_CMD_LOAD, true, sm_host_load },
	{ SM_CMD_HOLD, true, sm_host_hold },
	{ SM_CMD_SPARES, true, sm_host_spares },
	{ SM_CMD_WORK, true, sm_host_work },
	{ SM_CMD_RELEASE, true, sm_host_release },
	{ SM_CMD_ISOLATE, true, sm_host_isolate },
	{ SM_CMD_CALIBRATE, false, sm_host_calibrate },
	{ SM_CMD_CLOSE, false, close_host },
	{ SM_CMD_CHECK, false, sm_host_check },
	{ SM_CMD_HELLO, false, sm_host_hello },
	{ SM_CMD_ARRIVE, true, sm_host_arrive },
};
/* clang-format on */

static int64_t tv_ns(const struct timeval *tv)
{
	return (int64_t)tv->tv_sec * 1000000000 + (int64_t)tv->tv_usec * 1000;
}

static int run(struct sm_host_state *st, const struct sm_frame *f)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (commands[i].cmd != f->type)
			continue;
		if (commands[i].needs_open && !st->started)
			return sm_fail(&st->fault, SM_STAGE_ARGUMENT, EINVAL,
				       "the command needs a strategy: send SM_CMD_OPEN first");
		return commands[i].run(st, st->scratch->frame, f->bytes);
	}
	return sm_fail(&st->fault, SM_STAGE_ARGUMENT, EPROTO, "unknown command");
}

/* Runs one command and answers it. 0, or -errno when the driver cannot be told. */
static int obey(struct sm_host_state *st, const struct sm_frame *f)
{
	struct rusage a, b;
	int err;

	st->fault = (struct sm_fault){ .size = sizeof(st->fault) };
	memset(&st->done, 0, sizeof(st->done));
	st->scratch->nsamples = st->scratch->nnotes = 0;
	getrusage(RUSAGE_SELF, &a);
	st->done.began_ns = sm_now_ns();
	err = run(st, f);
	st->done.ended_ns = sm_now_ns();
	getrusage(RUSAGE_SELF, &b);
	if (st->driver_gone)
		return -EPIPE;
	if (err) {
		if (st->fault.stage == SM_STAGE_NONE)
			sm_fail(&st->fault, SM_STAGE_ARGUMENT, -err, "");
		return sm_host_send(st, SM_MSG_FAULT, &st->fault, sizeof(st->fault));
	}
	st->done.parent_utime_ns = tv_ns(&b.ru_utime) - tv_ns(&a.ru_utime);
	st->done.parent_stime_ns = tv_ns(&b.ru_stime) - tv_ns(&a.ru_stime);
	st->done.parent_nivcsw = b.ru_nivcsw - a.ru_nivcsw;
	st->done.parent_majflt = b.ru_majflt - a.ru_majflt;
	if (st->started && st->ops.server)
		st->done.server_pid = st->ops.server(st->self);
	return sm_host_send(st, SM_MSG_DONE, &st->done, sizeof(st->done));
}

/* Takes what an old or new caller knows of struct sm_ops. 0 or -EINVAL with a fault. */
static int take_ops(struct sm_host_state *st, const struct sm_ops *ops)
{
	const size_t mandatory = offsetof(struct sm_ops, server);

	if (!ops || ops->size < mandatory)
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, EINVAL,
			       "struct sm_ops: size is too small for the mandatory hooks");
	memcpy(&st->ops, ops, ops->size < sizeof(st->ops) ? ops->size : sizeof(st->ops));
	if (!st->ops.name || !st->ops.start || !st->ops.spawn || !st->ops.wait || !st->ops.stop)
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, EINVAL,
			       "struct sm_ops: name, start, spawn, wait and stop are mandatory");
	if ((st->ops.traits & SM_OWN_SERVER) && !st->ops.server)
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, EINVAL,
			       "struct sm_ops: with the trait OWN_SERVER, server is mandatory too");
	if (st->payload && st->payload->size < sizeof(*st->payload))
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, EINVAL,
			       "struct sm_payload: size is too small");
	if ((st->ops.traits & SM_PARENT_LOADS) && !st->payload)
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, EINVAL,
			       "this strategy clones the parent: the host must be a payload");
	return 0;
}

static int prepare(struct sm_host_state *st)
{
	/* An ignored SIGCHLD survives exec and would reap the children unseen (wait(2)). */
	if (signal(SIGCHLD, SIG_DFL) == SIG_ERR || fcntl(st->sock, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	st->scratch = mmap(NULL, sizeof(*st->scratch), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (st->scratch == MAP_FAILED) {
		st->scratch = NULL;
		return -ENOMEM;
	}
	if (madvise(st->scratch, sizeof(*st->scratch), MADV_DONTFORK))
		return -errno;
	/* Faulted in now, so that no fault falls into a measured span. */
	memset(st->scratch->samples, 0, sizeof(st->scratch->samples));
	return 0;
}

/* The first descriptor of OPEN or CHECK; nothing else carries any. */
static void take_plan(struct sm_host_state *st, const struct sm_frame *f)
{
	bool takes = f->type == SM_CMD_OPEN || f->type == SM_CMD_CHECK;

	for (unsigned int i = 0; i < f->nfds; i++) {
		if (takes && !st->plan_fd && f->fds[i] > STDERR_FILENO)
			st->plan_fd = f->fds[i];
		else
			close(f->fds[i]);
	}
}

static int serve(struct sm_host_state *st)
{
	struct sm_frame f;
	int err;

	while (!st->closing) {
		err = sm_frame_recv(st->sock, &f, st->scratch->frame, sizeof(st->scratch->frame),
				    -1);
		if (err)
			return err;
		take_plan(st, &f);
		err = obey(st, &f);
		if (err)
			return err;
	}
	return 0;
}

int sm_host(const struct sm_ops *ops, int fd, const struct sm_payload *payload)
{
	struct sm_host_state *st = calloc(1, sizeof(*st));
	struct sm_secrets_room room; /* the stack secrets: below every later frame */
	int err = -ENOMEM;

	if (!st)
		goto out;
	st->fault.size = sizeof(st->fault);
	st->sock = fd;
	st->room = &room;
	st->payload = payload;
	err = take_ops(st, ops);
	if (!err)
		err = prepare(st);
	if (err) { /* the driver waits for the answer to OPEN: this is it */
		if (st->fault.stage == SM_STAGE_NONE)
			sm_fail(&st->fault, SM_STAGE_IMAGE, -err,
				"the host could not prepare itself");
		sm_host_send(st, SM_MSG_FAULT, &st->fault, sizeof(st->fault));
		goto out;
	}
	err = serve(st);
	if (err == -EPIPE || err == -ECONNRESET)
		err = 0; /* the driver has gone: not the host's failure */
out:
	if (st) {
		sm_host_shut(st);
		if (st->scratch)
			munmap(st->scratch, sizeof(*st->scratch));
		free(st);
	}
	close(fd);
	return err;
}
