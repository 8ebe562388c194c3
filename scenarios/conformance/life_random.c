/* SPDX-License-Identifier: MIT */
/*
 * life_random.c - lifecycle and robustness: a random schedule of spawns, kills and restarts.
 */
#include "group.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "life_util.h"
#include "sys/sys.h"

/* Of the random schedule. */
#define STEPS    250
#define STEPS_XL 60000
#define KIDS     6
#define PATIENCE 600000

/* L19 */
struct soak {
	struct sm_cell *c;
	uint64_t state;
	struct sm_kid kids[KIDS];
	int status[KIDS];  /* with which each is to end */
	bool orphan[KIDS]; /* its server was killed */
	int spawned, killed, servers, asked, n;
};

static uint32_t draw(struct soak *s, uint32_t below)
{
	uint64_t z = s->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ (z >> 31)) >> 32) % below;
}

static int soak_spawn(struct soak *s)
{
	int code = 1 + (int)draw(s, 100), err;
	char arg[8];

	snprintf(arg, sizeof(arg), "%d", code);
	err = sm_life_spawn(s->c, &s->kids[s->n], arg);
	if (err)
		return err;
	s->status[s->n] = code << 8;
	s->orphan[s->n] = false;
	s->n++;
	s->spawned++;
	return 0;
}

/* Collects the i-th, whose end is near. */
static int soak_collect(struct soak *s, int i)
{
	struct sm_kid *kid = &s->kids[i];
	pid_t pid = kid->child.pid;
	int err = sm_kid_wait(s->c, kid), status = kid->exit.status;
	bool lost = err == -EPIPE && s->orphan[i] && !(s->c->ops->traits & SM_CHILD_OF_PARENT);

	if (lost)
		err = sm_await_end(pid, SM_STEP_MS);
	else if (!err && status != s->status[i])
		err = -EBADMSG;
	sm_kid_kill(s->c, kid);
	s->n--;
	s->kids[i] = s->kids[s->n];
	s->status[i] = s->status[s->n];
	s->orphan[i] = s->orphan[s->n];
	return err;
}

static int soak_kill(struct soak *s, int i, int sig)
{
	s->killed++;
	s->status[i] = sig;
	kill(s->kids[i].child.pid, sig);
	return soak_collect(s, i);
}

static int soak_pause(struct soak *s, int i)
{
	pid_t pid = s->kids[i].child.pid;
	int err;

	kill(pid, SIGSTOP);
	err = sm_await_state(pid, 'T', SM_STEP_MS);
	kill(pid, SIGCONT);
	return err ? err : sm_life_ask(s->c, &s->kids[i]);
}

static int soak_server(struct soak *s)
{
	int err;

	if (!s->c->server)
		return 0;
	err = sm_life_kill_server(s->c);
	s->servers++;
	for (int i = 0; i < s->n; i++)
		s->orphan[i] = true;
	return err ? err : sm_cell_restart(s->c);
}

/* One step; which, in *what. */
static int soak_step(struct soak *s, const char **what)
{
	uint32_t die = draw(s, 40);
	int i = s->n ? (int)draw(s, (uint32_t)s->n) : 0;

	if (die == 0) {
		*what = "the server killed";
		return soak_server(s);
	}
	if (!s->n || (die < 16 && s->n < KIDS)) {
		*what = "a spawn";
		return soak_spawn(s);
	}
	if (die < 22) {
		*what = "a child let go";
		sm_life_quit(&s->kids[i]);
		return soak_collect(s, i);
	}
	if (die < 28) {
		*what = "a child killed";
		return soak_kill(s, i, die & 1 ? SIGKILL : SIGTERM);
	}
	if (die < 31) {
		*what = "a child stopped and continued";
		return soak_pause(s, i);
	}
	*what = "a child asked";
	s->asked++;
	return sm_life_ask(s->c, &s->kids[i]);
}

static int random_kills(struct sm_cell *c)
{
	struct soak *s = calloc(1, sizeof(*s));
	int steps = c->thorough ? STEPS_XL : STEPS, err, at = 0;
	const char *what = "the start";

	if (!s)
		return sm_broken(c, "no memory");
	s->c = c;
	s->state = c->seed;
	err = sm_cell_start(c);
	for (; at < steps && !err; at++)
		err = soak_step(s, &what);
	while (s->n && !err) {
		what = "the last children let go";
		sm_life_quit(&s->kids[s->n - 1]);
		err = soak_collect(s, s->n - 1);
	}
	if (err)
		sm_fails(c, "seed %llu, step %d, %s: %s", (unsigned long long)c->seed, at, what,
			 err == -EBADMSG ? "another status" : strerror(-err));
	else
		sm_holds(c,
			 "seed %llu: %d spawns, %d of them killed, %d questions, %d servers "
			 "killed: every answer and status was the right one's",
			 (unsigned long long)c->seed, s->spawned, s->killed, s->asked, s->servers);
	while (s->n)
		sm_kid_kill(c, &s->kids[--s->n]);
	free(s);
	return c->observed;
}

static const struct sm_check checks[] = {
	{
		.id = "life.random-kills",
		.row = "L19",
		.claim = "in a random schedule of spawns, kills and restarts every answer and "
			 "status is the right child's",
		.source = "Jepsen's nemesis; row L19",
		.level = SM_MUST,
		.flags = SM_CHECK_SLOW,
		.timeout_ms = PATIENCE,
		.in_parent = random_kills,
		.in_child = sm_life_talks,
	},
};

SM_GROUP_AS(life_random, "life", "Lifecycle and robustness", checks);
