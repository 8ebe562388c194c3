/* SPDX-License-Identifier: MIT */
/*
 * flight.h - many children under way at once: what the closed and the open loop share. Inside of
 * the host. One thread, one poll(2) over the stdout and stderr of all children; every spawn ends as
 * exactly one sample, failed ones too.
 */
#ifndef SM_HOST_FLIGHT_H
#define SM_HOST_FLIGHT_H

#include "host.h"

/* A start further away than this is a mistake, not an appointment. */
#define SM_START_WITHIN_NS 60000000000

struct sm_fleet {
	struct sm_host_state *st;
	struct sm_span span;
	struct sm_flight *flights; /* of places */
	struct pollfd *polls;      /* two for each, and one for alarm */
	uint32_t places, under_way;
	int64_t looked_ns; /* for the driver */

	/* Of the open loop. */
	int alarm;      /* a timer's descriptor that ends a turn too; -1: none */
	int64_t due_ns; /* from then on a turn attends to nobody else: something is to be asked for */
	/*
	 * The exit of a child that has reported is not waited for, which would hold up who comes
	 * next, but collected when it shows: stdout closes when it has nearly ended.
	 */
	bool linger;
};

/* Places for so many, from the scratch memory. req must outlive it. 0 or -errno with the fault. */
int sm_fleet_open(struct sm_fleet *fleet, struct sm_host_state *st, const struct sm_req *req,
		  uint32_t places);
/* A free place; NULL: all are taken. */
struct sm_flight *sm_fleet_place(struct sm_fleet *fleet);
/* Asks for a child; intended_ns 0: there is no schedule. */
void sm_fleet_launch(struct sm_fleet *fleet, struct sm_flight *flight, int64_t intended_ns);
/*
 * Sleeps until a child speaks, its time is over or the alarm goes off, then attends to all that
 * did. 0 or -errno.
 */
int sm_fleet_turn(struct sm_fleet *fleet);
/* Has the driver gone? Looks now and then. */
bool sm_fleet_deserted(struct sm_fleet *fleet, int64_t now_ns);
/* Ends whoever is still under way, for that reason. */
void sm_fleet_ground(struct sm_fleet *fleet, int why);

#endif
