/* SPDX-License-Identifier: MIT */
/*
 * memory_reach.c - what siblings can reach of one another's memory and descriptors, and of their
 * creator's.
 */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "memory_util.h"

#define NOBODY 65534

/* ---- a sibling's memory ---- */

/* By raw calls: libc's would signal threads that a clone has not. 0 or -errno. */
static int become(int uid)
{
	if (uid < 0)
		return 0;
	if (syscall(SYS_setresgid, uid, uid, uid) < 0 || syscall(SYS_setresuid, uid, uid, uid) < 0)
		return -errno;
	return 0;
}

/* "hold UID DUMPABLE": becomes it, tells where its word is, and waits. */
static int hold_still(struct sm_cell *c, int uid, int dumpable)
{
	static volatile int64_t word = 42; /* of the image, like any program's data */
	int err = become(uid);

	if (!err && prctl(PR_SET_DUMPABLE, dumpable) < 0)
		err = -errno;
	if (err)
		return sm_broken(c, "cannot become %d: %s", uid, strerror(-err));
	c->answer.n[0] = (int64_t)(uintptr_t)&word;
	if (sm_child_tell(c, "ready"))
		return sm_broken(c, "cannot tell");
	sm_child_await();
	return sm_holds(c, "held");
}

static int get_descriptor(pid_t pid, int fd)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), got, err;

	if (pidfd < 0)
		return -errno;
	got = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	err = got < 0 ? -errno : 0;
	if (got >= 0)
		close(got);
	close(pidfd);
	return err;
}

/* "read UID PID ADDR": becomes it and tries. */
static int attack(struct sm_cell *c, int uid, int pid, uint64_t addr)
{
	int64_t word = 0;
	int err = become(uid);

	if (err)
		return sm_broken(c, "cannot become %d: %s", uid, strerror(-err));
	err = sm_read_word(pid, addr, &word);
	c->answer.n[0] = !err && word != 42 ? -EIO : err;
	c->answer.n[1] = get_descriptor(pid, STDIN_FILENO);
	return sm_holds(c, "tried");
}

static int hold_or_attack(struct sm_cell *c)
{
	unsigned long long addr;
	int uid, second;

	if (sscanf(c->arg, "hold %d %d", &uid, &second) == 2)
		return hold_still(c, uid, second);
	if (sscanf(c->arg, "read %d %d %llx", &uid, &second, &addr) == 3)
		return attack(c, uid, second, addr);
	return sm_broken(c, "told to do \"%s\"", c->arg);
}

/* One sibling holds still, another attacks it: what it got is in answer. 0 or -errno. */
static int beside(struct sm_cell *c, int uid, int dumpable, int attacker, struct sm_answer *answer)
{
	char arg[80];
	struct sm_req req;
	struct sm_kid victim;
	int err;

	snprintf(arg, sizeof(arg), "hold %d %d", uid, dumpable);
	req = sm_cell_req(c, arg);
	err = sm_kid_spawn(c, &victim, &req);
	if (!err)
		err = sm_kid_answer(c, &victim, answer);
	if (!err) {
		snprintf(arg, sizeof(arg), "read %d %d %llx", attacker, victim.child.pid,
			 (unsigned long long)answer->n[0]);
		err = sm_kid_ask(c, arg, answer, NULL);
	}
	if (!err)
		err = sm_kid_wait(c, &victim); /* end of file on its stdin */
	sm_kid_kill(c, &victim);
	return err;
}

static const char *name_of(int64_t err)
{
	return err ? strerrorname_np((int)-err) : "done";
}

static int same_user(struct sm_cell *c)
{
	struct sm_answer a;
	int err = beside(c, -1, 1, -1, &a);

	if (err)
		return sm_trouble(c, err, "two siblings");
	return sm_judge(c, !a.n[0] && !a.n[1],
			"a sibling of the same user: process_vm_readv: %s, pidfd_getfd: %s",
			name_of(a.n[0]), name_of(a.n[1]));
}

static int other_user(struct sm_cell *c)
{
	struct sm_answer a;
	int err = beside(c, -1, 1, NOBODY, &a);

	if (err)
		return sm_trouble(c, err, "two siblings");
	return sm_judge(c, a.n[0] == -EPERM && a.n[1] == -EPERM,
			"user %d on a sibling of root: process_vm_readv: %s, pidfd_getfd: %s",
			NOBODY, name_of(a.n[0]), name_of(a.n[1]));
}

static int not_dumpable(struct sm_cell *c)
{
	struct sm_answer open, shut;
	int err = beside(c, NOBODY, 1, NOBODY, &open);

	if (!err)
		err = beside(c, NOBODY, 0, NOBODY, &shut);
	if (err)
		return sm_trouble(c, err, "two siblings");
	if (open.n[0])
		return sm_skips(c, SM_F_YAMA, "even a dumpable sibling cannot be read: %s",
				name_of(open.n[0]));
	return sm_judge(c, shut.n[0] == -EPERM && shut.n[1] == -EPERM,
			"user %d on a sibling of the same user that is not dumpable: "
			"process_vm_readv: %s, pidfd_getfd: %s; dumpable: %s, %s",
			NOBODY, name_of(shut.n[0]), name_of(shut.n[1]), name_of(open.n[0]),
			name_of(open.n[1]));
}

