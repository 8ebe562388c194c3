/* SPDX-License-Identifier: MIT */
/*
 * arrive.c - the open loop: asks for children when a schedule says so, not when the one before has
 * ended. What a stall of server, child or parent costs those that come meanwhile is in their
 * latency, which counts from the schedule.
 *
 * The timer is a descriptor: the sleep of poll(2) itself may be late by 50 µs or 0.1 % of itself
 * (linux:fs/select.c, select_estimate_accuracy), a timerfd's is not.
 */
#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "flight.h"
#include "schedule.h"
#include "../sys/sys.h"

struct open_loop {
	struct sm_fleet fleet;
	struct sm_schedule schedule;
	int64_t began_ns, give_up_ns;
};

static void look_ahead(struct open_loop *o)
{
	int64_t offset;

	o->fleet.due_ns =
		sm_schedule_next(&o->schedule, &offset) ? o->began_ns + offset : INT64_MAX;
}

/* Who has waited too long will not be served, nor whoever comes later. */
static void give_up(struct open_loop *o)
{
	o->fleet.st->done.missed = 1 + sm_schedule_rest(&o->schedule);
	o->fleet.due_ns = INT64_MAX;
}

/* Asks for all that are due, as long as there is a place. */
static int64_t serve(struct open_loop *o)
{
	int64_t now_ns = sm_now_ns();

	while (o->fleet.due_ns <= now_ns) {
		struct sm_flight *f = sm_fleet_place(&o->fleet);

		if (now_ns - o->fleet.due_ns > o->give_up_ns)
			give_up(o);
		else if (!f)
			break;
		else {
			sm_fleet_launch(&o->fleet, f, o->fleet.due_ns);
			o->fleet.st->done.offered++;
			look_ahead(o);
		}
		now_ns = sm_now_ns();
	}
	return now_ns;
}

/* Wakes the next turn when there is something to ask for, or nothing to wait for any longer. */
static int set_alarm(struct open_loop *o)
{
	struct itimerspec at = { .it_value = { 0 } }; /* never */
	int64_t ns = o->fleet.due_ns;

	if (ns < INT64_MAX) {
		if (!sm_fleet_place(&o->fleet))
			ns += o->give_up_ns;
		at.it_value.tv_sec = ns / 1000000000;
		at.it_value.tv_nsec = ns % 1000000000;
	}
	return timerfd_settime(o->fleet.alarm, TFD_TIMER_ABSTIME, &at, NULL) < 0 ? -errno : 0;
}

static int fly(struct open_loop *o)
{
	int err = 0;

	while (!err) {
		int64_t now_ns = serve(o), due_ns = o->fleet.due_ns;

		if (sm_fleet_deserted(&o->fleet, now_ns))
			return -EPIPE;
		if (due_ns == INT64_MAX && !o->fleet.under_way)
			return 0;
		err = set_alarm(o);
		if (due_ns <= now_ns) /* every place is taken: attend to those in flight */
			o->fleet.due_ns = INT64_MAX;
		if (!err)
			err = sm_fleet_turn(&o->fleet);
		o->fleet.due_ns = due_ns;
	}
	return err;
}

/* 0, or -errno with the fault filled. */
static int check(struct sm_host_state *st, const struct sm_cmd_arrive *cmd, uint32_t bytes,
		 struct sm_schedule *schedule)
{
	if (bytes != sizeof(*cmd) || cmd->timeout_ms == 0)
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, EINVAL,
			       "arrive: expected a struct sm_cmd_arrive with a timeout");
	if (cmd->limit < 1 || cmd->limit > SM_IN_FLIGHT_MAX)
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, EINVAL,
			       "arrive: limit must be 1..256");
	if (cmd->start_at_ns > sm_now_ns() + SM_START_WITHIN_NS)
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, EINVAL,
			       "arrive: the start must be within 60 s");
	if (sm_schedule_begin(schedule, cmd))
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, EINVAL,
			       "arrive: rate, burst or kind of arrivals cannot be");
	return 0;
}

/* Whatever a strategy makes ahead is there, and on the account of who used it up. */
static void come_to_rest(struct sm_host_state *st)
{
	if (st->ops.idle)
		st->ops.idle(st->self);
}

int sm_host_arrive(struct sm_host_state *st, const void *data, uint32_t bytes)
{
	const struct sm_cmd_arrive *cmd = data;
	struct open_loop o = { .give_up_ns = 0 };
	struct sm_req req;
	int err = check(st, cmd, bytes, &o.schedule);

	if (err)
		return err;
	req = sm_host_req(st, st->child_envp, cmd->timeout_ms);
	err = sm_fleet_open(&o.fleet, st, &req, cmd->limit);
	if (err)
		return err;
	o.fleet.linger = true;
	o.fleet.alarm = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (o.fleet.alarm < 0)
		return sm_fail(&st->fault, SM_STAGE_PIPE, errno, "arrive: no timer");
	come_to_rest(st);
	o.give_up_ns = (int64_t)cmd->give_up_ms * 1000000;
	o.began_ns = sm_now_ns();
	if (o.began_ns < cmd->start_at_ns)
		o.began_ns = cmd->start_at_ns;
	st->done.began_ns = o.began_ns;
	look_ahead(&o);
	err = fly(&o);
	st->done.offered += st->done.missed;
	if (err)
		sm_fleet_ground(&o.fleet, -ECANCELED);
	close(o.fleet.alarm);
	if (st->driver_gone)
		return -EPIPE;
	if (err)
		return sm_fail(&st->fault, SM_STAGE_RECORD, -err, "arrive: poll failed");
	come_to_rest(st);
	return sm_outbox_flush(st);
}
