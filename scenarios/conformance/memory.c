/* SPDX-License-Identifier: MIT */
/*
 * memory.c - memory isolation: writes, mappings and advice. Secrets are in memory_secret.c, what
 * siblings share of their layout in memory_layout.c, can reach of one another in memory_reach.c,
 * costs in memory_cost.c, bad ends in memory_end.c.
 */
#include "group.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "memory_util.h"

#define NO_MEMORY "it is exec'd and has nothing of its creator's memory"

/* ---- writes ---- */

/* A word that every process of a spawn has. Global because an image is what is under test. */
static volatile int64_t mark = 1;

static int show_mark(struct sm_cell *c)
{
	c->board->n[0] = (int64_t)(uintptr_t)&mark;
	return sm_holds(c, "the mark is 1");
}

/* Writes what it is told to, tells what it found and has; once more when it is told to go on. */
static int write_mark(struct sm_cell *c)
{
	c->answer.n[0] = mark;
	mark = c->arg[0] - '0';
	c->answer.n[1] = mark;
	if (sm_child_tell(c, "written") || sm_child_await() < 0)
		return sm_broken(c, "nobody told the child to go on");
	c->answer.n[1] = mark;
	return sm_holds(c, "found %lld, has %lld", (long long)c->answer.n[0],
			(long long)c->answer.n[1]);
}

static int spawn_writer(struct sm_cell *c, struct sm_kid *kid, const char *value,
			struct sm_answer *answer)
{
	struct sm_req req = sm_cell_req(c, value);
	int err = sm_kid_spawn(c, kid, &req);

	return err ? err : sm_kid_answer(c, kid, answer);
}

/* Tells it to go on. */
static int finish(struct sm_cell *c, struct sm_kid *kid, struct sm_answer *answer)
{
	int err = sm_kid_say(kid, '.');

	if (!err)
		err = sm_kid_answer(c, kid, answer);
	return err ? err : sm_kid_wait(c, kid);
}

static int unseen_above(struct sm_cell *c)
{
	struct sm_kid kid = { .reaped = true };
	struct sm_answer a;
	int64_t creator = 0;
	int err = spawn_writer(c, &kid, "2", &a);

	if (!err)
		err = sm_read_word(c->board->creator_pid, (uint64_t)c->board->n[0], &creator);
	if (!err)
		err = finish(c, &kid, &a);
	sm_kid_kill(c, &kid);
	if (err)
		return sm_trouble(c, err, "a child, or its creator's memory");
	return sm_judge(c, mark == 1 && creator == 1 && a.n[1] == 2,
			"a child wrote %lld over 1: parent has %lld, creator %lld",
			(long long)a.n[1], (long long)mark, (long long)creator);
}

static int unseen_beside(struct sm_cell *c)
{
	struct sm_kid one = { .reaped = true }, two = { .reaped = true };
	struct sm_answer a, b;
	int err = spawn_writer(c, &one, "2", &a);

	if (!err)
		err = spawn_writer(c, &two, "3", &b);
	if (!err)
		err = finish(c, &one, &a);
	if (!err)
		err = finish(c, &two, &b);
	sm_kid_kill(c, &one);
	sm_kid_kill(c, &two);
	if (err)
		return sm_trouble(c, err, "two siblings");
	return sm_judge(c, b.n[0] == 1 && a.n[1] == 2 && b.n[1] == 3,
			"one sibling wrote 2, the next found %lld and wrote 3; they have %lld and "
			"%lld",
			(long long)b.n[0], (long long)a.n[1], (long long)b.n[1]);
}

/* ---- mappings ---- */

enum { SHARED, PRIVATE };

static int64_t *mapping(struct sm_cell *c, int which)
{
	return (int64_t *)(uintptr_t)sm_board(c)->n[which];
}

/* A page with a 1 in it, whose address goes onto the board. 0 or -errno. */
static int map_page(struct sm_cell *c, int which, int flags, int advice)
{
	int64_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return -errno;
	if (advice && madvise(page, 4096, advice) < 0)
		return -errno;
	*page = 1;
	c->board->n[which] = (int64_t)(uintptr_t)page;
	return 0;
}

static int map_both(struct sm_cell *c)
{
	int err = map_page(c, SHARED, MAP_SHARED, 0);

	if (!err)
		err = map_page(c, PRIVATE, MAP_PRIVATE, 0);
	return err ? sm_broken(c, "mmap: %s", strerror(-err)) : sm_holds(c, "mapped");
}

static int write_both(struct sm_cell *c)
{
	for (int i = SHARED; i <= PRIVATE; i++) {
		c->answer.n[i] = *mapping(c, i);
		*mapping(c, i) = 2;
	}
	return sm_holds(c, "found %lld and %lld, wrote 2", (long long)c->answer.n[SHARED],
			(long long)c->answer.n[PRIVATE]);
}

/* What the second child finds, and the creator has, after the first has written 2 over 1. */
static int after_a_write(struct sm_cell *c, int which, int64_t expected, const char *name)
{
	struct sm_answer a, b;
	int64_t creator = 0;
	int err = sm_kid_ask(c, NULL, &a, NULL);

	if (!err)
		err = sm_kid_ask(c, NULL, &b, NULL);
	if (!err)
		err = sm_read_word(c->board->creator_pid, (uint64_t)c->board->n[which], &creator);
	if (err)
		return sm_trouble(c, err, "two children, or their creator's memory");
	return sm_judge(c, b.n[which] == expected && creator == expected,
			"a child wrote 2 over 1 in a %s mapping: the next found %lld, the creator "
			"has %lld",
			name, (long long)b.n[which], (long long)creator);
}

