/* SPDX-License-Identifier: MIT */
/*
 * load.c - keeps children in flight for a while: the closed loop behind every throughput number.
 * A child that has reported is collected and replaced.
 */
#include <errno.h>
#include <time.h>

#include "flight.h"
#include "../sys/sys.h"

static int fly(struct sm_fleet *fleet, int64_t stop_ns)
{
	for (;;) {
		int64_t now_ns = sm_now_ns();
		int err = 0;

		for (uint32_t i = 0; i < fleet->places && now_ns < stop_ns; i++) {
			if (fleet->flights[i].child.pid)
				continue;
			sm_fleet_launch(fleet, &fleet->flights[i], 0);
			now_ns = sm_now_ns();
		}
		if (sm_fleet_deserted(fleet, now_ns))
			return -EPIPE;
		if (fleet->under_way == 0 && now_ns >= stop_ns)
			return 0;
		if (fleet->under_way)
			err = sm_fleet_turn(fleet);
		if (err)
			return err;
	}
}

/* 0, or -errno with the fault filled. */
static int check(struct sm_host_state *st, const struct sm_cmd_load *cmd, uint32_t bytes)
{
	if (bytes != sizeof(*cmd) || cmd->timeout_ms == 0)
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, EINVAL,
			       "load: expected a struct sm_cmd_load with a timeout");
	if (cmd->in_flight < 1 || cmd->in_flight > SM_IN_FLIGHT_MAX)
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, EINVAL,
			       "load: in_flight must be 1..256");
	if (cmd->start_at_ns > sm_now_ns() + SM_START_WITHIN_NS)
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, EINVAL,
			       "load: the start must be within 60 s");
	return 0;
}

int sm_host_load(struct sm_host_state *st, const void *data, uint32_t bytes)
{
	const struct sm_cmd_load *cmd = data;
	struct sm_fleet fleet;
	struct timespec at;
	struct sm_req req;
	int err = check(st, cmd, bytes);

	if (err)
		return err;
	req = sm_host_req(st, st->child_envp, cmd->timeout_ms);
	err = sm_fleet_open(&fleet, st, &req, cmd->in_flight);
	if (err)
		return err;
	at.tv_sec = cmd->start_at_ns / 1000000000;
	at.tv_nsec = cmd->start_at_ns % 1000000000;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		;
	st->done.began_ns = sm_now_ns();
	err = fly(&fleet, st->done.began_ns + (int64_t)cmd->duration_ms * 1000000);
	if (err)
		sm_fleet_ground(&fleet, -ECANCELED);
	if (st->driver_gone)
		return -EPIPE;
	if (err)
		return sm_fail(&st->fault, SM_STAGE_RECORD, -err, "load: poll failed");
	return sm_outbox_flush(st);
}
