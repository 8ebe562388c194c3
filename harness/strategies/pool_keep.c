/* SPDX-License-Identifier: MIT */
/*
 * pool_keep.c - the parent's dealings with the server of pool; see pool.h.
 *
 * A server that has died is replaced by one that loads anew; idle children that it made serve on.
 */
#include "pool.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../sys/sys.h"
#include "../wire/frame.h"
#include "common.h"
#include "hatch.h"

/* What a server may take to see that it should end. */
#define END_WAIT_MS 2000

const char *const sm_pool_option_names[] = { "size", "warm",   "refill",   "collapse",
					     "trim", "freeze", "prefault", NULL };

int sm_pool_options(struct sm_pool_options *o, const char *text, struct sm_fault *fault)
{
	static const char *const refills[] = { "eager", "lazy", "paced", NULL };
	int size = sm_option_number(text, "size", 1, SM_POOL_SIZE_MAX, 16);

	o->warm = sm_option_flag(text, "warm", 0);
	o->refill = sm_option_choice(text, "refill", refills, SM_POOL_PACED);
	o->size = (uint32_t)size;
	if (size < 0)
		return sm_option_bad(text, "size", fault);
	if (o->warm < 0)
		return sm_option_bad(text, "warm", fault);
	return o->refill < 0 ? sm_option_bad(text, "refill", fault) : 0;
}

static int milliseconds_left(int64_t end_ns)
{
	int64_t ms = (end_ns - sm_now_ns() + 999999) / 1000000;

	return ms < 0 ? 0 : ms > INT_MAX ? INT_MAX : (int)ms;
}

/* Launches a server, which then loads. 0, or -errno with the fault filled. */
static int launch(struct sm_pool *p, struct sm_fault *fault)
{
	p->loaded = 0;
	p->asked = 0;
	return sm_hatch_launch(&p->server, &p->ledger, &p->setup, "pool", SOCK_STREAM, &p->sock,
			       fault);
}

/* And with it the child of which it could not tell. */
static void end_server(struct sm_pool *p)
{
	pid_t orphan;

	if (p->sock >= 0)
		close(p->sock); /* one that lives after all sees its end of file */
	p->sock = -1;
	sm_server_stop(&p->server); /* by its pid only while that is still ours */
	p->asked = 0;
	orphan = sm_ledger_orphan(&p->ledger);
	if (orphan)
		sm_pool_spares_bury(&p->spares, orphan);
	sm_ledger_close(&p->ledger);
}

/* The server is gone, or no longer understood. Says why it did not get ready, if it did not. */
static int lose(struct sm_pool *p, int err, struct sm_fault *fault)
{
	if (!p->loaded)
		err = sm_server_failed(&p->server, err, fault);
	else
		err = sm_fail(fault, SM_STAGE_RECEIVE, -err, "the server of the pool is gone");
	end_server(p);
	return err;
}

static void close_fds(struct sm_frame *frame)
{
	for (unsigned int i = 0; i < frame->nfds; i++)
		close(frame->fds[i]);
	frame->nfds = 0;
}

/* What a SPARE says. 0, or -errno with the fault filled: it brought no child. */
static int take_made(struct sm_pool *p, const struct sm_frame *frame,
		     const struct sm_pool_made *made, int lost, struct sm_fault *fault)
{
	uint32_t off = made->off ? made->off : 1;
	int err;

	p->asked -= off < p->asked ? off : p->asked;
	if (made->pid > 0)
		p->ledger.told = made->pid;
	if (lost) { /* of no use without its descriptors, all of which are closed */
		sm_kill_child(made->pid);
		return sm_fail(fault, SM_STAGE_RECEIVE, EMFILE,
			       "no room for an idle child's pipes: raise RLIMIT_NOFILE");
	}
	if (!made->fault.err && made->pid > 0 && frame->nfds + 1 >= SM_POOL_FDS &&
	    p->spares.n < SM_POOL_SIZE_MAX) {
		sm_pool_spare_add(&p->spares, made->pid, frame->fds, frame->nfds);
		return 0;
	}
	if (made->pid > 0)
		sm_kill_child(made->pid);
	err = sm_fail(fault, (enum sm_stage)made->fault.stage, made->fault.err,
		      made->fault.text[0] ? made->fault.text : "in the server of the pool");
	if (fault && fault->size >= sizeof(*fault))
		fault->detail = made->fault.detail;
	return err;
}

/*
 * Takes one message of the server. 0; -ETIMEDOUT; -EPIPE when the server was lost; or another
 * -errno: a child could not be made. The fault is filled but for -ETIMEDOUT.
 */
static int take(struct sm_pool *p, int timeout_ms, struct sm_fault *fault)
{
	struct sm_pool_made made = { .pid = 0 };
	struct sm_frame frame;
	int err = sm_frame_recv(p->sock, &frame, &made, sizeof(made), timeout_ms);

	if (err == -ETIMEDOUT)
		return err;
	made.fault.text[sizeof(made.fault.text) - 1] = '\0';
	if (err == -EMFILE && made.pid > 0)
		return take_made(p, &frame, &made, 1, fault);
	if (!err && frame.type == SM_POOL_SPARE && frame.bytes == sizeof(made)) {
		err = take_made(p, &frame, &made, 0, fault);
		return err == -EPIPE ? -EIO : err;
	}
	if (!err && frame.type == SM_POOL_READY && !frame.nfds) {
		p->loaded = 1;
		return 0;
	}
	if (!err) {
		close_fds(&frame);
		err = -EPROTO;
	}
	lose(p, err, fault);
	return -EPIPE;
}

