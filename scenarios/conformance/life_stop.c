/* SPDX-License-Identifier: MIT */
/*
 * life_stop.c - lifecycle and robustness: a server that is stopped, children that crash.
 */
#include "group.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "exit_util.h"
#include "life_util.h"
#include "sys/sys.h"

/* A stopped server is waited for so long. */
#define STOPPED_MS 300

/* L07. 0, or the verdict. */
static int spawn_stopped(struct sm_cell *c, int *got, int64_t *took_ms)
{
	struct sm_req req = sm_cell_req(c, "0");
	struct sm_kid kid;
	int64_t began;
	int err = sm_cell_start(c);

	if (!err)
		err = sm_life_stop_server(c);
	if (err)
		return sm_trouble(c, err, "a server that is stopped");
	req.timeout_ms = STOPPED_MS;
	began = sm_now_ns();
	*got = sm_kid_spawn(c, &kid, &req);
	*took_ms = (sm_now_ns() - began) / 1000000;
	sm_kid_kill(c, &kid);
	return 0;
}

static int stopped_times_out(struct sm_cell *c)
{
	int64_t took_ms = 0;
	int got = 0;

	if (spawn_stopped(c, &got, &took_ms))
		return c->observed;
	sm_judge(c,
		 got == -ETIMEDOUT && c->fault.stage == SM_STAGE_TIMEOUT &&
			 took_ms >= STOPPED_MS - 1 && took_ms < STOPPED_MS + SM_STEP_MS / 2,
		 "a spawn that may take %d ms of a stopped server: %s, stage %s, %s", STOPPED_MS,
		 strerror(-got), sm_stage_name(c->fault.stage),
		 took_ms < STOPPED_MS - 1                ? "too soon"
		 : took_ms < STOPPED_MS + SM_STEP_MS / 2 ? "in time"
							 : "much too late");
	sm_life_continue_server(c);
	return c->observed;
}

/* The late answer must not be taken for the next one's. */
static int stopped_goes_on(struct sm_cell *c)
{
	struct sm_exit end = { .size = sizeof(end) };
	struct sm_answer a = { .n = { 0 } };
	int64_t took_ms = 0;
	int got = 0, err;

	if (spawn_stopped(c, &got, &took_ms))
		return c->observed;
	sm_life_continue_server(c);
	err = sm_kid_ask(c, "5", &a, &end);
	return sm_judge(c, got == -ETIMEDOUT && !err && end.status == 5 << 8,
			"the spawn while the server was stopped: %s; the next: %s, its status %#x",
			strerror(-got), err ? strerror(-err) : "served", (unsigned int)end.status);
}

static int stopped_is_ended(struct sm_cell *c)
{
	int err = sm_cell_start(c);
	int64_t began = sm_now_ns();
	pid_t server = c->server;
	bool gone;

	if (!err)
		err = sm_life_stop_server(c);
	if (err)
		return sm_trouble(c, err, "a server that is stopped");
	sm_cell_stop(c);
	gone = sm_stat_of(server, 4) != getpid();
	if (!gone)
		kill(server, SIGKILL);
	return sm_judge(c, gone && sm_now_ns() - began < (int64_t)SM_STEP_MS * 1000000,
			"stop() of a stopped server: it is %s", gone ? "gone" : "still there");
}

/* L08 */
static int crashes_are_the_childs(struct sm_cell *c)
{
	static const char *const how[] = { "-11", "-6", "-9", "-7", "-8", "255" };
	struct sm_answer a;
	struct sm_kid kid;
	pid_t server = 0;
	int err = 0;

	for (int i = 0; i < 6 && !err; i++) {
		err = sm_exit_spawn(c, &kid, how[i]);
		server = i ? server : c->server;
		if (!err)
			err = sm_kid_wait(c, &kid);
		sm_kid_kill(c, &kid);
	}
	if (!err)
		err = sm_kid_ask(c, "0", &a, NULL);
	if (err)
		return sm_trouble(c, err, "children that crash");
	return sm_judge(c,
			c->ops->server(c->self) == server && sm_stat_of(server, 3) > 0 &&
				sm_stat_of(server, 3) != 'Z',
			"six children crashed; the server is %d, and was %d",
			c->ops->server(c->self), server);
}

static const struct sm_check checks[] = {
	{
		.id = "life.server-stopped.timeout",
		.row = "L07",
		.claim = "a spawn by a stopped server times out when the request says",
		.source = "spawnmark.h: sm_req.timeout_ms",
		.level = SM_MUST,
		.flags = SM_CHECK_SLOW,
		.only = SM_OWN_SERVER,
		.in_parent = stopped_times_out,
		.in_child = sm_life_talks,
	},
	{
		.id = "life.server-stopped.next",
		.row = "L07",
		.claim =
			"a server that goes on after a timeout serves the next request, not the old",
		.source = "rows L07, E11",
		.level = SM_SHOULD,
		.flags = SM_CHECK_SLOW,
		.only = SM_OWN_SERVER,
		.in_parent = stopped_goes_on,
		.in_child = sm_exit_when_told,
	},
	{
		.id = "life.server-stopped.stop",
		.row = "L07",
		.claim = "stop() ends a server that is stopped",
		.source = "spawnmark.h: sm_ops.stop; signal(7): SIGKILL ends a stopped process",
		.level = SM_MUST,
		.flags = SM_CHECK_SLOW,
		.only = SM_OWN_SERVER,
		.in_parent = stopped_is_ended,
	},
	{
		.id = "life.child-crash",
		.row = "L08",
		.claim = "children that crash do not disturb their server",
		.source = "signal(7)",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.in_parent = crashes_are_the_childs,
		.in_child = sm_exit_when_told,
	},
};

SM_GROUP_AS(life_stop, "life", "Lifecycle and robustness", checks);