/* ---- the creator's ---- */

static int open_one(struct sm_cell *c)
{
	int fd = memfd_create("of-the-creator", MFD_CLOEXEC);

	if (fd < 0)
		return sm_broken(c, "memfd_create: %s", strerror(errno));
	c->board->n[1] = fd;
	return sm_holds(c, "opened");
}

static int reopen(struct sm_cell *c)
{
	const struct sm_board *board = sm_board(c);
	char path[64];
	int by_pidfd = get_descriptor(board->creator_pid, (int)board->n[1]), by_path, fd;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", board->creator_pid, (int)board->n[1]);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	by_path = fd < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	return sm_judge(
		c, by_pidfd && by_path,
		"a descriptor of the creator, from its child: pidfd_getfd: %s, /proc/PID/fd: "
		"%s",
		name_of(by_pidfd), name_of(by_path));
}

static int reopened(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);

	sm_kid_verdict(c, &req);
	if (c->board && c->board->creator_pid == getpid())
		close((int)c->board->n[1]);
	return c->observed;
}

static int map_secret(struct sm_cell *c)
{
	int fd = (int)syscall(SYS_memfd_secret, 0);
	int64_t *page;

	if (fd < 0)
		return sm_skips(c, SM_F_MEMFD_SECRET, "memfd_secret: %s", strerror(errno));
	if (ftruncate(fd, 4096) < 0)
		return sm_broken(c, "ftruncate: %s", strerror(errno));
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (page == MAP_FAILED)
		return sm_skips(c, SM_F_MEMFD_SECRET, "mmap: %s", strerror(errno));
	*page = 42;
	c->board->n[0] = (int64_t)(uintptr_t)page;
	return sm_holds(c, "mapped");
}

static int read_secret(struct sm_cell *c)
{
	c->answer.n[0] = *(const int64_t *)(uintptr_t)sm_board(c)->n[0];
	return sm_holds(c, "read %lld", (long long)c->answer.n[0]);
}

static int secret_mapping(struct sm_cell *c)
{
	struct sm_answer a;
	int64_t word = 0;
	int err = sm_kid_ask(c, NULL, &a, NULL), outside;

	if (err)
		return sm_trouble(c, err, "a child");
	outside = sm_read_word(c->board->creator_pid, (uint64_t)c->board->n[0], &word);
	return sm_judge(
		c, a.n[0] == 42 && outside == -EFAULT,
		"a page of memfd_secret: the child reads %lld of 42; process_vm_readv on its "
		"creator: %s",
		(long long)a.n[0], name_of(outside));
}

static const struct sm_check checks[] = {
	{
		.id = "memory.reach.same-user",
		.row = "G12",
		.claim = "a child can read memory and take descriptors of a sibling of its user",
		.source = "ptrace(2), ptrace access mode; pidfd_getfd(2)",
		.level = SM_RECORD,
		.needs = SM_NEED(SM_F_PIDFD_GETFD),
		.in_parent = same_user,
		.in_child = hold_or_attack,
	},
	{
		.id = "memory.reach.other-user",
		.row = "G12",
		.claim = "a child that became another user cannot read a sibling's memory or "
			 "descriptors",
		.source = "ptrace(2), ptrace access mode; pidfd_getfd(2)",
		.level = SM_SHOULD,
		.needs = SM_NEED(SM_F_ROOT) | SM_NEED(SM_F_PIDFD_GETFD),
		.in_parent = other_user,
		.in_child = hold_or_attack,
	},
	{
		.id = "memory.reach.undumpable",
		.row = "G13",
		.claim = "a sibling of the same user that is not dumpable cannot be read",
		.source = "prctl(2) PR_SET_DUMPABLE; selftests pidfd_getfd: disable_ptrace",
		.level = SM_SHOULD,
		.needs = SM_NEED(SM_F_ROOT) | SM_NEED(SM_F_PIDFD_GETFD),
		.in_parent = not_dumpable,
		.in_child = hold_or_attack,
	},
	{
		.id = "memory.reach.creator",
		.row = "G29",
		.claim = "a child cannot open its creator's descriptors again",
		.source = "pidfd_getfd(2); proc(5)",
		.level = SM_RECORD,
		.needs = SM_NEED(SM_F_PIDFD_GETFD),
		.in_parent = reopened,
		.in_creator = open_one,
		.in_child = reopen,
	},
	{
		.id = "memory.secretmem",
		.row = "G11",
		.claim = "a clone can read its creator's memfd_secret, and nobody from outside",
		.source = "memfd_secret(2)",
		.level = SM_RECORD,
		.needs = SM_NEED(SM_F_MEMFD_SECRET),
		.without = SM_FRESH_IMAGE,
		.in_parent = secret_mapping,
		.in_creator = map_secret,
		.in_child = read_secret,
	},
};

SM_GROUP_AS(memory_reach, "memory", "Memory isolation and secrets", checks);
