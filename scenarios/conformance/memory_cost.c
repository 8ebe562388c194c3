/* SPDX-License-Identifier: MIT */
/*
 * memory_cost.c - what memory costs: faults, sharing, and the parent's size.
 */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "memory_util.h"
#include "sys/sys.h"

#define PAGES    256u
#define IDLE_MIB 8u

static size_t page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* Anonymous memory of the smallest pages, every one of them there. NULL: none. */
static void *ballast(size_t bytes)
{
	char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	madvise(at, bytes, MADV_NOHUGEPAGE); /* a kernel without huge pages says EINVAL */
	for (size_t i = 0; i < bytes; i += page_bytes())
		at[i] = 1;
	return at;
}

/* ---- faults ---- */

/* The creator's pages. Global: a clone has them from its creator, a fresh image has none. */
static char *pages;

static int fill_pages(struct sm_cell *c)
{
	pages = ballast(PAGES * page_bytes());
	return pages ? sm_holds(c, "filled") : sm_broken(c, "mmap: %s", strerror(errno));
}

static long minor_faults(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_minflt;
}

static int count_faults(struct sm_cell *c)
{
	const bool cloned = pages;
	const size_t bytes = PAGES * page_bytes();
	long before, faults;

	if (!cloned) {
		pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			     0);
		if (pages == MAP_FAILED)
			return sm_broken(c, "mmap: %s", strerror(errno));
		madvise(pages, bytes, MADV_NOHUGEPAGE);
	}
	before = minor_faults();
	for (size_t i = 0; i < bytes; i += page_bytes())
		((volatile char *)pages)[i] = 2;
	faults = minor_faults() - before;
	/* A sanitizer's shadow takes one for eight of them. */
	return sm_judge(c, faults >= PAGES && faults <= PAGES + PAGES / 4,
			"%u %s pages written, %ld minor faults", PAGES, cloned ? "cloned" : "new",
			faults);
}

/* ---- sharing ---- */

static int fill_idle(struct sm_cell *c)
{
	return ballast((size_t)IDLE_MIB << 20) ? sm_holds(c, "filled")
					       : sm_broken(c, "mmap: %s", strerror(errno));
}

/* KiB behind a key of /proc/self/smaps_rollup; -1: not there. */
static int64_t rollup(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoll(at + strlen(key), NULL, 10) : -1;
}

static int tell_share(struct sm_cell *c)
{
	char text[4096];
	int fd = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	c->answer.n[0] = rollup(text, "\nAnonymous:");
	c->answer.n[1] = rollup(text, "\nPss_Anon:");
	if (sm_child_tell(c, "told"))
		return sm_broken(c, "cannot tell");
	sm_child_await(); /* for end of file: the sibling is to count with it */
	return sm_holds(c, "ended");
}

static int idle_is_shared(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_kid one = { .reaped = true }, two = { .reaped = true };
	struct sm_answer a;
	int err = sm_kid_spawn(c, &one, &req);

	if (!err)
		err = sm_kid_answer(c, &one, &a);
	if (!err)
		err = sm_kid_spawn(c, &two, &req);
	if (!err)
		err = sm_kid_answer(c, &two, &a);
	sm_kid_kill(c, &two);
	sm_kid_kill(c, &one);
	if (err)
		return sm_trouble(c, err, "two siblings");
	if (a.n[0] <= 0 || a.n[1] < 0)
		return sm_skips(c, SM_F_NONE, "this kernel tells no Pss_Anon in smaps_rollup");
	return sm_judge(
		c, 2 * a.n[1] < a.n[0],
		"an idle child beside a sibling has %lld KiB of anonymous memory, its share "
		"of them is %lld KiB",
		(long long)a.n[0], (long long)a.n[1]);
}

/* ---- the parent's size ---- */

#define SPAWNS      9
#define BALLAST_MIB 64u

/* The parent's CPU time, in ns, without its ballast and with it: the least of what was seen. */
struct cost {
	int64_t least[2];
};

static int64_t thread_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void note_cost(struct cost *cost, int with, int64_t began)
{
	int64_t took = thread_cpu_ns() - began;

	if (took < cost->least[with])
		cost->least[with] = took;
}

static long long more_us(const struct cost *cost)
{
	return (cost->least[1] - cost->least[0]) / 1000;
}

static int cost_of_spawn(struct sm_cell *c, const struct sm_req *req, struct cost *cost, int with)
{
	struct sm_kid kid;
	int64_t began = thread_cpu_ns();
	int err = sm_kid_spawn(c, &kid, req);

	note_cost(cost, with, began);
	if (!err)
		err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	return err;
}

