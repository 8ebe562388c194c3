/* SPDX-License-Identifier: MIT */
/*
 * memory_end.c - memory that ends badly: a child that dumps core, one that the kernel kills for
 * memory, and a page that was pinned before it was shared.
 */
#include "group.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup_util.h"
#include "isolation/canary.h"
#include "sys/sys.h"

/* ---- core dumps ---- */

/* On the board: the mask, then the canaries of the page that is dumped and of the one that is not,
 * both masked. */
enum { MASK = 0, DUMPED = 2, WITHHELD = 4 };

static int plant_page(struct sm_cell *c, int at, int advice)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED || (advice && madvise(page, 4096, advice) < 0))
		return -errno;
	if (sm_canary_make(page + 2048))
		return -EIO;
	sm_canary_mask(&c->board->n[at], page + 2048,
		       (const struct sm_masked *)(const void *)&c->board->n[MASK]);
	return 0;
}

static int plant_pages(struct sm_cell *c)
{
	int err = sm_random_bytes(&c->board->n[MASK], SM_CANARY_BYTES);

	if (!err)
		err = plant_page(c, DUMPED, 0);
	if (!err)
		err = plant_page(c, WITHHELD, MADV_DONTDUMP);
	return err ? sm_broken(c, "pages: %s", strerror(-err)) : sm_holds(c, "planted");
}

static int dump_core(struct sm_cell *c)
{
	struct rlimit limit;

	getrlimit(RLIMIT_CORE, &limit);
	limit.rlim_cur = limit.rlim_max;
	if (!limit.rlim_max || setrlimit(RLIMIT_CORE, &limit) < 0)
		return sm_skips(c, SM_F_CORE_DUMP, "RLIMIT_CORE is 0 for good");
	sm_child_tell(c, "dumps core");
	signal(SIGABRT, SIG_DFL);
	abort();
}

/* The one file of the directory, mapped; its name is left for the caller to unlink. */
static const char *map_core(const char *dir, size_t *bytes)
{
	DIR *d = opendir(dir);
	struct stat st = { .st_size = 0 };
	char path[512];
	void *at = MAP_FAILED;

	*bytes = 0;
	if (!d)
		return NULL;
	for (const struct dirent *e; (e = readdir(d));) {
		int fd;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && !fstat(fd, &st) && st.st_size)
			at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (fd >= 0)
			close(fd);
		unlink(path);
	}
	closedir(d);
	*bytes = (size_t)st.st_size;
	return at == MAP_FAILED ? NULL : at;
}

static int search_core(struct sm_cell *c, const char *dir)
{
	const struct sm_masked *kept = (const struct sm_masked *)(const void *)c->board->n;
	size_t bytes;
	const char *core = map_core(dir, &bytes);
	bool dumped, withheld;

	if (!core)
		return sm_skips(c, SM_F_CORE_DUMP, "no core file in the child's directory");
	dumped = sm_canary_find(core, bytes, &kept[DUMPED / 2], &kept[MASK / 2]) >= 0;
	withheld = sm_canary_find(core, bytes, &kept[WITHHELD / 2], &kept[MASK / 2]) < 0;
	munmap((void *)(uintptr_t)core, bytes);
	if (!dumped)
		return sm_broken(c, "the core of %zu KiB has not even the page without advice",
				 bytes / 1024);
	return sm_judge(c, withheld,
			"the child's core of %zu KiB has the creator's page, and that with "
			"MADV_DONTDUMP %s",
			bytes / 1024, withheld ? "not" : "too");
}

static int core_is_discreet(struct sm_cell *c)
{
	char dir[256];
	struct sm_answer a = { 0 };
	struct sm_req req = sm_cell_req(c, NULL);
	int err;

	snprintf(dir, sizeof(dir), "%s/sm-core-XXXXXX", sm_temp_dir());
	if (!mkdtemp(dir))
		return sm_broken(c, "mkdtemp: %s", strerror(errno));
	req.cwd = dir;
	err = sm_kid_ask_req(c, &req, &a, NULL);
	if (err)
		sm_trouble(c, err, "a child that dumps core");
	else if (a.observed == SM_SKIPS)
		sm_skips(c, SM_F_CORE_DUMP, "%.900s", a.text);
	else
		search_core(c, dir);
	rmdir(dir);
	return c->observed;
}

/* ---- out of memory ---- */

#define LIMIT_BYTES "16777216"
#define WANT_BYTES  ((size_t)64 << 20)

/* A group with that limit. 0 or -errno, and then there is none. */
static int make_group(struct sm_group *group)
{
	int err = sm_group_make(group, "memory");

	if (err)
		return err;
	err = sm_group_put(group, group->v2 ? "memory.max" : "memory.limit_in_bytes", LIMIT_BYTES);
	if (err)
		sm_group_drop(group);
	else /* files of a kernel without swap accounting are not there */
		sm_group_put(group, group->v2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes",
			     group->v2 ? "0" : LIMIT_BYTES);
	return err;
}

