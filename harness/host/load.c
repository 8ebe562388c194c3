/* SPDX-License-Identifier: MIT */
/*
 * load.c - keeps children in flight for a while: the generator behind every throughput number.
 *
 * One thread, one poll(2) over the stdout and stderr of all children; a child that has reported is
 * collected and replaced. Every spawn ends as exactly one sample, failed ones too.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "host.h"
#include "../sys/sys.h"

/* A start further away than this is a mistake, not an appointment. */
#define START_WITHIN_NS 60000000000

/* The longest sleep, so that a driver that has gone is noticed. */
#define LOOK_MS 200

struct load {
	struct sm_host_state *st;
	struct sm_span span;
	struct sm_flight *flights;
	struct pollfd *polls;
	uint32_t places, under_way;
	int64_t stop_ns; /* no start after it */
};

/* Books a finished spawn and frees its place. */
static void book(struct load *l, struct sm_flight *f, int err, const struct sm_fault *fault)
{
	*sm_outbox_sample(l->st) = f->sample;
	if (err) {
		l->st->done.failed++;
		sm_outbox_note(l->st, fault);
	} else {
		l->st->done.children++;
	}
	l->under_way -= f->child.pid != 0;
	f->child.pid = 0;
}

static void launch(struct load *l, struct sm_flight *f)
{
	struct sm_child child; /* on the stack: a cloned parent does not have the scratch memory */
	struct sm_fault fault;
	int err = sm_span_start(&l->span, &f->sample, &child, &fault);

	f->child = child;
	if (err) {
		book(l, f, err, &fault);
		return;
	}
	if (child.out < 0) {
		err = sm_span_silent(&l->span, &f->sample, &child, &fault);
		f->child.pid = 0;
		book(l, f, err, &fault);
		return;
	}
	l->under_way++;
	f->out.have = 0;
	f->err.have = f->err.lost = 0;
	f->err_open = child.err >= 0;
	f->deadline_ns = f->sample.request_ns + (int64_t)l->span.req->timeout_ms * 1000000;
}

/* Ends a span whose record came (rec) or will not come (why). */
static void land(struct load *l, struct sm_flight *f, const struct sm_record *rec, int why)
{
	struct sm_fault fault;
	int err;

	if (rec)
		err = sm_span_end(&l->span, &f->sample, &f->child, rec, &f->err, &fault);
	else
		err = sm_span_give_up(&l->span, &f->sample, &f->child, why, &f->err, &fault);
	book(l, f, err, &fault);
}

static void attend(struct load *l, struct sm_flight *f, short out, short err, int64_t now_ns)
{
	struct sm_record rec;
	int got;

	if (err && f->err_open)
		f->err_open = sm_tail_drain(&f->err, f->child.err);
	if (out) {
		got = sm_reader_feed(&f->out, f->child.out, &rec);
		if (got) {
			f->sample.recorded_ns = sm_now_ns();
			land(l, f, got > 0 ? &rec : NULL, got);
			return;
		}
	}
	if (now_ns >= f->deadline_ns)
		land(l, f, NULL, -ETIMEDOUT);
}

/* Sleeps until a child speaks or its time is over, then attends to all that did. 0 or -errno. */
static int turn(struct load *l)
{
	int64_t next_ns = sm_now_ns() + LOOK_MS * 1000000LL;
	struct timespec ts = { 0, 0 };
	int64_t left;
	int n;

	for (uint32_t i = 0; i < l->places; i++) {
		struct sm_flight *f = &l->flights[i];
		bool on = f->child.pid != 0;

		l->polls[2 * i] = (struct pollfd){ .fd = on ? f->child.out : -1, .events = POLLIN };
		l->polls[2 * i + 1] = (struct pollfd){
			.fd = on && f->err_open ? f->child.err : -1,
			.events = POLLIN,
		};
		if (on && f->deadline_ns < next_ns)
			next_ns = f->deadline_ns;
	}
	left = next_ns - sm_now_ns();
	if (left > 0)
		ts.tv_nsec = (long)left; /* < 1 s: LOOK_MS */
	n = ppoll(l->polls, 2 * l->places, &ts, NULL);
	if (n < 0 && errno != EINTR)
		return -errno;
	if (n <= 0)
		memset(l->polls, 0, 2 * l->places * sizeof(l->polls[0]));
	if (n == 0 && sm_hung_up(l->st->sock))
		l->st->driver_gone = true;
	left = sm_now_ns();
	for (uint32_t i = 0; i < l->places && !l->st->driver_gone; i++)
		if (l->flights[i].child.pid)
			attend(l, &l->flights[i], l->polls[2 * i].revents,
			       l->polls[2 * i + 1].revents, left);
	return 0;
}