/* The yardstick: what does copy the parent's page tables. */
static int cost_of_fork(struct cost *cost, int with)
{
	int64_t began = thread_cpu_ns();
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	note_cost(cost, with, began);
	return pid < 0 ? -errno : sm_wait_child(pid, SM_STEP_MS, NULL);
}

/* Both in turn, and each with and without what a fork would copy. */
static int compare_costs(struct sm_cell *c, void *more, size_t bytes, struct cost *spawn,
			 struct cost *bare)
{
	const struct sm_req req = sm_cell_req(c, NULL);
	int err = 0;

	for (int i = 0; !err && i < 2 * SPAWNS; i++) {
		int with = i & 1;

		if (madvise(more, bytes, with ? MADV_DOFORK : MADV_DONTFORK) < 0)
			return -errno;
		err = cost_of_spawn(c, &req, spawn, with);
		if (!err)
			err = cost_of_fork(bare, with);
	}
	return err;
}

static int size_of_parent(struct sm_cell *c)
{
	const size_t bytes = (size_t)BALLAST_MIB << 20;
	struct cost spawn = { { INT64_MAX, INT64_MAX } }, bare = spawn;
	int err = sm_cell_start(c);
	void *more;

	if (err)
		return sm_trouble(c, err, "start");
	more = ballast(bytes);
	if (!more)
		return sm_broken(c, "no memory for the ballast");
	err = compare_costs(c, more, bytes, &spawn, &bare);
	munmap(more, bytes);
	if (err)
		return sm_trouble(c, err, "spawn");
	if (more_us(&bare) <= 0)
		return sm_broken(c, "even a fork takes no more CPU time of a larger parent");
	return sm_judge(c, 2 * more_us(&spawn) < more_us(&bare),
			"%u MiB to copy cost a spawn %lld us more of the parent's CPU time, and a "
			"bare fork %lld us",
			BALLAST_MIB, more_us(&spawn), more_us(&bare));
}

/* ---- an address space of 16 TiB ---- */

static int reserve(struct sm_cell *c)
{
	void *at = mmap(NULL, (size_t)16 << 40, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return at == MAP_FAILED ? sm_skips(c, SM_F_NONE, "16 TiB: %s", strerror(errno))
				: sm_holds(c, "reserved");
}

static int with_reservation(struct sm_cell *c)
{
	struct sm_answer a;
	int err = sm_kid_ask(c, NULL, &a, NULL);

	return sm_judge(c, !err, "with 16 TiB reserved in the creator, a spawn: %s",
			err ? strerrorname_np(-err) : "done");
}

static const struct sm_check checks[] = {
	{
		.id = "memory.cost.faults",
		.row = "G18",
		.claim = "a child takes one minor fault for each page that it writes first",
		.source = "linux:mm/memory.c:do_wp_page, do_anonymous_page",
		.level = SM_SHOULD,
		.in_creator = fill_pages,
		.in_child = count_faults,
	},
	{
		.id = "memory.cost.share",
		.row = "G19",
		.claim = "an idle child shares its anonymous memory: Pss_Anon is below half of it",
		.source = "proc(5) smaps_rollup; linux:fs/proc/task_mmu.c",
		.level = SM_SHOULD,
		.fails_with = SM_FRESH_IMAGE,
		.why = "an exec'd child has built its memory by itself, and shares files alone",
		.in_parent = idle_is_shared,
		.in_creator = fill_idle,
		.in_child = tell_share,
	},
	{
		.id = "memory.cost.parent",
		.row = "G20",
		.claim = "a spawn costs a large parent no more than a small one",
		.source = "vfork(2); linux:mm/memory.c:copy_page_range",
		.level = SM_SHOULD,
		.fails_with = SM_PARENT_LOADS,
		.why = "fork copies the parent's page tables",
		.in_parent = size_of_parent,
	},
	{
		.id = "memory.cost.reservation",
		.row = "G23",
		.claim = "a creator with 16 TiB of reserved addresses can be cloned",
		.source = "LTP fork14; linux:kernel/fork.c:dup_mmap",
		.level = SM_RECORD,
		.only = SM_PARENT_LOADS,
		.in_parent = with_reservation,
		.in_creator = reserve,
	},
};

SM_GROUP_AS(memory_cost, "memory", "Memory isolation and secrets", checks);