/* In the group that it is told, it takes more than there is; told nothing, it waits. */
static int eat(struct sm_cell *c)
{
	struct sm_group group;
	char *at;
	int err;

	if (!c->arg[0]) {
		if (sm_child_tell(c, "lives"))
			return sm_broken(c, "cannot tell");
		sm_child_await();
		return sm_holds(c, "lived");
	}
	snprintf(group.dir, sizeof(group.dir), "%s", c->arg);
	err = sm_group_enter(&group, 0);
	if (err)
		return sm_broken(c, "cgroup.procs: %s", strerror(-err));
	at = mmap(NULL, WANT_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return sm_broken(c, "mmap: %s", strerror(errno));
	for (size_t i = 0; i < WANT_BYTES; i += 4096)
		((volatile char *)at)[i] = 1;
	return sm_fails(c, "the child has more than its group's limit");
}

/* A sibling lives before and after; a third child can be made. */
static int killed_alone(struct sm_cell *c, const char *dir)
{
	const struct sm_req quiet = sm_cell_req(c, NULL), hungry = sm_cell_req(c, dir);
	struct sm_kid sibling = { .reaped = true }, kid = { .reaped = true };
	struct sm_kid next = { .reaped = true };
	struct sm_answer a;
	int err = sm_kid_spawn(c, &sibling, &quiet), after;

	if (!err)
		err = sm_kid_answer(c, &sibling, &a);
	if (!err)
		err = sm_kid_spawn(c, &kid, &hungry);
	if (!err)
		err = sm_kid_wait(c, &kid);
	after = err ? err : sm_kid_spawn(c, &next, &quiet);
	if (!after)
		after = sm_kid_answer(c, &next, &a);
	if (!after)
		after = sm_kid_wait(c, &next);
	if (!after)
		after = sm_kid_wait(c, &sibling);
	sm_kid_kill(c, &next);
	sm_kid_kill(c, &kid);
	sm_kid_kill(c, &sibling);
	if (err)
		return sm_trouble(c, err, "a child beyond its limit");
	return sm_judge(
		c, kid.exit.status == SIGKILL && !after && !sibling.exit.status,
		"64 MiB in a group of 16 MiB: wait status %d; a sibling and the next child: %s",
		kid.exit.status, after ? strerrorname_np(-after) : "live");
}

static int out_of_memory(struct sm_cell *c)
{
	struct sm_group group;
	int err = make_group(&group);

	if (err)
		return sm_skips(c, SM_F_CGROUP_MEMORY, "a group with a limit: %s", strerror(-err));
	killed_alone(c, group.dir);
	sm_group_drop(&group);
	return c->observed;
}

/* ---- a pinned page ---- */

/* The page, which a child sends into a pipe. Global: the clone has to find it again. */
static char *pinned;

/* The creator's thread: writes the page again when the child has let go of it. */
static void *write_later(void *arg)
{
	struct sm_board *board = arg;

	if (!sm_board_wait(&board->word[0], 0, SM_CHECK_MS) && board->word[0] == 1)
		memset(pinned, 'B', 4096);
	sm_board_post(&board->word[1]);
	return NULL;
}

static int prepare_page(struct sm_cell *c)
{
	pthread_t thread;
	int err;

	pinned = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pinned == MAP_FAILED)
		return sm_broken(c, "mmap: %s", strerror(errno));
	memset(pinned, 'A', 4096);
	err = pthread_create(&thread, NULL, write_later, c->board);
	if (err)
		return sm_broken(c, "no thread: %s", strerror(err));
	c->board->n[0] = (int64_t)thread;
	return sm_holds(c, "ready");
}

static int pin_and_let_go(struct sm_cell *c)
{
	struct iovec page = { pinned, 4096 };
	struct sm_board *board = sm_board(c);
	char got[16] = "";
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0 || vmsplice(ends[1], &page, 1, 0) != 4096)
		return sm_broken(c, "vmsplice: %s", strerror(errno));
	munmap(pinned, 4096);
	sm_board_post(&board->word[0]);
	if (sm_board_wait(&board->word[1], 0, SM_STEP_MS))
		return sm_broken(c, "the creator does not write");
	if (read(ends[0], got, sizeof(got)) != sizeof(got))
		return sm_broken(c, "read: %s", strerror(errno));
	return sm_judge(c, got[0] == 'A',
			"the child pinned a page with A and let go of it; the creator wrote B; the "
			"child reads %c",
			got[0]);
}

static int pinned_is_old(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);

	sm_kid_verdict(c, &req);
	if (c->board && c->board->creator_pid == getpid()) {
		sm_board_post(&c->board->word[0]); /* should it still wait */
		pthread_join((pthread_t)c->board->n[0], NULL);
	}
	return c->observed;
}

static const struct sm_check checks[] = {
	{
		.id = "memory.core",
		.row = "G26",
		.claim = "a child's core dump leaves out what its creator marked MADV_DONTDUMP",
		.source = "madvise(2) MADV_DONTDUMP; core(5)",
		.level = SM_SHOULD,
		.needs = SM_NEED(SM_F_CORE_DUMP) | SM_NEED(SM_F_MADV_DONTDUMP),
		.without = SM_FRESH_IMAGE,
		.in_parent = core_is_discreet,
		.in_creator = plant_pages,
		.in_child = dump_core,
	},
	{
		.id = "memory.oom",
		.row = "G28",
		.claim = "the kernel kills a child beyond its memory limit, and nobody else",
		.source = "linux:mm/oom_kill.c:__oom_kill_process",
		.level = SM_SHOULD,
		.needs = SM_NEED(SM_F_CGROUP_MEMORY),
		.in_parent = out_of_memory,
		.in_child = eat,
	},
	{
		.id = "memory.pinned",
		.row = "G25",
		.claim =
			"a child that pinned a page before it let go of it never sees later writes",
		.source = "CVE-2020-29374; linux:mm/memory.c:wp_can_reuse_anon_folio",
		.level = SM_RECORD,
		.without = SM_FRESH_IMAGE,
		.in_parent = pinned_is_old,
		.in_creator = prepare_page,
		.in_child = pin_and_let_go,
	},
};

SM_GROUP_AS(memory_end, "memory", "Memory isolation and secrets", checks);