static int fly(struct load *l)
{
	int64_t looked_ns = 0, now_ns;
	int err = 0;

	for (;;) {
		now_ns = sm_now_ns();
		for (uint32_t i = 0; i < l->places && now_ns < l->stop_ns; i++) {
			if (l->flights[i].child.pid)
				continue;
			launch(l, &l->flights[i]);
			now_ns = sm_now_ns();
		}
		if (now_ns - looked_ns >= LOOK_MS * 1000000LL) {
			looked_ns = now_ns;
			l->st->driver_gone = l->st->driver_gone || sm_hung_up(l->st->sock);
		}
		if (l->st->driver_gone)
			return -EPIPE;
		if (l->under_way == 0 && now_ns >= l->stop_ns)
			return 0;
		if (l->under_way)
			err = turn(l);
		if (err)
			return err;
	}
}

/* Whoever is still under way when the flight was broken off. */
static void ground(struct load *l, int why)
{
	for (uint32_t i = 0; i < l->places; i++)
		if (l->flights[i].child.pid)
			land(l, &l->flights[i], NULL, why);
}

/* 0, or -errno with the fault filled. */
static int check(struct sm_host_state *st, const struct sm_cmd_load *cmd, uint32_t bytes)
{
	int err;

	if (bytes != sizeof(*cmd) || cmd->timeout_ms == 0)
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, EINVAL,
			       "load: expected a struct sm_cmd_load with a timeout");
	if (cmd->in_flight < 1 || cmd->in_flight > SM_IN_FLIGHT_MAX)
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, EINVAL,
			       "load: in_flight must be 1..256");
	if (cmd->start_at_ns > sm_now_ns() + START_WITHIN_NS)
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, EINVAL,
			       "load: the start must be within 60 s");
	err = sm_descriptors_reserve(SM_FDS_PER_CHILD * cmd->in_flight + st->ballast.nfds);
	if (err)
		return sm_fail(&st->fault, SM_STAGE_PIPE, -err,
			       "load: too many descriptors; see ulimit -Hn");
	return 0;
}

int sm_host_load(struct sm_host_state *st, const void *data, uint32_t bytes)
{
	const struct sm_cmd_load *cmd = data;
	struct sm_scratch *x = st->scratch;
	struct load l = { .st = st, .flights = x->flights, .polls = x->polls };
	struct timespec at;
	struct sm_req req;
	int err = check(st, cmd, bytes);

	if (err)
		return err;
	req = sm_host_req(st, st->child_envp, cmd->timeout_ms);
	l.span = (struct sm_span){ .ops = &st->ops, .self = st->self, .req = &req, .watch = -1 };
	l.places = cmd->in_flight;
	/* Faulted in now, not while it flies. */
	memset(l.flights, 0, l.places * sizeof(l.flights[0]));
	memset(l.polls, 0, 2 * l.places * sizeof(l.polls[0]));

	at.tv_sec = cmd->start_at_ns / 1000000000;
	at.tv_nsec = cmd->start_at_ns % 1000000000;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		;
	st->done.began_ns = sm_now_ns();
	l.stop_ns = st->done.began_ns + (int64_t)cmd->duration_ms * 1000000;
	err = fly(&l);
	if (err)
		ground(&l, -ECANCELED);
	if (st->driver_gone)
		return -EPIPE;
	if (err)
		return sm_fail(&st->fault, SM_STAGE_RECORD, -err, "load: poll failed");
	return sm_outbox_flush(st);
}