/* Takes whatever has come, without waiting. */
static void take_all(struct sm_pool *p)
{
	while (p->sock >= 0 && take(p, 0, NULL) != -ETIMEDOUT)
		;
}

void sm_pool_look(struct sm_pool *p)
{
	take_all(p);
	sm_pool_spares_sift(&p->spares);
}

/* Asks for as many as are missing. hurry: somebody waits. 0 or -EPIPE: the server was lost. */
static int ask(struct sm_pool *p, int hurry)
{
	uint32_t have = p->spares.n + p->asked;
	struct sm_pool_make make = {
		.n = have < p->options.size ? p->options.size - have : 0,
		.pace = hurry && p->options.refill == SM_POOL_PACED ? SM_POOL_HURRY
								    : SM_POOL_AT_EASE,
	};

	if (p->sock < 0)
		return -EPIPE;
	if (!make.n && make.pace == SM_POOL_AT_EASE)
		return 0;
	if (sm_frame_send(p->sock, SM_POOL_MAKE, &make, sizeof(make), NULL, 0) == 0) {
		p->asked += make.n;
		return 0;
	}
	take_all(p); /* what it made before it died, and then its end */
	if (p->sock >= 0)
		lose(p, -EPIPE, NULL);
	return -EPIPE;
}

void sm_pool_ask(struct sm_pool *p)
{
	if (ask(p, 0) && launch(p, NULL) == 0)
		ask(p, 0);
}

/* Asks a new server where the old one has died. 0, or -errno with the fault filled. */
static int ask_surely(struct sm_pool *p, struct sm_fault *fault)
{
	int err;

	if (ask(p, 1) == 0)
		return 0;
	err = launch(p, fault);
	if (!err && ask(p, 1))
		err = sm_fail(fault, SM_STAGE_SEND, EPIPE, "a new server of the pool died at once");
	return err;
}

int sm_pool_await(struct sm_pool *p, int64_t end_ns, struct sm_fault *fault)
{
	const uint32_t had = p->spares.n;
	int err = 0;

	take_all(p); /* what was announced while nobody looked */
	while (!err && p->spares.n == had) {
		err = ask_surely(p, fault);
		if (!err)
			err = take(p, milliseconds_left(end_ns), fault);
	}
	if (err == -ETIMEDOUT)
		sm_fail(fault, SM_STAGE_TIMEOUT, ETIMEDOUT,
			"the pool is empty, and no idle child came in time");
	return err;
}

/* Waits for all idle children to wait. The first error; the child at fault is gone. */
static int hear_all(struct sm_pool *p, int64_t end_ns, struct sm_fault *fault)
{
	for (uint32_t i = 0; i < p->spares.n; i++) {
		struct sm_pool_spare *spare = &p->spares.at[i];
		int err = sm_pool_spare_hear(spare, end_ns, fault);

		if (!err)
			continue;
		if (err == -ETIMEDOUT)
			return sm_fail(fault, SM_STAGE_TIMEOUT, ETIMEDOUT,
				       "an idle child did not get ready in time");
		if (err == -EPIPE)
			err = sm_fail(fault, SM_STAGE_RECORD, EPIPE,
				      "an idle child ended before it was ready");
		sm_pool_spares_drop(&p->spares, i);
		return err;
	}
	return 0;
}

int sm_pool_fill(struct sm_pool *p, int64_t end_ns, struct sm_fault *fault)
{
	int err = 0;

	take_all(p);
	while (!err && p->spares.n < p->options.size)
		err = sm_pool_await(p, end_ns, fault);
	return err ? err : hear_all(p, end_ns, fault);
}

int sm_pool_open(struct sm_pool *p, struct sm_fault *fault)
{
	int err = launch(p, fault);

	while (!err && !p->loaded) {
		err = take(p, milliseconds_left(p->server.end), fault);
		if (err == -ETIMEDOUT)
			err = lose(p, err, fault);
	}
	return err;
}

/* What is made by then is ours to reap. */
static void call_off(struct sm_pool *p)
{
	const struct sm_pool_make make = { .pace = SM_POOL_NO_MORE };

	if (!p->asked || sm_frame_send(p->sock, SM_POOL_MAKE, &make, sizeof(make), NULL, 0))
		return;
	while (p->sock >= 0 && p->asked && take(p, END_WAIT_MS, NULL) != -ETIMEDOUT)
		;
}

/* The children first: what they have of a sandbox (their groups) goes with the server. */
void sm_pool_close(struct sm_pool *p)
{
	if (p->sock >= 0)
		call_off(p);
	sm_pool_spares_end(&p->spares);
	if (p->sock >= 0)
		shutdown(p->sock, SHUT_WR); /* end of file: the server returns */
	while (p->sock >= 0 && take(p, END_WAIT_MS, NULL) != -ETIMEDOUT)
		;
	end_server(p);
	sm_pool_spares_end(&p->spares); /* of a server that died before it could tell */
}
