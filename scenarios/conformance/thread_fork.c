/* SPDX-License-Identifier: MIT */
/*
 * thread_fork.c - around the clone: the order of fork handlers, and threads that stand in its way.
 */
#include "group.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "sys/sys.h"
#include "thread_util.h"

/* ---- the order of handlers ---- */

/* What ran, a letter each. Global because handlers have no argument; every process has its own. */
static char ran[32];

static void note(char what)
{
	size_t n = strlen(ran);

	if (n + 1 < sizeof(ran))
		ran[n] = what;
}

static void first_prepare(void)
{
	note('a');
}

static void first_parent(void)
{
	note('b');
}

static void first_child(void)
{
	note('c');
}

static void second_prepare(void)
{
	note('A');
}

static void second_parent(void)
{
	note('B');
}

static void second_child(void)
{
	note('C');
}

static int set_two(struct sm_cell *c)
{
	int err = pthread_atfork(first_prepare, first_parent, first_child);

	if (!err)
		err = pthread_atfork(second_prepare, second_parent, second_child);
	return err ? sm_broken(c, "pthread_atfork: %s", strerror(err)) : sm_holds(c, "set");
}

static int tell_order(struct sm_cell *c)
{
	return sm_holds(c, "%s", ran);
}

/* A child sees its own clone, and the whole of the one before in its creator. */
static int run_in_order(struct sm_cell *c)
{
	struct sm_answer one, two;
	int err = sm_kid_ask(c, NULL, &one, NULL);

	if (!err)
		err = sm_kid_ask(c, NULL, &two, NULL);
	if (err)
		return sm_trouble(c, err, "a child");
	return sm_judge(c, !strcmp(one.text, "AacC") && !strcmp(two.text, "AabBAacC"),
			"two sets, small letters first: the first child saw %s, the second %s; "
			"expected AacC and AabBAacC",
			one.text, two.text);
}

/* ---- a thread that nobody stops ---- */

static void *rest(void *board)
{
	sm_holder_await(board);
	return NULL;
}

static int add_named(struct sm_cell *c)
{
	int err = sm_holder_start(c, rest);

	return err ? sm_broken(c, "no thread: %s", strerror(-err)) : sm_holds(c, "two threads");
}

/* Told until it has gone: then there are children again. */
static int names_and_recovers(struct sm_cell *c)
{
	char number[32], text[sizeof(c->fault.text)];
	int err = sm_kid_ask(c, NULL, &(struct sm_answer){ 0 }, NULL), stage, again;

	stage = c->fault.stage;
	memcpy(text, c->fault.text, sizeof(text));
	snprintf(number, sizeof(number), "(%d)", c->server);
	sm_holder_end(c);
	again = sm_kid_ask(c, NULL, &(struct sm_answer){ 0 }, NULL);
	return sm_judge(
		c, err == -EDEADLK && stage == SM_STAGE_THREADS && strstr(text, number) && !again,
		"with a second thread: %s, stage %s: %s; when it has ended: %s",
		err ? strerrorname_np(-err) : "a child", sm_stage_name(stage), text,
		again ? strerrorname_np(-again) : "a child");
}

static const struct sm_check checks[] = {
	{
		.id = "thread.atfork.order",
		.row = "H01",
		.claim = "prepare handlers run last first, parent and child handlers first first",
		.source = "POSIX pthread_atfork; glibc tst-atfork1",
		.level = SM_MUST,
		.without = SM_FRESH_IMAGE,
		.fails_lacking = SM_RUNS_ATFORK,
		.why = "a raw clone runs no fork handlers",
		.in_parent = run_in_order,
		.in_creator = set_two,
		.in_child = tell_order,
	},
	{
		.id = "thread.server.named",
		.row = "H07",
		.claim = "a server refuses to clone while it has a second thread, which it names",
		.source = "spawnmark.h: SM_STAGE_THREADS; CPython 3.12 os.fork: DeprecationWarning",
		.level = SM_MUST,
		.only = SM_GIVES_PIDFD,
		.without = SM_AHEAD,
		.in_parent = names_and_recovers,
		.in_creator = add_named,
	},
};

SM_GROUP_AS(thread_fork, "thread", "Threads and fork handlers", checks);
