/* SPDX-License-Identifier: MIT */
/* flight.c - see flight.h. */
#include "flight.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "../sys/sys.h"

/* The longest sleep, so that a driver that has gone is noticed. */
#define LOOK_MS 200

int sm_fleet_open(struct sm_fleet *fleet, struct sm_host_state *st, const struct sm_req *req,
		  uint32_t places)
{
	int err = sm_descriptors_reserve(SM_FDS_PER_CHILD * places + 1 + st->ballast.nfds);

	if (err)
		return sm_fail(&st->fault, SM_STAGE_PIPE, -err,
			       "load: too many descriptors; see ulimit -Hn");
	*fleet = (struct sm_fleet){
		.st = st,
		.span = { .ops = &st->ops, .self = st->self, .req = req, .watch = -1 },
		.flights = st->scratch->flights,
		.polls = st->scratch->polls,
		.places = places,
		.alarm = -1,
		.due_ns = INT64_MAX,
	};
	/* Faulted in now, not while it flies. */
	memset(fleet->flights, 0, places * sizeof(fleet->flights[0]));
	memset(fleet->polls, 0, (2 * places + 1) * sizeof(fleet->polls[0]));
	return 0;
}

struct sm_flight *sm_fleet_place(struct sm_fleet *fleet)
{
	for (uint32_t i = 0; i < fleet->places; i++)
		if (!fleet->flights[i].child.pid)
			return &fleet->flights[i];
	return NULL;
}

/* Books a finished spawn and frees its place. */
static void book(struct sm_fleet *fleet, struct sm_flight *f, int err, const struct sm_fault *fault)
{
	*sm_outbox_sample(fleet->st) = f->sample;
	if (err) {
		fleet->st->done.failed++;
		sm_outbox_note(fleet->st, fault);
	} else {
		fleet->st->done.children++;
	}
	fleet->under_way -= f->child.pid != 0;
	f->child.pid = 0;
}

void sm_fleet_launch(struct sm_fleet *fleet, struct sm_flight *f, int64_t intended_ns)
{
	struct sm_child child; /* on the stack: a cloned parent does not have the scratch memory */
	struct sm_fault fault;
	int err = sm_span_start(&fleet->span, &f->sample, &child, &fault);

	f->sample.intended_ns = intended_ns;
	f->child = child;
	if (err) {
		book(fleet, f, err, &fault);
		return;
	}
	if (child.out < 0) {
		err = sm_span_silent(&fleet->span, &f->sample, &child, &fault);
		f->child.pid = 0;
		book(fleet, f, err, &fault);
		return;
	}
	fleet->under_way++;
	f->out.have = 0;
	f->err.have = f->err.lost = 0;
	f->err_open = child.err >= 0;
	f->reported = false;
	f->deadline_ns = f->sample.request_ns + (int64_t)fleet->span.req->timeout_ms * 1000000;
}

/* Ends a span whose record came (rec) or will not come (why). */
static void land(struct sm_fleet *fleet, struct sm_flight *f, const struct sm_record *rec, int why)
{
	struct sm_fault fault;
	int err;

	if (rec)
		err = sm_span_end(&fleet->span, &f->sample, &f->child, rec, &f->err, &fault);
	else
		err = sm_span_give_up(&fleet->span, &f->sample, &f->child, why, &f->err, &fault);
	book(fleet, f, err, &fault);
}

/* Its stdout is readable, or has been closed. True: it has landed. */
static bool listen_to(struct sm_fleet *fleet, struct sm_flight *f)
{
	struct sm_record rec;
	int got = sm_reader_feed(&f->out, f->child.out, f->reported ? &rec : &f->rec);

	if (f->reported && got >= 0)
		return false; /* it has said what counts */
	if (f->reported) {
		land(fleet, f, &f->rec, 0);
		return true;
	}
	if (got == 0)
		return false;
	f->sample.recorded_ns = sm_now_ns();
	if (got > 0 && fleet->linger) {
		f->reported = true;
		return false;
	}
	land(fleet, f, got > 0 ? &f->rec : NULL, got);
	return true;
}

static void attend(struct sm_fleet *fleet, struct sm_flight *f, short out, short err,
		   int64_t now_ns)
{
	if (err && f->err_open)
		f->err_open = sm_tail_drain(&f->err, f->child.err);
	if (out && listen_to(fleet, f))
		return;
	if (now_ns >= f->deadline_ns) /* also: who has reported and left its stdout to another */
		land(fleet, f, f->reported ? &f->rec : NULL, -ETIMEDOUT);
}

/* Fills the polls. When the first child's time is over, at most LOOK_MS from now. */
static int64_t list_polls(struct sm_fleet *fleet)
{
	int64_t next_ns = sm_now_ns() + LOOK_MS * 1000000LL;

	for (uint32_t i = 0; i < fleet->places; i++) {
		struct sm_flight *f = &fleet->flights[i];
		bool on = f->child.pid != 0;

		fleet->polls[2 * i] = (struct pollfd){
			.fd = on ? f->child.out : -1,
			.events = POLLIN,
		};
		fleet->polls[2 * i + 1] = (struct pollfd){
			.fd = on && f->err_open ? f->child.err : -1,
			.events = POLLIN,
		};
		if (on && f->deadline_ns < next_ns)
			next_ns = f->deadline_ns;
	}
	fleet->polls[2 * fleet->places] = (struct pollfd){
		.fd = fleet->alarm,
		.events = POLLIN,
	};
	return next_ns;
}

int sm_fleet_turn(struct sm_fleet *fleet)
{
	nfds_t npolls = 2 * fleet->places + 1;
	int64_t now_ns, left = list_polls(fleet) - sm_now_ns();
	struct timespec ts = { 0, 0 };
	int n;

	if (left > 0)
		ts.tv_nsec = (long)left; /* < 1 s: LOOK_MS */
	n = ppoll(fleet->polls, npolls, &ts, NULL);
	if (n < 0 && errno != EINTR)
		return -errno;
	if (n <= 0)
		memset(fleet->polls, 0, npolls * sizeof(fleet->polls[0]));
	if (n == 0 && sm_hung_up(fleet->st->sock))
		fleet->st->driver_gone = true;
	now_ns = sm_now_ns();
	for (uint32_t i = 0; i < fleet->places && !fleet->st->driver_gone; i++) {
		struct sm_flight *f = &fleet->flights[i];

		if (!f->child.pid)
			continue;
		if (fleet->due_ns < INT64_MAX) {
			now_ns = sm_now_ns();
			if (now_ns >= fleet->due_ns)
				break; /* who was not attended to will be in the next turn */
		}
		attend(fleet, f, fleet->polls[2 * i].revents, fleet->polls[2 * i + 1].revents,
		       now_ns);
	}
	return 0;
}

bool sm_fleet_deserted(struct sm_fleet *fleet, int64_t now_ns)
{
	if (now_ns - fleet->looked_ns >= LOOK_MS * 1000000LL) {
		fleet->looked_ns = now_ns;
		fleet->st->driver_gone = fleet->st->driver_gone || sm_hung_up(fleet->st->sock);
	}
	return fleet->st->driver_gone;
}

void sm_fleet_ground(struct sm_fleet *fleet, int why)
{
	for (uint32_t i = 0; i < fleet->places; i++)
		if (fleet->flights[i].child.pid)
			land(fleet, &fleet->flights[i], NULL, why);
}