static int shared_is_shared(struct sm_cell *c)
{
	return after_a_write(c, SHARED, 2, "shared");
}

static int private_is_private(struct sm_cell *c)
{
	return after_a_write(c, PRIVATE, 1, "private");
}

static int map_wiped(struct sm_cell *c)
{
	int err = map_page(c, 0, MAP_PRIVATE, MADV_WIPEONFORK);

	return err ? sm_broken(c, "mmap: %s", strerror(-err)) : sm_holds(c, "mapped");
}

static int wiped(struct sm_cell *c)
{
	int64_t word = *mapping(c, 0);

	return sm_judge(c, word == 0, "the creator wrote 1, the child reads %lld", (long long)word);
}

/* Where it is missing. Global: the board, once mapped in a child, would take its place there. */
static void *withheld_page;

static int map_withheld(struct sm_cell *c)
{
	int err = map_page(c, 0, MAP_PRIVATE, MADV_DONTFORK);

	withheld_page = mapping(c, 0);
	return err ? sm_broken(c, "mmap: %s", strerror(-err)) : sm_holds(c, "mapped");
}

static int withheld(struct sm_cell *c)
{
	unsigned char core;
	int got = mincore(withheld_page, 4096, &core);

	return sm_judge(c, got < 0 && errno == ENOMEM, "the creator's page is %s in the child",
			got < 0 ? "not mapped" : "mapped");
}

/* ---- what the kernel keeps of a process's memory ---- */

static int lock_page(struct sm_cell *c)
{
	int err = map_page(c, 0, MAP_PRIVATE, 0);

	if (err || mlock(mapping(c, 0), 4096) < 0)
		return sm_skips(c, SM_F_NONE, "mlock of one page: %s", strerror(errno));
	return sm_holds(c, "locked");
}

static int nothing_locked(struct sm_cell *c)
{
	int64_t kib = sm_status_of(getpid(), "VmLck", 10);

	return sm_judge(c, kib == 0,
			"the creator has locked a page; VmLck of the child is %lld KiB",
			(long long)kib);
}

static int make_undumpable(struct sm_cell *c)
{
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return sm_broken(c, "PR_SET_DUMPABLE: %s", strerror(errno));
	return sm_holds(c, "not dumpable");
}

static int undumpable(struct sm_cell *c)
{
	int dumpable = prctl(PR_GET_DUMPABLE);

	return sm_judge(c, dumpable == 0, "the creator is not dumpable; the child has %d",
			dumpable);
}

static const struct sm_check checks[] = {
	{
		.id = "memory.write.above",
		.row = "G01",
		.claim = "neither parent nor creator sees what a child writes to its memory",
		.source = "fork(2); LTP clone02; POSIX fork 16",
		.level = SM_SHOULD,
		.in_parent = unseen_above,
		.in_creator = show_mark,
		.in_child = write_mark,
	},
	{
		.id = "memory.write.beside",
		.row = "G02",
		.claim = "no sibling sees what a child writes to its memory",
		.source = "fork(2)",
		.level = SM_SHOULD,
		.in_parent = unseen_beside,
		.in_creator = show_mark,
		.in_child = write_mark,
	},
	{
		.id = "memory.map.shared",
		.row = "G15",
		.claim =
			"a mapping that the creator made with MAP_SHARED is shared with its children",
		.source = "mmap(2) MAP_SHARED",
		.level = SM_SHOULD,
		.without = SM_FRESH_IMAGE,
		.in_parent = shared_is_shared,
		.in_creator = map_both,
		.in_child = write_both,
	},
	{
		.id = "memory.map.private",
		.row = "G15",
		.claim = "a mapping that the creator made with MAP_PRIVATE is each child's own",
		.source = "mmap(2) MAP_PRIVATE",
		.level = SM_SHOULD,
		.without = SM_FRESH_IMAGE,
		.in_parent = private_is_private,
		.in_creator = map_both,
		.in_child = write_both,
	},
	{
		.id = "memory.advice.wipe",
		.row = "G09",
		.claim = "a page with MADV_WIPEONFORK reads zero in a child",
		.source = "madvise(2); LTP madvise10",
		.level = SM_SHOULD,
		.needs = SM_NEED(SM_F_MADV_WIPEONFORK),
		.without = SM_FRESH_IMAGE,
		.in_creator = map_wiped,
		.in_child = wiped,
	},
	{
		.id = "memory.advice.withhold",
		.row = "G10",
		.claim = "a page with MADV_DONTFORK is not mapped in a child",
		.source = "madvise(2); linux:kernel/fork.c:dup_mmap",
		.level = SM_SHOULD,
		.needs = SM_NEED(SM_F_MADV_DONTFORK),
		.without = SM_FRESH_IMAGE,
		.in_creator = map_withheld,
		.in_child = withheld,
	},
	{
		.id = "memory.locked",
		.row = "G22",
		.claim = "no memory lock is inherited",
		.source = "mlock(2); POSIX fork 15",
		.level = SM_MUST,
		.in_creator = lock_page,
		.in_child = nothing_locked,
	},
	{
		.id = "memory.undumpable",
		.row = "G13",
		.claim = "children of a creator that is not dumpable are not dumpable",
		.source = "prctl(2) PR_SET_DUMPABLE",
		.level = SM_MUST,
		.fails_with = SM_FRESH_IMAGE,
		.why = "exec sets it anew: " NO_MEMORY,
		.in_creator = make_undumpable,
		.in_child = undumpable,
	},
};

SM_GROUP(memory, "Memory isolation and secrets", checks);
